//! `POST /logout`, `/logout/all` and `/logout/others`.

use axum::extract::State;
use axum::response::Response;

use crate::current::CurrentUser;
use crate::error::Error;
use crate::web::Mounted;
use crate::web::answer;
use crate::web::asking::{Asking, LoggedIn};
use crate::web::extract::Rejection;
use crate::web::openapi::{Done, RefusedBody};

/// Log out
///
/// Ends this session and takes the cookie away. Without a session it does the same, so that it always leads to the
/// state it promises.
#[utoipa::path(
    post, path = "/logout", tag = "Session",
    security((), ("session" = [])),
    responses(
        (status = 200, description = "Logged out; the cookie is removed", body = Done),
        (status = 303, description = "The same, for a page"),
        (status = 401, description = "Two cookies of the session's name with different values", body = RefusedBody),
        (status = 403, description = "The request comes from another origin", body = RefusedBody),
        (status = 409, description = "With JWTs: another tab has just refreshed; ask again", body = RefusedBody),
        (status = 503, description = "The store cannot answer; the session may still be there", body = RefusedBody),
    ),
)]
pub(super) async fn log_out(
    State(site): State<Mounted>,
    asking: Asking,
    user: Result<Option<CurrentUser>, Rejection>,
) -> Response {
    let ended = match user {
        Ok(Some(user)) => match asking.client.presented {
            // The cookies may be of two sessions, since somebody can have planted one of them: both end.
            Some(other) if other.session != user.session() => {
                let ended = site.auth.sign_out(&user).await;
                ended.and(site.auth.sign_out_of(other).await)
            }
            _ => site.auth.sign_out(&user).await,
        },
        Ok(None) => Ok(()),
        Err(rejection) => match (rejection.into_error(), asking.client.presented) {
            // Whoever has a copy could keep its owner's token too old to log out with.
            (Error::RefreshConflict, Some(session)) => site.auth.sign_out_of(session).await,
            (error, _) => Err(error),
        },
    };
    left(&site, &asking, ended, "Logged out", "/?notice=logged-out")
}

/// Log out everywhere
///
/// Ends all of the user's sessions, this one too, and every log-in under way.
#[utoipa::path(
    post, path = "/logout/all", tag = "Session",
    security(("session" = [])),
    responses(
        (status = 200, description = "Logged out everywhere; the cookie is removed", body = Done),
        (status = 303, description = "The same, for a page"),
        (status = 401, description = "Not authenticated", body = RefusedBody),
        (status = 403, description = "The request comes from another origin", body = RefusedBody),
        (status = 409, description = "With JWTs: another tab has just refreshed; ask again", body = RefusedBody),
        (status = 503, description = "The store cannot answer", body = RefusedBody),
    ),
)]
pub(super) async fn log_out_everywhere(
    State(site): State<Mounted>,
    asking: Asking,
    LoggedIn(user): LoggedIn,
) -> Response {
    let ended = site.auth.revoke_all(&user).await;
    left(
        &site,
        &asking,
        ended,
        "Logged out everywhere",
        "/?notice=logged-out-everywhere",
    )
}

/// Log out other sessions
///
/// Ends all of the user's sessions but this one, and every log-in under way.
#[utoipa::path(
    post, path = "/logout/others", tag = "Session",
    security(("session" = [])),
    responses(
        (status = 200, description = "The other sessions have ended", body = Done),
        (status = 303, description = "The same, for a page"),
        (status = 401, description = "Not authenticated", body = RefusedBody),
        (status = 403, description = "The request comes from another origin", body = RefusedBody),
        (status = 409, description = "With JWTs: another tab has just refreshed; ask again", body = RefusedBody),
        (status = 503, description = "The store cannot answer", body = RefusedBody),
    ),
)]
pub(super) async fn log_out_others(
    State(site): State<Mounted>,
    asking: Asking,
    LoggedIn(user): LoggedIn,
) -> Response {
    match site.auth.revoke_others(&user).await {
        Ok(()) => asking.done(
            "Other sessions logged out",
            "/account?notice=others-revoked",
        ),
        Err(error) => asking.refuse(&site, error),
    }
}

/// Only a session that has ended gives its cookie back: otherwise the browser would forget one that still opens the door.
fn left(
    site: &Mounted,
    asking: &Asking,
    ended: Result<(), Error>,
    message: &str,
    page: &str,
) -> Response {
    match ended {
        Ok(()) => answer::without_session(asking.done(message, page), &site.auth),
        Err(error) => asking.refuse(site, error),
    }
}
