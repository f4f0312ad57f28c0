//! What a database hears of a node on which much is asked and nothing ends.

use std::{thread, time::Duration};

use anyhow::{Context, Result};
use lockjar_testing::Postgres;

use super::Bench;
use crate::{
    filled, http,
    load::{Arrivals, Outcome, Plan},
    ratio::Spread,
    report::{Bar, Figure, Section, grouped},
    servers::{Launch, Placement, Server},
};

const QUERIES: Bar = Bar::AtMost(5.0);
const RATE: f64 = 10_000.0;
const SESSIONS: usize = 1_000;
const CONNECTIONS: usize = 100;

pub(super) fn measure(bench: &Bench) -> Result<Section> {
    let folder = bench.folder()?;
    let postgres = Postgres::start_with(&["shared_preload_libraries=pg_stat_statements"]);
    let url = postgres.url();
    let runtime = tokio::runtime::Runtime::new()?;
    let tokens = runtime.block_on(filled::postgres(&url, SESSIONS))?;
    let server = Launch::lockjar_on(&url, &["--cookie-name", "session"], folder.path())?.start()?;
    postgres.query("lockjar", "CREATE EXTENSION pg_stat_statements");
    // Every session once, so that the cache is warm; each is noted as used, as it is once a minute.
    for tokens in tokens.chunks(CONNECTIONS) {
        let requests = 2 * tokens.len() as u64;
        visits(&server, tokens, Arrivals::Count { requests })?;
    }
    thread::sleep(Duration::from_secs(1));
    postgres.query("lockjar", "SELECT pg_stat_statements_reset()");
    let seconds = bench.either(40, 12) as f64;
    let arrivals = Arrivals::Open {
        rate: RATE,
        seconds,
        seed: 1,
    };
    let outcome = visits(&server, &tokens[..CONNECTIONS], arrivals)?;
    let calls = postgres.query(
        "lockjar",
        "SELECT sum(calls) FROM pg_stat_statements WHERE query NOT LIKE '%pg_stat_statements%'",
    );
    let calls: f64 = calls.trim().parse().context("no number of calls")?;
    Ok(Section {
        part: "quiet",
        title: "What the database hears when nothing ends",
        method: method(seconds),
        figures: vec![
            Figure::held_to(
                QUERIES,
                "Statements of one node",
                "/s",
                Spread::of([calls / outcome.seconds]),
            ),
            Figure::plain("Requests checked", "/s", Spread::of([outcome.rate()])),
            Figure::plain("p99", "µs", Spread::of([outcome.latency.p99])),
        ],
        chart: None,
    })
}

fn method(seconds: f64) -> String {
    format!(
        "`GET /protected` at {} requests a second (open loop) for {seconds} s on one server, {} sessions in its cache, last \
         uses written down meanwhile. Counted are all statements that PostgreSQL saw (`pg_stat_statements`), `BEGIN`, `SET` and \
         `COMMIT` included.",
        grouped(RATE as usize),
        grouped(SESSIONS),
    )
}

fn visits(server: &Server, tokens: &[String], arrivals: Arrivals) -> Result<Outcome> {
    let visit = |token| {
        let cookie = format!("session={token}");
        http::get(server.address, "/protected", Some(&cookie))
    };
    let plan = Plan {
        address: server.address,
        requests: tokens.iter().map(visit).collect(),
        arrivals,
        may_shed: false,
    };
    plan.run(Placement::Anywhere)
}
