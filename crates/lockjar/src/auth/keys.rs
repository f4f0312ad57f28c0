//! The signing keys in the store: read at the start and whenever the change feed says so, rotated when they are due.

use std::sync::Arc;

use super::jwt::{Jwt, JwtSettings};
use super::{Auth, Operator};
use crate::clock::Timestamp;
use crate::error::{ConfigError, Error, OpenError, StoreError};
use crate::jwt::{Algorithm, Jwks, Key, KeyRing, SigningKey};
use crate::store::{Store, StoredKey};

/// Others may change the keys while we do; each time we look again.
const TRIES: usize = 5;

/// A signing key as an operator sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyInfo {
    /// Its name in tokens.
    pub kid: String,
    /// How it signs.
    pub algorithm: Algorithm,
    /// When it was made, and so published.
    pub created_at: Timestamp,
    /// From when on it signs.
    pub signs_from: Timestamp,
    /// When the next took, or will take, over.
    pub retired_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// Whether it signs now.
    pub signs: bool,
}

/// The keys of the store, with one that signs; at the very first start it is made here.
pub(super) async fn load(
    store: &Arc<dyn Store>,
    settings: &JwtSettings,
    now: Timestamp,
) -> Result<KeyRing, OpenError> {
    for _ in 0..TRIES {
        let stored = store.keys().await?;
        let ring = KeyRing::load(settings.keys, opened(&stored, settings)?, now);
        if ring.keys().len() == stored.len()
            || store
                .set_keys(&stored, &sealed(&ring, &stored, settings), now)
                .await?
        {
            return Ok(ring);
        }
    }
    Err(StoreError::unavailable("the signing keys kept changing").into())
}

fn opened(stored: &[StoredKey], settings: &JwtSettings) -> Result<Vec<Key>, ConfigError> {
    let open = |row: &StoredKey| {
        let algorithm = row.algorithm.parse()?;
        let key = SigningKey::open(algorithm, &row.kid, &row.sealed, &settings.master_key);
        Ok(Key {
            signing_key: Arc::new(key.map_err(|error| ConfigError::new(error.to_string()))?),
            created_at: row.created_at,
            signs_from: row.signs_from,
            revoked_at: row.revoked_at,
        })
    };
    stored.iter().map(open).collect()
}

/// Keys that the store has already keep the bytes they have there.
fn sealed(ring: &KeyRing, stored: &[StoredKey], settings: &JwtSettings) -> Vec<StoredKey> {
    let bytes = |key: &Key| match stored.iter().find(|row| row.kid == key.kid()) {
        Some(row) => row.sealed.clone(),
        None => key.signing_key.seal(&settings.master_key),
    };
    let row = |key: &Key| StoredKey {
        kid: key.kid().to_owned(),
        algorithm: key.signing_key.algorithm().to_string(),
        sealed: bytes(key),
        created_at: key.created_at,
        signs_from: key.signs_from,
        revoked_at: key.revoked_at,
    };
    ring.keys().iter().map(row).collect()
}

impl Auth {
    /// The public keys by which others verify access tokens, to be kept no longer than
    /// [`KeyPolicy::jwks_max_age`](crate::jwt::KeyPolicy::jwks_max_age). `None` with the session strategy.
    #[must_use]
    pub fn jwks(&self) -> Option<Jwks> {
        let jwt = self.inner.jwt.as_ref()?;
        Some(jwt.keys().jwks(self.inner.clock.now()))
    }

    /// How long others may keep the keys.
    #[must_use]
    pub fn jwks_max_age(&self) -> Option<std::time::Duration> {
        self.inner
            .jwt
            .as_ref()
            .map(|jwt| jwt.settings.keys.jwks_max_age)
    }

    /// Reads the keys again.
    pub(super) async fn reload_keys(&self) -> Result<(), StoreError> {
        let Some(jwt) = &self.inner.jwt else {
            return Ok(());
        };
        let stored = self.inner.store.keys().await?;
        let keys = opened(&stored, &jwt.settings)
            .map_err(|error| StoreError::unavailable(error.to_string()))?;
        jwt.set_keys(KeyRing::load(
            jwt.settings.keys,
            keys,
            self.inner.clock.now(),
        ));
        Ok(())
    }

