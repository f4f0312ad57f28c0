//! What an operator may do: everything about accounts but log in as them. The command line is made of these.

use std::sync::Arc;

use super::counting::note;
use super::sessions::described;
use super::{Auth, SignUp};
use crate::audit::{Event, Record};
use crate::clock::Timestamp;
use crate::error::Error;
use crate::id::{SessionId, UserId};
use crate::password::{Password, Priority};
use crate::session::Session;
use crate::store::{By, Change, Outcome, PasswordChange, Store, Which};
use crate::user::{User, Username};

/// The operator's verbs; see [`Auth::operator`].
#[derive(Clone, Copy)]
pub struct Operator<'a> {
    pub(super) auth: &'a Auth,
}

impl<'a> Operator<'a> {
    pub(super) const fn new(auth: &'a Auth) -> Self {
        Self { auth }
    }

    /// Makes an account without logging it in. The rules for names and passwords hold.
    ///
    /// # Errors
    /// As for [`Auth::sign_up`].
    pub async fn add_user(
        &self,
        name: &str,
        password: Password,
        email: Option<String>,
    ) -> Result<UserId, Error> {
        let request = SignUp {
            email,
            ..SignUp::new(name, password)
        };
        let slot = self.auth.inner.hashing.admit(Priority::Known)?;
        let user = self.auth.new_user(slot, &request).await?;
        let record = Record {
            detail: Some(user.name.as_str().to_owned()),
            ..self.record_of(Event::UserAdded, user.id)
        };
        let id = user.id;
        if self.auth.create(user, None, record).await? {
            self.auth.begin_anew(&self.user(name).await?).await;
            Ok(id)
        } else {
            Err(Error::UsernameTaken)
        }
    }

    /// All accounts, by name.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn users(&self) -> Result<Vec<User>, Error> {
        Ok(self.auth.inner.store.list().await?)
    }

    /// The account of this name, in any of the name's spellings.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Unavailable`].
    pub async fn user(&self, name: &str) -> Result<User, Error> {
        let name = Username::parse(name).map_err(|_| Error::NotFound)?;
        let known = self.auth.inner.store.by_name(name.key()).await?;
        known.map(|known| known.user).ok_or(Error::NotFound)
    }

    /// The account with this id.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Unavailable`].
    pub async fn user_with_id(&self, user: UserId) -> Result<User, Error> {
        let known = self.auth.inner.store.by_id(user).await?;
        known.map(|known| known.user).ok_or(Error::NotFound)
    }

    /// Disables an account: its sessions end, and it cannot log in until it is enabled again.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Unavailable`].
    pub async fn disable(&self, user: UserId) -> Result<(), Error> {
        let (store, now) = self.store_and_time();
        let record = self.record_of(Event::UserDisabled, user);
        let disabling = async move { store.set_disabled(user, true, now).await };
        self.change(user, disabling, record).await
    }

    /// Lets an account log in again. Its old sessions stay ended.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Unavailable`].
    pub async fn enable(&self, user: UserId) -> Result<(), Error> {
        let (store, now) = self.store_and_time();
        let record = self.record_of(Event::UserEnabled, user);
        let enabling = async move { store.set_disabled(user, false, now).await };
        self.change(user, enabling, record).await
    }

    /// Forgets how often somebody has failed to log in to an account, so that the next attempt may come at once, from any
    /// device. What an address has used of its hour stays used.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Unavailable`].
    pub async fn unlock(&self, name: &str) -> Result<(), Error> {
        let (auth, user) = (self.auth.clone(), self.user(name).await?);
        let record = self.record_of(Event::UserUnlocked, user.id);
        let unlocking = async move { Ok(auth.unlock(&user).await?) };
        self.auth.recorded(unlocking, |()| Some(record)).await
    }

    /// Deletes an account with its sessions.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Unavailable`].
    pub async fn delete(&self, user: UserId) -> Result<(), Error> {
        let (store, now) = self.store_and_time();
        let known = self.auth.inner.store.by_id(user).await?;
        let record = Record {
            detail: known.map(|known| known.user.username),
            ..self.record_of(Event::UserDeleted, user)
        };
        let deleting = async move { store.delete(user, now).await };
        self.change(user, deleting, record).await
    }

    /// Sets a password without knowing the old one. All of the user's sessions end, no device is known any longer, and failures
    /// at the old one are forgotten.
    ///
    /// # Errors
    /// [`Error::Invalid`] where it breaks a rule; [`Error::NotFound`], [`Error::Unavailable`].
    pub async fn set_password(&self, user: &User, password: Password) -> Result<(), Error> {
        let names = vec![
            user.username.clone(),
            user.email.clone().unwrap_or_default(),
        ];
        let slot = self.auth.inner.hashing.admit(Priority::Known)?;
        let hash = self
            .auth
            .hash_new(slot, "password", password, names)
            .await?;
        let now = self.auth.inner.clock.now();
        let change = PasswordChange {
            user: user.id,
            by: By::Operator,
            epoch: None,
            hash,
            session: None,
            now,
        };
        self.auth.set_password(change).await?;
        // No device is known any longer, and the failures were at the old password.
        note(
            &self.auth.unlock(user).await,
            "failures at an old password still count",
        );
        Ok(())
    }

    /// A user's sessions that have not expired, the last used first.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn sessions(&self, user: UserId) -> Result<Vec<Session>, Error> {
        self.auth.sessions_of(user).await
    }

    /// Ends a session, whosever it is.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Unavailable`].
    pub async fn revoke(&self, session: SessionId) -> Result<(), Error> {
        let owner = self
            .auth
            .inner
            .store
            .owner(session)
            .await?
            .ok_or(Error::NotFound)?;
        let record = Record {
            detail: Some(described(Which::One(session))),
            ..self.record_of(Event::SessionsEnded, owner)
        };
        self.auth
            .end_sessions(owner, Which::One(session), By::Operator, record)
            .await
    }

    /// Ends all of a user's sessions and every log-in under way.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Unavailable`].
    pub async fn revoke_all(&self, user: UserId) -> Result<(), Error> {
        let record = Record {
            detail: Some(described(Which::All)),
            ..self.record_of(Event::SessionsEnded, user)
        };
        self.auth
            .end_sessions(user, Which::All, By::Operator, record)
            .await
    }

    fn store_and_time(&self) -> (Arc<dyn Store>, Timestamp) {
        let inner = &self.auth.inner;
        (Arc::clone(&inner.store), inner.clock.now())
    }

    async fn change(
        &self,
        user: UserId,
        change: impl Future<Output = crate::store::Result<Outcome>> + Send + 'static,
        record: Record,
    ) -> Result<(), Error> {
        let forget = [Change::User(user)];
        self.auth
            .mutate(change, forget, Error::NotAuthenticated, record)
            .await
    }
}
