//! The whole: one store, the node that is watched, one check on it, and time.

use crate::node::{Era, Flight, Node, Of};
use crate::store::{Store, Transaction, Which};

/// Where the revocation is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Acknowledged {
    /// By the node that is watched, which forgets before it answers.
    Here,
    /// By another, of which this node hears by the feed.
    Elsewhere,
}

/// What the revocation ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// This session: its row goes.
    OfOne,
    /// Every session of its user: the user's epoch goes up.
    OfAll,
}

/// What can be done wrong. The checker must notice each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mutant {
    FillsWithoutTheGeneration,
    TrustsFromTheEndOfABeat,
    ReadsTrustAfterTheCache,
    ReadsTheClockBeforeTheCache,
    GoesOnFromTheGreatestId,
    ForgetsOnlyWhatIsCached,
    ForgetsInOneShard,
    RecallsAnyEpoch,
    JoinsWithoutTheGeneration,
    JoinsAtAnyAge,
    AcknowledgesBeforeItForgets,
    RenewsTrustFirst,
    RefusesOnAFault,
}

/// What is explored.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Model {
    pub(crate) acknowledged: Acknowledged,
    pub(crate) ending: Ending,
    /// Ticks for which the cache is believed after the last reading of the feed began.
    pub(crate) staleness: u8,
    /// Reads of the store that are under way at once.
    pub(crate) flights: usize,
    /// Whether there is another transaction, which the revocation can overtake or be overtaken by.
    pub(crate) overtaking: bool,
    pub(crate) mutant: Option<Mutant>,
}

/// When a check began, as far as the promises ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Began {
    BeforeTheAcknowledgement,
    Within,
    /// More than the staleness after it.
    TooLate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Verdict {
    /// Accepted from the cache.
    Recalled,
    /// Accepted by a read of the store.
    Accepted,
    /// 401.
    Refused,
    /// 503.
    Unavailable,
}

/// How far a check is. Its trust is for how many ticks what it has read of the node's trust still holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum At {
    /// It read until when the cache is believed; the cache comes next.
    ReadTrust {
        trust: u8,
    },
    /// It looked into the cache; the clock comes next.
    LookedUp {
        hit: bool,
        trust: u8,
    },
    /// The cache does not do, and the clock was read: a flight is joined or begun next.
    Asking,
    Waiting,
    Answered(Verdict),
}

/// The check that is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Check {
    pub(crate) began: Began,
    pub(crate) at: At,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) store: Store,
    /// Whether the node that revoked has forgotten.
    pub(crate) forgotten: bool,
    /// Ticks since the revocation was acknowledged; one more than the staleness stands for all that is longer.
    pub(crate) acknowledged: Option<u8>,
    pub(crate) node: Node,
    pub(crate) check: Option<Check>,
}

/// One step. Numbers are those of flights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Tick,
    Begin(Which),
    Commit(Which),
    RollBackTheOther,
    Forget,
    Acknowledge,
    BeginBeat,
    ReadFeed,
    FollowBeat,
    LoseBeat,
    /// Another check finds nothing in the cache.
    BeginFlight(Of),
    ReadStore(usize),
    Land(usize),
    LoseFlight(usize),
    BeginCheck,
    LookUp,
    ReadTheClock,
    Join(usize),
    BeginOwnFlight,
    GiveUp,
}

impl Model {
    /// The same on the node that acknowledges the revocation.
    pub(crate) const fn here(self) -> Self {
        Self {
            acknowledged: Acknowledged::Here,
            ..self
        }
    }

    pub(crate) fn is(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    /// Whether the check may wait for a flight that is under way.
    pub(crate) fn may_join(&self, flight: &Flight) -> bool {
        flight.of == Of::TheSession
            && (flight.young || self.is(Mutant::JoinsAtAnyAge))
            && (!flight.outdated || self.is(Mutant::JoinsWithoutTheGeneration))
    }
}

impl State {
    pub(crate) fn new(ending: Ending) -> Self {
        Self {
            store: Store::new(),
            forgotten: false,
            acknowledged: None,
            node: Node::new(ending),
            check: None,
        }
    }

    pub(crate) fn is_too_late(&self, model: &Model) -> bool {
        self.acknowledged.is_some_and(|age| age > model.staleness)
    }

    pub(crate) fn take(&mut self, action: Action, model: &Model) {
        match action {
            Action::Tick => self.tick(model),
            Action::Begin(which) => {
                *self.store.transaction(which) = Transaction::Open(self.store.next_xid());
            }
            Action::Commit(which) => self.store.commit(which),
            Action::RollBackTheOther => self.store.other = Transaction::RolledBack,
            Action::Forget => {
                self.node.forget(model);
                self.forgotten = true;
            }
            Action::Acknowledge => self.acknowledged = Some(0),
            Action::BeginBeat => self.node.begin_beat(),
            Action::ReadFeed => self.read_feed(model),
            Action::FollowBeat => self.node.follow(model),
            Action::LoseBeat => self.node.beat = None,
            Action::BeginFlight(of) => self.begin_flight(of, false),
            Action::ReadStore(flight) => self.read_store(flight),
            Action::Land(flight) => self.land(flight, model),
            Action::LoseFlight(flight) => self.lose(flight, model),
            Action::BeginCheck => self.begin_check(model),
            Action::LookUp => self.look_up(model),
            Action::ReadTheClock => self.read_the_clock(model),
            Action::Join(flight) => self.join(flight),
            Action::BeginOwnFlight => self.begin_own_flight(),
            Action::GiveUp => self.leave(),
        }
        self.node.flights.sort_unstable();
    }

