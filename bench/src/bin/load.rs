//! Reads a plan from stdin, sends that load, and prints what came of it: JSON both ways.

use anyhow::Result;
use lockjar_bench::load::Plan;

fn main() -> Result<()> {
    let plan: Plan = serde_json::from_reader(std::io::stdin())?;
    serde_json::to_writer(std::io::stdout(), &plan.send()?)?;
    Ok(())
}
