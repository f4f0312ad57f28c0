//! The JWT strategy's state: its settings, the keys as this process knows them, and what it has verified already.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use quick_cache::Equivalent;
use quick_cache::sync::Cache;
use subtle::ConstantTimeEq;
use tokio::sync::{Mutex, MutexGuard};
use zeroize::Zeroizing;

use crate::clock::Timestamp;
use crate::cookie::CookiePolicy;
use crate::error::ConfigError;
use crate::id::{SessionId, TokenId, UserId};
use crate::jwt::{Claims, Expected, Invalid, KeyPolicy, KeyRing, MasterKey, SignError};
use crate::origin::PublicUrl;
use crate::refresh::Generation;

/// How access tokens are made. The session strategy has none of this.
#[derive(Clone, Debug)]
pub struct JwtSettings {
    /// Encrypts the private keys in the store. Whoever has it and the store can sign; without it the store signs nothing.
    pub master_key: MasterKey,
    /// Algorithm and life of keys and tokens. Default: EdDSA, 5 minutes.
    pub keys: KeyPolicy,
    /// How long a key signs before the next takes over. Default: 30 days.
    pub rotate_every: Duration,
    /// The services for which a session may ask for a token of its own. Default: none.
    pub audiences: Vec<String>,
    /// What a service proves itself with that asks whether a token is still good. Default: none, so nobody may ask.
    pub introspection_secret: Option<IntrospectionSecret>,
}

/// What a service shows to ask about tokens: 32 characters or more, random ones. Its `Debug` prints nothing of it.
#[derive(Clone)]
pub struct IntrospectionSecret(Zeroizing<String>);

impl IntrospectionSecret {
    /// Whether this is it, compared in constant time.
    pub(super) fn is(&self, shown: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(shown).into()
    }
}

impl From<String> for IntrospectionSecret {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl fmt::Debug for IntrospectionSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IntrospectionSecret(…)")
    }
}

impl JwtSettings {
    /// The defaults, with this key.
    #[must_use]
    pub fn new(master_key: MasterKey) -> Self {
        Self {
            master_key,
            keys: KeyPolicy::default(),
            rotate_every: Duration::from_secs(30 * 24 * 3600),
            audiences: Vec::new(),
            introspection_secret: None,
        }
    }

    /// Refuses what contradicts itself.
    pub(super) fn check(&self, public: &PublicUrl) -> Result<(), ConfigError> {
        self.keys.check()?;
        if let Some(ours) = self.audiences.iter().find(|it| **it == public.to_string()) {
            return Err(ConfigError::new(format!(
                "{ours} is this service itself: a token for it would be the cookie's own, and any script could ask for it; \
                 leave it out of the audiences"
            )));
        }
        if self.audiences.iter().any(String::is_empty) {
            return Err(ConfigError::new(
                "an audience must have a name, by which its service knows that a token is meant for it",
            ));
        }
        if self.rotate_every < Duration::from_secs(3600) {
            return Err(ConfigError::new(
                "keys must sign for an hour or longer: each is published before it signs and kept until its tokens are dead",
            ));
        }
        if let Some(secret) = &self.introspection_secret
            && secret.0.len() < 32
        {
            return Err(ConfigError::new(
                "the introspection secret must have 32 characters or more, random ones",
            ));
        }
        Ok(())
    }
}

/// A signed access token. Whoever has its text is the user until it expires: it belongs into a cookie, or where the
/// service that asked for it keeps its secrets. Its `Debug` prints nothing of it.
#[derive(Clone)]
pub struct AccessToken {
    text: Zeroizing<String>,
    lifetime: Duration,
}

impl AccessToken {
    /// The token.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// How long it is good from when it was made.
    #[must_use]
    pub const fn lifetime(&self) -> Duration {
        self.lifetime
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken(…)")
    }
}

/// Whom a token is made for.
#[derive(Clone, Copy)]
pub(super) enum For<'a> {
    /// Ourselves, with the generation of the session's refresh token.
    Us(Generation),
    /// A service. Such a token belongs to no refresh token, so it can confirm none.
    Service(&'a str),
}

/// A token that was verified: what a request needs to know of it.
pub(super) struct Verified {
    pub(super) session: SessionId,
    pub(super) generation: Generation,
    pub(super) issued_at: Timestamp,
    expires_at: Timestamp,
    /// The ring by which it was verified. By another it must be verified again.
    ring: u64,
    /// Whether somebody has begun to confirm its generation.
    pub(super) confirming: AtomicBool,
}

/// A token that was verified. It is wiped when it is forgotten.
#[derive(PartialEq, Eq)]
struct TokenText(Zeroizing<Box<[u8]>>);

impl Hash for TokenText {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.as_ref().hash(state);
    }
}

