use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::routing::any;

use super::support::{FORM, PASSWORD, Site, encoded, request, session_id};

/// What a page elsewhere can make a browser send.
const ATTACKS: [&[(&str, &str)]; 15] = [
    &[
        ("origin", "https://evil.example"),
        ("sec-fetch-site", "cross-site"),
    ],
    &[
        ("origin", "http://localhost:9999"),
        ("sec-fetch-site", "same-site"),
    ],
    &[("origin", "null"), ("sec-fetch-site", "cross-site")],
    &[("origin", "null")],
    &[("sec-fetch-site", "cross-site")],
    &[("sec-fetch-site", "same-site")],
    &[("origin", "http://localhost:8000.evil.example")],
    &[("origin", "http://localhost:8000@evil.example")],
    &[("origin", "https://localhost:8000")],
    &[("origin", "http://localhost")],
    &[("origin", "http://LOCALHOST:8000")],
    &[
        ("origin", "http://localhost:8000"),
        ("origin", "https://evil.example"),
    ],
    &[
        ("origin", "http://localhost:8000"),
        ("origin", "http://localhost:8000"),
    ],
    &[
        ("sec-fetch-site", "same-origin"),
        ("sec-fetch-site", "same-origin"),
    ],
    &[
        ("origin", "https://evil.example"),
        ("host", "evil.example"),
        ("referer", "http://localhost:8000/"),
        ("x-forwarded-host", "localhost:8000"),
    ],
];

async fn attack(
    site: &Site,
    method: &str,
    path: &str,
    cookie: &str,
    from: &[(&str, &str)],
) -> super::support::Answer {
    let form = encoded(&[
        ("username", "mallory"),
        ("password", PASSWORD),
        ("current_password", PASSWORD),
        ("new_password", "another fine long one"),
    ]);
    let headers = [&[("cookie", cookie), ("content-type", FORM)], from].concat();
    site.ask(request(method, path, &headers, &form)).await
}

/// Negative test 18.
#[tokio::test]
async fn a_request_from_elsewhere_changes_nothing_on_any_route() {
    let site = Site::new().await;
    let (here, there) = (site.register("alice").await, site.log_in("alice").await);
    site.register("mallory").await;
    let before = site.written().await;
    let (revoke, delete) = (
        format!("/sessions/{}/revoke", session_id(&there)),
        format!("/sessions/{}", session_id(&there)),
    );
    for (method, path) in [
        ("POST", "/login"),
        ("POST", "/register"),
        ("POST", "/logout"),
        ("POST", "/logout/all"),
        ("POST", "/logout/others"),
        ("POST", "/password"),
        ("POST", &revoke),
        ("DELETE", &delete),
        ("PUT", "/me"),
        ("POST", "/nowhere"),
    ] {
        for from in ATTACKS {
            let answer = attack(&site, method, path, &here, from).await;
            assert_eq!(
                (answer.status.as_u16(), answer.code().as_str()),
                (403, "cross_origin"),
                "{method} {path} {from:?}"
            );
            assert!(answer.set_cookies().is_empty());
            assert_eq!(answer.header("vary"), "Sec-Fetch-Site, Origin");
        }
    }
    assert_eq!(site.written().await, before);
    assert!(site.is_in(&here).await && site.is_in(&there).await);
    // Nor is any password another one now.
    site.log_in("alice").await;
    site.log_in("mallory").await;
}

