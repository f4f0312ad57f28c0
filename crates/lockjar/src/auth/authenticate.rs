//! Whose session is this? At memory speed where the answer is known and may be believed, by one read of the store
//! otherwise. 'No' is only said when the store, or a cache that is believed, said so; everything else is 503.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::Auth;
use super::cache::{Cached, Ticket};
use crate::clock::Timestamp;
use crate::current::CurrentUser;
use crate::error::{Error, StoreError};
use crate::id::SessionId;
use crate::session::is_expired;
use crate::store::LiveSession;
use crate::token::PlainToken;
use crate::user::User;

/// How long a request waits for the store before it is told 503.
const DEADLINE: Duration = Duration::from_secs(2);

impl Auth {
    /// The user whose session `token` is; the bytes are those of the cookie's value.
    ///
    /// A session that is in the cache costs no read of the store, and no allocation. A use is noted at most once in
    /// [`touch_interval`](crate::session::SessionLimits::touch_interval).
    ///
    /// # Errors
    /// - [`Error::NotAuthenticated`]: no such session, the wrong secret, or it has ended.
    /// - [`Error::Unavailable`]: it cannot be known now. Nobody is logged out by it.
    pub async fn authenticate(&self, token: impl AsRef<[u8]>) -> Result<CurrentUser, Error> {
        let token = PlainToken::parse(token.as_ref()).ok_or(Error::NotAuthenticated)?;
        match self.recall(&token) {
            Some(answer) => answer,
            None => self.look_up(&token).await,
        }
    }

    /// What the cache knows, if it may be believed. An idle session is read again before it is refused, since another
    /// process may have seen it in use.
    fn recall(&self, token: &PlainToken) -> Option<Result<CurrentUser, Error>> {
        let inner = &self.inner;
        let (session, user) = inner.cache.recall(token.id())?;
        if !inner.trust.holds(inner.clock.uptime()) {
            return None;
        }
        let now = inner.clock.now();
        if !session.secret.matches(token) || now >= session.expires_at {
            return Some(Err(Error::NotAuthenticated));
        }
        if is_expired(
            session.expires_at,
            session.last_seen_at(),
            now,
            inner.limits.idle,
        ) {
            return None;
        }
        Some(Ok(self.seen(&session, user, now)))
    }

    async fn look_up(&self, token: &PlainToken) -> Result<CurrentUser, Error> {
        let inner = &self.inner;
        let (ticket, live) = self.read(token.id()).await?;
        let now = inner.clock.now();
        let live = live
            .filter(|live| {
                live.secret.matches(token) && !live.session.is_expired(now, inner.limits.idle)
            })
            .ok_or(Error::NotAuthenticated)?;
        let (session, user) = (Arc::new(Cached::new(&live)), Arc::new(live.user));
        inner
            .cache
            .fill(&ticket, Arc::clone(&session), Arc::clone(&user));
        Ok(self.seen(&session, user, now))
    }

    /// One of a bounded number of reads, with a deadline.
    async fn read(&self, session: SessionId) -> Result<(Ticket, Option<LiveSession>), Error> {
        let inner = &self.inner;
        let read = async {
            let closed = |_| StoreError::unavailable("the store is closed");
            let _turn = inner.reads.acquire().await.map_err(closed)?;
            // Taken before the read: whatever is revoked from now on keeps this read out of the cache.
            let ticket = inner.cache.ticket(session);
            Ok::<_, StoreError>((ticket, inner.store.live(session).await?))
        };
        let read = timeout(DEADLINE, read).await;
        Ok(read.map_err(|_| StoreError::unavailable("reading a session took too long"))??)
    }

    fn seen(&self, session: &Cached, user: Arc<User>, now: Timestamp) -> CurrentUser {
        let before = session.last_seen_at();
        if now > before
            && now.since(before) >= self.inner.limits.touch_interval
            && session.seen(before, now)
        {
            self.inner.touches.note(session.id, now);
        }
        CurrentUser::new(user, session.id)
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
