//! What a log-in costs beyond its password hash.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow};
use argon2::{Algorithm, Argon2, Block, Params, Version};

use super::{Bench, cores};
use crate::{
    accounts, cpu,
    load::{Arrivals, Plan},
    ratio::Spread,
    report::{Bar, Figure, Section},
    servers::{Launch, Placement, Server},
};

const RATE: Bar = Bar::AtLeast(0.90);
const ACCOUNTS: usize = 8;
const SECONDS: f64 = 3.0;

const METHOD: &str = "`POST /login` of 8 accounts, 8 requests under way at a time, through `lockjar serve` with every \
    default (each log-in is a hash, a new row in SQLite, a sync to disk and a cookie), in turns with the same argon2 crate \
    alone: m = 19,456 KiB, t = 2, p = 1, as many threads as cores, each keeping its memory.";

pub(super) fn measure(bench: &Bench) -> Result<Section> {
    let folder = bench.folder()?;
    let server = Launch::lockjar(folder.path())?.start()?;
    let accounts = accounts::sign_up(server.address, ACCOUNTS)?;
    let plan = Plan {
        address: server.address,
        requests: accounts::log_ins(server.address, &accounts),
        arrivals: Arrivals::Closed { seconds: SECONDS },
        may_shed: false,
    };
    let (mut log_ins, mut hashes) = (Vec::new(), Vec::new());
    for _ in 0..bench.either(10, 2) {
        hashes.push(hash_on_every_core()?);
        log_ins.push(log_in(&server, &plan)?);
    }
    Ok(Section {
        part: "logins",
        title: "Log-ins",
        method: METHOD.into(),
        figures: figures(&log_ins, &hashes),
        chart: None,
    })
}

struct Round {
    rate: f64,
    /// Milliseconds for each.
    cpu: f64,
}

fn figures(log_ins: &[Round], hashes: &[Round]) -> Vec<Figure> {
    let rates = |rounds: &[Round]| rounds.iter().map(|it| it.rate).collect::<Vec<_>>();
    let cpus = |rounds: &[Round]| rounds.iter().map(|it| it.cpu).collect::<Vec<_>>();
    vec![
        Figure::held_to(
            RATE,
            "Log-ins/s ÷ raw Argon2id/s",
            "",
            Spread::of_ratios(&rates(log_ins), &rates(hashes)),
        ),
        Figure::plain(
            "CPU of a log-in ÷ of a raw hash",
            "",
            Spread::of_ratios(&cpus(log_ins), &cpus(hashes)),
        ),
        Figure::plain("Log-ins", "/s", Spread::of(rates(log_ins))),
        Figure::plain("Raw Argon2id", "/s", Spread::of(rates(hashes))),
        Figure::plain("CPU of a log-in", "ms", Spread::of(cpus(log_ins))),
        Figure::plain("CPU of a raw hash", "ms", Spread::of(cpus(hashes))),
    ]
}

fn log_in(server: &Server, plan: &Plan) -> Result<Round> {
    let before = cpu::of(server.pid())?;
    let outcome = plan.run(Placement::Anywhere)?;
    let cpu = (cpu::of(server.pid())? - before).as_secs_f64();
    Ok(Round {
        rate: outcome.rate(),
        cpu: cpu * 1e3 / outcome.answered as f64,
    })
}

fn hash_on_every_core() -> Result<Round> {
    let (cpu_before, start) = (cpu::own(), Instant::now());
    let threads: Vec<_> = (0..cores())
        .map(|_| thread::spawn(hash_for_a_while))
        .collect();
    let mut hashes = 0.0;
    for thread in threads {
        hashes += thread
            .join()
            .map_err(|_| anyhow!("a hashing thread panicked"))??;
    }
    let (cpu, elapsed) = (
        (cpu::own() - cpu_before).as_secs_f64(),
        start.elapsed().as_secs_f64(),
    );
    Ok(Round {
        rate: hashes / elapsed,
        cpu: cpu * 1e3 / hashes,
    })
}

fn hash_for_a_while() -> Result<f64> {
    let params = Params::new(19_456, 2, 1, Some(32)).map_err(|error| anyhow!("{error}"))?;
    let mut memory = vec![Block::default(); params.block_count()];
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let (start, mut hashes, mut output) = (Instant::now(), 0_u32, [0; 32]);
    while start.elapsed() < Duration::from_secs_f64(SECONDS) {
        argon2
            .hash_password_into_with_memory(
                b"quartz-lantern-fjord-0-umbrella",
                &hashes.to_le_bytes().repeat(4),
                &mut output,
                &mut memory,
            )
            .map_err(|error| anyhow!("{error}"))?;
        hashes += 1;
    }
    Ok(hashes.into())
}
