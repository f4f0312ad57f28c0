//! Whole histories: an owner with several tabs and one cookie jar, a thief with a copy of it, nodes that are interrupted
//! between any two steps, and a store whose `UPDATE` is conditional. Every step is checked against what the rules promise.

mod check;
mod histories;

use super::*;
use crate::store::Epoch;
use check::{Broken, Truth};

/// What is on its way for longer counts as lost: clients and proxies give up.
pub(super) const FLIGHT: Duration = Duration::from_secs(20);
const ACCESS: Duration = Duration::from_secs(300);
const EPOCH_START: Epoch = 3;

/// Which rules decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rules {
    /// [`decide`] and [`confirms`], as they are.
    Given,
    /// The same with three changes: a current token younger than [`SETTLED`] is answered with itself, nothing is too early
    /// to tell, and a confirmation takes [`SETTLED`].
    Settled,
}

/// Three flights and a little: the longest time for which an answer can be overtaken.
const SETTLED: Duration = Duration::from_secs(65);

/// What can be done wrong around the rules, or in them. The checker must notice each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mutant {
    WritesOverAnyGeneration,
    WritesOverTheDead,
    WritesOverANewerEpoch,
    AnswersBeforeTheCommit,
    ClearsTheLosersCookie,
    ClearsTheRefusedCookie,
    TheftWithoutTheFamily,
    AcceptsTheDead,
    AcceptsAnOldEpoch,
    RandomSuccessor,
    ForgetsThePrevious,
    ForgetsTheSalt,
    GraceWithoutEnd,
    ConfirmsAtOnce,
    ConfirmsAnyGeneration,
}

/// One thing that happens. Numbers choose among what there is.
#[derive(Clone, Debug)]
pub(super) enum Event {
    /// A tab, or the thief, sends its refresh token.
    Refresh(Who),
    /// The same, and nothing comes between.
    RefreshAtOnce(Who),
    /// The thief presents one of the tokens it ever had.
    Replay(usize),
    /// Somebody makes a token of the public session id.
    Garbage,
    /// The access token is used.
    Use(Who),
    /// Something under way goes one step on.
    Step(usize),
    /// Something under way runs to its end.
    Finish(usize),
    /// A request, the node that works on it, or the answer is lost.
    Lose(usize),
    /// All nodes start again.
    Restart,
    Wait(Duration),
    /// The thief copies the owner's jar.
    Steal,
    LogOut,
    LogOutEverywhere,
    LogIn,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    Owner,
    Thief,
}

/// A jar's two cookies.
#[derive(Clone)]
struct Cookies {
    refresh: RefreshToken,
    generation: Generation,
    /// What the access token says of it.
    minted_at: Timestamp,
}

/// What the store keeps of a session. It is live while it is not dead and its epoch is the user's.
struct Row {
    kept: LiveChain,
    epoch: Epoch,
    dead: bool,
}

/// What the store answered, and what was true then.
struct Read {
    found: Option<LiveChain>,
    epoch: Epoch,
    truth: Option<Truth>,
}

enum Stage {
    Asked(RefreshToken),
    Read(RefreshToken, Box<Read>),
    Writes(RefreshToken, Chain, RefreshToken),
    Kills(SessionId),
    Answered(Option<Cookies>),
    Cleared,
    Uses(SessionId, Generation, Timestamp),
    Confirms(SessionId, Generation, Timestamp),
}

struct Flight {
    who: Who,
    sent_at: Timestamp,
    stage: Stage,
}

pub(super) struct World {
    rules: Rules,
    mutant: Option<Mutant>,
    /// Whether the owner refreshes only when the access token has expired.
    patient: bool,
    /// Whether 'too early to tell' counts as a copy that was not found.
    strict: bool,
    now: Timestamp,
    epoch: Epoch,
    salts: u8,
    rows: Vec<Row>,
    truths: Vec<Truth>,
    owner: Option<Cookies>,
    thief: Option<Cookies>,
    hoard: Vec<RefreshToken>,
    flights: Vec<Flight>,
    /// No thief, no log-out, no second log-in so far.
    alone: bool,
}

impl World {
    pub(super) fn new(rules: Rules, mutant: Option<Mutant>, patient: bool) -> Self {
        let mut world = Self {
            rules,
            mutant,
            patient,
            strict: false,
            now: START,
            epoch: EPOCH_START,
            salts: 0,
            rows: Vec::new(),
            truths: Vec::new(),
            owner: None,
            thief: None,
            hoard: Vec::new(),
            flights: Vec::new(),
            alone: true,
        };
        world.log_in();
        world
    }

