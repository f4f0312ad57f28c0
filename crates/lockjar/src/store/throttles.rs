//! What a store counts of those who guess.

use async_trait::async_trait;

use super::{Epoch, Result};
use crate::clock::Timestamp;
use crate::id::UserId;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
use crate::throttle::Count;
use crate::throttle::Rule;
use crate::token::HashedSecret;

/// Names that no account has and that failures are kept of. Each takes about a hundred bytes.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) const NAMES: u64 = 1_000_000;

/// One thing that attempts are counted against: an HMAC of a name or a network, so that a store does not learn what was
/// typed, and by which rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter {
    /// Which.
    pub key: [u8; 16],
    /// By what.
    pub rule: Rule,
}

/// An attempt, before anything is known of how it ends.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// What it is counted against: all of it, or nothing. An account comes first.
    pub counters: Vec<Counter>,
    /// The [key](crate::Username::key) of the account's name, where there can be such a name.
    pub name: Option<String>,
    /// The hash of the token of a device that was shown: counted instead, where the account knows it and failures are left.
    pub device: Option<HashedSecret>,
    /// When.
    pub at: Timestamp,
}

/// How an attempt was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// As that of a device that the account knows.
    Device,
    /// As a stranger's.
    Stranger,
    /// Not at all: there may be none now, and the next one after so long, if ever.
    Refused(std::time::Duration),
}

/// An attempt that has succeeded.
#[derive(Clone, Debug)]
pub struct Success {
    /// Who logged in.
    pub user: UserId,
    /// The epoch that the password was checked at: what was changed since knows no device of before.
    pub epoch: Epoch,
    /// The token that a stranger is given.
    pub fresh: HashedSecret,
}

/// Counts of failures, and the devices that accounts know.
#[async_trait]
pub trait Throttles: Send + Sync {
    /// What names and networks are keyed by: random, and as old as the store.
    async fn throttle_key(&self) -> Result<[u8; 32]>;

    /// Counts an attempt. Two at the same time are counted one after the other, so that none slips through.
    async fn count(&self, attempt: &Attempt) -> Result<Counted>;

    /// Takes back an attempt that was counted and not tried, or that did not fail.
    async fn take_back(&self, attempt: &Attempt, counted: Counted) -> Result<()>;

    /// Takes a success back, and remembers its device. One that was known has no failures any longer, and neither have
    /// strangers at its account. A stranger is known by the fresh token from now on, with whatever other accounts knew of the
    /// device that it showed; of each account's devices the last [`KEPT_DEVICES`](crate::throttle::KEPT_DEVICES) are kept.
    async fn succeed(&self, attempt: &Attempt, counted: Counted, success: &Success) -> Result<()>;

    /// Forgets failures: those of strangers under this key, and those of the user's devices.
    async fn unlock(&self, key: [u8; 16], user: UserId) -> Result<()>;
}

#[cfg(any(feature = "sqlite", feature = "postgres"))]
/// What comes of an attempt, given what was counted before, counter by counter.
pub(crate) fn count_all(
    attempt: &Attempt,
    before: &[Count],
) -> std::result::Result<Vec<Count>, std::time::Duration> {
    let each = attempt.counters.iter().zip(before);
    let (mut counts, mut longest) = (Vec::with_capacity(before.len()), None);
    for (counter, before) in each {
        match counter.rule.count(*before, attempt.at) {
            Ok(count) => counts.push(count),
            Err(wait) => longest = longest.max(Some(wait)),
        }
    }
    longest.map_or(Ok(counts), Err)
}
