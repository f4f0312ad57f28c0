//! Refresh chains and signing keys: conditional in every write.

use std::sync::Arc;

use super::{at, epoch, hash, new_user, user};
use crate::id::{SessionId, UserId};
use crate::refresh::{Chain, Decision, RefreshToken, decide};
use crate::session::{NewSession, Session};
use crate::store::{
    Beat, By, Change, LiveChain, NewSignIn, Outcome, PasswordChange, Store, StoredKey, Which,
};

/// A session with a chain, as a verb hands it over.
fn new_session(user: UserId) -> (RefreshToken, NewSession) {
    let token = RefreshToken::generate(SessionId::random());
    let session = Session {
        id: token.session(),
        user,
        created_at: at(0),
        last_seen_at: at(0),
        expires_at: at(1000),
        remember: true,
        user_agent: None,
    };
    let new = NewSession {
        session,
        secret: token.family_hash(),
        refresh: Some(Chain::start(&token, at(0))),
    };
    (token, new)
}

/// The same, opened by a log-in.
async fn begin(store: &dyn Store, user: UserId) -> RefreshToken {
    let (token, new) = new_session(user);
    let sign_in = NewSignIn {
        new,
        epoch: epoch(store, user).await,
        replaces: None,
        per_user: 100,
    };
    assert!(matches!(
        store.open(&sign_in).await.unwrap(),
        Outcome::Done(_)
    ));
    token
}

async fn chain(store: &dyn Store, token: &RefreshToken) -> LiveChain {
    store.chain(token.session()).await.unwrap().unwrap()
}

/// What a refresh of `token` would write, and the token after it.
async fn next(store: &dyn Store, token: &RefreshToken, seconds: i64) -> (Chain, RefreshToken) {
    let found = chain(store, token).await;
    match decide(Some(&found), token, at(seconds), crate::id::random()) {
        Decision::Rotate { chain, token } => (chain, token),
        other => panic!("{other:?}"),
    }
}

async fn advance(store: &dyn Store, token: &RefreshToken, next: &Chain) -> bool {
    store.advance(token.session(), next).await.unwrap()
}

pub(super) async fn a_chain_begins_with_every_new_session(store: &dyn Store) {
    let alice = new_user("alice");
    let (at_sign_up, first) = new_session(alice.id);
    assert!(store.create(&alice, Some(&first)).await.unwrap());
    let at_log_in = begin(store, alice.id).await;
    for token in [&at_sign_up, &at_log_in] {
        let (second, _) = next(store, token, 1).await;
        assert!(advance(store, token, &second).await);
    }
    let (token, session) = new_session(alice.id);
    let change = PasswordChange {
        user: alice.id,
        by: By::Session(at_log_in.session()),
        epoch: Some(0),
        hash: hash("second"),
        session: Some(session),
        now: at(2),
    };
    assert!(matches!(
        store.set_password(&change).await.unwrap(),
        Outcome::Done(_)
    ));
    for old in [at_sign_up, at_log_in] {
        assert!(store.chain(old.session()).await.unwrap().is_none());
    }
    let begun = chain(store, &token).await;
    assert_eq!((begun.live.epoch, begun.chain.generation), (1, 0));
    let (second, _) = next(store, &token, 3).await;
    assert!(
        advance(store, &token, &second).await,
        "the epoch that a chain lives under is the one that its session was opened under"
    );
}

pub(super) async fn a_chain_moves_on_by_one_and_keeps_what_it_was_told(store: &dyn Store) {
    let user = user(store, "alice").await;
    let token = begin(store, user).await;
    let (moved, second) = next(store, &token, 10).await;
    assert!(advance(store, &token, &moved).await);
    assert!(
        !advance(store, &token, &moved).await,
        "no generation is written twice"
    );
    let LiveChain { live, chain } = chain(store, &token).await;
    assert_eq!((chain.generation, chain.issued_at), (1, at(10)));
    assert!(chain.current.equals(&second.hash()) && live.secret.equals(&token.family_hash()));
    assert!(chain.previous.unwrap().equals(&token.hash()));
    assert_eq!((chain.salt, chain.confirmed_at), (moved.salt, None));
    assert_eq!((live.user.id, live.session.expires_at), (user, at(1000)));
}

pub(super) async fn a_chain_moves_alone(store: &dyn Store) {
    let user = user(store, "alice").await;
    let (token, other) = (begin(store, user).await, begin(store, user).await);
    let (moved, _) = next(store, &token, 10).await;
    assert!(advance(store, &token, &moved).await);
    let other = chain(store, &other).await.chain;
    assert_eq!((other.generation, other.issued_at), (0, at(0)));
}

pub(super) async fn of_parallel_refreshes_one_is_written(store: Arc<dyn Store>) {
    let user = user(&*store, "alice").await;
    let token = begin(&*store, user).await;
    let mut chains = Vec::new();
    for _ in 0..20 {
        chains.push(next(&*store, &token, 10).await.0);
    }
    let write = |next| {
        let (store, token) = (Arc::clone(&store), token.clone());
        tokio::spawn(async move { advance(&*store, &token, &next).await })
    };
    let writes: Vec<_> = chains.into_iter().map(write).collect();
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
        let (moved, _) = next(store, &token, 10).await;
        store.end(user, which, By::Operator, at(11)).await.unwrap();
        assert!(
            !advance(store, &token, &moved).await,
            "{which:?}: a refresh in flight is too late"
        );
        assert!(store.chain(token.session()).await.unwrap().is_none());
    }
    let token = begin(store, user).await;
    let (moved, _) = next(store, &token, 10).await;
    store.set_disabled(user, true, at(11)).await.unwrap();
    assert!(
        !advance(store, &token, &moved).await,
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
    let (moved, _) = next(store, &token, 10).await;
    assert!(advance(store, &token, &moved).await);
}

pub(super) async fn a_generation_is_confirmed_once_and_only_while_it_is_current(store: &dyn Store) {
    let user = user(store, "alice").await;
    let token = begin(store, user).await;
    let confirmed = async || {
        let found = chain(store, &token).await;
        found.chain.confirmed_at
    };
    store.confirm(token.session(), 1, at(40)).await.unwrap();
    assert_eq!(confirmed().await, None, "there is no such generation yet");
    store.confirm(token.session(), 0, at(40)).await.unwrap();
    store.confirm(token.session(), 0, at(50)).await.unwrap();
    assert_eq!(confirmed().await, Some(at(40)));
    let (moved, _) = next(store, &token, 60).await;
    assert!(advance(store, &token, &moved).await);
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