    pub(super) fn strict(self) -> Self {
        Self {
            strict: true,
            ..self
        }
    }

    /// A whole history; at its end an owner who was alone must still get on.
    pub(super) fn live(mut self, events: &[Event]) -> Result<(), Broken> {
        for event in events {
            self.happen(event)?;
        }
        for _ in 0..2 {
            self.wait(ACCESS);
            let before = self.owner.as_ref().map(|jar| jar.minted_at);
            self.happen(&Event::RefreshAtOnce(Who::Owner))?;
            let after = self.owner.as_ref().map(|jar| jar.minted_at);
            if self.alone && !self.truths[0].is_over(self.now, self.epoch) && before == after {
                return Err(Broken::LoggedOutAlone);
            }
        }
        Ok(())
    }

    pub(super) fn happen(&mut self, event: &Event) -> Result<(), Broken> {
        match *event {
            Event::Refresh(who) => self.refresh(who),
            Event::RefreshAtOnce(who) => {
                let before = self.flights.len();
                self.refresh(who);
                return self.finish(before);
            }
            Event::Replay(which) => {
                if !self.hoard.is_empty() {
                    let token = self.hoard[which % self.hoard.len()].clone();
                    self.send(Who::Thief, Stage::Asked(token));
                }
            }
            Event::Garbage => {
                let row = &self.rows[self.rows.len() - 1];
                let token = RefreshToken::generate(row.session());
                self.send(Who::Thief, Stage::Asked(token));
            }
            Event::Use(who) => self.use_access(who),
            Event::Step(which) if !self.flights.is_empty() => {
                let which = which % self.flights.len();
                return self.step(which).map(|_| ());
            }
            Event::Finish(which) if !self.flights.is_empty() => {
                return self.finish(which % self.flights.len());
            }
            Event::Lose(which) if !self.flights.is_empty() => {
                self.flights.remove(which % self.flights.len());
            }
            Event::Step(_) | Event::Finish(_) | Event::Lose(_) => {}
            Event::Restart => self.flights.clear(),
            Event::Wait(time) => self.wait(time),
            Event::Steal => {
                self.alone = false;
                self.thief.clone_from(&self.owner);
                self.hoard
                    .extend(self.owner.iter().map(|jar| jar.refresh.clone()));
            }
            Event::LogOut => self.log_out(),
            Event::LogOutEverywhere => {
                self.alone = false;
                self.epoch += 1;
            }
            Event::LogIn => {
                self.log_out();
                self.log_in();
            }
        }
        Ok(())
    }

    fn log_in(&mut self) {
        let token = RefreshToken::generate(SessionId::random());
        let row = Row {
            kept: started(&token, self.now),
            epoch: self.epoch,
            dead: false,
        };
        self.truths.push(Truth::start(&row, &token));
        self.rows.push(row);
        self.owner = Some(self.cookies(token, 0));
    }

    /// The commit comes first, so that from here on nothing of the session may be accepted.
    fn log_out(&mut self) {
        self.alone = false;
        if let Some(jar) = self.owner.take() {
            self.kill(jar.refresh.session());
        }
    }

    fn kill(&mut self, session: SessionId) {
        let at = self.at(session);
        self.rows[at].dead = true;
        self.truths[at].ended = true;
    }

    fn wait(&mut self, time: Duration) {
        self.now = self.now.after(time);
        let now = self.now;
        self.flights
            .retain(|flight| now.since(flight.sent_at) <= FLIGHT);
    }

    fn cookies(&self, refresh: RefreshToken, generation: Generation) -> Cookies {
        Cookies {
            refresh,
            generation,
            minted_at: in_whole_seconds(self.now),
        }
    }

    fn at(&self, session: SessionId) -> usize {
        let found = self.rows.iter().position(|row| row.session() == session);
        found.expect("a session that was never started")
    }

    fn jar(&mut self, who: Who) -> &mut Option<Cookies> {
        match who {
            Who::Owner => &mut self.owner,
            Who::Thief => &mut self.thief,
        }
    }

    fn send(&mut self, who: Who, stage: Stage) {
        let sent_at = self.now;
        self.flights.push(Flight {
            who,
            sent_at,
            stage,
        });
    }

