//! The keys, old and new, and which of them does what at a moment. Pure decisions: every change is a new ring, for the
//! caller to store first and to use then.
//!
//! A key's life: it is **published** from its creation; it **signs** once everybody can know it; when the next one signs it is
//! **retired**, and goes on verifying until its last token is dead. Rotation so ends no token. A **revoked** key does nothing
//! from that moment, whatever a clock says, and its tokens are refused.
//!
//! When a key is retired is not stored: it follows from the keys after it.
//!
//! A key that cannot be **opened** here, since another master key sealed it or its row is damaged, keeps its place in the
//! line, signs and verifies nothing, and can be revoked like any other.

use std::sync::Arc;
use std::time::Duration;

use super::algorithm::Algorithm;
use super::invalid::Invalid;
use super::jwk::Jwks;
use super::key::SigningKey;
use crate::clock::Timestamp;
use crate::error::ConfigError;

/// The time that every node is given to read the ring again: added to [`KeyPolicy::jwks_max_age`] before a key signs, and to
/// the life of the last token before a key is given up. Nodes must read the ring more often than this.
pub const PROPAGATION: Duration = Duration::from_secs(60);

/// A minute: an access token [`confirms`](crate::refresh::confirms) its generation 36 seconds after it was made, and one
/// that is dead by then never does, so that no stolen refresh token would be found out.
const SHORTEST_LIFETIME: Duration = Duration::from_secs(60);

/// A day: longer than this a token should not live, for whoever verifies it elsewhere cannot be told that it was revoked.
const LONGEST_LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// What new keys are, and how long old ones are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyPolicy {
    /// The algorithm of new keys. After a change, [`due`](KeyRing::due) says so at once, and old tokens stay good. Default
    /// EdDSA.
    pub algorithm: Algorithm,
    /// How long a token may live at the most, for whichever audience: a minute to a day. Default 5 minutes. When it is made
    /// shorter, a rotation within the old lifetime can end tokens of the old kind early.
    pub token_lifetime: Duration,
    /// How long others may keep the JWKS: its `Cache-Control: max-age`. Default 10 minutes.
    pub jwks_max_age: Duration,
}

impl Default for KeyPolicy {
    fn default() -> Self {
        Self {
            algorithm: Algorithm::default(),
            token_lifetime: Duration::from_secs(5 * 60),
            jwks_max_age: Duration::from_secs(10 * 60),
        }
    }
}

impl KeyPolicy {
    /// Refuses a policy that could not work.
    ///
    /// # Errors
    /// A sentence that says what to change.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.token_lifetime < SHORTEST_LIFETIME {
            return Err(ConfigError::new(
                "the token lifetime must be at least a minute, or no token would live to show that a refresh arrived, and a stolen copy would never be found out",
            ));
        }
        if self.token_lifetime > LONGEST_LIFETIME || self.jwks_max_age > LONGEST_LIFETIME {
            return Err(ConfigError::new(
                "the token lifetime and the JWKS's max-age must be at most a day, or a revoked key would be believed for too long",
            ));
        }
        Ok(())
    }

    /// From a key's publication until it may sign.
    fn lead(&self) -> Duration {
        self.jwks_max_age + PROPAGATION
    }

    /// From a key's last signature until it is given up.
    fn retention(&self) -> Duration {
        self.token_lifetime + PROPAGATION
    }
}

/// A key in the ring: what a store keeps of it.
#[derive(Clone, Debug)]
pub struct Key {
    /// Its name.
    pub kid: String,
    /// The key itself; none where it cannot be opened here.
    pub signing_key: Option<Arc<SigningKey>>,
    /// When it was made, and so published.
    pub created_at: Timestamp,
    /// From when on it signs; earlier where all before it were revoked.
    pub signs_from: Timestamp,
    /// When it was revoked, if it was.
    pub revoked_at: Option<Timestamp>,
}

impl Key {
    fn generate(algorithm: Algorithm, created_at: Timestamp, signs_from: Timestamp) -> Self {
        let key = SigningKey::generate(algorithm);
        Self {
            kid: key.kid().to_owned(),
            signing_key: Some(Arc::new(key)),
            created_at,
            signs_from,
            revoked_at: None,
        }
    }

