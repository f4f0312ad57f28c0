use super::support::Site;

#[tokio::test]
async fn health_is_told_without_a_session() {
    let site = Site::new().await;
    for path in ["/health/live", "/health/ready"] {
        let answer = site.get(path, "").await;
        assert_eq!(
            (answer.status.as_u16(), answer.text.as_str()),
            (200, r#"{"status":"ok"}"#),
            "{path}"
        );
        assert!(answer.set_cookies().is_empty());
    }
}

#[tokio::test]
async fn a_file_that_went_away_is_not_ready_and_says_nothing_of_itself() {
    let site = Site::new().await;
    std::fs::remove_file(site.database()).unwrap();
    let ready = site.get("/health/ready", "").await;
    assert_eq!(
        (ready.status.as_u16(), ready.code().as_str()),
        (503, "unavailable")
    );
    assert_eq!(ready.header("retry-after"), "1");
    assert!(
        !ready.text.contains("a.db"),
        "what the store said is for the log"
    );
    assert_eq!(
        site.get("/health/live", "").await.status,
        200,
        "a restart would not help"
    );
}
