//! Refresh chains and signing keys: conditional in every write.

use std::sync::Arc;

use super::{at, epoch, user};
use crate::id::{SessionId, UserId};
use crate::refresh::{Decision, RefreshRow, RefreshToken, decide};
use crate::session::{NewSession, Session};
use crate::store::{Beat, By, Change, NewSignIn, Outcome, Store, StoredKey, Which};

/// A session with a chain, as a log-in opens it.
async fn begin(store: &dyn Store, user: UserId) -> RefreshToken {
    let token = RefreshToken::generate(SessionId::random());
    let epoch = epoch(store, user).await;
    let session = Session {
        id: token.session(),
        user,
        created_at: at(0),
        last_seen_at: at(0),
        expires_at: at(1000),
        remember: true,
        user_agent: None,
    };
    let row = RefreshRow::start(&token, epoch, at(0), session.expires_at);
    let new = NewSession {
        session,
        secret: row.family,
        refresh: Some(row),
    };
    let sign_in = NewSignIn {
        new,
        epoch,
        replaces: None,
        per_user: 100,
    };
    assert!(matches!(
        store.open(&sign_in).await.unwrap(),
        Outcome::Done(_)
    ));
    token
}

/// What a refresh of `token` would write, and the token after it.
async fn next(store: &dyn Store, token: &RefreshToken, seconds: i64) -> (RefreshRow, RefreshToken) {
    let chain = store.chain(token.session()).await.unwrap().unwrap();
    let salt = crate::id::random();
    match decide(Some(&chain.row), token, chain.live.epoch, at(seconds), salt) {
        Decision::Rotate { row, token } => (*row, token),
        other => panic!("{other:?}"),
    }
}

pub(super) async fn a_chain_moves_on_by_one_and_keeps_what_it_was_told(store: &dyn Store) {
    let user = user(store, "alice").await;
    let token = begin(store, user).await;
    let (row, second) = next(store, &token, 10).await;
    assert!(store.advance(&row).await.unwrap());
    assert!(
        !store.advance(&row).await.unwrap(),
        "no generation is written twice"
    );
    let chain = store.chain(token.session()).await.unwrap().unwrap();
    assert_eq!((chain.row.generation, chain.row.issued_at), (1, at(10)));
    assert!(
        chain.row.current.equals(&second.hash()) && chain.row.family.equals(&token.family_hash())
    );
    assert!(chain.row.previous.unwrap().equals(&token.hash()));
    assert_eq!((chain.row.salt, chain.row.confirmed_at), (row.salt, None));
    assert_eq!((chain.live.user.id, chain.row.expires_at), (user, at(1000)));
}

pub(super) async fn of_parallel_refreshes_one_is_written(store: Arc<dyn Store>) {
    let user = user(&*store, "alice").await;
    let token = begin(&*store, user).await;
    let mut rows = Vec::new();
    for _ in 0..20 {
        rows.push(next(&*store, &token, 10).await.0);
    }
    let write = |row| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.advance(&row).await.unwrap() })
    };
    let writes: Vec<_> = rows.into_iter().map(write).collect();
    let mut written = 0;
    for write in writes {
        written += usize::from(write.await.unwrap());
    }
    assert_eq!(written, 1);
}

pub(super) async fn a_chain_ends_with_its_session(store: &dyn Store) {
    let user = user(store, "alice").await;
    for which in [Which::One(SessionId::random()), Which::All] {
        let token = begin(store, user).await;
        let which = match which {
            Which::One(_) => Which::One(token.session()),
            other => other,
        };
        let (row, _) = next(store, &token, 10).await;
        store.end(user, which, By::Operator, at(11)).await.unwrap();
        assert!(
            !store.advance(&row).await.unwrap(),
            "{which:?}: a refresh in flight is too late"
        );
        assert!(store.chain(token.session()).await.unwrap().is_none());
    }
    let token = begin(store, user).await;
    let (row, _) = next(store, &token, 10).await;
    store.set_disabled(user, true, at(11)).await.unwrap();
    assert!(
        !store.advance(&row).await.unwrap(),
        "so it is when the account is disabled"
    );
}

pub(super) async fn a_session_that_is_kept_keeps_its_chain(store: &dyn Store) {
    let user = user(store, "alice").await;
    let token = begin(store, user).await;
    let kept = Which::AllBut(token.session());
    store
        .end(user, kept, By::Session(token.session()), at(5))
        .await
        .unwrap();
    let (row, _) = next(store, &token, 10).await;
    assert!(store.advance(&row).await.unwrap());
}

pub(super) async fn a_generation_is_confirmed_once_and_only_while_it_is_current(store: &dyn Store) {
    let user = user(store, "alice").await;
    let token = begin(store, user).await;
    let confirmed = async || {
        let chain = store.chain(token.session()).await.unwrap().unwrap();
        chain.row.confirmed_at
    };
    store.confirm(token.session(), 1, at(40)).await.unwrap();
    assert_eq!(confirmed().await, None, "there is no such generation yet");
    store.confirm(token.session(), 0, at(40)).await.unwrap();
    store.confirm(token.session(), 0, at(50)).await.unwrap();
    assert_eq!(confirmed().await, Some(at(40)));
    let (row, _) = next(store, &token, 60).await;
    assert!(store.advance(&row).await.unwrap());
    assert_eq!(confirmed().await, None, "the next one has not arrived");
    store.confirm(SessionId::random(), 0, at(60)).await.unwrap();
}

pub(super) async fn keys_change_all_at_once_or_not_at_all(store: &dyn Store) {
    let key = |kid: &str, created: i64| StoredKey {
        kid: kid.to_owned(),
        algorithm: "EdDSA".to_owned(),
        sealed: vec![1, 2, 3],
        created_at: at(created),
        signs_from: at(created + 60),
        revoked_at: None,
    };
    let Beat { cursor, .. } = store.beat(None).await.unwrap();
    let (one, two) = (vec![key("a", 0)], vec![key("a", 0), key("b", 1)]);
    assert!(store.keys().await.unwrap().is_empty());
    assert!(store.set_keys(&[], &one, at(0)).await.unwrap());
    assert!(
        !store.set_keys(&[], &two, at(1)).await.unwrap(),
        "another process was first"
    );
    assert_eq!(store.keys().await.unwrap(), one);
    assert!(store.set_keys(&one, &two, at(1)).await.unwrap());
    assert_eq!(store.keys().await.unwrap(), two);
    let mut revoked = two.clone();
    revoked[0].revoked_at = Some(at(2));
    assert!(store.set_keys(&two, &revoked, at(2)).await.unwrap());
    assert_eq!(store.keys().await.unwrap(), revoked);
    let changes = store.beat(Some(cursor)).await.unwrap().changes;
    assert_eq!(
        changes,
        Some(vec![Change::Keys; 3]),
        "each change, and no refusal, is in the feed"
    );
}
