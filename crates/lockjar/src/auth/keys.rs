//! The signing keys in the store: read at the start and whenever the change feed says so, rotated when they are due.

use std::sync::Arc;

use tokio::time::timeout;

use super::jwt::{Jwt, JwtSettings};
use super::keeper::Belief;
use super::{Auth, Operator};
use crate::audit::{Event, Record};
use crate::clock::Timestamp;
use crate::error::{ConfigError, Error, OpenError, StoreError};
use crate::jwt::{Jwks, Key, KeyRing, SealError, SigningKey};
use crate::store::{Store, StoredKey};

/// Others may change the keys while we do; each time we look again.
const TRIES: usize = 5;

/// A signing key as an operator sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyInfo {
    /// Its name in tokens.
    pub kid: String,
    /// The JOSE name of how it signs, such as `EdDSA`.
    pub algorithm: String,
    /// When it was made, and so published.
    pub created_at: Timestamp,
    /// From when on it signs.
    pub signs_from: Timestamp,
    /// When the next took, or will take, over.
    pub retired_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// Whether the master key opens it.
    pub opens: bool,
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
        refuse_unreadable(&stored, settings)?;
        let ring = ring(&stored, settings).with_a_signer(now);
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

/// The keys of the store for an operator, who may have to revoke what cannot be opened. Nothing is made.
pub(super) async fn load_as_they_are(
    store: &Arc<dyn Store>,
    settings: &JwtSettings,
) -> Result<KeyRing, OpenError> {
    Ok(ring(&store.keys().await?, settings))
}

/// Whether others go on under another master key. They would refuse what is signed under this one.
fn is_superseded(stored: &[StoredKey], settings: &JwtSettings) -> bool {
    unrevoked(stored).any(|row| match open(row, settings) {
        Ok(_) => false,
        Err(why) => matches!(why.downcast_ref(), Some(SealError::OtherMasterKey)),
    })
}

/// A server with another master key than its neighbours would sign what they refuse, and refuse what they sign.
fn refuse_unreadable(stored: &[StoredKey], settings: &JwtSettings) -> Result<(), ConfigError> {
    for row in unrevoked(stored) {
        open(row, settings).map_err(|why| ConfigError::new(why.to_string()))?;
    }
    Ok(())
}

fn unrevoked(stored: &[StoredKey]) -> impl Iterator<Item = &StoredKey> {
    stored.iter().filter(|row| row.revoked_at.is_none())
}

fn open(row: &StoredKey, settings: &JwtSettings) -> Result<SigningKey, Box<dyn std::error::Error>> {
    let algorithm = row.algorithm.parse()?;
    Ok(SigningKey::open(
        algorithm,
        &row.kid,
        &row.sealed,
        &settings.master_key,
    )?)
}

fn ring(stored: &[StoredKey], settings: &JwtSettings) -> KeyRing {
    let key = |row: &StoredKey| Key {
        kid: row.kid.clone(),
        signing_key: open(row, settings).ok().map(Arc::new),
        created_at: row.created_at,
        signs_from: row.signs_from,
        revoked_at: row.revoked_at,
    };
    KeyRing::new(settings.keys, stored.iter().map(key).collect())
}

/// The rows of a ring: those that the store has already, and new ones for the keys that were made since.
fn sealed(ring: &KeyRing, stored: &[StoredKey], settings: &JwtSettings) -> Vec<StoredKey> {
    let row = |key: &Key| {
        let known = stored.iter().find(|row| row.kid == key.kid);
        if let Some(row) = known {
            return Some(StoredKey {
                revoked_at: key.revoked_at,
                ..row.clone()
            });
        }
        let signing_key = key.signing_key.as_ref()?;
        Some(StoredKey {
            kid: key.kid.clone(),
            algorithm: signing_key.algorithm().to_string(),
            sealed: signing_key.seal(&settings.master_key),
            created_at: key.created_at,
            signs_from: key.signs_from,
            revoked_at: key.revoked_at,
        })
    };
    ring.keys().iter().filter_map(row).collect()
}

