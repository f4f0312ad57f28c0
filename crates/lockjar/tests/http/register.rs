use super::support::{PASSWORD, Site, encoded, request};

#[tokio::test]
async fn an_account_is_made_and_logged_in() {
    let site = Site::new().await;
    let form = [
        ("username", "Alice"),
        ("password", PASSWORD),
        ("email", "alice@example.com"),
    ];
    let answer = site.post("/register", "", &form).await;
    assert_eq!(
        (answer.status.as_u16(), answer.text.as_str()),
        (201, r#"{"message":"Registered"}"#)
    );
    let me = site.get("/me", &answer.cookie()).await.json();
    assert_eq!(
        (me["username"].as_str(), me["email"].as_str()),
        (Some("Alice"), Some("alice@example.com"))
    );
    assert!(
        me["created_at"].as_str().unwrap().ends_with('Z') && me["id"].as_str().unwrap().len() == 22
    );
    assert_eq!(
        me.as_object().unwrap().len(),
        4,
        "nothing else is told: {me}"
    );
}

#[tokio::test]
async fn names_that_differ_only_by_case_or_unicode_form_are_one_name() {
    let site = Site::new().await;
    for (first, again) in [
        ("alice", "ALICE"),
        ("jos\u{e9}", "jose\u{301}"),
        ("bob", "\u{ff22}ob"),
    ] {
        site.register(first).await;
        let before = site.written().await;
        let answer = site
            .post(
                "/register",
                "",
                &[("username", again), ("password", PASSWORD)],
            )
            .await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (409, "username_taken"),
            "{again}"
        );
        assert_eq!(site.written().await, before);
        site.log_in(again).await;
    }
}

#[tokio::test]
async fn bad_names_addresses_and_passwords_are_named_all_at_once_and_never_echoed() {
    let site = Site::new().await;
    let form = [
        ("username", "two words"),
        ("password", "hunter2"),
        ("email", "nonsense"),
    ];
    let answer = site.post("/register", "", &form).await;
    let issues = answer.issues();
    let issues: Vec<_> = issues
        .iter()
        .map(|(field, kind)| (field.as_str(), kind.as_str()))
        .collect();
    assert_eq!(
        issues,
        [
            ("username", "username_not_allowed"),
            ("email", "email_not_valid"),
            ("password", "password_too_short")
        ]
    );
    assert!(!answer.text.contains("hunter2"));
    for (name, password, kind) in [
        ("a\0b", PASSWORD, "username_not_allowed"),
        ("a\u{202e}b", PASSWORD, "username_not_allowed"),
        (&"x".repeat(65), PASSWORD, "username_too_long"),
        ("alice", "passwordpassword", "password_common"),
        ("alice", "alicealicealice", "password_made_of_names"),
        ("alice", "lockjar lockjar", "password_made_of_names"),
        ("alice", &"long ".repeat(300), "password_too_long"),
    ] {
        let answer = site
            .post(
                "/register",
                "",
                &[("username", name), ("password", password)],
            )
            .await;
        assert_eq!(answer.issues()[0].1, kind, "{name:?}");
    }
    assert_eq!(site.written().await, (0, 0));
}

/// Negative test 22.
#[tokio::test]
async fn an_id_or_a_role_in_the_body_is_refused_in_json_and_ignored_in_a_form() {
    let site = Site::new().await;
    let body = format!(
        r#"{{"username": "alice", "password": "{PASSWORD}", "id": "x", "roles": ["admin"]}}"#
    );
    let answer = site.json("/register", &body).await;
    let extra = |field: &str| (field.to_owned(), "extra_forbidden".to_owned());
    assert_eq!(answer.issues(), [extra("id"), extra("roles")]);
    let form = [
        ("username", "alice"),
        ("password", PASSWORD),
        ("id", "AAAAAAAAAAAAAAAAAAAAAA"),
    ];
    let cookie = site.post("/register", "", &form).await.cookie();
    assert_ne!(
        site.get("/me", &cookie).await.json()["id"],
        "AAAAAAAAAAAAAAAAAAAAAA"
    );
}

/// Negative test 27.
#[tokio::test]
async fn a_sign_up_never_hands_out_somebody_elses_session() {
    let site = Site::new().await;
    site.register("alice").await;
    let answer = site
        .post(
            "/register",
            "",
            &[("username", "alice"), ("password", "another fine long one")],
        )
        .await;
    assert!(answer.set_cookies().is_empty());
    assert_eq!(
        site.post(
            "/login",
            "",
            &[("username", "alice"), ("password", "another fine long one")]
        )
        .await
        .status,
        401
    );
}

