use std::time::Duration;

use lockjar::session::SessionLimits;

use super::support::{FORM, PASSWORD, Site, encoded, request, session_id};

#[tokio::test]
async fn a_form_and_json_log_in_alike() {
    let site = Site::new().await;
    site.register("alice").await;
    let multipart = format!(
        "--b\r\nContent-Disposition: form-data; name=\"username\"\r\n\r\nalice\r\n\
         --b\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\n{PASSWORD}\r\n--b--\r\n"
    );
    for (kind, body) in [
        (
            FORM,
            encoded(&[
                ("username", "alice"),
                ("password", PASSWORD),
                ("grant_type", "password"),
                ("scope", ""),
            ]),
        ),
        (
            "application/json",
            format!(r#"{{"username": "alice", "password": "{PASSWORD}"}}"#),
        ),
        ("multipart/form-data; boundary=b", multipart),
    ] {
        let answer = site
            .ask(request("POST", "/login", &[("content-type", kind)], &body))
            .await;
        assert_eq!(
            (answer.status.as_u16(), answer.text.as_str()),
            (200, r#"{"message":"Logged in"}"#),
            "{kind}"
        );
        assert!(answer.is_private() && site.is_in(&answer.cookie()).await);
    }
}

#[tokio::test]
async fn the_cookie_is_httponly_and_follows_the_url() {
    for (url, start, end) in [
        (
            "http://localhost:8000",
            "lockjar_8000=",
            "; HttpOnly; SameSite=Lax; Path=/",
        ),
        (
            "https://example.com",
            "__Host-Http-session=",
            "; HttpOnly; SameSite=Lax; Secure; Path=/",
        ),
    ] {
        let site = Site::with(url, |builder| builder).await;
        let form = [("username", "alice"), ("password", PASSWORD)];
        let answer = site.post("/register", "", &form).await;
        let cookie = answer.set_cookies()[0].to_owned();
        assert!(
            cookie.starts_with(start) && cookie.ends_with(end),
            "{cookie}"
        );
        let remembered = site
            .post("/login", "", &[form[0], form[1], ("remember", "true")])
            .await;
        assert!(
            remembered.set_cookies()[0].ends_with(&format!("{end}; Max-Age=2592000")),
            "{:?}",
            remembered.set_cookies()
        );
    }
}

/// Negative test 5.
#[tokio::test]
async fn every_log_in_makes_a_new_session_and_ends_the_one_presented() {
    let site = Site::new().await;
    let first = site.register("alice").await;
    let form = [("username", "alice"), ("password", PASSWORD)];
    let second = site.post("/login", &first, &form).await.cookie();
    assert_ne!(session_id(&first), session_id(&second));
    assert!(!site.is_in(&first).await && site.is_in(&second).await);
    // Knowing the public id alone ends nothing.
    let forged = format!("lockjar_8000={}.{}", session_id(&second), "A".repeat(43));
    site.post("/login", &forged, &form).await;
    assert!(site.is_in(&second).await);
}

/// Negative test 5.
#[tokio::test]
async fn an_id_that_nobody_issued_is_never_adopted() {
    let site = Site::new().await;
    site.register("alice").await;
    let planted = format!("lockjar_8000={}.{}", "A".repeat(22), "A".repeat(43));
    let cookie = site
        .post(
            "/login",
            &planted,
            &[("username", "alice"), ("password", PASSWORD)],
        )
        .await
        .cookie();
    assert_ne!(cookie, planted);
    assert!(!site.is_in(&planted).await);
}

#[tokio::test]
async fn unknown_users_and_wrong_passwords_are_the_same_answer() {
    let site = Site::new().await;
    let alice = site.register("alice").await;
    site.register("carol").await;
    let carol = site.auth.operator().user("carol").await.unwrap();
    site.auth.operator().disable(carol.id).await.unwrap();
    let mut answers = Vec::new();
    for (name, password) in [
        ("alice", "wrong"),
        ("nobody", PASSWORD),
        ("carol", PASSWORD),
        ("a\0b", "x"),
        ("\u{202e}", "x"),
    ] {
        let answer = site
            .post("/login", "", &[("username", name), ("password", password)])
            .await;
        let mut headers = answer.headers.clone();
        headers.remove("x-request-id");
        answers.push((answer.status, format!("{headers:?}"), answer.text));
    }
    assert_eq!(answers[0].0, 401);
    assert_eq!(
        answers[0].2,
        r#"{"detail":"Invalid credentials","code":"invalid_credentials"}"#
    );
    assert!(
        answers.iter().all(|answer| *answer == answers[0]),
        "{answers:?}"
    );
    assert!(site.is_in(&alice).await);
}

#[tokio::test]
async fn missing_and_malformed_fields_are_told_in_fastapis_shape() {
    let site = Site::new().await;
    let missing = site.post("/login", "", &[]).await;
    assert_eq!(
        missing.text,
        r#"{"detail":[{"type":"missing","loc":["body","username"],"msg":"Field required","input":null},{"type":"missing","loc":["body","password"],"msg":"Field required","input":null}],"code":"validation_error"}"#
    );
    let grant = site
        .post(
            "/login",
            "",
            &[
                ("username", "a"),
                ("password", "hunter2"),
                ("grant_type", "refresh"),
            ],
        )
        .await;
    assert_eq!(
        grant.text,
        r#"{"detail":[{"type":"string_pattern_mismatch","loc":["body","grant_type"],"msg":"String should match pattern '^password$'","input":"refresh","ctx":{"pattern":"^password$"}}],"code":"validation_error"}"#
    );
    assert!(
        site.json("/login", r#"{"username": "a", "password": 5}"#)
            .await
            .text
            .contains(r#""input":null"#)
    );
}

#[tokio::test]
async fn without_remember_me_it_ends_after_12_hours_and_with_it_after_30_days() {
    let limits = SessionLimits {
        idle: Duration::from_secs(60 * 24 * 3600),
        ..Default::default()
    };
    let site = Site::with("http://localhost:8000", |builder| builder.limits(limits)).await;
    let browser = site.register("alice").await;
    let form = [
        ("username", "alice"),
        ("password", PASSWORD),
        ("remember", "true"),
    ];
    let remembered = site.post("/login", "", &form).await.cookie();
    let hour = Duration::from_secs(3600);
    site.pass(12 * hour - Duration::from_secs(1));
    assert!(site.is_in(&browser).await && site.is_in(&remembered).await);
    site.pass(Duration::from_secs(1));
    assert!(!site.is_in(&browser).await && site.is_in(&remembered).await);
    for _ in 0..29 {
        site.pass(24 * hour);
        assert!(site.is_in(&remembered).await);
    }
    site.pass(24 * hour);
    assert!(!site.is_in(&remembered).await);
}

/// Negative test 20.
#[tokio::test]
async fn next_leads_only_to_a_path_of_this_origin() {
    let site = Site::new().await;
    site.register("alice").await;
    for (next, goes_to) in [
        ("/protected?a=b#c", "/protected?a=b#c"),
        ("", "/account"),
        ("//evil.example", "/account"),
        ("/\\evil.example", "/account"),
        ("\\\\evil.example", "/account"),
        ("https:evil.example", "/account"),
        ("https://evil.example/", "/account"),
        ("/\t/evil.example", "/account"),
        ("/a\r\nSet-Cookie: x=y", "/account"),
        ("javascript:alert(1)", "/account"),
        ("@evil.example", "/account"),
        (" /a", "/account"),
        ("///evil.example", "/account"),
        ("/\\/evil.example", "/account"),
        ("https:/evil.example", "/account"),
        ("https:///evil.example", "/account"),
        ("http://localhost:8000@evil.example/", "/account"),
        ("http://localhost:8000.evil.example/", "/account"),
        ("//evil%2eexample", "/account"),
        ("%2f%2fevil.example", "/account"),
        ("/\u{ff0f}evil.example", "/account"),
        ("\u{ff0f}\u{ff0f}evil.example", "/account"),
        ("/\u{0}/evil.example", "/account"),
        ("data:text/html,evil.example", "/account"),
        // These stay here, since a browser does not decode a path to find the host.
        ("/%2fsomewhere.example", "/%2fsomewhere.example"),
        ("/%0d%0aSet-Cookie:x=y", "/%0d%0aSet-Cookie:x=y"),
        ("/a?next=//somewhere.example", "/a?next=//somewhere.example"),
    ] {
        let form = [
            ("username", "alice"),
            ("password", PASSWORD),
            ("next", next),
        ];
        let answer = site.submit("/login", "", &form).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("location")),
            (303, goes_to),
            "{next:?}"
        );
        assert_eq!(answer.set_cookies().len(), 1, "{next:?}");
        assert_eq!(answer.headers.get_all("location").iter().count(), 1);
        for path in ["/login", "/register"] {
            let page = site
                .page(&format!("{path}?{}", encoded(&[("next", next)])), "")
                .await;
            assert!(!page.text.contains("evil"), "{path} {next:?}");
        }
    }
}

#[tokio::test]
async fn a_form_that_is_refused_comes_back_as_a_page_without_the_password() {
    let site = Site::new().await;
    let form = [
        ("username", "<script>alice"),
        ("password", "the-wrong-one"),
        ("next", "/account"),
    ];
    let answer = site.submit("/login", "", &form).await;
    assert_eq!(answer.status, 401);
    assert!(
        answer.header("content-type").starts_with("text/html") && answer.set_cookies().is_empty()
    );
    assert!(
        answer.text.contains("alice")
            && !answer.text.contains("<script>")
            && !answer.text.contains("the-wrong-one")
    );
    assert!(answer.text.contains("role=\"alert\""));
    assert_eq!(
        site.submit("/login", "", &[("username", "alice")])
            .await
            .status,
        422
    );
}

#[tokio::test]
async fn a_session_above_the_limit_ends_the_oldest() {
    let site = Site::with("http://localhost:8000", |builder| {
        builder.limits(SessionLimits {
            per_user: 3,
            ..Default::default()
        })
    })
    .await;
    let mut cookies = vec![site.register("alice").await];
    for _ in 0..3 {
        site.pass(Duration::from_secs(1));
        cookies.push(site.log_in("alice").await);
    }
    let mut alive = Vec::new();
    for cookie in &cookies {
        alive.push(site.is_in(cookie).await);
    }
    assert_eq!(alive, [false, true, true, true]);
}

#[tokio::test]
async fn a_next_that_was_refused_is_not_shown_again_beside_the_error() {
    let site = Site::new().await;
    let form = [
        ("username", "alice"),
        ("password", "wrong"),
        ("next", "//evil.example"),
    ];
    let page = site.submit("/login", "", &form).await;
    assert!(page.status == 401 && !page.text.contains("evil.example"));
    let good = [form[0], form[1], ("next", "/orders?page=2")];
    let page = site.submit("/login", "", &good).await;
    assert!(
        page.text.contains("value=\"/orders?page=2\""),
        "where one was going is kept: {}",
        page.text
    );
}

/// The others are cheap, so that the tests are quick; this one pays what a real site pays.
#[tokio::test]
async fn it_works_with_hashes_of_the_real_cost() {
    let real = lockjar::password::Argon2Params::default();
    let site = Site::with("http://localhost:8000", |builder| builder.argon2(real)).await;
    site.register("alice").await;
    let cookie = site.log_in("alice").await;
    assert!(site.is_in(&cookie).await);
    let wrong = [("username", "alice"), ("password", "wrong")];
    assert_eq!(site.post("/login", "", &wrong).await.status, 401);
}

#[tokio::test]
async fn the_hundred_and_first_session_ends_the_oldest() {
    let site = Site::new().await;
    let first = site.register("alice").await;
    site.pass(Duration::from_secs(1));
    let second = site.log_in("alice").await;
    for _ in 2..100 {
        site.pass(Duration::from_secs(1));
        site.log_in("alice").await;
    }
    assert!(site.is_in(&first).await, "there are a hundred");
    site.pass(Duration::from_secs(1));
    site.log_in("alice").await;
    assert!(!site.is_in(&first).await && site.is_in(&second).await);
    assert_eq!(site.written().await, (1, 100));
}

#[tokio::test]
async fn a_session_that_is_not_used_for_seven_days_ends() {
    let site = Site::new().await;
    site.register("alice").await;
    let form = [
        ("username", "alice"),
        ("password", PASSWORD),
        ("remember", "true"),
    ];
    let used = site.post("/login", "", &form).await.cookie();
    let unused = site.post("/login", "", &form).await.cookie();
    let day = Duration::from_secs(24 * 3600);
    for _ in 0..2 {
        site.pass(4 * day);
        assert!(site.is_in(&used).await);
        site.until_seen(&used).await;
    }
    assert!(!site.is_in(&unused).await, "eight days without a use");
    site.pass(7 * day);
    assert!(!site.is_in(&used).await, "seven days since the last");
}

#[tokio::test]
async fn another_spelling_of_the_path_logs_nobody_in() {
    let site = Site::new().await;
    site.register("alice").await;
    let before = site.written().await;
    let body = encoded(&[("username", "alice"), ("password", PASSWORD)]);
    for path in [
        "//login",
        "/login/",
        "/LOGIN",
        "/login;x",
        "/login%2f",
        "/%6cogin",
        "/./login",
        "/x/../login",
        "/login.json",
    ] {
        let answer = site
            .ask(request("POST", path, &[("content-type", FORM)], &body))
            .await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.set_cookies().is_empty(), "{path}");
    }
    assert_eq!(site.written().await, before);
}

#[tokio::test]
async fn a_password_in_the_address_logs_nobody_in() {
    let site = Site::new().await;
    site.register("alice").await;
    let query = encoded(&[("username", "alice"), ("password", PASSWORD)]);
    let path = format!("/login?{query}");
    assert_eq!(
        site.ask(request("POST", &path, &[("content-type", FORM)], ""))
            .await
            .issues()
            .len(),
        2
    );
    let page = site.page(&path, "").await;
    assert!(page.set_cookies().is_empty() && !page.text.contains(PASSWORD));
}

/// Of two people at one browser the one who logs in is there, and the other is gone.
#[tokio::test]
async fn somebody_else_at_the_same_browser_ends_the_first_ones_session() {
    let site = Site::new().await;
    let alice = site.register("alice").await;
    site.register("bob").await;
    let form = [("username", "bob"), ("password", PASSWORD)];
    let bob = site.post("/login", &alice, &form).await.cookie();
    assert!(!site.is_in(&alice).await);
    assert_eq!(site.get("/me", &bob).await.json()["username"], "bob");
}

#[tokio::test]
async fn a_log_in_that_fails_ends_nothing_and_sets_nothing() {
    let site = Site::new().await;
    let cookie = site.register("alice").await;
    let form = [("username", "alice"), ("password", "wrong")];
    for answer in [
        site.post("/login", &cookie, &form).await,
        site.submit("/login", &cookie, &form).await,
    ] {
        assert!(answer.status == 401 && answer.set_cookies().is_empty());
    }
    assert!(site.is_in(&cookie).await);
}