impl Auth {
    /// The public keys by which others verify access tokens, to be kept no longer than
    /// [`KeyPolicy::jwks_max_age`](crate::jwt::KeyPolicy::jwks_max_age). `None` with the session strategy.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: it cannot be known now whether one of them was revoked.
    pub async fn jwks(&self) -> Result<Option<Jwks>, Error> {
        let Some(jwt) = &self.inner.jwt else {
            return Ok(None);
        };
        self.believe_keys(jwt).await?;
        let (ring, now) = (jwt.keys(), self.inner.clock.now());
        let jwks = ring.jwks(now);
        if jwks.keys.is_empty() && ring.has_unreadable() {
            return Err(StoreError::unavailable("no signing key can be opened").into());
        }
        Ok(Some(jwks))
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
        let turn = timeout(self.inner.trust.staleness(), jwt.turn()).await;
        let _turn =
            turn.map_err(|_| StoreError::unavailable("the signing keys are being changed"))?;
        self.read_keys(jwt).await
    }

    async fn read_keys(&self, jwt: &Jwt) -> Result<(), StoreError> {
        let began = self.inner.clock.uptime();
        let stored = timeout(self.inner.trust.staleness(), self.inner.store.keys()).await;
        let stored = stored
            .map_err(|_| StoreError::unavailable("reading the signing keys took too long"))??;
        if let Err(why) = refuse_unreadable(&stored, &jwt.settings) {
            // The others still verify, and whatever was revoked must be known.
            tracing::error!(event = "key_unreadable", %why, "a signing key cannot be opened, so its tokens are refused");
        }
        jwt.set_keys(ring(&stored, &jwt.settings), began);
        Ok(())
    }

    /// Until when the present keys may be believed. To be taken before they are looked at.
    pub(super) fn belief_in_keys(&self, jwt: &Jwt) -> Belief {
        let trust = &self.inner.trust;
        trust.belief().max(trust.belief_since(jwt.read_at()))
    }

    fn keys_are_believed(&self, jwt: &Jwt) -> bool {
        self.belief_in_keys(jwt).holds(self.inner.clock.uptime())
    }

    /// Reads the keys, where what is remembered of them may not be believed.
    pub(super) async fn believe_keys(&self, jwt: &Jwt) -> Result<(), Error> {
        if self.keys_are_believed(jwt) {
            return Ok(());
        }
        self.inner
            .reads
            .bounded(async {
                let _turn = jwt.turn().await;
                match self.keys_are_believed(jwt) {
                    // Somebody has read them while we waited.
                    true => Ok(()),
                    false => self.read_keys(jwt).await,
                }
            })
            .await
    }

    /// Makes the next key when it is time, and deletes those that have no more to do.
    pub(super) async fn tend_keys(&self) {
        let Some(jwt) = &self.inner.jwt else { return };
        let (now, interval) = (self.inner.clock.now(), jwt.settings.rotate_every);
        let tended = |ring: &KeyRing, stored: &[StoredKey]| {
            if is_superseded(stored, &jwt.settings) {
                let why = "another master key is in use: start again with its key file";
                return Err(StoreError::unavailable(why).into());
            }
            let ring = ring.clone().with_a_signer(now);
            let ring = match ring.due(now, interval) {
                true => ring.rotate(now),
                false => ring,
            };
            Ok(ring.without_expired(now))
        };
        match self.change_keys(jwt, tended).await {
            Ok(true) => tracing::info!(event = "keys_tended", "the signing keys have moved on"),
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "the signing keys were not tended"),
        }
    }

    /// Stores what `change` makes of the keys, and goes on with it. Answers whether they are others than before.
    async fn change_keys(
        &self,
        jwt: &Jwt,
        change: impl Fn(&KeyRing, &[StoredKey]) -> Result<KeyRing, Error>,
    ) -> Result<bool, Error> {
        let (store, now) = (&self.inner.store, self.inner.clock.now());
        // Whoever reads the keys meanwhile must not go on with the old ones after this.
        let _turn = jwt.turn().await;
        for _ in 0..TRIES {
            let began = self.inner.clock.uptime();
            let before = store.keys().await?;
            let ring = change(&ring(&before, &jwt.settings), &before)?;
            let after = sealed(&ring, &before, &jwt.settings);
            let changed = after != before;
            if !changed || store.set_keys(&before, &after, now).await? {
                jwt.set_keys(ring, began);
                return Ok(changed);
            }
        }
        Err(StoreError::unavailable("the signing keys kept changing").into())
    }
}

