//! A new pair of tokens for a refresh token, once or many times the same. The rules are in [`crate::refresh`]; here are
//! the store, the clock and the answer.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::audit::of_session;
use super::cache::Cached;
use super::jwt::{For, Jwt, Verified};
use super::{AccessToken, Auth, SignedIn, Tokens};
use crate::audit::Event;
use crate::clock::Timestamp;
use crate::cookie::Lifetime;
use crate::current::CurrentUser;
use crate::error::{Error, StoreError};
use crate::id::{SessionId, random};
use crate::refresh::{Decision, Generation, RefreshToken, confirms, decide};
use crate::session::Session;
use crate::store::{By, LiveChain, LiveSession, Which};

/// Others may move the chain on while we decide; each time we look again.
const TRIES: usize = 5;

impl Auth {
    /// A new access token and the refresh token's successor, for the bytes of the refresh cookie's value. Asked again with
    /// the same token, as by another tab or after a lost answer, it gives the same successor.
    ///
    /// # Errors
    /// - [`Error::NotAuthenticated`]: no such chain, or its session has ended. A copy that is found out ends it here.
    /// - [`Error::RefreshConflict`]: the token is older than the one before the current, which was issued just now.
    /// - [`Error::Unavailable`]: it is not known whether the chain moved; try again with the same token.
    pub async fn refresh(&self, token: impl AsRef<[u8]>) -> Result<SignedIn, Error> {
        let jwt = self.jwt()?;
        let token = RefreshToken::parse(token.as_ref()).ok_or(Error::NotAuthenticated)?;
        for _ in 0..TRIES {
            let found = self
                .chain(token.session())
                .await?
                .ok_or(Error::NotAuthenticated)?;
            let now = self.inner.clock.now();
            if found.live.session.is_expired(now, self.inner.limits.idle) {
                return Err(Error::NotAuthenticated);
            }
            let decision = decide(Some(&found), &token, now, random());
            let LiveChain { live, chain } = found;
            match decision {
                Decision::Refuse => return Err(Error::NotAuthenticated),
                Decision::TooEarly => return Err(Error::RefreshConflict),
                Decision::Theft => return self.end_stolen(&live.session).await,
                Decision::Repeat(next) => {
                    return self.renewed(jwt, live, chain.generation, next, now);
                }
                Decision::Rotate { chain, token: next } => {
                    let (store, session) = (Arc::clone(&self.inner.store), token.session());
                    let generation = chain.generation;
                    let advance = async move { Ok(store.advance(session, &chain).await?) };
                    if Self::to_the_end(advance).await? {
                        return self.renewed(jwt, live, generation, next, now);
                    }
                }
            }
        }
        Err(StoreError::unavailable("a refresh chain kept moving").into())
    }

    /// Reads a chain and, as it comes with its session, fills the cache.
    async fn chain(&self, session: SessionId) -> Result<Option<LiveChain>, Error> {
        let cache = &self.inner.cache;
        self.inner
            .reads
            .bounded(async {
                // Taken before the read, as for every other.
                let ticket = cache.ticket(session);
                let chain = self.inner.store.chain(session).await?;
                if let Some(LiveChain { live, .. }) = &chain {
                    let (session, user) = (Cached::new(live), live.user.clone());
                    cache.fill(&ticket, Arc::new(session), Arc::new(user));
                }
                Ok(chain)
            })
            .await
    }

    fn renewed(
        &self,
        jwt: &Jwt,
        live: LiveSession,
        generation: Generation,
        refresh: RefreshToken,
        now: Timestamp,
    ) -> Result<SignedIn, Error> {
        let access = self.access(jwt, &live.session, generation, now)?;
        self.inner.touches.note(live.session.id, now);
        let left = live.session.expires_at.since(now);
        let lifetime = match live.session.remember {
            true => Lifetime::Persistent(left),
            false => Lifetime::Browser,
        };
        Ok(SignedIn {
            device: None,
            user: CurrentUser::new(Arc::new(live.user), live.session.id),
            tokens: Tokens::Jwt { access, refresh },
            lifetime,
        })
    }

    pub(super) fn access(
        &self,
        jwt: &Jwt,
        session: &Session,
        generation: Generation,
        now: Timestamp,
    ) -> Result<AccessToken, Error> {
        let whose = (session.user, session.id);
        jwt.sign(whose, For::Us(generation), session.expires_at, now)
            .map_err(|error| StoreError::new("signing an access token", error).into())
    }

    /// Two hold the same refresh token, and nobody can tell which is the owner: the session ends for both.
    async fn end_stolen(&self, session: &Session) -> Result<SignedIn, Error> {
        let record = self.record_of(Event::RefreshTokenReused, session.user);
        let record = of_session(record, session.id);
        match self
            .end_sessions(session.user, Which::One(session.id), By::Operator, record)
            .await
        {
            Ok(()) | Err(Error::NotFound) => {}
            Err(error) => return Err(error),
        }
        Err(Error::NotAuthenticated)
    }

    /// An access token that arrives some time after it was made shows that its refresh token has arrived too.
    pub(super) fn confirm(&self, token: &Verified, now: Timestamp) {
        if confirms(token.issued_at, now) && !token.confirming.swap(true, Ordering::Relaxed) {
            let confirmed = (token.generation, now);
            self.inner.confirmations.note(token.session, confirmed);
        }
    }

    /// Writes confirmations down. Losing one only delays the finding of a theft.
    pub(super) async fn flush_confirmations(&self) {
        for (session, (generation, at)) in self.inner.confirmations.take() {
            if let Err(error) = self.inner.store.confirm(session, generation, at).await {
                tracing::warn!(%error, "a refresh was not confirmed");
            }
        }
    }
}