    /// Its name.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    fn algorithm(&self) -> Option<Algorithm> {
        self.signing_key.as_ref().map(|key| key.algorithm())
    }

    /// Keys follow one another in this order.
    fn place(&self) -> (Timestamp, &str) {
        (self.signs_from, self.kid())
    }

    /// Whether it was not revoked before its turn came, so that it took the place of the one before.
    fn took_over(&self) -> bool {
        self.revoked_at
            .is_none_or(|revoked| revoked > self.signs_from)
    }
}

/// No key of that name is in the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no signing key of that name")]
pub struct UnknownKey;

/// The keys of one issuer.
#[derive(Clone, Debug)]
pub struct KeyRing {
    policy: KeyPolicy,
    keys: Vec<Key>,
}

impl KeyRing {
    /// The ring of the keys that the store has.
    #[must_use]
    pub const fn new(policy: KeyPolicy, keys: Vec<Key>) -> Self {
        Self { policy, keys }
    }

    /// The same with a new key that signs at once where none could, as at the very first start. It is to be stored before it
    /// is used.
    #[must_use]
    pub fn with_a_signer(self, now: Timestamp) -> Self {
        let algorithm = self.policy.algorithm;
        self.with_a_signer_of(algorithm, now)
    }

    /// Whether a key that was not revoked cannot be opened here.
    #[must_use]
    pub fn has_unreadable(&self) -> bool {
        self.unrevoked().any(|key| key.signing_key.is_none())
    }

    /// Every key, dead ones too, for a store or a list.
    #[must_use]
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// What was asked of the ring.
    #[must_use]
    pub const fn policy(&self) -> &KeyPolicy {
        &self.policy
    }

    /// The key that signs now: the latest whose turn has come. Where there is none, since the last was revoked or a clock was
    /// set back, the next in line.
    #[must_use]
    pub fn signer(&self, now: Timestamp) -> Option<&Key> {
        let able = || {
            let able = |key: &&Key| {
                key.signing_key.is_some()
                    && self.retired_at(key).is_none_or(|retired| retired > now)
            };
            self.unrevoked().filter(able)
        };
        able()
            .filter(|key| key.signs_from <= now)
            .max_by_key(|key| key.place())
            .or_else(|| able().min_by_key(|key| key.place()))
    }

    /// When another took the key's place, or will.
    #[must_use]
    pub fn retired_at(&self, key: &Key) -> Option<Timestamp> {
        self.keys
            .iter()
            .filter(|other| other.place() > key.place() && other.took_over())
            .map(|other| other.signs_from)
            .min()
    }

    /// The key of this name, if it verifies now.
    pub(super) fn verifier(&self, kid: &str, now: Timestamp) -> Result<&SigningKey, Invalid> {
        let key = self.find(kid).map_err(|UnknownKey| Invalid::UnknownKey)?;
        if key.revoked_at.is_some() {
            return Err(Invalid::RevokedKey);
        }
        if self.is_dead(key, now) {
            return Err(Invalid::UnknownKey);
        }
        key.signing_key.as_deref().ok_or(Invalid::UnreadableKey)
    }

    /// The public keys that others verify by now, to be kept no longer than [`KeyPolicy::jwks_max_age`]. The empty set for
    /// HS256.
    #[must_use]
    pub fn jwks(&self, now: Timestamp) -> Jwks {
        let alive = self.unrevoked().filter(|key| !self.is_dead(key, now));
        let public = alive.filter_map(|key| key.signing_key.as_ref()?.public().cloned());
        Jwks {
            keys: public.collect(),
        }
    }

    /// The ring with a new key, which is published now and signs as soon as everybody can know it.
    #[must_use]
    pub fn rotate(&self, now: Timestamp) -> Self {
        let signs_from = now.after(self.policy.lead());
        self.with_new(self.policy.algorithm, now, signs_from)
    }

    /// The ring without any power of the key `kid`. If it was the signer, the next in line signs at once, or a new key.
    ///
    /// # Errors
    /// [`UnknownKey`].
    pub fn revoke(&self, kid: &str, now: Timestamp) -> Result<Self, UnknownKey> {
        // Whoever verifies the old one's tokens can verify those of its replacement.
        let algorithm = self.find(kid)?.algorithm();
        let ring = self.revoked(|key| key.kid == kid, now);
        Ok(ring.with_a_signer_of(algorithm.unwrap_or(self.policy.algorithm), now))
    }

