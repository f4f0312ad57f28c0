use super::support::{PASSWORD, Site};

#[tokio::test]
async fn it_tells_whoever_asks_about_themselves_and_nothing_else() {
    let site = Site::new().await;
    let form = [
        ("username", "Alice"),
        ("password", PASSWORD),
        ("email", "alice@example.com"),
    ];
    let cookie = site.post("/register", "", &form).await.cookie();
    let answer = site.get("/me", &cookie).await;
    assert!(answer.status == 200 && answer.is_private());
    let me = answer.json();
    let mut fields: Vec<_> = me.as_object().unwrap().keys().cloned().collect();
    fields.sort();
    assert_eq!(fields, ["created_at", "email", "id", "username"]);
    assert_eq!(me["username"], "Alice");
    assert_eq!(me["email"], "alice@example.com");
    assert_eq!(me["created_at"], "2027-01-15T08:00:00Z");
}

#[tokio::test]
async fn an_address_that_was_not_given_is_null_and_the_id_stays_the_same() {
    let site = Site::new().await;
    let first = site.register("alice").await;
    let second = site.log_in("alice").await;
    let (one, other) = (
        site.get("/me", &first).await,
        site.get("/me", &second).await,
    );
    assert!(one.json()["email"].is_null());
    assert_eq!(one.text, other.text);
}

#[tokio::test]
async fn an_id_in_the_address_asks_about_nobody_else() {
    let site = Site::new().await;
    let (alice, mallory) = (site.register("alice").await, site.register("mallory").await);
    let id = site.get("/me", &alice).await.json()["id"].clone();
    let id = id.as_str().unwrap();
    for path in [
        format!("/me?id={id}"),
        format!("/me?user={id}&username=alice"),
    ] {
        assert_eq!(
            site.get(&path, &mallory).await.json()["username"],
            "mallory"
        );
    }
    let sessions = site.get(&format!("/sessions?user_id={id}"), &mallory).await;
    assert_eq!(sessions.json()["sessions"].as_array().unwrap().len(), 1);
    assert!(!sessions.text.contains(super::support::session_id(&alice)));
}

#[tokio::test]
async fn without_a_session_it_tells_nothing() {
    let answer = Site::new().await.get("/me", "").await;
    assert_eq!(
        (answer.status.as_u16(), answer.text.as_str()),
        (
            401,
            r#"{"detail":"Not authenticated","code":"not_authenticated"}"#
        )
    );
    assert!(!answer.header("www-authenticate").is_empty() && answer.is_private());
}