    fn refresh(&mut self, who: Who) {
        let (now, patient) = (self.now, self.patient && who == Who::Owner);
        let Some(jar) = self.jar(who) else { return };
        if patient && now.since(jar.minted_at) < ACCESS {
            return self.use_access(who);
        }
        let token = jar.refresh.clone();
        self.send(who, Stage::Asked(token));
    }

    fn use_access(&mut self, who: Who) {
        let now = self.now;
        let Some(jar) = self.jar(who) else { return };
        if now.since(jar.minted_at) < ACCESS {
            let stage = Stage::Uses(jar.refresh.session(), jar.generation, jar.minted_at);
            self.send(who, stage);
        }
    }

    fn finish(&mut self, which: usize) -> Result<(), Broken> {
        // Reading again after a lost write ends, since somebody else has got on.
        while which < self.flights.len() && self.step(which)? {}
        Ok(())
    }

    /// One step of one flight; whether there is more to come. Where it ends it is taken out of the list.
    fn step(&mut self, which: usize) -> Result<bool, Broken> {
        let Flight {
            who,
            sent_at,
            stage,
        } = self.flights.remove(which);
        let next = match stage {
            Stage::Asked(token) => {
                let read = self.read(token.session());
                Some(Stage::Read(token, Box::new(read)))
            }
            Stage::Read(token, read) => Some(self.decided(token, &read)?),
            Stage::Writes(presented, chain, token) => self.write(presented, chain, token)?,
            Stage::Kills(session) => {
                self.kill(session);
                Some(Stage::Answered(None))
            }
            Stage::Answered(cookies) => {
                self.deliver(who, cookies);
                None
            }
            Stage::Cleared => {
                self.clear(who)?;
                None
            }
            Stage::Uses(session, generation, minted_at) => {
                self.seen(session, generation, minted_at)
            }
            Stage::Confirms(session, generation, seen_at) => {
                self.confirm(session, generation, seen_at);
                None
            }
        };
        let more = next.is_some();
        if let Some(stage) = next {
            self.flights.insert(
                which,
                Flight {
                    who,
                    sent_at,
                    stage,
                },
            );
        }
        Ok(more)
    }

    fn read(&self, session: SessionId) -> Read {
        let at = self.rows.iter().position(|row| row.session() == session);
        Read {
            found: (at.map(|at| &self.rows[at]))
                .filter(|row| self.is_live(row))
                .map(|row| row.kept.clone()),
            epoch: self.epoch,
            truth: at.map(|at| self.truths[at].clone()),
        }
    }

    fn is_live(&self, row: &Row) -> bool {
        (!row.dead || self.is(Mutant::AcceptsTheDead))
            && (row.epoch == self.epoch || self.is(Mutant::AcceptsAnOldEpoch))
    }

    fn decided(&mut self, token: RefreshToken, read: &Read) -> Result<Stage, Broken> {
        let decision = self.decide(&token, read);
        if let Some(truth) = &read.truth {
            truth.check(&token, &decision, self, read.epoch)?;
        }
        Ok(match decision {
            Decision::Refuse if self.is(Mutant::ClearsTheRefusedCookie) => Stage::Cleared,
            Decision::Refuse | Decision::TooEarly => Stage::Answered(None),
            Decision::Theft => Stage::Kills(token.session()),
            Decision::Rotate { chain, token: next } => Stage::Writes(token, chain, next),
            Decision::Repeat(next) => {
                let at = self.at(token.session());
                self.truths[at].succeeds(&token, &next)?;
                let generation = (read.found.as_ref()).map_or(0, |found| found.chain.generation);
                Stage::Answered(Some(self.cookies(next, generation)))
            }
        })
    }