impl Equivalent<TokenText> for [u8] {
    fn equivalent(&self, known: &TokenText) -> bool {
        *self == **known.0
    }
}

/// The keys at one time of this process.
struct Ring {
    version: u64,
    keys: KeyRing,
    /// The uptime at which reading them began.
    read_at: Duration,
}

pub(super) struct Jwt {
    pub(super) settings: JwtSettings,
    pub(super) refresh_cookie: CookiePolicy,
    issuer: String,
    own: Expected,
    ring: RwLock<Arc<Ring>>,
    version: AtomicU64,
    /// Whoever reads the keys and goes on with them has it meanwhile, so that none goes back to older ones.
    turn: Mutex<()>,
    /// By the whole token: to find one proves that every byte of it was verified. Only the cache's own hash, whose seed
    /// nobody knows, leads to a comparison, so its time tells nothing.
    verified: Cache<TokenText, Arc<Verified>>,
}

impl Jwt {
    pub(super) fn new(
        settings: JwtSettings,
        refresh_cookie: CookiePolicy,
        public: &PublicUrl,
        keys: KeyRing,
        read_at: Duration,
        capacity: usize,
    ) -> Self {
        let issuer = public.to_string();
        Self {
            own: Expected {
                issuer: issuer.clone(),
                audiences: vec![issuer.clone()],
            },
            issuer,
            settings,
            refresh_cookie,
            ring: RwLock::new(Arc::new(Ring {
                version: 0,
                keys,
                read_at,
            })),
            version: AtomicU64::new(0),
            turn: Mutex::new(()),
            verified: Cache::new(capacity),
        }
    }

    fn current(&self) -> Arc<Ring> {
        Arc::clone(&self.ring.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The keys.
    pub(super) fn keys(&self) -> KeyRing {
        self.current().keys.clone()
    }

    /// The uptime at which the last reading of the keys began.
    pub(super) fn read_at(&self) -> Duration {
        self.current().read_at
    }

    /// The right to read the keys and to go on with them.
    pub(super) async fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// Goes on with other keys. Whatever was verified by the old ones is verified again.
    pub(super) fn set_keys(&self, keys: KeyRing, read_at: Duration) {
        let mut ring = self.ring.write().unwrap_or_else(PoisonError::into_inner);
        let version = ring.version + 1;
        *ring = Arc::new(Ring {
            version,
            keys,
            read_at,
        });
        self.version.store(version, Ordering::Release);
    }

    /// Checks an access token of our own, or finds that it was checked.
    pub(super) fn verify(&self, token: &[u8], now: Timestamp) -> Result<Arc<Verified>, Invalid> {
        if let Some(known) = self.verified.get(token)
            && known.ring == self.version.load(Ordering::Acquire)
        {
            return match now < known.expires_at {
                true => Ok(known),
                false => Err(Invalid::Expired),
            };
        }
        let ring = self.current();
        let claims = ring.keys.verify(token, &self.own, now)?;
        let verified = Arc::new(Verified {
            session: claims.sid,
            // Without one it was made for a service, even if that goes by our name.
            generation: claims.generation.ok_or(Invalid::Claim("gen"))?,
            issued_at: claims.iat,
            expires_at: claims.exp,
            ring: ring.version,
            confirming: AtomicBool::new(false),
        });
        let text = TokenText(Zeroizing::new(token.into()));
        self.verified.insert(text, Arc::clone(&verified));
        Ok(verified)
    }

    /// Checks a token for any of the audiences that we make tokens for.
    pub(super) fn verify_any(&self, token: &[u8], now: Timestamp) -> Result<Claims, Invalid> {
        let mut expected = self.own.clone();
        expected
            .audiences
            .extend_from_slice(&self.settings.audiences);
        self.current().keys.verify(token, &expected, now)
    }

    /// A token of a session, which does not outlive `until`.
    pub(super) fn sign(
        &self,
        (user, session): (UserId, SessionId),
        whom: For<'_>,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<AccessToken, SignError> {
        let ring = self.current();
        // On the wire are whole seconds, rounded down: with less than one left the token would never be good.
        let left = until.since(now).max(Duration::from_secs(1));
        let lifetime = self.settings.keys.token_lifetime.min(left);
        let (audience, generation) = match whom {
            For::Us(generation) => (self.issuer.as_str(), Some(generation)),
            For::Service(name) => (name, None),
        };
        let claims = Claims {
            iss: self.issuer.clone(),
            aud: vec![audience.to_owned()],
            sub: user,
            client_id: self.issuer.clone(),
            sid: session,
            generation,
            jti: TokenId::random(),
            iat: now,
            exp: now.after(lifetime),
            roles: Vec::new(),
        };
        let text = ring.keys.sign(&claims, now)?;
        Ok(AccessToken { text, lifetime })
    }
}
