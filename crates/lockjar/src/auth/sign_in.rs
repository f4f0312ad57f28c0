//! Log-in. The order matters: the guess is counted and takes a place in the queue first, so that neither limit says anything
//! about who exists; then the look-up; then a hash, whether or not there is a user; then the session, only while the epoch is the one that the
//! password was checked at.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::counting::CountedAttempt;
use super::{AccessToken, Auth};
use crate::audit::{Event, Record};
use crate::cookie::Lifetime;
use crate::current::CurrentUser;
use crate::error::Error;
use crate::id::{SessionId, UserId};
use crate::opaque::DeviceToken;
use crate::password::{Memory, Password, PasswordHash, Priority, Slot, Verdict};
use crate::refresh::{Chain, RefreshToken};
use crate::session::{NewSession, Session, tidy_user_agent};
use crate::store::{Change, Credentials, Epoch, NewSignIn};
use crate::token::{PlainToken, PresentedSession};
use crate::user::{User, Username};

/// What is known of the browser, or other program, that asks. With the feature `web` it is an extractor, for an app
/// whose own handler logs people in:
///
/// ```
/// # #[cfg(feature = "web")] mod app {
/// use axum::{Form, extract::State, http::header::SET_COOKIE, response::{AppendHeaders, IntoResponse}};
/// use lockjar::{Client, SignIn, web::Mounted};
///
/// # #[derive(serde::Deserialize)] struct Fields { username: String, password: String }
/// async fn log_in(site: State<Mounted>, client: Client, Form(fields): Form<Fields>) -> impl IntoResponse {
///     let (username, password) = (fields.username, fields.password.into());
///     let request = SignIn { username, password, remember: false, client };
///     let new = site.auth().sign_in(request).await.map_err(|error| error.to_string())?;
///     let cookies = site.auth().set_cookies(&new).into_iter().map(|cookie| (SET_COOKIE, cookie));
///     Ok::<_, String>((AppendHeaders(cookies), "Welcome back"))
/// }
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Client {
    /// Its `User-Agent`, so that the owner recognises the session later.
    pub user_agent: Option<String>,
    /// The session that it presented with the request. A log-in ends it: nothing that was known before the log-in is
    /// worth anything after it.
    pub presented: Option<PresentedSession>,
    /// The device that it presented: on one that the account knows, others' failures are in nobody's way.
    pub device: Option<DeviceToken>,
    /// Where it asks from, by which failures are counted; all from nowhere are counted together. See
    /// [`Auth::client_address`].
    pub address: Option<IpAddr>,
}

/// A request to log in.
#[derive(Clone, Debug)]
pub struct SignIn {
    /// The name, in any of its spellings.
    pub username: String,
    /// The password.
    pub password: Password,
    /// Whether the session outlives the browser ('remember me').
    pub remember: bool,
    /// Who asks.
    pub client: Client,
}

impl SignIn {
    /// A log-in that ends with the browser, from nowhere in particular.
    pub fn new(username: impl Into<String>, password: impl Into<Password>) -> Self {
        let (username, password) = (username.into(), password.into());
        Self {
            username,
            password,
            remember: false,
            client: Client::default(),
        }
    }
}

/// A session that has just begun.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// Whose, and which session.
    pub user: CurrentUser,
    /// What the browser gets, by [`Auth::set_cookies`] and no other way.
    pub tokens: Tokens,
    /// How long the browser keeps it.
    pub lifetime: Lifetime,
    /// The token by which the account knows the browser from now on; none after a refresh, or if it could not be remembered.
    pub device: Option<DeviceToken>,
}

/// What a browser shows that it is logged in.
#[derive(Clone, Debug)]
pub enum Tokens {
    /// The session strategy's one token.
    Session(PlainToken),
    /// The JWT strategy's two.
    Jwt {
        /// For each request, and for services that verify it themselves.
        access: AccessToken,
        /// For a new access token when that has expired.
        refresh: RefreshToken,
    },
}

/// What is known once the password was hashed.
struct Checked {
    known: Option<Credentials>,
    verdict: Verdict,
    /// How long the hash had to wait for its turn.
    queued: Duration,
}

impl Checked {
    /// The account that may be logged in to.
    fn right(&self) -> Option<(Arc<User>, PasswordHash, Epoch)> {
        let known = self.known.as_ref()?;
        let is_right = self.verdict != Verdict::Wrong && known.user.disabled_at.is_none();
        is_right.then(|| {
            (
                Arc::new(known.user.clone()),
                known.hash.clone(),
                known.epoch,
            )
        })
    }
}

impl Auth {
    /// Logs in: always a new session, with a new id and secret.
    ///
    /// # Errors
    /// - [`Error::InvalidCredentials`]: no such user, the wrong password, a disabled account, or one that was changed
    ///   while this log-in was under way. All take the same time.
    /// - [`Error::Throttled`], [`Error::Overloaded`]: too many have failed, or too many come at once; said before anything
    ///   is looked up.
    /// - [`Error::Unavailable`]: the store could not answer.
    pub async fn sign_in(&self, request: SignIn) -> Result<SignedIn, Error> {
        let began = self.inner.clock.uptime();
        let (attempt, slot) = self
            .count_guess(&request.username, &request.client, Priority::Stranger)
            .await?;
        let auth = self.clone();
        // To the end: what was counted is written down, and what succeeded taken back, whoever hangs up meanwhile.
        Self::to_the_end(async move { auth.sign_in_counted(request, attempt, slot, began).await })
            .await
    }

