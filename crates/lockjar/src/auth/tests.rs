//! The verbs against a real SQLite file, with a store in between that can be held at its most delicate moments.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;

use super::jwt::For;
use super::*;
use crate::audit::{Event, Query, Record};
use crate::clock::{Clock, ManualClock, Timestamp};
use crate::current::CurrentUser;
use crate::error::OpenError;
use crate::id::{SessionId, UserId};
use crate::password::{Password, PasswordHash};
use crate::password::{Priority, Slot};
use crate::refresh::{Chain, Generation};
use crate::session::{NewSession, Session};
use crate::store::sqlite::SqliteStore;
use crate::store::{
    Attempt, AuditLog, Beat, By, Counted, Credentials, Cursor, Feed, ImportedUser, Keys, LiveChain,
    LiveSession, NewOneTime, NewSignIn, NewUser, OneTimeTokens, PasswordChange, Refreshes,
    Result as StoreResult, Sessions, StoredKey, Success, Swept, Throttles, Users, Which,
};
use crate::token::HashedSecret;
use crate::token::PlainToken;
use crate::user::User;

mod frozen;
mod import;
mod keys;

const PASSWORD: &str = "gravel umbrella seventeen";
const CHEAP: Argon2Params = Argon2Params {
    memory_kib: 64,
    passes: 1,
};

/// A store that does as SQLite does, and can be slowed or broken where a race would strike.
struct Held {
    sqlite: SqliteStore,
    broken: AtomicBool,
    /// The same of the ending of sessions alone.
    ends_nothing: AtomicBool,
    finds_nobody: AtomicBool,
    /// Names that were looked up, and microseconds that it takes.
    looked_up: AtomicUsize,
    delay_name: AtomicU64,
    opens_nothing: AtomicBool,
    /// Microseconds that an answer takes to get back from the store.
    delay_live: AtomicU64,
    /// The same on the way to it.
    delay_touch: AtomicU64,
    /// The same for an answer about the signing keys.
    delay_keys: AtomicU64,
    /// Writes a touched session back although it is gone: what an upsert would do.
    upserts: AtomicBool,
    reads: AtomicUsize,
}

impl Held {
    fn fine(&self) -> StoreResult<()> {
        if self.broken.load(Ordering::SeqCst) {
            Err(StoreError::unavailable("broken on purpose"))
        } else {
            Ok(())
        }
    }

    async fn wait(&self, delay: &AtomicU64) {
        // Microseconds, so that a race is met at every point.
        let micros = delay.load(Ordering::SeqCst);
        if micros > 0 {
            tokio::time::sleep(Duration::from_micros(micros)).await;
        }
    }
}

#[async_trait]
impl Users for Held {
    async fn create(&self, user: &NewUser, session: Option<&NewSession>) -> StoreResult<bool> {
        self.fine()?;
        self.sqlite.create(user, session).await
    }
    async fn import(&self, users: &[ImportedUser]) -> StoreResult<Vec<bool>> {
        self.fine()?;
        self.sqlite.import(users).await
    }
    async fn hash_schemes(&self) -> StoreResult<Vec<String>> {
        self.fine()?;
        self.sqlite.hash_schemes().await
    }
    async fn by_name(&self, key: &str) -> StoreResult<Option<Credentials>> {
        self.looked_up.fetch_add(1, Ordering::SeqCst);
        self.wait(&self.delay_name).await;
        if self.finds_nobody.load(Ordering::SeqCst) {
            return Err(StoreError::unavailable("broken on purpose"));
        }
        self.fine()?;
        self.sqlite.by_name(key).await
    }
    async fn by_id(&self, user: UserId) -> StoreResult<Option<Credentials>> {
        self.fine()?;
        self.sqlite.by_id(user).await
    }
    async fn list(&self) -> StoreResult<Vec<User>> {
        self.sqlite.list().await
    }
    async fn rehash(
        &self,
        user: UserId,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> StoreResult<bool> {
        self.sqlite.rehash(user, old, new).await
    }
    async fn set_password(&self, change: &PasswordChange) -> StoreResult<Outcome> {
        self.fine()?;
        self.sqlite.set_password(change).await
    }
    async fn set_disabled(
        &self,
        user: UserId,
        disabled: bool,
        now: Timestamp,
    ) -> StoreResult<Outcome> {
        self.sqlite.set_disabled(user, disabled, now).await
    }
    async fn delete(&self, user: UserId, now: Timestamp) -> StoreResult<Outcome> {
        self.sqlite.delete(user, now).await
    }
}

#[async_trait]
impl Sessions for Held {
    async fn open(&self, log_in: &NewSignIn) -> StoreResult<Outcome> {
        self.fine()?;
        if self.opens_nothing.load(Ordering::SeqCst) {
            return Err(StoreError::unavailable("broken on purpose"));
        }
        self.sqlite.open(log_in).await
    }
    async fn live(&self, session: SessionId) -> StoreResult<Option<LiveSession>> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.fine()?;
        let live = self.sqlite.live(session).await;
        self.wait(&self.delay_live).await;
        live
    }
    async fn of_user(&self, user: UserId) -> StoreResult<Vec<Session>> {
        self.fine()?;
        self.sqlite.of_user(user).await
    }
    async fn touch(&self, seen: &[(SessionId, Timestamp)]) -> StoreResult<()> {
        let mut before = Vec::new();
        for (session, _) in seen {
            before.push(self.sqlite.live(*session).await?);
        }
        self.wait(&self.delay_touch).await;
        if self.upserts.load(Ordering::SeqCst) {
            for live in before.into_iter().flatten() {
                let new = NewSession {
                    session: live.session,
                    secret: live.secret,
                    refresh: None,
                };
                let log_in = NewSignIn {
                    new,
                    epoch: 0,
                    replaces: None,
                    per_user: 100,
                };
                let _ = self.sqlite.open(&log_in).await;
            }
        }
        self.sqlite.touch(seen).await
    }
    async fn end(
        &self,
        user: UserId,
        which: Which,
        by: By,
        now: Timestamp,
    ) -> StoreResult<Outcome> {
        self.fine()?;
        if self.ends_nothing.load(Ordering::SeqCst) {
            return Err(StoreError::unavailable("broken on purpose"));
        }
        self.sqlite.end(user, which, by, now).await
    }
    async fn owner(&self, session: SessionId) -> StoreResult<Option<UserId>> {
        self.sqlite.owner(session).await
    }
    async fn sweep(&self, now: Timestamp, idle: Duration) -> StoreResult<Swept> {
        self.sqlite.sweep(now, idle).await
    }
}

