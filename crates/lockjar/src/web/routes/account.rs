//! `GET /me`, and the pages `/` and `/account`.

use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use crate::current::CurrentUser;
use crate::session::Session;
use crate::web::Mounted;
use crate::web::answer::{self, Refusal};
use crate::web::asking::{LoggedIn, PageQuery};
use crate::web::device;
use crate::web::extract::Rejection;
use crate::web::openapi::RefusedBody;
use crate::web::pages::{Account, FieldError, Link, Notice, SessionRow, Welcome};

/// The account of whoever asks.
#[derive(Serialize, ToSchema)]
pub(super) struct Me {
    /// Never changes.
    id: String,
    /// The name as its owner writes it.
    username: String,
    /// An address that nobody has confirmed.
    email: Option<String>,
    /// RFC 3339, UTC.
    #[schema(format = DateTime)]
    created_at: String,
    /// Only in strict CSRF mode: what a client that sends no `Origin` shows as `X-CSRF-Token` with every change.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    csrf_token: Option<String>,
}

/// Who am I?
#[utoipa::path(
    get, path = "/me", tag = "Account",
    security(("session" = [])),
    responses(
        (status = 200, description = "The account", body = Me),
        (status = 401, description = "Not authenticated", body = RefusedBody),
        (status = 409, description = "With JWTs: another tab has just refreshed; ask again", body = RefusedBody),
        (status = 503, description = "The store cannot answer", body = RefusedBody),
    ),
)]
pub(super) async fn me(
    State(site): State<Mounted>,
    user: CurrentUser,
    headers: HeaderMap,
) -> Response {
    let csrf_token = site
        .auth
        .csrf()
        .is_strict()
        .then(|| site.auth.csrf_token(&headers))
        .flatten();
    let me = Me {
        id: user.id.to_string(),
        username: user.username.clone(),
        email: user.email.clone(),
        created_at: user.created_at.to_string(),
        csrf_token,
    };
    answer::json(StatusCode::OK, &me)
}

/// The welcome page
///
/// It greets whoever is logged in, and says so where that cannot be known.
#[utoipa::path(
    get, path = "/", tag = "Pages",
    security((), ("session" = [])),
    responses(
        (status = 200, description = "The page", body = String, content_type = "text/html"),
        (status = 401, description = "Two cookies of the session's name with different values", body = String, content_type = "text/html"),
        (status = 409, description = "With JWTs: another tab has just refreshed; ask again", body = String, content_type = "text/html"),
        (status = 503, description = "The store cannot answer", body = String, content_type = "text/html"),
    ),
)]
pub(super) async fn welcome(
    State(site): State<Mounted>,
    user: Result<Option<CurrentUser>, Rejection>,
    query: PageQuery,
) -> Response {
    let user = match user {
        Ok(user) => user,
        Err(rejection) => return answer::refusal_page(&site.auth, rejection.into_error().into()),
    };
    let links = [
        Link {
            href: "/protected",
            text: "/protected",
        },
        Link {
            href: "/docs/",
            text: "API",
        },
    ];
    let shown = if cfg!(feature = "docs") {
        &links[..]
    } else {
        &links[..1]
    };
    let chrome = answer::chrome(&site.auth, user.as_ref().map(|user| user.username.as_str()));
    answer::page(
        StatusCode::OK,
        &Welcome {
            chrome,
            notice: query.notice,
            links: shown,
        },
    )
}

/// The account's page, or the way to log in
#[utoipa::path(
    get, path = "/account", tag = "Pages",
    security(("session" = [])),
    responses(
        (status = 200, description = "The page", body = String, content_type = "text/html"),
        (status = 303, description = "The way to log in, for a page"),
        (status = 401, description = "Not authenticated", content((RefusedBody = "application/json"), (String = "text/html"))),
        (status = 409, description = "With JWTs: another tab has just refreshed; ask again", content((RefusedBody = "application/json"), (String = "text/html"))),
        (status = 503, description = "The store cannot answer", content((RefusedBody = "application/json"), (String = "text/html"))),
    ),
)]
pub(super) async fn page(
    State(site): State<Mounted>,
    LoggedIn(user): LoggedIn,
    query: PageQuery,
) -> Response {
    match site.auth.sessions(&user).await {
        Ok(sessions) => show(
            &site,
            &user,
            &sessions,
            StatusCode::OK,
            Shown {
                notice: query.notice,
                ..Shown::default()
            },
        ),
        Err(error) => answer::refusal_page(&site.auth, error.into()),
    }
}

/// The account's page with what was wrong with the password form.
pub(super) async fn refused_page(site: &Mounted, user: &CurrentUser, refusal: Refusal) -> Response {
    match site.auth.sessions(user).await {
        Ok(sessions) => refusal.render(&site.auth, |status, error, errors| {
            let shown = Shown {
                notice: None,
                error,
                errors,
            };
            show(site, user, &sessions, status, shown)
        }),
        Err(error) => answer::refusal_page(&site.auth, error.into()),
    }
}

/// What is told above the page and beside its fields.
#[derive(Default)]
struct Shown {
    notice: Option<Notice>,
    error: Option<String>,
    errors: Vec<FieldError>,
}

fn show(
    site: &Mounted,
    user: &CurrentUser,
    sessions: &[Session],
    status: StatusCode,
    shown: Shown,
) -> Response {
    let page = Account {
        chrome: answer::chrome(&site.auth, Some(&user.username)),
        sessions: sessions.iter().map(|session| row(session, user)).collect(),
        notice: shown.notice,
        errors: shown.errors,
        error: shown.error,
        min_length: site.auth.password_policy().min_length(),
    };
    answer::page(status, &page)
}

fn row(session: &Session, user: &CurrentUser) -> SessionRow {
    SessionRow {
        id: session.id.to_string(),
        device: device::describe(session.user_agent.as_deref()),
        created: for_people(&session.created_at.to_string()),
        created_iso: session.created_at.to_string(),
        last_used: for_people(&session.last_seen_at.to_string()),
        last_used_iso: session.last_seen_at.to_string(),
        current: session.id == user.session(),
    }
}

/// `2026-11-22T23:25:35Z` as `2026-11-22 23:25 UTC`.
fn for_people(rfc_3339: &str) -> String {
    format!(
        "{} UTC",
        rfc_3339.get(..16).unwrap_or(rfc_3339).replace('T', " ")
    )
}
