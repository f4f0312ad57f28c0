//! The signing keys: what is believed of them, and what an operator can do when they cannot be read.

use super::*;
use crate::jwt::{KeyPolicy, MasterKey};

fn settings(master: u8) -> JwtSettings {
    JwtSettings::new(MasterKey::from_bytes([master; 32]))
}

/// Another process of the same store.
async fn another(fixture: &Fixture, change: impl FnOnce(Builder) -> Builder) -> Auth {
    open(fixture, change).await.unwrap()
}

async fn open(
    fixture: &Fixture,
    change: impl FnOnce(Builder) -> Builder,
) -> Result<Auth, OpenError> {
    let builder = Auth::builder("http://localhost:8000").clock(fixture.clock.clone());
    change(builder).open_with(fixture.store.clone()).await
}

async fn access(fixture: &Fixture) -> AccessToken {
    match fixture.log_in().await.tokens {
        Tokens::Jwt { access, .. } => access,
        Tokens::Session(_) => panic!("the JWT strategy makes JWTs"),
    }
}

async fn is_refused(auth: &Auth, token: &AccessToken) -> bool {
    match auth.authenticate(token.reveal()).await {
        Ok(_) => false,
        Err(Error::NotAuthenticated) => true,
        Err(error) => panic!("neither in nor out: {error:?}"),
    }
}

async fn signer(auth: &Auth) -> String {
    let keys = auth.operator().keys().await.unwrap();
    keys.into_iter().find(|key| key.signs).unwrap().kid
}

/// What another process writes, of which this one has heard nothing yet.
async fn rewrite(fixture: &Fixture, change: impl Fn(&mut StoredKey)) {
    let before = fixture.store.sqlite.keys().await.unwrap();
    let mut after = before.clone();
    after.iter_mut().for_each(change);
    let now = fixture.clock.now();
    let written = fixture.store.sqlite.set_keys(&before, &after, now).await;
    assert!(written.unwrap());
}

#[tokio::test]
async fn a_process_that_was_frozen_refuses_a_key_revoked_meanwhile() {
    let fixture = with_jwts().await;
    fixture.alice().await;
    let token = access(&fixture).await;
    assert!(!is_refused(&fixture.auth, &token).await);
    let now = fixture.clock.now();
    rewrite(&fixture, |row| row.revoked_at = Some(now)).await;
    fixture.clock.advance(Duration::from_secs(60));
    assert!(is_refused(&fixture.auth, &token).await);
    assert_eq!(fixture.auth.jwks().await.unwrap().unwrap().keys, []);
}

#[tokio::test]
async fn a_token_is_not_refused_because_the_keys_cannot_be_read() {
    let fixture = with_jwts().await;
    fixture.alice().await;
    let token = access(&fixture).await;
    fixture.store.broken.store(true, Ordering::SeqCst);
    fixture.clock.advance(Duration::from_secs(60));
    for _ in 0..2 {
        let answer = fixture.auth.authenticate(token.reveal()).await;
        assert!(matches!(answer, Err(Error::Unavailable(_))), "{answer:?}");
    }
    assert!(matches!(
        fixture.auth.jwks().await,
        Err(Error::Unavailable(_))
    ));
    // What no key could make good is refused without asking anybody.
    let garbage = fixture.auth.authenticate("garbage").await;
    assert!(matches!(garbage, Err(Error::NotAuthenticated)));
}

#[tokio::test]
async fn a_damaged_key_row_stops_no_revocation_and_no_server_that_runs() {
    let fixture = with_jwts().await;
    fixture.alice().await;
    let first = signer(&fixture.auth).await;
    fixture.auth.operator().rotate_keys().await.unwrap();
    let token = access(&fixture).await;
    let start = fixture.store.beat(None).await.unwrap().cursor;
    rewrite(&fixture, |row| {
        if row.kid != first {
            row.sealed.truncate(20);
        }
    })
    .await;
    fixture
        .auth
        .follow_feed(start)
        .await
        .expect("the feed is followed all the same");
    assert!(
        !is_refused(&fixture.auth, &token).await,
        "the sound one goes on"
    );
    let operator = another(&fixture, |builder| {
        builder.jwt(settings(7)).with_unreadable_keys()
    });
    let operator = operator.await;
    let keys = operator.operator().keys().await.unwrap();
    assert_eq!(keys.len(), 2);
    assert!(keys.iter().all(|key| key.opens == (key.kid == first)));
    for key in keys {
        operator.operator().revoke_key(&key.kid).await.unwrap();
    }
    fixture.auth.follow_feed(start).await.unwrap();
    assert!(is_refused(&fixture.auth, &token).await);
    assert!(
        !is_refused(&fixture.auth, &access(&fixture).await).await,
        "a new one signs"
    );
}

