//! Failures are counted, and by nobody twice.

use std::sync::Arc;
use std::time::Duration;

use super::{at, epoch, hash, user};
use crate::id::{self, UserId};
use crate::store::{Attempt, By, Counted, Counter, PasswordChange, Store, Success};
use crate::throttle::{ALL_DEVICES, PER_DEVICE, Rule, STRANGERS};
use crate::token::HashedSecret;

const RATE: Rule = Rule::Rate {
    burst: 3,
    refill: Duration::from_secs(1000),
};
const DEVICE: Counted = Counted::Device;
const STRANGER: Counted = Counted::Stranger;

/// An attempt at alice's account, as it is keyed here.
fn attempt(seconds: i64) -> Attempt {
    Attempt {
        counters: vec![Counter {
            key: [1; 16],
            rule: Rule::Account,
        }],
        name: Some("alice".to_owned()),
        device: None,
        at: at(seconds),
    }
}

fn with_rate(seconds: i64) -> Attempt {
    let mut attempt = attempt(seconds);
    attempt.counters.push(Counter {
        key: [2; 16],
        rule: RATE,
    });
    attempt
}

fn on(token: HashedSecret, name: &str, seconds: i64) -> Attempt {
    Attempt {
        name: Some(name.to_owned()),
        device: Some(token),
        ..attempt(seconds)
    }
}

fn token() -> HashedSecret {
    HashedSecret::from_bytes(id::random())
}

async fn count(store: &dyn Store, attempt: &Attempt) -> Counted {
    store.count(attempt).await.unwrap()
}

fn is_refused(counted: Counted) -> bool {
    matches!(counted, Counted::Refused(_))
}

/// A first log-in by a stranger: the token by which the device is known from then on.
async fn remember(store: &dyn Store, user: UserId, attempt: &Attempt) -> HashedSecret {
    let fresh = token();
    let success = Success {
        user,
        epoch: epoch(store, user).await,
        fresh,
    };
    store.succeed(attempt, STRANGER, &success).await.unwrap();
    fresh
}

/// Time in which every wait has passed.
const LONG: i64 = 1000;

/// Until nobody may any more, as soon as one may.
async fn exhaust(store: &dyn Store, from: i64) -> i64 {
    let (mut now, mut failures) = (from, 0);
    for _ in 0..10 * STRANGERS {
        match count(store, &attempt(now)).await {
            Counted::Stranger => failures += 1,
            _ if failures == STRANGERS => return now + LONG,
            _ => now += LONG,
        }
    }
    panic!("strangers have eighty failures and then none, not {failures}")
}

pub(super) async fn parallel_guesses_do_not_slip_through(store: Arc<dyn Store>) {
    let guesses: Vec<_> = (0..50)
        .map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.count(&attempt(1)).await.unwrap() })
        })
        .collect();
    let mut counted = Vec::new();
    for guess in guesses {
        counted.push(guess.await.unwrap());
    }
    let strangers = counted.iter().filter(|counted| **counted == STRANGER);
    assert_eq!(
        strangers.count(),
        11,
        "ten at once, and the one that others wait after"
    );
    assert!(is_refused(count(&*store, &attempt(1)).await));
}

pub(super) async fn what_is_refused_is_counted_nowhere(store: &dyn Store) {
    for _ in 0..3 {
        assert_eq!(count(store, &with_rate(1)).await, STRANGER);
    }
    for _ in 0..10 {
        assert!(
            is_refused(count(store, &with_rate(1)).await),
            "the rate is used up"
        );
    }
    for _ in 0..8 {
        assert_eq!(
            count(store, &attempt(1)).await,
            STRANGER,
            "three were counted at the account"
        );
    }
    assert!(is_refused(count(store, &attempt(1)).await));
}

pub(super) async fn what_is_taken_back_is_free_again(store: &dyn Store) {
    for _ in 0..50 {
        assert_eq!(count(store, &with_rate(1)).await, STRANGER);
        store.take_back(&with_rate(1), STRANGER).await.unwrap();
    }
}

pub(super) async fn nobody_is_locked_out_of_a_device_that_is_known(store: &dyn Store) {
    let (alice, bob) = (user(store, "alice").await, user(store, "bob").await);
    let device = remember(store, alice, &attempt(0)).await;
    let other = remember(store, bob, &attempt(0)).await;
    let now = exhaust(store, 1).await;
    assert!(is_refused(count(store, &attempt(now)).await));
    assert!(
        is_refused(count(store, &on(other, "alice", now)).await),
        "another account's device"
    );
    for _ in 0..PER_DEVICE {
        assert_eq!(count(store, &on(device, "alice", now)).await, DEVICE);
    }
    assert!(
        is_refused(count(store, &on(device, "alice", now)).await),
        "the eleventh is a stranger's"
    );
    store
        .take_back(&on(device, "alice", now), DEVICE)
        .await
        .unwrap();
    assert_eq!(count(store, &on(device, "alice", now)).await, DEVICE);
    store
        .take_back(&on(device, "alice", now), DEVICE)
        .await
        .unwrap();
    let success = Success {
        user: alice,
        epoch: 0,
        fresh: token(),
    };
    store
        .succeed(&on(device, "alice", now), DEVICE, &success)
        .await
        .unwrap();
    assert_eq!(
        count(store, &attempt(now)).await,
        STRANGER,
        "strangers may again"
    );
    for _ in 0..PER_DEVICE {
        assert_eq!(
            count(store, &on(device, "alice", now)).await,
            DEVICE,
            "and so may the device"
        );
    }
}

