use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use lockjar_testing::Postgres;

use super::*;
use crate::clock::Timestamp;
use crate::id::{SessionId, UserId};
use crate::password::PasswordHash;
use crate::session::{NewSession, Session};
use crate::store::postgres::PostgresStore;
use crate::store::sqlite::SqliteStore;
use crate::store::{
    Attempt, By, Counted, Feed, ImportedUser, NewSignIn, NewUser, Sessions as _, Store as _,
    StoredKey, Success, Throttles as _, Users as _, Which,
};
use crate::store::{Keys as _, Refreshes as _};
use crate::throttle::PER_DEVICE;
use crate::token::HashedSecret;
use crate::user::Username;

fn server() -> &'static Postgres {
    static SERVER: OnceLock<Postgres> = OnceLock::new();
    SERVER.get_or_init(Postgres::start)
}

fn fresh() -> (String, PostgresSettings) {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let name = format!("copy{}", NUMBER.fetch_add(1, Ordering::SeqCst));
    let url = server().database(&name);
    (name, PostgresSettings::new(&url).unwrap())
}

fn url(folder: &Path) -> String {
    format!("sqlite://{}", folder.join("a.db").display())
}

fn a_session(user: UserId) -> NewSession {
    let session = Session {
        id: SessionId::random(),
        user,
        created_at: Timestamp::from_millis(1),
        last_seen_at: Timestamp::from_millis(1),
        expires_at: Timestamp::from_millis(i64::MAX / 2),
        remember: true,
        user_agent: Some("a browser".to_owned()),
    };
    NewSession {
        session,
        secret: HashedSecret::from_bytes([7; 32]),
        refresh: None,
    }
}

/// An account and its session.
async fn sign_up(store: &SqliteStore, name: &str) -> (UserId, SessionId) {
    let user = NewUser {
        id: UserId::random(),
        name: Username::parse(name).unwrap(),
        email: Some(format!("{name}@example.com")),
        hash: PasswordHash::from_phc("hash".to_owned()),
        created_at: Timestamp::from_millis(1),
    };
    let session = a_session(user.id);
    assert!(store.create(&user, Some(&session)).await.unwrap());
    (user.id, session.session.id)
}

async fn log_in(store: &SqliteStore, user: UserId) -> SessionId {
    let log_in = NewSignIn {
        new: a_session(user),
        epoch: 0,
        replaces: None,
        per_user: 100,
    };
    store.open(&log_in).await.unwrap();
    log_in.new.session.id
}

fn on_device(token: HashedSecret, name: &str) -> Attempt {
    Attempt {
        counters: Vec::new(),
        name: Some(name.to_owned()),
        device: Some(token),
        at: Timestamp::from_millis(1),
    }
}

/// Logs in on a device, which shows a token or none.
async fn know_device(
    store: &SqliteStore,
    user: UserId,
    shown: Option<HashedSecret>,
) -> HashedSecret {
    let fresh = HashedSecret::from_bytes(crate::id::random());
    let success = Success {
        user,
        epoch: 0,
        fresh,
    };
    let attempt = on_device(shown.unwrap_or(fresh), "whoever");
    store
        .succeed(&attempt, Counted::Stranger, &success)
        .await
        .unwrap();
    fresh
}

async fn end(store: &SqliteStore, user: UserId, which: Which) {
    let ended = store.end(user, which, By::Operator, Timestamp::default());
    ended.await.unwrap();
}

async fn run(copy: &mut Copy) -> Result<Copied> {
    copy.run(Duration::ZERO, &mut |_| {}).await
}

/// A source with alice and bob in it, and a copy to a database of its own.
struct Moving {
    folder: tempfile::TempDir,
    store: SqliteStore,
    alice: (UserId, SessionId),
    bob: (UserId, SessionId),
    name: String,
    settings: PostgresSettings,
    copy: Copy,
}

impl Moving {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&url(folder.path())).await.unwrap();
        let (alice, bob) = (sign_up(&store, "alice").await, sign_up(&store, "bob").await);
        let (name, settings) = fresh();
        let copy = Copy::open(&url(folder.path()), settings.clone())
            .await
            .unwrap();
        Self {
            folder,
            store,
            alice,
            bob,
            name,
            settings,
            copy,
        }
    }

    async fn another(&self, to: &PostgresSettings) -> Copy {
        let from = url(self.folder.path());
        Copy::open(&from, to.clone()).await.unwrap()
    }
}

