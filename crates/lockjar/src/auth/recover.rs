//! A way back in for somebody who has forgotten the password: a link that sets a new one, once.

use std::sync::Arc;
use std::time::Duration;

use super::counting::note;
use super::{Auth, Operator};
use crate::audit::Event;
use crate::error::{Error, Problem};
use crate::opaque::RecoveryToken;
use crate::password::{Password, Priority};
use crate::store::{By, Credentials, NewOneTime, PasswordChange};
use crate::user::{User, Username};

/// OWASP asks that such links end soon; a day is for those who are told by letter.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

impl Operator<'_> {
    /// A token for the account of this name, with which whoever has it sets a new password, once, within `lasts` (at most a
    /// day), at [`Auth::recovery_url`]. It ends earlier when the password changes, or all of the account's sessions are ended.
    ///
    /// # Errors
    /// [`Error::NotFound`], also for a disabled account; [`Error::Invalid`] for no time or more; [`Error::Unavailable`].
    pub async fn issue_recovery(
        &self,
        name: &str,
        lasts: Duration,
    ) -> Result<RecoveryToken, Error> {
        if lasts.is_zero() || lasts > LONGEST {
            let text = "A recovery link lasts a second at the least and a day at the most.";
            return Err(Error::Invalid(vec![Problem::new(
                "lasts",
                "out_of_range",
                text,
            )]));
        }
        let inner = &self.auth.inner;
        let name = Username::parse(name).map_err(|_| Error::NotFound)?;
        let known = inner.store.by_name(name.key()).await?;
        let known = known.ok_or(Error::NotFound)?;
        let token = RecoveryToken::generate();
        let new = NewOneTime {
            token: token.hash(),
            user: known.user.id,
            epoch: known.epoch,
            expires_at: inner.clock.now().after(lasts),
        };
        let record = self.record_of(Event::RecoveryLink, known.user.id);
        let store = Arc::clone(&inner.store);
        let putting = async move { Ok(store.put_one_time(&new).await?) };
        let is_put = self.auth.recorded(putting, |put| put.then_some(record));
        match is_put.await? {
            true => Ok(token),
            false => Err(Error::NotFound),
        }
    }
}

impl Auth {
    /// Where the holder of a recovery token sets a new password.
    #[must_use]
    pub fn recovery_url(&self, token: &RecoveryToken) -> String {
        let public = self.public_url();
        format!("{public}/recover?token={}", *token.reveal())
    }

    /// Whose password a token would set, while it is good. It is not used up by asking.
    ///
    /// # Errors
    /// [`Error::Invalid`] where it is not good, or not any longer; [`Error::Unavailable`].
    pub async fn recovery_user(&self, token: &RecoveryToken) -> Result<User, Error> {
        Ok(self.recoverable(token).await?.user)
    }

    /// Sets a new password by a token, which is used up. All of the user's sessions end, no device is known any longer, and the
    /// failures of strangers at the account are forgotten. Nobody is logged in by it.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the token is not good, or the password breaks a rule: then the token is still good;
    /// [`Error::Overloaded`], [`Error::Unavailable`].
    pub async fn recover(&self, token: &RecoveryToken, new: Password) -> Result<(), Error> {
        let known = self.recoverable(token).await?;
        let names = vec![
            known.user.username.clone(),
            known.user.email.clone().unwrap_or_default(),
        ];
        // Whoever has such a link has shown more than a known device.
        let slot = self.inner.hashing.admit(Priority::Known)?;
        let hash = self.hash_new(slot, "new_password", new, names).await?;
        let change = PasswordChange {
            user: known.user.id,
            by: By::OneTime(*token.hash().as_bytes()),
            epoch: Some(known.epoch),
            hash,
            session: None,
            now: self.inner.clock.now(),
        };
        let auth = self.clone();
        Self::to_the_end(async move {
            match auth.set_password(change).await {
                Err(Error::NotAuthenticated | Error::NotFound) => return Err(not_good()),
                done => done?,
            }
            // They were at the old password. The new one is set, whatever comes of this.
            note(
                &auth.unlock(&known.user).await,
                "failures before a recovery still count",
            );
            Ok(())
        })
        .await
    }

    async fn recoverable(&self, token: &RecoveryToken) -> Result<Credentials, Error> {
        let now = self.inner.clock.now();
        let known = self.inner.store.one_time(&token.hash(), now).await?;
        known.ok_or_else(not_good)
    }
}

fn not_good() -> Error {
    Error::Invalid(vec![Problem::new(
        "token",
        "token_not_good",
        "This link is not good any longer: ask for another one.",
    )])
}
