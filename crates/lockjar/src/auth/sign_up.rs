//! A new account, logged in at once.

use std::sync::Arc;

use super::{Auth, Client, SignedIn};
use crate::audit::{Event, Record};
use crate::error::Error;
use crate::id::UserId;
use crate::password::{Password, Slot};
use crate::session::NewSession;
use crate::store::NewUser;
use crate::token::PresentedSession;
use crate::user::{User, Username, check_email};

/// A request for an account.
#[derive(Clone, Debug)]
pub struct SignUp {
    /// The name; [`Username`] has the rules.
    pub username: String,
    /// The password; [`PasswordPolicy`](crate::password::PasswordPolicy) has the rules.
    pub password: Password,
    /// An address, which identifies no one until it is confirmed.
    pub email: Option<String>,
    /// Whether the session outlives the browser ('remember me').
    pub remember: bool,
    /// Who asks.
    pub client: Client,
}

impl SignUp {
    /// An account without an address, and a log-in that ends with the browser.
    pub fn new(username: impl Into<String>, password: impl Into<Password>) -> Self {
        let (username, password) = (username.into(), password.into());
        Self {
            username,
            password,
            email: None,
            remember: false,
            client: Client::default(),
        }
    }
}

impl Auth {
    /// Makes an account and logs it in, both or neither.
    ///
    /// # Errors
    /// - [`Error::Invalid`]: the name, address or password breaks a rule; each problem names its field.
    /// - [`Error::UsernameTaken`]: said openly, since nobody can sign up without learning it.
    /// - [`Error::Throttled`], [`Error::Overloaded`]: too many from this address, or too many at once.
    /// - [`Error::Unavailable`]: nothing was written, or it is not known.
    pub async fn sign_up(&self, request: SignUp) -> Result<SignedIn, Error> {
        let (attempt, slot) = self.count_sign_up(&request.client).await?;
        let checked = self.new_user(slot, &request).await;
        let user = self.unless_faulty(&attempt, checked).await?;
        let shown = User {
            id: user.id,
            username: user.name.as_str().to_owned(),
            email: user.email.clone(),
            created_at: user.created_at,
            disabled_at: None,
        };
        let (mut signed_in, session) =
            self.new_session(Arc::new(shown), request.remember, &request.client)?;
        let record = Record {
            session: Some(session.session.id),
            detail: Some(user.name.as_str().to_owned()),
            ..self.record_of(Event::SignUp, user.id)
        };
        let created = self.create(user, Some(session), record).await;
        if !self.unless_faulty(&attempt, created).await? {
            return Err(Error::UsernameTaken);
        }
        if let Some(presented) = request.client.presented {
            self.retire(presented).await;
        }
        self.begin_anew(&signed_in.user).await;
        // A new account's epoch is 0.
        signed_in.device = self
            .remember_device_uncounted(&request.client, &signed_in.user, 0)
            .await;
        Ok(signed_in)
    }

    /// `false` where the name is taken.
    pub(super) async fn create(
        &self,
        user: NewUser,
        session: Option<NewSession>,
        record: Record,
    ) -> Result<bool, Error> {
        let store = Arc::clone(&self.inner.store);
        let creating = async move { Ok(store.create(&user, session.as_ref()).await?) };
        let record = |created: &bool| created.then_some(record);
        self.recorded(creating, record).await
    }

    /// Ends the session that the browser presented, whose cookie is about to be overwritten. The account stands
    /// whatever comes of it.
    async fn retire(&self, presented: PresentedSession) {
        if let Ok(old) = self.find(presented.session, Some(presented.secret)).await
            && let Err(error) = self.sign_out(&old).await
        {
            tracing::warn!(%error, session = %old.session(), "the session that a sign-up replaced was not ended");
        }
    }

    /// Checks everything and hashes the password. Writes nothing.
    pub(super) async fn new_user(&self, slot: Slot, request: &SignUp) -> Result<NewUser, Error> {
        let mut problems = Vec::new();
        let name = Username::parse(&request.username)
            .map_err(|problem| problems.push(problem))
            .ok();
        let email = request
            .email
            .as_deref()
            .map(str::trim)
            .filter(|email| !email.is_empty());
        if let Some(problem) = email.and_then(|email| check_email(email).err()) {
            problems.push(problem);
        }
        let names = vec![
            request.username.clone(),
            email.unwrap_or_default().to_owned(),
        ];
        let password = request.password.clone();
        let Some(name) = name.filter(|_| problems.is_empty()) else {
            // All that is wrong is said at once; and nobody has hashes made for what cannot be an account.
            let checked = self
                .check_new(slot, "password", password, names, |_, _| ())
                .await;
            return match checked {
                Err(Error::Invalid(more)) => Err(Error::Invalid([problems, more].concat())),
                Err(error) => Err(error),
                Ok(()) => Err(Error::Invalid(problems)),
            };
        };
        Ok(NewUser {
            id: UserId::random(),
            name,
            email: email.map(str::to_owned),
            hash: self.hash_new(slot, "password", password, names).await?,
            created_at: self.inner.clock.now(),
        })
    }
}