#[async_trait]
impl Refreshes for Held {
    async fn chain(&self, session: SessionId) -> StoreResult<Option<LiveChain>> {
        self.fine()?;
        self.sqlite.chain(session).await
    }
    async fn advance(&self, session: SessionId, next: &Chain) -> StoreResult<bool> {
        self.fine()?;
        self.sqlite.advance(session, next).await
    }
    async fn confirm(
        &self,
        session: SessionId,
        generation: Generation,
        at: Timestamp,
    ) -> StoreResult<()> {
        self.sqlite.confirm(session, generation, at).await
    }
}

#[async_trait]
impl Keys for Held {
    async fn keys(&self) -> StoreResult<Vec<StoredKey>> {
        self.fine()?;
        let keys = self.sqlite.keys().await;
        self.wait(&self.delay_keys).await;
        keys
    }
    async fn set_keys(
        &self,
        before: &[StoredKey],
        ring: &[StoredKey],
        now: Timestamp,
    ) -> StoreResult<bool> {
        self.fine()?;
        self.sqlite.set_keys(before, ring, now).await
    }
}

#[async_trait]
impl AuditLog for Held {
    async fn append(&self, records: &[Record]) -> StoreResult<()> {
        self.fine()?;
        self.sqlite.append(records).await
    }
    async fn audited(&self, query: &Query, limit: u32) -> StoreResult<Vec<(i64, Record)>> {
        self.fine()?;
        self.sqlite.audited(query, limit).await
    }
    async fn forget_audited(&self, before: Timestamp) -> StoreResult<bool> {
        self.fine()?;
        self.sqlite.forget_audited(before).await
    }
}

#[async_trait]
impl Feed for Held {
    async fn beat(&self, cursor: Option<Cursor>) -> StoreResult<Beat> {
        self.fine()?;
        self.sqlite.beat(cursor).await
    }
}

#[async_trait]
impl Throttles for Held {
    async fn throttle_key(&self) -> StoreResult<[u8; 32]> {
        self.sqlite.throttle_key().await
    }
    async fn count(&self, attempt: &Attempt) -> StoreResult<Counted> {
        self.fine()?;
        self.sqlite.count(attempt).await
    }
    async fn take_back(&self, attempt: &Attempt, counted: Counted) -> StoreResult<()> {
        self.sqlite.take_back(attempt, counted).await
    }
    async fn succeed(
        &self,
        attempt: &Attempt,
        counted: Counted,
        success: &Success,
    ) -> StoreResult<()> {
        self.sqlite.succeed(attempt, counted, success).await
    }
    async fn unlock(&self, key: [u8; 16], user: UserId) -> StoreResult<()> {
        self.sqlite.unlock(key, user).await
    }
}

#[async_trait]
impl OneTimeTokens for Held {
    async fn put_one_time(&self, new: &NewOneTime) -> StoreResult<bool> {
        self.sqlite.put_one_time(new).await
    }
    async fn one_time(
        &self,
        token: &HashedSecret,
        now: Timestamp,
    ) -> StoreResult<Option<Credentials>> {
        self.sqlite.one_time(token, now).await
    }
}

#[async_trait]
impl Store for Held {
    async fn close(&self) {
        self.sqlite.close().await;
    }
}

impl SignedIn {
    /// The session strategy's token.
    fn token(&self) -> PlainToken {
        match &self.tokens {
            Tokens::Session(token) => token.clone(),
            Tokens::Jwt { .. } => panic!("the session strategy makes no JWTs"),
        }
    }

    /// The JWT strategy's refresh token, as it is in the cookie.
    fn refresh(&self) -> String {
        match &self.tokens {
            Tokens::Jwt { refresh, .. } => refresh.reveal().to_string(),
            Tokens::Session(_) => panic!("the JWT strategy makes JWTs"),
        }
    }
}

impl Auth {
    /// Takes every place in the queue of the password threads that is for strangers.
    fn fill_the_queue_for_strangers(&self) -> Vec<Slot> {
        std::iter::from_fn(|| self.inner.hashing.admit(Priority::Stranger).ok()).collect()
    }
}

struct Fixture {
    auth: Auth,
    store: Arc<Held>,
    clock: Arc<ManualClock>,
    _folder: tempfile::TempDir,
}

impl Fixture {
    async fn new() -> Self {
        Self::with(|builder| builder).await
    }

    async fn with(change: impl FnOnce(Builder) -> Builder) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sqlite = SqliteStore::open(&format!(
            "sqlite://{}",
            folder.path().join("a.db").display()
        ))
        .await
        .unwrap();
        let store = Arc::new(Held {
            sqlite,
            broken: false.into(),
            ends_nothing: false.into(),
            finds_nobody: false.into(),
            looked_up: 0.into(),
            delay_name: 0.into(),
            opens_nothing: false.into(),
            delay_live: 0.into(),
            delay_touch: 0.into(),
            delay_keys: 0.into(),
            upserts: false.into(),
            reads: 0.into(),
        });
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_800_000_000_000)));
        let builder = Auth::builder("http://localhost:8000")
            .argon2(CHEAP)
            .clock(clock.clone());
        let auth = change(builder).open_with(store.clone()).await.unwrap();
        Self {
            auth,
            store,
            clock,
            _folder: folder,
        }
    }

    async fn alice(&self) -> SignedIn {
        self.auth
            .sign_up(SignUp::new("alice", PASSWORD))
            .await
            .unwrap()
    }

    async fn log_in(&self) -> SignedIn {
        self.auth
            .sign_in(SignIn::new("alice", PASSWORD))
            .await
            .unwrap()
    }

    async fn check(&self, token: &PlainToken) -> Result<CurrentUser, Error> {
        self.auth.authenticate(token.reveal().as_bytes()).await
    }

    async fn is_in(&self, token: &PlainToken) -> bool {
        match self.check(token).await {
            Ok(_) => true,
            Err(Error::NotAuthenticated) => false,
            Err(error) => panic!("neither in nor out: {error:?}"),
        }
    }

    /// Lets time pass, and the cache learn that it may be believed again.
    async fn pass(&self, duration: Duration) {
        self.clock.advance(duration);
        let cursor = self.store.beat(None).await.unwrap().cursor;
        self.auth.follow_feed(cursor).await.unwrap();
    }
}

