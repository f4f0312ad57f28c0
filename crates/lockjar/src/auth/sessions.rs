//! A user's own sessions: see them, end one, the others, or all.

use super::Auth;
use super::audit::of_session;
use crate::audit::{Event, Record};
use crate::current::CurrentUser;
use crate::error::Error;
use crate::id::{SessionId, UserId};
use crate::session::Session;
use crate::store::{By, Change, Which};
use crate::token::PresentedSession;

impl Auth {
    /// Logs out: ends the session that the request came with. One that has ended already is logged out too.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: it is not known whether the session ended.
    pub async fn sign_out(&self, user: &CurrentUser) -> Result<(), Error> {
        match self.end(user, Which::One(user.session())).await {
            Err(Error::NotAuthenticated | Error::NotFound) => Ok(()),
            other => other,
        }
    }

    /// Logs out by what a request [presented](Self::presented): an older refresh token opens a session no more, and still
    /// ends it.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: it is not known whether the session ended.
    pub async fn sign_out_of(&self, presented: PresentedSession) -> Result<(), Error> {
        match self.find(presented.session, Some(presented.secret)).await {
            Ok(user) => self.sign_out(&user).await,
            Err(Error::NotAuthenticated) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The user's sessions that have not expired, the last used first.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn sessions(&self, user: &CurrentUser) -> Result<Vec<Session>, Error> {
        self.sessions_of(user.id).await
    }

    /// The store knows neither the time nor the limits.
    pub(super) async fn sessions_of(&self, user: UserId) -> Result<Vec<Session>, Error> {
        let (now, idle) = (self.inner.clock.now(), self.inner.limits.idle);
        let mut sessions = self.inner.store.of_user(user).await?;
        sessions.retain(|session| !session.is_expired(now, idle));
        Ok(sessions)
    }

    /// Ends one of the user's sessions, this one or another.
    ///
    /// # Errors
    /// - [`Error::NotFound`]: the user has no such session; somebody else's is not told apart.
    /// - [`Error::NotAuthenticated`]: the session that asks has ended meanwhile.
    /// - [`Error::Unavailable`].
    pub async fn revoke(&self, user: &CurrentUser, session: SessionId) -> Result<(), Error> {
        self.end(user, Which::One(session)).await
    }

    /// Ends all of the user's sessions but this one, and every log-in under way.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`], [`Error::Unavailable`], as for [`revoke`](Self::revoke).
    pub async fn revoke_others(&self, user: &CurrentUser) -> Result<(), Error> {
        self.end(user, Which::AllBut(user.session())).await
    }

    /// Logs out everywhere: ends all of the user's sessions and every log-in under way.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`], [`Error::Unavailable`], as for [`revoke`](Self::revoke).
    pub async fn revoke_all(&self, user: &CurrentUser) -> Result<(), Error> {
        self.end(user, Which::All).await
    }

    async fn end(&self, user: &CurrentUser, which: Which) -> Result<(), Error> {
        let record = match which == Which::One(user.session()) {
            true => self.record_of(Event::LogOut, user.id),
            false => Record {
                detail: Some(described(which)),
                ..self.record_of(Event::SessionsEnded, user.id)
            },
        };
        let record = of_session(record, user.session());
        self.end_sessions(user.id, which, By::Session(user.session()), record)
            .await
    }

    pub(super) async fn end_sessions(
        &self,
        user: UserId,
        which: Which,
        by: By,
        record: Record,
    ) -> Result<(), Error> {
        let ending = match which {
            Which::One(session) => Change::Session(session),
            Which::AllBut(_) | Which::All => Change::User(user),
        };
        // Whoever is told that the authority had ended finds it ended here too.
        let asking = match by {
            By::Session(session) => Some(Change::Session(session)),
            By::OneTime(_) | By::Operator => None,
        };
        let (store, now) = (self.inner.store.clone(), self.inner.clock.now());
        let change = async move { store.end(user, which, by, now).await };
        self.mutate(
            change,
            [ending].into_iter().chain(asking),
            Error::NotAuthenticated,
            record,
        )
        .await
    }
}

pub(super) fn described(which: Which) -> String {
    match which {
        Which::One(session) => session.to_string(),
        Which::AllBut(_) => "all others".to_owned(),
        Which::All => "all".to_owned(),
    }
}
