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
