//! `POST /password`.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use super::account;
use crate::auth::{Client, SignedIn};
use crate::current::CurrentUser;
use crate::error::Error;
use crate::web::Mounted;
use crate::web::answer::{self, Refusal};
use crate::web::asking::{Asking, LoggedIn};
use crate::web::fields::{Fields, ReadFields};
use crate::web::forms::PasswordForm;
use crate::web::openapi::{Done, InvalidBody, RefusedBody};

/// Change my password
///
/// Every other session and every log-in under way ends; this session gets a new token.
#[utoipa::path(
    post, path = "/password", tag = "Account",
    request_body(content(
        (PasswordForm = "application/x-www-form-urlencoded"), (PasswordForm = "multipart/form-data"), (PasswordForm = "application/json"),
    )),
    security(("session" = [])),
    responses(
        (status = 200, description = "The password is changed; a new cookie is set", body = Done),
        (status = 303, description = "The same, for a page"),
        (status = 401, description = "Not authenticated", body = RefusedBody),
        (status = 403, description = "The request comes from another origin", body = RefusedBody),
        (status = 400, description = "The body cannot be read", body = RefusedBody),
        (status = 408, description = "The body did not come in time", body = RefusedBody),
        (status = 409, description = "With JWTs: another tab has just refreshed; ask again", body = RefusedBody),
        (status = 413, description = "The body is over 64 KiB", body = RefusedBody),
        (status = 422, description = "The current password is wrong or the new one breaks a rule", body = InvalidBody),
        (status = 429, description = "Too many have failed; see Retry-After", body = RefusedBody),
        (status = 503, description = "Too many at once, or the store cannot answer; see Retry-After", body = RefusedBody),
    ),
)]
pub(super) async fn change_password(
    State(site): State<Mounted>,
    asking: Asking,
    LoggedIn(user): LoggedIn,
    ReadFields(fields): ReadFields,
) -> Response {
    match attempt(&site, &asking.client, &user, fields).await {
        Ok(signed_in) => {
            let response = match asking.wants_page {
                true => answer::see_other("/account?notice=password-changed"),
                false => answer::message(StatusCode::OK, "Password changed"),
            };
            answer::with_session(response, &site.auth, &signed_in)
        }
        Err(Refusal::Verb(error @ Error::NotAuthenticated)) => asking.refuse(&site, error),
        Err(refusal) if asking.wants_page => account::refused_page(&site, &user, refusal).await,
        Err(refusal) => refusal.into_json(&site.auth),
    }
}

async fn attempt(
    site: &Mounted,
    client: &Client,
    user: &CurrentUser,
    fields: Result<Fields, Refusal>,
) -> Result<SignedIn, Refusal> {
    let form = PasswordForm::read(fields?)?;
    Ok(site
        .auth
        .change_password(user, form.current_password, form.new_password, client)
        .await?)
}
