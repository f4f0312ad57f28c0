//! `cargo run --release -p lockjar-proof --bin crashes`: one real server on a SQLite file, which is killed by `kill -9` at
//! random moments while clients sign up, log in and out, end all sessions, change passwords and refresh tokens; whose disk is
//! full; whose write-ahead log is cut off or garbled; whose file cannot be written or is damaged. After each restart a checker
//! holds what clients were told against what is there:
//!
//! - nothing acknowledged is lost, and each act has its record in the audit log;
//! - nothing refused is there, and nothing that had ended comes back;
//! - what got no answer is done or not, by no halves, and the same from then on;
//! - the file is whole, and the server starts again without help.
//!
//! `--short` is what `cargo xtask test crashes` runs. It exits 1 if any promise was broken, or a control was not found out.

mod controls;
mod crowd;
mod cut;
mod door;
mod full;
mod look;
mod person;
mod records;
mod report;
mod rounds;
mod site;
mod told;
mod unfit;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use fastrand::Rng;

use rounds::{Plan, Run};
use site::Strategy;

/// Kills a server on a SQLite file again and again and checks what is left.
#[derive(Parser)]
struct Options {
    /// Ten kills, and each other fault once or twice
    #[arg(long)]
    short: bool,
    /// How often the server is killed under load [default: 100]
    #[arg(long, value_name = "COUNT")]
    kills: Option<usize>,
    /// Makes the random choices those of an earlier run [default: another each time]
    #[arg(long)]
    seed: Option<u64>,
    /// The program to run [default: built first, as this one was]
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
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

/// Whether every promise was kept, and every control found out.
fn run(options: &Options) -> Result<bool> {
    let program = options.program.clone().map_or_else(build, Ok)?;
    let program = program.canonicalize().context("the program is not there")?;
    let seed = options.seed.unwrap_or_else(|| fastrand::u64(0..1_000_000));
    println!("seed                  {seed}");
    let kills = options
        .kills
        .unwrap_or(if options.short { 10 } else { 100 });
    let mut rng = Rng::with_seed(seed);
    let mut good = true;
    for (strategy, kills) in [
        (Strategy::Session, kills.div_ceil(2)),
        (Strategy::Jwt, kills / 2),
    ] {
        let plan = Plan::new(kills, options.short);
        let report = Run::new(&program, strategy, &mut rng)?.all(&plan)?;
        println!("{report}");
        good &= report.is_good();
    }
    Ok(good)
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
    let program = std::env::current_exe()?;
    Ok(program.with_file_name("lockjar"))
}
