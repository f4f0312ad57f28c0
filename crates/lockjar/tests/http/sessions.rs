use super::support::{PASSWORD, Site, encoded, request, session_id};

#[tokio::test]
async fn a_user_sees_where_they_are_logged_in() {
    let site = Site::new().await;
    let headers = [
        ("content-type", super::support::FORM),
        (
            "user-agent",
            "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        ),
    ];
    let form = encoded(&[("username", "alice"), ("password", PASSWORD)]);
    let here = site
        .ask(request("POST", "/register", &headers, &form))
        .await
        .cookie();
    site.register("mallory").await;
    let list = site.get("/sessions", &here).await;
    assert!(list.is_private());
    let sessions = list.json()["sessions"].as_array().unwrap().clone();
    assert_eq!(sessions.len(), 1, "one's own alone");
    assert_eq!(sessions[0]["id"], session_id(&here));
    assert_eq!(
        (
            sessions[0]["current"].as_bool(),
            sessions[0]["device"].as_str()
        ),
        (Some(true), Some("Firefox on Linux"))
    );
    assert_eq!(sessions[0]["created_at"], "2027-01-15T08:00:00Z");
    assert_eq!(sessions[0]["expires_at"], "2027-01-15T20:00:00Z");
}

async fn delete(site: &Site, id: &str, cookie: &str) -> super::support::Answer {
    site.ask(request(
        "DELETE",
        &format!("/sessions/{id}"),
        &[("cookie", cookie)],
        "",
    ))
    .await
}

#[tokio::test]
async fn a_user_ends_one_of_their_own_sessions_and_nobody_elses() {
    let site = Site::new().await;
    let (here, there) = (site.register("alice").await, site.log_in("alice").await);
    let mallory = site.register("mallory").await;
    for id in [
        session_id(&there),
        "AAAAAAAAAAAAAAAAAAAAAA",
        "nonsense",
        "%00",
        "..%2f",
    ] {
        let answer = delete(&site, id, &mallory).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (404, "not_found"),
            "{id}"
        );
    }
    assert!(site.is_in(&there).await);
    let answer = delete(&site, session_id(&there), &here).await;
    assert_eq!(
        (answer.status.as_u16(), answer.set_cookies().len()),
        (200, 0)
    );
    assert!(!site.is_in(&there).await && site.is_in(&here).await);
    let itself = delete(&site, session_id(&here), &here).await;
    assert_eq!(
        (itself.status.as_u16(), itself.set_cookies().len()),
        (200, 2),
        "ending this one is a log-out"
    );
    assert!(!site.is_in(&here).await);
    assert_eq!(
        delete(&site, session_id(&here), &here).await.code(),
        "not_authenticated"
    );
}

#[tokio::test]
async fn a_form_does_what_delete_does() {
    let site = Site::new().await;
    let (here, there) = (site.register("alice").await, site.log_in("alice").await);
    let answer = site
        .submit(
            &format!("/sessions/{}/revoke", session_id(&there)),
            &here,
            &[],
        )
        .await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("location")),
        (303, "/account?notice=session-revoked")
    );
    assert!(!site.is_in(&there).await && site.is_in(&here).await);
}

#[tokio::test]
async fn what_a_browser_calls_itself_is_shown_as_text_alone() {
    let site = Site::new().await;
    let headers = [
        ("content-type", super::support::FORM),
        ("user-agent", "<script>alert(1)</script>\u{202e}"),
    ];
    let form = encoded(&[("username", "alice"), ("password", PASSWORD)]);
    let cookie = site
        .ask(request("POST", "/register", &headers, &form))
        .await
        .cookie();
    let page = site.page("/account", &cookie).await;
    assert!(page.status == 200 && page.text.contains("This device"));
    for raw in ["<script", "alert(1)", "\u{202e}"] {
        assert!(!page.text.contains(raw), "{raw}");
    }
    let list = site.get("/sessions", &cookie).await;
    assert_eq!(list.header("content-type"), "application/json");
    assert_eq!(list.json()["sessions"][0]["device"], "Unknown device");
}

#[tokio::test]
async fn the_last_used_comes_first_and_ended_ones_are_gone() {
    let site = Site::new().await;
    let mut cookies = vec![site.register("alice").await];
    for _ in 0..2 {
        site.pass(std::time::Duration::from_secs(60));
        cookies.push(site.log_in("alice").await);
    }
    let ids = async || {
        let list = site.get("/sessions", &cookies[2]).await.json();
        let sessions = list["sessions"].as_array().unwrap().clone();
        let id = |session: &serde_json::Value| session["id"].as_str().unwrap().to_owned();
        sessions.iter().map(id).collect::<Vec<_>>()
    };
    let expected: Vec<_> = cookies.iter().rev().map(|one| session_id(one)).collect();
    assert_eq!(ids().await, expected);
    site.post("/logout", &cookies[1], &[]).await;
    assert_eq!(ids().await, [expected[0], expected[2]]);
}

#[tokio::test]
async fn a_session_ends_once() {
    let site = Site::new().await;
    let (here, there) = (site.register("alice").await, site.log_in("alice").await);
    assert_eq!(delete(&site, session_id(&there), &here).await.status, 200);
    assert_eq!(delete(&site, session_id(&there), &here).await.status, 404);
    let path = format!("/sessions/{}/revoke", session_id(&there));
    let page = site.submit(&path, &here, &[]).await;
    assert!(page.status == 404 && page.text.contains("<h1"));
}
