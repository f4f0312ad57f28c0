//! Answers: JSON in FastAPI's shape, pages for people, and the headers of each.

use askama::Template;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;

use super::Mounted;
use super::asking::wants_page;
use super::assets;
use super::fields::Issue;
use super::openapi::{Done, InvalidBody, RefusedBody};
use super::pages::{Chrome, FieldError, Message};
use crate::auth::{Auth, SignedIn};
use crate::csrf::CrossOrigin;
use crate::error::{Error, Problem};

const API_CSP: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
const PAGE_CSP: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);
const SAME_ORIGIN: HeaderValue = HeaderValue::from_static("same-origin");
const DENY: HeaderValue = HeaderValue::from_static("DENY");
pub(super) const CORP: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const COOP: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

/// Room for these, for what the guard adds and for the length: a map that grows costs more than its headers.
const JSON_HEADERS: usize = 6;

/// Why a request was refused, from whichever check.
pub(super) enum Refusal {
    /// The body is not what it should be: status, code, sentence.
    Body(StatusCode, &'static str, &'static str),
    /// Fields are missing or malformed.
    Fields(Vec<Issue>),
    /// A verb said no.
    Verb(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Verb(error)
    }
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Self::Body(status, ..) => *status,
            Self::Fields(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Verb(error) => status_of(error),
        }
    }

    /// As JSON.
    pub(super) fn into_json(self, auth: &Auth) -> Response {
        match self {
            Self::Body(status, code, detail) => refused(status, code, detail),
            Self::Fields(issues) => validation(issues),
            Self::Verb(failed) => error(&failed, auth),
        }
    }

    /// As the page that `show` makes of the status, the sentence above its form and what is wrong with each field.
    pub(super) fn render(
        self,
        auth: &Auth,
        show: impl FnOnce(StatusCode, Option<String>, Vec<FieldError>) -> Response,
    ) -> Response {
        let (status, mut headers) = (self.status(), HeaderMap::new());
        if let Self::Verb(error) = &self {
            log_fault(error);
            add_headers(&mut headers, error, auth);
        }
        let (error, errors) = self.into_page();
        let mut response = show(status, error, errors);
        response.headers_mut().extend(headers);
        response
    }

    /// What a page shows above its form, and what beside each field.
    fn into_page(self) -> (Option<String>, Vec<FieldError>) {
        match self {
            Self::Body(_, _, detail) => (Some(detail.to_owned()), Vec::new()),
            Self::Fields(issues) => (None, issues.into_iter().map(Issue::into_page).collect()),
            Self::Verb(Error::Invalid(problems)) => {
                (None, problems.into_iter().map(field_error).collect())
            }
            Self::Verb(Error::UsernameTaken) => (None, vec![taken()]),
            Self::Verb(Error::InvalidCredentials) => (
                Some(
                    "That username and password do not match. Check both and try again.".to_owned(),
                ),
                Vec::new(),
            ),
            Self::Verb(error) => (Some(format!("{error}.")), Vec::new()),
        }
    }
}

fn field_error(problem: Problem) -> FieldError {
    FieldError {
        field: problem.field.to_owned(),
        message: problem.message,
    }
}

fn taken() -> FieldError {
    FieldError {
        field: "username".to_owned(),
        message: "That username is taken: choose another.".to_owned(),
    }
}

fn status_of(error: &Error) -> StatusCode {
    match error {
        Error::InvalidCredentials | Error::NotAuthenticated | Error::DuplicateCookie => {
            StatusCode::UNAUTHORIZED
        }
        Error::UsernameTaken | Error::RefreshConflict => StatusCode::CONFLICT,
        Error::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
        Error::NotFound => StatusCode::NOT_FOUND,
        Error::Throttled { .. } => StatusCode::TOO_MANY_REQUESTS,
        Error::Overloaded { .. } | Error::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

fn code_of(error: &Error) -> &'static str {
    match error {
        Error::InvalidCredentials => "invalid_credentials",
        Error::NotAuthenticated => "not_authenticated",
        Error::DuplicateCookie => "duplicate_cookie",
        Error::UsernameTaken => "username_taken",
        Error::RefreshConflict => "refresh_conflict",
        Error::Invalid(_) => "validation_error",
        Error::NotFound => "not_found",
        Error::Throttled { .. } => "too_many_attempts",
        Error::Overloaded { .. } => "overloaded",
        Error::Unavailable(_) => "unavailable",
    }
}

/// A verb's error as JSON. What the store said is for the log alone.
pub(super) fn error(error: &Error, auth: &Auth) -> Response {
    log_fault(error);
    if let Error::Invalid(problems) = error {
        return validation(problems.iter().map(Issue::from_problem).collect());
    }
    let mut response = refused(status_of(error), code_of(error), error.to_string());
    add_headers(response.headers_mut(), error, auth);
    response
}

fn add_headers(headers: &mut HeaderMap, error: &Error, auth: &Auth) {
    match error {
        Error::NotAuthenticated | Error::InvalidCredentials => {
            headers.insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Cookie realm=\"session\""),
            );
        }
        Error::DuplicateCookie => {
            headers.insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Cookie realm=\"session\""),
            );
            clear_cookie(headers, auth);
        }
        Error::Overloaded { retry_after } | Error::Throttled { retry_after } => {
            // Rounded up: a second too early would be refused again.
            let seconds = retry_after.as_millis().div_ceil(1000).max(1);
            let seconds = u64::try_from(seconds).unwrap_or(u64::MAX);
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        Error::Unavailable(_) => {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        _ => {}
    }
}

