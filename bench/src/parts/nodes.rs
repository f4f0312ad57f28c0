//! What a warm session check costs where the sessions are in PostgreSQL or Redis.

use anyhow::Result;
use lockjar_testing::{Postgres, Redis};

use super::{Bench, apart, runner::Runner};
use crate::{
    accounts,
    ratio::Spread,
    report::{Bar, Figure, Section},
    servers::Launch,
};

const RATE: Bar = Bar::AtLeast(0.97);
const CONNECTIONS: usize = 32;

const METHOD: &str = "`GET /protected` as in the first table, on three servers in turns: SQLite, PostgreSQL, and PostgreSQL \
    with sessions in Redis, each with every default. Databases run on this machine too. The caches are warm, so what is \
    compared is what following another feed costs.";

pub(super) fn measure(bench: &Bench) -> Result<Section> {
    let folder = bench.folder()?;
    let (postgres, redis) = (Postgres::start(), Redis::start());
    let (alone, beside) = (postgres.database("alone"), postgres.database("beside"));
    let start = |name, launch: Launch| -> Result<Runner> {
        let server = launch.placed(apart().0).start()?;
        let accounts = accounts::sign_up(server.address, CONNECTIONS)?;
        let requests = accounts::visits(server.address, &accounts);
        Ok(Runner::new(name, server, requests))
    };
    let sessions = redis.url();
    let with_redis = ["--sessions", sessions.as_str()];
    let mut runners = [
        start("SQLite", Launch::lockjar(folder.path())?)?,
        start(
            "PostgreSQL",
            Launch::lockjar_on(&alone, &[], folder.path())?,
        )?,
        start(
            "Redis",
            Launch::lockjar_on(&beside, &with_redis, folder.path())?,
        )?,
    ];
    runners.iter_mut().try_for_each(Runner::round)?;
    runners.iter_mut().for_each(Runner::forget);
    for _ in 0..bench.either(15, 3) {
        runners.iter_mut().try_for_each(Runner::round)?;
    }
    let [sqlite, postgres, redis] = &runners;
    let ratio = |name: &str, runner: &Runner| {
        let value = Spread::of_ratios(&runner.rate, &sqlite.rate);
        Figure::held_to(RATE, format!("Requests/s, {name} ÷ SQLite"), "", value)
    };
    let mut figures = vec![ratio("PostgreSQL", postgres), ratio("Redis", redis)];
    figures.extend(runners.iter().flat_map(Runner::figures));
    Ok(Section {
        part: "nodes",
        title: "A protected route on PostgreSQL and Redis",
        method: METHOD.into(),
        figures,
        chart: None,
    })
}
