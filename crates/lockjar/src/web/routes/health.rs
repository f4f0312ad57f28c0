//! `GET /health/live` and `GET /health/ready`.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde_json::json;

use crate::web::Mounted;
use crate::web::answer;
use crate::web::openapi::RefusedBody;

/// Is the process alive?
#[utoipa::path(get, path = "/health/live", tag = "Health", responses((status = 200, description = "It is")))]
pub(super) async fn live() -> Response {
    answer::json(StatusCode::OK, &json!({ "status": "ok" }))
}

/// Can it do its work?
#[utoipa::path(
    get, path = "/health/ready", tag = "Health",
    responses(
        (status = 200, description = "The store can be read, or --on-outage lets the known in for a while without it; with how old the news of revocations is, and whether sessions are checked by memory"),
        (status = 503, description = "The store cannot be read", body = RefusedBody),
    ),
)]
pub(super) async fn ready(State(site): State<Mounted>) -> Response {
    match site.auth.ready().await {
        Ok(()) => {
            let health = site.auth.health();
            let lag = u64::try_from(health.feed_lag.as_millis()).unwrap_or(u64::MAX);
            answer::json(
                StatusCode::OK,
                &json!({ "status": "ok", "cache_trusted": health.cache_trusted, "feed_lag_ms": lag }),
            )
        }
        Err(error) => answer::error(&error, &site.auth),
    }
}
