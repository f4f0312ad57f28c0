//! The JWT strategy: `POST /refresh`, `/token`, `/introspect`, the published keys, and the same routes as ever.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use lockjar::clock::{Clock, Timestamp};
use lockjar::jwt::Algorithm;
use lockjar::store::Refreshes;
use lockjar::{Builder, CurrentUser, JwtSettings, KeyInfo, SessionId};
use tokio::sync::Notify;

use super::flaky_store::flaky;
use super::jar::{
    REPORTS, SECRET, claims, header, jwt, kid, refresh, refreshed, register, settings, site,
};
use super::support::{Answer, FORM, PASSWORD, Site, encoded, request};
use super::unavailable::assert_is_unavailable;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn a_log_in_sets_two_cookies_that_no_script_can_read() {
    for (url, prefix, secure) in [
        ("http://localhost:8000", "", ""),
        ("https://example.com", "__Host-Http-", " Secure;"),
    ] {
        let site = Site::with(url, jwt).await;
        let form = [("username", "alice"), ("password", PASSWORD)];
        let answer = site.post("/register", "", &form).await;
        let cookies = answer.set_cookies();
        assert_eq!(cookies.len(), 2, "{cookies:?}");
        for (cookie, name) in cookies.iter().zip(["access_token", "refresh_token"]) {
            assert!(cookie.starts_with(&format!("{prefix}{name}=")), "{cookie}");
            let attributes = cookie.split_once(';').unwrap().1;
            assert_eq!(
                attributes,
                format!(" HttpOnly; SameSite=Lax;{secure} Path=/")
            );
            assert!(cookie.len() < 4096);
        }
        assert!(answer.is_private());
    }
}

#[tokio::test]
async fn the_token_says_whose_it_is_and_for_how_long() {
    let site = site().await;
    let jar = register(&site, "alice").await;
    let (header, claims) = (header(jar.access()), claims(jar.access()));
    assert_eq!(
        (&header["typ"], &header["alg"]),
        (&"at+jwt".into(), &"EdDSA".into())
    );
    assert_eq!(claims["iss"], "http://localhost:8000");
    assert_eq!(claims["aud"], "http://localhost:8000");
    assert_eq!(
        claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(),
        300
    );
    let me = site.get("/me", &jar.header()).await.json();
    assert_eq!(claims["sub"], me["id"]);
    let greeting = site.get("/protected", &jar.header()).await;
    assert!(
        greeting.text.contains(claims["sid"].as_str().unwrap()),
        "{}",
        greeting.text
    );
}

#[tokio::test]
async fn pages_routes_and_verbs_are_the_same() {
    let site = site().await;
    let jar = register(&site, "alice").await;
    assert!(
        site.page("/account", &jar.header())
            .await
            .text
            .contains("alice")
    );
    let sessions = site.get("/sessions", &jar.header()).await.json();
    assert_eq!(sessions["sessions"].as_array().unwrap().len(), 1);
    let change = [
        ("current_password", PASSWORD),
        ("new_password", "another umbrella entirely"),
    ];
    let answer = site.post("/password", &jar.header(), &change).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let mut new = jar.clone();
    new.keep(&answer);
    assert!(site.is_in(&new.header()).await && !site.is_in(&jar.header()).await);
}

