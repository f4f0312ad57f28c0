//! After the last fault every node serves again, by itself and soon, and goes on serving until the next.

use super::{Bounds, Evidence, Rule, Violation};
use crate::history::{Answer, Asked, Event, Fault, History, Moment, Node};

/// A time without faults that is long enough to ask for health, and the fault before it.
struct Quiet {
    begin: Moment,
    end: Moment,
    after: Option<Fault>,
}

pub(super) fn check(history: &History, bounds: &Bounds) -> Vec<Violation> {
    let mut violations = Vec::new();
    for quiet in quiet_times(history, bounds) {
        for node in 0..history.nodes {
            violations.extend(unhealthy(history, bounds, &quiet, node));
        }
    }
    violations
}

/// The faults are in the order in which they began, and may overlap.
fn quiet_times(history: &History, bounds: &Bounds) -> Vec<Quiet> {
    let mut times = Vec::new();
    let mut last: Option<Fault> = None;
    let end = Fault {
        kind: "the end",
        node: None,
        begin: history.end,
        end: history.end,
    };
    for fault in history.faults.iter().chain([&end]) {
        let begin = last.map_or(Moment::ZERO, |last| last.end);
        if begin + bounds.recovery < fault.begin {
            times.push(Quiet {
                begin,
                end: fault.begin,
                after: last,
            });
        }
        if last.is_none_or(|last| last.end < fault.end) {
            last = Some(*fault);
        }
    }
    times
}

/// The first sign that a node does not serve: an answer that is none, after it had its time; or no sign of health at all.
fn unhealthy(history: &History, bounds: &Bounds, quiet: &Quiet, node: Node) -> Option<Violation> {
    let since = quiet.begin + bounds.recovery;
    let within = |event: &&Event| {
        event.node == Some(node) && event.begin >= quiet.begin && event.end <= quiet.end
    };
    // The events are in the order in which they began.
    let first = history
        .events
        .partition_point(|event| event.begin < quiet.begin);
    let last = history
        .events
        .partition_point(|event| event.begin <= quiet.end);
    let events = &history.events[first..last];
    let sick = |event: &&Event| event.begin > since && !serves(event);
    let after = quiet.after.map(Evidence::Fault);
    let violation = |event: Option<&Event>| Violation {
        rule: Rule::Unhealthy,
        evidence: after
            .clone()
            .into_iter()
            .chain(event.map(|event| Evidence::Event(*event)))
            .collect(),
    };
    if let Some(event) = events.iter().filter(within).find(sick) {
        return Some(violation(Some(event)));
    }
    let well = |wanted: fn(&Event) -> bool| {
        let mut soon = events.iter().filter(within);
        soon.any(|event| wanted(event) && serves(event) && event.end <= since)
    };
    let is_well = well(|event| event.asked == Asked::Ready)
        && (quiet.after.is_none() || well(|event| matches!(event.asked, Asked::Check(_))));
    (!is_well).then(|| violation(None))
}

/// Hashing gives way to all else, so a machine that is busy with other things may be too slow for a client's patience.
fn serves(event: &Event) -> bool {
    let hashes = matches!(
        event.asked,
        Asked::Register(_) | Asked::LogIn(_) | Asked::ChangePassword(..)
    );
    match event.answer {
        Answer::Yes(_) | Answer::Refused | Answer::Overloaded => true,
        Answer::Silent => hashes,
        Answer::Unavailable | Answer::Other(_) => false,
    }
}
