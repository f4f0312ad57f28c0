use super::support::{Answer, Site, request};

#[tokio::test]
async fn health_is_told_without_a_session() {
    let site = Site::new().await;
    for path in ["/health/live", "/health/ready"] {
        let answer = site.get(path, "").await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.json()["status"], "ok", "{path}");
        assert!(answer.set_cookies().is_empty());
    }
}

#[tokio::test]
async fn readiness_says_whether_the_cache_is_believed_and_how_old_its_news_is() {
    let site = Site::new().await;
    let ready = site.get("/health/ready", "").await.json();
    assert_eq!(ready["cache_trusted"], true);
    assert!(ready["feed_lag_ms"].as_u64().unwrap() < 1000);
}

#[tokio::test]
async fn metrics_are_for_operators_alone() {
    let site = Site::new().await;
    assert_eq!(site.get("/metrics", "").await.status, 404);
    let ask = async |path| {
        let asked = request("GET", path, &[], "");
        Answer::from_router(site.auth.operations(), asked).await
    };
    let metrics = ask("/metrics").await;
    assert_eq!(metrics.status, 200);
    assert!(
        metrics
            .header("content-type")
            .starts_with("text/plain; version=0.0.4")
    );
    for line in [
        "lockjar_cache_trusted 1\n",
        "lockjar_feed_lag_seconds 0",
        "# TYPE lockjar_store_reads_total counter\n",
    ] {
        assert!(metrics.text.contains(line), "{line}: {}", metrics.text);
    }
    assert_eq!(ask("/health/ready").await.status, 200);
    assert_eq!(ask("/login").await.status, 404);
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
