//! What one process keeps in memory, and what it has under way.

use crate::store::{Answer, FIRST_XID, Xid};
use crate::system::{Ending, Model, Mutant};

/// Reads of the store that a node has under way at once.
pub(crate) const FLIGHTS: usize = 2;

/// What a read of the store saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Era {
    BeforeTheRevocation,
    AfterTheRevocation,
}

/// Whose row is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Of {
    /// The session that is checked.
    TheSession,
    /// Another session of its user, in another shard: an old one before the revocation, one that was opened since after it.
    ASibling,
}

/// One single-flighted read of the store. It began when it took its ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Flight {
    pub(crate) of: Of,
    /// Ticks since it began; the staleness stands for all that is longer.
    pub(crate) age: u8,
    /// Whether its shard's generation has gone up since it began.
    pub(crate) outdated: bool,
    pub(crate) saw: Option<Era>,
    /// Whether it began after 'now - staleness', where `now` is what the check that is asking for a flight has read.
    pub(crate) young: bool,
    /// Whether the check waits for it.
    pub(crate) awaited: bool,
}

impl Flight {
    pub(crate) const fn new(of: Of, young: bool, awaited: bool) -> Self {
        Self {
            of,
            age: 0,
            outdated: false,
            saw: None,
            young,
            awaited,
        }
    }
}

