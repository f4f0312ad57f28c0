//! How soon the program is there, and how much memory it keeps.

use std::time::Instant;

use anyhow::Result;

use super::Bench;
use crate::{
    accounts::{self, Account},
    cpu::{self, Memory},
    load::{Arrivals, Plan},
    ratio::Spread,
    report::{Bar, Figure, Section, grouped},
    servers::{Launch, Placement, Server},
};

const FIRST_ANSWER: Bar = Bar::AtMost(200.0);
const AFTER_START: Bar = Bar::AtMost(30.0);
const AFTER_LOG_INS: Bar = Bar::AtMost(120.0);

/// No account gets near the number of sessions at which its oldest one ends, so every log-in adds to the store.
const ACCOUNTS: usize = 128;

pub(super) fn measure(bench: &Bench) -> Result<Section> {
    let log_ins = bench.either(10_000, 500);
    let folder = bench.folder()?;
    let launch = Launch::lockjar(folder.path())?;
    let (accounts, used) = use_it(&launch, log_ins)?;
    let (mut starts, mut fresh) = (Vec::new(), Vec::new());
    for _ in 0..bench.either(20, 3) {
        let (server, milliseconds) = first_answer(&launch, &accounts[0])?;
        starts.push(milliseconds);
        fresh.push(cpu::memory(server.pid())?.resident);
        server.stop()?;
    }
    let method = format!(
        "Resident memory (`VmRSS`) after {} log-ins over HTTP, 8 at a time, into 128 accounts. Then, on the file \
         that this left: from the start of the process to the 200 for a `GET /protected`, and the memory at that moment.",
        grouped(log_ins),
    );
    let figures = figures(starts, fresh, used, log_ins);
    Ok(Section {
        part: "start",
        title: "Start and memory",
        method,
        figures,
        chart: None,
    })
}

fn figures(starts: Vec<f64>, after_start: Vec<f64>, memory: Memory, log_ins: usize) -> Vec<Figure> {
    let after = format!("Memory after {} log-ins", grouped(log_ins));
    vec![
        Figure::held_to(
            FIRST_ANSWER,
            "Start to first answer",
            "ms",
            Spread::of(starts),
        ),
        Figure::held_to(
            AFTER_START,
            "Memory after start",
            "MiB",
            Spread::of(after_start),
        ),
        Figure::held_to(AFTER_LOG_INS, after, "MiB", Spread::of([memory.resident])),
        Figure::plain(
            "The most memory it ever had",
            "MiB",
            Spread::of([memory.peak]),
        ),
    ]
}

/// Leaves a database behind, and tells what memory the server had at the end of that.
fn use_it(launch: &Launch, log_ins: usize) -> Result<(Vec<Account>, Memory)> {
    let server = launch.start()?;
    let accounts = accounts::sign_up(server.address, ACCOUNTS)?;
    for group in accounts.chunks(8) {
        let requests = accounts::log_ins(server.address, group);
        let arrivals = Arrivals::Count {
            requests: (log_ins * group.len() / accounts.len()) as u64,
        };
        Plan {
            address: server.address,
            requests,
            arrivals,
            may_shed: false,
        }
        .run(Placement::Anywhere)?;
    }
    let memory = cpu::memory(server.pid())?;
    server.stop()?;
    Ok((accounts, memory))
}

fn first_answer(launch: &Launch, account: &Account) -> Result<(Server, f64)> {
    let start = Instant::now();
    let mut server = launch.spawn()?;
    server.wait_until_it_answers(Some(&account.cookie))?;
    Ok((server, start.elapsed().as_secs_f64() * 1e3))
}