    fn tick(&mut self, model: &Model) {
        self.acknowledged = (self.acknowledged).map(|age| (age + 1).min(model.staleness + 1));
        self.node.tick(model);
        if let Some(At::ReadTrust { trust } | At::LookedUp { trust, .. }) = self.at()
            && !model.is(Mutant::ReadsTheClockBeforeTheCache)
        {
            *trust = trust.saturating_sub(1);
        }
    }

    fn at(&mut self) -> Option<&mut At> {
        self.check.as_mut().map(|check| &mut check.at)
    }

    fn read_feed(&mut self, model: &Model) {
        let by_greatest_id = model.is(Mutant::GoesOnFromTheGreatestId);
        let answer = self.store.read(self.node.cursor(), by_greatest_id);
        self.node.hear(answer);
    }

    fn begin_flight(&mut self, of: Of, awaited: bool) {
        let young = self.check.is_some_and(|check| check.at == At::Asking);
        self.node.begin_flight(Flight::new(of, young, awaited));
    }

    fn read_store(&mut self, flight: usize) {
        let era = if self.store.is_revoked() {
            Era::AfterTheRevocation
        } else {
            Era::BeforeTheRevocation
        };
        if let Some(flight) = &mut self.node.flights[flight] {
            flight.saw = Some(era);
        }
    }

    fn land(&mut self, flight: usize, model: &Model) {
        let Some(flight) = self.node.flights[flight].take() else {
            return;
        };
        self.node.fill(flight, model);
        if flight.awaited {
            self.answer(match flight.saw {
                Some(Era::BeforeTheRevocation) => Verdict::Accepted,
                _ => Verdict::Refused,
            });
        }
    }

    fn lose(&mut self, flight: usize, model: &Model) {
        let Some(flight) = self.node.flights[flight].take() else {
            return;
        };
        if flight.awaited {
            let wrong = model.is(Mutant::RefusesOnAFault);
            self.answer(if wrong {
                Verdict::Refused
            } else {
                Verdict::Unavailable
            });
        }
    }

    /// A check begins with its first look at what others change: one that began before, and waited, would be held to less.
    fn begin_check(&mut self, model: &Model) {
        let began = match self.acknowledged {
            None => Began::BeforeTheAcknowledgement,
            Some(_) if self.is_too_late(model) => Began::TooLate,
            Some(_) => Began::Within,
        };
        let at = At::ReadTrust {
            trust: self.node.trust(),
        };
        self.check = Some(Check { began, at });
    }

    fn look_up(&mut self, model: &Model) {
        let hit = self.node.recalls(model);
        if let Some(at) = self.at()
            && let At::ReadTrust { trust } = *at
        {
            let trust = if hit { trust } else { 0 };
            *at = At::LookedUp { hit, trust };
        }
        // In this mutant the clock was read with the trust, and nothing comes between looking up and deciding.
        if model.is(Mutant::ReadsTheClockBeforeTheCache) {
            self.read_the_clock(model);
        }
    }

    /// What follows from the clock follows from nothing that others change, so it is no step of its own.
    fn read_the_clock(&mut self, model: &Model) {
        let Some(Check {
            at: At::LookedUp { hit, trust },
            ..
        }) = self.check
        else {
            return;
        };
        let late = model.is(Mutant::ReadsTrustAfterTheCache);
        let trust = if late { self.node.trust() } else { trust };
        if hit && trust > 0 {
            self.answer(Verdict::Recalled);
        } else {
            self.node.judge_flights(model);
            self.go_to(At::Asking);
        }
    }

    fn join(&mut self, flight: usize) {
        if let Some(flight) = &mut self.node.flights[flight] {
            flight.awaited = true;
        }
        self.wait();
    }

    fn begin_own_flight(&mut self) {
        self.begin_flight(Of::TheSession, true);
        self.wait();
    }

    fn wait(&mut self) {
        self.node.settle();
        self.go_to(At::Waiting);
    }

    fn answer(&mut self, verdict: Verdict) {
        self.go_to(At::Answered(verdict));
    }

    fn go_to(&mut self, next: At) {
        if let Some(at) = self.at() {
            *at = next;
        }
    }

    /// The client hangs up, or the deadline passes: what was begun goes on without it.
    fn leave(&mut self) {
        self.check = None;
        self.node.settle();
        self.node
            .flights
            .iter_mut()
            .flatten()
            .for_each(|flight| flight.awaited = false);
    }
}
