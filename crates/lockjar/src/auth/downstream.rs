//! What services beside us ask for: a token of their own for a session, and whether a token is still good.

use super::jwt::{For, Jwt};
use super::{AccessToken, Auth};
use crate::current::CurrentUser;
use crate::error::{Error, Problem, StoreError};
use crate::jwt::{Claims, Invalid};

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
    /// cookie. It ends with the session for those who ask [`introspect`](Introspector::introspect), and by itself for the others.
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
        let now = self.inner.clock.now();
        // How long its session still lives is not asked: whoever must know asks `introspect`.
        let until = now.after(jwt.settings.keys.token_lifetime);
        let whose = (user.id, user.session());
        let token = jwt.sign(whose, For::Service(audience), until, now);
        token.map_err(|error| StoreError::new("signing an access token", error).into())
    }

    /// Whether any service may ask about tokens.
    #[must_use]
    pub fn offers_introspection(&self) -> bool {
        let settings = self.inner.jwt.as_ref().map(|jwt| &jwt.settings);
        settings.is_some_and(|settings| settings.introspection_secret.is_some())
    }

    /// Whoever presents this secret, if it is the right one.
    #[must_use]
    pub fn introspector(&self, secret: &[u8]) -> Option<Introspector<'_>> {
        let jwt = self.inner.jwt.as_ref()?;
        let known = jwt.settings.introspection_secret.as_ref()?;
        known.is(secret).then_some(Introspector { auth: self, jwt })
    }
}

/// A service that has proved that it may ask about tokens; made by [`Auth::introspector`].
pub struct Introspector<'a> {
    auth: &'a Auth,
    jwt: &'a Jwt,
}

impl Introspector<'_> {
    /// What a token of ours says, for whichever audience, if it is good *now*: its signature and times are right and its
    /// session has not ended. `None` for any other token, without saying why.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: it cannot be known now.
    pub async fn introspect(
        &self,
        token: impl AsRef<[u8]>,
    ) -> Result<Option<Introspection>, Error> {
        let (auth, jwt, now) = (self.auth, self.jwt, self.auth.inner.clock.now());
        let token = token.as_ref();
        let verified = auth.by_keys(jwt, || jwt.verify_any(token, now)).await?;
        let claims = match verified {
            Ok(claims) => claims,
            // Whether it is good is what cannot be known.
            Err(Invalid::UnreadableKey) => {
                return Err(StoreError::unavailable("a signing key cannot be opened").into());
            }
            Err(_) => return Ok(None),
        };
        // An access token that a service was shown has arrived as well as one that we were shown. Those that we know are
        // kept, so that each is noted once, however often it is asked about.
        let ours = claims.generation.and_then(|_| jwt.verify(token, now).ok());
        match auth.of_session(claims.sid).await {
            Ok(user) => {
                if let Some(ours) = ours {
                    auth.confirm(&ours, now);
                }
                Ok(Some(Introspection {
                    claims,
                    username: user.username.clone(),
                }))
            }
            Err(Error::NotAuthenticated) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