    /// `began` is when the request did, on the clock's uptime.
    async fn sign_in_counted(
        &self,
        request: SignIn,
        attempt: CountedAttempt,
        slot: Slot,
        began: Duration,
    ) -> Result<SignedIn, Error> {
        let entering = self.inner.clock.uptime();
        let _lane = self.enter_lane(&attempt).await;
        // What it had to wait for its turns is the same for all.
        let served = began + self.inner.clock.uptime().saturating_sub(entering);
        let checked = self.check_password(slot, &request, served).await;
        let checked = self.unless_faulty(&attempt, checked).await?;
        let served = served + checked.queued;
        let whose = checked.known.as_ref().map(|known| known.user.id);
        let Some((user, hash, epoch)) = checked.right() else {
            return Err(self.refuse_log_in(whose, &request.client, served).await);
        };
        let (mut signed_in, new) =
            self.new_session(Arc::clone(&user), request.remember, &request.client)?;
        let opened = self.open_session(new, epoch, &request.client).await;
        if let Err(Error::InvalidCredentials) = opened {
            return Err(self.refuse_log_in(whose, &request.client, served).await);
        }
        self.unless_faulty(&attempt, opened).await?;
        signed_in.device = self.remember_device(attempt, user.id, epoch).await;
        if checked.verdict == Verdict::RightButOld {
            self.rehash_later(user.id, hash, request.password);
        }
        Ok(signed_in)
    }

    /// Looks the name up and hashes the password, whether or not there is anybody of that name. `served` is when it would
    /// have begun if nobody had had to wait.
    async fn check_password(
        &self,
        slot: Slot,
        request: &SignIn,
        served: Duration,
    ) -> Result<Checked, Error> {
        let auth = self.clone();
        let known = match Username::parse(&request.username) {
            Ok(name) => self.inner.store.by_name(name.key()).await?,
            // Nobody can have such a name; it costs what every unknown name costs.
            Err(_) => None,
        };
        let (asked, password) = (self.inner.clock.uptime(), request.password.clone());
        slot.run(move |memory| {
            let inner = &auth.inner;
            let started = inner.clock.uptime();
            let verdict = auth.verify(memory, &password, known.as_ref());
            let queued = started.saturating_sub(asked);
            let took = inner.clock.uptime().saturating_sub(served + queued);
            inner.learn(known.as_ref(), took);
            Checked {
                known,
                verdict,
                queued,
            }
        })
        .await
    }

    /// A password that nobody can have set is nobody's: some schemes would read it for seconds.
    pub(super) fn verify(
        &self,
        memory: &mut Memory,
        password: &Password,
        known: Option<&Credentials>,
    ) -> Verdict {
        let inner = &self.inner;
        let known = known.filter(|_| !password.is_too_long());
        match known.is_some() || inner.pace.is_even() {
            true => memory.verify(inner.argon, password, known.map(|known| &known.hash)),
            false => Verdict::Wrong,
        }
    }

    pub(super) async fn open_session(
        &self,
        new: NewSession,
        epoch: Epoch,
        client: &Client,
    ) -> Result<(), Error> {
        let log_in = NewSignIn {
            new,
            epoch,
            replaces: client
                .presented
                .map(|presented| (presented.session, presented.secret)),
            per_user: self.inner.limits.per_user,
        };
        let record = Record {
            user: Some(log_in.new.session.user),
            session: Some(log_in.new.session.id),
            ..self.record_by(Event::LogIn, client)
        };
        let forget = log_in.replaces.map(|(session, _)| Change::Session(session));
        let store = Arc::clone(&self.inner.store);
        let change = async move { store.open(&log_in).await };
        self.mutate(change, forget, Error::InvalidCredentials, record)
            .await
    }

    /// A session with new tokens, for the caller to write down. Their hashes alone go to the store.
    pub(super) fn new_session(
        &self,
        user: Arc<User>,
        remember: bool,
        client: &Client,
    ) -> Result<(SignedIn, NewSession), Error> {
        let now = self.inner.clock.now();
        let lasts = self.inner.limits.lifetime(remember);
        let lifetime = match remember {
            true => Lifetime::Persistent(lasts),
            false => Lifetime::Browser,
        };
        let session = Session {
            id: SessionId::random(),
            user: user.id,
            created_at: now,
            last_seen_at: now,
            expires_at: now.after(lasts),
            remember,
            user_agent: client.user_agent.as_deref().and_then(tidy_user_agent),
        };
        let (tokens, new) = self.tokens(session)?;
        let user = CurrentUser::new(user, new.session.id);
        Ok((
            SignedIn {
                user,
                tokens,
                lifetime,
                device: None,
            },
            new,
        ))
    }

    fn tokens(&self, session: Session) -> Result<(Tokens, NewSession), Error> {
        let Some(jwt) = &self.inner.jwt else {
            let token = PlainToken::of(session.id);
            let (secret, refresh) = (token.hash(), None);
            return Ok((
                Tokens::Session(token),
                NewSession {
                    session,
                    secret,
                    refresh,
                },
            ));
        };
        let refresh = RefreshToken::generate(session.id);
        let chain = Chain::start(&refresh, session.created_at);
        let access = self.access(jwt, &session, chain.generation, session.created_at)?;
        let new = NewSession {
            session,
            secret: refresh.family_hash(),
            refresh: Some(chain),
        };
        Ok((Tokens::Jwt { access, refresh }, new))
    }

    /// Stores the password under today's parameters, after the answer, where there is room in the queue.
    fn rehash_later(&self, user: UserId, old: PasswordHash, password: Password) {
        let auth = self.clone();
        tokio::spawn(async move {
            let argon = auth.inner.argon;
            let slot = auth.inner.hashing.admit(Priority::Stranger)?;
            if let Some(new) = slot
                .run(move |memory| memory.hash(argon, &password))
                .await?
            {
                auth.inner.store.rehash(user, &old, &new).await?;
            }
            Ok::<(), Error>(())
        });
    }
}
