use std::time::Duration;

use axum::Router;
use axum::routing::get;
use lockjar::CurrentUser;
use lockjar::password::Argon2Params;

use super::flaky_store::{SAID, flaky};
use super::log::Log;
use super::support::{Answer, FORM, PASSWORD, Site, encoded, request, session_id};

const URL: &str = "http://localhost:8000";
const LOG_IN: [(&str, &str); 2] = [("username", "alice"), ("password", PASSWORD)];

/// Not 401, which would make a client throw its cookie away, and no Set-Cookie, which would do it for the client.
pub(crate) fn assert_is_unavailable(answer: &Answer, asked: &str) {
    assert_eq!(answer.status, 503, "{asked}: {}", answer.text);
    assert_eq!(answer.header("retry-after"), "1", "{asked}");
    assert!(answer.set_cookies().is_empty(), "{asked}");
    assert!(
        !answer.text.contains(SAID) && !answer.text.contains("secret.db"),
        "{asked}: what the store said is for the log"
    );
}

#[tokio::test]
async fn a_store_that_fails_is_503_on_every_route_and_logs_nobody_out() {
    let (site, store) = flaky(|builder| builder).await;
    let maybe = get(async |user: Option<CurrentUser>| {
        user.map_or("nobody".to_owned(), |user| user.username.clone())
    });
    let app = site.auth.mount(Router::new().route("/maybe", maybe));
    let asked = |cookie: &str| {
        Answer::from_router(
            app.clone(),
            request("GET", "/maybe", &[("cookie", cookie)], ""),
        )
    };
    let (here, there) = (site.register("alice").await, site.log_in("alice").await);
    let before = site.written().await;
    store.set_down(true);
    for path in ["/protected", "/me", "/sessions", "/", "/health/ready"] {
        let answer = site.get(path, &here).await;
        assert_is_unavailable(&answer, path);
        assert!(path == "/" || answer.code() == "unavailable", "{path}");
    }
    let revoke = format!("/sessions/{}/revoke", session_id(&there));
    let new = [
        ("current_password", PASSWORD),
        ("new_password", "another fine long one"),
    ];
    for (path, form) in [
        ("/login", &LOG_IN[..]),
        ("/register", &[("username", "bob"), ("password", PASSWORD)]),
        ("/password", &new),
        ("/logout", &[]),
        ("/logout/all", &[]),
        ("/logout/others", &[]),
        (&revoke, &[]),
    ] {
        let answer = site.post(path, &here, form).await;
        assert_is_unavailable(&answer, path);
        assert_eq!(answer.code(), "unavailable", "{path}");
        let page = site.submit(path, &here, form).await;
        assert_is_unavailable(&page, path);
        assert!(page.text.contains("<h1"), "{path}: {}", page.text);
    }
    assert_is_unavailable(&asked(&here).await, "Option<CurrentUser>");
    assert_eq!(
        asked("").await.text,
        "nobody",
        "without a cookie nothing has to be asked"
    );
    for path in ["/account", "/"] {
        let page = site.page(path, &here).await;
        assert_is_unavailable(&page, path);
        assert!(page.text.contains("<h1"), "{path}");
    }
    store.set_down(false);
    assert_eq!(site.written().await, before, "nothing came of any of it");
    assert!(site.is_in(&here).await && site.is_in(&there).await);
    assert_eq!(asked(&here).await.text, "alice");
    site.log_in("alice").await;
}

#[tokio::test]
async fn who_brings_no_cookie_or_garbage_is_answered_without_the_store() {
    let (site, store) = flaky(|builder| builder).await;
    store.set_down(true);
    for cookie in ["", "lockjar_8000=garbage", "other=x"] {
        let answer = site.get("/protected", cookie).await;
        assert_eq!(answer.code(), "not_authenticated", "{cookie}");
    }
    assert_eq!(site.page("/login", "").await.status, 200);
    assert_eq!(site.get("/health/live", "").await.status, 200);
}

/// The cache is believed for one second after the feed was last read, and then it is 503 too.
#[tokio::test]
async fn what_was_cached_is_not_believed_for_longer_than_the_staleness() {
    let (site, store) = flaky(|builder| builder).await;
    let cookie = site.register("alice").await;
    assert!(site.is_in(&cookie).await);
    store.set_down(true);
    assert!(site.is_in(&cookie).await, "within the second it is known");
    site.pass(Duration::from_millis(1001));
    assert_is_unavailable(&site.get("/protected", &cookie).await, "/protected");
    store.set_down(false);
    assert!(site.is_in(&cookie).await);
}

