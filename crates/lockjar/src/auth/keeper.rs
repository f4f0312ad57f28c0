//! What goes on between requests: reading the change feed, writing down last uses, sweeping what has expired.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::{Auth, Inner};
use crate::error::StoreError;
use crate::id::SessionId;
use crate::store::{Change, Cursor};

/// Four beats fit into the time for which one is believed.
const BEATS_PER_STALENESS: u32 = 4;
/// After the store has woken us, what comes within this time is read at once.
const GATHER: Duration = Duration::from_millis(2);
const FLUSH: Duration = Duration::from_secs(1);
/// Flushes before last uses are written down: of them a database hears seldom.
const FLUSHES_PER_TOUCH: u32 = 10;
/// Last uses that are written at once.
const TOUCHES: usize = 1_000;
/// Flushes before each sweep: a minute. A command beside the server never sweeps, since its limits may be others.
const FLUSHES_PER_SWEEP: u32 = 60;

/// No moment lies before it.
const ENDED: u64 = 0;

/// What happens to those who are known while the store cannot be asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnOutage {
    /// They are answered 503: nobody whose session was ended elsewhere is accepted.
    #[default]
    Refuse,
    /// They are accepted for so long, although others may have ended their sessions meanwhile.
    ServeStale(Duration),
}

impl OnOutage {
    const fn grace(self) -> Duration {
        match self {
            Self::Refuse => Duration::ZERO,
            Self::ServeStale(grace) => grace,
        }
    }
}

/// Until when the cache may be believed: `staleness` after the last reading of the feed *began*.
pub(super) struct Trust {
    staleness: Duration,
    /// For how long after that it is used all the same.
    grace: Duration,
    until_millis: AtomicU64,
}

impl Trust {
    pub(super) fn new(staleness: Duration, on_outage: OnOutage, began: Duration) -> Self {
        Self {
            staleness,
            grace: on_outage.grace(),
            until_millis: AtomicU64::new(millis(began + staleness)),
        }
    }

    pub(super) fn renew(&self, began: Duration) {
        let until = millis(began + self.staleness);
        let renewed = |now| (now != ENDED).then(|| until.max(now));
        let _ = self
            .until_millis
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, renewed);
    }

    /// Nothing is believed from now on, whatever a beat that is under way will say.
    pub(super) fn end(&self) {
        self.until_millis.store(ENDED, Ordering::Release);
    }

    fn has_ended(&self) -> bool {
        self.until_millis.load(Ordering::Acquire) == ENDED
    }

    /// For how long what was read may be believed.
    pub(super) const fn staleness(&self) -> Duration {
        self.staleness
    }

    /// Until when what is known now may be believed. To be taken *before* anything is looked up: taken later it may be belief
    /// in what the cache has become since.
    pub(super) fn belief(&self) -> Belief {
        match self.until_millis.load(Ordering::Acquire) {
            ENDED => Belief {
                until: Duration::ZERO,
            },
            until => Belief {
                until: Duration::from_millis(until) + self.grace,
            },
        }
    }

    /// The same of what a reading has told that began then.
    pub(super) fn belief_since(&self, began: Duration) -> Belief {
        match self.has_ended() {
            true => self.belief(),
            false => Belief {
                until: began + self.staleness + self.grace,
            },
        }
    }

    /// Whether the cache is used for longer than it may be believed.
    pub(super) const fn has_grace(&self) -> bool {
        !self.grace.is_zero()
    }

    /// How long ago the last reading of the feed began that was applied.
    pub(super) fn lag(&self, uptime: Duration) -> Duration {
        let until = Duration::from_millis(self.until_millis.load(Ordering::Acquire));
        (uptime + self.staleness).saturating_sub(until)
    }
}

/// Until when what was known at one moment may be believed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Belief {
    until: Duration,
}

impl Belief {
    /// To be asked *after* the look-up, at the time that it is then: a process that was frozen in between must notice.
    pub(super) fn holds(self, uptime: Duration) -> bool {
        uptime < self.until
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// What was seen of sessions and is not yet written down: of each the greatest, so that nothing older displaces it.
#[derive(Default)]
pub(super) struct Noted<T>(Mutex<HashMap<SessionId, T>>);

impl<T: Copy + Ord> Noted<T> {
    pub(super) fn note(&self, session: SessionId, seen: T) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let greatest = noted.entry(session).or_insert(seen);
        *greatest = seen.max(*greatest);
    }

    pub(super) fn take(&self) -> Vec<(SessionId, T)> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
            .into_iter()
            .collect()
    }
}

/// Starts the two loops. They end by themselves when [`Auth::close`] was called or the last handle is dropped.
pub(super) fn start(auth: &Auth, cursor: Cursor, sweeps: bool) {
    tokio::spawn(follow(
        Arc::downgrade(&auth.inner),
        auth.inner.trust.staleness,
        cursor,
    ));
    tokio::spawn(write_down(Arc::downgrade(&auth.inner), sweeps));
}

