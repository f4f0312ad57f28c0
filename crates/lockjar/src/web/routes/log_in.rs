//! `GET` and `POST /login`.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use crate::auth::{SignIn, SignedIn};
use crate::web::Mounted;
use crate::web::answer::{self, Refusal};
use crate::web::asking::{Asking, PageQuery};
use crate::web::fields::{Fields, ReadFields};
use crate::web::forms::LogInForm;
use crate::web::next;
use crate::web::openapi::{Done, InvalidBody, RefusedBody};
use crate::web::pages::{LogIn, Notice};

/// The log-in page
#[utoipa::path(
    get, path = "/login", tag = "Pages",
    params(("next" = Option<String>, Query, description = "Where to go afterwards: a path of this origin")),
    responses((status = 200, description = "The page", body = String, content_type = "text/html")),
)]
pub(super) async fn page(State(site): State<Mounted>, query: PageQuery) -> Response {
    let form = Shown {
        username: String::new(),
        next: query.next,
        remember: false,
    };
    show(&site, StatusCode::OK, &form, None, query.notice)
}

/// Log in
///
/// Sets the session's cookie. A session that was presented ends: a log-in always makes a new one. From a page
/// (`Accept: text/html`) the answer is a redirect to `next`.
#[utoipa::path(
    post, path = "/login", tag = "Session",
    request_body(content(
        (LogInForm = "application/x-www-form-urlencoded"), (LogInForm = "multipart/form-data"), (LogInForm = "application/json"),
    )),
    responses(
        (status = 200, description = "Logged in; the cookie is set", body = Done),
        (status = 303, description = "The same, for a page"),
        (status = 401, description = "Unknown user or wrong password, without saying which", body = RefusedBody),
        (status = 403, description = "The request comes from another origin", body = RefusedBody),
        (status = 400, description = "The body cannot be read", body = RefusedBody),
        (status = 408, description = "The body did not come in time", body = RefusedBody),
        (status = 413, description = "The body is over 64 KiB", body = RefusedBody),
        (status = 422, description = "A field is missing or malformed", body = InvalidBody),
        (status = 429, description = "Too many have failed, at the account or from this address; see Retry-After", body = RefusedBody),
        (status = 503, description = "Too many log-ins at once, or the store cannot answer; see Retry-After", body = RefusedBody),
    ),
)]
pub(super) async fn log_in(
    State(site): State<Mounted>,
    asking: Asking,
    ReadFields(fields): ReadFields,
) -> Response {
    let shown = fields.as_ref().map(Shown::of).unwrap_or_default();
    let wants_page = asking.wants_page;
    match attempt(&site, asking, fields).await {
        Ok((signed_in, next)) => {
            let response = match wants_page {
                true => answer::see_other(next::checked(next.as_deref()).unwrap_or("/account")),
                false => answer::message(StatusCode::OK, "Logged in"),
            };
            answer::with_session(response, &site.auth, &signed_in)
        }
        Err(refusal) if wants_page => refused_page(&site, &shown, refusal),
        Err(refusal) => refusal.into_json(&site.auth),
    }
}

async fn attempt(
    site: &Mounted,
    asking: Asking,
    fields: Result<Fields, Refusal>,
) -> Result<(SignedIn, Option<String>), Refusal> {
    let form = LogInForm::read(fields?)?;
    let request = SignIn {
        username: form.username,
        password: form.password,
        remember: form.remember,
        client: asking.client,
    };
    Ok((site.auth.sign_in(request).await?, form.next))
}

/// What the form held, to be shown again beside what is wrong with it; never the password.
#[derive(Default)]
struct Shown {
    username: String,
    next: String,
    remember: bool,
}

impl Shown {
    fn of(fields: &Fields) -> Self {
        let text = |name| fields.peek(name).unwrap_or_default().to_owned();
        Self {
            username: text("username"),
            next: text("next"),
            remember: fields.peek("remember").is_some(),
        }
    }
}

fn refused_page(site: &Mounted, form: &Shown, refusal: Refusal) -> Response {
    refusal.render(&site.auth, |status, error, errors| {
        let empty = !errors.is_empty();
        let error =
            error.or_else(|| empty.then(|| "Enter your username and your password.".to_owned()));
        show(site, status, form, error, None)
    })
}

fn show(
    site: &Mounted,
    status: StatusCode,
    form: &Shown,
    error: Option<String>,
    notice: Option<Notice>,
) -> Response {
    let chrome = answer::chrome(&site.auth, None);
    let next = next::checked(Some(&form.next)).unwrap_or_default();
    answer::page(
        status,
        &LogIn {
            chrome,
            username: &form.username,
            next,
            remember: form.remember,
            error,
            notice,
        },
    )
}
