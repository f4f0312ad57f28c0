//! What must hold in every state, and what must be possible, or nothing would be shown.

use stateright::Property;

use crate::system::{Acknowledged, At, Began, Check, Ending, Model, State, Verdict};

pub(crate) const BOUND: &str =
    "no check that began over `staleness` after the acknowledgement is accepted";
pub(crate) const AT_ONCE: &str =
    "no check that began after the acknowledgement is accepted where it was given";
pub(crate) const WAKING: &str = "no check is accepted from the cache by a clock that shows over `staleness` after the acknowledgement";
pub(crate) const REVOKED: &str = "no check is refused unless the session was revoked";

pub(crate) fn always() -> Vec<Property<Model>> {
    vec![
        Property::always(BOUND, |_, state: &State| {
            accepted(state).is_none_or(|began| began != Began::TooLate)
        }),
        Property::always(AT_ONCE, |model: &Model, state: &State| {
            model.acknowledged == Acknowledged::Elsewhere
                || accepted(state).is_none_or(|began| began == Began::BeforeTheAcknowledgement)
        }),
        // A history ends with its answer, so the time is that of the clock that the answer was given by.
        Property::always(WAKING, |model: &Model, state: &State| {
            !is_answered(state, Verdict::Recalled) || !state.is_too_late(model)
        }),
        Property::always(REVOKED, |_, state: &State| {
            !is_answered(state, Verdict::Refused) || state.store.is_revoked()
        }),
    ]
}

pub(crate) fn sometimes(model: &Model) -> Vec<Property<Model>> {
    let mut properties = vec![
        Property::sometimes("a check is accepted from the cache", |_, state: &State| {
            is_answered(state, Verdict::Recalled)
        }),
        Property::sometimes("a check is accepted by the store", |_, state: &State| {
            is_answered(state, Verdict::Accepted)
        }),
        Property::sometimes("a check is refused", |_, state: &State| {
            is_answered(state, Verdict::Refused)
        }),
        Property::sometimes("a check is answered 503", |_, state: &State| {
            is_answered(state, Verdict::Unavailable)
        }),
        Property::sometimes("a fill comes too late", |_, state: &State| {
            let mut flights = state.node.flights.iter().flatten();
            flights.any(|flight| flight.outdated && flight.saw.is_some())
        }),
    ];
    if model.overtaking {
        let overtaken = "transactions commit out of order";
        properties.push(Property::sometimes(overtaken, |_, state: &State| {
            state.store.is_out_of_order()
        }));
    }
    if model.acknowledged == Acknowledged::Elsewhere {
        let stale = "a revoked session is accepted elsewhere, within the bound";
        properties.push(Property::sometimes(stale, |_, state: &State| {
            accepted(state) == Some(Began::Within) && is_answered(state, Verdict::Recalled)
        }));
    }
    if model.ending == Ending::OfAll {
        let outlived = "a session stays cached beside its user's next epoch";
        properties.push(Property::sometimes(outlived, |_, state: &State| {
            state.node.is_outlived()
        }));
    }
    properties
}

fn is_answered(state: &State, verdict: Verdict) -> bool {
    (state.check).is_some_and(|check| check.at == At::Answered(verdict))
}

/// When the check began that is accepted.
fn accepted(state: &State) -> Option<Began> {
    let Check { began, at } = state.check?;
    matches!(at, At::Answered(Verdict::Recalled | Verdict::Accepted)).then_some(began)
}
