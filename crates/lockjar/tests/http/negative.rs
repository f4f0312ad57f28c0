//! What went wrong elsewhere, where no other file has it: each test names the line of the list that it is of.

use std::time::Duration;

use super::jar::{SECRET, jwt, register};
use super::support::{Answer, FORM, PASSWORD, Site, encoded, request, session_id};

/// What is SQL in one database or another, or ends a text in it.
const SQL: [&str; 9] = [
    "' OR '1'='1",
    "alice'--",
    "alice' #",
    "\" OR \"\"=\"",
    "'; DROP TABLE users; --",
    "' UNION SELECT * FROM users --",
    "alice\\' OR 1=1 --",
    "$$; DELETE FROM sessions; $$",
    "1) OR (1=1",
];

/// The fields that each route reads, a password among them or not.
const FIELDS: [(&str, &[&str]); 6] = [
    (
        "/login",
        &["username", "password", "next", "scope", "client_id"],
    ),
    ("/register", &["username", "password", "email", "next"]),
    ("/password", &["current_password", "new_password"]),
    ("/recover", &["token", "new_password"]),
    ("/token", &["audience"]),
    ("/introspect", &["token", "token_type_hint"]),
];

/// Negative test 26. All fields at once, and in the address and the cookies.
#[tokio::test]
async fn sql_in_any_field_is_text() {
    let site = Site::with("http://localhost:8000", jwt).await;
    let jar = register(&site, "alice").await;
    let bearer = format!("Bearer {SECRET}");
    let before = site.written().await;
    for sql in SQL {
        for (path, fields) in FIELDS {
            let form: Vec<_> = fields.iter().map(|field| (*field, sql)).collect();
            let headers = [
                ("cookie", jar.header()),
                ("content-type", FORM.to_owned()),
                ("authorization", bearer.clone()),
            ];
            let headers = headers
                .each_ref()
                .map(|(name, value)| (*name, value.as_str()));
            let answer = site
                .ask(request("POST", path, &headers, &encoded(&form)))
                .await;
            let is_fine = match path {
                "/login" => [401, 429].contains(&answer.status.as_u16()),
                "/introspect" => answer.text == r#"{"active":false}"#,
                _ => [422, 429].contains(&answer.status.as_u16()),
            };
            assert!(is_fine, "{path} {sql}: {} {}", answer.status, answer.text);
        }
        let escaped = encoded(&[("token", sql)]);
        let (_, value) = escaped.split_once('=').unwrap();
        let answer = site.get(&format!("/recover?{escaped}"), "").await;
        assert_eq!(answer.status, 404, "{sql}");
        let session = format!("/sessions/{value}");
        let ended = request("DELETE", &session, &[("cookie", &jar.header())], "");
        assert_eq!(site.ask(ended).await.status, 404, "{sql}");
        for name in ["access_token", "refresh_token"] {
            let cookie = format!("{name}={sql}");
            assert_eq!(site.get("/me", &cookie).await.status, 401, "{cookie}");
        }
    }
    assert_eq!(site.written().await, before);
    assert!(site.is_in(&jar.header()).await);
}

/// The control of the one above: such text is kept where it is allowed, and found again as what it is.
#[tokio::test]
async fn a_name_with_a_quotation_mark_is_a_name() {
    let site = Site::new().await;
    for name in ["o'brien", "a\"b", "a;b--", "100%", "a_b", "$1"] {
        let cookie = site.register(name).await;
        assert_eq!(site.get("/me", &cookie).await.json()["username"], name);
        assert!(site.is_in(&site.log_in(name).await).await, "{name}");
    }
    let form = [("username", "1_0%"), ("password", PASSWORD)];
    assert_eq!(site.post("/login", "", &form).await.status, 401);
}

/// Negative test 6.
#[tokio::test]
async fn a_remembered_log_in_on_each_device_has_a_token_of_its_own() {
    let site = Site::new().await;
    site.register("alice").await;
    let form = [
        ("username", "alice"),
        ("password", PASSWORD),
        ("remember", "on"),
    ];
    let (one, other) = (
        site.post("/login", "", &form).await.cookie(),
        site.post("/login", "", &form).await.cookie(),
    );
    assert_ne!(session_id(&one), session_id(&other));
    assert_ne!(super::support::secret(&one), super::support::secret(&other));
    site.post("/logout", &one, &[]).await;
    assert!(!site.is_in(&one).await && site.is_in(&other).await);
}

