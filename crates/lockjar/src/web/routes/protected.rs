//! `GET /protected`: the tutorial's greeting, for whoever is logged in.

use axum::response::Response;
use http::StatusCode;

use crate::current::CurrentUser;
use crate::web::answer;
use crate::web::openapi::{Done, RefusedBody};

/// The protected greeting
///
/// It names the session's public id and never the secret: to echo that would hand it to any script and undo HttpOnly.
#[utoipa::path(
    get, path = "/protected", tag = "Session",
    security(("session" = [])),
    responses(
        (status = 200, description = "A greeting", body = Done),
        (status = 401, description = "Not authenticated", body = RefusedBody),
        (status = 409, description = "With JWTs: another tab has just refreshed; ask again", body = RefusedBody),
        (status = 503, description = "The store cannot answer", body = RefusedBody),
    ),
)]
pub(super) async fn protected(user: CurrentUser) -> Response {
    let message = format!("Hello, your token is {}", user.session());
    answer::json(StatusCode::OK, &Done { message })
}
