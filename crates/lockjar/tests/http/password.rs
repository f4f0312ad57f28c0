use super::support::{PASSWORD, Site};

const NEW: &str = "another fine long one";

#[tokio::test]
async fn a_change_ends_every_other_session_and_renews_this_one() {
    let site = Site::new().await;
    let (here, there) = (site.register("alice").await, site.log_in("alice").await);
    let answer = site
        .post(
            "/password",
            &here,
            &[("current_password", PASSWORD), ("new_password", NEW)],
        )
        .await;
    assert_eq!(
        (answer.status.as_u16(), answer.text.as_str()),
        (200, r#"{"message":"Password changed"}"#)
    );
    assert!(
        site.is_in(&answer.cookie()).await && !site.is_in(&here).await && !site.is_in(&there).await
    );
    assert_eq!(
        site.post(
            "/login",
            "",
            &[("username", "alice"), ("password", PASSWORD)]
        )
        .await
        .status,
        401
    );
    assert_eq!(
        site.post("/login", "", &[("username", "alice"), ("password", NEW)])
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn a_refused_change_changes_nothing() {
    let site = Site::new().await;
    let (here, there) = (site.register("alice").await, site.log_in("alice").await);
    for (current, new, field, kind) in [
        ("wrong", NEW, "current_password", "password_wrong"),
        (PASSWORD, "short", "new_password", "password_too_short"),
        (
            PASSWORD,
            "alicealicealice",
            "new_password",
            "password_made_of_names",
        ),
        ("", NEW, "current_password", "missing"),
    ] {
        let answer = site
            .post(
                "/password",
                &here,
                &[("current_password", current), ("new_password", new)],
            )
            .await;
        assert_eq!(answer.issues(), [(field.to_owned(), kind.to_owned())]);
        assert!(answer.set_cookies().is_empty() && !answer.text.contains(NEW));
        let page = site
            .submit(
                "/password",
                &here,
                &[("current_password", current), ("new_password", new)],
            )
            .await;
        assert_eq!(page.status, 422);
        assert!(page.text.contains("aria-invalid") && page.text.contains("Log out"));
    }
    assert!(site.is_in(&here).await && site.is_in(&there).await);
    site.log_in("alice").await;
}

#[tokio::test]
async fn nobody_changes_a_password_without_a_session() {
    let site = Site::new().await;
    site.register("alice").await;
    let answer = site
        .post(
            "/password",
            "",
            &[("current_password", PASSWORD), ("new_password", NEW)],
        )
        .await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (401, "not_authenticated")
    );
    site.log_in("alice").await;
}

#[tokio::test]
async fn from_a_page_it_leads_to_the_account_with_a_new_cookie() {
    let site = Site::new().await;
    let here = site.register("alice").await;
    let form = [("current_password", PASSWORD), ("new_password", NEW)];
    let answer = site.submit("/password", &here, &form).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("location")),
        (303, "/account?notice=password-changed")
    );
    assert!(answer.is_private() && site.is_in(&answer.cookie()).await);
    assert!(!site.is_in(&here).await);
    let stranger = site.submit("/password", "", &form).await;
    assert_eq!(stranger.header("location"), "/login?next=%2Faccount");
}

/// Of two that know the old password one wins; the other's session has ended with it.
#[tokio::test]
async fn an_old_session_cannot_change_it_again() {
    let site = Site::new().await;
    let (here, there) = (site.register("alice").await, site.log_in("alice").await);
    let form = [("current_password", PASSWORD), ("new_password", NEW)];
    let renewed = site.post("/password", &here, &form).await.cookie();
    for cookie in [&here, &there] {
        let again = [
            ("current_password", NEW),
            ("new_password", "a third one that is long"),
        ];
        let answer = site.post("/password", cookie, &again).await;
        assert_eq!(answer.code(), "not_authenticated");
        assert!(answer.set_cookies().is_empty());
    }
    assert!(site.is_in(&renewed).await);
    assert_eq!(site.written().await, (1, 1));
}

/// Negative test 22.
#[tokio::test]
async fn whose_password_it_is_comes_from_the_session_and_not_from_the_body() {
    let site = Site::new().await;
    site.register("alice").await;
    let mallory = site.register("mallory").await;
    let form = [
        ("current_password", PASSWORD),
        ("new_password", NEW),
        ("username", "alice"),
        ("user_id", "alice"),
    ];
    assert_eq!(site.post("/password", &mallory, &form).await.status, 200);
    site.log_in("alice").await;
    let old = [("username", "mallory"), ("password", PASSWORD)];
    assert_eq!(site.post("/login", "", &old).await.status, 401);
}

#[tokio::test]
async fn a_remembered_session_stays_remembered() {
    let site = Site::new().await;
    site.register("alice").await;
    let log_in = [
        ("username", "alice"),
        ("password", PASSWORD),
        ("remember", "true"),
    ];
    let cookie = site.post("/login", "", &log_in).await.cookie();
    let form = [("current_password", PASSWORD), ("new_password", NEW)];
    let answer = site.post("/password", &cookie, &form).await;
    assert!(answer.set_cookies()[0].contains("; Max-Age="));
}
