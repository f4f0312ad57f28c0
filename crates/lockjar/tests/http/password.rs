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
