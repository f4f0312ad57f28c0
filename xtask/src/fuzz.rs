//! Fuzzing in its short form: as many inputs for each target as fit into a test run, on top of what earlier runs kept.

use std::env::consts::ARCH;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::run::{Outcome, cargo, output, run};

const FOLDER: &str = "fuzz";
/// Each target, and how many inputs it is tried with.
const TARGETS: [(&str, u32); 6] = [
    ("blocklist", 100_000),
    ("cookie", 300_000),
    ("csrf", 300_000),
    ("forwarded", 200_000),
    ("jwt", 200_000),
    ("request", 20_000),
];

/// What `cargo fuzz` sets too: counters on every edge and comparison, for libFuzzer to steer by.
const COVERAGE: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing";

pub(crate) fn fuzz() -> Outcome {
    // The host's own, named so that build scripts and macros are built without counters.
    let target = format!("{ARCH}-unknown-linux-gnu");
    run(cargo("build --quiet --release")
        .args(["--target", &target])
        .env("RUSTFLAGS", COVERAGE)
        .current_dir(FOLDER))?;
    TARGETS
        .iter()
        .try_for_each(|&(name, inputs)| try_out(&target, name, inputs))
}

/// What libFuzzer finds worth keeping goes into `corpus`, and what broke something beside it.
fn try_out(target: &str, name: &str, inputs: u32) -> Outcome {
    println!("{name}: {inputs} inputs");
    let (seeds, corpus) = (format!("seeds/{name}"), format!("corpus/{name}"));
    fs::create_dir_all(Path::new(FOLDER).join(&corpus)).map_err(|error| error.to_string())?;
    let program = Path::new("target").join(target).join("release").join(name);
    // It has much to say, which is worth reading only where it found something.
    output(
        Command::new(program)
            .args(["-seed=1", "-timeout=20"])
            .arg(format!("-runs={inputs}"))
            .args([corpus, seeds])
            .current_dir(FOLDER),
    )
    .map(drop)
}
