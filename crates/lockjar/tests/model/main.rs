//! The life and end of a session as a model, which stateright explores to the end: every order in which the steps of the
//! cache, the change feed, the flights and the checks can come, and every pause between two of them.
//!
//! What is modelled:
//!
//! - A store as PostgreSQL is one. A transaction is given its number and its row in the feed when it begins, and may commit
//!   after one that began later. One transaction revokes the session, or raises its user's epoch; another, about somebody
//!   else, overtakes it, is overtaken, or is rolled back.
//! - A node: its cursor, the cached session and user, each shard's generation (as what it does to tickets), the trust; one
//!   reading of the feed and two of the store under way, each of which may stop for ever or be lost between any two steps.
//! - A check: it reads until when the cache is believed, looks into the cache, reads the clock, and is answered or joins a
//!   flight or begins one. Between any two of these everything else may happen, or time alone may pass, which is how a
//!   frozen process looks.
//!
//! What makes that small, and leaves nothing out:
//!
//! - **One node is enough for any number.** Nodes meet in the store alone, so a history that breaks a promise on one of them
//!   breaks it without the steps of the others too. The node is the one that acknowledges the revocation, or another.
//! - **One check is enough.** A promise is broken by one answer. All that other checks do to it is to begin flights, which
//!   may begin at any time.
//! - **Time has no end.** It is kept as ages, which stop where being older makes no difference.
//!
//! What bounds it: two flights at a time, one where transactions overtake each other, and one of each session where all of a
//! user's sessions end; a staleness of two ticks, or of one there.
//!
//! What isn't: secrets, expiry and touches; signing keys; restarts and another store under the same name; more than one
//! revocation of a session; SQLite's feed, whose transactions commit in the order of their ids; forgetting a user, which
//! passes through the shards one by one, is one step here, and so is looking up session and user. Nor is the code itself
//! run: `auth/tests.rs` does that.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod actions;
mod mistakes;
mod node;
mod promises;
mod store;
mod system;

use stateright::{Checker, Model as _};

use crate::system::{Acknowledged, Ending, Model};

/// One flight, and another transaction that commits before or after.
const OVERTAKING: Model = Model {
    acknowledged: Acknowledged::Elsewhere,
    ending: Ending::OfOne,
    staleness: 2,
    flights: 1,
    overtaking: true,
    mutant: None,
};

/// Two flights, and the revocation alone.
const TWO_FLIGHTS: Model = Model {
    flights: 2,
    overtaking: false,
    ..OVERTAKING
};

/// The user's epoch goes up: a flight of the session, and one of another session of the user.
const OF_ALL: Model = Model {
    ending: Ending::OfAll,
    staleness: 1,
    ..TWO_FLIGHTS
};

/// Explores the model to the end. So many states there are at least, or something no longer happens.
fn keeps_every_promise(model: Model, states: usize) {
    let explored = model.checker().spawn_bfs().join();
    assert!(explored.is_done());
    explored.assert_properties();
    let found = explored.unique_state_count();
    assert!(found >= states, "{found} states");
}

#[test]
fn a_revocation_is_final_where_it_is_acknowledged() {
    keeps_every_promise(OVERTAKING.here(), 630_000);
}

#[test]
fn a_revocation_is_final_elsewhere_within_the_bound() {
    keeps_every_promise(OVERTAKING, 620_000);
}

#[test]
fn a_revocation_is_final_among_several_flights_where_it_is_acknowledged() {
    keeps_every_promise(TWO_FLIGHTS.here(), 440_000);
}

#[test]
fn a_revocation_is_final_among_several_flights_elsewhere() {
    keeps_every_promise(TWO_FLIGHTS, 410_000);
}

#[test]
fn a_mass_revocation_is_final_where_it_is_acknowledged() {
    keeps_every_promise(OF_ALL.here(), 480_000);
}

#[test]
fn a_mass_revocation_is_final_elsewhere_within_the_bound() {
    keeps_every_promise(OF_ALL, 390_000);
}
