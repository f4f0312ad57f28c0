//! Holds what one person was told against what the server says after a crash. What had no answer may be either: which of
//! both it is, is found out here, by halves it must not be, and from now on it has to stay so.

use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::door::Door;
use crate::person::{Doubt, Known, Person, Visit};
use crate::site::Strategy;
use crate::told::{Act, Told, Violation};

/// Longer than anybody is told to wait for the next attempt after some that a fault cut off.
const WAIT: Duration = Duration::from_secs(8);

pub(crate) fn at(person: &mut Person, strategy: Strategy, door: &Door, told: &Told) {
    let Some(seen) = sessions(person, door, told) else {
        return;
    };
    match person.doubt.take() {
        Some(doubt) => resolve(person, doubt, &seen, door, told),
        None => compare(person, &seen, told),
    }
    if strategy == Strategy::Jwt {
        refresh(person, door, told);
    }
    passwords(person, door, told);
    person.moved = false;
}

/// Which of the sessions the server knows. None if it did not say, which is a violation already.
fn sessions(person: &Person, door: &Door, told: &Told) -> Option<Vec<Known>> {
    let look = |visit: &Visit| {
        let answer = door.get("/protected", &visit.header());
        match answer.map(|answer| answer.status) {
            Some(200) => Some(Known::There),
            Some(401) => Some(Known::Gone),
            other => {
                let what = format!(
                    "a session of {} is neither in nor out: {other:?}",
                    person.name
                );
                told.violation(Violation::Unexpected(what));
                None
            }
        }
    };
    let seen: Vec<_> = person.visits.iter().map(look).collect();
    told.notes().sessions += seen.len();
    seen.into_iter().collect()
}

/// Nothing is in doubt: every session is as it was told.
fn compare(person: &mut Person, seen: &[Known], told: &Told) {
    for (visit, seen) in person.visits.iter_mut().zip(seen) {
        mismatch(&person.name, visit.known, *seen, told);
        visit.known = *seen;
    }
}

/// Reports what is not as it was told.
fn mismatch(name: &str, known: Known, seen: Known, told: &Told) {
    match (known, seen) {
        (Known::There, Known::Gone) => {
            told.violation(Violation::Lost(format!("a session of {name}")));
        }
        (Known::Gone, Known::There) => {
            let what = format!("a session of {name} that had ended");
            told.violation(Violation::CameBack(what));
        }
        _ => {}
    }
}

fn resolve(person: &mut Person, doubt: Doubt, seen: &[Known], door: &Door, told: &Told) {
    let done = match doubt.act {
        // A session of which nobody has the cookie cannot be seen; whoever has no answer to a refresh asks again, below.
        Act::LogIn | Act::Refresh => None,
        Act::SignUp => {
            let entered = enters(person, person.version, door, told);
            if entered {
                person.known = Known::There;
            }
            Some(entered)
        }
        Act::LogOut => {
            let by = doubt.by.filter(|by| seen.get(*by) == Some(&Known::Gone));
            if let Some(by) = by {
                person.visits[by].known = Known::Gone;
            }
            Some(by.is_some())
        }
        Act::LogOutEverywhere => Some(all_ended(person, seen, told)),
        Act::ChangePassword => {
            let done = all_ended(person, seen, told);
            // Both are one act: the sessions say what the password is.
            person.version += u32::from(done);
            Some(done)
        }
    };
    let mut notes = told.notes();
    notes.done += usize::from(done == Some(true));
    notes.not_done += usize::from(done == Some(false));
    drop(notes);
    compare(person, seen, told);
}

/// Whether all sessions that were open have ended; if some have and some have not, that is no outcome.
fn all_ended(person: &mut Person, seen: &[Known], told: &Told) -> bool {
    let open = person.open();
    let ended = open.iter().filter(|index| seen[**index] == Known::Gone);
    let ended = ended.count();
    if ended > 0 && ended < open.len() {
        let (name, all) = (&person.name, open.len());
        let what = format!("{ended} of {all} sessions of {name} ended by an act that ends all");
        told.violation(Violation::Torn(what));
    }
    if ended > 0 {
        person.end_all();
    }
    ended > 0
}

/// The refresh token that was handed out last still works, also where the answer to its last use was lost.
fn refresh(person: &mut Person, door: &Door, told: &Told) {
    for index in person.open().into_iter().rev().take(2) {
        if person.ask(Act::Refresh, Some(index), door, told).is_none() {
            let what = format!("no answer to a refresh by {}", person.name);
            told.violation(Violation::Unexpected(what));
        }
    }
}

/// The password that was told opens the door, and the one before does not; no password of an account that is not there does.
fn passwords(person: &mut Person, door: &Door, told: &Told) {
    if person.known == Known::Gone {
        if enters(person, person.version, door, told) {
            let what = format!("{}, whom the server had refused", person.name);
            told.violation(Violation::CameBack(what));
        }
        return;
    }
    if !log_in(person, door, told) {
        let what = format!("the account of {}, or its password", person.name);
        told.violation(Violation::Lost(what));
    }
    if let Some(before) = person.version.checked_sub(1)
        && enters(person, before, door, told)
    {
        let what = format!("the password that {} had before", person.name);
        told.violation(Violation::CameBack(what));
    }
}

/// Whether the password that was told opens the door, if need be after a wait.
fn log_in(person: &mut Person, door: &Door, told: &Told) -> bool {
    let (start, entered) = (Instant::now(), person.visits.len());
    while person.ask(Act::LogIn, None, door, told) == Some(429) && start.elapsed() < WAIT {
        sleep(Duration::from_millis(500));
    }
    person.visits.len() > entered
}

/// Whether a password opens the door. Nobody keeps the cookie.
fn enters(person: &Person, version: u32, door: &Door, told: &Told) -> bool {
    told.notes().passwords += 1;
    let answer = door.post("/login", "", &person.form(version));
    match answer.map(|answer| answer.status) {
        Some(200) => true,
        Some(401) => false,
        other => {
            let what = format!("a log-in of {} was answered {other:?}", person.name);
            told.violation(Violation::Unexpected(what));
            false
        }
    }
}
