//! Closed loop in which every connection goes at its own pace.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::{Outcome, Plan, open::Desk};
use crate::cpu;

/// Each connection has one request under way until the time is up.
pub(super) fn send(plan: &Plan, length: Duration) -> Result<Outcome> {
    let mut desk = Desk::open(plan)?;
    let (cpu_before, start) = (cpu::own(), Instant::now());
    loop {
        let now = start.elapsed();
        while now < length && desk.has_idle() {
            desk.submit(now)?;
        }
        if !desk.is_busy() {
            return Ok(desk.outcome(start, cpu_before));
        }
        desk.wait(None)?;
        desk.collect(start)?;
    }
}
