//! Sessions: opened, live, touched, ended, announced, swept.

use std::sync::Arc;
use std::time::Duration;

use super::{Expired, at, epoch, hash, live, new_session, open, user};
use crate::id::{SessionId, UserId};
use crate::store::{Beat, By, Change, NewSignIn, Outcome, PasswordChange, Store, Which};
use crate::token::PlainToken;

pub(super) async fn a_session_is_live_until_it_is_ended(store: &dyn Store) {
    let user = user(store, "alice").await;
    let token = open(store, user, 0, 0).await.unwrap();
    assert!(live(store, token.id()).await.is_some());
    assert_eq!(store.owner(token.id()).await.unwrap(), Some(user));
    let ended = store
        .end(user, Which::One(token.id()), By::Session(token.id()), at(1))
        .await
        .unwrap();
    assert_eq!(
        ended,
        Outcome::Done(vec![token.id()]),
        "ending answers which sessions ended"
    );
    assert!(live(store, token.id()).await.is_none());
    assert!(store.of_user(user).await.unwrap().is_empty());
    let again = store
        .end(user, Which::One(token.id()), By::Operator, at(1))
        .await
        .unwrap();
    assert_eq!(again, Outcome::NotFound, "a session ends once");
}

pub(super) async fn a_log_in_of_an_older_epoch_opens_nothing(store: &dyn Store) {
    let user = user(store, "alice").await;
    store
        .end(user, Which::All, By::Operator, at(1))
        .await
        .unwrap();
    assert_eq!(epoch(store, user).await, 1, "ending all raises the epoch");
    assert_eq!(
        open(store, user, 0, 0).await.unwrap_err(),
        Outcome::NoAuthority
    );
    assert!(store.of_user(user).await.unwrap().is_empty());
    assert!(open(store, user, 1, 0).await.is_ok());
    assert!(
        open(store, UserId::random(), 0, 0).await.is_err(),
        "nobody logs in as no one"
    );
}

pub(super) async fn a_log_in_replaces_only_what_it_knows_the_secret_of(store: &dyn Store) {
    let user = user(store, "alice").await;
    let old = open(store, user, 0, 0).await.unwrap();
    let forged = PlainToken::parse(
        format!("{}.{}", old.id(), &PlainToken::generate().reveal()[23..]).as_bytes(),
    )
    .unwrap();
    for (presented, gone) in [(forged, false), (old.clone(), true)] {
        let (_, new) = new_session(user, 1);
        let log_in = NewSignIn {
            new,
            epoch: 0,
            replaces: Some((presented.id(), presented.hash())),
            per_user: 100,
        };
        let outcome = store.open(&log_in).await.unwrap();
        assert_eq!(
            outcome,
            Outcome::Done(if gone { vec![old.id()] } else { Vec::new() })
        );
        assert_eq!(live(store, old.id()).await.is_none(), gone);
    }
}

pub(super) async fn the_oldest_sessions_make_way(store: &dyn Store) {
    let user = user(store, "alice").await;
    let (first, second) = (
        open(store, user, 0, 1).await.unwrap(),
        open(store, user, 0, 2).await.unwrap(),
    );
    let (third, new) = new_session(user, 3);
    let outcome = store
        .open(&NewSignIn {
            new,
            epoch: 0,
            replaces: None,
            per_user: 2,
        })
        .await
        .unwrap();
    assert_eq!(
        outcome,
        Outcome::Done(vec![first.id()]),
        "the oldest above the limit ends"
    );
    assert!(live(store, second.id()).await.is_some() && live(store, third.id()).await.is_some());
}

pub(super) async fn a_touch_never_revives_and_never_goes_back(store: &dyn Store) {
    let user = user(store, "alice").await;
    let (kept, ended) = (
        open(store, user, 0, 0).await.unwrap(),
        open(store, user, 0, 0).await.unwrap(),
    );
    store
        .end(user, Which::One(ended.id()), By::Operator, at(1))
        .await
        .unwrap();
    store
        .touch(&[
            (ended.id(), at(9)),
            (kept.id(), at(9)),
            (SessionId::random(), at(9)),
        ])
        .await
        .unwrap();
    store.touch(&[(kept.id(), at(5))]).await.unwrap();
    assert!(
        live(store, ended.id()).await.is_none(),
        "a touch brings nothing back"
    );
    assert_eq!(
        live(store, kept.id()).await.unwrap().session.last_seen_at,
        at(9),
        "a touch keeps the latest"
    );
    assert_eq!(store.of_user(user).await.unwrap().len(), 1);
}

pub(super) async fn authority_that_has_ended_changes_nothing(store: &dyn Store) {
    let user = user(store, "alice").await;
    let (gone, other) = (
        open(store, user, 0, 0).await.unwrap(),
        open(store, user, 0, 0).await.unwrap(),
    );
    store
        .end(user, Which::One(gone.id()), By::Operator, at(1))
        .await
        .unwrap();
    let by = By::Session(gone.id());
    for which in [
        Which::One(other.id()),
        Which::All,
        Which::AllBut(other.id()),
    ] {
        assert_eq!(
            store.end(user, which, by, at(1)).await.unwrap(),
            Outcome::NoAuthority
        );
    }
    let change = PasswordChange {
        user,
        by,
        epoch: Some(0),
        hash: hash("second"),
        session: None,
        now: at(1),
    };
    assert_eq!(
        store.set_password(&change).await.unwrap(),
        Outcome::NoAuthority
    );
    assert!(live(store, other.id()).await.is_some());
    assert_eq!(
        store.by_id(user).await.unwrap().unwrap().hash,
        hash("first")
    );
}

