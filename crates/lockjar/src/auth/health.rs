//! What operators and load balancers want to know of this process.

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
}

impl Auth {
    /// How this process stands.
    #[must_use]
    pub fn health(&self) -> Health {
        let inner = &self.inner;
        let uptime = inner.clock.uptime();
        Health {
            cache_trusted: inner.trust.holds(uptime),
            feed_lag: inner.trust.lag(uptime),
            sessions_cached: inner.cache.len(),
            reads_under_way: inner.reads.under_way(),
        }
    }

    /// Whether the store can be read: what a load balancer wants to know.
    ///
    /// # Errors
    /// [`Error::Unavailable`] with the reason.
    pub async fn ready(&self) -> Result<(), Error> {
        // Not by the change feed: whoever asks often must not stand in the way of the news of a revocation.
        self.read(SessionId::random()).await.map(drop)
    }
}
