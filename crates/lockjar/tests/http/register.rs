use super::support::{PASSWORD, Site};

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
