//! The table of contents: every route, and through the handlers' annotations the OpenAPI document.

mod account;
mod health;
mod log_in;
mod log_out;
mod metrics;
mod password;
mod protected;
mod recover;
mod register;
mod sessions;
mod tokens;

use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Mounted, answer, assets, openapi, pieces};
use crate::auth::{Auth, Strategy};

pub(super) use tokens::INTROSPECT;

/// What every app gets.
pub(super) fn account(pages: bool, strategy: Strategy) -> Router<Mounted> {
    let (api, _) = account_api(strategy).split_for_parts();
    let routes = if pages {
        let (shown, _) = pages_api().split_for_parts();
        api.merge(shown).merge(assets())
    } else {
        api
    };
    routes.method_not_allowed_fallback(answer::method_not_allowed)
}

fn account_api(strategy: Strategy) -> OpenApiRouter<Mounted> {
    let account = OpenApiRouter::new()
        .routes(routes!(log_in::log_in))
        .routes(routes!(register::register))
        .routes(routes!(log_out::log_out))
        .routes(routes!(log_out::log_out_everywhere))
        .routes(routes!(log_out::log_out_others))
        .routes(routes!(account::me))
        .routes(routes!(sessions::list))
        .routes(routes!(sessions::revoke))
        .routes(routes!(sessions::revoke_by_form))
        .routes(routes!(password::change_password))
        .routes(routes!(recover::recover));
    match strategy {
        Strategy::Session => account,
        Strategy::Jwt => account.merge(token_api()),
    }
}

/// What the JWT strategy adds.
fn token_api() -> OpenApiRouter<Mounted> {
    OpenApiRouter::new()
        .routes(routes!(tokens::refresh))
        .routes(routes!(tokens::token))
        .routes(routes!(tokens::introspect))
        .routes(routes!(tokens::jwks))
        .routes(routes!(tokens::metadata))
}

fn pages_api() -> OpenApiRouter<Mounted> {
    OpenApiRouter::new()
        .routes(routes!(log_in::page))
        .routes(routes!(register::page))
        .routes(routes!(recover::page))
        .routes(routes!(account::page))
}

fn assets() -> Router<Mounted> {
    Router::new()
        .route("/assets/lockjar.css", get(assets::css))
        .route("/assets/lockjar.svg", get(assets::icon))
}

/// What the program adds.
pub(super) fn program(auth: &Auth) -> Router<Mounted> {
    let (api, _) = program_api().split_for_parts();
    let document = Bytes::from(openapi::served(auth));
    let serve = async move || answer::json_text(StatusCode::OK, pieces::body(document.clone()));
    let routes = api.route("/openapi.json", get(serve));
    #[cfg(feature = "docs")]
    let routes = routes.merge(super::docs::routes());
    routes
        .method_not_allowed_fallback(answer::method_not_allowed)
        .fallback(answer::missing_page)
}

fn program_api() -> OpenApiRouter<Mounted> {
    OpenApiRouter::new()
        .routes(routes!(account::welcome))
        .routes(routes!(protected::protected))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
}

/// What operators ask, and nobody else.
pub(super) fn operations() -> Router<Mounted> {
    let health = OpenApiRouter::new()
        .routes(routes!(health::live))
        .routes(routes!(health::ready));
    let (health, _) = health.split_for_parts();
    health
        .route("/metrics", get(metrics::metrics))
        .method_not_allowed_fallback(answer::method_not_allowed)
        .fallback(answer::not_found)
}

/// The document that the annotations add up to.
pub(super) fn described(pages: bool, strategy: Strategy) -> utoipa::openapi::OpenApi {
    let api = account_api(strategy).merge(program_api());
    match pages {
        true => api.merge(pages_api()),
        false => api,
    }
    .into_openapi()
}
