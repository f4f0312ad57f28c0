//! What services beside us ask for: a token of their own for a session, and whether a token is still good.

use subtle::ConstantTimeEq;

use super::{AccessToken, Auth};
use crate::current::CurrentUser;
use crate::error::{Error, Problem, StoreError};
use crate::jwt::Claims;
use crate::refresh::Generation;

/// What is known of a token that is good now ([RFC 7662](https://www.rfc-editor.org/rfc/rfc7662), 2.2).
#[derive(Clone, Debug)]
pub struct Introspection {
    /// What it says.
    pub claims: Claims,
    /// Its user's name.
    pub username: String,
}

impl Auth {
    /// A short-lived token of the user's session for another service, so that the cookie's own value never leaves the
    /// cookie. It ends with the session for those who ask [`introspect`](Self::introspect), and by itself for the others.
    ///
    /// # Errors
    /// [`Error::Invalid`]: the audience is not among [`JwtSettings::audiences`](super::JwtSettings::audiences);
    /// [`Error::NotFound`] with the session strategy.
    pub fn token_for(&self, user: &CurrentUser, audience: &str) -> Result<AccessToken, Error> {
        let jwt = self.inner.jwt.as_ref().ok_or(Error::NotFound)?;
        if !jwt.settings.audiences.iter().any(|known| known == audience) {
            return Err(Error::Invalid(vec![Problem::new(
                "audience",
                "audience_unknown",
                "No tokens are made for that audience: ask the operator to allow it.",
            )]));
        }
        // It belongs to no refresh token, so it names no generation that was ever issued.
        let (now, generation) = (self.inner.clock.now(), Generation::MAX);
        // How long its session still lives is not asked: whoever must know asks `introspect`.
        let until = now.after(jwt.settings.keys.token_lifetime);
        let whose = (user.id, user.session());
        let token = jwt.sign(whose, generation, Some(audience), until, now);
        token.map_err(|error| StoreError::new("signing an access token", error).into())
    }

    /// Whether any service may ask about tokens.
    #[must_use]
    pub fn offers_introspection(&self) -> bool {
        let settings = self.inner.jwt.as_ref().map(|jwt| &jwt.settings);
        settings.is_some_and(|settings| settings.introspection_secret.is_some())
    }

    /// Whether a service that presents this secret may ask for what it asks.
    #[must_use]
    pub fn may_introspect(&self, secret: &[u8]) -> bool {
        let settings = self.inner.jwt.as_ref().map(|jwt| &jwt.settings);
        settings
            .and_then(|settings| settings.introspection_secret.as_ref())
            .is_some_and(|known| known.as_bytes().ct_eq(secret).into())
    }

    /// What a token of ours says, for whichever audience, if it is good *now*: its signature and times are right and its
    /// session has not ended. `None` for any other token, without saying why.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: it cannot be known now.
    pub async fn introspect(
        &self,
        token: impl AsRef<[u8]>,
    ) -> Result<Option<Introspection>, Error> {
        let jwt = self.inner.jwt.as_ref().ok_or(Error::NotFound)?;
        let Ok(claims) = jwt.verify_any(token.as_ref(), self.inner.clock.now()) else {
            return Ok(None);
        };
        match self.of_session(claims.sid).await {
            Ok(user) => Ok(Some(Introspection {
                claims,
                username: user.username.clone(),
            })),
            Err(Error::NotAuthenticated) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
