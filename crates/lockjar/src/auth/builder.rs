//! Settings, each with its default on the method that changes it.

mod checked;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OnceCell;

use super::audit::Pending;
use super::counting::Throttle;
use super::health::Counts;
use super::jwt::{Jwt, JwtSettings};
use super::keeper::{self, Noted, OnOutage, Trust};
use super::keys;
use super::new_password::Rules;
use super::reads::Reads;
use super::{Auth, Inner, SessionCache};
use crate::address::TrustedProxies;
use crate::clock::{Clock, SharedClock, SystemClock, Timestamp};
use crate::cookie::CookieSettings;
use crate::error::{ConfigError, OpenError};
use crate::jwt::KeyRing;
use crate::password::{
    Argon2Params, Asked, Blocklist, BreachedPasswords, HashPool, Pace, PasswordPolicy,
};
use crate::session::SessionLimits;
use crate::store::Store;
use crate::throttle::PerAddress;
use checked::Checked;

/// Sessions in memory at the most; about 40 MiB when full.
const CACHE_CAPACITY: usize = 131_072;

const AUDIT_RETENTION: Duration = Duration::from_secs(90 * 24 * 3600);

/// What [`Auth`] is made with. Nothing is checked before [`check`](Self::check), [`open`](Self::open) or
/// [`open_with`](Self::open_with), which refuse contradictions with a sentence that says what to change.
#[derive(Clone)]
#[must_use = "a builder does nothing until it is opened"]
pub struct Builder {
    public_url: String,
    cookie: CookieSettings,
    limits: SessionLimits,
    rules: Rules,
    argon: Argon2Params,
    clock: Arc<dyn Clock>,
    service: String,
    proxies: TrustedProxies,
    per_address: PerAddress,
    throttle_off: bool,
    audit_retention: Duration,
    uneven_refusals: bool,
    trusted_origins: Vec<String>,
    strict_csrf: bool,
    csrf_off: bool,
    pages: bool,
    cache_capacity: usize,
    staleness: Duration,
    on_outage: OnOutage,
    jwt: Option<JwtSettings>,
    unreadable_keys: bool,
    sweeps: bool,
}

impl Builder {
    pub(super) fn new(public_url: &str) -> Self {
        Self {
            public_url: public_url.to_owned(),
            cookie: CookieSettings::default(),
            limits: SessionLimits::default(),
            rules: Rules::default(),
            argon: Argon2Params::default(),
            clock: Arc::new(SystemClock),
            service: "Lockjar".to_owned(),
            proxies: TrustedProxies::default(),
            per_address: PerAddress::default(),
            throttle_off: false,
            audit_retention: AUDIT_RETENTION,
            uneven_refusals: false,
            trusted_origins: Vec::new(),
            strict_csrf: false,
            csrf_off: false,
            pages: true,
            cache_capacity: CACHE_CAPACITY,
            staleness: Duration::from_secs(1),
            on_outage: OnOutage::Refuse,
            jwt: None,
            unreadable_keys: false,
            sweeps: true,
        }
    }

    /// The cookie. Default: all of it follows from the public URL.
    pub fn cookie(self, cookie: CookieSettings) -> Self {
        Self { cookie, ..self }
    }

    /// How long sessions live. Default: [`SessionLimits::default`].
    pub fn limits(self, limits: SessionLimits) -> Self {
        Self { limits, ..self }
    }

    /// The rules for new passwords. Default: 15 characters, none that is easily guessed.
    pub fn password_policy(mut self, policy: PasswordPolicy) -> Self {
        self.rules.policy = policy;
        self
    }

    /// Passwords that were stolen from other sites, in a file: none of them can be set. Default: none are known. Where the
    /// file cannot be read any longer, passwords are accepted, and a warning is logged for each.
    pub fn password_blocklist(mut self, blocklist: Blocklist) -> Self {
        self.rules.blocklist = Some(blocklist);
        self
    }

    /// Who is asked, after all other rules, whether a new password was stolen from another site. Default: nobody. Where
    /// there is no answer, passwords are accepted, and a warning is logged for each.
    pub fn breached_passwords(mut self, source: Arc<dyn BreachedPasswords>) -> Self {
        self.rules.asked = Some(Asked::new(source));
        self
    }

