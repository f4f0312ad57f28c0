use std::pin::Pin;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use lockjar_testing::{Postgres, Redis};

use super::*;
use crate::session::Session;
use crate::store::conformance::{Expired, at, user};
use crate::store::postgres::PostgresSettings;
use crate::store::{By, Sessions, Which, conformance};

fn postgres() -> &'static Postgres {
    static SERVER: OnceLock<Postgres> = OnceLock::new();
    SERVER.get_or_init(Postgres::start)
}

fn database() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    postgres().database(&format!(
        "with_redis{}",
        NUMBER.fetch_add(1, Ordering::SeqCst)
    ))
}

async fn sql(url: &str) -> PostgresStore {
    PostgresStore::open(PostgresSettings::new(url).unwrap())
        .await
        .unwrap()
}

async fn open(redis: &Redis, database: &str) -> RedisStore {
    let settings = RedisSettings::new(&redis.url()).unwrap();
    RedisStore::open(settings, sql(database).await)
        .await
        .unwrap()
}

async fn log_in(store: &dyn Store, user: UserId) -> SessionId {
    let epoch = store.by_id(user).await.unwrap().unwrap().epoch;
    conformance::open(store, user, epoch, 0).await.unwrap().id()
}

async fn is_live(store: &dyn Store, session: SessionId) -> bool {
    store.live(session).await.unwrap().is_some()
}

async fn end(store: &dyn Store, user: UserId, which: Which) {
    let ended = store.end(user, which, By::Operator, at(1)).await.unwrap();
    assert!(matches!(ended, Outcome::Done(_)));
}

/// What is in Redis: each key with its value, to be put back later.
async fn snapshot(redis: &Redis) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut link = raw(redis).await;
    let keys: Vec<Vec<u8>> = redis::cmd("KEYS")
        .arg("*")
        .query_async(&mut link)
        .await
        .unwrap();
    let mut dumped = Vec::new();
    for key in keys {
        let value = redis::cmd("DUMP")
            .arg(&key)
            .query_async(&mut link)
            .await
            .unwrap();
        dumped.push((key, value));
    }
    dumped
}

async fn restore(redis: &Redis, snapshot: &[(Vec<u8>, Vec<u8>)]) {
    let mut link = raw(redis).await;
    redis::cmd("FLUSHALL").exec_async(&mut link).await.unwrap();
    for (key, value) in snapshot {
        let mut restore = redis::cmd("RESTORE");
        restore.arg(key).arg(0).arg(value);
        restore.exec_async(&mut link).await.unwrap();
    }
}

