//! The sweeps of what is counted and what is good once, held to what they leave; compiled with each store's tests.

use super::one_time::sweep_one_time_tokens;
use super::throttles::sweep_throttles;
use super::{SqlStore, query, query_as};
use crate::clock::Timestamp;
use crate::id;
use crate::store::{NewOneTime, OneTimeTokens, conformance};
use crate::token::HashedSecret;

/// Guesses at one account are not forgotten by typing other names.
pub(super) async fn names_that_nobody_has_make_way(store: &SqlStore) {
    let mut tx = store.begin("filling the throttles").await.unwrap();
    for (number, (failures, of_account, is_known)) in [
        (7, true, false),
        (1, true, false),
        (2, true, false),
        (1, true, true),
        (0, false, false),
        (0, false, false),
    ]
    .iter()
    .enumerate()
    {
        let key = [u8::try_from(number).unwrap(); 16];
        query("INSERT INTO throttles (key, of_account, failures, at, is_known) VALUES ($1, $2, $3, $4, $5)")
            .bind(key.to_vec())
            .bind(*of_account)
            .bind(i64::from(*failures))
            .bind(i64::try_from(number).unwrap())
            .bind(*is_known)
            .execute(&mut *tx)
            .await
            .unwrap();
    }
    let more = sweep_throttles(&mut tx, Timestamp::from_millis(4), 2)
        .await
        .unwrap();
    assert!(!more);
    let left: Vec<(Vec<u8>,)> = query_as("SELECT key FROM throttles ORDER BY key")
        .fetch_all(&mut *tx)
        .await
        .unwrap();
    let left: Vec<u8> = left.iter().map(|(key,)| key[0]).collect();
    assert_eq!(
        left,
        [0, 2, 3, 5],
        "seven and two failures, one at an account, and a rate that is not full again"
    );
}

/// Those that are good stay.
pub(super) async fn one_time_tokens_that_have_expired_go(store: &SqlStore) {
    let user = conformance::user(store, "alice").await;
    for expires_at in [1, 3] {
        let new = NewOneTime {
            token: HashedSecret::from_bytes(id::random()),
            user,
            epoch: 0,
            expires_at: Timestamp::from_millis(expires_at),
        };
        let kept = store.put_one_time(&new).await;
        assert!(kept.unwrap());
    }
    let mut tx = store.begin("sweeping").await.unwrap();
    let more = sweep_one_time_tokens(&mut tx, Timestamp::from_millis(2)).await;
    assert!(!more.unwrap());
    let left: Vec<(i64,)> = query_as("SELECT expires_at FROM one_time_tokens")
        .fetch_all(&mut *tx)
        .await
        .unwrap();
    assert_eq!(left, [(3,)]);
}
