use std::pin::Pin;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use lockjar_testing::{PgBouncer, Postgres as Server};
use sqlx::Connection as _;

use super::*;
use crate::clock::Timestamp;
use crate::password::PasswordHash;
use crate::store::conformance::at;
use crate::store::{
    Beat, By, Change, Cursor, Feed, Outcome, PasswordChange, Sessions, Users, Which, conformance,
};

/// One for all tests here, each of which has a database of its own.
fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(Server::start)
}

fn fresh() -> (String, String) {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let name = format!("db{}", NUMBER.fetch_add(1, Ordering::SeqCst));
    let url = server().database(&name);
    (name, url)
}

async fn open(url: &str) -> PostgresStore {
    PostgresStore::open(PostgresSettings::new(url).unwrap())
        .await
        .unwrap()
}

async fn a_user(store: &PostgresStore) -> UserId {
    conformance::user(store, "alice").await
}

async fn end_all(store: &PostgresStore, user: UserId, now: Timestamp) {
    let ended = store.end(user, Which::All, By::Operator, now).await;
    assert!(matches!(ended.unwrap(), Outcome::Done(_)));
}

type Making<'a> = Pin<Box<dyn Future<Output = Arc<dyn Store>> + 'a>>;

#[tokio::test(flavor = "multi_thread")]
async fn postgres_keeps_the_contract() {
    let make =
        || Box::pin(async { Arc::new(open(&fresh().1).await) as Arc<dyn Store> }) as Making<'_>;
    conformance::check(&make).await;
}

