//! Whoever registered can log in, unless something kept them out; whoever was disabled cannot.

use super::known::Known;
use super::{Rule, Violation};
use crate::history::{Answer, Asked, Event, History, User};

pub(super) fn check(history: &History, known: &Known<'_>) -> Vec<Violation> {
    let log_ins = history.events.iter().filter_map(|event| match event.asked {
        Asked::LogIn(user) => Some((event, user)),
        _ => None,
    });
    log_ins
        .filter_map(|(event, user)| match event.answer {
            Answer::Refused => lost_account(event, user, known),
            Answer::Yes(_) => lost_disabling(event, user, known),
            _ => None,
        })
        .collect()
}

/// A log-in is refused while the account is disabled, and where something raised the account's epoch on its way.
fn lost_account(log_in: &Event, user: User, known: &Known<'_>) -> Option<Violation> {
    let registration = known
        .registration(user)
        .filter(|registration| registration.end <= log_in.begin)?;
    let excuse = |change: &Event| {
        let overlaps = change.is_in_doubt() || change.end >= log_in.begin;
        change.begin <= log_in.end
            && (overlaps || is_standing_disabling(change, user, known, log_in))
    };
    let excused = known.changes_of(user).any(excuse);
    (!excused).then(|| Violation::of(Rule::Lost, [*registration, *log_in]))
}

/// Whether the account was disabled by this and not surely enabled again before the log-in.
fn is_standing_disabling(change: &Event, user: User, known: &Known<'_>, log_in: &Event) -> bool {
    let enabled = |later: &Event| {
        matches!(later.asked, Asked::Enable(_))
            && later.is_acknowledged()
            && later.begin >= change.end
            && later.end <= log_in.begin
    };
    matches!(change.asked, Asked::Disable(_)) && !known.changes_of(user).any(enabled)
}

fn lost_disabling(log_in: &Event, user: User, known: &Known<'_>) -> Option<Violation> {
    let perhaps_enabled = |disabling: &Event| {
        known.changes_of(user).any(|later| {
            matches!(later.asked, Asked::Enable(_))
                && later.begin <= log_in.end
                && (later.is_in_doubt() || later.end >= disabling.begin)
        })
    };
    let disabling = known.changes_of(user).find(|change| {
        matches!(change.asked, Asked::Disable(_))
            && change.is_acknowledged()
            && change.end < log_in.begin
            && !perhaps_enabled(change)
    })?;
    Some(Violation::of(Rule::Lost, [*disabling, *log_in]))
}