#[tokio::test]
async fn who_signs_up_is_logged_in_until_logging_out() {
    let fixture = Fixture::new().await;
    let signed_in = fixture.alice().await;
    let user = fixture.check(&signed_in.token()).await.unwrap();
    assert_eq!(
        (user.username.as_str(), user.session()),
        ("alice", signed_in.token().id())
    );
    fixture.auth.sign_out(&user).await.unwrap();
    assert!(!fixture.is_in(&signed_in.token()).await);
    fixture
        .auth
        .sign_out(&user)
        .await
        .expect("logging out twice is logging out");
}

#[tokio::test]
async fn every_log_in_is_a_new_session_and_ends_the_one_presented() {
    let fixture = Fixture::new().await;
    let first = fixture.alice().await;
    let client = Client {
        presented: Some((&first.token()).into()),
        user_agent: None,
        ..Client::default()
    };
    let request = SignIn {
        client,
        ..SignIn::new("ALICE", PASSWORD)
    };
    let second = fixture.auth.sign_in(request).await.unwrap();
    assert_ne!(first.token().id(), second.token().id());
    assert!(fixture.is_in(&second.token()).await && !fixture.is_in(&first.token()).await);
}

#[tokio::test]
async fn a_sign_up_ends_the_session_presented_too() {
    let fixture = Fixture::new().await;
    let (alice, other) = (fixture.alice().await, fixture.log_in().await);
    let client = Client {
        presented: Some((&alice.token()).into()),
        user_agent: None,
        ..Client::default()
    };
    let request = SignUp {
        client,
        ..SignUp::new("bob", PASSWORD)
    };
    let bob = fixture.auth.sign_up(request).await.unwrap();
    assert!(fixture.is_in(&bob.token()).await && fixture.is_in(&other.token()).await);
    assert!(!fixture.is_in(&alice.token()).await);
}

/// Negative test 15.
#[tokio::test]
async fn unknown_users_wrong_passwords_and_disabled_accounts_get_one_answer() {
    let fixture = Fixture::new().await;
    let alice = fixture.alice().await;
    let sign_in =
        async |name: &str, password: &str| fixture.auth.sign_in(SignIn::new(name, password)).await;
    for (name, password) in [
        ("alice", "wrong"),
        ("nobody", PASSWORD),
        ("al\0ice", PASSWORD),
        ("", ""),
    ] {
        assert!(
            matches!(
                sign_in(name, password).await,
                Err(Error::InvalidCredentials)
            ),
            "{name:?}"
        );
    }
    fixture
        .auth
        .operator()
        .disable(alice.user.id)
        .await
        .unwrap();
    assert!(matches!(
        sign_in("alice", PASSWORD).await,
        Err(Error::InvalidCredentials)
    ));
    assert!(!fixture.is_in(&alice.token()).await);
    fixture.auth.operator().enable(alice.user.id).await.unwrap();
    assert!(sign_in("alice", PASSWORD).await.is_ok());
    assert!(
        !fixture.is_in(&alice.token()).await,
        "enabling brings no session back"
    );
}

#[tokio::test]
async fn sign_up_names_everything_that_is_wrong_at_once() {
    let fixture = Fixture::new().await;
    fixture.alice().await;
    let sign_up = async |request| fixture.auth.sign_up(request).await.unwrap_err();
    assert!(matches!(
        sign_up(SignUp::new("Alice", PASSWORD)).await,
        Error::UsernameTaken
    ));
    let request = SignUp {
        email: Some("nonsense".to_owned()),
        ..SignUp::new("a b", "short")
    };
    let Error::Invalid(problems) = sign_up(request).await else {
        panic!("it is refused")
    };
    assert_eq!(
        problems
            .iter()
            .map(|problem| problem.field)
            .collect::<Vec<_>>(),
        ["username", "email", "password"]
    );
}

#[tokio::test]
async fn a_checked_session_costs_no_read_of_the_store() {
    let fixture = Fixture::new().await;
    let token = fixture.alice().await.token();
    assert!(fixture.is_in(&token).await);
    let reads = fixture.store.reads.load(Ordering::SeqCst);
    for _ in 0..100 {
        assert!(fixture.is_in(&token).await);
    }
    assert_eq!(fixture.store.reads.load(Ordering::SeqCst), reads);
    let forged = PlainToken::parse(
        format!("{}.{}", token.id(), &PlainToken::generate().reveal()[23..]).as_bytes(),
    )
    .unwrap();
    assert!(!fixture.is_in(&forged).await);
    assert_eq!(
        fixture.store.reads.load(Ordering::SeqCst),
        reads,
        "a wrong secret is refused from memory"
    );
}

#[tokio::test]
async fn sessions_end_at_both_limits() {
    let fixture = Fixture::new().await;
    let browser = fixture.alice().await.token();
    let remembered = SignIn {
        remember: true,
        ..SignIn::new("alice", PASSWORD)
    };
    let remembered = fixture.auth.sign_in(remembered).await.unwrap().token();
    let idle = SignIn {
        remember: true,
        ..SignIn::new("alice", PASSWORD)
    };
    let idle = fixture.auth.sign_in(idle).await.unwrap().token();
    assert!(
        fixture.is_in(&browser).await
            && fixture.is_in(&remembered).await
            && fixture.is_in(&idle).await
    );
    fixture.pass(Duration::from_secs(12 * 3600 - 1)).await;
    assert!(fixture.is_in(&browser).await);
    fixture.pass(Duration::from_secs(1)).await;
    assert!(
        !fixture.is_in(&browser).await,
        "without 'remember me' it is over after 12 hours"
    );
    for _ in 0..29 {
        fixture.pass(Duration::from_secs(24 * 3600)).await;
        assert!(fixture.is_in(&remembered).await);
    }
    assert!(!fixture.is_in(&idle).await, "idle for a week");
    fixture.pass(Duration::from_secs(24 * 3600)).await;
    assert!(
        !fixture.is_in(&remembered).await,
        "30 days are the end however it is used"
    );
}