    /// The ring in which a new key is the only one with any power: what is left to do when the master key is lost, or known
    /// to others.
    #[must_use]
    pub fn revoke_all(&self, now: Timestamp) -> Self {
        self.revoked(|_| true, now).with_a_signer(now)
    }

    fn revoked(&self, which: impl Fn(&Key) -> bool, now: Timestamp) -> Self {
        let mut ring = self.clone();
        for key in ring.keys.iter_mut().filter(|key| which(key)) {
            key.revoked_at.get_or_insert(now);
        }
        ring
    }

    /// Whether to [`rotate`](Self::rotate), so that a new key signs every `interval`, and soon after another algorithm was
    /// chosen.
    #[must_use]
    pub fn due(&self, now: Timestamp, interval: Duration) -> bool {
        let newest = self.latest(now, |key| key.revoked_at.is_none());
        newest.is_none_or(|key| {
            key.algorithm() != Some(self.policy.algorithm)
                || key.signs_from.after(interval) <= now.after(self.policy.lead())
        })
    }

    /// The keys to delete: those that do nothing any more, and whose last token is dead.
    #[must_use]
    pub fn expired(&self, now: Timestamp) -> Vec<&Key> {
        let dead = |key: &&Key| {
            let revoked = key
                .revoked_at
                .map(|revoked| revoked.after(self.policy.retention()));
            self.is_dead(key, now) || revoked.is_some_and(|end| end <= now)
        };
        self.keys.iter().filter(dead).collect()
    }

    /// The ring without the keys that [`expired`](Self::expired) names.
    #[must_use]
    pub fn without_expired(&self, now: Timestamp) -> Self {
        let dead: Vec<&str> = self.expired(now).into_iter().map(Key::kid).collect();
        let mut ring = self.clone();
        ring.keys.retain(|key| !dead.contains(&key.kid()));
        ring
    }

    /// Whether the key was retired so long ago that none of its tokens lives.
    fn is_dead(&self, key: &Key, now: Timestamp) -> bool {
        self.retired_at(key)
            .is_some_and(|retired| retired.after(self.policy.retention()) <= now)
    }

    fn unrevoked(&self) -> impl Iterator<Item = &Key> {
        self.keys.iter().filter(|key| key.revoked_at.is_none())
    }

    fn find(&self, kid: &str) -> Result<&Key, UnknownKey> {
        let mut keys = self.keys.iter();
        keys.find(|key| key.kid() == kid).ok_or(UnknownKey)
    }

    /// The last in line among those that a right clock can have made: a day is the longest notice there is.
    fn latest(&self, now: Timestamp, which: impl Fn(&Key) -> bool) -> Option<&Key> {
        let horizon = now.after(LONGEST_LIFETIME + PROPAGATION);
        let keys = self.keys.iter();
        keys.filter(|key| key.signs_from <= horizon && which(key))
            .max_by_key(|key| key.place())
    }

    fn with_a_signer_of(self, algorithm: Algorithm, now: Timestamp) -> Self {
        if self.signer(now).is_some() {
            self
        } else {
            self.with_new(algorithm, now, now)
        }
    }

