//! What a database hears of a node on which much is asked and nothing ends.

use std::{thread, time::Duration};

use anyhow::{Context, Result};
use lockjar_testing::Postgres;

use super::Bench;
use crate::{
    filled, http,
    load::{Arrivals, Plan},
    ratio::Spread,
    report::{Bar, Figure, Section, grouped},
    servers::{Launch, Placement},
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
    let seconds = bench.either(40, 12) as f64;
    let plan = |tokens: &[String], arrivals| Plan {
        address: server.address,
        requests: tokens
            .iter()
            .map(|token| {
                http::get(
                    server.address,
                    "/protected",
                    Some(&format!("session={token}")),
                )
            })
            .collect(),
        arrivals,
        may_shed: false,
    };
    // Every session once, so that the cache is warm; each is noted as used, as it is once a minute.
    for tokens in tokens.chunks(CONNECTIONS) {
        let requests = 2 * tokens.len() as u64;
        plan(tokens, Arrivals::Count { requests }).run(Placement::Anywhere)?;
    }
    thread::sleep(Duration::from_secs(1));
    postgres.query("lockjar", "SELECT pg_stat_statements_reset()");
    let arrivals = Arrivals::Open {
        rate: RATE,
        seconds,
        seed: 1,
    };
    let outcome = plan(&tokens[..CONNECTIONS], arrivals).run(Placement::Anywhere)?;
    let calls = postgres.query(
        "lockjar",
        "SELECT sum(calls) FROM pg_stat_statements WHERE query NOT LIKE '%pg_stat_statements%'",
    );
    let calls: f64 = calls.trim().parse().context("no number of calls")?;
    let method = format!(
        "`GET /protected` at {} requests a second (open loop) for {seconds} s on one server, {} sessions in its cache, last \
         uses written down meanwhile. Counted are all statements that PostgreSQL saw (`pg_stat_statements`), `BEGIN`, `SET` and \
         `COMMIT` included.",
        grouped(RATE as usize),
        grouped(SESSIONS),
    );
    Ok(Section {
        part: "quiet",
        title: "What the database hears when nothing ends",
        method,
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