/// Negative test 8.
#[tokio::test]
async fn a_token_is_good_under_the_name_of_its_own_cookie_alone() {
    let site = Site::with("http://localhost:8000", jwt).await;
    let form = [("username", "alice"), ("password", PASSWORD)];
    let answer = site.post("/register", "", &form).await;
    let device = answer.device().unwrap().split(';').next().unwrap();
    let (device_name, device) = device.split_once('=').unwrap();
    let mut jar = super::jar::Jar::default();
    jar.keep(&answer);
    for cookie in [
        format!("access_token={}", jar.refresh()),
        format!("refresh_token={}", jar.access()),
        format!("access_token={device}"),
        format!("refresh_token={device}"),
        format!("{device_name}={}", jar.access()),
        format!("{device_name}={}", jar.refresh()),
        format!("lockjar_8000={}", jar.access()),
    ] {
        assert!(!site.is_in(&cookie).await, "{cookie}");
        let answer = site.post("/refresh", &cookie, &[]).await;
        assert_eq!(answer.status, 401, "{cookie}");
    }
    assert!(site.is_in(&jar.header()).await);
}

/// Negative test 21. There is no forward-auth and no way to give a request another name, another method or a user.
#[tokio::test]
async fn no_header_gives_a_request_another_name() {
    let site = Site::new().await;
    let cookie = site.register("alice").await;
    let ask = async |method, path, cookie: &str, header| {
        let headers = [("cookie", cookie), header];
        site.ask(request(method, path, &headers, "")).await.status
    };
    for header in [
        ("x-forwarded-uri", "/health/live"),
        ("x-forwarded-uri", "/health/live?/protected#"),
        ("x-original-url", "/health/live"),
        ("x-original-uri", "/health/live"),
        ("x-rewrite-url", "/health/live"),
        ("x-forwarded-user", "alice"),
        ("x-auth-request-user", "alice"),
        ("x_forwarded_user", "alice"),
        ("remote-user", "alice"),
        ("user-agent", "GoogleHC/1.0"),
        ("user-agent", "kube-probe/1.31"),
        ("x-forwarded-for", "127.0.0.1"),
    ] {
        assert_eq!(
            ask("GET", "/protected", "", header).await,
            401,
            "{header:?}"
        );
    }
    for name in [
        "x-http-method-override",
        "x-http-method",
        "x-method-override",
    ] {
        let answer = ask("GET", "/logout", &cookie, (name, "POST")).await;
        assert_eq!(answer, 405, "{name}");
    }
    assert!(site.is_in(&cookie).await);
}

/// Negative test 23.
#[tokio::test]
async fn an_address_identifies_no_one() {
    let site = Site::new().await;
    let form = |name| {
        [
            ("username", name),
            ("password", PASSWORD),
            ("email", "victim@example.com"),
        ]
    };
    let sign_up = async |name| site.post("/register", "", &form(name)).await;
    let (mallory, victim) = (sign_up("mallory").await, sign_up("victim").await);
    assert_eq!(
        (mallory.status.as_u16(), victim.status.as_u16()),
        (201, 201)
    );
    let log_in = [("username", "victim@example.com"), ("password", PASSWORD)];
    assert_eq!(site.post("/login", "", &log_in).await.status, 401);
    let me = async |answer: &Answer| site.get("/me", &answer.cookie()).await.json()["id"].clone();
    assert_ne!(me(&mallory).await, me(&victim).await);
}

/// OWASP ASVS 6.2.10. The session ends, and nothing asks for another password.
#[tokio::test]
async fn a_password_does_not_expire() {
    let site = Site::new().await;
    let old = site.register("alice").await;
    site.pass(Duration::from_secs(10 * 365 * 24 * 3600));
    assert!(!site.is_in(&old).await);
    let form = [("username", "alice"), ("password", PASSWORD)];
    let answer = site.submit("/login", "", &form).await;
    assert_eq!(answer.header("location"), "/account");
    assert!(site.is_in(&answer.cookie()).await);
}