#[tokio::test]
async fn from_a_page_it_leads_to_the_account_or_back_to_the_form() {
    let site = Site::new().await;
    let done = site
        .submit(
            "/register",
            "",
            &[("username", "alice"), ("password", PASSWORD)],
        )
        .await;
    assert_eq!(
        (done.status.as_u16(), done.header("location")),
        (303, "/account?notice=welcome")
    );
    let refused = site
        .submit(
            "/register",
            "",
            &[("username", "alice"), ("password", PASSWORD)],
        )
        .await;
    assert_eq!(refused.status, 409);
    assert!(refused.text.contains("taken") && refused.text.contains("aria-invalid"));
    let weak = site
        .submit(
            "/register",
            "",
            &[("username", "bob"), ("password", "sh0rt-one")],
        )
        .await;
    assert!(
        weak.status == 422 && weak.text.contains("too short") && !weak.text.contains("sh0rt-one")
    );
}

#[tokio::test]
async fn json_and_multipart_sign_up_as_a_form_does() {
    let site = Site::new().await;
    let json = format!(r#"{{"username": "alice", "password": "{PASSWORD}", "remember": true}}"#);
    let part = |name: &str, value: &str| {
        format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let parts = [
        part("username", "bob"),
        part("password", PASSWORD),
        part("remember", "true"),
        "--b--\r\n".to_owned(),
    ];
    for (kind, body) in [
        ("application/json", json),
        ("multipart/form-data; boundary=b", parts.concat()),
    ] {
        let headers = [("content-type", kind)];
        let answer = site
            .ask(request("POST", "/register", &headers, &body))
            .await;
        assert_eq!(
            (answer.status.as_u16(), answer.text.as_str()),
            (201, r#"{"message":"Registered"}"#),
            "{kind}"
        );
        assert!(answer.set_cookies()[0].ends_with("; Max-Age=2592000"));
        assert!(answer.is_private() && site.is_in(&answer.cookie()).await);
    }
}

#[tokio::test]
async fn from_a_page_next_is_followed_only_within_this_origin() {
    let site = Site::new().await;
    for (number, (next, goes_to)) in [
        ("/orders?page=2", "/orders?page=2"),
        ("//evil.example", "/account?notice=welcome"),
        ("/\\evil.example", "/account?notice=welcome"),
        ("https://evil.example", "/account?notice=welcome"),
        ("/a\r\nSet-Cookie: x=y", "/account?notice=welcome"),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("user{number}");
        let form = [
            ("username", name.as_str()),
            ("password", PASSWORD),
            ("next", next),
        ];
        let answer = site.submit("/register", "", &form).await;
        assert_eq!(answer.header("location"), goes_to, "{next:?}");
        assert_eq!(answer.set_cookies().len(), 1);
    }
}

/// All ask before any has written, so it is the store that decides.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_want_one_name_at_once_one_gets_it() {
    let site = Site::new().await;
    let asked: Vec<_> = ["alice", "ALICE", "Alice", "\u{ff21}lice"]
        .repeat(5)
        .into_iter()
        .map(|name| {
            let form = encoded(&[("username", name), ("password", PASSWORD)]);
            let headers = [("content-type", super::support::FORM)];
            let ask = request("POST", "/register", &headers, &form);
            let router = site.router.clone();
            tokio::spawn(async move { super::support::Answer::from_router(router, ask).await })
        })
        .collect();
    let mut made = 0;
    for answer in asked {
        let answer = answer.await.unwrap();
        match answer.status.as_u16() {
            201 => made += 1,
            409 => assert!(answer.set_cookies().is_empty()),
            other => panic!("{other}: {}", answer.text),
        }
    }
    assert_eq!((made, site.written().await), (1, (1, 1)));
}

#[tokio::test]
async fn what_was_typed_comes_back_escaped_and_without_the_password() {
    let site = Site::new().await;
    let form = [
        ("username", "\"><script>alert(1)</script>"),
        ("password", "sh0rt-one"),
        ("email", "'><img src=x>"),
        ("next", "\"><svg onload=x>"),
    ];
    let page = site.submit("/register", "", &form).await;
    assert_eq!(page.status, 422);
    for raw in ["<script", "<img src=x", "<svg", "sh0rt-one"] {
        assert!(!page.text.contains(raw), "{raw}");
    }
    assert!(page.text.contains("alert(1)"), "what was typed is there");
}

#[tokio::test]
async fn an_address_that_could_carry_another_header_is_refused() {
    let site = Site::new().await;
    for email in [
        "a@b.example\r\nBcc: c@d.example",
        "a@b.example\0",
        "a@b.example, c@d.example",
        "a b@c.example",
        "a@b\u{85}.example",
        "@b.example",
        "a@",
        "a",
    ] {
        let form = [
            ("username", "alice"),
            ("password", PASSWORD),
            ("email", email),
        ];
        assert_eq!(
            site.post("/register", "", &form).await.issues(),
            [("email".to_owned(), "email_not_valid".to_owned())],
            "{email:?}"
        );
    }
    assert_eq!(site.written().await, (0, 0));
}
