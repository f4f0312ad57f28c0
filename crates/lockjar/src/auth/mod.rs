//! The verbs, on plain data: nothing here knows HTTP or SQL.
//!
//! [`Auth`] is the handle to all of it. Each verb is a file: what it checks, in which order, and what it leaves behind.

mod audit;
mod authenticate;
mod builder;
mod cache;
mod change_password;
mod counting;
mod downstream;
mod health;
mod import;
mod jwt;
mod keeper;
mod keys;
mod lanes;
mod new_password;
mod operator;
mod reads;
mod recover;
mod refresh;
mod refusal;
mod sessions;
mod sign_in;
mod sign_up;
#[cfg(test)]
mod tests;

pub use builder::Builder;
pub use downstream::{Introspection, Introspector};
pub use health::Health;
pub use import::{ImportUser, Imported};
pub use jwt::{AccessToken, IntrospectionSecret, JwtSettings};
pub use keeper::OnOutage;
pub use keys::KeyInfo;
pub use operator::Operator;
pub use sign_in::{Client, SignIn, SignedIn, Tokens};
pub use sign_up::SignUp;

use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use tokio::sync::OnceCell;
use tracing::Instrument;

use crate::address::TrustedProxies;
use crate::audit::{Record, Requester};
use crate::clock::{SharedClock, Timestamp};
use crate::cookie::{CookiePolicy, Lifetime, MAX_AGE, Presented};
use crate::csrf::{CsrfPolicy, CsrfToken};
use crate::error::{Error, StoreError};
use crate::opaque::DeviceToken;
use crate::origin::PublicUrl;
use crate::password::{Argon2Params, HashPool, Pace, PasswordPolicy};
use crate::refresh::{Generation, RefreshToken};
use crate::session::SessionLimits;
use crate::store::{Change, Outcome, Store};
use crate::token::{PlainToken, PresentedSession};
use cache::SessionCache;
use counting::Throttle;
use health::Counts;
use jwt::Jwt;
use keeper::{Noted, Trust};
use new_password::Rules;
use reads::Reads;

/// Which tokens browsers are given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strategy {
    /// One opaque token, checked by the store or what is cached of it.
    #[default]
    Session,
    /// A short-lived JWT, which other services can check too, and a refresh token.
    Jwt,
}

/// Authentication over one store, for one public URL. Cheap to clone; all clones are the same.
///
/// Made by [`Auth::open`] or, with settings, by [`Auth::builder`].
#[derive(Clone)]
pub struct Auth {
    inner: Arc<Inner>,
}

struct Inner {
    store: Arc<dyn Store>,
    clock: SharedClock,
    cache: SessionCache,
    trust: Trust,
    counts: Counts,
    /// Whether the feed has told of other signing keys that were not read since.
    keys_due: AtomicBool,
    /// Last uses.
    touches: Noted<Timestamp>,
    /// Bounded, so that a herd of unknown cookies cannot take the store over.
    reads: Reads,
    hashing: HashPool,
    throttle: Throttle,
    proxies: TrustedProxies,
    argon: Argon2Params,
    /// What refusals take.
    pace: Pace,
    /// Whether it is known what imported hashes cost.
    rehearsed: OnceCell<()>,
    rules: Rules,
    limits: SessionLimits,
    cookie: CookiePolicy,
    device_cookie: CookiePolicy,
    /// None with the session strategy.
    jwt: Option<Jwt>,
    /// Generations of refresh tokens that have arrived, and when that was seen.
    confirmations: Noted<(Generation, Timestamp)>,
    audit: audit::Pending,
    audit_retention: Duration,
    csrf: CsrfPolicy,
    public: PublicUrl,
    service: String,
    pages: bool,
}

impl Auth {
    /// Opens `database` (`sqlite://FILE`; made if it is not there) for the address that people open, such as
    /// `https://example.com` or `http://localhost:8000`, with every other setting at its default.
    ///
    /// # Errors
    /// [`OpenError`](crate::OpenError) says in a sentence what to change.
    #[cfg(feature = "sqlite")]
    pub async fn open(database: &str, public_url: &str) -> Result<Self, crate::OpenError> {
        Self::builder(public_url).open(database).await
    }

    /// Settings for the address that people open.
    pub fn builder(public_url: &str) -> Builder {
        Builder::new(public_url)
    }

    /// The address that people open.
    #[must_use]
    pub fn public_url(&self) -> &PublicUrl {
        &self.inner.public
    }

    /// How the session's cookie is written and read.
    #[must_use]
    pub fn cookie(&self) -> &CookiePolicy {
        &self.inner.cookie
    }

    /// How the refresh token's cookie is written and read; none with the session strategy.
    #[must_use]
    pub fn refresh_cookie(&self) -> Option<&CookiePolicy> {
        self.inner.jwt.as_ref().map(|jwt| &jwt.refresh_cookie)
    }

    /// The `Set-Cookie`s that hand a session's tokens to the browser.
    #[must_use]
    pub fn set_cookies(&self, signed_in: &SignedIn) -> Vec<HeaderValue> {
        let (cookie, lifetime) = (&self.inner.cookie, signed_in.lifetime);
        let mut cookies = match (&signed_in.tokens, &self.inner.jwt) {
            (Tokens::Session(token), _) => vec![cookie.issue(token, lifetime)],
            (Tokens::Jwt { access, refresh }, Some(jwt)) => vec![
                cookie.issue_text(access.reveal(), lifetime),
                jwt.refresh_cookie.issue_text(&refresh.reveal(), lifetime),
            ],
            // Nobody hands us the tokens of another Auth.
            (Tokens::Jwt { .. }, None) => Vec::new(),
        };
        let device = signed_in.device.as_ref().map(DeviceToken::reveal);
        cookies.extend(device.map(|token| {
            let lifetime = Lifetime::Persistent(MAX_AGE);
            self.inner.device_cookie.issue_text(&token, lifetime)
        }));
        cookies
    }