#[tokio::test]
async fn a_use_that_another_process_saw_keeps_a_session_alive() {
    let fixture = Fixture::new().await;
    fixture.alice().await;
    let request = SignIn {
        remember: true,
        ..SignIn::new("alice", PASSWORD)
    };
    let token = fixture.auth.sign_in(request).await.unwrap().token();
    assert!(fixture.is_in(&token).await);
    let week = Duration::from_secs(7 * 24 * 3600);
    fixture.pass(week - Duration::from_secs(60)).await;
    fixture
        .store
        .sqlite
        .touch(&[(token.id(), fixture.clock.now())])
        .await
        .unwrap();
    fixture.pass(Duration::from_secs(3600)).await;
    assert!(
        fixture.is_in(&token).await,
        "an idle session is read again before it is refused"
    );
}

#[tokio::test]
async fn last_uses_are_written_in_batches_at_most_once_a_minute() {
    let fixture = Fixture::new().await;
    let signed_in = fixture.alice().await;
    let seen = async || {
        fixture.auth.flush_touches().await;
        fixture
            .store
            .sqlite
            .live(signed_in.token().id())
            .await
            .unwrap()
            .unwrap()
            .session
            .last_seen_at
    };
    let start = fixture.clock.now();
    fixture.pass(Duration::from_secs(59)).await;
    assert!(fixture.is_in(&signed_in.token()).await);
    assert_eq!(seen().await, start);
    fixture.pass(Duration::from_secs(1)).await;
    assert!(fixture.is_in(&signed_in.token()).await);
    assert_eq!(seen().await, fixture.clock.now());
}