/// One reading of the feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Beat {
    /// Ticks since it began; the staleness stands for all that is longer.
    pub(crate) age: u8,
    pub(crate) stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Stage {
    Asked,
    Read(Answer),
    /// One of two steps is done: the changes are applied, or (a mutant) trust is renewed.
    HalfDone(Answer),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Node {
    cursor: Xid,
    /// Whether the revocation's row was applied. When it is read again it is dropped.
    heard: bool,
    /// Whether the session is cached, which then bears the epoch from before the revocation.
    session: bool,
    /// The user who is cached, by epoch.
    user: Option<Era>,
    /// Ticks for which the cache is still believed.
    trust: u8,
    pub(crate) beat: Option<Beat>,
    pub(crate) flights: [Option<Flight>; FLIGHTS],
}

impl Node {
    /// A process that has just started.
    pub(crate) fn new(ending: Ending) -> Self {
        Self {
            cursor: FIRST_XID,
            heard: false,
            session: false,
            // Where one session alone ends, its user may as well be known all the time.
            user: (ending == Ending::OfOne).then_some(Era::BeforeTheRevocation),
            trust: 0,
            beat: None,
            flights: [None; FLIGHTS],
        }
    }

    /// Whether the cache knows the session and its user, both of one epoch.
    pub(crate) fn recalls(&self, model: &Model) -> bool {
        let fits = self.user == Some(Era::BeforeTheRevocation)
            || self.user.is_some() && model.is(Mutant::RecallsAnyEpoch);
        self.session && fits
    }

    /// Whether the session is still cached when its user is known with the next epoch.
    pub(crate) fn is_outlived(&self) -> bool {
        self.session && self.user == Some(Era::AfterTheRevocation)
    }

    pub(crate) const fn trust(&self) -> u8 {
        self.trust
    }

    /// Time passes; whatever stands still meanwhile was frozen.
    pub(crate) fn tick(&mut self, model: &Model) {
        self.trust = self.trust.saturating_sub(1);
        if let Some(beat) = &mut self.beat {
            beat.age = model.staleness.min(beat.age + 1);
        }
        for flight in self.joinable() {
            flight.age = model.staleness.min(flight.age + 1);
        }
    }

    /// Flights that a check of the session might join if they were not too old.
    fn joinable(&mut self) -> impl Iterator<Item = &mut Flight> {
        let flights = self.flights.iter_mut().flatten();
        flights.filter(|flight| flight.of == Of::TheSession)
    }

    /// The feed's, and the revoking node's own: a generation goes up, and what is cached goes.
    pub(crate) fn forget(&mut self, model: &Model) {
        let blind = model.is(Mutant::ForgetsOnlyWhatIsCached) && !self.session;
        for flight in self.flights.iter_mut().flatten() {
            let in_its_shard = match model.ending {
                Ending::OfOne => flight.of == Of::TheSession,
                Ending::OfAll => {
                    flight.of == Of::TheSession || !model.is(Mutant::ForgetsInOneShard)
                }
            };
            flight.outdated |= in_its_shard && !blind;
        }
        match model.ending {
            Ending::OfOne => self.session = false,
            Ending::OfAll => self.user = None,
        }
    }

    pub(crate) fn begin_beat(&mut self) {
        self.beat = Some(Beat {
            age: 0,
            stage: Stage::Asked,
        });
    }

    /// The rows have arrived. What was applied before is dropped.
    pub(crate) fn hear(&mut self, answer: Answer) {
        let revoked = answer.revoked && !self.heard;
        if let Some(beat) = &mut self.beat {
            beat.stage = Stage::Read(Answer { revoked, ..answer });
        }
    }

    pub(crate) const fn cursor(&self) -> Xid {
        self.cursor
    }

    /// The next step of a beat whose rows have arrived.
    pub(crate) fn follow(&mut self, model: &Model) {
        let Some(beat) = self.beat else { return };
        let trust_first = model.is(Mutant::RenewsTrustFirst);
        let (answer, trusts) = match beat.stage {
            Stage::Asked => return,
            Stage::Read(answer) => (answer, trust_first),
            Stage::HalfDone(answer) => (answer, !trust_first),
        };
        if trusts {
            self.renew(beat.age, model);
        } else {
            self.apply(answer, model);
        }
        let stage = Stage::HalfDone(answer);
        self.beat = matches!(beat.stage, Stage::Read(_)).then_some(Beat { stage, ..beat });
        if self.beat.is_none() {
            self.cursor = answer.cursor;
        }
    }

    fn apply(&mut self, answer: Answer, model: &Model) {
        if answer.revoked {
            self.forget(model);
            self.heard = true;
        }
    }

    fn renew(&mut self, age: u8, model: &Model) {
        let since = if model.is(Mutant::TrustsFromTheEndOfABeat) {
            0
        } else {
            age
        };
        self.trust = self.trust.max(model.staleness - since);
    }

    /// Whether one more flight may begin. Where siblings have some too, there is one of each.
    pub(crate) fn has_room(&self, of: Of, model: &Model) -> bool {
        let mut flights = self.flights.iter().flatten();
        match model.ending {
            Ending::OfOne => flights.count() < model.flights,
            Ending::OfAll => flights.all(|flight| flight.of != of),
        }
    }

    pub(crate) fn begin_flight(&mut self, flight: Flight) {
        let free = self.flights.iter_mut().find(|place| place.is_none());
        free.into_iter().for_each(|place| *place = Some(flight));
    }

    /// By the clock that a check has just read it is settled which flights are too old for it.
    pub(crate) fn judge_flights(&mut self, model: &Model) {
        for flight in self.joinable() {
            flight.young = flight.age < model.staleness;
        }
    }

    /// Nobody asks for a flight any more.
    pub(crate) fn settle(&mut self) {
        self.joinable().for_each(|flight| flight.young = false);
    }

    /// Puts what a flight has read into the cache, if its generation still is its shard's.
    pub(crate) fn fill(&mut self, flight: Flight, model: &Model) {
        if flight.outdated && !model.is(Mutant::FillsWithoutTheGeneration) {
            return;
        }
        match (flight.of, flight.saw) {
            (Of::TheSession, Some(Era::BeforeTheRevocation)) => {
                self.session = true;
                self.user = Some(Era::BeforeTheRevocation);
            }
            (Of::ASibling, Some(era)) => self.user = Some(era),
            _ => {}
        }
    }
}