/// Two connections for all, so that nearly every transaction runs where another's was before.
#[tokio::test(flavor = "multi_thread")]
async fn postgres_keeps_the_contract_behind_a_pooler_in_transaction_mode() {
    let pooler = PgBouncer::start(server());
    let make = || {
        Box::pin(async {
            let (name, url) = fresh();
            let settings = PostgresSettings::new(&pooler.url_of(&name)).unwrap();
            let settings = settings.wake_url(&url).unwrap();
            Arc::new(PostgresStore::open(settings).await.unwrap()) as Arc<dyn Store>
        }) as Making<'_>
    };
    conformance::check(&make).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pooler_alone_passes_on_every_change() {
    let pooler = PgBouncer::start(server());
    let (name, _) = fresh();
    let store = open(&pooler.url_of(&name)).await;
    let user = a_user(&store).await;
    let start = store.beat(None).await.unwrap();
    end_all(&store, user, at(1)).await;
    let mut beat = store.beat(Some(start.cursor)).await.unwrap();
    assert_eq!(beat.changes, Some(vec![Change::User(user)]));
    // Each look may be answered by another backend than the one before.
    for _ in 0..20 {
        beat = store.beat(Some(beat.cursor)).await.unwrap();
        assert_eq!(beat.changes, Some(Vec::new()), "nothing is told twice");
    }
}

/// A look that is thought to be dear is compiled first, which takes a hundred times as long, each time anew.
#[tokio::test]
async fn a_look_at_the_feed_is_cheap_to_the_planner_before_it_has_statistics() {
    let (name, url) = fresh();
    let store = open(&url).await;
    let since = Some(at(1));
    for (cursor, since) in [
        (None, None),
        (Some(Cursor(1)), None),
        (Some(Cursor(1)), since),
    ] {
        let plan = server().query(
            &name,
            &format!("EXPLAIN {}", feed::statement(cursor, since)),
        );
        let cost = plan
            .split("..")
            .nth(1)
            .and_then(|rest| rest.split(' ').next());
        let cost: f64 = cost.and_then(|cost| cost.parse().ok()).unwrap();
        assert!(cost < 1000.0, "{plan}");
    }
    let mut tx = store.read("asking for a setting").await.unwrap();
    let (jit,): (String,) = query_as("SELECT current_setting('jit')")
        .fetch_one(&mut *tx)
        .await
        .unwrap();
    assert_eq!(jit, "off");
}

/// What listens behind a pooler makes the pooler's next borrower fail.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_listens_behind_a_pooler() {
    let pooler = PgBouncer::start(server());
    let (name, url) = fresh();
    let direct = options(&url).unwrap();
    let pooled = options(&pooler.url_of(&name)).unwrap();
    assert!(!wake::is_pooled(&direct).await.unwrap());
    assert!(wake::is_pooled(&pooled).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_nodes_may_start_at_once_on_an_empty_database() {
    let (_, url) = fresh();
    let starting: Vec<_> = (0..10)
        .map(|_| {
            let url = url.clone();
            tokio::spawn(async move { open(&url).await.beat(None).await })
        })
        .collect();
    for started in starting {
        started.await.unwrap().unwrap();
    }
}

/// What a transaction that began early and commits late writes, is behind what others read meanwhile.
#[tokio::test]
async fn a_transaction_that_commits_late_is_not_skipped() {
    let (_, url) = fresh();
    let store = open(&url).await;
    let user = a_user(&store).await;
    let mut late = PgConnection::connect(&url).await.unwrap();
    let early = UserId::random();
    let begun = format!(
        "BEGIN; INSERT INTO lockjar.changes (user_id, at) VALUES ('\\x{}', 0)",
        hex(&early)
    );
    pool::execute(&mut late, &begun).await.unwrap();
    let start = store.beat(None).await.unwrap();
    end_all(&store, user, at(1)).await;
    let first = store.beat(Some(start.cursor)).await.unwrap();
    assert_eq!(first.changes, Some(vec![Change::User(user)]));
    let same = store.beat(Some(first.cursor)).await.unwrap();
    assert_eq!(same.changes, Some(Vec::new()), "nothing is told twice");
    pool::execute(&mut late, "COMMIT").await.unwrap();
    let second = store.beat(Some(same.cursor)).await.unwrap();
    assert_eq!(second.changes, Some(vec![Change::User(early)]));
}

fn hex(user: &UserId) -> String {
    user.as_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[tokio::test]
async fn a_cursor_whose_rows_were_swept_is_told_of_the_gap() {
    let (_, url) = fresh();
    let store = open(&url).await;
    let user = a_user(&store).await;
    let start = store.beat(None).await.unwrap();
    end_all(&store, user, at(1)).await;
    let days = Duration::from_secs(10 * 24 * 3600);
    store.sweep(at(1).after(days), days).await.unwrap();
    let beat = store.beat(Some(start.cursor)).await.unwrap();
    assert_eq!(beat.changes, None);
    // The horizon is that of all databases on the server, and passes what was swept once they have all moved on.
    let mut beat = store.beat(Some(beat.cursor)).await.unwrap();
    while beat.changes.is_none() {
        beat = store.beat(Some(beat.cursor)).await.unwrap();
    }
    assert_eq!(beat.changes, Some(Vec::new()));
}

#[tokio::test]
async fn a_sweep_that_left_old_changes_says_so() {
    let (name, url) = fresh();
    let store = open(&url).await;
    server().query(
        &name,
        "INSERT INTO lockjar.changes (user_id, at) SELECT '\\x00', 0 FROM generate_series(1, 10001)",
    );
    let days = Duration::from_secs(10 * 24 * 3600);
    let is_full = || async { store.sweep(at(1).after(days), days).await.unwrap().is_full };
    assert!(is_full().await);
    assert!(!is_full().await);
    let left = server().query(&name, "SELECT count(*) FROM lockjar.changes");
    assert_eq!(left, "0");
}

#[tokio::test]
async fn another_store_under_the_same_address_is_noticed() {
    let (name, url) = fresh();
    let store = open(&url).await;
    let start = store.beat(None).await.unwrap();
    server().query(
        &name,
        "UPDATE lockjar.store SET id = decode(repeat('ab', 16), 'hex')",
    );
    let beat = store.beat(Some(start.cursor)).await.unwrap();
    assert_eq!(beat.changes, None, "nothing remembered of the other counts");
}

/// As after a failover to a server that was behind.
#[tokio::test]
async fn a_horizon_that_went_back_is_a_gap() {
    let (_, url) = fresh();
    let store = open(&url).await;
    let start = store.beat(None).await.unwrap();
    let ahead = crate::store::Cursor(start.cursor.0 + 1_000_000);
    assert_eq!(store.beat(Some(ahead)).await.unwrap().changes, None);
}

#[tokio::test]
async fn times_are_the_stores() {
    let (_, url) = fresh();
    let Beat { time, .. } = open(&url).await.beat(None).await.unwrap();
    let here = crate::clock::Clock::now(&crate::clock::SystemClock);
    assert!(time.unwrap().since(here) + here.since(time.unwrap()) < Duration::from_secs(5));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_parallel_password_changes_on_two_nodes_one_is_made() {
    let (_, url) = fresh();
    let nodes = [Arc::new(open(&url).await), Arc::new(open(&url).await)];
    let user = a_user(&nodes[0]).await;
    let changing: Vec<_> = (0..20)
        .map(|number| {
            let node = Arc::clone(&nodes[number % 2]);
            let change = PasswordChange {
                user,
                by: By::Operator,
                epoch: Some(0),
                hash: PasswordHash::from_phc(format!("hash {number}")),
                session: None,
                now: at(1),
            };
            tokio::spawn(async move { node.set_password(&change).await.unwrap() })
        })
        .collect();
    let mut made = 0;
    for change in changing {
        made += usize::from(matches!(change.await.unwrap(), Outcome::Done(_)));
    }
    assert_eq!(made, 1);
    assert_eq!(nodes[0].by_id(user).await.unwrap().unwrap().epoch, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_is_woken_by_what_ends_on_another() {
    let (_, url) = fresh();
    let (here, there) = (open(&url).await, open(&url).await);
    let user = a_user(&there).await;
    // The first says that it listens now.
    timeout(Duration::from_secs(10), here.woken())
        .await
        .unwrap();
    end_all(&there, user, at(1)).await;
    timeout(Duration::from_secs(10), here.woken())
        .await
        .unwrap();
}

#[tokio::test]
async fn a_newer_schema_is_lived_with_until_it_says_that_it_cannot_be() {
    let (name, url) = fresh();
    let running = open(&url).await;
    let start = running.beat(None).await.unwrap();
    // Expanding: there is more than this program knows of.
    server().query(
        &name,
        "INSERT INTO lockjar.migrations VALUES (9999, 'later')",
    );
    server().query(&name, "ALTER TABLE lockjar.users ADD COLUMN later TEXT");
    let beat = running.beat(Some(start.cursor)).await.unwrap();
    a_user(&open(&url).await).await;
    // Contracting.
    server().query(&name, "UPDATE lockjar.store SET requires = 9999");
    let refused = running.beat(Some(beat.cursor)).await.unwrap_err();
    assert!(refused.to_string().contains("9999"), "{refused}");
    let settings = PostgresSettings::new(&url).unwrap();
    let refused = PostgresStore::open(settings).await.err().unwrap();
    assert!(refused.to_string().contains("9999"), "{refused}");
}

#[tokio::test]
async fn a_migration_that_was_edited_is_refused() {
    let (name, url) = fresh();
    open(&url).await;
    server().query(&name, "UPDATE lockjar.migrations SET checksum = 'other'");
    let settings = PostgresSettings::new(&url).unwrap();
    let refused = PostgresStore::open(settings).await.err().unwrap();
    assert!(refused.to_string().contains("migration 1"), "{refused}");
}

#[tokio::test]
async fn a_server_that_may_forget_what_it_acknowledged_is_refused() {
    for (setting, word) in [
        ("fsync=off", "fsync"),
        ("synchronous_commit=off", "synchronous"),
    ] {
        let server = Server::start_with(&[setting]);
        let settings = PostgresSettings::new(&server.url()).unwrap();
        let refused = PostgresStore::open(settings).await.err().unwrap();
        assert!(refused.to_string().contains(word), "{refused}");
    }
}

/// Numbers that transactions took but never brought to disk are given again after a crash. What takes them lies before the
/// cursor of a reader that saw them the first time.
#[tokio::test(flavor = "multi_thread")]
async fn a_crash_that_takes_transaction_numbers_back_hides_nothing() {
    async fn take_numbers(url: &str, count: usize) {
        let mut connection = PgConnection::connect(url).await.unwrap();
        let take = "BEGIN; SELECT pg_current_xact_id(); ROLLBACK; ".repeat(count);
        pool::execute(&mut connection, &take).await.unwrap();
    }
    // Nothing of the server's own brings the numbers to disk, nor do they themselves as long as they fit into one page of its
    // log, the first of a new file.
    let server = Server::start_with(&[
        "wal_writer_delay=10000",
        "checkpoint_timeout=3600",
        "autovacuum=off",
        "wal_level=minimal",
        "max_wal_senders=0",
    ]);
    let (reader, writer) = (open(&server.url()).await, open(&server.url()).await);
    let user = a_user(&writer).await;
    let start = reader.beat(None).await.unwrap();
    server.query("lockjar", "SELECT pg_switch_wal()");
    take_numbers(&server.url(), 100).await;
    let seen = reader.beat(Some(start.cursor)).await.unwrap();
    server.kill_9();
    server.restart();
    end_all(&writer, user, seen.time.unwrap()).await;
    let number: i64 = server
        .query(
            "lockjar",
            "SELECT max(xid::text::bigint) FROM lockjar.changes",
        )
        .trim()
        .parse()
        .unwrap();
    assert!(number < seen.cursor.0, "no number was taken back");
    take_numbers(&server.url(), 600).await;
    let lost = reader.beat(Some(seen.cursor)).await;
    assert!(lost.is_err(), "its connection went with the server");
    let beat = reader.beat(Some(seen.cursor)).await.unwrap();
    assert!(beat.cursor > seen.cursor, "the horizon has moved on");
    let told = beat
        .changes
        .is_none_or(|changes| changes.contains(&Change::User(user)));
    assert!(told, "a revocation was missed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_frozen_and_back_needs_no_restart_of_ours() {
    let server = Server::start();
    let store = Arc::new(open(&server.url()).await);
    let user = a_user(&store).await;
    let start = store.beat(None).await.unwrap();
    let busy = |times: usize| {
        let asking: Vec<_> = (0..times)
            .map(|_| {
                let store = Arc::clone(&store);
                tokio::spawn(async move { store.by_id(user).await.is_ok() })
            })
            .collect();
        async move {
            let mut fine = 0;
            for asked in asking {
                fine += usize::from(asked.await.unwrap());
            }
            fine
        }
    };
    assert_eq!(busy(40).await, 40);
    server.freeze();
    assert_eq!(busy(40).await, 0, "nobody is told what is not known");
    server.thaw();
    assert_eq!(busy(40).await, 40, "what hung is not used again");
    server.kill_9();
    assert_eq!(busy(40).await, 0);
    assert!(store.beat(Some(start.cursor)).await.is_err());
    server.restart();
    assert_eq!(busy(40).await, 40);
    store.beat(Some(start.cursor)).await.unwrap();
}

#[tokio::test]
async fn a_closed_store_answers_nothing() {
    let (_, url) = fresh();
    let store = open(&url).await;
    store.close().await;
    assert!(store.beat(None).await.is_err() && store.by_name("alice").await.is_err());
}

#[test]
fn an_address_that_cannot_be_used_is_refused_without_its_password() {
    let shown = PostgresSettings::new("postgres://me:s3cret@db.example:5433/x").unwrap();
    assert_eq!(shown.to_string(), "postgres://db.example:5433/x");
    assert_eq!(format!("{shown:?}"), "postgres://db.example:5433/x");
    for url in [
        "mysql://me:s3cret@localhost/x",
        "postgres://me:s3cret@localhost:port/x",
        "postgres://me:s3cret@localhost/x?options=-csynchronous_commit%3Doff",
        "postgres://me:s3cret@localhost/x?sslmode=maybe",
        "postgres://me@localhost/x?pasword=s3cret",
        "postgres://me@localhost/x?s3cret",
        "postgres://me:half?s3cret=half@localhost/x",
    ] {
        let sentence = PostgresSettings::new(url).err().unwrap().to_string();
        assert!(!sentence.contains("s3cret"), "{sentence}");
    }
}

#[tokio::test]
async fn what_counts_nothing_any_longer_is_swept() {
    sweeping::names_that_nobody_has_make_way(&open(&fresh().1).await).await;
    sweeping::one_time_tokens_that_have_expired_go(&open(&fresh().1).await).await;
}