#[tokio::test]
async fn whatever_is_written_between_the_steps_arrives() {
    let mut moving = Moving::new().await;
    let (copy, store) = (&mut moving.copy, &moving.store);
    assert!(copy.begin().await.unwrap());
    let (carol, carols) = sign_up(store, "carol").await;
    let device = know_device(store, moving.bob.0, None).await;
    copy.copy(&mut |_| {}).await.unwrap();
    // A device that gets another token, since somebody else logged in on it, and fails.
    let shared = know_device(store, carol, Some(device)).await;
    let guess = on_device(shared, "bob");
    assert_eq!(store.count(&guess).await.unwrap(), Counted::Device);
    // A name that somebody had whose row has arrived, an ended session, a new one, a password, a key.
    let (alice, alices) = moving.alice;
    store.delete(alice, Timestamp::default()).await.unwrap();
    let (another, anothers) = sign_up(store, "alice").await;
    end(store, moving.bob.0, Which::One(moving.bob.1)).await;
    let bobs = log_in(store, moving.bob.0).await;
    let seen = Timestamp::from_millis(99);
    store.touch(&[(carols, seen)]).await.unwrap();
    let [old, new] = ["hash", "stronger"].map(|hash| PasswordHash::from_phc(hash.to_owned()));
    assert!(store.rehash(carol, &old, &new).await.unwrap());
    let key = StoredKey {
        kid: "k".to_owned(),
        algorithm: "EdDSA".to_owned(),
        sealed: vec![1],
        created_at: seen,
        signs_from: seen,
        revoked_at: None,
    };
    let keys = [key];
    assert!(store.set_keys(&[], &keys, seen).await.unwrap());
    let counts = match run(copy).await.unwrap() {
        Copied::All(counts) => counts,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        counts.to_string(),
        "3 accounts, 3 sessions, 0 refresh chains, 1 signing keys and 2 known devices"
    );
    let target = PostgresStore::open(moving.settings).await.unwrap();
    for _ in 1..PER_DEVICE {
        assert_eq!(target.count(&guess).await.unwrap(), Counted::Device);
    }
    assert_eq!(target.count(&guess).await.unwrap(), Counted::Stranger);
    assert_eq!(
        target.count(&on_device(device, "bob")).await.unwrap(),
        Counted::Stranger
    );
    for (session, lives) in [
        (alices, false),
        (moving.bob.1, false),
        (anothers, true),
        (bobs, true),
    ] {
        assert_eq!(target.live(session).await.unwrap().is_some(), lives);
    }
    assert_eq!(
        target.by_name("alice").await.unwrap().unwrap().user.id,
        another
    );
    assert_eq!(
        target.by_id(carol).await.unwrap().unwrap().hash.as_phc(),
        "stronger"
    );
    let live = target.live(carols).await.unwrap().unwrap();
    assert_eq!(live.session.last_seen_at, seen);
    assert_eq!(target.keys().await.unwrap(), keys);
}

fn imported(name: &str, scheme: &str) -> ImportedUser {
    ImportedUser {
        user: NewUser {
            id: UserId::random(),
            name: Username::parse(name).unwrap(),
            email: None,
            hash: PasswordHash::from_phc("imported".to_owned()),
            created_at: Timestamp::from_millis(1),
        },
        scheme: scheme.to_owned(),
        disabled_at: None,
        counter: [0; 16],
    }
}

#[tokio::test]
async fn the_schemes_of_imported_hashes_come_along_whenever_they_came() {
    let mut moving = Moving::new().await;
    let (copy, store) = (&mut moving.copy, &moving.store);
    store
        .import(&[imported("dave", "bcrypt 12")])
        .await
        .unwrap();
    assert!(copy.begin().await.unwrap());
    copy.copy(&mut |_| {}).await.unwrap();
    store
        .import(&[imported("erin", "phpass 13")])
        .await
        .unwrap();
    assert!(matches!(run(copy).await.unwrap(), Copied::All(_)));
    assert!(moving.store.hash_schemes().await.is_err(), "it is fenced");
    let target = PostgresStore::open(moving.settings).await.unwrap();
    assert_eq!(
        target.hash_schemes().await.unwrap(),
        ["bcrypt 12", "phpass 13"]
    );
    assert!(target.by_name("erin").await.unwrap().is_some());
}

#[tokio::test]
async fn what_changes_again_after_it_was_read_stays_noted() {
    let mut moving = Moving::new().await;
    let (copy, store) = (&mut moving.copy, &moving.store);
    copy.begin().await.unwrap();
    copy.copy(&mut |_| {}).await.unwrap();
    let session = log_in(store, moving.alice.0).await;
    let batch = copy.source.changes().await.unwrap();
    assert_eq!(batch.len(), 1);
    end(store, moving.alice.0, Which::One(session)).await;
    copy.target.follow(&batch.gone, &batch.rows).await.unwrap();
    let target = copy.target.id().await.unwrap();
    copy.source.arrived(&batch, target).await.unwrap();
    assert_eq!(copy.source.changes().await.unwrap().len(), 1);
    assert!(matches!(run(copy).await.unwrap(), Copied::All(_)));
    let target = PostgresStore::open(moving.settings).await.unwrap();
    assert!(target.live(session).await.unwrap().is_none());
    assert!(target.live(moving.alice.1).await.unwrap().is_some());
}