#[tokio::test]
async fn without_its_access_token_a_browser_goes_on_by_its_refresh_token() {
    let site = site().await;
    let jar = register(&site, "alice").await;
    let answer = site.get("/me", &jar.without("access_token").header()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(answer.set_cookies().len() == 2 && answer.is_private());
    site.pass(6 * MINUTE);
    assert!(
        !site.is_in(&jar.without("refresh_token").header()).await,
        "the access token has expired"
    );
    let answer = site.get("/me", &jar.header()).await;
    assert_eq!(
        (answer.status.as_u16(), answer.set_cookies().len()),
        (200, 2)
    );
    let mut next = jar.clone();
    next.keep(&answer);
    assert!(site.is_in(&next.without("refresh_token").header()).await);
}

#[tokio::test]
async fn a_form_sent_after_five_minutes_does_not_fail() {
    let site = site().await;
    let jar = register(&site, "alice").await;
    site.pass(6 * MINUTE);
    let answer = site.post("/logout", &jar.header(), &[]).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(
        answer
            .set_cookies()
            .iter()
            .all(|cookie| cookie.contains("Max-Age=0")),
        "{:?}",
        answer.set_cookies()
    );
    assert_eq!(refresh(&site, &jar).await.status, 401);
}

#[tokio::test]
async fn fifty_tabs_that_refresh_at_once_all_get_the_same_successor() {
    let site = Arc::new(site().await);
    let jar = register(&site, "alice").await;
    let tabs = (0..50).map(|_| {
        let (site, jar) = (Arc::clone(&site), jar.clone());
        tokio::spawn(async move { refreshed(&site, &jar).await })
    });
    let mut successors = Vec::new();
    for tab in tabs.collect::<Vec<_>>() {
        let next = tab.await.unwrap();
        assert!(site.is_in(&next.without("refresh_token").header()).await);
        successors.push(next.refresh().to_owned());
    }
    successors.dedup();
    assert_eq!(successors.len(), 1, "one successor");
    assert_ne!(successors[0], jar.refresh());
}

#[tokio::test]
async fn a_lost_answer_is_recovered_however_late() {
    let site = site().await;
    let jar = register(&site, "alice").await;
    let lost = refreshed(&site, &jar).await;
    site.pass(11 * HOUR);
    let again = refreshed(&site, &jar).await;
    assert_eq!(again.refresh(), lost.refresh());
    site.pass(10 * MINUTE);
    assert!(site.is_in(&again.header()).await);
}

#[tokio::test]
async fn a_token_older_than_the_one_before_is_told_to_wait_and_later_ends_the_session() {
    let site = site().await;
    let first = register(&site, "alice").await;
    let second = refreshed(&site, &first).await;
    let third = refreshed(&site, &second).await;
    let early = refresh(&site, &first).await;
    assert_eq!(
        (early.status.as_u16(), early.code().as_str()),
        (409, "refresh_conflict")
    );
    assert!(early.set_cookies().is_empty() && early.is_private());
    assert!(site.is_in(&third.header()).await);
    site.pass(MINUTE);
    let theft = refresh(&site, &first).await;
    assert_eq!((theft.status.as_u16(), theft.set_cookies().len()), (401, 0));
    for jar in [&second, &third] {
        assert_eq!(refresh(&site, jar).await.status, 401);
        assert!(
            !site.is_in(&jar.header()).await,
            "its access token is refused too"
        );
    }
}

#[tokio::test]
async fn a_copy_is_found_out_once_the_successor_was_confirmed() {
    let site = site().await;
    let copied = register(&site, "alice").await;
    let owner = refreshed(&site, &copied).await;
    site.pass(Duration::from_secs(40));
    assert!(site.is_in(&owner.header()).await, "which confirms it");
    // It is written down within a second of real time.
    tokio::time::sleep(Duration::from_millis(2500)).await;
    site.pass(MINUTE);
    assert_eq!(refresh(&site, &copied).await.status, 401);
    assert!(!site.is_in(&owner.header()).await);
}

/// The attack: the owner's browser speaks with services alone, which ask us about its access token.
#[tokio::test]
async fn introspection_confirms_a_generation() {
    let site = site().await;
    let copied = register(&site, "alice").await;
    let owner = refreshed(&site, &copied).await;
    let seconds = Duration::from_secs;
    site.pass(seconds(37));
    let known = introspect(&site, &format!("Bearer {SECRET}"), owner.access()).await;
    assert_eq!(known.json()["active"], true);
    // It is written down within a second of real time.
    tokio::time::sleep(Duration::from_millis(2500)).await;
    site.pass(seconds(35));
    let theft = refresh(&site, &copied).await;
    assert_eq!((theft.status.as_u16(), theft.set_cookies().len()), (401, 0));
    assert!(!site.is_in(&owner.header()).await);
}

#[tokio::test]
async fn garbage_with_a_known_session_id_ends_nothing() {
    let site = site().await;
    let jar = register(&site, "alice").await;
    let id = jar.refresh().split('.').next().unwrap();
    let zeros = format!("{id}.{}.{}", "A".repeat(22), "A".repeat(43));
    for garbage in ["", "x", id, &zeros, &format!("{}x", jar.refresh())] {
        let answer = refresh(&site, &jar.with("refresh_token", garbage)).await;
        assert_eq!(
            (answer.status.as_u16(), answer.set_cookies().len()),
            (401, 0),
            "{garbage}"
        );
    }
    site.pass(MINUTE);
    assert_eq!(
        refresh(&site, &jar.with("refresh_token", &zeros))
            .await
            .status,
        401
    );
    assert_eq!(refresh(&site, &jar).await.status, 200);
}

#[tokio::test]
async fn what_was_ended_is_refused_at_once_by_both_tokens() {
    let site = site().await;
    for path in ["/logout", "/logout/all"] {
        let name = path.replace('/', "");
        let jar = register(&site, &name).await;
        assert!(site.is_in(&jar.header()).await, "it is cached");
        let answer = site.post(path, &jar.header(), &[]).await;
        assert_eq!(
            (answer.status.as_u16(), answer.set_cookies().len()),
            (200, 4),
            "two cookies and their doubles"
        );
        assert!(!site.is_in(&jar.header()).await);
        assert_eq!(refresh(&site, &jar).await.status, 401);
    }
    let jar = register(&site, "bob").await;
    let user = site.auth.operator().user("bob").await.unwrap();
    site.auth.operator().disable(user.id).await.unwrap();
    assert!(!site.is_in(&jar.header()).await);
    assert_eq!(refresh(&site, &jar).await.status, 401);
}

#[tokio::test]
async fn a_log_in_ends_the_session_that_it_replaces() {
    let site = site().await;
    let old = register(&site, "alice").await;
    let form = [("username", "alice"), ("password", PASSWORD)];
    let answer = site.post("/login", &old.header(), &form).await;
    assert_eq!(answer.status, 200);
    assert!(!site.is_in(&old.header()).await);
}

#[tokio::test]
async fn a_session_ends_at_its_limit_however_often_it_is_refreshed() {
    let site = site().await;
    let mut jar = register(&site, "alice").await;
    for _ in 0..11 {
        site.pass(HOUR);
        jar = refreshed(&site, &jar).await;
    }
    site.pass(HOUR);
    assert_eq!(refresh(&site, &jar).await.status, 401);
}

#[tokio::test]
async fn forged_tokens_are_refused() {
    let site = site().await;
    let jar = register(&site, "alice").await.without("refresh_token");
    let parts: Vec<_> = jar.access().split('.').collect();
    let encode = |json: &str| URL_SAFE_NO_PAD.encode(json);
    let kid = kid(jar.access());
    let none = encode(&format!(r#"{{"typ":"at+jwt","alg":"none","kid":"{kid}"}}"#));
    let path = encode(r#"{"typ":"at+jwt","alg":"EdDSA","kid":"../../../etc/passwd"}"#);
    let mut other = claims(jar.access());
    other["sub"] = "AAAAAAAAAAAAAAAAAAAAAA".into();
    let other = encode(&other.to_string());
    for forged in [
        format!("{none}.{}.", parts[1]),
        format!("{none}.{}.{}", parts[1], parts[2]),
        format!("{path}.{}.{}", parts[1], parts[2]),
        format!("{}.{other}.{}", parts[0], parts[2]),
        format!("{}.{}", parts[0], parts[1]),
        format!("{}.", jar.access()),
        format!("{}=", jar.access()),
        jar.access().to_uppercase(),
    ] {
        let answer = site
            .get("/protected", &jar.with("access_token", &forged).header())
            .await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (401, "not_authenticated"),
            "{forged}"
        );
    }
    assert!(site.is_in(&jar.header()).await);
}

#[tokio::test]
async fn a_session_token_opens_nothing_here_and_a_jwt_nothing_there() {
    let (jwts, sessions) = (site().await, Site::new().await);
    let jar = register(&jwts, "alice").await;
    let cookie = sessions.register("alice").await;
    let token = cookie.split_once('=').unwrap().1;
    assert!(!jwts.is_in(&format!("access_token={token}")).await);
    assert!(
        !sessions
            .is_in(&format!("lockjar_8000={}", jar.access()))
            .await
    );
    for path in ["/refresh", "/token", "/introspect"] {
        assert_eq!(
            sessions.post(path, &cookie, &[]).await.status,
            404,
            "{path}"
        );
    }
    for path in [
        "/.well-known/jwks.json",
        "/.well-known/oauth-authorization-server",
    ] {
        assert_eq!(sessions.get(path, "").await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn the_keys_are_published_without_their_private_halves() {
    for (algorithm, members) in [
        (
            Algorithm::EdDsa,
            &["kty", "crv", "x", "kid", "alg", "use"][..],
        ),
        (
            Algorithm::Es256,
            &["kty", "crv", "x", "y", "kid", "alg", "use"],
        ),
    ] {
        let settings = with_algorithm(algorithm);
        let site = Site::with("http://localhost:8000", |builder| builder.jwt(settings)).await;
        let jar = register(&site, "alice").await;
        assert!(site.is_in(&jar.header()).await, "{algorithm}");
        let answer = site.get("/.well-known/jwks.json", "").await;
        assert_eq!(answer.header("cache-control"), "public, max-age=600");
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        let keys = answer.json()["keys"].as_array().unwrap().clone();
        assert_eq!(keys.len(), 1);
        assert_eq!(keys[0]["kid"], kid(jar.access()));
        let known = |name: &String| members.contains(&name.as_str());
        assert!(keys[0].as_object().unwrap().keys().all(known), "{keys:?}");
    }
}

fn with_algorithm(algorithm: Algorithm) -> JwtSettings {
    let mut settings = settings();
    settings.keys.algorithm = algorithm;
    settings
}

#[tokio::test]
async fn a_shared_secret_is_never_published() {
    let settings = with_algorithm(Algorithm::Hs256);
    let site = Site::with("http://localhost:8000", |builder| builder.jwt(settings)).await;
    let jar = register(&site, "alice").await;
    assert!(site.is_in(&jar.header()).await);
    let keys = site.get("/.well-known/jwks.json", "").await.json();
    assert_eq!(keys["keys"].as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn rotating_the_keys_logs_nobody_out() {
    let site = site().await;
    let jar = register(&site, "alice").await;
    site.auth.operator().rotate_keys().await.unwrap();
    let published = site.get("/.well-known/jwks.json", "").await.json();
    assert_eq!(
        published["keys"].as_array().unwrap().len(),
        2,
        "the next is known before it signs"
    );
    site.pass(10 * MINUTE);
    let before = refreshed(&site, &jar).await;
    assert_eq!(kid(before.access()), kid(jar.access()), "it waits");
    site.pass(2 * MINUTE);
    let after = refreshed(&site, &before).await;
    assert_ne!(kid(after.access()), kid(jar.access()), "now it signs");
    // Without their refresh tokens, which would hide that a key is no longer believed.
    let by_the_old = before.without("refresh_token").header();
    site.pass(3 * MINUTE - Duration::from_secs(1));
    assert!(site.is_in(&by_the_old).await, "its last second");
    assert!(site.is_in(&after.without("refresh_token").header()).await);
    site.pass(Duration::from_secs(1));
    assert!(!site.is_in(&by_the_old).await, "five minutes are over");
}

/// Half an hour of visits, in which keys are made, sign and retire. A visitor refreshes when the access token has expired
/// and no earlier, or a refresh would hide that a key was given up too early.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rotation_under_load_refuses_nobody() {
    let site = Arc::new(site().await);
    let done = Arc::new(AtomicBool::new(false));
    let mut visitors = Vec::new();
    for minute in 0..30 {
        // They come one after the other, so that whenever a key retires there are tokens of every age.
        if minute < 5 {
            let (site, done) = (Arc::clone(&site), Arc::clone(&done));
            let visit = async move { visit(&site, &format!("visitor{minute}"), &done).await };
            visitors.push(tokio::spawn(visit));
        }
        if minute % 10 == 0 {
            site.auth.operator().rotate_keys().await.unwrap();
        }
        site.pass(MINUTE);
        // To list the keys is to read them again, after which every token is verified again.
        site.auth.operator().keys().await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    done.store(true, Ordering::Relaxed);
    let mut last_visits = BTreeMap::new();
    for visitor in visitors {
        for (kid, at) in visitor.await.unwrap() {
            let last = last_visits.entry(kid).or_insert(at);
            *last = at.max(*last);
        }
    }
    let keys = site.auth.operator().keys().await.unwrap();
    let outlived = |key: &&KeyInfo| {
        let last = last_visits.get(&key.kid);
        last.is_some_and(|last| key.retired_at.is_some_and(|retired| *last > retired))
    };
    assert_eq!(
        keys.iter().filter(outlived).count(),
        2,
        "two keys retired while their tokens were in use: {last_visits:?}, {keys:?}"
    );
}

/// Visits until it is `done`; answers when the tokens of each key last opened the door by themselves.
async fn visit(site: &Site, name: &str, done: &AtomicBool) -> BTreeMap<String, Timestamp> {
    let mut jar = register(site, name).await;
    let mut last_visits = BTreeMap::new();
    while !done.load(Ordering::Relaxed) {
        let began = site.clock.now();
        let answer = site
            .get("/me", &jar.without("refresh_token").header())
            .await;
        // The clock is read after the answer: what lives now has lived all the while.
        if site.clock.now().as_millis() / 1000 < claims(jar.access())["exp"].as_i64().unwrap() {
            assert_eq!(answer.status, 200, "{name}: {}", answer.text);
            assert!(answer.set_cookies().is_empty(), "{name}");
            last_visits.insert(kid(jar.access()), began);
        } else {
            let answer = site.get("/me", &jar.header()).await;
            assert_eq!(answer.status, 200, "{name}: {}", answer.text);
            jar.keep(&answer);
        }
        tokio::task::yield_now().await;
    }
    last_visits
}

#[tokio::test]
async fn a_revoked_key_is_refused_at_once_and_its_sessions_live_on() {
    let site = site().await;
    let jar = register(&site, "alice").await;
    assert!(
        site.is_in(&jar.header()).await,
        "it was verified and is cached"
    );
    let kid = kid(jar.access());
    site.auth.operator().revoke_key(&kid).await.unwrap();
    assert!(!site.is_in(&jar.without("refresh_token").header()).await);
    let answer = site.get("/protected", &jar.header()).await;
    assert_eq!(
        (answer.status.as_u16(), answer.set_cookies().len()),
        (200, 2)
    );
    let published = site.get("/.well-known/jwks.json", "").await.json();
    assert!(
        published["keys"]
            .as_array()
            .unwrap()
            .iter()
            .all(|key| key["kid"] != kid.as_str())
    );
}

#[tokio::test]
async fn a_token_for_another_service_is_not_the_cookies_and_opens_nothing_here() {
    let site = site().await;
    let jar = register(&site, "alice").await;
    let answer = site
        .post("/token", &jar.header(), &[("audience", REPORTS)])
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(answer.is_private());
    let body = answer.json();
    let token = body["access_token"].as_str().unwrap();
    assert_eq!(
        (&body["token_type"], &body["expires_in"]),
        (&"Bearer".into(), &300.into())
    );
    assert_eq!(claims(token)["aud"], REPORTS);
    assert_eq!(claims(token)["sid"], claims(jar.access())["sid"]);
    assert_eq!(claims(jar.access())["gen"], 0);
    assert!(claims(token).get("gen").is_none());
    assert!(!answer.text.contains(jar.access()) && !answer.text.contains(jar.refresh()));
    assert!(!site.is_in(&format!("access_token={token}")).await);
    for (audience, cookie, status) in [
        ("https://evil.example", jar.header(), 422),
        ("http://localhost:8000", jar.header(), 422),
        ("", jar.header(), 422),
        (REPORTS, String::new(), 401),
    ] {
        let answer = site
            .post("/token", &cookie, &[("audience", audience)])
            .await;
        assert_eq!(answer.status, status, "{audience}: {}", answer.text);
    }
}

async fn introspect(site: &Site, authorization: &str, token: &str) -> Answer {
    let headers = [("content-type", FORM), ("authorization", authorization)];
    let body = encoded(&[("token", token)]);
    site.ask(request("POST", "/introspect", &headers, &body))
        .await
}

#[tokio::test]
async fn a_service_with_the_secret_learns_whether_a_token_is_good_now() {
    let site = site().await;
    let jar = register(&site, "alice").await;
    let minted = site
        .post("/token", &jar.header(), &[("audience", REPORTS)])
        .await
        .json();
    let minted = minted["access_token"].as_str().unwrap().to_owned();
    let bearer = format!("Bearer {SECRET}");
    let basic = format!("Basic {}", STANDARD.encode(format!("reports:{SECRET}")));
    for (token, audience) in [(jar.access(), "http://localhost:8000"), (&minted, REPORTS)] {
        for authorization in [&bearer, &basic] {
            let answer = introspect(&site, authorization, token).await;
            assert!(answer.is_private());
            let known = answer.json();
            assert_eq!(
                (&known["active"], &known["username"]),
                (&true.into(), &"alice".into())
            );
            assert_eq!(known["aud"][0], audience);
        }
    }
    site.post("/logout", &jar.header(), &[]).await;
    for token in [jar.access(), &minted, "garbage"] {
        let answer = introspect(&site, &bearer, token).await;
        assert_eq!(answer.json(), serde_json::json!({ "active": false }));
    }
}

/// RFC 6749, 2.3.1 has names and passwords form-encoded before they go into `Basic`.
#[tokio::test]
async fn a_secret_with_signs_may_come_encoded_or_as_it_is() {
    let secret = "c2lnbnM+YW5k/some%20more=and+all+this==";
    let settings = JwtSettings {
        introspection_secret: Some(secret.to_owned().into()),
        ..settings()
    };
    let site = Site::with("http://localhost:8000", |builder| builder.jwt(settings)).await;
    let jar = register(&site, "alice").await;
    let basic =
        |password: &str| format!("Basic {}", STANDARD.encode(format!("reports:{password}")));
    let encoded = encoded(&[("", secret)]);
    let encoded = encoded.strip_prefix('=').unwrap();
    assert_ne!(encoded, secret);
    for authorization in [basic(secret), basic(encoded), format!("Bearer {secret}")] {
        let answer = introspect(&site, &authorization, jar.access()).await;
        assert_eq!(answer.json()["active"], true, "{authorization}");
    }
}

/// A service sends no `Origin`, and no browser adds its secret by itself. Negative test 17.
#[tokio::test]
async fn introspection_works_in_strict_mode_and_nothing_else_does() {
    let strict = |builder: Builder| jwt(builder).strict_csrf();
    let site = Site::with("http://localhost:8000", strict).await;
    let bearer = format!("Bearer {SECRET}");
    let answer = introspect(&site, &bearer, "garbage").await;
    assert_eq!(
        (answer.status.as_u16(), &answer.json()["active"]),
        (200, &false.into())
    );
    for path in [
        "/refresh",
        "/token",
        "/login",
        "/introspect/",
        "//introspect",
        "/Introspect",
    ] {
        let headers = [("authorization", bearer.as_str()), ("content-type", FORM)];
        let answer = site.ask(request("POST", path, &headers, "")).await;
        assert_eq!(answer.code(), "cross_origin", "{path}");
    }
    let elsewhere = [
        ("authorization", bearer.as_str()),
        ("origin", "https://evil.example"),
    ];
    let answer = site
        .ask(request("POST", "/introspect", &elsewhere, ""))
        .await;
    assert_eq!(answer.code(), "cross_origin");
}

/// A thief who refreshes again and again makes the owner's token too old for anything but this.
#[tokio::test]
async fn an_older_refresh_token_of_the_family_can_still_log_out() {
    let site = site().await;
    let owner = register(&site, "alice").await;
    let thief = refreshed(&site, &refreshed(&site, &owner).await).await;
    let owner = owner.without("access_token");
    assert_eq!(
        site.get("/me", &owner.header()).await.code(),
        "refresh_conflict"
    );
    let answer = site.post("/logout", &owner.header(), &[]).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(
        answer
            .set_cookies()
            .iter()
            .all(|cookie| cookie.contains("Max-Age=0"))
    );
    assert_eq!(site.get("/me", &thief.header()).await.status, 401);
}

/// A host below the shared domain can put its own access token over the owner's.
#[tokio::test]
async fn logging_out_ends_the_session_of_either_cookie() {
    let site = site().await;
    let (owner, planted) = (
        register(&site, "alice").await,
        register(&site, "mallory").await,
    );
    let both = owner.with("access_token", planted.access());
    assert_eq!(site.post("/logout", &both.header(), &[]).await.status, 200);
    for jar in [owner, planted] {
        assert_eq!(refresh(&site, &jar).await.status, 401);
    }
}

/// The session id is public: what is made of it logs nobody out.
#[tokio::test]
async fn a_forged_token_of_the_session_logs_nobody_out() {
    let site = site().await;
    let owner = register(&site, "alice").await;
    let [session, _, secret] = owner.refresh().split('.').collect::<Vec<_>>()[..] else {
        panic!("three parts");
    };
    let forged = format!("refresh_token={session}.{}.{secret}", "A".repeat(22));
    assert_eq!(site.post("/logout", &forged, &[]).await.status, 200);
    assert!(site.is_in(&owner.header()).await);
}

/// An answer that took its time must not put the cookies of an ended session over those of a newer one.
#[tokio::test]
async fn a_slow_answer_does_not_bring_back_the_cookies_of_an_ended_session() {
    let site = site().await;
    let jar = register(&site, "alice").await;
    let old = jar.without("access_token").header();
    let (asked, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let gates = (asked.clone(), go.clone());
    let handler = |_: CurrentUser| async move {
        gates.0.notify_one();
        gates.1.notified().await;
    };
    let app = site.auth.mount(Router::new().route("/slow", get(handler)));
    let slow = Answer::from_router(app, request("GET", "/slow", &[("cookie", &old)], ""));
    let meanwhile = async {
        asked.notified().await;
        let form = [("username", "alice"), ("password", PASSWORD)];
        let answer = site.post("/login", &old, &form).await;
        assert_eq!(answer.status, 200);
        go.notify_one();
        answer
    };
    let (slow, login) = tokio::join!(slow, meanwhile);
    assert_eq!((slow.status.as_u16(), slow.set_cookies().len()), (200, 0));
    let mut new = jar.clone();
    new.keep(&login);
    assert!(site.is_in(&new.header()).await);
}

#[tokio::test]
async fn nobody_else_may_ask_about_tokens() {
    let site = site().await;
    let jar = register(&site, "alice").await;
    let wrong = format!("Basic {}", STANDARD.encode("reports:wrong"));
    for authorization in ["", "Bearer", "Bearer wrong", "Digest x", "Basic !!", &wrong] {
        let answer = introspect(&site, authorization, jar.access()).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (401, "invalid_client"),
            "{authorization}"
        );
        assert!(!answer.header("www-authenticate").is_empty());
    }
    let without = JwtSettings {
        introspection_secret: None,
        ..settings()
    };
    let site = Site::with("http://localhost:8000", |builder| builder.jwt(without)).await;
    assert_eq!(introspect(&site, "Bearer ", "x").await.status, 401);
}

#[tokio::test]
async fn the_metadata_says_what_is_true() {
    let site = Site::with("https://example.com", jwt).await;
    let metadata = site
        .get("/.well-known/oauth-authorization-server", "")
        .await
        .json();
    assert_eq!(metadata["issuer"], "https://example.com");
    assert_eq!(
        metadata["jwks_uri"],
        "https://example.com/.well-known/jwks.json"
    );
    assert_eq!(
        metadata["introspection_endpoint"],
        "https://example.com/introspect"
    );
    assert!(metadata.get("token_endpoint").is_none());
}

#[tokio::test]
async fn another_site_refreshes_nothing() {
    let site = site().await;
    let jar = register(&site, "alice").await;
    for path in ["/refresh", "/token"] {
        let cookie = jar.header();
        let headers = [
            ("cookie", cookie.as_str()),
            ("origin", "https://evil.example"),
        ];
        let answer = site.ask(request("POST", path, &headers, "")).await;
        assert_eq!(
            (answer.status.as_u16(), answer.set_cookies().len()),
            (403, 0),
            "{path}"
        );
    }
}

#[tokio::test]
async fn planted_doubles_are_not_believed() {
    let site = site().await;
    let jar = register(&site, "alice").await;
    let doubled = format!("{}; refresh_token=x", jar.header());
    let answer = site.post("/refresh", &doubled, &[]).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (401, "duplicate_cookie")
    );
}

#[tokio::test]
async fn a_store_that_fails_is_503_and_the_same_token_works_afterwards() {
    let (site, store) = flaky(jwt).await;
    let jar = register(&site, "alice").await;
    store.set_down(true);
    assert_is_unavailable(&refresh(&site, &jar).await, "/refresh");
    let inline = site.get("/me", &jar.without("access_token").header()).await;
    assert_is_unavailable(&inline, "/me");
    store.set_down(false);
    assert_eq!(refresh(&site, &jar).await.status, 200);
}

/// Nobody here knows then whether the chain moved. It did, and the retry finds its successor.
#[tokio::test]
async fn a_store_that_commits_and_then_fails_is_503_and_the_successor_is_found_again() {
    let (site, store) = flaky(jwt).await;
    let jar = register(&site, "alice").await;
    let session = claims(jar.access())["sid"].as_str().unwrap().parse();
    let session: SessionId = session.unwrap();
    store.set_loses_answers(true);
    assert_is_unavailable(&refresh(&site, &jar).await, "/refresh");
    store.set_loses_answers(false);
    let chain = store.chain(session).await.unwrap().unwrap();
    assert_eq!(chain.chain.generation, 1, "it was committed");
    let next = refreshed(&site, &jar).await;
    assert_ne!(next.refresh(), jar.refresh());
    assert_eq!(claims(next.access())["gen"], 1, "nothing moved again");
    assert!(site.is_in(&next.without("refresh_token").header()).await);
    let again = refreshed(&site, &jar).await;
    assert_eq!(again.refresh(), next.refresh());
    let third = refreshed(&site, &next).await;
    assert_ne!(third.refresh(), next.refresh(), "the successor moves it on");
    assert!(site.is_in(&third.header()).await);
}
