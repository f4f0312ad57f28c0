//! A one-time token is good once, for one account, for a while.

use std::sync::Arc;

use super::{at, epoch, hash, user};
use crate::id::{self, UserId};
use crate::store::{By, NewOneTime, Outcome, PasswordChange, Store, Which};
use crate::token::HashedSecret;

async fn put(store: &dyn Store, user: UserId, expires: i64) -> HashedSecret {
    let token = HashedSecret::from_bytes(id::random());
    let new = NewOneTime {
        token,
        user,
        epoch: epoch(store, user).await,
        expires_at: at(expires),
    };
    assert!(store.put_one_time(&new).await.unwrap());
    token
}

fn change(user: UserId, token: HashedSecret, now: i64) -> PasswordChange {
    PasswordChange {
        user,
        by: By::OneTime(*token.as_bytes()),
        epoch: None,
        hash: hash("second"),
        session: None,
        now: at(now),
    }
}

async fn is_good(store: &dyn Store, token: HashedSecret, now: i64) -> bool {
    store.one_time(&token, at(now)).await.unwrap().is_some()
}

async fn sets(store: &dyn Store, user: UserId, token: HashedSecret, now: i64) -> bool {
    let outcome = store.set_password(&change(user, token, now)).await.unwrap();
    match outcome {
        Outcome::Done(_) => true,
        Outcome::NoAuthority => false,
        Outcome::NotFound => panic!("the account is there"),
    }
}

pub(super) async fn a_token_sets_its_own_users_password_once(store: &dyn Store) {
    let (alice, bob) = (user(store, "alice").await, user(store, "bob").await);
    let (token, other) = (put(store, alice, 100).await, put(store, alice, 100).await);
    let known = store.one_time(&token, at(1)).await.unwrap().unwrap();
    assert_eq!(known.user.id, alice);
    assert!(
        !sets(store, bob, token, 1).await,
        "negative test 24: it is alice's"
    );
    let nobodys = HashedSecret::from_bytes([0; 32]);
    assert!(!sets(store, alice, nobodys, 1).await && !is_good(store, nobodys, 1).await);
    let by = By::OneTime(*token.as_bytes());
    let ended = store.end(alice, Which::All, by, at(1)).await.unwrap();
    assert_eq!(
        ended,
        Outcome::NoAuthority,
        "it sets a password and no more"
    );
    assert!(
        is_good(store, token, 1).await,
        "what was refused has not used it up"
    );
    assert!(sets(store, alice, token, 1).await);
    assert_eq!(
        store.by_id(alice).await.unwrap().unwrap().hash.as_phc(),
        "second"
    );
    assert!(!sets(store, alice, token, 1).await && !is_good(store, token, 1).await);
    assert!(
        !sets(store, alice, other, 1).await,
        "the password has changed since it was made"
    );
}

pub(super) async fn of_parallel_uses_one_succeeds(store: Arc<dyn Store>) {
    let alice = user(&*store, "alice").await;
    let token = put(&*store, alice, 100).await;
    let uses: Vec<_> = (0..20)
        .map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { sets(&*store, alice, token, 1).await })
        })
        .collect();
    let mut succeeded = 0;
    for used in uses {
        succeeded += u32::from(used.await.unwrap());
    }
    assert_eq!(succeeded, 1, "negative test 14");
}

pub(super) async fn a_token_ends_with_time_and_with_every_change_of_the_account(store: &dyn Store) {
    let alice = user(store, "alice").await;
    let token = put(store, alice, 100).await;
    assert!(is_good(store, token, 99).await);
    assert!(!is_good(store, token, 100).await && !sets(store, alice, token, 100).await);
    store
        .end(alice, Which::All, By::Operator, at(1))
        .await
        .unwrap();
    assert!(!is_good(store, token, 1).await && !sets(store, alice, token, 1).await);
    // Negative test 13: looked at again when it is used.
    let token = put(store, alice, 100).await;
    store.set_disabled(alice, true, at(1)).await.unwrap();
    assert!(!is_good(store, token, 1).await && !sets(store, alice, token, 1).await);
    let new = NewOneTime {
        token: HashedSecret::from_bytes(id::random()),
        user: alice,
        epoch: epoch(store, alice).await,
        expires_at: at(100),
    };
    assert!(
        !store.put_one_time(&new).await.unwrap(),
        "a disabled account gets none"
    );
    store.set_disabled(alice, false, at(2)).await.unwrap();
    let token = put(store, alice, 100).await;
    store.delete(alice, at(3)).await.unwrap();
    assert!(!is_good(store, token, 1).await);
    store
        .sweep(at(1000), std::time::Duration::from_secs(1))
        .await
        .unwrap();
}