    /// The new key goes to the end of the line, or it might retire one that is still to sign.
    fn with_new(&self, algorithm: Algorithm, now: Timestamp, signs_from: Timestamp) -> Self {
        let after_last = self
            .latest(now, Key::took_over)
            .map(|last| last.signs_from.after(Duration::from_millis(1)));
        let signs_from = after_last.map_or(signs_from, |after| after.max(signs_from));
        let mut ring = self.clone();
        let key = Key::generate(algorithm, now, signs_from);
        ring.keys.push(key);
        ring
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;
    use crate::id::{SessionId, TokenId, UserId};
    use crate::jwt::{Claims, Expected};
    use crate::refresh::confirms;

    const fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    /// A token lives 300 s, the JWKS may be kept 600 s: a key signs 660 s after it was made, and is dead 360 s after the next
    /// one signs.
    fn ring() -> KeyRing {
        KeyRing::new(KeyPolicy::default(), Vec::new()).with_a_signer(at(0))
    }

    fn signer(ring: &KeyRing, now: Timestamp) -> String {
        ring.signer(now).unwrap().kid().to_owned()
    }

    fn published(ring: &KeyRing, now: Timestamp) -> Vec<String> {
        ring.jwks(now).keys.into_iter().map(|key| key.kid).collect()
    }

    fn token(ring: &KeyRing, now: Timestamp) -> String {
        let claims = Claims {
            iss: "i".to_owned(),
            aud: vec!["a".to_owned()],
            sub: UserId::random(),
            client_id: "c".to_owned(),
            sid: SessionId::random(),
            generation: Some(0),
            jti: TokenId::random(),
            iat: now,
            exp: now.after(ring.policy.token_lifetime),
            roles: Vec::new(),
        };
        ring.sign(&claims, now).unwrap().to_string()
    }

    fn verdict(ring: &KeyRing, token: &str, now: Timestamp) -> Result<(), Invalid> {
        let expected = Expected {
            issuer: "i".to_owned(),
            audiences: vec!["a".to_owned()],
        };
        ring.verify(token.as_bytes(), &expected, now).map(|_| ())
    }

    #[test]
    fn the_first_key_signs_at_once() {
        let ring = ring();
        assert_eq!(published(&ring, at(0)), [signer(&ring, at(0))]);
        let again = KeyRing::new(ring.policy, ring.keys.clone()).with_a_signer(at(5));
        assert_eq!(again.keys().len(), 1);
    }

    #[test]
    fn the_next_key_is_published_before_it_signs_and_the_last_until_its_tokens_are_dead() {
        let first = ring();
        let old = signer(&first, at(0));
        let ring = first.rotate(at(1000));
        let new = ring.keys()[1].kid().to_owned();
        let both = [old.clone(), new.clone()];
        for (now, signs, known) in [
            (1000, &old, &both[..]),
            (1659, &old, &both[..]),
            (1660, &new, &both[..]),
            (2019, &new, &both[..]),
            (2020, &new, &both[1..]),
        ] {
            assert_eq!(signer(&ring, at(now)), *signs, "{now}");
            assert_eq!(published(&ring, at(now)), known, "{now}");
        }
        let last = token(&ring, at(1659));
        assert_eq!(verdict(&ring, &last, at(1958)), Ok(()));
        assert_eq!(verdict(&ring, &last, at(1959)), Err(Invalid::Expired));
        assert_eq!(verdict(&ring, &last, at(2020)), Err(Invalid::UnknownKey));
        assert!(ring.expired(at(2019)).is_empty());
        assert_eq!(ring.without_expired(at(2020)).keys().len(), 1);
    }

    #[test]
    fn a_revoked_signer_is_replaced_at_once_and_its_tokens_are_refused() {
        let first = ring();
        let token = token(&first, at(0));
        let ring = first.revoke(&signer(&first, at(1)), at(1)).unwrap();
        assert_eq!(verdict(&ring, &token, at(1)), Err(Invalid::RevokedKey));
        assert_eq!(published(&ring, at(1)), [signer(&ring, at(1))]);
        assert_ne!(signer(&ring, at(1)), signer(&first, at(1)));
        assert_eq!(verdict(&ring, &token, at(-100)), Err(Invalid::RevokedKey));
        assert_eq!(ring.expired(at(361)).len(), 1);
    }

    #[test]
    fn the_next_in_line_replaces_a_revoked_signer() {
        let ring = ring().rotate(at(1000));
        let (old, next) = (ring.keys()[0].kid(), ring.keys()[1].kid().to_owned());
        let ring = ring.revoke(old, at(1100)).unwrap();
        assert_eq!(ring.keys().len(), 2);
        assert_eq!(signer(&ring, at(1100)), next);
        assert_eq!(signer(&ring, at(5000)), next);
    }

    #[test]
    fn a_revoked_next_key_leaves_the_signer_in_place() {
        let ring = ring().rotate(at(1000));
        let (old, next) = (ring.keys()[0].kid().to_owned(), ring.keys()[1].kid());
        let ring = ring.revoke(next, at(1100)).unwrap();
        assert_eq!(signer(&ring, at(1100)), old);
        assert_eq!(signer(&ring, at(9000)), old);
        assert_eq!(published(&ring, at(9000)), [old]);
    }

    #[test]
    fn a_replacement_has_the_algorithm_of_what_it_replaces() {
        let policy = KeyPolicy {
            algorithm: Algorithm::Es256,
            ..KeyPolicy::default()
        };
        let es256 = KeyRing::new(policy, Vec::new()).with_a_signer(at(0));
        let elsewhere = KeyRing::new(KeyPolicy::default(), es256.keys.clone());
        let kid = signer(&elsewhere, at(1));
        let ring = elsewhere.revoke(&kid, at(1)).unwrap();
        assert_eq!(
            ring.signer(at(1)).unwrap().algorithm(),
            Some(Algorithm::Es256)
        );
    }

    #[test]
    fn a_key_that_cannot_be_opened_does_nothing_and_can_be_revoked() {
        let mut ring = ring();
        let (kid, token) = (signer(&ring, at(0)), token(&ring, at(0)));
        ring.keys[0].signing_key = None;
        assert!(ring.signer(at(1)).is_none() && published(&ring, at(1)).is_empty());
        assert_eq!(verdict(&ring, &token, at(1)), Err(Invalid::UnreadableKey));
        assert!(ring.has_unreadable());
        let ring = ring.revoke(&kid, at(1)).unwrap();
        assert_eq!(published(&ring, at(1)), [signer(&ring, at(1))]);
        assert_eq!(verdict(&ring, &token, at(1)), Err(Invalid::RevokedKey));
    }

    #[test]
    fn after_all_were_revoked_a_new_key_alone_has_any_power() {
        let ring = ring().rotate(at(0)).revoke_all(at(5));
        let kid = signer(&ring, at(5));
        assert_eq!(published(&ring, at(5)), std::slice::from_ref(&kid));
        let powerless = ring.keys.iter().filter(|key| key.kid != kid);
        assert_eq!(
            powerless.map(|key| key.revoked_at).collect::<Vec<_>>(),
            [Some(at(5)); 2]
        );
    }

    #[test]
    fn a_retired_key_never_signs_again() {
        let ring = ring().rotate(at(0));
        let (old, new) = (
            ring.keys()[0].kid().to_owned(),
            ring.keys()[1].kid().to_owned(),
        );
        let ring = ring.revoke(&new, at(5000)).unwrap();
        assert_ne!(signer(&ring, at(5000)), old);
        assert_eq!(published(&ring, at(5000)).len(), 1);
        assert_eq!(
            ring.revoke(&new, at(6000)).unwrap().keys()[1].revoked_at,
            Some(at(5000))
        );
        assert_eq!(ring.revoke("x", at(0)).unwrap_err(), UnknownKey);
    }

    #[test]
    fn a_clock_that_was_set_back_finds_a_signer() {
        let ring = KeyRing::new(KeyPolicy::default(), Vec::new()).with_a_signer(at(10_000));
        assert!(ring.signer(at(0)).is_some());
        assert_eq!(verdict(&ring, &token(&ring, at(0)), at(0)), Ok(()));
    }

    #[test]
    fn rotation_is_due_once_an_interval_in_time_for_the_next_to_sign_on_it() {
        let interval = Duration::from_secs(3600);
        let first = ring();
        assert!(!first.due(at(3600 - 661), interval));
        assert!(first.due(at(3600 - 660), interval));
        let ring = first.rotate(at(3600 - 660));
        assert_eq!(signer(&ring, at(3600)), ring.keys()[1].kid());
        assert!(!ring.due(at(3600), interval));
        assert!(ring.due(at(7200 - 660), interval));
        let es256 = KeyPolicy {
            algorithm: Algorithm::Es256,
            ..ring.policy
        };
        let ring = KeyRing::new(es256, ring.keys.clone()).with_a_signer(at(3600));
        assert!(ring.due(at(3600), interval));
        let ring = ring.rotate(at(3600));
        assert!(!ring.due(at(3600), interval));
        assert_eq!(ring.jwks(at(3600)).keys.len(), 3);
    }

    #[test]
    fn a_key_from_a_wrong_clock_does_not_stop_rotation() {
        let interval = Duration::from_secs(3600);
        let ring = ring().rotate(at(1_000_000_000));
        assert!(ring.due(at(3600), interval));
        let ring = ring.rotate(at(3600));
        assert!(!ring.due(at(3600), interval));
        assert_eq!(signer(&ring, at(4260)), ring.keys()[2].kid());
    }

    #[test]
    fn two_nodes_that_rotate_at_once_do_not_contradict_each_other() {
        let first = ring();
        let (one, two) = (first.rotate(at(1000)), first.rotate(at(1000)));
        let both = |a: &KeyRing, b: &KeyRing| {
            let keys = [&a.keys[..], &b.keys[1..]].concat();
            KeyRing::new(first.policy, keys).with_a_signer(at(1000))
        };
        let (one, two) = (both(&one, &two), both(&two, &one));
        for now in (0..4000).step_by(100) {
            assert_eq!(signer(&one, at(now)), signer(&two, at(now)));
        }
    }

    #[test]
    fn a_shared_secret_is_never_published() {
        let policy = KeyPolicy {
            algorithm: Algorithm::Hs256,
            ..KeyPolicy::default()
        };
        let ring = KeyRing::new(policy, Vec::new())
            .with_a_signer(at(0))
            .rotate(at(0));
        assert_eq!(
            serde_json::to_string(&ring.jwks(at(0))).unwrap(),
            r#"{"keys":[]}"#
        );
    }

    #[test]
    fn the_published_document_has_public_members_alone() {
        for algorithm in [Algorithm::EdDsa, Algorithm::Es256] {
            let policy = KeyPolicy {
                algorithm,
                ..KeyPolicy::default()
            };
            let ring = KeyRing::new(policy, Vec::new()).with_a_signer(at(0));
            let jwks = serde_json::to_value(ring.jwks(at(0))).unwrap();
            let members: BTreeSet<&str> = jwks["keys"][0]
                .as_object()
                .unwrap()
                .keys()
                .map(String::as_str)
                .collect();
            let mut wanted = BTreeSet::from(["kty", "crv", "x", "kid", "alg", "use"]);
            wanted.extend((algorithm == Algorithm::Es256).then_some("y"));
            assert_eq!(members, wanted);
            assert!(
                ring.keys[0]
                    .signing_key
                    .as_ref()
                    .and_then(|key| key.public())
                    .is_some_and(|jwk| jwk.x.len() == 43)
            );
        }
    }

    #[test]
    fn a_policy_that_could_not_work_is_refused() {
        let policy = KeyPolicy::default();
        assert!(policy.check().is_ok());
        assert!(
            KeyPolicy {
                token_lifetime: Duration::ZERO,
                ..policy
            }
            .check()
            .is_err()
        );
        assert!(
            KeyPolicy {
                token_lifetime: LONGEST_LIFETIME * 2,
                ..policy
            }
            .check()
            .is_err()
        );
        assert!(
            KeyPolicy {
                jwks_max_age: LONGEST_LIFETIME * 2,
                ..policy
            }
            .check()
            .is_err()
        );
    }

    #[test]
    fn a_lifetime_too_short_to_confirm_is_refused() {
        let lives = |token_lifetime| KeyPolicy {
            token_lifetime,
            ..KeyPolicy::default()
        };
        let a_moment = Duration::from_millis(1);
        let too_short = lives(SHORTEST_LIFETIME - a_moment).check().unwrap_err();
        assert!(too_short.to_string().contains("at least a minute"));
        assert!(lives(SHORTEST_LIFETIME).check().is_ok());
        let last_moment = at(0).after(SHORTEST_LIFETIME).before(a_moment);
        assert!(confirms(at(0), last_moment));
    }

    #[test]
    fn a_new_key_never_signs_before_one_that_is_already_in_line() {
        for _ in 0..20 {
            let ring = ring().rotate(at(0));
            let ring = ring.revoke(ring.keys()[0].kid(), at(0)).unwrap();
            let next = signer(&ring, at(0));
            let hasty = KeyPolicy {
                jwks_max_age: Duration::ZERO,
                ..ring.policy
            };
            let ring = KeyRing::new(hasty, ring.rotate(at(0)).keys)
                .with_a_signer(at(0))
                .rotate(at(0));
            assert_eq!(signer(&ring, at(0)), next);
            assert_eq!(ring.keys().len(), 4);
        }
    }

    #[test]
    fn a_revocation_under_a_clock_that_was_set_back_leaves_a_signer_for_good() {
        let ring = ring().rotate(at(0));
        let ring = ring.revoke(ring.keys()[1].kid(), at(700)).unwrap();
        let ring = ring.revoke(&signer(&ring, at(600)), at(600)).unwrap();
        let ring = ring.revoke(&signer(&ring, at(600)), at(600)).unwrap();
        for now in (0..3000).step_by(10) {
            assert!(ring.signer(at(now)).is_some(), "{now}");
        }
    }

    #[derive(Clone, Debug)]
    enum Step {
        Wait(u16),
        Rotate,
        Revoke(prop::sample::Index),
        RevokeSigner,
        Sweep,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => (0..1000_u16).prop_map(Step::Wait),
            3 => Just(Step::Rotate),
            1 => any::<prop::sample::Index>().prop_map(Step::Revoke),
            1 => Just(Step::RevokeSigner),
            2 => Just(Step::Sweep),
        ]
    }

