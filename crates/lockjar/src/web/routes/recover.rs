//! `GET` and `POST /recover`.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use crate::auth::Auth;
use crate::error::{Error, Problem};
use crate::opaque::RecoveryToken;
use crate::web::Mounted;
use crate::web::answer::{self, Refusal};
use crate::web::asking::{Asking, PageQuery};
use crate::web::fields::{Fields, ReadFields};
use crate::web::forms::RecoverForm;
use crate::web::openapi::{Done, InvalidBody, RefusedBody};
use crate::web::pages::{FieldError, Recover};

/// The page that a recovery link opens
///
/// To look at it uses nothing up: programs that preview links do.
#[utoipa::path(
    get, path = "/recover", tag = "Pages",
    params(("token" = Option<String>, Query, description = "What the link shows")),
    responses(
        (status = 200, description = "The page", body = String, content_type = "text/html"),
        (status = 404, description = "The link is not good, or not any longer", body = String, content_type = "text/html"),
        (status = 503, description = "The store cannot answer", body = String, content_type = "text/html"),
    ),
)]
pub(super) async fn page(State(site): State<Mounted>, query: PageQuery) -> Response {
    match recovering(&site.auth, &query.token).await {
        Ok(username) => show(
            &site,
            StatusCode::OK,
            &Shown {
                username,
                token: query.token,
            },
            None,
            Vec::new(),
        ),
        Err(error) => not_good(&site.auth, StatusCode::NOT_FOUND, error),
    }
}

/// Set a new password by a recovery link
///
/// The token is used up, and every session of the account ends. Nobody is logged in by it.
#[utoipa::path(
    post, path = "/recover", tag = "Account",
    request_body(content(
        (RecoverForm = "application/x-www-form-urlencoded"), (RecoverForm = "multipart/form-data"), (RecoverForm = "application/json"),
    )),
    responses(
        (status = 200, description = "The password is set", body = Done),
        (status = 303, description = "The same, for a page"),
        (status = 403, description = "The request comes from another origin", body = RefusedBody),
        (status = 400, description = "The body cannot be read", body = RefusedBody),
        (status = 408, description = "The body did not come in time", body = RefusedBody),
        (status = 413, description = "The body is over 64 KiB", body = RefusedBody),
        (status = 422, description = "The token is not good, or not any longer, or the new password breaks a rule", body = InvalidBody),
        (status = 503, description = "Too many at once, or the store cannot answer; see Retry-After", body = RefusedBody),
    ),
)]
pub(super) async fn recover(
    State(site): State<Mounted>,
    asking: Asking,
    ReadFields(fields): ReadFields,
) -> Response {
    let fields = match fields {
        Ok(fields) => fields,
        Err(refusal) if asking.wants_page => return answer::refusal_page(&site.auth, refusal),
        Err(refusal) => return refusal.into_json(&site.auth),
    };
    let token = fields.peek("token").unwrap_or_default().to_owned();
    match attempt(&site, fields).await {
        Ok(()) => asking.done("Password changed", "/login?notice=recovered"),
        Err(refusal) if asking.wants_page => refused_page(&site, token, refusal).await,
        Err(refusal) => refusal.into_json(&site.auth),
    }
}

async fn attempt(site: &Mounted, fields: Fields) -> Result<(), Refusal> {
    let form = RecoverForm::read(fields)?;
    let token = parse(&form.token)?;
    Ok(site.auth.recover(&token, form.new_password).await?)
}

fn parse(token: &str) -> Result<RecoveryToken, Error> {
    RecoveryToken::parse(token.as_bytes()).ok_or_else(|| {
        Error::Invalid(vec![Problem::new(
            "token",
            "token_not_good",
            "This link is not whole: open it as it was given to you.",
        )])
    })
}

/// Whose link it is.
async fn recovering(auth: &Auth, token: &str) -> Result<String, Error> {
    Ok(auth.recovery_user(&parse(token)?).await?.username)
}

struct Shown {
    username: String,
    token: String,
}

/// The form again, while the link is good; otherwise what is wrong with it.
async fn refused_page(site: &Mounted, token: String, refusal: Refusal) -> Response {
    match recovering(&site.auth, &token).await {
        Ok(username) => refusal.render(&site.auth, |status, error, errors| {
            show(site, status, &Shown { username, token }, error, errors)
        }),
        Err(error) => not_good(&site.auth, StatusCode::UNPROCESSABLE_ENTITY, error),
    }
}

/// There is no form to show the sentence beside.
fn not_good(auth: &Auth, status: StatusCode, error: Error) -> Response {
    match error {
        Error::Invalid(_) => {
            let (title, text) = ("Link not good", error.to_string());
            answer::message_page(auth, status, title, &text)
        }
        fault => answer::refusal_page(auth, fault.into()),
    }
}

fn show(
    site: &Mounted,
    status: StatusCode,
    shown: &Shown,
    error: Option<String>,
    errors: Vec<FieldError>,
) -> Response {
    let page = Recover {
        chrome: answer::chrome(&site.auth, None),
        username: &shown.username,
        token: &shown.token,
        errors,
        error,
        min_length: site.auth.password_policy().min_length(),
    };
    answer::page(status, &page)
}
