//! One of several servers that are put under the same load in turns.

use anyhow::Result;

use super::apart;
use crate::{
    cpu,
    load::{Arrivals, Plan},
    ratio::Spread,
    report::Figure,
    servers::Server,
};

const SECONDS: f64 = 1.5;

/// A server under load, round by round.
pub(super) struct Runner {
    pub(super) name: &'static str,
    server: Server,
    plan: Plan,
    pub(super) rate: Vec<f64>,
    pub(super) server_cpu: Vec<f64>,
    client_cpu: Vec<f64>,
}

impl Runner {
    pub(super) fn new(name: &'static str, server: Server, requests: Vec<String>) -> Self {
        let arrivals = Arrivals::Closed { seconds: SECONDS };
        let plan = Plan {
            address: server.address,
            requests,
            arrivals,
            may_shed: false,
        };
        Self {
            name,
            server,
            plan,
            rate: Vec::new(),
            server_cpu: Vec::new(),
            client_cpu: Vec::new(),
        }
    }

    pub(super) fn round(&mut self) -> Result<()> {
        let before = cpu::of(self.server.pid())?;
        let outcome = self.plan.run(apart().1)?;
        let spent = cpu::of(self.server.pid())? - before;
        let answered = outcome.answered as f64;
        self.rate.push(outcome.rate());
        self.server_cpu.push(spent.as_secs_f64() * 1e6 / answered);
        self.client_cpu.push(outcome.client_cpu * 1e6 / answered);
        Ok(())
    }

    pub(super) fn forget(&mut self) {
        for list in [&mut self.rate, &mut self.server_cpu, &mut self.client_cpu] {
            list.clear();
        }
    }

    pub(super) fn figures(&self) -> [Figure; 3] {
        let of = |list: &Vec<f64>| Spread::of(list.iter().copied());
        [
            Figure::plain(format!("{}: requests", self.name), "/s", of(&self.rate)),
            Figure::plain(
                format!("{}: CPU of the server", self.name),
                "µs/request",
                of(&self.server_cpu),
            ),
            Figure::plain(
                format!("{}: CPU of the client", self.name),
                "µs/request",
                of(&self.client_cpu),
            ),
        ]
    }
}