fn log_fault(error: &Error) {
    if let Error::Unavailable(store) = error {
        let source = std::error::Error::source(store).map(ToString::to_string);
        tracing::error!(error = %store, source, "the store could not answer");
    }
}

fn validation(detail: Vec<Issue>) -> Response {
    json(
        StatusCode::UNPROCESSABLE_ENTITY,
        &InvalidBody {
            detail,
            code: "validation_error",
        },
    )
}

pub(super) fn refused(
    status: StatusCode,
    code: &'static str,
    detail: impl Into<String>,
) -> Response {
    json(
        status,
        &RefusedBody {
            detail: detail.into(),
            code,
        },
    )
}

/// JSON, which no browser may take for anything else.
pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Response {
    let Ok(text) = serde_json::to_vec(value) else {
        return panicked();
    };
    json_text(status, Body::from(text))
}

/// The same of what is JSON already.
pub(super) fn json_text(status: StatusCode, text: Body) -> Response {
    let mut response = Response::new(text);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.reserve(JSON_HEADERS);
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    headers.insert(header::CONTENT_SECURITY_POLICY, API_CSP);
    headers.insert(CORP, SAME_ORIGIN);
    response
}

pub(super) fn message(status: StatusCode, message: &str) -> Response {
    json(
        status,
        &Done {
            message: message.to_owned(),
        },
    )
}

/// A page. None is ever stored, because most show whose it is.
pub(super) fn page(status: StatusCode, page: &impl Template) -> Response {
    let Ok(text) = page.render() else {
        return panicked();
    };
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    headers.insert(header::CONTENT_SECURITY_POLICY, PAGE_CSP);
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, no-store"),
    );
    headers.insert(header::X_FRAME_OPTIONS, DENY);
    headers.insert(CORP, SAME_ORIGIN);
    headers.insert(COOP, SAME_ORIGIN);
    response
}

/// The frame of every page.
pub(super) fn chrome<'a>(auth: &'a Auth, username: Option<&'a str>) -> Chrome<'a> {
    Chrome {
        service: auth.service(),
        css: assets::css_url(),
        icon: assets::ICON_URL,
        username,
    }
}

/// A page that says what happened.
pub(super) fn message_page(auth: &Auth, status: StatusCode, title: &str, text: &str) -> Response {
    page(
        status,
        &Message {
            chrome: chrome(auth, None),
            status: status.as_u16(),
            title,
            text,
        },
    )
}

/// A fault or a refusal where there is no form to show it beside.
pub(super) fn refusal_page(auth: &Auth, refusal: Refusal) -> Response {
    refusal.render(auth, |status, error, errors| {
        let text = error
            .or_else(|| errors.into_iter().next().map(|field| field.message))
            .unwrap_or_default();
        let title = status.canonical_reason().unwrap_or("Error");
        message_page(auth, status, title, &text)
    })
}

/// 303: the browser goes on with GET.
pub(super) fn see_other(path: &str) -> Response {
    Redirect::to(path).into_response()
}

/// Hands the new session's cookie to the browser.
pub(super) fn with_session(mut response: Response, auth: &Auth, signed_in: &SignedIn) -> Response {
    for cookie in auth.set_cookies(signed_in) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// Takes the cookie from the browser.
pub(super) fn without_session(mut response: Response, auth: &Auth) -> Response {
    clear_cookie(response.headers_mut(), auth);
    response
}

fn clear_cookie(headers: &mut HeaderMap, auth: &Auth) {
    for cookie in auth.clear_cookies() {
        headers.append(header::SET_COOKIE, cookie);
    }
}

pub(super) fn cross_origin(refusal: &CrossOrigin, headers: &HeaderMap) -> Response {
    let mut response = refused(StatusCode::FORBIDDEN, "cross_origin", refusal.to_string());
    if wants_page(headers) {
        // A person sees one sentence; no page of ours is shown to another site.
        let text = format!("Refused: {refusal}.\n");
        *response.body_mut() = Body::from(text);
        let plain = HeaderValue::from_static("text/plain; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, plain);
    }
    response.headers_mut().insert(
        header::VARY,
        HeaderValue::from_static("Sec-Fetch-Site, Origin"),
    );
    response
}

pub(super) fn panicked() -> Response {
    let text = r#"{"detail":"Internal Server Error","code":"internal_error"}"#;
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response
}

/// 404 in the one JSON shape, for an app's `fallback`.
pub async fn not_found() -> Response {
    missing()
}

pub(super) fn missing() -> Response {
    refused(StatusCode::NOT_FOUND, "not_found", "Not Found")
}

/// 405 in the one JSON shape, for an app's `method_not_allowed_fallback`; axum adds `Allow`.
pub async fn method_not_allowed() -> Response {
    refused(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "Method Not Allowed",
    )
}

/// 404 for people and programs.
pub(super) async fn missing_page(State(site): State<Mounted>, request: Request) -> Response {
    match wants_page(request.headers()) {
        true => message_page(
            &site.auth,
            StatusCode::NOT_FOUND,
            "Not found",
            "There is no page at this address.",
        ),
        false => missing(),
    }
}
