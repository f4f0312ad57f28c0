//! The store contract as tests. Every store runs the same ones; a third party's does it like this:
//!
//! ```ignore
//! #[tokio::test]
//! async fn my_store_keeps_the_contract() {
//!     lockjar::store::conformance::check(&|| async { Arc::new(MyStore::new().await) as Arc<dyn Store> }).await;
//! }
//! ```

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::missing_panics_doc)]

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::{
    Beat, By, Change, LiveSession, NewLogIn, NewUser, Outcome, PasswordChange, Store, Which,
};
use crate::clock::Timestamp;
use crate::id::{SessionId, UserId};
use crate::password::PasswordHash;
use crate::session::{NewSession, Session};
use crate::token::PlainToken;
use crate::user::Username;

/// Makes a new, empty store.
pub type Make<'a> = &'a (dyn Fn() -> Pin<Box<dyn Future<Output = Arc<dyn Store>> + 'a>> + 'a);

/// Runs every test, each on a store of its own.
///
/// # Panics
/// With a message that says which sentence of the contract is broken.
pub async fn check(make: Make<'_>) {
    accounts_are_found_by_any_spelling_of_their_name(&*make().await).await;
    a_taken_name_writes_nothing(&*make().await).await;
    an_account_and_its_first_session_come_together(&*make().await).await;
    a_session_is_live_until_it_is_ended(&*make().await).await;
    a_log_in_of_an_older_epoch_opens_nothing(&*make().await).await;
    a_log_in_replaces_only_what_it_knows_the_secret_of(&*make().await).await;
    the_oldest_sessions_make_way(&*make().await).await;
    a_touch_never_revives_and_never_goes_back(&*make().await).await;
    authority_that_has_ended_changes_nothing(&*make().await).await;
    nobody_ends_another_users_session(&*make().await).await;
    ending_the_others_ends_log_ins_in_flight(&*make().await).await;
    a_password_change_ends_everything_but_its_own_session(&*make().await).await;
    a_password_change_checks_the_epoch_again(&*make().await).await;
    a_rehash_loses_against_a_change(&*make().await).await;
    a_disabled_account_has_no_session_and_gets_none(&*make().await).await;
    a_deleted_account_leaves_nothing(&*make().await).await;
    every_end_is_in_the_feed(&*make().await).await;
    a_sweep_takes_what_has_expired(&*make().await).await;
    parallel_log_ins_and_a_log_out_everywhere_leave_no_session(make().await).await;
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

fn hash(text: &str) -> PasswordHash {
    PasswordHash::from_phc(text.to_owned())
}

fn new_user(name: &str) -> NewUser {
    let name = Username::parse(name).unwrap();
    NewUser {
        id: UserId::random(),
        name,
        email: None,
        hash: hash("first"),
        created_at: at(0),
    }
}

fn new_session(user: UserId, created: i64) -> (PlainToken, NewSession) {
    let token = PlainToken::generate();
    let session = Session {
        id: token.id(),
        user,
        created_at: at(created),
        last_seen_at: at(created),
        expires_at: at(created + 1000),
        remember: true,
        user_agent: Some("agent".to_owned()),
    };
    let secret = token.hash();
    (token, NewSession { session, secret })
}

async fn user(store: &dyn Store, name: &str) -> UserId {
    let user = new_user(name);
    assert!(store.create(&user, None).await.unwrap());
    user.id
}

async fn open(
    store: &dyn Store,
    user: UserId,
    epoch: i64,
    created: i64,
) -> Result<PlainToken, Outcome> {
    let (token, new) = new_session(user, created);
    match store
        .open(&NewLogIn {
            new,
            epoch,
            replaces: None,
            per_user: 100,
        })
        .await
        .unwrap()
    {
        Outcome::Done(_) => Ok(token),
        refused => Err(refused),
    }
}

async fn live(store: &dyn Store, session: SessionId) -> Option<LiveSession> {
    store.live(session).await.unwrap()
}

async fn epoch(store: &dyn Store, user: UserId) -> i64 {
    store.by_id(user).await.unwrap().unwrap().epoch
}

async fn accounts_are_found_by_any_spelling_of_their_name(store: &dyn Store) {
    let id = user(store, "Alice").await;
    let found = store
        .by_name(Username::parse("ALICE").unwrap().key())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (found.user.id, found.user.username.as_str(), found.epoch),
        (id, "Alice", 0)
    );
    assert_eq!(store.by_id(id).await.unwrap().unwrap().hash, hash("first"));
    assert!(
        store.by_name("bob").await.unwrap().is_none()
            && store.by_id(UserId::random()).await.unwrap().is_none()
    );
    user(store, "aaron").await;
    let names: Vec<_> = store
        .list()
        .await
        .unwrap()
        .into_iter()
        .map(|user| user.username)
        .collect();
    assert_eq!(names, ["aaron", "Alice"], "accounts are listed by name");
}

