//! The load, sent by a process of its own (`bin/load.rs`), so that its CPU is never counted as the server's.

mod closed;
mod open;
mod saturate;

use std::{
    net::SocketAddr,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::servers::{Placement, beside};

/// What to send, and how.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Plan {
    /// The server.
    pub address: SocketAddr,
    /// One connection for each, which sends it again and again.
    pub requests: Vec<String>,
    /// When the next request is sent.
    pub arrivals: Arrivals,
    /// A 503 is counted and not held against the server: it may shed load.
    pub may_shed: bool,
}

/// When the next request is sent.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub enum Arrivals {
    /// As soon as the connection's last one was answered, for so many seconds: measures capacity.
    Closed {
        /// How long.
        seconds: f64,
    },
    /// As [`Arrivals::Closed`], but no connection waits for the answer to another: of a server of several processes, the
    /// one that was given fewer connections would stand idle meanwhile.
    Saturating {
        /// How long.
        seconds: f64,
    },
    /// As [`Arrivals::Closed`], for so many requests altogether.
    Count {
        /// How many.
        requests: u64,
    },
    /// At random times (Poisson) whatever the server does: measures latency from the time at which a request was
    /// *meant* to be sent, so that a server that stalls cannot hide the requests that it kept waiting.
    Open {
        /// Requests a second.
        rate: f64,
        /// How long.
        seconds: f64,
        /// The same seed sends at the same times.
        seed: u64,
    },
}

/// What came of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outcome {
    /// Requests answered with success.
    pub answered: u64,
    /// Requests answered 503.
    pub shed: u64,
    /// From the first request to the last answer, in seconds.
    pub seconds: f64,
    /// CPU that the client used meanwhile, in seconds.
    pub client_cpu: f64,
    /// How long answers took.
    pub latency: Latency,
}

impl Outcome {
    /// Answered requests a second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.answered as f64 / self.seconds
    }
}

/// How long answers took, in microseconds.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Latency {
    /// Half took no longer.
    pub p50: f64,
    /// Nine in ten took no longer.
    pub p90: f64,
    /// 99 in a hundred took no longer.
    pub p99: f64,
    /// 999 in a thousand took no longer.
    pub p999: f64,
    /// The longest.
    pub max: f64,
}

impl Plan {
    /// Sends the load from this very process.
    ///
    /// # Errors
    /// At the first answer that is no success.
    pub fn send(&self) -> Result<Outcome> {
        match self.arrivals {
            Arrivals::Closed { seconds } => closed::send(self, closed::Until::Elapsed(seconds)),
            Arrivals::Saturating { seconds } => {
                saturate::send(self, Duration::from_secs_f64(seconds))
            }
            Arrivals::Count { requests } => closed::send(self, closed::Until::Sent(requests)),
            Arrivals::Open {
                rate,
                seconds,
                seed,
            } => open::send(self, &open::Schedule::new(rate, seconds, seed)),
        }
    }

    /// Starts a process that sends the load.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(&self, placement: Placement) -> Result<Sending> {
        let mut child = placement
            .command(&beside("load")?)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the load client")?;
        let stdin = child.stdin.take().context("the load client has no stdin")?;
        serde_json::to_writer(stdin, self)?;
        Ok(Sending(child))
    }

    /// Sends the load from a process of its own and waits for the outcome.
    ///
    /// # Errors
    /// When it failed.
    pub fn run(&self, placement: Placement) -> Result<Outcome> {
        self.start(placement)?.outcome()
    }
}

/// A load under way.
#[derive(Debug)]
pub struct Sending(Child);

impl Sending {
    /// Waits for its end.
    ///
    /// # Errors
    /// When it failed.
    pub fn outcome(self) -> Result<Outcome> {
        let output = self.0.wait_with_output()?;
        ensure!(
            output.status.success(),
            "the load client failed: {}",
            output.status
        );
        Ok(serde_json::from_slice(&output.stdout)?)
    }
}

/// Whether this machine lets a program have a real-time priority.
#[must_use]
pub fn real_time_is_allowed() -> bool {
    Command::new("chrt")
        .args(["--fifo", "1", "true"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|it| it.success())
}
