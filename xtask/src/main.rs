//! The project's own commands.
//!
//! `cargo xtask test` runs every part of the test suite and installs what a fresh machine lacks;
//! `cargo xtask test PART…` runs the parts named; `cargo xtask tidy` checks the house rules alone.

mod fuzz;
mod install;
mod licences;
mod parts;
mod run;
mod tidy;

use std::env;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use parts::{PARTS, Part};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let chosen = match words.as_slice() {
        ["test"] => Ok(PARTS.iter().collect()),
        ["test", names @ ..] => names.iter().map(|name| part(name)).collect(),
        ["tidy"] => part("tidy").map(|tidy| vec![tidy]),
        _ => Err("which command?".to_owned()),
    };
    match chosen {
        Ok(parts) => test(&parts),
        Err(problem) => usage(&problem),
    }
}

fn part(name: &str) -> Result<&'static Part, String> {
    PARTS
        .iter()
        .find(|part| part.name == name)
        .ok_or_else(|| format!("there is no part '{name}'"))
}

fn usage(problem: &str) -> ExitCode {
    eprintln!("{problem}\nusage: cargo xtask test [PART…] | cargo xtask tidy\nparts:");
    for part in PARTS {
        eprintln!("  {:<14}{}", part.name, part.what);
    }
    ExitCode::from(2)
}

/// Runs each part, whatever became of the one before, so that one run tells everything that is wrong.
fn test(parts: &[&Part]) -> ExitCode {
    if let Err(error) = env::set_current_dir(root()) {
        eprintln!("{}: {error}", root().display());
        return ExitCode::FAILURE;
    }
    let failures: Vec<String> = parts.iter().filter_map(|part| failure(part)).collect();
    println!();
    for failure in &failures {
        println!("FAILED {failure}");
    }
    println!(
        "{} passed, {} failed",
        parts.len() - failures.len(),
        failures.len()
    );
    if failures.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn failure(part: &Part) -> Option<String> {
    println!("\n== {}: {}", part.name, part.what);
    let started = Instant::now();
    let outcome = (part.run)();
    let seconds = started.elapsed().as_secs();
    match outcome {
        Ok(()) => {
            println!("== {} passed in {seconds} s", part.name);
            None
        }
        Err(problem) => {
            println!("== {} failed after {seconds} s: {problem}", part.name);
            Some(format!("{}: {problem}", part.name))
        }
    }
}

fn root() -> &'static Path {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask)
}
