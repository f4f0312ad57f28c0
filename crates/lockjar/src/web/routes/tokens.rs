//! The JWT strategy's own routes: new tokens for the browser, tokens for other services, and what these need to check
//! them.

use axum::extract::State;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::auth::Introspection;
use crate::cookie::Presented;
use crate::current::CurrentUser;
use crate::error::Error;
use crate::web::Mounted;
use crate::web::answer::{self, Refusal};
use crate::web::fields::{Fields, ReadFields, form_decoded};
use crate::web::forms::{AudienceForm, IntrospectionForm};
use crate::web::openapi::{Done, InvalidBody, RefusedBody};

/// Refresh
///
/// Sets new cookies for the refresh token in its cookie. Asked again with the same token, as by several tabs or after a
/// lost answer, it sets the same one. A GET whose access token has expired does this by itself.
#[utoipa::path(
    post, path = "/refresh", tag = "Tokens",
    security(("refresh" = [])),
    responses(
        (status = 200, description = "Refreshed; the cookies are set", body = Done),
        (status = 401, description = "No refresh token, or one whose session has ended", body = RefusedBody),
        (status = 403, description = "The request comes from another origin", body = RefusedBody),
        (status = 409, description = "The token was replaced a moment ago; no cookie is touched", body = RefusedBody),
        (status = 503, description = "The store cannot answer; try again with the same token", body = RefusedBody),
    ),
)]
pub(super) async fn refresh(State(site): State<Mounted>, headers: HeaderMap) -> Response {
    let presented = match site
        .auth
        .refresh_cookie()
        .map(|cookie| cookie.read(&headers))
    {
        Some(Presented::One(token)) => site.auth.refresh(token).await,
        Some(Presented::Conflicting) => Err(Error::DuplicateCookie),
        Some(Presented::Nothing) | None => Err(Error::NotAuthenticated),
    };
    match presented {
        Ok(renewed) => {
            let response = answer::message(StatusCode::OK, "Refreshed");
            answer::with_session(response, &site.auth, &renewed)
        }
        Err(error) => private(answer::error(&error, &site.auth)),
    }
}

/// A token for another service.
#[derive(Serialize, ToSchema)]
pub(super) struct TokenBody {
    /// The token. It is not the one in the cookie, and is good for nothing here.
    access_token: String,
    /// Always `Bearer`.
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// Seconds.
    #[schema(example = 300)]
    expires_in: u64,
}

/// A token for another service
///
/// Made for one audience, which the operator has allowed; it lives as long as an access token.
#[utoipa::path(
    post, path = "/token", tag = "Tokens",
    request_body(content(
        (AudienceForm = "application/x-www-form-urlencoded"), (AudienceForm = "multipart/form-data"), (AudienceForm = "application/json"),
    )),
    security(("session" = [])),
    responses(
        (status = 200, description = "The token", body = TokenBody),
        (status = 401, description = "Not authenticated", body = RefusedBody),
        (status = 403, description = "The request comes from another origin", body = RefusedBody),
        (status = 400, description = "The body cannot be read", body = RefusedBody),
        (status = 408, description = "The body did not come in time", body = RefusedBody),
        (status = 409, description = "Another tab has just refreshed; ask again", body = RefusedBody),
        (status = 413, description = "The body is over 64 KiB", body = RefusedBody),
        (status = 422, description = "No tokens are made for that audience", body = InvalidBody),
        (status = 503, description = "The store cannot answer", body = RefusedBody),
    ),
)]
pub(super) async fn token(
    State(site): State<Mounted>,
    user: CurrentUser,
    ReadFields(fields): ReadFields,
) -> Response {
    match mint(&site, &user, fields) {
        Ok(body) => answer::json(StatusCode::OK, &body),
        Err(refusal) => refusal.into_json(&site.auth),
    }
}

fn mint(
    site: &Mounted,
    user: &CurrentUser,
    fields: Result<Fields, Refusal>,
) -> Result<TokenBody, Refusal> {
    let form = AudienceForm::read(fields?)?;
    let token = site.auth.token_for(user, &form.audience)?;
    Ok(TokenBody {
        access_token: token.reveal().to_owned(),
        token_type: "Bearer",
        expires_in: token.lifetime().as_secs(),
    })
}

/// The one route beside the GETs that looks at no cookie: services prove themselves by a secret that no browser adds.
pub(in crate::web) const INTROSPECT: &str = "/introspect";

