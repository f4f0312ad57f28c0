//! A new password for the old one. Every other session ends, and this one gets a new token.

use std::sync::Arc;

use super::{Auth, Client, SignedIn};
use crate::audit::{Event, Record};
use crate::current::CurrentUser;
use crate::error::{Error, Problem};
use crate::password::{Password, Priority, Verdict};
use crate::store::{By, Change, Credentials, PasswordChange};

impl Auth {
    /// Changes the password of the user, who proves to know the current one. All of the user's sessions and log-ins
    /// under way end, and no other device is known any longer; what is returned takes the place of this one. `remember` and
    /// `client` are those of the new session.
    ///
    /// # Errors
    /// - [`Error::Invalid`]: the current password is wrong, or the new one breaks a rule.
    /// - [`Error::NotAuthenticated`]: the session ended, or the password was changed, meanwhile.
    /// - [`Error::Throttled`], [`Error::Overloaded`], [`Error::Unavailable`]. Whoever has the session has as many guesses at
    ///   the current password as at a log-in.
    pub async fn change_password(
        &self,
        user: &CurrentUser,
        current: Password,
        new: Password,
        client: &Client,
    ) -> Result<SignedIn, Error> {
        let known = self.inner.store.by_id(user.id).await?;
        let known = known.ok_or(Error::NotAuthenticated)?;
        self.prove(&known, user, current, client).await?;
        let names = vec![
            known.user.username.clone(),
            known.user.email.clone().unwrap_or_default(),
        ];
        let slot = self.inner.hashing.admit(Priority::Known)?;
        let hash = self.hash_new(slot, "new_password", new, names).await?;
        let remember = self.remembers(user).await?;
        let (mut signed_in, session) = self.new_session(Arc::new(known.user), remember, client)?;
        let change = PasswordChange {
            user: user.id,
            by: By::Session(user.session()),
            epoch: Some(known.epoch),
            hash,
            session: Some(session),
            now: self.inner.clock.now(),
        };
        self.set_password(change).await?;
        // The others are strangers from now on; this one has just shown that it knows the password.
        signed_in.device = self
            .remember_device_uncounted(client, &signed_in.user, known.epoch + 1)
            .await;
        Ok(signed_in)
    }

    async fn prove(
        &self,
        known: &Credentials,
        user: &CurrentUser,
        password: Password,
        client: &Client,
    ) -> Result<(), Error> {
        let (attempt, slot) = self
            .count_guess(&known.user.username, client, Priority::Known)
            .await?;
        let (auth, guessed) = (self.clone(), known.clone());
        let record = self.record_by(Event::PasswordRefused, client);
        let refused = Record {
            user: Some(user.id),
            session: Some(user.session()),
            ..record
        };
        // To the end, as a log-in.
        Self::to_the_end(async move {
            let verifying = auth.clone();
            let verdict = slot
                .run(move |memory| verifying.verify(memory, &password, Some(&guessed)))
                .await;
            if let Ok(Verdict::Wrong) = verdict {
                auth.keep(refused).await;
                return Err(Error::Invalid(vec![Problem::new(
                    "current_password",
                    "password_wrong",
                    "That is not your current password.",
                )]));
            }
            auth.take_back(&attempt).await;
            verdict.map(drop)
        })
        .await
    }

    /// The new session lasts as the old one did.
    async fn remembers(&self, user: &CurrentUser) -> Result<bool, Error> {
        let live = self.inner.store.live(user.session()).await?;
        live.map(|live| live.session.remember)
            .ok_or(Error::NotAuthenticated)
    }

    pub(super) async fn set_password(&self, change: PasswordChange) -> Result<(), Error> {
        let (store, forget) = (Arc::clone(&self.inner.store), [Change::User(change.user)]);
        let event = match change.by {
            By::Session(_) => Event::PasswordChanged,
            By::OneTime(_) => Event::Recovered,
            By::Operator => Event::PasswordSet,
        };
        let record = Record {
            by_operator: change.by == By::Operator,
            session: change.session.as_ref().map(|new| new.session.id),
            ..self.record_of(event, change.user)
        };
        let change = async move { store.set_password(&change).await };
        self.mutate(change, forget, Error::NotAuthenticated, record)
            .await
    }
}