pub(super) async fn nobody_ends_another_users_session(store: &dyn Store) {
    let (alice, bob) = (user(store, "alice").await, user(store, "bob").await);
    let (hers, his) = (
        open(store, alice, 0, 0).await.unwrap(),
        open(store, bob, 0, 0).await.unwrap(),
    );
    let by = By::Session(hers.id());
    assert_eq!(
        store
            .end(alice, Which::One(his.id()), by, at(1))
            .await
            .unwrap(),
        Outcome::NotFound
    );
    for which in [Which::One(his.id()), Which::All] {
        assert_eq!(
            store.end(bob, which, by, at(1)).await.unwrap(),
            Outcome::NoAuthority,
            "her session is no authority over his account"
        );
    }
    assert!(live(store, his.id()).await.is_some());
}

pub(super) async fn ending_the_others_ends_log_ins_in_flight(store: &dyn Store) {
    let user = user(store, "alice").await;
    let (kept, other) = (
        open(store, user, 0, 0).await.unwrap(),
        open(store, user, 0, 0).await.unwrap(),
    );
    let ended = store
        .end(
            user,
            Which::AllBut(kept.id()),
            By::Session(kept.id()),
            at(1),
        )
        .await
        .unwrap();
    assert_eq!(ended, Outcome::Done(vec![other.id()]));
    assert!(live(store, kept.id()).await.is_some() && live(store, other.id()).await.is_none());
    assert_eq!(
        open(store, user, 0, 0).await.unwrap_err(),
        Outcome::NoAuthority,
        "a log-in in flight opens nothing"
    );
}

pub(super) async fn every_end_is_in_the_feed(store: &dyn Store) {
    let user = user(store, "alice").await;
    let (one, two) = (
        open(store, user, 0, 0).await.unwrap(),
        open(store, user, 0, 0).await.unwrap(),
    );
    let start = store.beat(None).await.unwrap();
    assert_eq!(
        start.changes,
        Some(Vec::new()),
        "without a cursor the feed begins now"
    );
    store
        .end(user, Which::One(one.id()), By::Operator, at(1))
        .await
        .unwrap();
    let Beat {
        cursor, changes, ..
    } = store.beat(Some(start.cursor)).await.unwrap();
    assert_eq!(changes, Some(vec![Change::Session(one.id())]));
    store
        .end(user, Which::AllBut(two.id()), By::Operator, at(1))
        .await
        .unwrap();
    store.set_disabled(user, true, at(1)).await.unwrap();
    store.delete(user, at(1)).await.unwrap();
    let next = store.beat(Some(cursor)).await.unwrap();
    assert_eq!(next.changes, Some(vec![Change::User(user); 3]));
    let same = store.beat(Some(next.cursor)).await.unwrap();
    assert_eq!(same.changes, Some(Vec::new()), "nothing is told twice");
    // A cursor that has not moved on is no old one.
    if start.cursor != same.cursor {
        let all = store.beat(Some(start.cursor)).await.unwrap();
        assert!(
            all.changes.is_none_or(|changes| changes.len() >= 4),
            "an old cursor is told everything, if not for the first time, or that there is a gap"
        );
    }
}

pub(super) async fn a_sweep_takes_what_has_expired(expired: Expired, store: &dyn Store) {
    let user = user(store, "alice").await;
    let (old, unused, fresh) = (
        open(store, user, 0, 0).await.unwrap(),
        open(store, user, 0, 500).await.unwrap(),
        open(store, user, 0, 900).await.unwrap(),
    );
    let idle = Duration::from_secs(200);
    let swept = store.sweep(at(1000), idle).await.unwrap().sessions;
    match expired {
        Expired::AreSwept => {
            assert_eq!(swept, 2);
            for token in [&old, &unused] {
                assert!(live(store, token.id()).await.is_none());
            }
        }
        Expired::GoByThemselves => {
            assert_eq!(swept, 0, "there is nothing to sweep");
            for token in [&old, &unused] {
                let left = live(store, token.id()).await;
                assert!(left.is_none_or(|live| live.session.is_expired(at(1000), idle)));
            }
        }
    }
    assert!(live(store, fresh.id()).await.is_some());
    assert_eq!(store.sweep(at(1000), idle).await.unwrap().sessions, 0);
}

/// Whatever the order, a log-in whose epoch was read before everything ended is not there afterwards.
pub(super) async fn parallel_log_ins_and_a_log_out_everywhere_leave_no_session(
    store: Arc<dyn Store>,
) {
    let user = user(&*store, "alice").await;
    let log_ins: Vec<_> = (0..20)
        .map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { open(&*store, user, 0, 0).await.is_ok() })
        })
        .collect();
    store
        .end(user, Which::All, By::Operator, at(1))
        .await
        .unwrap();
    for log_in in log_ins {
        log_in.await.unwrap();
    }
    assert!(
        store.of_user(user).await.unwrap().is_empty(),
        "a log-in in flight survived a log-out everywhere"
    );
}
