//! `GET` and `POST /register`.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use crate::auth::{SignUp, SignedIn};
use crate::web::Mounted;
use crate::web::answer::{self, Refusal};
use crate::web::asking::{Asking, PageQuery};
use crate::web::fields::{Fields, ReadFields};
use crate::web::forms::RegisterForm;
use crate::web::next;
use crate::web::openapi::{Done, InvalidBody, RefusedBody};
use crate::web::pages::{FieldError, Register};

/// The sign-up page
#[utoipa::path(
    get, path = "/register", tag = "Pages",
    params(("next" = Option<String>, Query, description = "Where to go afterwards: a path of this origin")),
    responses((status = 200, description = "The page", body = String, content_type = "text/html")),
)]
pub(super) async fn page(State(site): State<Mounted>, query: PageQuery) -> Response {
    let form = Shown {
        next: query.next,
        ..Shown::default()
    };
    show(&site, StatusCode::OK, &form, None, Vec::new())
}

/// Sign up
///
/// Makes an account and logs it in. From a page (`Accept: text/html`) the answer is a redirect to `next`.
#[utoipa::path(
    post, path = "/register", tag = "Account",
    request_body(content(
        (RegisterForm = "application/x-www-form-urlencoded"), (RegisterForm = "multipart/form-data"), (RegisterForm = "application/json"),
    )),
    responses(
        (status = 201, description = "The account is made and logged in; the cookie is set", body = Done),
        (status = 303, description = "The same, for a page"),
        (status = 403, description = "The request comes from another origin", body = RefusedBody),
        (status = 409, description = "The username is taken", body = RefusedBody),
        (status = 400, description = "The body cannot be read", body = RefusedBody),
        (status = 408, description = "The body did not come in time", body = RefusedBody),
        (status = 413, description = "The body is over 64 KiB", body = RefusedBody),
        (status = 422, description = "A field is missing or breaks a rule", body = InvalidBody),
        (status = 429, description = "Too many have signed up from this address; see Retry-After", body = RefusedBody),
        (status = 503, description = "Too many at once, or the store cannot answer; see Retry-After", body = RefusedBody),
    ),
)]
pub(super) async fn register(
    State(site): State<Mounted>,
    asking: Asking,
    ReadFields(fields): ReadFields,
) -> Response {
    let shown = fields.as_ref().map(Shown::of).unwrap_or_default();
    let wants_page = asking.wants_page;
    match attempt(&site, asking, fields).await {
        Ok((signed_in, next)) => {
            let response = match wants_page {
                true => answer::see_other(
                    next::checked(next.as_deref()).unwrap_or("/account?notice=welcome"),
                ),
                false => answer::message(StatusCode::CREATED, "Registered"),
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
    let form = RegisterForm::read(fields?)?;
    let request = SignUp {
        username: form.username,
        password: form.password,
        email: form.email,
        remember: form.remember,
        client: asking.client,
    };
    Ok((site.auth.sign_up(request).await?, form.next))
}

/// What the form held, to be shown again beside what is wrong with it; never the password.
#[derive(Default)]
struct Shown {
    username: String,
    email: String,
    next: String,
}

impl Shown {
    fn of(fields: &Fields) -> Self {
        let text = |name| fields.peek(name).unwrap_or_default().to_owned();
        Self {
            username: text("username"),
            email: text("email"),
            next: text("next"),
        }
    }
}

fn refused_page(site: &Mounted, form: &Shown, refusal: Refusal) -> Response {
    refusal.render(&site.auth, |status, error, errors| {
        show(site, status, form, error, errors)
    })
}

fn show(
    site: &Mounted,
    status: StatusCode,
    form: &Shown,
    error: Option<String>,
    errors: Vec<FieldError>,
) -> Response {
    let page = Register {
        chrome: answer::chrome(&site.auth, None),
        username: &form.username,
        email: &form.email,
        next: next::checked(Some(&form.next)).unwrap_or_default(),
        errors,
        error,
        min_length: site.auth.password_policy().min_length(),
    };
    answer::page(status, &page)
}