pub(super) async fn a_strangers_success_frees_no_other_strangers(store: &dyn Store) {
    let alice = user(store, "alice").await;
    let mut now = 1;
    for _ in 0..STRANGERS - 1 {
        now += LONG;
        assert_eq!(count(store, &attempt(now)).await, STRANGER);
    }
    now += LONG;
    assert_eq!(count(store, &attempt(now)).await, STRANGER);
    remember(store, alice, &attempt(now)).await;
    assert_eq!(
        count(store, &attempt(now)).await,
        STRANGER,
        "its own attempt is given back"
    );
    assert!(
        is_refused(count(store, &attempt(now + 100 * LONG)).await),
        "and no other"
    );
    store.unlock([1; 16], alice).await.unwrap();
    assert_eq!(count(store, &attempt(now)).await, STRANGER);
}

pub(super) async fn devices_have_failures_of_their_own_and_a_limit_together(store: &dyn Store) {
    let alice = user(store, "alice").await;
    let mut devices = Vec::new();
    for seconds in 1..=9 {
        devices.push(remember(store, alice, &attempt(seconds)).await);
    }
    let mut failed = 0;
    for device in &devices[1..] {
        for _ in 0..6 {
            if count(store, &on(*device, "alice", 10)).await == DEVICE {
                failed += 1;
            }
        }
    }
    assert_eq!(failed, ALL_DEVICES, "two tens in all");
    let last = on(devices[8], "alice", 11);
    let success = Success {
        user: alice,
        epoch: 0,
        fresh: token(),
    };
    store.succeed(&last, DEVICE, &success).await.unwrap();
    assert_eq!(
        count(store, &last).await,
        DEVICE,
        "a success ends the row of failures, the others' too"
    );
    assert_eq!(count(store, &on(devices[1], "alice", 12)).await, DEVICE);
    assert_eq!(
        count(store, &on(devices[0], "alice", 12)).await,
        STRANGER,
        "eight are kept"
    );
}

/// Somebody plants the token of a device of their own, or one that they know, and waits for a log-in.
pub(super) async fn a_planted_token_is_worth_nothing_after_the_log_in(store: &dyn Store) {
    let (alice, bob) = (user(store, "alice").await, user(store, "bob").await);
    let planted = remember(store, bob, &attempt(0)).await;
    let fresh = remember(store, alice, &on(planted, "alice", 1)).await;
    assert_eq!(count(store, &on(planted, "alice", 2)).await, STRANGER);
    assert_eq!(count(store, &on(planted, "bob", 2)).await, STRANGER);
    assert_eq!(count(store, &on(fresh, "alice", 2)).await, DEVICE);
    assert_eq!(
        count(store, &on(fresh, "bob", 2)).await,
        DEVICE,
        "two people may share a browser"
    );
    let never_known = token();
    let fresh = remember(store, alice, &on(never_known, "alice", 3)).await;
    assert_eq!(count(store, &on(never_known, "alice", 4)).await, STRANGER);
    assert_eq!(count(store, &on(fresh, "alice", 4)).await, DEVICE);
}

pub(super) async fn a_new_password_knows_no_device(store: &dyn Store) {
    let alice = user(store, "alice").await;
    let device = remember(store, alice, &attempt(0)).await;
    let before = epoch(store, alice).await;
    let change = PasswordChange {
        user: alice,
        by: By::Operator,
        epoch: None,
        hash: hash("second"),
        session: None,
        now: at(1),
    };
    store.set_password(&change).await.unwrap();
    assert_eq!(count(store, &on(device, "alice", 2)).await, STRANGER);
    // A log-in whose password was checked before the change comes late.
    let late = Success {
        user: alice,
        epoch: before,
        fresh: token(),
    };
    store.succeed(&attempt(2), STRANGER, &late).await.unwrap();
    assert_eq!(count(store, &on(late.fresh, "alice", 3)).await, STRANGER);
    store.delete(alice, at(4)).await.unwrap();
    assert_eq!(count(store, &on(late.fresh, "alice", 5)).await, STRANGER);
}

pub(super) async fn the_key_of_the_throttles_is_the_stores_own(one: &dyn Store, other: &dyn Store) {
    let key = one.throttle_key().await.unwrap();
    assert_eq!(key, one.throttle_key().await.unwrap());
    assert_ne!(key, other.throttle_key().await.unwrap());
}