    /// What happened so far, beside the ring: tokens that must still be good, and who may sign without notice.
    struct World {
        ring: KeyRing,
        now: Timestamp,
        tokens: Vec<(String, String, Timestamp)>,
        known_since: BTreeMap<String, Timestamp>,
        unannounced: BTreeSet<String>,
        revoked: BTreeSet<String>,
    }

    impl World {
        fn new() -> Self {
            let policy = KeyPolicy {
                algorithm: Algorithm::Hs256,
                ..KeyPolicy::default()
            };
            let ring = KeyRing::new(policy, Vec::new()).with_a_signer(at(0));
            Self {
                unannounced: BTreeSet::from([signer(&ring, at(0))]),
                ring,
                now: at(0),
                tokens: Vec::new(),
                known_since: BTreeMap::new(),
                revoked: BTreeSet::new(),
            }
        }

        fn take(&mut self, step: &Step) {
            match step {
                Step::Wait(seconds) => {
                    for _ in 0..*seconds / 100 {
                        self.pass(100);
                    }
                    self.pass(seconds % 100);
                }
                Step::Rotate => self.ring = self.ring.rotate(self.now),
                Step::Revoke(index) => {
                    let kid = index.get(&self.ring.keys).kid().to_owned();
                    self.revoke(&kid);
                }
                Step::RevokeSigner => self.revoke(&signer(&self.ring, self.now)),
                Step::Sweep => self.ring = self.ring.without_expired(self.now),
            }
            self.check();
        }

