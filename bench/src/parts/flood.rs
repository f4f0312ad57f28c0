//! What the logged-in notice while many others log in.

use std::{thread, time::Duration};

use anyhow::Result;

use super::Bench;
use crate::{
    accounts::{self, Account},
    load::{self, Arrivals, Latency, Outcome, Plan},
    ratio::Spread,
    report::{Bar, Figure, Section},
    servers::{Launch, Placement, Server},
};

const TAIL: Bar = Bar::AtMost(4.0);
const LOG_INS_UNDER_WAY: usize = 32;
const VISITORS: usize = 32;
const SECONDS: f64 = 4.0;

/// Long enough for the queue of hashes to be full before latency is looked at.
const FLOOD_LEAD: Duration = Duration::from_millis(500);

const METHOD: &str = "`GET /protected` at a fifth of the capacity that was measured just before, at random times (Poisson), \
    each timed from the moment at which it was meant to be sent; in turns without and with 32 log-ins under way at every \
    moment. Server, client and flood share all cores.";

pub(super) fn measure(bench: &Bench) -> Result<Section> {
    let folder = bench.folder()?;
    let server = Launch::lockjar(folder.path())?.start()?;
    // Nobody does both: an account that logs in again and again ends the oldest of its hundred sessions.
    let accounts = accounts::sign_up(server.address, VISITORS + LOG_INS_UNDER_WAY)?;
    let (accounts, flooders) = accounts.split_at(VISITORS);
    let capacity = Spread::of(capacity(&server, accounts, bench.either(5, 1))?);
    let (mut quiet, mut flooded) = (Vec::new(), Vec::new());
    for round in 0..bench.either(10, 2) {
        let visits = visits(&server, accounts, capacity.median / 5.0, round as u64);
        quiet.push(visits.run(client())?.latency);
        let flood = flood(&server, flooders).start(Placement::Anywhere)?;
        thread::sleep(FLOOD_LEAD);
        let latency = visits.run(client())?.latency;
        flooded.push((latency, flood.outcome()?));
    }
    let figures = figures(capacity, &quiet, &flooded);
    Ok(Section {
        part: "flood",
        title: "Under a flood of log-ins",
        method: method(),
        figures,
        chart: None,
    })
}

/// A client that had to wait for a core would measure its own wait.
fn client() -> Placement {
    if load::real_time_is_allowed() {
        Placement::AtOnce
    } else {
        Placement::Anywhere
    }
}

fn method() -> String {
    let priority = match client() {
        Placement::AtOnce => {
            "The client runs at real-time priority, so that it times the server's wait and not its own."
        }
        _ => {
            "The client may have no real-time priority here, so its own wait for a core is in these times too."
        }
    };
    format!("{METHOD} {priority}")
}

fn capacity(server: &Server, accounts: &[Account], rounds: usize) -> Result<Vec<f64>> {
    let plan = Plan {
        address: server.address,
        requests: accounts::visits(server.address, accounts),
        arrivals: Arrivals::Closed { seconds: 1.5 },
        may_shed: false,
    };
    (0..rounds)
        .map(|_| Ok(plan.run(Placement::Anywhere)?.rate()))
        .collect()
}

fn visits(server: &Server, accounts: &[Account], rate: f64, seed: u64) -> Plan {
    Plan {
        address: server.address,
        requests: accounts::visits(server.address, accounts),
        arrivals: Arrivals::Open {
            rate,
            seconds: SECONDS,
            seed,
        },
        may_shed: false,
    }
}

fn flood(server: &Server, accounts: &[Account]) -> Plan {
    Plan {
        address: server.address,
        requests: accounts::log_ins(server.address, accounts),
        arrivals: Arrivals::Closed {
            seconds: SECONDS + 2.0 * FLOOD_LEAD.as_secs_f64(),
        },
        may_shed: true,
    }
}

fn figures(capacity: Spread, quiet: &[Latency], flooded: &[(Latency, Outcome)]) -> Vec<Figure> {
    let calm = |pick: fn(&Latency) -> f64| quiet.iter().map(pick).collect::<Vec<_>>();
    let busy =
        |pick: fn(&Latency) -> f64| flooded.iter().map(|(it, _)| pick(it)).collect::<Vec<_>>();
    let floods = |pick: fn(&Outcome) -> f64| Spread::of(flooded.iter().map(|(_, it)| pick(it)));
    let both = |name: &str, pick| {
        [
            Figure::plain(format!("{name}, without"), "µs", Spread::of(calm(pick))),
            Figure::plain(format!("{name}, with"), "µs", Spread::of(busy(pick))),
        ]
    };
    let tail = Spread::of_ratios(&busy(|it| it.p99), &calm(|it| it.p99));
    let mut figures = vec![Figure::held_to(
        TAIL,
        "p99 with a flood of log-ins ÷ without",
        "",
        tail,
    )];
    figures.extend(both("p50", |it| it.p50));
    figures.extend(both("p99", |it| it.p99));
    figures.extend(both("p99.9", |it| it.p999));
    figures.push(Figure::plain(
        "Capacity, of which a fifth was sent",
        "/s",
        capacity,
    ));
    figures.push(Figure::plain(
        "Log-ins during the flood",
        "/s",
        floods(Outcome::rate),
    ));
    figures.push(Figure::plain(
        "Log-ins shed with 503",
        "",
        floods(|it| it.shed as f64),
    ));
    figures
}