async fn a_taken_name_writes_nothing(store: &dyn Store) {
    user(store, "alice").await;
    let double = new_user("ALICE");
    let (token, session) = new_session(double.id, 0);
    assert!(
        !store.create(&double, Some(&session)).await.unwrap(),
        "a name's key is unique"
    );
    assert!(
        live(store, token.id()).await.is_none(),
        "nothing is written where the name is taken"
    );
    assert!(store.by_id(double.id).await.unwrap().is_none());
}

async fn an_account_and_its_first_session_come_together(store: &dyn Store) {
    let user = new_user("alice");
    let (token, session) = new_session(user.id, 5);
    assert!(store.create(&user, Some(&session)).await.unwrap());
    let found = live(store, token.id())
        .await
        .expect("the first session is live");
    assert_eq!(
        found.session, session.session,
        "a session comes back as it was written"
    );
    assert!(found.secret.matches(&token) && found.user.id == user.id);
}

async fn a_session_is_live_until_it_is_ended(store: &dyn Store) {
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

async fn a_log_in_of_an_older_epoch_opens_nothing(store: &dyn Store) {
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

async fn a_log_in_replaces_only_what_it_knows_the_secret_of(store: &dyn Store) {
    let user = user(store, "alice").await;
    let old = open(store, user, 0, 0).await.unwrap();
    let forged = PlainToken::parse(
        format!("{}.{}", old.id(), &PlainToken::generate().reveal()[23..]).as_bytes(),
    )
    .unwrap();
    for (presented, gone) in [(forged, false), (old.clone(), true)] {
        let (_, new) = new_session(user, 1);
        let log_in = NewLogIn {
            new,
            epoch: 0,
            replaces: Some(presented),
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

async fn the_oldest_sessions_make_way(store: &dyn Store) {
    let user = user(store, "alice").await;
    let (first, second) = (
        open(store, user, 0, 1).await.unwrap(),
        open(store, user, 0, 2).await.unwrap(),
    );
    let (third, new) = new_session(user, 3);
    let outcome = store
        .open(&NewLogIn {
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

async fn a_touch_never_revives_and_never_goes_back(store: &dyn Store) {
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

async fn authority_that_has_ended_changes_nothing(store: &dyn Store) {
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

async fn nobody_ends_another_users_session(store: &dyn Store) {
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

async fn ending_the_others_ends_log_ins_in_flight(store: &dyn Store) {
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

async fn a_password_change_ends_everything_but_its_own_session(store: &dyn Store) {
    let user = user(store, "alice").await;
    let (old, other) = (
        open(store, user, 0, 0).await.unwrap(),
        open(store, user, 0, 0).await.unwrap(),
    );
    let (token, session) = new_session(user, 1);
    let by = By::Session(old.id());
    let change = PasswordChange {
        user,
        by,
        epoch: Some(0),
        hash: hash("second"),
        session: Some(session),
        now: at(1),
    };
    let Outcome::Done(ended) = store.set_password(&change).await.unwrap() else {
        panic!("the password changes")
    };
    assert!(ended.contains(&old.id()) && ended.contains(&other.id()) && ended.len() == 2);
    assert!(live(store, old.id()).await.is_none() && live(store, other.id()).await.is_none());
    assert!(live(store, token.id()).await.is_some());
    assert_eq!(
        store.by_id(user).await.unwrap().unwrap().hash,
        hash("second")
    );
    assert_eq!(
        open(store, user, 0, 0).await.unwrap_err(),
        Outcome::NoAuthority,
        "the old password logs nobody in"
    );
}

async fn a_password_change_checks_the_epoch_again(store: &dyn Store) {
    let user = user(store, "alice").await;
    let token = open(store, user, 0, 0).await.unwrap();
    let (_, session) = new_session(user, 1);
    let change = |epoch| PasswordChange {
        user,
        by: By::Session(token.id()),
        epoch: Some(epoch),
        hash: hash("second"),
        session: Some(session.clone()),
        now: at(1),
    };
    assert_eq!(
        store.set_password(&change(7)).await.unwrap(),
        Outcome::NoAuthority
    );
    assert_eq!(
        store.by_id(user).await.unwrap().unwrap().hash,
        hash("first")
    );
    assert_eq!(
        epoch(store, user).await,
        0,
        "a refused change leaves the epoch alone"
    );
    assert!(live(store, token.id()).await.is_some());
    assert!(matches!(
        store.set_password(&change(0)).await.unwrap(),
        Outcome::Done(_)
    ));
}

async fn a_rehash_loses_against_a_change(store: &dyn Store) {
    let user = user(store, "alice").await;
    let token = open(store, user, 0, 0).await.unwrap();
    assert!(
        store
            .rehash(user, &hash("first"), &hash("stronger"))
            .await
            .unwrap()
    );
    assert!(
        !store
            .rehash(user, &hash("first"), &hash("late"))
            .await
            .unwrap(),
        "a rehash loses against a change"
    );
    assert_eq!(
        store.by_id(user).await.unwrap().unwrap().hash,
        hash("stronger")
    );
    assert!(
        live(store, token.id()).await.is_some(),
        "a rehash ends nothing"
    );
}

async fn a_disabled_account_has_no_session_and_gets_none(store: &dyn Store) {
    let user = user(store, "alice").await;
    let token = open(store, user, 0, 0).await.unwrap();
    assert_eq!(
        store.set_disabled(user, true, at(1)).await.unwrap(),
        Outcome::Done(vec![token.id()])
    );
    assert!(
        live(store, token.id()).await.is_none() && store.of_user(user).await.unwrap().is_empty()
    );
    let now = epoch(store, user).await;
    assert_eq!(
        open(store, user, now, 0).await.unwrap_err(),
        Outcome::NoAuthority
    );
    assert!(matches!(
        store.set_disabled(user, false, at(2)).await.unwrap(),
        Outcome::Done(_)
    ));
    assert!(
        live(store, token.id()).await.is_none(),
        "enabling brings no session back"
    );
    assert!(open(store, user, now, 0).await.is_ok());
    assert_eq!(
        store
            .set_disabled(UserId::random(), true, at(1))
            .await
            .unwrap(),
        Outcome::NotFound
    );
}

async fn a_deleted_account_leaves_nothing(store: &dyn Store) {
    let user = user(store, "alice").await;
    let token = open(store, user, 0, 0).await.unwrap();
    assert_eq!(
        store.delete(user, at(1)).await.unwrap(),
        Outcome::Done(vec![token.id()])
    );
    assert!(live(store, token.id()).await.is_none() && store.by_id(user).await.unwrap().is_none());
    assert_eq!(store.delete(user, at(1)).await.unwrap(), Outcome::NotFound);
    assert!(
        store.create(&new_user("alice"), None).await.unwrap(),
        "the name is free again"
    );
}

async fn every_end_is_in_the_feed(store: &dyn Store) {
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
    let Beat { cursor, changes } = store.beat(Some(start.cursor)).await.unwrap();
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
    assert_eq!(
        (same.cursor, same.changes),
        (next.cursor, Some(Vec::new())),
        "nothing is told twice"
    );
    let all = store.beat(Some(start.cursor)).await.unwrap();
    assert!(
        all.changes.is_none_or(|changes| changes.len() == 4),
        "an old cursor is told everything, or that there is a gap"
    );
}

async fn a_sweep_takes_what_has_expired(store: &dyn Store) {
    let user = user(store, "alice").await;
    let (old, idle, fresh) = (
        open(store, user, 0, 0).await.unwrap(),
        open(store, user, 0, 500).await.unwrap(),
        open(store, user, 0, 900).await.unwrap(),
    );
    assert_eq!(
        store
            .sweep(at(1000), Duration::from_secs(200))
            .await
            .unwrap(),
        2
    );
    assert!(live(store, old.id()).await.is_none() && live(store, idle.id()).await.is_none());
    assert!(live(store, fresh.id()).await.is_some());
    assert_eq!(
        store
            .sweep(at(1000), Duration::from_secs(200))
            .await
            .unwrap(),
        0
    );
}

/// Whatever the order, a log-in whose epoch was read before everything ended is not there afterwards.
async fn parallel_log_ins_and_a_log_out_everywhere_leave_no_session(store: Arc<dyn Store>) {
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
