//! Which steps are possible.

use crate::node::{Of, Stage};
use crate::promises;
use crate::store::{Store, Transaction, Which};
use crate::system::{Acknowledged, Action, At, Check, Ending, Model, Mutant, State};
use stateright::Property;

impl stateright::Model for Model {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::new(self.ending)]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        // An answer ends a history. Whatever can follow it follows in a history in which the check gave up before.
        if matches!(
            state.check,
            Some(Check {
                at: At::Answered(_),
                ..
            })
        ) {
            return;
        }
        actions.push(Action::Tick);
        self.of_transactions(state, actions);
        self.of_acknowledgement(state, actions);
        of_beat(state, actions);
        self.of_flights(state, actions);
        self.of_check(state, actions);
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = *state;
        next.take(action, self);
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = promises::always();
        if self.mutant.is_none() {
            properties.extend(promises::sometimes(self));
        }
        properties
    }
}

fn of_transaction(which: Which, transaction: Transaction, actions: &mut Vec<Action>) {
    match transaction {
        Transaction::NotBegun => actions.push(Action::Begin(which)),
        Transaction::Open(_) => actions.push(Action::Commit(which)),
        Transaction::Committed(_) | Transaction::RolledBack => {}
    }
}

fn of_beat(state: &State, actions: &mut Vec<Action>) {
    let Some(beat) = state.node.beat else {
        return actions.push(Action::BeginBeat);
    };
    actions.push(Action::LoseBeat);
    actions.push(match beat.stage {
        Stage::Asked => Action::ReadFeed,
        Stage::Read(_) | Stage::HalfDone(_) => Action::FollowBeat,
    });
}

impl Model {
    fn of_transactions(&self, state: &State, actions: &mut Vec<Action>) {
        let Store { revocation, other } = state.store;
        of_transaction(Which::Revocation, revocation, actions);
        if self.overtaking {
            of_transaction(Which::Other, other, actions);
            if matches!(other, Transaction::Open(_)) {
                actions.push(Action::RollBackTheOther);
            }
        }
    }

    /// Commit, forget, answer: in this order, or (a mutant) in another. What another node forgets is nothing to this one.
    fn of_acknowledgement(&self, state: &State, actions: &mut Vec<Action>) {
        if !state.store.is_revoked() {
            return;
        }
        let here = self.acknowledged == Acknowledged::Here;
        let early = self.is(Mutant::AcknowledgesBeforeItForgets);
        let answered = state.acknowledged.is_some();
        if here && !state.forgotten && (answered || !early) {
            actions.push(Action::Forget);
        }
        if !answered && (!here || state.forgotten || early) {
            actions.push(Action::Acknowledge);
        }
    }

    fn of_flights(&self, state: &State, actions: &mut Vec<Action>) {
        if state.node.has_room(Of::TheSession, self) {
            actions.push(Action::BeginFlight(Of::TheSession));
        }
        if self.ending == Ending::OfAll && state.node.has_room(Of::ASibling, self) {
            actions.push(Action::BeginFlight(Of::ASibling));
        }
        for (index, flight) in state.node.flights.iter().enumerate() {
            let Some(flight) = flight else { continue };
            actions.push(Action::LoseFlight(index));
            actions.push(match flight.saw {
                None => Action::ReadStore(index),
                Some(_) => Action::Land(index),
            });
        }
    }

    fn of_check(&self, state: &State, actions: &mut Vec<Action>) {
        let Some(check) = state.check else {
            return actions.push(Action::BeginCheck);
        };
        actions.push(Action::GiveUp);
        match check.at {
            At::ReadTrust { .. } => actions.push(Action::LookUp),
            At::LookedUp { .. } => actions.push(Action::ReadTheClock),
            At::Asking => self.of_asking(state, actions),
            At::Waiting | At::Answered(_) => {}
        }
    }

    fn of_asking(&self, state: &State, actions: &mut Vec<Action>) {
        if state.node.has_room(Of::TheSession, self) {
            actions.push(Action::BeginOwnFlight);
        }
        for (index, flight) in state.node.flights.iter().enumerate() {
            if flight.is_some_and(|flight| self.may_join(&flight)) {
                actions.push(Action::Join(index));
            }
        }
    }
}
