//! `GET /sessions`, `DELETE /sessions/{id}`, and the same for a form.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::current::CurrentUser;
use crate::error::Error;
use crate::id::SessionId;
use crate::session::Session;
use crate::web::Mounted;
use crate::web::answer;
use crate::web::asking::{Asking, LoggedIn};
use crate::web::device;
use crate::web::openapi::{Done, RefusedBody};

/// Where a user is logged in.
#[derive(Serialize, ToSchema)]
pub(super) struct SessionList {
    /// The last used first.
    sessions: Vec<SessionInfo>,
}

/// One place where a user is logged in.
#[derive(Serialize, ToSchema)]
struct SessionInfo {
    /// Public: it names the session and opens nothing.
    id: String,
    /// Whether it is the one that asks.
    current: bool,
    /// RFC 3339, UTC.
    #[schema(format = DateTime)]
    created_at: String,
    /// RFC 3339, UTC; to the minute.
    #[schema(format = DateTime)]
    last_seen_at: String,
    /// When it ends at the latest; RFC 3339, UTC.
    #[schema(format = DateTime)]
    expires_at: String,
    /// As sent at log-in, cut to 256 characters.
    user_agent: Option<String>,
    /// The same for people.
    #[schema(example = "Firefox on Linux")]
    device: String,
}

impl SessionInfo {
    fn of(session: &Session, user: &CurrentUser) -> Self {
        Self {
            id: session.id.to_string(),
            current: session.id == user.session(),
            created_at: session.created_at.to_string(),
            last_seen_at: session.last_seen_at.to_string(),
            expires_at: session.expires_at.to_string(),
            device: device::describe(session.user_agent.as_deref()),
            user_agent: session.user_agent.clone(),
        }
    }
}

/// List my sessions
#[utoipa::path(
    get, path = "/sessions", tag = "Account",
    security(("session" = [])),
    responses(
        (status = 200, description = "The sessions", body = SessionList),
        (status = 401, description = "Not authenticated", body = RefusedBody),
        (status = 409, description = "With JWTs: another tab has just refreshed; ask again", body = RefusedBody),
        (status = 503, description = "The store cannot answer", body = RefusedBody),
    ),
)]
pub(super) async fn list(State(site): State<Mounted>, user: CurrentUser) -> Response {
    match site.auth.sessions(&user).await {
        Ok(sessions) => {
            let sessions = sessions
                .iter()
                .map(|session| SessionInfo::of(session, &user))
                .collect();
            answer::json(StatusCode::OK, &SessionList { sessions })
        }
        Err(error) => answer::error(&error, &site.auth),
    }
}

/// End one of my sessions
#[utoipa::path(
    delete, path = "/sessions/{id}", tag = "Account",
    params(("id" = String, Path, description = "The session's public id")),
    security(("session" = [])),
    responses(
        (status = 200, description = "The session has ended", body = Done),
        (status = 303, description = "The same, for a page"),
        (status = 401, description = "Not authenticated", body = RefusedBody),
        (status = 403, description = "The request comes from another origin", body = RefusedBody),
        (status = 404, description = "You have no such session", body = RefusedBody),
        (status = 409, description = "With JWTs: another tab has just refreshed; ask again", body = RefusedBody),
        (status = 503, description = "The store cannot answer", body = RefusedBody),
    ),
)]
pub(super) async fn revoke(
    State(site): State<Mounted>,
    asking: Asking,
    LoggedIn(user): LoggedIn,
    id: Result<Path<String>, PathRejection>,
) -> Response {
    end(&site, &asking, &user, id.ok()).await
}

/// End one of my sessions, by a form
///
/// The same as DELETE, for pages that work without scripts.
#[utoipa::path(
    post, path = "/sessions/{id}/revoke", tag = "Account",
    params(("id" = String, Path, description = "The session's public id")),
    security(("session" = [])),
    responses(
        (status = 200, description = "The session has ended", body = Done),
        (status = 303, description = "The same, for a page"),
        (status = 401, description = "Not authenticated", body = RefusedBody),
        (status = 403, description = "The request comes from another origin", body = RefusedBody),
        (status = 404, description = "You have no such session", body = RefusedBody),
        (status = 409, description = "With JWTs: another tab has just refreshed; ask again", body = RefusedBody),
        (status = 503, description = "The store cannot answer", body = RefusedBody),
    ),
)]
pub(super) async fn revoke_by_form(
    State(site): State<Mounted>,
    asking: Asking,
    LoggedIn(user): LoggedIn,
    id: Result<Path<String>, PathRejection>,
) -> Response {
    end(&site, &asking, &user, id.ok()).await
}

/// A session that ends itself is a log-out and gives its cookie back. An id that is malformed is one that nobody has.
async fn end(
    site: &Mounted,
    asking: &Asking,
    user: &CurrentUser,
    id: Option<Path<String>>,
) -> Response {
    let ended = match id.and_then(|Path(id)| id.parse::<SessionId>().ok()) {
        Some(id) => site.auth.revoke(user, id).await.map(|()| id),
        None => Err(Error::NotFound),
    };
    match ended {
        Ok(id) if id == user.session() => answer::without_session(
            asking.done("Session revoked", "/?notice=logged-out"),
            &site.auth,
        ),
        Ok(_) => asking.done("Session revoked", "/account?notice=session-revoked"),
        Err(error) => asking.refuse(site, error),
    }
}
