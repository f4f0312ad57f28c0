//! Instructions per request, counted by valgrind's callgrind: the one figure that a noisy machine cannot change.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result, ensure};

use crate::{
    load::{Arrivals, Plan},
    servers::{Launch, Placement, Server},
};

const WARM_UP: u64 = 400;
const COUNTED: u64 = 2_000;
const CONNECTIONS: usize = 8;

/// Instructions that a server runs for one request, its share of everything in the background included. `request` makes
/// the request once the server runs.
///
/// # Errors
/// When a step fails.
pub fn instructions_per_request(
    launch: Launch,
    folder: &Path,
    request: impl FnOnce(&Server) -> Result<String>,
) -> Result<f64> {
    let output = folder.join("callgrind.out");
    let option = format!("--callgrind-out-file={}", output.display());
    ensure!(
        Command::new("valgrind").arg("--version").output().is_ok(),
        "valgrind was not found"
    );
    let server = launch
        .under(&["valgrind", "--quiet", "--tool=callgrind", &option])
        .start()?;
    let request = request(&server)?;
    send(&server, &request, WARM_UP)?;
    control(&server, "--zero")?;
    let counted = send(&server, &request, COUNTED)?;
    control(&server, "--dump")?;
    let total = total(&output.with_extension("out.1"))?;
    Ok(total / counted)
}

fn send(server: &Server, request: &str, requests: u64) -> Result<f64> {
    let plan = Plan {
        address: server.address,
        requests: vec![request.to_owned(); CONNECTIONS],
        arrivals: Arrivals::Count { requests },
        may_shed: false,
    };
    Ok(plan.run(Placement::Anywhere)?.answered as f64)
}

fn control(server: &Server, verb: &str) -> Result<()> {
    let output = Command::new("callgrind_control")
        .arg(verb)
        .arg(server.pid().to_string())
        .output()?;
    ensure!(
        output.status.success(),
        "callgrind_control {verb} failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

fn total(dump: &Path) -> Result<f64> {
    let text = fs::read_to_string(dump).with_context(|| format!("no {}", dump.display()))?;
    let line = text
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("totals: "))
        .context("a dump without totals")?;
    Ok(line.trim().parse()?)
}
