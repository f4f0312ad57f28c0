//! `GET` and `POST /recover`.

use std::time::Duration;

use super::support::{PASSWORD, Site};

const NEW: &str = "quite another umbrella";
const HOUR: Duration = Duration::from_secs(3600);

/// A link for alice, without its origin, and what it shows.
async fn link(site: &Site) -> (String, String) {
    let token = site
        .auth
        .operator()
        .issue_recovery("alice", HOUR)
        .await
        .unwrap();
    let url = site.auth.recovery_url(&token);
    let path = url
        .strip_prefix("http://localhost:8000")
        .unwrap()
        .to_owned();
    let text = path.strip_prefix("/recover?token=").unwrap().to_owned();
    assert_eq!(text.len(), 43);
    (path, text)
}

#[tokio::test]
async fn a_link_sets_a_new_password_once_and_ends_every_session() {
    let site = Site::new().await;
    let cookie = site.register("alice").await;
    let (path, token) = link(&site).await;
    for _ in 0..2 {
        let page = site.page(&path, "").await;
        assert_eq!(page.status, 200, "to look at it uses nothing up");
        assert!(page.is_private() && page.text.contains("alice") && page.text.contains(&token));
    }
    let form = [("token", token.as_str()), ("new_password", NEW)];
    let done = site.submit("/recover", &cookie, &form).await;
    assert_eq!(
        (done.status.as_u16(), done.header("location")),
        (303, "/login?notice=recovered")
    );
    assert!(done.set_cookies().is_empty(), "nobody is logged in by it");
    assert!(!site.is_in(&cookie).await);
    let again = site.post("/recover", "", &form).await;
    assert_eq!(
        again.issues(),
        [("token".to_owned(), "token_not_good".to_owned())]
    );
    let page = site.page(&path, "").await;
    assert!(page.status == 404 && page.text.contains("not good any longer"));
    let log_in = async |password| {
        let form = [("username", "alice"), ("password", password)];
        site.post("/login", "", &form).await.status.as_u16()
    };
    assert_eq!((log_in(PASSWORD).await, log_in(NEW).await), (401, 200));
}

#[tokio::test]
async fn a_password_that_breaks_a_rule_leaves_the_link_good() {
    let site = Site::new().await;
    site.register("alice").await;
    let (_, token) = link(&site).await;
    for bad in ["short", "alicealicealice", ""] {
        let form = [("token", token.as_str()), ("new_password", bad)];
        let page = site.submit("/recover", "", &form).await;
        assert!(
            page.status == 422 && page.text.contains("role=\"alert\""),
            "{bad}"
        );
        assert!(page.text.contains(&token) && !page.text.contains("value=\"short\""));
    }
    let form = [("token", token.as_str()), ("new_password", NEW)];
    assert_eq!(site.post("/recover", "", &form).await.status, 200);
}

/// Negative test 24.
#[tokio::test]
async fn a_link_ends_after_its_time_and_with_every_other_change() {
    let site = Site::new().await;
    site.register("alice").await;
    let refused = async |token: &str| {
        let form = [("token", token), ("new_password", NEW)];
        site.post("/recover", "", &form).await.status == 422
    };
    let (_, token) = link(&site).await;
    site.pass(HOUR);
    assert!(refused(&token).await);
    let (_, token) = link(&site).await;
    let operator = site.auth.operator();
    let alice = operator.user("alice").await.unwrap();
    operator.revoke_all(alice.id).await.unwrap();
    assert!(refused(&token).await);
    let (_, token) = link(&site).await;
    operator.disable(alice.id).await.unwrap();
    assert!(refused(&token).await);
    assert!(operator.issue_recovery("alice", HOUR).await.is_err());
    operator.enable(alice.id).await.unwrap();
    assert!(refused(&token).await);
    assert!(operator.issue_recovery("alice", HOUR * 25).await.is_err());
    assert!(operator.issue_recovery("nobody", HOUR).await.is_err());
    for made_up in ["", "x", &"A".repeat(43), &"A".repeat(44), "' OR 1=1 --"] {
        assert!(refused(made_up).await, "{made_up:?}");
        assert_eq!(
            site.page(&format!("/recover?token={}", made_up.replace(' ', "+")), "")
                .await
                .status,
            404
        );
    }
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_not_told_as_a_bad_link() {
    let site = Site::new().await;
    site.register("alice").await;
    let (_, token) = link(&site).await;
    let long = "x".repeat(70_000);
    let form = [("token", token.as_str()), ("new_password", long.as_str())];
    assert_eq!(site.submit("/recover", "", &form).await.status, 413);
}

#[tokio::test]
async fn a_recovery_lets_strangers_try_again() {
    let site = Site::new().await;
    site.register("alice").await;
    let log_in = async |password| {
        let form = [("username", "alice"), ("password", password)];
        site.post("/login", "", &form).await.status.as_u16()
    };
    for _ in 0..11 {
        assert_eq!(log_in("not the one that it is").await, 401);
    }
    assert_eq!(log_in(PASSWORD).await, 429);
    let (_, token) = link(&site).await;
    let form = [("token", token.as_str()), ("new_password", NEW)];
    assert_eq!(site.post("/recover", "", &form).await.status, 200);
    assert_eq!(log_in(NEW).await, 200);
}
