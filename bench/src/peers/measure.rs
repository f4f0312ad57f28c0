//! Round by round, each peer in turn: checked requests, how long they take, log-ins, memory.

use std::{fs, net::TcpListener, path::Path};

use anyhow::{Result, anyhow, ensure};

use super::{
    account::{forged, refuses, visit},
    commands::{Site, cores},
    install::run,
    process::Process,
    roster::Peer,
};
use crate::{
    http,
    load::{self, Arrivals, Outcome, Plan},
    servers::Placement,
};

/// Connections, and people who are logged in: one each.
pub(super) const VISITORS: usize = 32;

/// Log-ins under way at a time. These accounts do nothing else, so that no limit to an account's sessions ends a visitor's.
pub(super) const LOGGERS_IN: usize = 8;

/// Of what a peer was just seen to answer, the share that is sent to time it: a busy hour, and not so much that the client
/// comes near its own limit beside the fastest.
pub(super) const SHARE: f64 = 0.3;

/// Seconds for each thing that is measured.
#[derive(Debug, Clone, Copy)]
pub struct Lengths {
    /// Checked requests.
    pub checks: f64,
    /// How long they take.
    pub latency: f64,
    /// Log-ins.
    pub log_ins: f64,
}

/// What the rounds gave, until one failed.
#[derive(Debug, Default)]
pub struct Series {
    /// A value a round.
    pub values: Vec<f64>,
    /// Why there are no more.
    pub failure: Option<String>,
}

impl Series {
    /// Takes another value, unless one was missed before: figures of a server that fails mean nothing.
    fn take(&mut self, measure: impl FnOnce() -> Result<f64>) {
        if self.failure.is_some() {
            return;
        }
        match measure() {
            Ok(value) => self.values.push(value),
            Err(error) => self.failure = Some(format!("{error:#}")),
        }
    }
}

/// A peer that runs, and what was measured of it.
#[derive(Debug)]
pub struct Contender {
    /// Which.
    pub peer: &'static Peer,
    process: Process,
    /// Checked requests a second.
    pub checks: Series,
    /// The client's share of the machine meanwhile.
    pub client: Series,
    /// The time, in milliseconds, that 99 in a hundred requests do not exceed.
    pub p99: Series,
    /// Log-ins a second.
    pub log_ins: Series,
    /// MiB after that.
    pub memory: Series,
}

impl Contender {
    /// Starts it on a database of its own, and makes the accounts.
    ///
    /// # Errors
    /// When it does not start, refuses somebody, or lets in somebody whom it should refuse.
    pub fn start(peer: &'static Peer, root: &Path, programs: &Path, folder: &Path) -> Result<Self> {
        let folder = folder.join(peer.name);
        fs::create_dir(&folder)?;
        let site = Site {
            root: root.to_owned(),
            programs: programs.to_owned(),
            installed: super::installed(programs),
            database: folder.join("accounts.db"),
            address: TcpListener::bind("127.0.0.1:0")?.local_addr()?,
        };
        let commands = (peer.commands)(&site);
        if let Some(mut prepare) = commands.prepare {
            run(&mut prepare)?;
        }
        let log = folder.join("log");
        let process = Process::start(&commands.serve, site.address, &log)?;
        if let Some(sign_up) = peer.sign_up {
            for index in 0..VISITORS + LOGGERS_IN {
                sign_up.send(site.address, index)?;
            }
        }
        let contender = Self::new(peer, process);
        contender.really_checks()?;
        Ok(contender)
    }

    fn new(peer: &'static Peer, process: Process) -> Self {
        Self {
            peer,
            process,
            checks: Series::default(),
            client: Series::default(),
            p99: Series::default(),
            log_ins: Series::default(),
            memory: Series::default(),
        }
    }

    fn really_checks(&self) -> Result<()> {
        let address = self.process.address;
        refuses(address, None)?;
        let cookies = self.peer.log_in.send(address, 0)?;
        let status = visit(address, Some(&cookies))?;
        ensure!(status == 200, "a visitor was answered {status}");
        if self.peer.reads_cookies {
            refuses(address, Some(&forged(&cookies)))?;
        }
        Ok(())
    }

    /// Forgets what was measured: a first round is slow for whoever compiles while running.
    pub fn forget(&mut self) {
        for series in [
            &mut self.checks,
            &mut self.client,
            &mut self.p99,
            &mut self.log_ins,
            &mut self.memory,
        ] {
            series.values.clear();
        }
    }

    /// One round.
    pub fn round(&mut self, lengths: Lengths, seed: u64) {
        // Logging in anew each time: a cookie that is good for minutes is not to run out in the middle of a round.
        let visits = self.visits();
        let outcome = as_is(&visits).and_then(|it| self.saturate(it.clone(), lengths.checks));
        let latency = as_is(&visits)
            .and_then(|it| self.latency(it.clone(), lengths.latency, seed, as_is(&outcome)?));
        let log_ins = self
            .log_in_requests()
            .and_then(|requests| self.saturate(requests, lengths.log_ins));
        let memory = self.process.memory();
        self.client.take(|| {
            let outcome = as_is(&outcome)?;
            Ok(outcome.client_cpu / outcome.seconds / cores() as f64)
        });
        self.checks.take(|| Ok(outcome?.rate()));
        self.p99.take(|| latency);
        self.log_ins.take(|| Ok(log_ins?.rate()));
        self.memory.take(|| memory);
    }

    fn visits(&self) -> Result<Vec<String>> {
        let address = self.process.address;
        let visit = |index| {
            let cookies = self.peer.log_in.send(address, index)?;
            Ok(http::get(address, "/protected", Some(&cookies)))
        };
        (0..VISITORS).map(visit).collect()
    }

    fn log_in_requests(&self) -> Result<Vec<String>> {
        let address = self.process.address;
        let accounts = VISITORS..VISITORS + LOGGERS_IN;
        accounts
            .map(|index| self.peer.log_in.request(address, index))
            .collect()
    }

    fn saturate(&self, requests: Vec<String>, seconds: f64) -> Result<Outcome> {
        self.send(
            requests,
            Arrivals::Saturating { seconds },
            Placement::Anywhere,
        )
    }

    /// p99 in milliseconds at a share of the rate that was just seen.
    fn latency(
        &self,
        requests: Vec<String>,
        seconds: f64,
        seed: u64,
        seen: &Outcome,
    ) -> Result<f64> {
        let arrivals = Arrivals::Open {
            rate: SHARE * seen.rate(),
            seconds,
            seed,
        };
        let client = if load::real_time_is_allowed() {
            Placement::AtOnce
        } else {
            Placement::Anywhere
        };
        Ok(self.send(requests, arrivals, client)?.latency.p99 / 1e3)
    }

    fn send(&self, requests: Vec<String>, arrivals: Arrivals, at: Placement) -> Result<Outcome> {
        let plan = Plan {
            address: self.process.address,
            requests,
            arrivals,
            may_shed: false,
        };
        plan.run(at)
    }
}

/// What came before, for more than one who builds on it.
fn as_is<T>(result: &Result<T>) -> Result<&T> {
    result.as_ref().map_err(|error| anyhow!("{error:#}"))
}
