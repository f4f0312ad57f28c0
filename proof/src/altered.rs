//! The recorded history with one event changed so that a promise is broken. A checker that passed it would have passed
//! anything, so it is asked after every run.

use std::time::Duration;

use crate::checker::{Bounds, check};
use crate::history::{Answer, Asked, Event, History, Session, User};

/// One change: its name, and what it makes of the history where there is something to change.
struct Alteration {
    name: &'static str,
    change: fn(&mut History, &Bounds) -> Option<()>,
}

const ALTERATIONS: &[Alteration] = &[
    Alteration {
        name: "an accepted check moved beyond the bound",
        change: move_beyond_the_bound,
    },
    Alteration {
        name: "a check accepted where the log-out was acknowledged",
        change: accept_where_acknowledged,
    },
    Alteration {
        name: "a logged-in user refused",
        change: refuse_the_logged_in,
    },
    Alteration {
        name: "an acknowledged log-out undone at the end",
        change: undo_a_log_out,
    },
    Alteration {
        name: "a registered account unknown at the end",
        change: forget_an_account,
    },
    Alteration {
        name: "a node not ready at the end",
        change: not_ready,
    },
];

/// The alterations of this history, which has no violation, that were refused, and those that passed or were not possible.
pub(crate) fn try_all(
    history: &History,
    bounds: &Bounds,
) -> (Vec<&'static str>, Vec<&'static str>) {
    let refused = |alteration: &&Alteration| {
        let mut altered = history.clone();
        let changed = (alteration.change)(&mut altered, bounds).is_some();
        altered.events.sort_by_key(|event| event.begin);
        changed && !check(&altered, bounds).violations.is_empty()
    };
    let (refused, passed): (Vec<_>, Vec<_>) = ALTERATIONS.iter().partition(refused);
    let names = |list: Vec<&Alteration>| list.iter().map(|it| it.name).collect();
    (names(refused), names(passed))
}

/// The acknowledged log-outs, with their sessions.
fn log_outs(history: &History) -> Vec<(Event, Session)> {
    let log_outs = history.events.iter().filter_map(|event| match event.asked {
        Asked::LogOut(session) if event.is_acknowledged() => Some((*event, session)),
        _ => None,
    });
    log_outs.collect()
}

fn find(history: &mut History, wanted: impl Fn(&Event) -> bool) -> Option<&mut Event> {
    history.events.iter_mut().rev().find(|event| wanted(event))
}

fn move_beyond_the_bound(history: &mut History, bounds: &Bounds) -> Option<()> {
    let (log_out, session) = log_outs(history).into_iter().next()?;
    let accepted = find(history, |event| {
        event.asked == Asked::Check(session) && event.is_acknowledged()
    })?;
    let took = accepted.end - accepted.begin;
    accepted.begin = log_out.end + bounds.staleness + Duration::from_millis(1);
    accepted.end = accepted.begin + took;
    Some(())
}

fn accept_where_acknowledged(history: &mut History, bounds: &Bounds) -> Option<()> {
    log_outs(history)
        .into_iter()
        .find_map(|(log_out, session)| {
            let soon = |event: &Event| {
                event.begin > log_out.end && event.begin < log_out.end + bounds.staleness
            };
            let check = find(history, |event| {
                event.asked == Asked::Check(session)
                    && event.node == log_out.node
                    && event.answer == Answer::Refused
                    && soon(event)
            })?;
            check.answer = Answer::Yes(None);
            Some(())
        })
}

fn refuse_the_logged_in(history: &mut History, _: &Bounds) -> Option<()> {
    let session = untouched(history)?;
    let check = find(history, |event| {
        event.asked == Asked::Check(session) && event.is_acknowledged()
    })?;
    check.answer = Answer::Refused;
    Some(())
}

/// A session that nobody ever asked to end, by whatever means.
fn untouched(history: &History) -> Option<Session> {
    let revocations = || history.events.iter().filter(|event| event.is_revocation());
    let touched = |user: User, session: Session| {
        revocations().any(|event| match event.asked {
            Asked::LogOut(other) => other == session,
            Asked::LogOutEverywhere(other, _)
            | Asked::ChangePassword(other, _)
            | Asked::Disable(other) => other == user,
            _ => false,
        })
    };
    history.events.iter().find_map(|event| match event.asked {
        Asked::LogIn(user) => event.opened().filter(|session| !touched(user, *session)),
        _ => None,
    })
}

fn undo_a_log_out(history: &mut History, _: &Bounds) -> Option<()> {
    let sweep = history.sweep;
    let (_, session) = log_outs(history).into_iter().next()?;
    let last = find(history, |event| {
        event.begin >= sweep && event.asked == Asked::Check(session)
    })?;
    last.answer = Answer::Yes(None);
    Some(())
}

fn forget_an_account(history: &mut History, _: &Bounds) -> Option<()> {
    let sweep = history.sweep;
    let last = find(history, |event| {
        event.begin >= sweep && event.is_acknowledged() && matches!(event.asked, Asked::LogIn(_))
    })?;
    last.answer = Answer::Refused;
    Some(())
}

fn not_ready(history: &mut History, _: &Bounds) -> Option<()> {
    let sweep = history.sweep;
    let probe = find(history, |event| {
        event.begin >= sweep && event.asked == Asked::Ready && event.is_acknowledged()
    })?;
    probe.answer = Answer::Unavailable;
    Some(())
}