    /// Makes the next key when it is time, and deletes those that have no more to do.
    pub(super) async fn tend_keys(&self) {
        let Some(jwt) = &self.inner.jwt else { return };
        let (now, interval) = (self.inner.clock.now(), jwt.settings.rotate_every);
        let tended = |ring: &KeyRing| {
            let ring = match ring.due(now, interval) {
                true => ring.rotate(now),
                false => ring.clone(),
            };
            Ok(ring.without_expired(now))
        };
        if let Err(error) = self.change_keys(jwt, tended).await {
            tracing::warn!(%error, "the signing keys were not tended");
        }
    }

    /// Stores what `change` makes of the keys, unless that is what they are, and goes on with it.
    async fn change_keys(
        &self,
        jwt: &Jwt,
        change: impl Fn(&KeyRing) -> Result<KeyRing, Error>,
    ) -> Result<(), Error> {
        let (store, now) = (&self.inner.store, self.inner.clock.now());
        for _ in 0..TRIES {
            let before = store.keys().await?;
            let keys = opened(&before, &jwt.settings)
                .map_err(|error| StoreError::unavailable(error.to_string()))?;
            let ring = change(&KeyRing::load(jwt.settings.keys, keys, now))?;
            let after = sealed(&ring, &before, &jwt.settings);
            if after == before || store.set_keys(&before, &after, now).await? {
                if after != before {
                    jwt.set_keys(ring);
                }
                return Ok(());
            }
        }
        Err(StoreError::unavailable("the signing keys kept changing").into())
    }
}

impl Operator<'_> {
    /// The signing keys, by age. Empty with the session strategy.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn keys(&self) -> Result<Vec<KeyInfo>, Error> {
        self.auth.reload_keys().await?;
        let Some(jwt) = &self.auth.inner.jwt else {
            return Ok(Vec::new());
        };
        let (ring, now) = (jwt.keys(), self.auth.inner.clock.now());
        let signer = ring.signer(now).map(Key::kid);
        let info = |key: &Key| KeyInfo {
            kid: key.kid().to_owned(),
            algorithm: key.signing_key.algorithm(),
            created_at: key.created_at,
            signs_from: key.signs_from,
            retired_at: ring.retired_at(key),
            revoked_at: key.revoked_at,
            signs: signer == Some(key.kid()),
        };
        Ok(ring.keys().iter().map(info).collect())
    }

    /// Makes a new key, which is published now and signs as soon as everybody can know it. Nobody is logged out.
    ///
    /// # Errors
    /// [`Error::NotFound`] with the session strategy, [`Error::Unavailable`].
    pub async fn rotate_keys(&self) -> Result<(), Error> {
        let (jwt, now) = (self.jwt()?, self.auth.inner.clock.now());
        self.auth
            .change_keys(jwt, |ring| Ok(ring.rotate(now)))
            .await?;
        tracing::info!(event = "keys_rotated", "a new signing key was made");
        Ok(())
    }

    /// Takes all power from a key: its tokens are refused here at once, and elsewhere within the JWKS's age. Sessions live
    /// on, by their refresh tokens.
    ///
    /// # Errors
    /// [`Error::NotFound`]: there is no such key; [`Error::Unavailable`].
    pub async fn revoke_key(&self, kid: &str) -> Result<(), Error> {
        let (jwt, now) = (self.jwt()?, self.auth.inner.clock.now());
        let revoked = |ring: &KeyRing| ring.revoke(kid, now).map_err(|_| Error::NotFound);
        self.auth.change_keys(jwt, revoked).await?;
        tracing::warn!(event = "key_revoked", kid, "a signing key was revoked");
        Ok(())
    }

    fn jwt(&self) -> Result<&Jwt, Error> {
        self.auth.inner.jwt.as_ref().ok_or(Error::NotFound)
    }
}
