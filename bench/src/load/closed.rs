//! Closed loop: every connection has one request under way, always.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::{Latency, Outcome, Plan};
use crate::{cpu, http::Connection};

/// When to stop.
#[derive(Clone, Copy)]
pub(super) enum Until {
    /// After so many seconds.
    Elapsed(f64),
    /// After so many requests.
    Sent(u64),
}

/// Takes the connections in turn: waits for the answer of one, sends its next request, goes on to the next. All the
/// others have a request under way meanwhile, so the server is never idle, and a request costs the client two system
/// calls and no polling.
pub(super) fn send(plan: &Plan, until: Until) -> Result<Outcome> {
    let mut lanes = plan
        .requests
        .iter()
        .map(|_| Connection::open(plan.address))
        .collect::<Result<Vec<_>>>()?;
    let (cpu_before, start) = (cpu::own(), Instant::now());
    let mut tally = Tally {
        answered: 0,
        shed: 0,
        may_shed: plan.may_shed,
    };
    for (lane, request) in lanes.iter_mut().zip(&plan.requests) {
        lane.send(request)?;
    }
    let in_flight = lanes.len() as u64;
    while !until.reached(start, tally.total() + in_flight) {
        for (lane, request) in lanes.iter_mut().zip(&plan.requests) {
            tally.count(lane.receive()?.status)?;
            lane.send(request)?;
        }
    }
    for lane in &mut lanes {
        tally.count(lane.receive()?.status)?;
    }
    Ok(Outcome {
        answered: tally.answered,
        shed: tally.shed,
        seconds: start.elapsed().as_secs_f64(),
        client_cpu: (cpu::own() - cpu_before).as_secs_f64(),
        latency: Latency::default(),
    })
}

impl Until {
    fn reached(self, start: Instant, sent: u64) -> bool {
        match self {
            Self::Elapsed(seconds) => start.elapsed() >= Duration::from_secs_f64(seconds),
            Self::Sent(requests) => sent >= requests,
        }
    }
}

/// What was answered so far.
pub(super) struct Tally {
    pub(super) answered: u64,
    pub(super) shed: u64,
    pub(super) may_shed: bool,
}

impl Tally {
    /// # Errors
    /// When the answer is neither a success nor a 503 that is allowed: the figures of a server that fails mean nothing.
    pub(super) fn count(&mut self, status: u16) -> Result<()> {
        match status {
            200..300 => self.answered += 1,
            503 if self.may_shed => self.shed += 1,
            other => bail!("the server answered {other}"),
        }
        Ok(())
    }

    pub(super) fn total(&self) -> u64 {
        self.answered + self.shed
    }
}