    /// What a password hash costs. Default: 19,456 KiB, 2 passes. Hashes of other parameters are renewed
    /// at log-in.
    pub fn argon2(self, argon: Argon2Params) -> Self {
        Self { argon, ..self }
    }

    /// Where time comes from. Default: the machine.
    pub fn clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// The name that pages show. Default: `Lockjar`.
    pub fn service_name(self, name: impl Into<String>) -> Self {
        Self {
            service: name.into(),
            ..self
        }
    }

    /// The proxies that say where requests come from. Default: none; a request comes from where its connection does.
    ///
    /// The server has to pass that on: `axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>())`.
    pub fn trust_proxies(self, proxies: TrustedProxies) -> Self {
        Self { proxies, ..self }
    }

    /// What one address may do in an hour. Default: [`PerAddress::default`]. How often a password may be guessed is not to be
    /// set: 100 times in a row, 80 of them by strangers ([`throttle`](crate::throttle)).
    pub fn per_address(self, per_address: PerAddress) -> Self {
        Self {
            per_address,
            ..self
        }
    }

    /// How long records of the [audit log](crate::audit) are kept. Default: 90 days.
    pub fn audit_retention(self, audit_retention: Duration) -> Self {
        Self {
            audit_retention,
            ..self
        }
    }

    /// Counts no failures, and knows all devices: passwords can be guessed as fast as they can be hashed. For measurements.
    pub fn dangerously_without_throttle(self) -> Self {
        Self {
            throttle_off: true,
            ..self
        }
    }

    /// Refuses log-ins as soon as it can, without a hash where there is no account: how long it takes tells who has one. It is
    /// there for the control of the measurement that shows that it does not.
    #[cfg(feature = "conformance")]
    pub fn dangerously_with_uneven_refusals(self) -> Self {
        Self {
            uneven_refusals: true,
            ..self
        }
    }

    /// Another origin whose pages may change state here, such as a front end on a host of its own. Default: none.
    ///
    /// That is all it changes. For a front end to read the answers the app adds the CORS headers, and answers the
    /// preflight requests, itself; and from another *site* the browser sends the cookie only with
    /// [`SameSite::None`](crate::cookie::SameSite::None).
    pub fn trust_origin(mut self, origin: impl Into<String>) -> Self {
        self.trusted_origins.push(origin.into());
        self
    }

    /// Refuses changes by requests that do not say where they come from, as programs' usually do not, unless they show the
    /// session's [`csrf_token`](Auth::csrf_token) as `X-CSRF-Token`. So without a session they have to send `Origin`, to log
    /// in too. `POST /introspect`, which looks at no cookie, is left out. Default: off, unless the cookie is SameSite=None.
    pub fn strict_csrf(self) -> Self {
        Self {
            strict_csrf: true,
            ..self
        }
    }

    /// Turns the CSRF guard off: every site can then act in the name of its visitors who are logged in here. It is
    /// there for the test that shows the attack working without the guard.
    pub fn dangerously_without_csrf_guard(self) -> Self {
        Self {
            csrf_off: true,
            ..self
        }
    }

    /// Leaves the pages out, for an app that has its own: `GET /login`, `/register`, `/recover` and `/account`, and the two
    /// files below `/assets/`, are then free. The routes answer with JSON whoever asks, so the app's forms call them by script, or
    /// handlers of its own that call the verbs.
    pub fn without_pages(self) -> Self {
        Self {
            pages: false,
            ..self
        }
    }

    /// Sessions kept in memory at the most, and with JWTs as many tokens that were verified, of half a kilobyte each and
    /// more. Default: 131,072.
    pub fn cache_capacity(self, sessions: usize) -> Self {
        Self {
            cache_capacity: sessions,
            ..self
        }
    }

    /// How long after another process ended a session this one may still accept it, at the most. Default: 1 second;
    /// typically a quarter of it, and milliseconds where the store wakes its nodes.
    pub fn staleness(self, staleness: Duration) -> Self {
        Self { staleness, ..self }
    }

    /// What happens to those who are known while the store cannot be asked. Default: they are answered 503.
    pub fn on_outage(self, on_outage: OnOutage) -> Self {
        Self { on_outage, ..self }
    }