/// Is this token good now?
///
/// For services that must know of a log-out at once ([RFC 7662](https://www.rfc-editor.org/rfc/rfc7662)). The service
/// proves itself by the introspection secret: `Authorization: Bearer`, or `Basic` with it as the password.
#[utoipa::path(
    post, path = INTROSPECT, tag = "Tokens",
    request_body(content(
        (IntrospectionForm = "application/x-www-form-urlencoded"), (IntrospectionForm = "multipart/form-data"), (IntrospectionForm = "application/json"),
    )),
    security(("service" = [])),
    responses(
        (status = 200, description = "`active`, and if it is true what the token says"),
        (status = 401, description = "The secret is missing or wrong", body = RefusedBody),
        (status = 403, description = "The request comes from another origin", body = RefusedBody),
        (status = 400, description = "The body cannot be read", body = RefusedBody),
        (status = 408, description = "The body did not come in time", body = RefusedBody),
        (status = 413, description = "The body is over 64 KiB", body = RefusedBody),
        (status = 422, description = "No token was sent", body = InvalidBody),
        (status = 503, description = "The store cannot answer", body = RefusedBody),
    ),
)]
pub(super) async fn introspect(
    State(site): State<Mounted>,
    headers: HeaderMap,
    ReadFields(fields): ReadFields,
) -> Response {
    let mut shown = secrets(&headers).into_iter();
    let Some(introspector) = shown.find_map(|secret| site.auth.introspector(&secret)) else {
        return private(invalid_client());
    };
    let form = match fields.and_then(IntrospectionForm::read) {
        Ok(form) => form,
        Err(refusal) => return refusal.into_json(&site.auth),
    };
    let response = match introspector.introspect(form.token).await {
        Ok(Some(known)) => answer::json(StatusCode::OK, &described(&known)),
        Ok(None) => answer::json(StatusCode::OK, &json!({ "active": false })),
        Err(error) => answer::error(&error, &site.auth),
    };
    private(response)
}

/// What the request may mean by its credentials. In `Basic` the password is form-encoded (RFC 6749, 2.3.1), which many
/// clients leave out, so it is taken both ways.
fn secrets(headers: &HeaderMap) -> Vec<Vec<u8>> {
    let credentials = headers.get(header::AUTHORIZATION);
    let credentials = credentials.and_then(|value| value.to_str().ok()?.split_once(' '));
    let Some((scheme, value)) = credentials else {
        return Vec::new();
    };
    if scheme.eq_ignore_ascii_case("bearer") {
        return vec![value.trim().as_bytes().to_vec()];
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return Vec::new();
    }
    let pair = STANDARD.decode(value.trim()).unwrap_or_default();
    let password = pair.splitn(2, |byte| *byte == b':').nth(1);
    password.map_or_else(Vec::new, |password| {
        vec![password.to_vec(), form_decoded(password)]
    })
}

fn described(known: &Introspection) -> serde_json::Value {
    let (claims, seconds) = (&known.claims, |time: crate::clock::Timestamp| {
        time.as_millis() / 1000
    });
    json!({
        "active": true,
        "token_type": "Bearer",
        "username": known.username,
        "iss": claims.iss,
        "aud": claims.aud,
        "sub": claims.sub.to_string(),
        "client_id": claims.client_id,
        "sid": claims.sid.to_string(),
        "jti": claims.jti.to_string(),
        "iat": seconds(claims.iat),
        "exp": seconds(claims.exp),
        "roles": claims.roles,
    })
}

/// The keys to check tokens by
///
/// A JWK set ([RFC 7517](https://www.rfc-editor.org/rfc/rfc7517)), to be kept no longer than `Cache-Control` says.
#[utoipa::path(
    get, path = "/.well-known/jwks.json", tag = "Tokens",
    responses(
        (status = 200, description = "The public keys; none where tokens are signed with HS256"),
        (status = 503, description = "It cannot be known now whether one of them was revoked", body = RefusedBody),
    ),
)]
pub(super) async fn jwks(State(site): State<Mounted>) -> Response {
    let keys = match site.auth.jwks().await {
        Ok(keys) => keys,
        Err(error) => return answer::error(&error, &site.auth),
    };
    let (Some(keys), Some(max_age)) = (keys, site.auth.jwks_max_age()) else {
        return answer::missing();
    };
    let mut response = answer::json(StatusCode::OK, &keys);
    let cache = format!("public, max-age={}", max_age.as_secs());
    if let Ok(cache) = HeaderValue::from_str(&cache) {
        response.headers_mut().insert(header::CACHE_CONTROL, cache);
    }
    readable_by_all(response)
}

/// What this issuer offers
///
/// As much of [RFC 8414](https://www.rfc-editor.org/rfc/rfc8414) as is true: no grant is offered, since people log in by
/// a form of this origin.
#[utoipa::path(
    get, path = "/.well-known/oauth-authorization-server", tag = "Tokens",
    responses((status = 200, description = "Issuer, keys and introspection")),
)]
pub(super) async fn metadata(State(site): State<Mounted>) -> Response {
    let issuer = site.auth.public_url().to_string();
    let mut body = json!({
        "issuer": issuer,
        "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
        "response_types_supported": [],
        "grant_types_supported": [],
    });
    if site.auth.offers_introspection() {
        body["introspection_endpoint"] = format!("{issuer}/introspect").into();
        body["introspection_endpoint_auth_methods_supported"] =
            json!(["client_secret_basic", "Bearer"]);
    }
    readable_by_all(answer::json(StatusCode::OK, &body))
}

/// What nobody but whoever asked may keep.
fn private(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, no-store"),
    );
    response
}

/// What every page of every site may read: it says nothing of anybody.
fn readable_by_all(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(answer::CORP, HeaderValue::from_static("cross-origin"));
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_ORIGIN,
        HeaderValue::from_static("*"),
    );
    response
}

/// A service that did not prove itself (RFC 6749, 5.2).
fn invalid_client() -> Response {
    let detail = "The introspection secret is missing or wrong";
    let mut response = answer::refused(StatusCode::UNAUTHORIZED, "invalid_client", detail);
    response.headers_mut().insert(
        header::WWW_AUTHENTICATE,
        HeaderValue::from_static("Basic realm=\"introspection\", Bearer realm=\"introspection\""),
    );
    response
}