    fn is(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    fn decide(&mut self, token: &RefreshToken, read: &Read) -> Decision {
        let mut found = read.found.clone();
        if let Some(found) = &mut found {
            match self.mutant {
                Some(Mutant::TheftWithoutTheFamily) => found.live.secret = token.family_hash(),
                Some(Mutant::GraceWithoutEnd) => found.chain.confirmed_at = None,
                _ => {}
            }
        }
        self.salts = self.salts.wrapping_add(1);
        let salt = [self.salts; 32];
        let mut decision = decide(found.as_ref(), token, self.now, salt);
        if let (Rules::Settled, Some(found)) = (self.rules, &found) {
            decision = settled(decision, &found.chain, token, self.now);
        }
        let old = found.map(|found| found.chain);
        self.mutated(decision, old.as_ref(), token)
    }

    fn mutated(
        &self,
        decision: Decision,
        old: Option<&Chain>,
        presented: &RefreshToken,
    ) -> Decision {
        match (self.mutant, decision) {
            (Some(Mutant::RandomSuccessor), Decision::Rotate { mut chain, .. }) => {
                let token = presented.successor(0, &crate::id::random());
                chain.current = token.hash();
                Decision::Rotate { chain, token }
            }
            (Some(Mutant::RandomSuccessor), Decision::Repeat(_)) => {
                Decision::Repeat(presented.successor(0, &crate::id::random()))
            }
            (Some(Mutant::ForgetsThePrevious), Decision::Rotate { mut chain, token }) => {
                chain.previous = None;
                Decision::Rotate { chain, token }
            }
            (Some(Mutant::ForgetsTheSalt), Decision::Rotate { mut chain, token }) => {
                chain.salt = old.map_or(chain.salt, |old| old.salt);
                Decision::Rotate { chain, token }
            }
            (_, decision) => decision,
        }
    }

    /// The conditional `UPDATE`, and what follows from it.
    fn write(
        &mut self,
        presented: RefreshToken,
        chain: Chain,
        token: RefreshToken,
    ) -> Result<Option<Stage>, Broken> {
        let at = self.at(presented.session());
        let stored = &self.rows[at];
        let hit = (stored.kept.chain.generation + 1 == chain.generation
            || self.is(Mutant::WritesOverAnyGeneration))
            && (!stored.dead || self.is(Mutant::WritesOverTheDead))
            && (self.epoch == stored.epoch || self.is(Mutant::WritesOverANewerEpoch));
        let generation = chain.generation;
        if hit {
            self.truths[at].rotated(&presented, &token, &chain, self.epoch)?;
            self.rows[at].kept.chain = chain;
        } else if self.is(Mutant::ClearsTheLosersCookie) {
            return Ok(Some(Stage::Cleared));
        } else if self.is(Mutant::AnswersBeforeTheCommit) {
            self.truths[at].succeeds(&presented, &token)?;
        } else {
            return Ok(Some(Stage::Asked(presented)));
        }
        Ok(Some(Stage::Answered(Some(self.cookies(token, generation)))))
    }

    /// The browser does what `Set-Cookie` says, whatever has come before.
    fn deliver(&mut self, who: Who, cookies: Option<Cookies>) {
        let Some(cookies) = cookies else { return };
        if who == Who::Thief {
            self.hoard.push(cookies.refresh.clone());
        }
        *self.jar(who) = Some(cookies);
    }

    fn clear(&mut self, who: Who) -> Result<(), Broken> {
        let (now, epoch) = (self.now, self.epoch);
        let Some(jar) = self.jar(who).take() else {
            return Ok(());
        };
        let truth = &self.truths[self.at(jar.refresh.session())];
        if who == Who::Owner && !truth.is_over(now, epoch) {
            return Err(Broken::ClearedALiveCookie);
        }
        Ok(())
    }

    fn seen(
        &self,
        session: SessionId,
        generation: Generation,
        minted_at: Timestamp,
    ) -> Option<Stage> {
        let confirms = match self.rules {
            _ if self.is(Mutant::ConfirmsAtOnce) => true,
            Rules::Given => confirms(minted_at, self.now),
            Rules::Settled => self.now.since(minted_at) >= SETTLED,
        };
        confirms.then_some(Stage::Confirms(session, generation, self.now))
    }

    fn confirm(&mut self, session: SessionId, generation: Generation, seen_at: Timestamp) {
        let at = self.at(session);
        let Row { kept, dead, .. } = &mut self.rows[at];
        let chain = &mut kept.chain;
        let same =
            chain.generation == generation || self.mutant == Some(Mutant::ConfirmsAnyGeneration);
        if same && !*dead && chain.confirmed_at.is_none() {
            chain.confirmed_at = Some(seen_at);
            self.truths[at].confirmed(chain.generation, seen_at);
        }
    }
}

impl Row {
    fn session(&self) -> SessionId {
        self.kept.live.session.id
    }
}

fn settled(decision: Decision, chain: &Chain, token: &RefreshToken, now: Timestamp) -> Decision {
    match decision {
        Decision::Rotate { .. } if now.since(chain.issued_at) < SETTLED => {
            Decision::Repeat(token.clone())
        }
        Decision::TooEarly => Decision::Theft,
        other => other,
    }
}
