//! How long what has ended on one node is still accepted on another.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use lockjar_testing::{PgBouncer, Postgres};

use super::Bench;
use crate::{
    accounts,
    http::{self, Connection},
    ratio::Spread,
    report::{Bar, Figure, Section},
    servers::{Launch, Server},
};

const MEDIAN: Bar = Bar::AtMost(10.0);
const P99: Bar = Bar::AtMost(100.0);
/// The default `staleness`.
const MAXIMUM: Bar = Bar::AtMost(1000.0);
/// A session that goes on after this long will go on for ever.
const PATIENCE: Duration = Duration::from_secs(10);

const METHOD: &str = "Two servers on one PostgreSQL, both with the session in their caches. `POST /logout` on one; from its \
    answer on the other is asked `GET /protected` again and again. The time is from the answer to the sending of the first \
    request that was refused. With the wake connection, and through PgBouncer in transaction mode without one, where a node \
    hears at its next look.";

pub(super) fn measure(bench: &Bench) -> Result<Section> {
    let folder = bench.folder()?;
    let postgres = Postgres::start();
    let (direct, pooler) = (postgres.database("direct"), PgBouncer::start(&postgres));
    postgres.query("postgres", "CREATE DATABASE pooled");
    let pooled = pooler.url_of("pooled");
    let start = |url: &str| -> Result<[Server; 2]> {
        let launch = || Launch::lockjar_on(url, &["--cookie-name", "session"], folder.path());
        Ok([launch()?.start()?, launch()?.start()?])
    };
    let woken = times(&start(&direct)?, bench.either(500, 40))?;
    let alone = times(&start(&pooled)?, bench.either(200, 20))?;
    let figures = vec![
        Figure::held_to(
            MEDIAN,
            "Refused elsewhere, woken: median",
            "ms",
            Spread::of(woken.iter().copied()),
        ),
        Figure::held_to(
            P99,
            "Woken: p99",
            "ms",
            Spread::of([quantile(&woken, 0.99)]),
        ),
        Figure::held_to(MAXIMUM, "Woken: the longest", "ms", longest(&woken)),
        Figure::plain(
            "Through a pooler alone: median",
            "ms",
            Spread::of(alone.iter().copied()),
        ),
        Figure::held_to(
            MAXIMUM,
            "Through a pooler alone: the longest",
            "ms",
            longest(&alone),
        ),
    ];
    Ok(Section {
        part: "revocation",
        title: "A revocation on another node",
        method: METHOD.into(),
        figures,
        chart: None,
    })
}

fn longest(times: &[f64]) -> Spread {
    Spread::of([times.iter().copied().fold(f64::NAN, f64::max)])
}

/// Of values in any order.
fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let index = ((sorted.len() as f64 * share).ceil() as usize).clamp(1, sorted.len());
    sorted[index - 1]
}

/// Milliseconds, of so many revocations.
fn times(nodes: &[Server; 2], count: usize) -> Result<Vec<f64>> {
    let [here, there] = nodes.each_ref().map(|node| node.address);
    accounts::sign_up(here, 1)?;
    (0..count).map(|_| time(here, there)).collect()
}

fn time(here: SocketAddr, there: SocketAddr) -> Result<f64> {
    let cookie = accounts::log_in(here, 0)?;
    let mut connections = [Connection::open(here)?, Connection::open(there)?];
    let visit = http::get(there, "/protected", Some(&cookie));
    for (connection, address) in connections.iter_mut().zip([here, there]) {
        let visit = http::get(address, "/protected", Some(&cookie));
        ensure!(
            status(connection, &visit)? == 200,
            "the session is not good everywhere"
        );
    }
    let log_out = http::post(here, "/logout", "").replacen(
        "accept:",
        &format!("cookie: {cookie}\r\naccept:"),
        1,
    );
    ensure!(
        status(&mut connections[0], &log_out)? == 200,
        "the log-out failed"
    );
    let acknowledged = Instant::now();
    loop {
        let asked = acknowledged.elapsed();
        match status(&mut connections[1], &visit)? {
            401 => return Ok(asked.as_secs_f64() * 1e3),
            200 => ensure!(asked < PATIENCE, "a session outlives its end"),
            other => ensure!(false, "the other node answered {other}"),
        }
    }
}

fn status(connection: &mut Connection, request: &str) -> Result<u16> {
    connection.send(request)?;
    Ok(connection.receive().context("no answer")?.status)
}
