//! `cargo run --release -p lockjar-proof`: three real server processes on one PostgreSQL, under every fault that a network
//! and an operating system have to offer, and clients that take down what they are told. The history is then held against
//! what is promised:
//!
//! - no check that began more than `staleness` after a revocation's acknowledgement was accepted, anywhere;
//! - nothing that was acknowledged is lost;
//! - nobody who is logged in was answered 401 because of a fault;
//! - after the fault the cluster is healthy without a restart.
//!
//! `--short` is what `cargo xtask test proof` runs. It exits 1 if any promise was broken.

mod altered;
mod checker;
mod clients;
mod cluster;
mod faults;
mod history;
mod life;
mod link;
mod proxy;
mod report;
mod sweep;
mod world;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::{Parser, ValueEnum};
use fastrand::Rng;
use tokio::time::sleep;

use checker::{Bounds, Rule, Violation, check};
use cluster::{Cluster, NODES, Setup};
use history::History;
use report::Report;
use world::{Pace, World};

/// What Lockjar promises by default, and how soon it is healthy after a fault.
const BOUNDS: Bounds = Bounds {
    staleness: Duration::from_secs(1),
    recovery: Duration::from_secs(3),
};
/// Health is looked at for so long after each fault.
const HEALTH: Duration = Duration::from_millis(4200);
/// Before the first fault, so that there are sessions that every node knows.
const WARM_UP: Duration = Duration::from_secs(3);
/// A run of fewer revocations shows little: on a slow machine it goes on for a while.
const ENOUGH: usize = 550;
const LONGER: Duration = Duration::from_secs(60);
/// Even who waits for the slowest answer has finished by then.
const FINISH: Duration = Duration::from_secs(60);

/// Runs a cluster under faults and checks what clients saw.
#[derive(Parser)]
struct Options {
    /// About a minute and a half, with every fault once; without it about six minutes
    #[arg(long)]
    short: bool,
    /// Makes the random choices those of an earlier run [default: another each time]
    #[arg(long)]
    seed: Option<u64>,
    /// Leaves the history and the logs of the nodes behind, also of a good run
    #[arg(long)]
    keep: bool,
    /// The program to run [default: built first, as this one was]
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Where sessions are kept besides the database, which then goes wrong too
    #[arg(long, value_enum)]
    sessions: Option<Sessions>,
    /// Runs servers that are told to break a promise, and succeeds if that is found
    #[arg(long, value_enum)]
    sabotage: Option<Sabotage>,
    /// How many times every fault comes in the long form
    #[arg(long, default_value_t = 5, value_name = "COUNT")]
    turns: usize,
}

/// Other places for sessions.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Sessions {
    Redis,
}

/// What servers can be told that breaks a promise.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Sabotage {
    /// A cache is believed for longer than is promised.
    Staleness,
    /// The logged-in are let in for as long as the database cannot be asked.
    Outage,
}

impl Sabotage {
    fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Staleness => &["--staleness", "3s"],
            Self::Outage => &["--on-outage", "serve-stale:5m"],
        }
    }
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error:?}");
            ExitCode::from(2)
        }
    }
}

/// Whether every promise was kept.
fn run(options: &Options) -> Result<bool> {
    let program = options.program.clone().map_or_else(build, Ok)?;
    let program = program.canonicalize().context("the program is not there")?;
    let seed = options.seed.unwrap_or_else(|| fastrand::u64(0..1_000_000));
    eprintln!("seed {seed}");
    let setup = Setup {
        program,
        direct_feed: !seed.is_multiple_of(2),
        redis: matches!(options.sessions, Some(Sessions::Redis)),
        more: options.sabotage.map_or(&[], Sabotage::arguments),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let cluster = Cluster::start(setup).await?;
        let cluster = Arc::new(cluster);
        let history = record(&cluster, options, &mut Rng::with_seed(seed)).await?;
        let verdict = check(&history, &BOUNDS);
        let good = verdict.violations.is_empty();
        let report = Report {
            seed,
            history: &history,
            verdict: &verdict,
            altered: good.then(|| altered::try_all(&history, &BOUNDS)),
        };
        println!("{report}");
        if options.sabotage.is_some() {
            let found = |violation: &Violation| violation.rule == Rule::AcceptedTooLate;
            return Ok(verdict.violations.iter().any(found));
        }
        if options.keep || !report.is_good() {
            keep(&cluster, &history)?;
        }
        Ok(report.is_good())
    })
}

/// Leaves the logs of the nodes and the history where they are, for people.
fn keep(cluster: &Cluster, history: &History) -> Result<()> {
    let file = File::create(cluster.folder().join("history"))?;
    let mut file = BufWriter::new(file);
    for event in &history.events {
        writeln!(file, "{event}")?;
    }
    cluster.keep_logs();
    let folder = cluster.folder().display();
    eprintln!("the history and the logs of the nodes are in {folder}");
    Ok(file.flush()?)
}

/// Lets clients live and faults happen, and returns what the clients were told.
async fn record(cluster: &Arc<Cluster>, options: &Options, rng: &mut Rng) -> Result<History> {
    let world = World::new(Arc::clone(cluster), pace());
    let probes: Vec<_> = (0..NODES)
        .map(|node| tokio::spawn(clients::probe(Arc::clone(&world), node)))
        .collect();
    for _ in 0..world.pace.settled {
        tokio::spawn(clients::settle(Arc::clone(&world), rng.fork()));
    }
    for _ in 0..world.pace.clients {
        tokio::spawn(clients::come_and_go(Arc::clone(&world), rng.fork()));
    }
    sleep(WARM_UP).await;
    let redis = options.sessions.is_some();
    let rounds = match options.short {
        true => faults::plan(1, false, redis, rng),
        false => faults::plan(options.turns, true, redis, rng),
    };
    faults::inject(&world, rounds, HEALTH).await?;
    let injected = Instant::now();
    while world.recorder.revocations() < ENOUGH && injected.elapsed() < LONGER {
        sleep(Duration::from_millis(200)).await;
    }
    world.stop();
    let stopped = Instant::now();
    while world.is_busy() {
        ensure!(stopped.elapsed() < FINISH, "a client does not finish");
        sleep(Duration::from_millis(20)).await;
    }
    sweep::sweep(&world).await?;
    let history = world.recorder.finish();
    probes.iter().for_each(tokio::task::JoinHandle::abort);
    Ok(history)
}

/// As fast as two cores can be made to go in either profile.
fn pace() -> Pace {
    Pace {
        clients: 14,
        settled: 4,
        pause: 50..400,
        life: 300..2500,
        alive: Duration::from_millis(200),
        staying: Duration::from_millis(1000),
        just_ended: Duration::from_millis(100),
        long_ended: Duration::from_millis(700),
        watched: Duration::from_secs(6),
    }
}

/// Builds the server in the profile of this program.
fn build() -> Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "--package", "lockjar-server"]);
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    let status = command.current_dir(&root).status()?;
    ensure!(status.success(), "the server does not build");
    let folder = std::env::current_exe()?;
    Ok(folder.with_file_name("lockjar"))
}