#[tokio::test]
async fn a_row_that_differs_keeps_the_target_closed_until_it_is_copied_again() {
    for (altered, table) in [
        (
            "UPDATE lockjar.filling_users SET password_hash = 'mine'",
            Table::Users,
        ),
        (
            "UPDATE lockjar.filling_sessions SET expires_at = expires_at + 1",
            Table::Sessions,
        ),
        ("DELETE FROM lockjar.filling_sessions", Table::Sessions),
        (
            "INSERT INTO lockjar.filling_keys VALUES ('k', 'EdDSA', '', 1, 1, NULL)",
            Table::Keys,
        ),
    ] {
        let mut moving = Moving::new().await;
        moving.copy.begin().await.unwrap();
        moving.copy.copy(&mut |_| {}).await.unwrap();
        server().query(&moving.name, altered);
        assert_eq!(run(&mut moving.copy).await.unwrap(), Copied::Differs(table));
        let closed = PostgresStore::open(moving.settings.clone()).await.err();
        assert!(closed.unwrap().to_string().contains("being filled"));
        // All is still behind the fence: an empty database of the same address takes it.
        drop(server().database(&moving.name));
        let mut again = moving.another(&moving.settings).await;
        assert!(matches!(run(&mut again).await.unwrap(), Copied::All(_)));
        let target = PostgresStore::open(moving.settings).await.unwrap();
        assert!(target.live(moving.bob.1).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn once_the_target_may_have_opened_the_source_is_copied_nowhere_again() {
    let mut moving = Moving::new().await;
    assert!(matches!(
        run(&mut moving.copy).await.unwrap(),
        Copied::All(_)
    ));
    drop(server().database(&moving.name));
    let mut again = moving.another(&moving.settings).await;
    let refused = run(&mut again).await.unwrap_err();
    assert!(
        refused.to_string().contains("copied nowhere else"),
        "{refused}"
    );
}

#[tokio::test]
async fn of_two_copies_the_later_goes_on_and_the_earlier_stops() {
    let mut moving = Moving::new().await;
    moving.copy.begin().await.unwrap();
    let mut later = moving.another(&moving.settings).await;
    later.begin().await.unwrap();
    let stopped = moving.copy.copy(&mut |_| {}).await.unwrap_err();
    assert!(stopped.to_string().contains("taken over"), "{stopped}");
    // And to another target: what is noted is noted for one.
    let (_, elsewhere) = fresh();
    let mut other = moving.another(&elsewhere).await;
    other.begin().await.unwrap();
    later.copy(&mut |_| {}).await.unwrap();
    let stopped = later.fence(&mut |_| {}).await.unwrap_err();
    assert!(stopped.to_string().contains("has begun"), "{stopped}");
    // Whichever is begun again begins at the beginning.
    log_in(&moving.store, moving.bob.0).await;
    other.copy(&mut |_| {}).await.unwrap();
    let mut last = moving.another(&moving.settings).await;
    assert!(matches!(run(&mut last).await.unwrap(), Copied::All(_)));
}

/// A process that was frozen since before the fence, or an older Lockjar's, asks nothing of `store`.
#[tokio::test]
async fn no_statement_of_anybody_finds_a_table_behind_the_fence() {
    let mut moving = Moving::new().await;
    let start = moving.store.beat(None).await.unwrap();
    assert!(matches!(
        run(&mut moving.copy).await.unwrap(),
        Copied::All(_)
    ));
    let store = &moving.store;
    let (user, session) = moving.alice;
    assert!(store.live(session).await.is_err());
    assert!(store.by_name("alice").await.is_err());
    assert!(store.chain(session).await.is_err());
    let ended = store.end(user, Which::All, By::Operator, Timestamp::default());
    let refused = ended.await.unwrap_err().to_string();
    assert!(
        refused.contains("moved to postgres://127.0.0.1"),
        "{refused}"
    );
    let told = store.beat(Some(start.cursor)).await.unwrap();
    assert_eq!(told.changes, None, "what was remembered is forgotten");
    for _ in 0..2 {
        assert!(
            store.beat(Some(told.cursor)).await.is_err(),
            "and no longer believed"
        );
    }
    store.close().await;
    let refused = SqliteStore::open(&url(moving.folder.path())).await.err();
    assert!(refused.unwrap().to_string().contains("was moved"));
}