/// Closing the store is as good as losing it.
#[tokio::test]
async fn a_store_that_was_closed_is_503() {
    let site = Site::new().await;
    let cookie = site.register("alice").await;
    let cached = site.log_in("alice").await;
    assert!(site.is_in(&cached).await && site.is_in(&cached).await);
    site.auth.close().await;
    // The change feed is read several times a second; none of these readings may bring the cache back.
    for _ in 0..2 {
        assert_is_unavailable(&site.get("/protected", &cached).await, "/protected");
        assert_is_unavailable(&site.get("/me", &cookie).await, "/me");
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    assert_is_unavailable(&site.get("/health/ready", "").await, "/health/ready");
    assert_is_unavailable(&site.post("/login", "", &LOG_IN).await, "/login");
    assert_is_unavailable(&site.post("/logout", &cookie, &[]).await, "/logout");
}

/// With the real cost of a password hash, since it is what the queue is for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_of_log_ins_is_shed_and_the_logged_in_notice_nothing() {
    let site = Site::with(URL, |builder| {
        builder
            .argon2(Argon2Params::default())
            .dangerously_without_throttle()
    })
    .await;
    let cookie = site.register("alice").await;
    assert!(site.is_in(&cookie).await);
    let body = encoded(&[("username", "nobody"), ("password", PASSWORD)]);
    let storm: Vec<_> = (0..300)
        .map(|_| {
            let ask = request("POST", "/login", &[("content-type", FORM)], &body);
            let router = site.router.clone();
            tokio::spawn(async move { Answer::from_router(router, ask).await })
        })
        .collect();
    let mut meanwhile = 0;
    while storm.iter().any(|log_in| !log_in.is_finished()) {
        assert!(site.is_in(&cookie).await);
        meanwhile += 1;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let (mut refused, mut shed) = (0, 0);
    for answer in storm {
        let answer = answer.await.unwrap();
        assert!(answer.set_cookies().is_empty());
        match (answer.status.as_u16(), answer.code().as_str()) {
            (401, "invalid_credentials") => refused += 1,
            (503, "overloaded") => {
                assert!(answer.header("retry-after").parse::<u64>().unwrap() >= 1);
                shed += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(
        refused > 0 && shed > 0,
        "some are answered and some are shed: {refused}, {shed}"
    );
    assert!(
        meanwhile >= 10,
        "the logged-in did not wait for the storm to end: {meanwhile}"
    );
    site.log_in("alice").await;
}

/// What a page says then stands beside its form, with the name that was typed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_is_told_on_the_page_too() {
    let site = Site::with(URL, |builder| {
        builder
            .argon2(Argon2Params::default())
            .dangerously_without_throttle()
    })
    .await;
    site.register("alice").await;
    let body = encoded(&LOG_IN);
    let headers = [("content-type", FORM), ("accept", "text/html")];
    let storm: Vec<_> = (0..300)
        .map(|_| {
            let ask = request("POST", "/login", &headers, &body);
            let router = site.router.clone();
            tokio::spawn(async move { Answer::from_router(router, ask).await })
        })
        .collect();
    let mut shed = 0;
    for answer in storm {
        let answer = answer.await.unwrap();
        if answer.status == 503 {
            shed += 1;
            assert!(!answer.header("retry-after").is_empty());
            assert!(
                answer.text.contains("role=\"alert\"") && answer.text.contains("value=\"alice\"")
            );
            assert!(answer.set_cookies().is_empty() && !answer.text.contains(PASSWORD));
        } else {
            assert_eq!(answer.status, 303);
        }
    }
    assert!(shed > 0);
}

/// What no answer says is for whoever looks after the service.
#[tokio::test]
async fn what_goes_wrong_inside_is_in_the_log() {
    let (log, _guard) = Log::of_this_thread();
    let (site, store) = flaky(|builder| builder).await;
    async fn broken() -> String {
        panic!("on purpose")
    }
    let app = site.auth.mount(Router::new().route("/broken", get(broken)));
    let cookie = site.register("alice").await;
    log.take();
    store.set_down(true);
    site.pass(Duration::from_secs(2));
    assert_is_unavailable(&site.get("/me", &cookie).await, "/me");
    let told = log.take();
    assert!(told.contains("ERROR") && told.contains(SAID), "{told}");
    assert!(
        told.contains("answered with a fault") && told.contains("status=503"),
        "{told}"
    );
    let answer = Answer::from_router(app, request("GET", "/broken", &[], "")).await;
    assert_eq!(answer.status, 500);
    let told = log.take();
    assert!(
        told.contains("answered with a fault") && told.contains("status=500"),
        "{told}"
    );
    assert!(told.contains("/broken"), "{told}");
}