async fn follow(inner: Weak<Inner>, staleness: Duration, mut cursor: Cursor) {
    let mut beats = interval(staleness / BEATS_PER_STALENESS);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut healthy = true;
    loop {
        let Some(auth) = open(&inner) else { return };
        let store = Arc::clone(&auth.inner.store);
        drop(auth);
        tokio::select! {
            _ = beats.tick() => {}
            () = store.woken() => sleep(GATHER).await,
        }
        let Some(auth) = open(&inner) else { return };
        beats.reset();
        match auth.follow_feed(cursor).await {
            Ok(next) => {
                cursor = next;
                healthy = true;
            }
            // Said once, not at every beat.
            Err(error) if healthy && !auth.inner.trust.has_ended() => {
                tracing::error!(%error, source = source(&error), "the store cannot be read; sessions cannot be checked");
                healthy = false;
            }
            Err(_) => {}
        }
    }
}

fn open(inner: &Weak<Inner>) -> Option<Auth> {
    let inner = inner.upgrade()?;
    (!inner.trust.has_ended()).then_some(Auth { inner })
}

async fn write_down(inner: Weak<Inner>, sweeps: bool) {
    let mut flushes = interval(FLUSH);
    flushes.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for number in 0_u32.. {
        flushes.tick().await;
        let Some(auth) = open(&inner) else { return };
        auth.flush_confirmations().await;
        auth.flush_audit().await;
        if number % FLUSHES_PER_TOUCH == FLUSHES_PER_TOUCH - 1 {
            auth.flush_touches().await;
        }
        if number % FLUSHES_PER_SWEEP == FLUSHES_PER_SWEEP - 1 {
            auth.inner.audit.refill();
            if sweeps {
                auth.clear_up().await;
            }
        }
    }
}

/// The cause beneath, for the log.
pub(super) fn source(error: &StoreError) -> Option<String> {
    std::error::Error::source(error).map(ToString::to_string)
}

impl Auth {
    /// Reads the feed and forgets what it names; only then is the cache believed again.
    pub(super) async fn follow_feed(&self, cursor: Cursor) -> Result<Cursor, StoreError> {
        let inner = &self.inner;
        let began = inner.clock.uptime();
        let beat = timeout(inner.trust.staleness, inner.store.beat(Some(cursor))).await;
        let beat = beat.unwrap_or_else(|_| {
            let why = "reading the change feed took too long";
            Err(StoreError::unavailable(why))
        });
        let told = beat
            .as_ref()
            .map(|beat| beat.changes.as_ref().map_or(0, Vec::len));
        inner.counts.beat(&told);
        let beat = beat?;
        let others = beat
            .changes
            .as_ref()
            .is_none_or(|changes| changes.contains(&Change::Keys));
        match beat.changes {
            Some(changes) => changes.into_iter().for_each(|change| self.forget(change)),
            None => inner.cache.clear(),
        }
        // A store may tell a change once: what could not be read again now is still due at the next beat.
        if inner.keys_due.fetch_or(others, Ordering::AcqRel) || others {
            self.reload_keys().await?;
            inner.keys_due.store(false, Ordering::Release);
        }
        inner.clock.follow(beat.time);
        inner.trust.renew(began);
        Ok(beat.cursor)
    }

    /// Writes last uses down, some at a time. What cannot be written now is written the next time.
    pub(super) async fn flush_touches(&self) {
        let seen = self.inner.touches.take();
        if seen.is_empty() {
            return;
        }
        for (index, some) in seen.chunks(TOUCHES).enumerate() {
            if let Err(error) = self.inner.store.touch(some).await {
                let left = &seen[index * TOUCHES..];
                tracing::warn!(%error, source = source(&error), sessions = left.len(), "last uses were not written down yet");
                left.iter()
                    .for_each(|(session, at)| self.inner.touches.note(*session, *at));
                return;
            }
        }
    }

    async fn clear_up(&self) {
        self.sweep().await;
        self.sweep_audit().await;
        // Accounts may have been imported meanwhile. What fails is tried again a minute later.
        let _ = self.rehearse().await;
        self.tend_keys().await;
    }

    /// Deletes what has expired, a bounded number in each transaction, until nothing is left.
    pub(super) async fn sweep(&self) {
        let mut deleted = 0;
        loop {
            let (now, idle) = (self.inner.clock.now(), self.inner.limits.idle);
            match self.inner.store.sweep(now, idle).await {
                Ok(swept) => {
                    deleted += swept.sessions;
                    if !swept.is_full {
                        break;
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, source = source(&error), "expired sessions were not deleted");
                    break;
                }
            }
        }
        if deleted > 0 {
            tracing::info!(sessions = deleted, "expired sessions were deleted");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    /// Two tabs come back at once, one of them with the access token of the generation before.
    #[test]
    fn an_older_generation_does_not_displace_a_confirmation() {
        let (noted, session) = (Noted::default(), SessionId::random());
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1000);
        noted.note(session, (1, at(40)));
        noted.note(session, (2, at(80)));
        noted.note(session, (1, at(81)));
        assert_eq!(noted.take(), [(session, (2, at(80)))]);
        assert_eq!(noted.take(), []);
    }
}
