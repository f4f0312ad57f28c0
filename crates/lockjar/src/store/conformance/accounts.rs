//! Accounts, passwords, disabling and deleting.

use super::{at, epoch, hash, live, new_session, new_user, open, user};
use crate::id::UserId;
use crate::store::{Attempt, By, Counted, Counter, ImportedUser, Outcome, PasswordChange, Store};
use crate::throttle::Rule;
use crate::user::Username;

pub(super) async fn accounts_are_found_by_any_spelling_of_their_name(store: &dyn Store) {
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

pub(super) async fn a_taken_name_writes_nothing(store: &dyn Store) {
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

/// What ends a text in SQL, or in a script, is text.
pub(super) async fn a_text_with_sql_in_it_is_text(store: &dyn Store) {
    let alice = user(store, "alice").await;
    for name in [
        "'or'1'='1",
        "alice'--",
        "\"or\"\"=\"",
        "';drop-table-users",
        "$1",
        "a%",
        "a\\'",
    ] {
        let mut odd = new_user(name);
        odd.email = Some(format!("{name}@b.example"));
        let (token, session) = new_session(odd.id, 0);
        assert!(
            store.by_name(odd.name.key()).await.unwrap().is_none(),
            "{name}"
        );
        assert!(store.create(&odd, Some(&session)).await.unwrap(), "{name}");
        let found = store.by_name(odd.name.key()).await.unwrap().unwrap();
        assert_eq!(
            (found.user.id, found.user.username),
            (odd.id, name.to_owned())
        );
        assert_eq!(found.user.email, odd.email);
        assert!(live(store, token.id()).await.is_some());
        let deleted = store.delete(odd.id, at(1)).await.unwrap();
        assert!(matches!(deleted, Outcome::Done(_)), "{name}");
    }
    let left = store.list().await.unwrap();
    assert_eq!(left.iter().map(|user| user.id).collect::<Vec<_>>(), [alice]);
}

fn imported(name: &str, scheme: &str) -> ImportedUser {
    ImportedUser {
        user: new_user(name),
        scheme: scheme.to_owned(),
        disabled_at: None,
        counter: [7; 16],
    }
}

pub(super) async fn an_import_makes_what_is_not_there_and_changes_nothing_that_is(
    store: &dyn Store,
) {
    let alice = user(store, "alice").await;
    let mut bob = imported("Bob", "bcrypt 4");
    bob.user.email = Some("bob@example.com".to_owned());
    bob.user.created_at = at(5);
    bob.disabled_at = Some(at(9));
    let batch = [
        imported("ALICE", "bcrypt 4"),
        bob.clone(),
        imported("bob", "bcrypt 4"),
    ];
    assert_eq!(
        store.import(&batch).await.unwrap(),
        [false, true, false],
        "a name is never taken over, and of two the first counts"
    );
    let found = store.by_name("bob").await.unwrap().unwrap();
    assert_eq!(
        (found.user.id, found.epoch, found.hash),
        (bob.user.id, 0, bob.user.hash)
    );
    assert_eq!(
        (found.user.username.as_str(), found.user.email.as_deref()),
        ("Bob", Some("bob@example.com"))
    );
    assert_eq!(
        (found.user.created_at, found.user.disabled_at),
        (at(5), Some(at(9)))
    );
    assert_eq!(
        store.by_name("alice").await.unwrap().unwrap().user.id,
        alice
    );
    assert_eq!(
        store.import(&batch).await.unwrap(),
        [false; 3],
        "the same again does nothing"
    );
    assert_eq!(store.list().await.unwrap().len(), 2);
    assert!(store.import(&[]).await.unwrap().is_empty());
}

pub(super) async fn an_import_keeps_the_schemes_of_what_it_made(store: &dyn Store) {
    assert!(store.hash_schemes().await.unwrap().is_empty());
    user(store, "alice").await;
    let batch = [
        imported("alice", "of nobody"),
        imported("bob", "phpass 13"),
        imported("carol", "bcrypt 12"),
        imported("dave", "bcrypt 12"),
    ];
    store.import(&batch).await.unwrap();
    store.import(&[imported("eve", "bcrypt 10")]).await.unwrap();
    assert_eq!(
        store.hash_schemes().await.unwrap(),
        ["bcrypt 10", "bcrypt 12", "phpass 13"]
    );
}

pub(super) async fn an_imported_account_begins_without_the_failures_at_its_name(store: &dyn Store) {
    let attempt = |name: &str, key, second| Attempt {
        counters: vec![Counter {
            key,
            rule: Rule::Account,
        }],
        name: Some(name.to_owned()),
        device: None,
        at: at(second),
    };
    let is_refused = |counted| matches!(counted, Counted::Refused(_));
    for (name, key) in [("bob", [7; 16]), ("carol", [8; 16])] {
        let mut second = 0;
        while !is_refused(store.count(&attempt(name, key, second)).await.unwrap()) {
            second += 1;
        }
    }
    store.import(&[imported("bob", "bcrypt 4")]).await.unwrap();
    let counted = |name, key| async move { store.count(&attempt(name, key, 0)).await.unwrap() };
    assert!(!is_refused(counted("bob", [7; 16]).await));
    assert!(is_refused(counted("carol", [8; 16]).await));
}

pub(super) async fn an_account_and_its_first_session_come_together(store: &dyn Store) {
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

pub(super) async fn a_password_change_ends_everything_but_its_own_session(store: &dyn Store) {
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

pub(super) async fn a_password_change_checks_the_epoch_again(store: &dyn Store) {
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

pub(super) async fn a_rehash_loses_against_a_change(store: &dyn Store) {
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

pub(super) async fn a_disabled_account_has_no_session_and_gets_none(store: &dyn Store) {
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

pub(super) async fn a_deleted_account_leaves_nothing(store: &dyn Store) {
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