async fn raw(redis: &Redis) -> redis::aio::MultiplexedConnection {
    let client = Client::open(redis.url()).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_keeps_the_contract() {
    let redis = Redis::start();
    let make = || {
        Box::pin(async { Arc::new(open(&redis, &database()).await) as Arc<dyn Store> })
            as Pin<Box<dyn Future<Output = _>>>
    };
    conformance::check_where(Expired::GoByThemselves, &make).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_redis_brings_nobody_back_and_keeps_those_that_are_rows() {
    let (redis, database) = (Redis::start(), database());
    let alone = sql(&database).await;
    let alice = user(&alone, "alice").await;
    let row = log_in(&alone, alice).await;
    let store = open(&redis, &database).await;
    let (kept, ended) = (log_in(&store, alice).await, log_in(&store, alice).await);
    end(&store, alice, Which::One(ended)).await;
    assert!(is_live(&store, row).await && is_live(&store, kept).await);
    redis.kill_9();
    redis.restart_empty();
    assert!(!is_live(&store, ended).await && !is_live(&store, kept).await);
    assert!(is_live(&store, row).await, "a row outlives Redis");
    assert!(is_live(&store, log_in(&store, alice).await).await);
    end(&store, alice, Which::One(row)).await;
    assert!(!is_live(&store, row).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_redis_logs_nobody_out() {
    let (redis, database) = (Redis::start(), database());
    let store = open(&redis, &database).await;
    let alice = user(&store, "alice").await;
    let session = log_in(&store, alice).await;
    redis.kill_9();
    assert!(
        store.live(session).await.is_err(),
        "nobody knows: neither in nor out"
    );
    redis.restart();
    assert!(is_live(&store, session).await);
    redis.freeze();
    assert!(store.live(session).await.is_err());
    redis.thaw();
    assert!(is_live(&store, session).await);
}

/// Nobody could end a session by its id that a node remembers and Redis has lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_cache_forgets_everything_when_redis_may_have_lost_something() {
    let (redis, database) = (Redis::start(), database());
    let store = open(&redis, &database).await;
    let next = async |cursor| store.beat(Some(cursor)).await.unwrap();
    let mut cursor = store.beat(None).await.unwrap().cursor;
    for loss in [
        "emptied",
        "restarted empty",
        "restarted, perhaps without its last",
    ] {
        let before = next(cursor).await.changes;
        assert_eq!(before, Some(Vec::new()), "before it is {loss}");
        match loss {
            "emptied" => restore(&redis, &[]).await,
            "restarted empty" => redis.restart_empty(),
            _ => {
                redis.kill_9();
                redis.restart();
            }
        }
        let mut beat = next(cursor).await;
        // It may not answer at the first glance.
        for _ in 0..200 {
            if beat.changes.is_none() {
                break;
            }
            beat = next(beat.cursor).await;
        }
        assert_eq!(beat.changes, None, "after it was {loss}");
        cursor = beat.cursor;
    }
    redis.freeze();
    let silent = next(cursor).await.changes;
    assert_eq!(
        silent,
        Some(Vec::new()),
        "who does not answer has lost nothing"
    );
    redis.thaw();
}

/// It is seen once, and told when somebody hears it.
#[tokio::test(flavor = "multi_thread")]
async fn a_loss_that_was_seen_while_the_database_was_away_is_told_afterwards() {
    let (redis, server) = (Redis::start(), Postgres::start());
    let store = open(&redis, &server.url()).await;
    let cursor = store.beat(None).await.unwrap().cursor;
    redis.restart_empty();
    server.freeze();
    assert!(store.beat(Some(cursor)).await.is_err());
    server.thaw();
    let mut told = 0;
    for _ in 0..50 {
        let beat = store.beat(Some(cursor)).await.unwrap();
        told += u32::from(beat.changes.is_none());
    }
    assert_eq!(told, 1, "it is told, and told once");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_snapshot_brings_no_ended_session_back_and_loses_none_that_was_kept() {
    let (redis, database) = (Redis::start(), database());
    let store = open(&redis, &database).await;
    let (alice, bob, carol) = (
        user(&store, "alice").await,
        user(&store, "bob").await,
        user(&store, "carol").await,
    );
    let (hers, other) = (log_in(&store, alice).await, log_in(&store, alice).await);
    let (kept, left) = (log_in(&store, bob).await, log_in(&store, bob).await);
    let disabled = log_in(&store, carol).await;
    let old = snapshot(&redis).await;
    end(&store, alice, Which::One(other)).await;
    end(&store, bob, Which::AllBut(kept)).await;
    store.set_disabled(carol, true, at(1)).await.unwrap();
    store.set_disabled(carol, false, at(2)).await.unwrap();
    restore(&redis, &old).await;
    for session in [other, left, disabled] {
        assert!(!is_live(&store, session).await);
    }
    assert!(is_live(&store, hers).await && is_live(&store, kept).await);
    let listed = |sessions: Vec<Session>| sessions.iter().map(|it| it.id).collect::<Vec<_>>();
    assert_eq!(listed(store.of_user(bob).await.unwrap()), [kept]);
    // And what was kept can still be ended.
    end(&store, bob, Which::One(kept)).await;
    restore(&redis, &old).await;
    assert!(!is_live(&store, kept).await);
}

/// The replica was cut off before the revocation, and then became the primary.
#[tokio::test(flavor = "multi_thread")]
async fn a_failover_to_a_lagging_replica_brings_nobody_back() {
    let (primary, database) = (Redis::start(), database());
    let port = primary.port().to_string();
    let replica = Redis::start_with(&["--replicaof", "127.0.0.1", &port]);
    let store = open(&primary, &database).await;
    let alice = user(&store, "alice").await;
    let (kept, ended) = (log_in(&store, alice).await, log_in(&store, alice).await);
    let mut link = raw(&replica).await;
    let there = |session: SessionId| {
        redis::cmd("EXISTS")
            .arg(record::session_key(session))
            .to_owned()
    };
    while !there(ended).query_async::<bool>(&mut link).await.unwrap() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let settings = RedisSettings::new(&replica.url()).unwrap();
    let refused = RedisStore::open(settings, sql(&database).await).await.err();
    assert!(
        refused.unwrap().to_string().contains("replica"),
        "it may be behind"
    );
    let promote = |link: redis::aio::MultiplexedConnection| async move {
        let mut link = link;
        let mut command = redis::cmd("REPLICAOF");
        command
            .arg("NO")
            .arg("ONE")
            .exec_async(&mut link)
            .await
            .unwrap();
    };
    promote(link.clone()).await;
    end(&store, alice, Which::One(ended)).await;
    let late = log_in(&store, alice).await;
    primary.kill_9();
    assert!(there(ended).query_async::<bool>(&mut link).await.unwrap());
    let store = open(&replica, &database).await;
    assert!(!is_live(&store, ended).await, "what has ended has ended");
    assert!(is_live(&store, kept).await);
    assert!(!is_live(&store, late).await, "what Redis lost is lost");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_logs_out_while_redis_is_away_stays_logged_out() {
    let (redis, database) = (Redis::start(), database());
    let store = open(&redis, &database).await;
    let alice = user(&store, "alice").await;
    let (own, others) = (log_in(&store, alice).await, log_in(&store, alice).await);
    redis.kill_9();
    let by = By::Session(own);
    let ended = store.end(alice, Which::One(own), by, at(1)).await.unwrap();
    assert!(matches!(ended, Outcome::Done(_)));
    // What is done by the epoch needs no Redis either.
    end(&store, alice, Which::All).await;
    redis.restart();
    assert!(!is_live(&store, own).await && !is_live(&store, others).await);
}

/// A log-in that begins when the log-out everywhere has been committed is none of its business.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_in_after_a_log_out_everywhere_is_not_swept_away_with_the_others() {
    let (redis, database) = (Redis::start(), database());
    let store = Arc::new(open(&redis, &database).await);
    let alice = user(&*store, "alice").await;
    for round in 1..=20 {
        log_in(&*store, alice).await;
        let ending = Arc::clone(&store);
        let ending = tokio::spawn(async move { end(&*ending, alice, Which::All).await });
        while store.by_id(alice).await.unwrap().unwrap().epoch < round {}
        let session = log_in(&*store, alice).await;
        ending.await.unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert!(is_live(&*store, session).await, "round {round}");
    }
}

#[tokio::test]
async fn a_server_that_may_evict_or_does_not_append_is_refused() {
    for (arguments, word) in [
        (["--maxmemory-policy", "allkeys-lru"], "maxmemory-policy"),
        (["--appendonly", "no"], "appendonly"),
    ] {
        let redis = Redis::start_with(&arguments);
        let settings = RedisSettings::new(&redis.url()).unwrap();
        let refused = RedisStore::open(settings, sql(&database()).await).await;
        let refused = refused.err().unwrap().to_string();
        assert!(refused.contains(word), "{refused}");
    }
}

#[test]
fn an_address_shows_no_password() {
    let settings = RedisSettings::new("redis://me:s3cret@cache.example:6380/1").unwrap();
    assert_eq!(settings.to_string(), "redis://cache.example:6380");
    for url in ["http://me:s3cret@cache.example", "redis://me:s3cret@[", ""] {
        let sentence = RedisSettings::new(url).err().unwrap().to_string();
        assert!(!sentence.contains("s3cret"), "{sentence}");
    }
}