impl Operator<'_> {
    /// The signing keys, by age.
    ///
    /// # Errors
    /// [`Error::NotFound`] with the session strategy, [`Error::Unavailable`].
    pub async fn keys(&self) -> Result<Vec<KeyInfo>, Error> {
        let (jwt, now) = (self.jwt()?, self.auth.inner.clock.now());
        let stored = self.auth.inner.store.keys().await?;
        let ring = ring(&stored, &jwt.settings);
        let signer = ring.signer(now).map(Key::kid);
        let info = |(row, key): (&StoredKey, &Key)| KeyInfo {
            kid: row.kid.clone(),
            algorithm: row.algorithm.clone(),
            created_at: row.created_at,
            signs_from: row.signs_from,
            retired_at: ring.retired_at(key),
            revoked_at: row.revoked_at,
            opens: key.signing_key.is_some(),
            signs: signer == Some(row.kid.as_str()),
        };
        Ok(stored.iter().zip(ring.keys()).map(info).collect())
    }

    /// Makes a new key, which is published now and signs as soon as everybody can know it. Nobody is logged out.
    ///
    /// # Errors
    /// [`Error::NotFound`] with the session strategy, [`Error::Unavailable`].
    pub async fn rotate_keys(&self) -> Result<(), Error> {
        let now = self.auth.inner.clock.now();
        let rotated = move |ring: &KeyRing| Ok(ring.clone().with_a_signer(now).rotate(now));
        self.change_keys(rotated, Event::KeysRotated, None).await
    }

    /// Takes all power from a key: its tokens are refused here at once, and elsewhere within the JWKS's age. Sessions live
    /// on, by their refresh tokens. A key that cannot be opened is revoked like any other.
    ///
    /// # Errors
    /// [`Error::NotFound`]: there is no such key; [`Error::Unavailable`].
    pub async fn revoke_key(&self, kid: &str) -> Result<(), Error> {
        let (now, name) = (self.auth.inner.clock.now(), kid.to_owned());
        let revoked = move |ring: &KeyRing| ring.revoke(&name, now).map_err(|_| Error::NotFound);
        self.change_keys(revoked, Event::KeyRevoked, Some(kid.to_owned()))
            .await
    }

    /// Takes all power from every key, and makes a new one under the present master key: what is left to do when the old
    /// master key is lost, or known to others. Sessions live on, by their refresh tokens.
    ///
    /// # Errors
    /// [`Error::NotFound`] with the session strategy, [`Error::Unavailable`].
    pub async fn revoke_all_keys(&self) -> Result<(), Error> {
        let now = self.auth.inner.clock.now();
        let revoked = move |ring: &KeyRing| Ok(ring.revoke_all(now));
        self.change_keys(revoked, Event::KeysRevoked, None).await
    }

    async fn change_keys(
        &self,
        change: impl Fn(&KeyRing) -> Result<KeyRing, Error> + Send + Sync + 'static,
        event: Event,
        detail: Option<String>,
    ) -> Result<(), Error> {
        let auth = self.auth.clone();
        let now = auth.inner.clock.now();
        let changing = async move {
            let jwt = auth.inner.jwt.as_ref().ok_or(Error::NotFound)?;
            auth.change_keys(jwt, |ring, _| change(ring)).await
        };
        let record = Record {
            detail,
            ..Record::of_operator(event, now)
        };
        let record = |_: &bool| Some(record);
        self.auth.recorded(changing, record).await.map(drop)
    }

    fn jwt(&self) -> Result<&Jwt, Error> {
        self.auth.inner.jwt.as_ref().ok_or(Error::NotFound)
    }
}