    /// The `Set-Cookie`s that take them away.
    #[must_use]
    pub fn clear_cookies(&self) -> Vec<HeaderValue> {
        let policies = [Some(&self.inner.cookie), self.refresh_cookie()];
        policies
            .into_iter()
            .flatten()
            .flat_map(CookiePolicy::clear)
            .collect()
    }

    /// How the device token's cookie is written and read. It lets the owner log in where strangers have guessed too often,
    /// and stays when the session's is taken away.
    #[must_use]
    pub fn device_cookie(&self) -> &CookiePolicy {
        &self.inner.device_cookie
    }

    /// The device that a request says it comes from.
    #[must_use]
    pub fn presented_device(&self, headers: &HeaderMap) -> Option<DeviceToken> {
        match self.inner.device_cookie.read(headers) {
            Presented::One(value) => DeviceToken::parse(value),
            Presented::Nothing | Presented::Conflicting => None,
        }
    }

    /// Where a request comes from whose connection comes from `peer`: from there, or from where trusted proxies say.
    #[must_use]
    pub fn client_address(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        self.inner.proxies.client(peer, headers)
    }

    /// The session that a request says it has.
    #[must_use]
    pub fn presented(&self, headers: &HeaderMap) -> Option<PresentedSession> {
        let cookie = self.refresh_cookie().unwrap_or(&self.inner.cookie);
        let Presented::One(value) = cookie.read(headers) else {
            return None;
        };
        match self.strategy() {
            Strategy::Session => PlainToken::parse(value).map(|token| (&token).into()),
            Strategy::Jwt => RefreshToken::parse(value).map(|token| PresentedSession {
                session: token.session(),
                secret: token.family_hash(),
            }),
        }
    }

    /// Which tokens browsers are given.
    #[must_use]
    pub fn strategy(&self) -> Strategy {
        match self.inner.jwt {
            None => Strategy::Session,
            Some(_) => Strategy::Jwt,
        }
    }

    /// The JWT strategy's state. With the session strategy no token is any good here.
    fn jwt(&self) -> Result<&Jwt, Error> {
        self.inner.jwt.as_ref().ok_or(Error::NotAuthenticated)
    }

    /// Which requests may change state.
    #[must_use]
    pub fn csrf(&self) -> &CsrfPolicy {
        &self.inner.csrf
    }

    /// What a request with these headers has to show as [`X-CSRF-Token`](crate::csrf::TOKEN_HEADER) in strict mode where
    /// it sends no `Origin`; none without a session.
    #[must_use]
    pub fn csrf_token(&self, headers: &HeaderMap) -> Option<String> {
        let session = self.presented(headers)?;
        Some(CsrfToken::of(&session).as_str().to_owned())
    }

    /// The rules for new passwords.
    #[must_use]
    pub fn password_policy(&self) -> &PasswordPolicy {
        &self.inner.rules.policy
    }

    /// The service's name, as pages show it and passwords may not repeat it.
    #[must_use]
    pub fn service(&self) -> &str {
        &self.inner.service
    }

    /// Whether [`mount`](Self::mount) adds the pages.
    #[must_use]
    pub fn has_pages(&self) -> bool {
        self.inner.pages
    }

    /// What an operator may do, without anybody's password.
    #[must_use]
    pub const fn operator(&self) -> Operator<'_> {
        Operator::new(self)
    }

    /// Writes down what is still only in memory and closes the store. Requests that come later are answered 503.
    pub async fn close(&self) {
        self.inner.trust.end();
        self.inner.reads.close();
        self.flush_touches().await;
        self.flush_confirmations().await;
        self.inner.audit.refill();
        self.flush_audit().await;
        self.inner.store.close().await;
    }

    /// Runs a mutation to its end even if the caller goes away, so that what the store has committed this process has
    /// forgotten too.
    async fn to_the_end<T: Send + 'static>(
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        match tokio::spawn(Requester::keep_serving(work.in_current_span())).await {
            Ok(result) => result,
            Err(_) => Err(StoreError::unavailable(
                "a change was interrupted before its end was known",
            )
            .into()),
        }
    }

    /// Changes the store, forgets what ended, writes `record` down, and only then tells the caller; all to the end. What `forget` names is
    /// forgotten whatever the store answered: to forget costs a read, and not to forget what ended after all would
    /// leave it alive.
    async fn mutate(
        &self,
        change: impl Future<Output = crate::store::Result<Outcome>> + Send + 'static,
        forget: impl IntoIterator<Item = Change> + Send + 'static,
        without_authority: Error,
        record: Record,
    ) -> Result<(), Error> {
        let auth = self.clone();
        Self::to_the_end(async move {
            let outcome = change.await;
            forget.into_iter().for_each(|known| auth.forget(known));
            match outcome? {
                Outcome::Done(ended) => {
                    let ended = ended.into_iter().map(Change::Session);
                    ended.for_each(|session| auth.forget(session));
                    auth.keep(record).await;
                    Ok(())
                }
                Outcome::NoAuthority => Err(without_authority),
                Outcome::NotFound => Err(Error::NotFound),
            }
        })
        .await
    }

    fn forget(&self, change: Change) {
        match change {
            Change::Session(session) => self.inner.cache.forget_session(session),
            Change::User(user) => self.inner.cache.forget_user(user),
            // They are not forgotten but read again, by whoever heard of it.
            Change::Keys => {}
        }
    }
}

impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Auth({})", self.inner.public)
    }
}
