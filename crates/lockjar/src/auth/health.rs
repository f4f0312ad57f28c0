//! What operators and load balancers want to know of this process.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::Auth;
use crate::error::Error;
use crate::id::SessionId;

/// How this process stands, without asking anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// Whether what is remembered of sessions may be believed now. Where not, each check is a read of the store.
    pub cache_trusted: bool,
    /// How long ago the last reading of the change feed began.
    pub feed_lag: Duration,
    /// Sessions that are remembered.
    pub sessions_cached: usize,
    /// Reads of the store that requests wait for.
    pub reads_under_way: usize,
    /// Sessions that were read from the store since this process began.
    pub reads: u64,
    /// Readings of the change feed that succeeded.
    pub beats: u64,
    /// Those that failed.
    pub failed_beats: u64,
    /// Changes that they told.
    pub changes: u64,
}

/// What has happened since this process began.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) beats: AtomicU64,
    pub(super) failed_beats: AtomicU64,
    pub(super) changes: AtomicU64,
}

impl Counts {
    pub(super) fn beat<E>(&self, changes: &Result<usize, E>) {
        let (counter, more) = match changes {
            Ok(changes) => (&self.beats, *changes),
            Err(_) => (&self.failed_beats, 0),
        };
        counter.fetch_add(1, Ordering::Relaxed);
        self.changes.fetch_add(more as u64, Ordering::Relaxed);
    }
}

impl Auth {
    /// How this process stands.
    #[must_use]
    pub fn health(&self) -> Health {
        let inner = &self.inner;
        let uptime = inner.clock.uptime();
        Health {
            cache_trusted: inner.trust.belief().holds(uptime),
            feed_lag: inner.trust.lag(uptime),
            sessions_cached: inner.cache.len(),
            reads_under_way: inner.reads.under_way(),
            reads: inner.reads.total(),
            beats: inner.counts.beats.load(Ordering::Relaxed),
            failed_beats: inner.counts.failed_beats.load(Ordering::Relaxed),
            changes: inner.counts.changes.load(Ordering::Relaxed),
        }
    }

    /// Whether requests should come here: the store can be read, or the operator chose to
    /// [serve stale](crate::OnOutage::ServeStale) meanwhile. What a load balancer wants to know.
    ///
    /// # Errors
    /// [`Error::Unavailable`] with the reason.
    pub async fn ready(&self) -> Result<(), Error> {
        // Not by the change feed: whoever asks often must not stand in the way of the news of a revocation.
        match self.read(SessionId::random()).await {
            Err(_) if self.serves_stale() => Ok(()),
            read => read.map(drop),
        }
    }

    /// Whether the operator would rather have this process serve without the store than not at all, and it still does.
    fn serves_stale(&self) -> bool {
        let trust = &self.inner.trust;
        trust.has_grace() && trust.belief().holds(self.inner.clock.uptime())
    }
}