    /// Short-lived JWTs that other services verify by themselves, and refresh tokens, instead of one session token. Verbs,
    /// extractors and pages are the same; [`mount`](Auth::mount) then takes `/refresh`, `/token`, `/introspect` and two paths
    /// below `/.well-known/` too. Default: the session token.
    pub fn jwt(self, jwt: JwtSettings) -> Self {
        Self {
            jwt: Some(jwt),
            ..self
        }
    }

    /// Leaves it to others to delete what has expired, to forget what is old of the audit log and to rotate keys: for a command
    /// that opens the store beside the server, whose limits may be others.
    pub fn without_sweeping(self) -> Self {
        Self {
            sweeps: false,
            ..self
        }
    }

    /// Opens although signing keys cannot be read, and makes none: for an [`Operator`](super::Operator) who is about to
    /// revoke them. Whoever serves should refuse instead, as is the default.
    pub fn with_unreadable_keys(self) -> Self {
        Self {
            unreadable_keys: true,
            ..self
        }
    }

    /// Opens a database by its address: `sqlite://FILE` or, with the feature `postgres`, `postgres://USER@HOST/DATABASE`.
    /// [`open_with`](Self::open_with) takes a store with settings of its own.
    ///
    /// # Errors
    /// A contradiction among the settings, or a database that cannot be used.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub async fn open(self, database: &str) -> Result<Auth, OpenError> {
        self.check()?;
        let store = crate::store::open(database).await?;
        self.open_with(store).await
    }

    /// Works on a store that is open already.
    ///
    /// # Errors
    /// A contradiction among the settings, or a store that cannot be read.
    pub async fn open_with(self, store: Arc<dyn Store>) -> Result<Auth, OpenError> {
        let checked = self.checked()?;
        let clock = SharedClock::new(Arc::clone(&self.clock));
        let began = clock.uptime();
        let beat = store.beat(None).await?;
        clock.follow(beat.time);
        // Whatever else can fail comes before keys are made and stored.
        let hashing = HashPool::start().map_err(OpenError::Threads)?;
        self.warn_of_dangers(&checked.public);
        let jwt = match &self.jwt {
            Some(settings) => {
                let keys = self.keys(&store, settings, clock.now()).await?;
                self.issuer(&checked, keys, began)
            }
            None => None,
        };
        let inner = Inner {
            throttle: Throttle::of(&*store, self.per_address, self.throttle_off).await?,
            proxies: self.proxies,
            device_cookie: checked.device_cookie,
            jwt,
            confirmations: Noted::default(),
            audit: Pending::default(),
            audit_retention: self.audit_retention,
            trust: Trust::new(self.staleness, self.on_outage, began),
            touches: Noted::default(),
            counts: Counts::default(),
            keys_due: false.into(),
            cache: SessionCache::new(self.cache_capacity),
            reads: Reads::new(),
            hashing,
            argon: self.argon,
            rehearsed: OnceCell::new(),
            pace: Pace::new(!self.uneven_refusals),
            rules: self.rules,
            limits: self.limits.with_fitting_touches(),
            cookie: checked.cookie,
            csrf: checked.csrf,
            public: checked.public,
            service: self.service,
            pages: self.pages,
            clock,
            store,
        };
        let auth = Auth {
            inner: Arc::new(inner),
        };
        keeper::start(&auth, beat.cursor, self.sweeps);
        Ok(auth)
    }

    /// Checks everything that can be checked without a store, as [`open`](Self::open) does first.
    ///
    /// # Errors
    /// A contradiction among the settings, in a sentence that says what to change.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.checked().map(drop)
    }

    fn issuer(&self, checked: &Checked, keys: KeyRing, began: Duration) -> Option<Jwt> {
        let (settings, cookie) = (self.jwt.clone()?, checked.refresh_cookie.clone()?);
        let (public, capacity) = (&checked.public, self.cache_capacity);
        Some(Jwt::new(settings, cookie, public, keys, began, capacity))
    }

    async fn keys(
        &self,
        store: &Arc<dyn Store>,
        settings: &JwtSettings,
        now: Timestamp,
    ) -> Result<KeyRing, OpenError> {
        match self.unreadable_keys {
            true => keys::load_as_they_are(store, settings).await,
            false => keys::load(store, settings, now).await,
        }
    }
}