#[tokio::test]
async fn a_password_change_ends_every_other_session_and_renews_this_one() {
    let fixture = Fixture::new().await;
    let (here, there) = (fixture.alice().await, fixture.log_in().await);
    let user = fixture.check(&here.token()).await.unwrap();
    assert!(fixture.is_in(&there.token()).await);
    let change = async |current: &str, new: &str| {
        fixture
            .auth
            .change_password(&user, current.into(), new.into(), &Client::default())
            .await
    };
    let Error::Invalid(wrong) = change("wrong", "another fine long one").await.unwrap_err() else {
        panic!("refused")
    };
    assert_eq!(
        (wrong[0].field, wrong[0].code),
        ("current_password", "password_wrong")
    );
    let Error::Invalid(weak) = change(PASSWORD, "short").await.unwrap_err() else {
        panic!("refused")
    };
    assert_eq!(
        (weak[0].field, weak[0].code),
        ("new_password", "password_too_short")
    );
    assert!(
        fixture.is_in(&there.token()).await,
        "a refused change ends nothing"
    );
    let renewed = change(PASSWORD, "another fine long one").await.unwrap();
    assert!(fixture.is_in(&renewed.token()).await);
    assert!(!fixture.is_in(&here.token()).await && !fixture.is_in(&there.token()).await);
    assert!(
        fixture
            .auth
            .sign_in(SignIn::new("alice", PASSWORD))
            .await
            .is_err()
    );
    assert!(
        fixture
            .auth
            .sign_in(SignIn::new("alice", "another fine long one"))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn sessions_are_the_users_own_to_see_and_end() {
    let fixture = Fixture::new().await;
    let (one, two) = (fixture.alice().await, fixture.log_in().await);
    let mallory = fixture
        .auth
        .sign_up(SignUp::new("mallory", PASSWORD))
        .await
        .unwrap();
    let user = fixture.check(&one.token()).await.unwrap();
    assert_eq!(fixture.auth.sessions(&user).await.unwrap().len(), 2);
    assert!(matches!(
        fixture.auth.revoke(&mallory.user, two.token().id()).await,
        Err(Error::NotFound)
    ));
    assert!(fixture.is_in(&two.token()).await);
    fixture.auth.revoke(&user, two.token().id()).await.unwrap();
    assert!(!fixture.is_in(&two.token()).await);
    let three = fixture.log_in().await;
    fixture.auth.revoke_others(&user).await.unwrap();
    assert!(
        !fixture.is_in(&three.token()).await
            && fixture.is_in(&one.token()).await
            && fixture.is_in(&mallory.token()).await
    );
    fixture.auth.revoke_all(&user).await.unwrap();
    assert!(!fixture.is_in(&one.token()).await && fixture.is_in(&mallory.token()).await);
    assert!(
        matches!(
            fixture.auth.revoke_all(&user).await,
            Err(Error::NotAuthenticated)
        ),
        "authority ends with its session"
    );
}

#[tokio::test]
async fn a_hash_of_other_parameters_is_renewed_after_a_log_in() {
    let fixture = Fixture::with(|builder| {
        builder.argon2(Argon2Params {
            memory_kib: 128,
            passes: 2,
        })
    })
    .await;
    let alice = fixture.alice().await;
    let hash = async || {
        fixture
            .store
            .sqlite
            .by_id(alice.user.id)
            .await
            .unwrap()
            .unwrap()
            .hash
    };
    let old = crate::password::Memory::default()
        .hash(CHEAP, &Password::new(PASSWORD))
        .unwrap();
    assert!(
        fixture
            .store
            .sqlite
            .rehash(alice.user.id, &hash().await, &old)
            .await
            .unwrap()
    );
    fixture.log_in().await;
    for _ in 0..500 {
        if hash().await.as_phc().contains("m=128,t=2") {
            assert!(fixture.is_in(&fixture.log_in().await.token()).await);
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the hash stayed old");
}

#[tokio::test]
async fn a_store_that_cannot_answer_logs_nobody_out() {
    let fixture = Fixture::new().await;
    let (cached, uncached) = (fixture.alice().await, fixture.log_in().await);
    let leaving = fixture.log_in().await;
    assert!(fixture.is_in(&cached.token()).await && fixture.is_in(&leaving.token()).await);
    fixture.store.broken.store(true, Ordering::SeqCst);
    assert!(matches!(
        fixture.check(&uncached.token()).await,
        Err(Error::Unavailable(_))
    ));
    assert!(matches!(
        fixture.auth.sign_in(SignIn::new("alice", PASSWORD)).await,
        Err(Error::Unavailable(_))
    ));
    assert!(matches!(
        fixture.auth.sign_out(&leaving.user).await,
        Err(Error::Unavailable(_))
    ));
    assert!(matches!(
        fixture.auth.ready().await,
        Err(Error::Unavailable(_))
    ));
    // Whether that log-out happened is not known, so memory does not answer for it.
    assert!(matches!(
        fixture.check(&leaving.token()).await,
        Err(Error::Unavailable(_))
    ));
    // What is cached is believed for the staleness and not a moment longer.
    assert!(fixture.is_in(&cached.token()).await);
    fixture.clock.advance(Duration::from_secs(1));
    assert!(matches!(
        fixture.check(&cached.token()).await,
        Err(Error::Unavailable(_))
    ));
    fixture.store.broken.store(false, Ordering::SeqCst);
    assert!(fixture.is_in(&cached.token()).await && fixture.is_in(&uncached.token()).await);
}

#[tokio::test]
async fn a_process_that_was_frozen_does_not_answer_from_the_past() {
    let fixture = Fixture::new().await;
    let alice = fixture.alice().await;
    assert!(fixture.is_in(&alice.token()).await);
    // Another process ends the session while this one sleeps; no beat comes in between.
    fixture
        .store
        .sqlite
        .end(alice.user.id, Which::All, By::Operator, fixture.clock.now())
        .await
        .unwrap();
    fixture.clock.advance(Duration::from_secs(3600));
    assert!(!fixture.is_in(&alice.token()).await);
}

#[tokio::test]
async fn what_another_process_ends_is_ended_here_within_the_staleness() {
    let fixture = Fixture::with(|builder| builder.clock(Arc::new(crate::clock::SystemClock))).await;
    let alice = fixture.alice().await;
    assert!(fixture.is_in(&alice.token()).await);
    fixture
        .store
        .sqlite
        .end(alice.user.id, Which::All, By::Operator, fixture.clock.now())
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!fixture.is_in(&alice.token()).await);
}

/// The feed names the user and not each session: what was cached of the old ones must not fit the user who is read again.
#[tokio::test]
async fn a_later_log_in_does_not_bring_back_what_another_process_ended() {
    let fixture = Fixture::new().await;
    let alice = fixture.alice().await;
    for end in 0..4 {
        let (stolen, kept) = (
            fixture.log_in().await.token(),
            fixture.log_in().await.token(),
        );
        assert!(fixture.is_in(&stolen).await && fixture.is_in(&kept).await);
        let start = fixture.store.beat(None).await.unwrap().cursor;
        let (store, user, now) = (&fixture.store.sqlite, alice.user.id, fixture.clock.now());
        match end {
            0 => drop(
                store
                    .end(user, Which::All, By::Operator, now)
                    .await
                    .unwrap(),
            ),
            1 => drop(
                store
                    .end(user, Which::AllBut(kept.id()), By::Operator, now)
                    .await
                    .unwrap(),
            ),
            2 => {
                store.set_disabled(user, true, now).await.unwrap();
                store.set_disabled(user, false, now).await.unwrap();
            }
            _ => {
                let known = store.by_id(user).await.unwrap().unwrap();
                let change = PasswordChange {
                    user,
                    by: By::Operator,
                    epoch: None,
                    hash: known.hash,
                    session: None,
                    now,
                };
                store.set_password(&change).await.unwrap();
            }
        }
        fixture.auth.follow_feed(start).await.unwrap();
        assert!(fixture.is_in(&fixture.log_in().await.token()).await);
        assert_eq!(
            fixture.is_in(&kept).await,
            end == 1,
            "the one that was kept, in case {end}"
        );
        assert!(!fixture.is_in(&stolen).await, "it came back in case {end}");
    }
}

/// The next beat may have begun before the session ended, and so not tell of it.
#[tokio::test]
async fn who_was_refused_by_the_store_is_not_let_in_by_the_cache() {
    let fixture = Fixture::new().await;
    let token = fixture.alice().await.token();
    assert!(fixture.is_in(&token).await);
    let cursor = fixture.store.beat(None).await.unwrap().cursor;
    fixture.store.sqlite.lose(token.id()).await;
    fixture.clock.advance(Duration::from_secs(5));
    assert!(!fixture.is_in(&token).await);
    fixture.auth.follow_feed(cursor).await.unwrap();
    assert!(!fixture.is_in(&token).await, "it came back");
}

#[tokio::test]
async fn a_log_out_forgets_a_session_whose_row_is_gone_unannounced() {
    let fixture = Fixture::new().await;
    fixture.alice().await;
    for which in ["sign_out", "revoke"] {
        let (gone, other) = (fixture.log_in().await, fixture.log_in().await);
        assert!(fixture.is_in(&gone.token()).await);
        let id = gone.token().id();
        fixture.store.sqlite.lose(id).await;
        match which {
            "sign_out" => fixture.auth.sign_out(&gone.user).await.unwrap(),
            _ => assert!(matches!(
                fixture.auth.revoke(&other.user, id).await,
                Err(Error::NotFound)
            )),
        }
        assert!(!fixture.is_in(&gone.token()).await, "after {which}");
    }
}

#[tokio::test]
async fn a_log_in_that_hashed_the_old_password_while_it_changed_gets_no_session() {
    let fixture = Fixture::new().await;
    let alice = fixture.alice().await;
    let known = fixture.store.by_id(alice.user.id).await.unwrap().unwrap();
    let (late, new) = fixture
        .auth
        .new_session(Arc::new(known.user), false, &Client::default())
        .unwrap();
    fixture
        .auth
        .change_password(
            &alice.user,
            PASSWORD.into(),
            "another fine long one".into(),
            &Client::default(),
        )
        .await
        .unwrap();
    let opened = fixture
        .auth
        .open_session(new, known.epoch, &Client::default())
        .await;
    assert!(matches!(opened, Err(Error::InvalidCredentials)));
    assert!(!fixture.is_in(&late.token()).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mutation_runs_to_its_end_when_the_caller_goes_away() {
    let fixture = Fixture::new().await;
    for _ in 0..50 {
        let token = fixture
            .auth
            .sign_up(SignUp::new(SessionId::random().to_string(), PASSWORD))
            .await
            .unwrap();
        assert!(fixture.is_in(&token.token()).await);
        // Polled once, so that it has begun, and dropped.
        let mut log_out = Box::pin(fixture.auth.sign_out(&token.user));
        std::future::poll_fn(|cx| {
            let _ = log_out.as_mut().poll(cx);
            std::task::Poll::Ready(())
        })
        .await;
        drop(log_out);
        for _ in 0..1000 {
            if !fixture.is_in(&token.token()).await {
                break;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert!(!fixture.is_in(&token.token()).await);
    }
}

/// Races a request against the revocation of its session, with the answer from the store held back for a while that
/// differs from round to round. Answers how many sessions were alive afterwards.
async fn race(fixture: &Fixture, rounds: u64, revoke: impl AsyncFn(&CurrentUser)) -> usize {
    let mut revived = 0;
    for round in 0..rounds {
        let signed_in = fixture.log_in().await;
        fixture
            .store
            .delay_live
            .store(round % 20 * 100, Ordering::SeqCst);
        fixture
            .store
            .delay_touch
            .store(round % 7 * 300, Ordering::SeqCst);
        fixture.clock.advance(Duration::from_millis(1));
        let (auth, text) = (fixture.auth.clone(), signed_in.token().reveal().to_string());
        let request = tokio::spawn(async move {
            let _ = auth.authenticate(&text).await;
            auth.flush_touches().await;
        });
        tokio::time::sleep(Duration::from_micros(round % 11 * 100)).await;
        revoke(&signed_in.user).await;
        request.await.unwrap();
        fixture.store.delay_live.store(0, Ordering::SeqCst);
        revived += usize::from(fixture.is_in(&signed_in.token()).await);
    }
    revived
}

async fn racing_fixture() -> Fixture {
    let fixture = Fixture::with(|builder| {
        builder
            .limits(SessionLimits {
                touch_interval: Duration::ZERO,
                per_user: 100_000,
                ..SessionLimits::default()
            })
            .staleness(Duration::from_secs(3600))
    })
    .await;
    fixture.alice().await;
    fixture
}

/// Negative test 2.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_in_flight_does_not_revive_a_revoked_session() {
    let fixture = racing_fixture().await;
    let by_id = race(&fixture, 300, async |user| {
        fixture.auth.revoke(user, user.session()).await.unwrap()
    })
    .await;
    let everywhere = race(&fixture, 300, async |user| {
        fixture.auth.revoke_all(user).await.unwrap()
    })
    .await;
    assert_eq!((by_id, everywhere), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_caches_guard_it_would() {
    let fixture = racing_fixture().await;
    fixture
        .auth
        .inner
        .cache
        .guard
        .store(false, Ordering::SeqCst);
    let revived = race(&fixture, 300, async |user| {
        fixture.auth.revoke(user, user.session()).await.unwrap()
    })
    .await;
    assert!(
        revived > 0,
        "the race was never met, so the test above proves nothing"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_touch_that_upserts_it_would() {
    let fixture = racing_fixture().await;
    fixture.store.upserts.store(true, Ordering::SeqCst);
    let revived = race(&fixture, 300, async |user| {
        fixture.auth.revoke(user, user.session()).await.unwrap()
    })
    .await;
    assert!(
        revived > 0,
        "the race was never met, so the test above proves nothing"
    );
}

/// What somebody guessed who does not wait for the answer is counted, so it is written down as well.
#[tokio::test]
async fn a_guess_is_written_down_though_its_sender_hangs_up() {
    let fixture = Fixture::new().await;
    fixture.alice().await;
    fixture.store.delay_name.store(20_000, Ordering::SeqCst);
    let until_counted = async {
        while fixture.store.looked_up.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        refused = fixture.auth.sign_in(SignIn::new("alice", "wrong")) => panic!("{refused:?}"),
        () = until_counted => {}
    }
    let refused = Query {
        event: Some(Event::LogInRefused),
        ..Query::default()
    };
    for _ in 0..200 {
        fixture.auth.flush_audit().await;
        let records = fixture.auth.operator().audit(&refused, 10).await.unwrap();
        if records.len() == 1 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it is in no log");
}

/// A thousand signs are a password; more than that nobody has set, and some imported hashes would be computed from all of it
/// thousands of times.
#[tokio::test]
async fn a_password_that_nobody_can_have_set_is_wrong_at_the_cost_of_one_hash() {
    let fixture = Fixture::new().await;
    let phpass = ImportUser {
        username: "alice".to_owned(),
        password_hash: "$P$E95VZOhPHFgH6tzfBm2F/5zbGOcZS80".to_owned(),
        email: None,
        created_at: None,
        disabled: false,
    };
    let made = fixture.auth.operator().import(&[phpass]).await.unwrap();
    assert_eq!(made, [Imported::Made]);
    let endless = "x".repeat(60_000);
    // Of each that is read as it is come the better part of a gigabyte to digest.
    let guessing = async {
        for _ in 0..8 {
            let guess = fixture.auth.sign_in(SignIn::new("alice", endless.as_str()));
            let refused = guess.await;
            assert!(
                matches!(refused, Err(Error::InvalidCredentials)),
                "{refused:?}"
            );
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(20), guessing).await;
    assert!(in_time.is_ok());
}

#[tokio::test]
async fn the_audit_log_forgets_what_is_older_than_the_retention() {
    let fixture = Fixture::with(|builder| builder.audit_retention(Duration::from_secs(100))).await;
    fixture
        .auth
        .sign_up(SignUp::new("alice", PASSWORD))
        .await
        .unwrap();
    fixture.clock.advance(Duration::from_secs(60));
    fixture
        .auth
        .sign_up(SignUp::new("bob", PASSWORD))
        .await
        .unwrap();
    let operator = fixture.auth.operator();
    let kept = async || operator.audit(&Query::default(), 10).await.unwrap().len();
    fixture.auth.sweep_audit().await;
    assert_eq!(kept().await, 2);
    fixture.clock.advance(Duration::from_secs(60));
    fixture.auth.sweep_audit().await;
    assert_eq!(kept().await, 1);
}

#[tokio::test]
async fn a_sweep_goes_on_until_nothing_expired_is_left() {
    let limits = SessionLimits {
        per_user: 10_000,
        ..SessionLimits::default()
    };
    let fixture = Fixture::with(|builder| builder.limits(limits)).await;
    let alice = fixture.alice().await;
    for _ in 0..1500 {
        let user = Arc::new(User::clone(&alice.user));
        let (_, new) = fixture
            .auth
            .new_session(user, false, &Client::default())
            .unwrap();
        fixture
            .auth
            .open_session(new, 0, &Client::default())
            .await
            .unwrap();
    }
    fixture.clock.advance(Duration::from_secs(13 * 3600));
    fixture.auth.sweep().await;
    assert!(
        fixture
            .store
            .sqlite
            .of_user(alice.user.id)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn contradictory_settings_do_not_open() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("a.db").display());
    let zero = SessionLimits {
        idle: Duration::ZERO,
        ..SessionLimits::default()
    };
    for builder in [
        Auth::builder("http://example.com"),
        Auth::builder("example.com"),
        Auth::builder("http://localhost").limits(zero),
        Auth::builder("http://localhost").argon2(Argon2Params {
            memory_kib: 1,
            passes: 0,
        }),
        Auth::builder("http://localhost").trust_origin("nonsense"),
        Auth::builder("http://localhost").staleness(Duration::ZERO),
    ] {
        let refused = builder.open(&url).await;
        assert!(matches!(refused, Err(OpenError::Config(_))), "{refused:?}");
    }
    assert!(
        !folder.path().join("a.db").exists(),
        "a refused start leaves no file behind"
    );
}

#[tokio::test]
async fn an_idle_limit_of_half_a_minute_works_as_it_is() {
    let limits = SessionLimits {
        idle: Duration::from_secs(30),
        ..SessionLimits::default()
    };
    let fixture = Fixture::with(|builder| builder.limits(limits)).await;
    let alice = fixture.alice().await;
    for _ in 0..3 {
        fixture.pass(Duration::from_secs(20)).await;
        assert!(fixture.is_in(&alice.token()).await, "it is in use");
    }
    fixture.pass(Duration::from_secs(30)).await;
    assert!(!fixture.is_in(&alice.token()).await);
}

#[test]
fn a_wrong_trusted_origin_is_called_by_its_name() {
    let builder = Auth::builder("https://a.example").trust_origin("nonsense");
    let sentence = builder.check().unwrap_err().to_string();
    assert!(
        sentence.contains("trusted origin \"nonsense\"") && !sentence.contains("public URL"),
        "{sentence}"
    );
    assert!(Auth::builder("https://a.example").check().is_ok());
}

/// What is logged on this thread meanwhile.
async fn logged(work: impl Future) -> String {
    #[derive(Clone, Default)]
    struct Log(Arc<std::sync::Mutex<Vec<u8>>>);
    impl std::io::Write for Log {
        fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(line)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let log = Log::default();
    let lines = log.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || lines.clone());
    let _guard = tracing::subscriber::set_default(subscriber.finish());
    work.await;
    let bytes = log.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

async fn open(builder: Builder) {
    let folder = tempfile::tempdir().unwrap();
    let file = format!("sqlite://{}", folder.path().join("a.db").display());
    builder.open(&file).await.unwrap();
}

#[tokio::test]
async fn whatever_was_made_dangerous_is_in_the_log_and_nothing_else_is() {
    let plain = |url| {
        Auth::builder(url).cookie(crate::cookie::CookieSettings {
            insecure_plain_http: true,
            ..Default::default()
        })
    };
    let anything = PasswordPolicy::dangerously_accept_anything();
    let local = || Auth::builder("http://localhost:8000");
    for (builder, word) in [
        (plain("http://a.example"), "insecure_plain_http"),
        (
            local().dangerously_without_csrf_guard(),
            "dangerously_without_csrf_guard",
        ),
        (
            local().password_policy(anything),
            "dangerously_accept_anything",
        ),
    ] {
        let log = logged(open(builder)).await;
        assert!(
            log.contains(word) && log.matches("WARN").count() == 1,
            "{word}: {log}"
        );
    }
    for harmless in [
        local(),
        plain("http://localhost:8000"),
        plain("https://a.example"),
    ] {
        assert_eq!(logged(open(harmless)).await, "");
    }
}

#[tokio::test]
async fn an_expired_session_is_listed_for_nobody() {
    let fixture = Fixture::new().await;
    let alice = fixture.alice().await;
    fixture.pass(Duration::from_secs(13 * 3600)).await;
    let new = fixture.log_in().await;
    let listed = fixture
        .auth
        .operator()
        .sessions(alice.user.id)
        .await
        .unwrap();
    let ids: Vec<_> = listed.iter().map(|session| session.id).collect();
    assert_eq!(ids, [new.token().id()], "to the operator");
    assert_eq!(fixture.auth.sessions(&new.user).await.unwrap(), listed);
}

async fn with_jwts() -> Fixture {
    let settings = JwtSettings::new(crate::jwt::MasterKey::from_bytes([7; 32]));
    Fixture::with(|builder| builder.jwt(settings)).await
}

#[tokio::test]
async fn keys_are_rotated_when_they_are_due_and_deleted_when_they_are_done() {
    let fixture = with_jwts().await;
    let kids = async || {
        fixture.auth.tend_keys().await;
        let keys = fixture.auth.operator().keys().await.unwrap();
        let kid = |key: &KeyInfo| (key.kid.clone(), key.signs);
        keys.iter().map(kid).collect::<Vec<_>>()
    };
    let first = kids().await;
    assert_eq!((first.len(), first[0].1), (1, true));
    fixture.clock.advance(Duration::from_secs(29 * 24 * 3600));
    assert_eq!(kids().await, first, "it is not time yet");
    fixture.clock.advance(Duration::from_secs(24 * 3600));
    let both = kids().await;
    assert_eq!(
        (both.len(), &both[0]),
        (2, &first[0]),
        "the next one is published and waits"
    );
    assert_eq!(kids().await, both, "one is enough");
    fixture.clock.advance(Duration::from_secs(12 * 60));
    assert_eq!(kids().await[1], (both[1].0.clone(), true), "now it signs");
    fixture.clock.advance(Duration::from_secs(3600));
    assert_eq!(
        kids().await,
        [(both[1].0.clone(), true)],
        "the old one is gone"
    );
}

/// The attack: whoever could have a token made for us would put it into the cookie.
#[tokio::test]
async fn a_token_without_a_generation_is_no_access_token() {
    let fixture = with_jwts().await;
    let (alice, now) = (fixture.alice().await.user, fixture.clock.now());
    let (whose, until) = (
        (alice.id, alice.session()),
        now.after(Duration::from_secs(60)),
    );
    let jwt = fixture.auth.jwt().unwrap();
    for (whom, is_good) in [
        (For::Us(0), true),
        (For::Service("http://localhost:8000"), false),
    ] {
        let token = jwt.sign(whose, whom, until, now).unwrap();
        let checked = fixture.auth.authenticate(token.reveal()).await;
        assert_eq!(checked.is_ok(), is_good, "{checked:?}");
    }
}

/// The loop itself is tested, for which a minute passes at once; what it then writes takes real time.
#[tokio::test]
async fn every_minute_sessions_are_swept_and_keys_are_tended() {
    let fixture = with_jwts().await;
    let alice = fixture.alice().await.user.id;
    fixture.clock.advance(Duration::from_secs(30 * 24 * 3600));
    let left = async || {
        let sessions = fixture.store.sqlite.of_user(alice).await.unwrap();
        let keys = fixture.store.sqlite.keys().await.unwrap();
        (sessions.len(), keys.len())
    };
    assert_eq!(left().await, (1, 1));
    tokio::time::pause();
    tokio::time::sleep(Duration::from_secs(60)).await;
    tokio::time::resume();
    let tended = async {
        while left().await != (0, 2) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let tended = tokio::time::timeout(Duration::from_secs(10), tended).await;
    assert!(tended.is_ok(), "sessions and keys: {:?}", left().await);
}

/// Two processes that start on an empty store at once must not sign with keys that the other does not know.
#[tokio::test(flavor = "multi_thread")]
async fn those_who_start_at_once_agree_on_one_key() {
    let fixture = Fixture::new().await;
    let open = || {
        let settings = JwtSettings::new(crate::jwt::MasterKey::from_bytes([7; 32]));
        let builder = Auth::builder("http://localhost:8000").clock(fixture.clock.clone());
        let store = fixture.store.clone();
        tokio::spawn(async move { builder.jwt(settings).open_with(store).await.unwrap() })
    };
    let mut kids = std::collections::BTreeSet::new();
    for opening in [open(), open(), open(), open()] {
        let auth = opening.await.unwrap();
        let keys = auth.jwks().await.unwrap().unwrap().keys;
        kids.extend(keys.into_iter().map(|key| key.kid));
    }
    assert_eq!(kids.len(), 1, "{kids:?}");
}

/// While the answer is that nobody knows, the log says no more.
#[tokio::test]
async fn a_theft_is_in_the_log_once_its_session_has_ended() {
    let fixture = with_jwts().await;
    let first = fixture.alice().await.refresh();
    let second = fixture.auth.refresh(&first).await.unwrap().refresh();
    fixture.auth.refresh(&second).await.unwrap();
    fixture.clock.advance(Duration::from_secs(60));
    fixture.store.ends_nothing.store(true, Ordering::SeqCst);
    let log = logged(async {
        let unknown = fixture.auth.refresh(&first).await;
        assert!(matches!(unknown, Err(Error::Unavailable(_))), "{unknown:?}");
    });
    assert!(!log.await.contains("refresh_token_reused"));
    fixture.store.ends_nothing.store(false, Ordering::SeqCst);
    let log = logged(async {
        let theft = fixture.auth.refresh(&first).await;
        assert!(matches!(theft, Err(Error::NotAuthenticated)), "{theft:?}");
    });
    assert!(log.await.contains("refresh_token_reused"));
    let thefts = Query {
        event: Some(Event::RefreshTokenReused),
        ..Query::default()
    };
    let records = fixture.auth.operator().audit(&thefts, 10).await.unwrap();
    let by_operator: Vec<_> = records
        .iter()
        .map(|(_, record)| record.by_operator)
        .collect();
    assert_eq!(by_operator, [false]);
}

/// A log-out and refreshes race; whoever wins, nothing is good afterwards.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_refresh_in_flight_outlives_a_log_out() {
    let fixture = with_jwts().await;
    fixture.alice().await;
    let (mut won, mut lost) = (0, 0);
    for round in 0..100 {
        let signed_in = fixture.log_in().await;
        let Tokens::Jwt { refresh, .. } = signed_in.tokens else {
            panic!("the JWT strategy makes JWTs");
        };
        let refreshing = (0..3).map(|_| {
            let (auth, token) = (fixture.auth.clone(), refresh.reveal());
            tokio::spawn(async move { auth.refresh(token.as_bytes()).await.ok() })
        });
        let refreshing: Vec<_> = refreshing.collect();
        // At once the log-out wins most times; a moment later, the refreshes do.
        if round % 2 == 1 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        fixture.auth.sign_out(&signed_in.user).await.unwrap();
        for renewed in refreshing {
            let Some(renewed) = renewed.await.unwrap() else {
                lost += 1;
                continue;
            };
            won += 1;
            let Tokens::Jwt { access, refresh } = renewed.tokens else {
                panic!("the JWT strategy makes JWTs");
            };
            assert!(fixture.auth.authenticate(access.reveal()).await.is_err());
            assert!(
                fixture
                    .auth
                    .refresh(refresh.reveal().as_bytes())
                    .await
                    .is_err()
            );
        }
    }
    assert!(
        won > 0 && lost > 0,
        "the race was never met: {won} refreshes won it and {lost} lost it"
    );
}

/// Neither a fault nor a full queue is a failure of whoever wanted to log in.
#[tokio::test]
async fn what_was_not_tried_to_its_end_is_not_counted() {
    let fixture = Fixture::new().await;
    fixture.alice().await;
    let log_in = || fixture.auth.sign_in(SignIn::new("alice", PASSWORD));
    for _ in 0..20 {
        let full = fixture.auth.fill_the_queue_for_strangers();
        assert!(matches!(log_in().await, Err(Error::Overloaded { .. })));
        drop(full);
        fixture.store.finds_nobody.store(true, Ordering::SeqCst);
        assert!(matches!(log_in().await, Err(Error::Unavailable(_))));
        fixture.store.finds_nobody.store(false, Ordering::SeqCst);
        fixture.store.opens_nothing.store(true, Ordering::SeqCst);
        assert!(matches!(log_in().await, Err(Error::Unavailable(_))));
        fixture.store.opens_nothing.store(false, Ordering::SeqCst);
    }
    log_in().await.unwrap();
}
