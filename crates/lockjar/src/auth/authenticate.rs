//! Whose session is this? At memory speed where the answer is known and may be believed, by one read of the store
//! otherwise. 'No' is only said when the store, or a cache that is believed, said so; everything else is 503.

use std::sync::Arc;

use super::Auth;
use super::cache::Cached;
use super::jwt::Jwt;
use super::reads::Found;
use crate::clock::Timestamp;
use crate::current::CurrentUser;
use crate::error::{Error, StoreError};
use crate::id::SessionId;
use crate::jwt::Invalid;
use crate::session::is_expired;
use crate::token::{HashedSecret, PlainToken};
use crate::user::User;

impl Auth {
    /// The user whose session `token` is; the bytes are those of the cookie's value, whichever strategy is in use.
    ///
    /// A session that is in the cache costs no read of the store, and no allocation. A use is noted at most once in
    /// [`touch_interval`](crate::session::SessionLimits::touch_interval).
    ///
    /// # Errors
    /// - [`Error::NotAuthenticated`]: no such session, the wrong secret, or it has ended.
    /// - [`Error::Unavailable`]: it cannot be known now. Nobody is logged out by it.
    pub async fn authenticate(&self, token: impl AsRef<[u8]>) -> Result<CurrentUser, Error> {
        match &self.inner.jwt {
            None => {
                let token = PlainToken::parse(token.as_ref()).ok_or(Error::NotAuthenticated)?;
                self.find(token.id(), Some(token.hash())).await
            }
            Some(jwt) => self.authenticate_jwt(jwt, token.as_ref()).await,
        }
    }

    async fn authenticate_jwt(&self, jwt: &Jwt, token: &[u8]) -> Result<CurrentUser, Error> {
        let now = self.inner.clock.now();
        let verified = self.by_keys(jwt, || jwt.verify(token, now)).await?;
        let token = verified.map_err(|why| {
            // That a token has expired is every browser's business every few minutes.
            if why != Invalid::Expired {
                tracing::info!(event = "token_refused", %why, "an access token was refused");
            }
            Error::NotAuthenticated
        })?;
        let user = self.of_session(token.session).await?;
        self.confirm(&token, now);
        Ok(user)
    }

    /// What a check by the keys comes to, once they may be believed. What no key could make good is refused at once.
    pub(super) async fn by_keys<T>(
        &self,
        jwt: &Jwt,
        check: impl Fn() -> Result<T, Invalid>,
    ) -> Result<Result<T, Invalid>, Error> {
        // In the order of `believed`: others may replace the keys meanwhile.
        let look = || {
            let belief = self.belief_in_keys(jwt);
            let checked = check();
            (checked, belief.holds(self.inner.clock.uptime()))
        };
        let (checked, believed) = look();
        let asks_for_keys = matches!(
            checked,
            Ok(_) | Err(Invalid::UnknownKey | Invalid::UnreadableKey)
        );
        if believed || !asks_for_keys {
            return Ok(checked);
        }
        self.believe_keys(jwt).await?;
        match look() {
            (checked, true) => Ok(checked),
            _ => Err(StoreError::unavailable("the signing keys are not believed").into()),
        }
    }

    /// The user of a session that a signature has named already.
    pub(super) async fn of_session(&self, session: SessionId) -> Result<CurrentUser, Error> {
        self.find(session, None).await
    }

    /// The user of a session whose secret has this hash; without one, something else has shown that it is theirs.
    pub(super) async fn find(
        &self,
        session: SessionId,
        secret: Option<HashedSecret>,
    ) -> Result<CurrentUser, Error> {
        match self.recall(session, secret.as_ref()) {
            Some(answer) => answer,
            None => self.look_up(session, secret.as_ref()).await,
        }
    }

    /// Whether nobody has said so far that the session has ended: it is in the cache.
    #[cfg(feature = "web")]
    pub(crate) fn is_cached(&self, session: SessionId) -> bool {
        self.inner.cache.recall(session).is_some()
    }

    /// What the cache knows, if it may be believed. An idle session is read again before it is refused, since another
    /// process may have seen it in use.
    fn recall(
        &self,
        id: SessionId,
        secret: Option<&HashedSecret>,
    ) -> Option<Result<CurrentUser, Error>> {
        let inner = &self.inner;
        let (session, user) = self.believed(id)?;
        let now = inner.clock.now();
        if secret.is_some_and(|it| !it.equals(&session.secret)) || now >= session.expires_at {
            return Some(Err(Error::NotAuthenticated));
        }
        if self.is_idle(&session) {
            return None;
        }
        Some(Ok(self.seen(&session, user, now)))
    }

    /// What the cache knows and may be believed: what has ended longer ago than `staleness` is not in it. The order is what
    /// makes that true. Belief is taken first, the look-up comes next, and the clock is read last.
    fn believed(&self, id: SessionId) -> Found {
        let inner = &self.inner;
        let belief = inner.trust.belief();
        let known = inner.cache.recall(id)?;
        belief.holds(inner.clock.uptime()).then_some(known)
    }

    async fn look_up(
        &self,
        id: SessionId,
        secret: Option<&HashedSecret>,
    ) -> Result<CurrentUser, Error> {
        let (session, user) = self.read(id).await?.ok_or(Error::NotAuthenticated)?;
        if secret.is_some_and(|it| !it.equals(&session.secret)) || self.is_idle(&session) {
            return Err(Error::NotAuthenticated);
        }
        Ok(self.seen(&session, user, self.inner.clock.now()))
    }

    /// Reads a session from the store, once for all who ask for it now, and fills the cache.
    pub(super) async fn read(&self, id: SessionId) -> Result<Found, Error> {
        let inner = &self.inner;
        let when = (inner.clock.uptime(), inner.cache.ticket(id).generation());
        let read = || async move {
            // Whoever waited for a turn may find that the news has come meanwhile.
            if let Some(known) = self.believed(id).filter(|(known, _)| !self.is_idle(known)) {
                return Ok(Some(known));
            }
            // Taken before the read: whatever is revoked from now on keeps this read out of the cache.
            let ticket = inner.cache.ticket(id);
            inner.reads.count();
            let Some(live) = inner.store.live(id).await? else {
                // A beat that began before it ended would let it in once more. Who was never known forgets nothing: made-up
                // ids must not keep others out of the cache.
                inner.cache.forget_if_known(id);
                return Ok(None);
            };
            let (session, user) = (Arc::new(Cached::new(&live)), Arc::new(live.user));
            inner
                .cache
                .fill(&ticket, Arc::clone(&session), Arc::clone(&user));
            Ok(Some((session, user)))
        };
        inner
            .reads
            .single(id, when, inner.trust.staleness(), read)
            .await
    }

    /// Whether its time is up, as far as is known here.
    fn is_idle(&self, session: &Cached) -> bool {
        let (now, idle) = (self.inner.clock.now(), self.inner.limits.idle);
        is_expired(session.expires_at, session.last_seen_at(), now, idle)
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
}