#[tokio::test]
async fn an_apps_own_routes_are_guarded_without_its_author_thinking_of_it() {
    let done = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&done);
    let act = move || {
        count.fetch_add(1, Ordering::SeqCst);
        async { "done" }
    };
    let app = Router::new().route("/act", any(act.clone()));
    let mut site = Site::new().await;
    // What an app nests or falls back to is inside the guard too.
    let app = app
        .nest("/deep", Router::new().route("/act", any(act.clone())))
        .fallback(act);
    site.router = site.auth.mount(app);
    let cookie = site.register("alice").await;
    for path in ["/act", "/deep/act", "/nowhere"] {
        for method in ["POST", "PUT", "PATCH", "DELETE", "BREW"] {
            for from in ATTACKS {
                let answer = attack(&site, method, path, &cookie, from).await;
                assert_eq!(answer.code(), "cross_origin", "{method} {path} {from:?}");
            }
        }
    }
    assert_eq!(done.load(Ordering::SeqCst), 0);
    let ours = [("origin", "http://localhost:8000")];
    assert_eq!(attack(&site, "POST", "/act", "", &ours).await.text, "done");
    assert_eq!(
        attack(&site, "GET", "/act", "", ATTACKS[0]).await.text,
        "done"
    );
    assert_eq!(done.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_websocket_from_elsewhere_is_refused_on_every_route() {
    let site = Site::new().await;
    let cookie = site.register("alice").await;
    for path in ["/", "/me", "/protected", "/nowhere"] {
        for from in ATTACKS {
            let upgrade = [("upgrade", "websocket"), ("connection", "upgrade")];
            let headers = [&upgrade[..], from].concat();
            let answer = attack(&site, "GET", path, &cookie, &headers).await;
            assert_eq!(answer.code(), "cross_origin", "{path} {from:?}");
        }
    }
}

/// A link from elsewhere must still lead to a page, and it changes nothing.
#[tokio::test]
async fn a_link_from_elsewhere_opens_a_page() {
    let site = Site::new().await;
    let cookie = site.register("alice").await;
    let headers = [
        ("cookie", cookie.as_str()),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-mode", "navigate"),
        ("accept", "text/html"),
    ];
    for path in ["/", "/login", "/register", "/account", "/protected"] {
        let answer = site.ask(request("GET", path, &headers, "")).await;
        assert_eq!(answer.status, 200, "{path}");
    }
}

#[tokio::test]
async fn another_origin_may_only_if_it_was_trusted_and_only_as_it_was_spelt() {
    let site = Site::with("https://auth.example", |builder| {
        builder.trust_origin("https://app.example")
    })
    .await;
    for (origin, status) in [
        ("https://app.example", 201),
        ("http://app.example", 403),
        ("https://app.example:8443", 403),
        ("https://evil.app.example", 403),
        ("https://other.example", 403),
    ] {
        let from = [("origin", origin), ("sec-fetch-site", "cross-site")];
        let answer = attack(&site, "POST", "/register", "", &from).await;
        assert_eq!(answer.status, status, "{origin}");
    }
    assert_eq!(site.written().await, (1, 1));
}

#[tokio::test]
async fn in_strict_mode_a_request_must_say_where_it_comes_from() {
    let site = Site::with("http://localhost:8000", lockjar::Builder::strict_csrf).await;
    let answer = attack(&site, "POST", "/register", "", &[]).await;
    assert_eq!(answer.code(), "cross_origin");
    assert_eq!(site.written().await, (0, 0));
    let ours = [("origin", "http://localhost:8000")];
    assert_eq!(
        attack(&site, "POST", "/register", "", &ours).await.status,
        201
    );
}

/// Negative test 18.
#[tokio::test]
async fn in_strict_mode_a_program_shows_the_token_that_me_tells_it_until_it_logs_in_again() {
    let strict = Site::with("http://localhost:8000", lockjar::Builder::strict_csrf).await;
    let ours = [("origin", "http://localhost:8000")];
    let cookie = attack(&strict, "POST", "/register", "", &ours)
        .await
        .cookie();
    let me = strict.get("/me", &cookie).await.json();
    let token = me["csrf_token"].as_str().unwrap();
    assert!(!cookie.contains(token));
    let shown = [("x-csrf-token", token)];
    let answer = attack(&strict, "POST", "/login", &cookie, &shown).await;
    assert_eq!(answer.status, 200);
    let next = answer.cookie();
    for (cookie, headers) in [(&next, &shown[..]), (&next, &[][..])] {
        let answer = attack(&strict, "POST", "/logout", cookie, headers).await;
        assert_eq!(answer.code(), "cross_origin");
    }

    let lax = Site::new().await;
    let cookie = lax.register("alice").await;
    assert!(lax.get("/me", &cookie).await.json()["csrf_token"].is_null());
}

#[tokio::test]
async fn without_the_guard_the_attack_works() {
    let site = Site::with(
        "http://localhost:8000",
        lockjar::Builder::dangerously_without_csrf_guard,
    )
    .await;
    let here = site.register("alice").await;
    assert_eq!(
        attack(&site, "POST", "/register", "", ATTACKS[0])
            .await
            .status,
        201
    );
    assert_eq!(
        attack(&site, "POST", "/login", "", ATTACKS[1]).await.status,
        200
    );
    assert_eq!(
        attack(&site, "POST", "/logout", &here, ATTACKS[0])
            .await
            .status,
        200
    );
    assert!(!site.is_in(&here).await);
}

/// Negative test 16.
#[tokio::test]
async fn this_origin_in_all_its_spellings_and_programs_may() {
    let site = Site::new().await;
    for (number, from) in [
        &[
            ("origin", "http://localhost:8000"),
            ("sec-fetch-site", "same-origin"),
        ][..],
        &[
            ("origin", "http://127.0.0.1:8000"),
            ("sec-fetch-site", "cross-site"),
        ],
        &[("origin", "http://[::1]:8000")],
        &[("sec-fetch-site", "none")],
        &[],
    ]
    .into_iter()
    .enumerate()
    {
        let form = encoded(&[("username", &format!("u{number}")), ("password", PASSWORD)]);
        let headers = [&[("content-type", FORM)], from].concat();
        assert_eq!(
            site.ask(request("POST", "/register", &headers, &form))
                .await
                .status,
            201,
            "{from:?}"
        );
    }
}

#[tokio::test]
async fn a_forged_host_does_not_make_an_origin_ours() {
    let site = Site::with("https://app.example", |builder| builder).await;
    for from in [
        &[
            ("host", "evil.example"),
            ("origin", "https://evil.example"),
            ("x-forwarded-host", "evil.example"),
        ][..],
        &[("origin", "http://app.example")],
        &[
            ("origin", "https://app.example"),
            ("sec-fetch-site", "cross-site"),
        ],
    ] {
        for path in ["/register", "/login"] {
            let answer = attack(&site, "POST", path, "", from).await;
            assert_eq!(answer.code(), "cross_origin", "{path} {from:?}");
        }
    }
    assert_eq!(site.written().await, (0, 0));
}

#[tokio::test]
async fn the_refusal_says_what_came_and_what_was_expected_and_to_people_in_plain_text() {
    let site = Site::new().await;
    let detail = attack(&site, "POST", "/login", "", ATTACKS[0]).await.json()["detail"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        detail.contains("https://evil.example") && detail.contains("http://localhost:8000"),
        "{detail}"
    );
    let from = [ATTACKS[0], &[("accept", "text/html")]].concat();
    let page = attack(&site, "POST", "/login", "", &from).await;
    assert_eq!(
        (page.status.as_u16(), page.header("content-type")),
        (403, "text/plain; charset=utf-8")
    );
}
