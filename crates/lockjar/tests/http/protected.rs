use super::support::{PASSWORD, Site, request, secret, session_id};

#[tokio::test]
async fn the_greeting_names_the_public_id_and_never_the_secret() {
    let site = Site::new().await;
    let cookie = site.register("alice").await;
    let answer = site.get("/protected", &cookie).await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.text,
        format!(
            r#"{{"message":"Hello, your token is {}"}}"#,
            session_id(&cookie)
        )
    );
    assert!(!answer.text.contains(secret(&cookie)) && answer.is_private());
    assert!(
        answer.set_cookies().is_empty(),
        "a cookie that is checked is not set again"
    );
}

#[tokio::test]
async fn without_a_session_it_is_401_and_says_how_to_authenticate() {
    let answer = Site::new().await.get("/protected", "").await;
    assert_eq!(
        (answer.status.as_u16(), answer.text.as_str()),
        (
            401,
            r#"{"detail":"Not authenticated","code":"not_authenticated"}"#
        )
    );
    assert_eq!(
        answer.header("www-authenticate"),
        "Cookie realm=\"session\""
    );
    assert!(answer.set_cookies().is_empty() && answer.is_private());
}

#[tokio::test]
async fn head_is_guarded_as_get_is() {
    let site = Site::new().await;
    let cookie = site.register("alice").await;
    for (cookie, status) in [(cookie.as_str(), 200), ("", 401)] {
        let answer = site
            .ask(request("HEAD", "/protected", &[("cookie", cookie)], ""))
            .await;
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (status, ""));
        assert!(answer.is_private());
    }
}

/// The cookie is in the cache each time, so it is the cache that must forget. Negative test 3.
#[tokio::test]
async fn an_account_that_is_disabled_or_deleted_is_out_at_once() {
    let site = Site::new().await;
    let (alice, bob) = (site.register("alice").await, site.register("bob").await);
    assert!(site.is_in(&alice).await && site.is_in(&bob).await);
    let operator = site.auth.operator();
    let id = operator.user("alice").await.unwrap().id;
    operator.disable(id).await.unwrap();
    assert!(!site.is_in(&alice).await);
    operator.enable(id).await.unwrap();
    assert!(!site.is_in(&alice).await, "enabling brings no session back");
    let again = site.log_in("alice").await;
    assert!(site.is_in(&again).await);
    operator.delete(id).await.unwrap();
    assert!(!site.is_in(&again).await);
    let form = [("username", "alice"), ("password", PASSWORD)];
    assert_eq!(site.post("/login", "", &form).await.status, 401);
    assert!(site.is_in(&bob).await);
}

#[tokio::test]
async fn what_the_operator_ends_is_out_at_once() {
    let site = Site::new().await;
    let (one, other) = (site.register("alice").await, site.log_in("alice").await);
    assert!(site.is_in(&one).await && site.is_in(&other).await);
    let operator = site.auth.operator();
    operator
        .revoke(session_id(&one).parse().unwrap())
        .await
        .unwrap();
    assert!(!site.is_in(&one).await && site.is_in(&other).await);
    let alice = operator.user("alice").await.unwrap();
    operator
        .set_password(
            &alice,
            lockjar::password::Password::new("another fine long one"),
        )
        .await
        .unwrap();
    assert!(!site.is_in(&other).await);
}
