//! What really happened to a session, kept apart from its row, and what must not follow from it.

use super::*;

/// A promise that was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Broken {
    /// One token has two successors.
    AnotherSuccessor,
    /// An owner without thief or log-out is refused, called a thief, or left without a way on.
    LoggedOutAlone,
    /// A live session's token was refused.
    RefusedALiveToken,
    /// A live session's cookie was taken out of the owner's jar.
    ClearedALiveCookie,
    /// A token was answered after the end of its session.
    AcceptedAfterTheEnd,
    /// A token whose successor was confirmed over [`GRACE`] ago was no theft.
    CopyNotFound,
    /// Garbage made of the public id was anything but refused.
    GarbageNotRefused,
}

#[derive(Clone)]
pub(super) struct Truth {
    /// Every token of the session by generation, and when it was confirmed.
    tokens: Vec<(HashedSecret, Option<Timestamp>)>,
    /// The last rotation.
    issued_at: Timestamp,
    epoch: Epoch,
    expires_at: Timestamp,
    pub(super) ended: bool,
}

impl Truth {
    pub(super) fn start(row: &Row, token: &RefreshToken) -> Self {
        Self {
            tokens: vec![(token.hash(), None)],
            issued_at: row.kept.chain.issued_at,
            epoch: row.epoch,
            expires_at: row.kept.live.session.expires_at,
            ended: false,
        }
    }

    pub(super) fn is_over(&self, now: Timestamp, epoch: Epoch) -> bool {
        self.ended || now >= self.expires_at || self.epoch != epoch
    }

    fn generation(&self, token: &RefreshToken) -> Option<usize> {
        let hash = token.hash();
        self.tokens
            .iter()
            .position(|(known, _)| known.equals(&hash))
    }

    /// Whether `next` is the one token that may follow `token`, or the young token itself.
    pub(super) fn succeeds(&self, token: &RefreshToken, next: &RefreshToken) -> Result<(), Broken> {
        let from = self.generation(token).ok_or(Broken::GarbageNotRefused)?;
        match self.generation(next) {
            Some(to) if to == from || to == from + 1 => Ok(()),
            _ => Err(Broken::AnotherSuccessor),
        }
    }

    /// A rotation was committed.
    pub(super) fn rotated(
        &mut self,
        token: &RefreshToken,
        next: &RefreshToken,
        chain: &Chain,
        epoch: Epoch,
    ) -> Result<(), Broken> {
        if self.ended || self.epoch != epoch {
            return Err(Broken::AcceptedAfterTheEnd);
        }
        if self.generation(token) != Some(self.tokens.len() - 1) {
            return Err(Broken::AnotherSuccessor);
        }
        self.tokens.push((next.hash(), None));
        self.issued_at = chain.issued_at;
        Ok(())
    }

    pub(super) fn confirmed(&mut self, generation: Generation, at: Timestamp) {
        let token = usize::try_from(generation)
            .ok()
            .and_then(|at| self.tokens.get_mut(at));
        token.expect("a generation that was never issued").1 = Some(at);
    }

    /// Holds a decision against what was true when the row was read.
    pub(super) fn check(
        &self,
        token: &RefreshToken,
        decision: &Decision,
        world: &World,
        epoch: Epoch,
    ) -> Result<(), Broken> {
        use Decision::{Refuse, Repeat, Rotate, Theft, TooEarly};
        let over = self.is_over(world.now, epoch);
        match (self.generation(token), decision) {
            (None, Refuse) => Ok(()),
            (None, _) => Err(Broken::GarbageNotRefused),
            (_, Rotate { .. } | Repeat(_)) if over => Err(Broken::AcceptedAfterTheEnd),
            (_, Refuse) if !over => Err(Broken::RefusedALiveToken),
            (_, Refuse) => Ok(()),
            (_, Theft | TooEarly) if world.alone => Err(Broken::LoggedOutAlone),
            (_, Theft) => Ok(()),
            (Some(generation), TooEarly) if self.may_wait(generation, world) => Ok(()),
            (Some(generation), _) if self.is_found_out(generation, world.now) => {
                Err(Broken::CopyNotFound)
            }
            _ => Ok(()),
        }
    }

    fn is_found_out(&self, generation: usize, now: Timestamp) -> bool {
        let successor = self.tokens.get(generation + 1);
        successor.is_some_and(|(_, confirmed)| confirmed.is_some_and(|at| now.since(at) > GRACE))
    }

    /// What the given rules leave open: a token two or more rotations old, soon after the last of them.
    fn may_wait(&self, generation: usize, world: &World) -> bool {
        world.rules == Rules::Given
            && !world.strict
            && generation + 2 < self.tokens.len()
            && world.now.since(self.issued_at) <= GRACE
    }
}
