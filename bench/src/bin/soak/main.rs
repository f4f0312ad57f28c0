//! `cargo run --release -p lockjar-bench --bin soak`: the real binary on SQLite under a mixed load, at half of what it can do,
//! for a while. It has to answer everything as it should, and to keep no more in memory at the end than after the first minute.

mod memory;
mod slow;
mod visitors;

use std::{
    collections::BTreeMap,
    fmt,
    process::ExitCode,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
};

use anyhow::Result;
use clap::Parser;
use lockjar_bench::{
    accounts, cpu,
    load::{Arrivals, Outcome, Plan},
    machine,
    servers::{self, Launch, Placement, Server},
};

use memory::Growth;
use visitors::Visitor;

/// Sessions that are checked all the time, each on a connection of its own.
const SESSIONS: usize = 64;
/// Accounts that the capacity of log-ins is measured with. Theirs are not the sessions that are checked: old ones end where
/// there are too many.
const LOG_INS: usize = 8;
const VISITORS: usize = 2;
const SLOW: usize = 8;
const MEASURED: f64 = 5.0;
const TICK: f64 = 30.0;
/// Of what the server can check in a second, and of the log-ins that it can do: together half of it.
const CHECKS: f64 = 0.4;
const HASHES: f64 = 0.1;

/// Keeps a server busy and watches its memory; exits 1 at an error or a growth beyond the bound.
#[derive(Parser)]
struct Options {
    /// How long; the first minute warms up, so that one alone tells of errors only
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    minutes: u32,
}

/// What went wrong, and how often what went right.
#[derive(Debug, Default)]
struct Tally {
    stop: AtomicBool,
    acts: AtomicU64,
    errors: Mutex<BTreeMap<String, u64>>,
}

/// What the server can do in a second.
struct Capacity {
    checks: f64,
    log_ins: f64,
}

fn main() -> Result<ExitCode> {
    let options = Options::parse();
    if cfg!(debug_assertions) {
        eprintln!("a trial, of what was built last without optimisation");
    } else {
        servers::build()?;
    }
    let folder = tempfile::tempdir_in(servers::folder()?)?;
    let server = Launch::lockjar(folder.path())?
        .and(&["--throttle-failures", "1000000"])
        .start()?;
    println!("{}", machine::describe());
    let (tally, growth) = soak(&server, options.minutes)?;
    let stopped = server.stop();
    println!("\n{tally}{growth}");
    stopped?;
    let good = tally.is_clean() && growth.is_within_bounds();
    Ok(ExitCode::from(u8::from(!good)))
}

fn soak(server: &Server, minutes: u32) -> Result<(Tally, Growth)> {
    let accounts = accounts::sign_up(server.address, SESSIONS + LOG_INS)?;
    let (checked, others) = accounts.split_at(SESSIONS);
    let visits = accounts::visits(server.address, checked);
    let capacity = Capacity {
        checks: capacity(server, visits.clone())?,
        log_ins: capacity(server, accounts::log_ins(server.address, others))?,
    };
    println!("{capacity}\n");
    let (tally, mut growth) = (Tally::default(), Growth::default());
    thread::scope(|scope| {
        for number in 0..VISITORS {
            let rate = HASHES * capacity.log_ins / VISITORS as f64;
            let visitor = Visitor::new(server.address, number, rate);
            scope.spawn(|| visitor.live(&tally));
        }
        for account in &checked[..SLOW] {
            scope.spawn(|| slow::live(server.address, &account.cookie, &tally));
        }
        let watched = (1..=2 * minutes).try_for_each(|tick| {
            let rate = CHECKS * capacity.checks;
            let checks = check(server, visits.clone(), rate, tick);
            watch(server, tick, checks, &mut growth, &tally)
        });
        tally.stop.store(true, Ordering::SeqCst);
        watched
    })?;
    Ok((tally, growth))
}

/// How many of these it answers in a second.
fn capacity(server: &Server, requests: Vec<String>) -> Result<f64> {
    let plan = Plan {
        address: server.address,
        requests,
        arrivals: Arrivals::Closed { seconds: MEASURED },
        may_shed: false,
    };
    Ok(plan.run(Placement::Anywhere)?.rate())
}

/// Checks sessions for one half minute, on connections of its own.
fn check(server: &Server, requests: Vec<String>, rate: f64, tick: u32) -> Result<Outcome> {
    let plan = Plan {
        address: server.address,
        requests,
        arrivals: Arrivals::Open {
            rate,
            seconds: TICK,
            seed: tick.into(),
        },
        may_shed: false,
    };
    plan.run(Placement::Anywhere)
}

/// Takes down what a half minute came to.
fn watch(
    server: &Server,
    tick: u32,
    checks: Result<Outcome>,
    growth: &mut Growth,
    tally: &Tally,
) -> Result<()> {
    growth.sample(tick, cpu::memory(server.pid())?.resident);
    let checks = match checks {
        Ok(it) => format!("{:.0} checks/s, p99 {:.0} µs", it.rate(), it.latency.p99),
        Err(error) => {
            tally.error(&format!("checks: {error:#}"));
            "no figure".to_owned()
        }
    };
    println!("{growth:#}  {checks}  {tally:#}");
    Ok(())
}

impl fmt::Display for Capacity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (checks, log_ins) = (self.checks, self.log_ins);
        write!(f, "capacity: {checks:.0} checks/s, {log_ins:.1} log-ins/s")
    }
}

impl Tally {
    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::SeqCst)
    }

    fn act(&self) {
        self.acts.fetch_add(1, Ordering::Relaxed);
    }

    fn error(&self, kind: &str) {
        let mut errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        *errors.entry(kind.to_owned()).or_default() += 1;
    }

    fn is_clean(&self) -> bool {
        let errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        errors.is_empty()
    }
}

/// Every kind of error, or in short (`{:#}`) how many there are.
impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        let (all, acts) = (
            errors.values().sum::<u64>(),
            self.acts.load(Ordering::Relaxed),
        );
        if f.alternate() {
            return write!(f, "{acts} other requests, {all} errors");
        }
        writeln!(f, "errors: {all}")?;
        for (kind, count) in &*errors {
            writeln!(f, "  {count:>6} × {kind}")?;
        }
        Ok(())
    }
}
