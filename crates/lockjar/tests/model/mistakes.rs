//! Each mistake breaks the promise that is named beside it.

use std::collections::BTreeSet;

use stateright::{Checker, HasDiscoveries, Model as _};

use crate::promises::{AT_ONCE, BOUND, REVOKED, WAKING};
use crate::system::{Model, Mutant};
use crate::{OF_ALL, OVERTAKING, TWO_FLIGHTS};

/// One flight, and the revocation alone: enough for most.
const SMALL: Model = Model {
    flights: 1,
    ..TWO_FLIGHTS
};

/// The shortest history is enough.
fn breaks(promise: &'static str, model: Model, mutant: Mutant) {
    let mutant = Some(mutant);
    let explored = Model { mutant, ..model }
        .checker()
        .finish_when(HasDiscoveries::AllOf(BTreeSet::from([promise])))
        .spawn_bfs()
        .join();
    assert!(
        explored.discovery(promise).is_some(),
        "{mutant:?} is not noticed"
    );
}

#[test]
fn a_fill_without_the_generation_revives_what_was_forgotten() {
    breaks(AT_ONCE, SMALL.here(), Mutant::FillsWithoutTheGeneration);
    breaks(BOUND, SMALL, Mutant::FillsWithoutTheGeneration);
}

#[test]
fn forgetting_only_what_is_cached_lets_a_fill_come_after_the_end() {
    breaks(AT_ONCE, SMALL.here(), Mutant::ForgetsOnlyWhatIsCached);
    breaks(BOUND, SMALL, Mutant::ForgetsOnlyWhatIsCached);
}

#[test]
fn forgetting_a_user_in_one_shard_lets_a_sibling_revive_the_session() {
    breaks(AT_ONCE, OF_ALL.here(), Mutant::ForgetsInOneShard);
    breaks(BOUND, OF_ALL, Mutant::ForgetsInOneShard);
}

#[test]
fn a_session_that_is_recalled_with_any_epoch_outlives_the_mass_revocation() {
    breaks(AT_ONCE, OF_ALL.here(), Mutant::RecallsAnyEpoch);
    breaks(BOUND, OF_ALL, Mutant::RecallsAnyEpoch);
}

#[test]
fn trust_from_the_end_of_a_slow_beat_outlasts_the_bound() {
    breaks(BOUND, SMALL, Mutant::TrustsFromTheEndOfABeat);
}

#[test]
fn trust_before_the_changes_are_applied_believes_what_they_end() {
    breaks(BOUND, SMALL, Mutant::RenewsTrustFirst);
}

/// A check finds a session in a cache that is believed no longer, and is interrupted; the feed is read again after an
/// outage, the session forgotten, trust renewed; the check asks whether the cache is believed, and it is.
#[test]
fn trust_that_is_read_after_the_look_up_is_trust_in_another_cache() {
    breaks(BOUND, SMALL, Mutant::ReadsTrustAfterTheCache);
}

#[test]
fn a_clock_that_is_read_before_the_look_up_lets_a_process_that_wakes_answer_from_the_past() {
    breaks(WAKING, SMALL, Mutant::ReadsTheClockBeforeTheCache);
}

/// The other promises are about when a check began, and no order of its steps makes it begin later.
#[test]
fn a_clock_that_is_read_before_the_look_up_breaks_no_other_promise() {
    let mutant = Some(Mutant::ReadsTheClockBeforeTheCache);
    let explored = Model {
        mutant,
        ..TWO_FLIGHTS
    }
    .checker()
    .spawn_bfs()
    .join();
    assert!(explored.is_done());
    for promise in [BOUND, AT_ONCE, REVOKED] {
        assert!(explored.discovery(promise).is_none(), "{promise}");
    }
}

#[test]
fn a_cursor_at_the_greatest_id_skips_what_commits_out_of_order() {
    breaks(BOUND, OVERTAKING, Mutant::GoesOnFromTheGreatestId);
}

#[test]
fn a_flight_joined_without_the_generation_answers_from_before_the_acknowledgement() {
    breaks(AT_ONCE, SMALL.here(), Mutant::JoinsWithoutTheGeneration);
}

#[test]
fn a_flight_joined_at_any_age_answers_from_before_the_bound() {
    breaks(BOUND, SMALL, Mutant::JoinsAtAnyAge);
}

#[test]
fn an_acknowledgement_before_forgetting_is_belied_by_the_next_check() {
    breaks(AT_ONCE, SMALL.here(), Mutant::AcknowledgesBeforeItForgets);
}

#[test]
fn a_fault_that_is_a_refusal_logs_out_the_living() {
    breaks(REVOKED, SMALL, Mutant::RefusesOnAFault);
}