        fn pass(&mut self, seconds: u16) {
            self.now = self.now.after(Duration::from_secs(seconds.into()));
            self.check();
        }

        fn revoke(&mut self, kid: &str) {
            self.ring = self.ring.revoke(kid, self.now).unwrap();
            self.revoked.insert(kid.to_owned());
            self.unannounced.insert(signer(&self.ring, self.now));
        }

        fn check(&mut self) {
            let kid = signer(&self.ring, self.now);
            assert!(!self.revoked.contains(&kid), "a revoked key signs");
            for key in &self.ring.keys {
                if self.ring.verifier(key.kid(), self.now).is_ok() {
                    self.known_since
                        .entry(key.kid().to_owned())
                        .or_insert(self.now);
                }
            }
            let known = self.now.since(self.known_since[&kid]);
            assert!(
                known >= self.ring.policy.jwks_max_age || self.unannounced.contains(&kid),
                "{kid} after {known:?}"
            );
            let exp = self.now.after(self.ring.policy.token_lifetime);
            self.tokens.push((kid, token(&self.ring, self.now), exp));
            for (kid, token, exp) in &self.tokens {
                let good = self.now < *exp && !self.revoked.contains(kid);
                assert_eq!(
                    verdict(&self.ring, token, self.now).is_ok(),
                    good,
                    "{kid} until {exp}"
                );
            }
            let now = self.now;
            self.tokens
                .retain(|(_, _, exp)| now < exp.after(Duration::from_secs(1000)));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn whatever_happens_one_key_signs_and_no_token_ends_early(steps in prop::collection::vec(step(), 1..40)) {
            let mut world = World::new();
            for step in &steps {
                world.take(step);
            }
        }
    }
}
