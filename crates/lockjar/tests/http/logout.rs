use super::support::{Site, request, session_id};

#[tokio::test]
async fn a_log_out_is_final_and_takes_the_cookie_away() {
    for (url, clearing) in [
        (
            "https://example.com",
            &["__Host-Http-session=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0"][..],
        ),
        (
            "http://localhost:8000",
            &[
                "lockjar_8000=; HttpOnly; SameSite=Lax; Path=/; Max-Age=0",
                "lockjar_8000=; HttpOnly; SameSite=Lax; Path=/; Domain=localhost; Max-Age=0",
            ],
        ),
    ] {
        let site = Site::with(url, |builder| builder).await;
        let cookie = site.register("alice").await;
        let answer = site.post("/logout", &cookie, &[]).await;
        assert_eq!(
            (answer.status.as_u16(), answer.text.as_str()),
            (200, r#"{"message":"Logged out"}"#)
        );
        assert_eq!(answer.set_cookies(), clearing);
        assert!(answer.is_private() && !site.is_in(&cookie).await);
        assert_eq!(site.written().await, (1, 0));
    }
}

#[tokio::test]
async fn logging_out_without_a_session_leads_to_the_same_state() {
    let site = Site::new().await;
    for cookie in ["", "lockjar_8000=garbage"] {
        let answer = site.post("/logout", cookie, &[]).await;
        assert_eq!(
            (answer.status.as_u16(), answer.set_cookies().len()),
            (200, 2)
        );
    }
}

/// Negative test 18.
#[tokio::test]
async fn a_get_logs_nobody_out() {
    let site = Site::new().await;
    let cookie = site.register("alice").await;
    for path in ["/logout", "/logout/all", "/logout/others"] {
        let answer = site.get(path, &cookie).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("allow")),
            (405, "POST"),
            "{path}"
        );
    }
    assert!(site.is_in(&cookie).await);
}

#[tokio::test]
async fn log_out_everywhere_ends_all_and_others_spares_this_one() {
    let site = Site::new().await;
    let (here, there) = (site.register("alice").await, site.log_in("alice").await);
    let mallory = site.register("mallory").await;
    assert_eq!(site.post("/logout/others", &here, &[]).await.status, 200);
    assert!(site.is_in(&here).await && !site.is_in(&there).await);
    let there = site.log_in("alice").await;
    let answer = site.post("/logout/all", &here, &[]).await;
    assert_eq!(
        (answer.status.as_u16(), answer.set_cookies().len()),
        (200, 2)
    );
    assert!(!site.is_in(&here).await && !site.is_in(&there).await && site.is_in(&mallory).await);
    assert_eq!(
        site.post("/logout/all", &here, &[]).await.code(),
        "not_authenticated"
    );
}

#[tokio::test]
async fn from_a_page_it_leads_on_to_the_next_page() {
    let site = Site::new().await;
    for (path, goes_to) in [
        ("/logout", "/?notice=logged-out"),
        ("/logout/all", "/?notice=logged-out-everywhere"),
        ("/logout/others", "/account?notice=others-revoked"),
    ] {
        let cookie = site.register(&format!("u{}", path.len())).await;
        let answer = site.submit(path, &cookie, &[]).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("location")),
            (303, goes_to)
        );
    }
    let stranger = site
        .ask(request(
            "POST",
            "/logout/all",
            &[("accept", "text/html")],
            "",
        ))
        .await;
    assert_eq!(stranger.header("location"), "/login?next=%2Faccount");
}

/// The id is public: it is in the list of sessions and in the log.
#[tokio::test]
async fn knowing_a_sessions_id_does_not_end_it() {
    let site = Site::new().await;
    let cookie = site.register("alice").await;
    let forged = format!("lockjar_8000={}.{}", session_id(&cookie), "A".repeat(43));
    assert_eq!(site.post("/logout", &forged, &[]).await.status, 200);
    for path in ["/logout/all", "/logout/others"] {
        let answer = site.post(path, &forged, &[]).await;
        assert_eq!(answer.code(), "not_authenticated", "{path}");
    }
    assert!(site.is_in(&cookie).await);
}

#[tokio::test]
async fn what_was_logged_out_opens_no_route() {
    let site = Site::new().await;
    let cookie = site.register("alice").await;
    site.post("/logout", &cookie, &[]).await;
    let form = [("current_password", "x"), ("new_password", "y")];
    for path in ["/protected", "/me", "/sessions"] {
        assert_eq!(site.get(path, &cookie).await.status, 401, "{path}");
    }
    for path in ["/password", "/logout/all", "/logout/others"] {
        assert_eq!(site.post(path, &cookie, &form).await.status, 401, "{path}");
    }
    let account = site.page("/account", &cookie).await;
    assert_eq!(account.header("location"), "/login?next=%2Faccount");
}

#[tokio::test]
async fn two_cookies_are_told_apart_from_none_on_the_way_out() {
    let site = Site::new().await;
    let (alice, bob) = (site.register("alice").await, site.register("bob").await);
    let both = format!("{alice}; {bob}");
    let answer = site.post("/logout", &both, &[]).await;
    assert_eq!(answer.code(), "duplicate_cookie");
    assert_eq!(answer.set_cookies().len(), 2, "both are cleared");
    assert!(site.is_in(&alice).await && site.is_in(&bob).await);
    let page = site.submit("/logout", &both, &[]).await;
    assert!(page.text.contains("<h1") && page.set_cookies().len() == 2);
}