#[tokio::test]
async fn without_the_old_master_key_the_old_keys_can_be_revoked_and_sessions_live_on() {
    let fixture = with_jwts().await;
    let Tokens::Jwt { access, refresh } = fixture.alice().await.tokens else {
        panic!("the JWT strategy makes JWTs");
    };
    let refused = open(&fixture, |builder| builder.jwt(settings(8))).await;
    assert!(matches!(refused, Err(OpenError::Config(_))), "{refused:?}");
    let operator = another(&fixture, |builder| {
        builder.jwt(settings(8)).with_unreadable_keys()
    });
    operator.await.operator().revoke_all_keys().await.unwrap();
    let new = another(&fixture, |builder| builder.jwt(settings(8))).await;
    assert!(is_refused(&new, &access).await);
    let renewed = new.refresh(refresh.reveal().as_bytes()).await.unwrap();
    let Tokens::Jwt { access, .. } = renewed.tokens else {
        panic!("the JWT strategy makes JWTs");
    };
    assert!(!is_refused(&new, &access).await);
}

/// Whoever has the old master key would otherwise have a new key under it within a minute.
#[tokio::test]
async fn a_server_with_a_superseded_master_key_makes_no_more_keys() {
    let fixture = with_jwts().await;
    let operator = another(&fixture, |builder| {
        builder.jwt(settings(8)).with_unreadable_keys()
    });
    operator.await.operator().revoke_all_keys().await.unwrap();
    let before = fixture.store.sqlite.keys().await.unwrap();
    fixture.auth.tend_keys().await;
    assert_eq!(fixture.store.sqlite.keys().await.unwrap(), before);
}

#[tokio::test]
async fn a_key_that_cannot_be_opened_is_a_fault_to_services_and_no_log_out() {
    let secret = "a secret of forty characters or a few more";
    let settings = JwtSettings {
        introspection_secret: Some(secret.to_owned().into()),
        ..settings(7)
    };
    let fixture = Fixture::with(|builder| builder.jwt(settings)).await;
    fixture.alice().await;
    let token = access(&fixture).await;
    let start = fixture.store.beat(None).await.unwrap().cursor;
    rewrite(&fixture, |row| row.sealed.truncate(20)).await;
    fixture.auth.follow_feed(start).await.unwrap();
    let asked = fixture.auth.introspector(secret.as_bytes()).unwrap();
    let asked = asked.introspect(token.reveal()).await;
    assert!(matches!(asked, Err(Error::Unavailable(_))), "{asked:?}");
    assert!(matches!(
        fixture.auth.jwks().await,
        Err(Error::Unavailable(_))
    ));
}

#[tokio::test]
async fn an_operator_who_only_looks_makes_no_key() {
    let fixture = Fixture::new().await;
    let operator = another(&fixture, |builder| {
        builder.jwt(settings(7)).with_unreadable_keys()
    });
    let operator = operator.await;
    assert_eq!(operator.operator().keys().await.unwrap(), []);
    assert_eq!(fixture.store.sqlite.keys().await.unwrap(), []);
}

/// A reload that has read the keys before a revocation must not go on with them after it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_acknowledged_revocation_is_not_undone_by_a_reload() {
    let fixture = with_jwts().await;
    fixture.alice().await;
    for _ in 0..20 {
        let (token, kid) = (access(&fixture).await, signer(&fixture.auth).await);
        let auth = fixture.auth.clone();
        fixture.store.delay_keys.store(20_000, Ordering::SeqCst);
        let reload = tokio::spawn(async move { auth.reload_keys().await });
        tokio::time::sleep(Duration::from_millis(5)).await;
        fixture.store.delay_keys.store(0, Ordering::SeqCst);
        fixture.auth.operator().revoke_key(&kid).await.unwrap();
        let ring = fixture.auth.jwt().unwrap().keys();
        reload.await.unwrap().unwrap();
        let after = fixture.auth.jwt().unwrap().keys();
        for ring in [ring, after] {
            assert!(
                ring.keys()
                    .iter()
                    .any(|key| key.kid() == kid && key.revoked_at.is_some())
            );
        }
        assert!(is_refused(&fixture.auth, &token).await);
    }
}

#[test]
fn this_service_is_no_audience_of_its_own() {
    let check = |audience: &str| {
        let jwt = JwtSettings {
            audiences: vec![audience.to_owned()],
            ..settings(7)
        };
        Auth::builder("https://example.com").jwt(jwt).check()
    };
    for (audience, word) in [("https://example.com", "itself"), ("", "name")] {
        let refused = check(audience).unwrap_err().to_string();
        assert!(refused.contains(word), "{refused}");
    }
    assert!(check("https://reports.example.com").is_ok());
}

/// Hosts below the domain are services that check access tokens; what renews them for weeks is none of theirs.
#[tokio::test]
async fn the_refresh_token_goes_to_the_public_host_alone() {
    let fixture = Fixture::new().await;
    let cookie = crate::cookie::CookieSettings {
        domain: Some("example.com".to_owned()),
        ..Default::default()
    };
    let builder = Auth::builder("https://id.example.com").cookie(cookie);
    let builder = builder.jwt(JwtSettings {
        keys: KeyPolicy::default(),
        ..settings(7)
    });
    let auth = builder.open_with(fixture.store.clone()).await.unwrap();
    assert_eq!(auth.cookie().name(), "__Secure-access_token");
    let refresh = auth.refresh_cookie().unwrap();
    assert_eq!(refresh.name(), "__Host-Http-refresh_token");
    let cleared: Vec<_> = refresh.clear().collect();
    let own = cleared[0].to_str().unwrap();
    assert!(own.contains("Path=/") && !own.contains("Domain"), "{own}");
}
