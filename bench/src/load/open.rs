//! Open loop: requests are sent when the schedule says so, and waited for from that moment on.

use std::{
    collections::VecDeque,
    io::ErrorKind,
    thread,
    time::{Duration, Instant},
};

use anyhow::Result;
use hdrhistogram::Histogram;
use rustix::{
    event::{Timespec, epoll},
    fd::OwnedFd,
};

use super::{Latency, Outcome, Plan, closed::Tally};
use crate::{cpu, http::Connection};

/// Of a server of several processes, the first to wake would take every connection that was opened in one burst, and the
/// others would have nothing to do. No crowd of visitors comes in one burst.
const BETWEEN_CONNECTIONS: Duration = Duration::from_millis(5);

/// The times at which requests are meant to be sent, counted from the start.
pub(super) struct Schedule(Vec<Duration>);

impl Schedule {
    /// Poisson arrivals: what many independent visitors look like. Computed before the clock starts.
    pub(super) fn new(rate: f64, seconds: f64, seed: u64) -> Self {
        let mut random = SplitMix(seed);
        let (mut at, mut times) = (0.0, Vec::new());
        loop {
            at -= (1.0 - random.unit()).ln() / rate;
            if at >= seconds {
                return Self(times);
            }
            times.push(Duration::from_secs_f64(at));
        }
    }
}

pub(super) fn send(plan: &Plan, schedule: &Schedule) -> Result<Outcome> {
    let mut desk = Desk::open(plan)?;
    let (cpu_before, start) = (cpu::own(), Instant::now());
    let mut next = 0;
    while next < schedule.0.len() || desk.is_busy() {
        let now = start.elapsed();
        while let Some(&due) = schedule.0.get(next).filter(|&&due| due <= now) {
            desk.submit(due)?;
            next += 1;
        }
        desk.wait(schedule.0.get(next).map(|due| due.saturating_sub(now)))?;
        desk.collect(start)?;
    }
    Ok(desk.outcome(start, cpu_before))
}

/// The connections, and the requests that wait for one.
pub(super) struct Desk<'a> {
    requests: &'a [String],
    lanes: Vec<Lane>,
    idle: VecDeque<usize>,
    waiting: VecDeque<Duration>,
    epoll: OwnedFd,
    events: Vec<epoll::Event>,
    latencies: Histogram<u64>,
    tally: Tally,
}

struct Lane {
    connection: Connection,
    /// When the request that is under way was meant to be sent.
    due: Duration,
}

impl<'a> Desk<'a> {
    pub(super) fn open(plan: &'a Plan) -> Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut lanes = Vec::new();
        for index in 0..plan.requests.len() {
            let connection = Connection::open(plan.address)?;
            thread::sleep(BETWEEN_CONNECTIONS);
            connection.stream().set_nonblocking(true)?;
            let data = epoll::EventData::new_u64(index as u64);
            epoll::add(&epoll, connection.stream(), data, epoll::EventFlags::IN)?;
            lanes.push(Lane {
                connection,
                due: Duration::ZERO,
            });
        }
        Ok(Self {
            requests: &plan.requests,
            idle: (0..lanes.len()).collect(),
            events: Vec::with_capacity(lanes.len()),
            lanes,
            waiting: VecDeque::new(),
            epoll,
            latencies: Histogram::new(3)?,
            tally: Tally {
                answered: 0,
                shed: 0,
                may_shed: plan.may_shed,
            },
        })
    }

    pub(super) fn is_busy(&self) -> bool {
        self.idle.len() < self.lanes.len()
    }

    pub(super) fn has_idle(&self) -> bool {
        !self.idle.is_empty()
    }

    /// Sends a request, or lets it wait until a connection is free; its clock runs from `due` either way. The connection
    /// that was idle longest is next, so that each process of a server gets its share.
    pub(super) fn submit(&mut self, due: Duration) -> Result<()> {
        let Some(index) = self.idle.pop_front() else {
            self.waiting.push_back(due);
            return Ok(());
        };
        self.lanes[index].due = due;
        self.lanes[index].connection.send(&self.requests[index])
    }

    pub(super) fn wait(&mut self, at_most: Option<Duration>) -> Result<()> {
        let timeout = at_most.map(Timespec::try_from).transpose()?;
        self.events.clear();
        epoll::wait(
            &self.epoll,
            rustix::buffer::spare_capacity(&mut self.events),
            timeout.as_ref(),
        )?;
        Ok(())
    }

    /// Takes the answers that have come, and sends what waited for their connections.
    pub(super) fn collect(&mut self, start: Instant) -> Result<()> {
        for event in 0..self.events.len() {
            let index = usize::try_from(self.events[event].data.u64())?;
            let Some(status) = self.lanes[index].answer()? else {
                continue;
            };
            self.tally.count(status)?;
            let taken = start.elapsed().saturating_sub(self.lanes[index].due);
            self.latencies.record(u64::try_from(taken.as_nanos())?)?;
            self.idle.push_back(index);
            if let Some(due) = self.waiting.pop_front() {
                self.submit(due)?;
            }
        }
        Ok(())
    }

    pub(super) fn outcome(&self, start: Instant, cpu_before: Duration) -> Outcome {
        Outcome {
            answered: self.tally.answered,
            shed: self.tally.shed,
            seconds: start.elapsed().as_secs_f64(),
            client_cpu: (cpu::own() - cpu_before).as_secs_f64(),
            latency: summary(&self.latencies),
        }
    }
}

impl Lane {
    fn answer(&mut self) -> Result<Option<u16>> {
        match self.connection.read() {
            Ok(answer) => Ok(answer.map(|it| it.status)),
            Err(error) => match error.downcast_ref::<std::io::Error>() {
                Some(io) if io.kind() == ErrorKind::WouldBlock => Ok(None),
                _ => Err(error),
            },
        }
    }
}

fn summary(nanoseconds: &Histogram<u64>) -> Latency {
    let quantile = |q| nanoseconds.value_at_quantile(q) as f64 / 1e3;
    Latency {
        p50: quantile(0.5),
        p90: quantile(0.9),
        p99: quantile(0.99),
        p999: quantile(0.999),
        max: nanoseconds.max() as f64 / 1e3,
    }
}

/// `SplitMix64`: repeatable, and random enough for arrival times.
struct SplitMix(u64);

impl SplitMix {
    /// A number from 0 up to, not with, 1.
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrivals_come_at_the_rate_that_was_asked_for_and_in_order() {
        let Schedule(times) = Schedule::new(10_000.0, 2.0, 7);
        assert!(
            (19_000..21_000).contains(&times.len()),
            "{} arrivals",
            times.len()
        );
        assert!(times.is_sorted());
        assert!(
            times
                .last()
                .is_some_and(|last| *last < Duration::from_secs(2))
        );
    }
}
