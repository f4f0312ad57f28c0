//! The OpenAPI 3.1 document, put together from the handlers' annotations.

mod bodies;

use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::Components;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{InfoBuilder, LicenseBuilder, OpenApi};

use super::fields::Issue;
use super::routes;
use crate::auth::{Auth, Strategy};
use crate::cookie::CookiePolicy;
use crate::password::PasswordPolicy;

/// What the document says of the service that serves it.
struct Service<'a> {
    strategy: Strategy,
    pages: bool,
    session_cookie: &'a str,
    refresh_cookie: &'a str,
    min_length: usize,
}

/// The document as JSON text, of a service on https with every other setting left as it is. `GET /openapi.json` answers
/// it with the settings that are in force there.
#[must_use]
pub fn openapi_json(strategy: Strategy) -> String {
    let usual = Service {
        strategy,
        pages: true,
        session_cookie: match strategy {
            Strategy::Session => "__Host-Http-session",
            Strategy::Jwt => "__Host-Http-access_token",
        },
        refresh_cookie: "__Host-Http-refresh_token",
        min_length: PasswordPolicy::default().min_length(),
    };
    document(&usual).to_pretty_json().unwrap_or_default()
}

/// The same, of this service.
pub(super) fn served(auth: &Auth) -> String {
    let service = Service {
        strategy: auth.strategy(),
        pages: auth.has_pages(),
        session_cookie: auth.cookie().name(),
        refresh_cookie: auth.refresh_cookie().map_or("", CookiePolicy::name),
        min_length: auth.password_policy().min_length(),
    };
    document(&service).to_json().unwrap_or_default()
}

fn document(service: &Service<'_>) -> OpenApi {
    let mut document = routes::described(service.pages, service.strategy);
    document.info = InfoBuilder::new()
        .title("Lockjar")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Authentication by cookie. The session's cookie is set by `POST /login` and sent by the browser; no \
             script can read it, and no body ever holds it. Requests that change something must come from this origin.",
        ))
        .license(Some(LicenseBuilder::new().name("MIT OR Apache-2.0").identifier(Some("MIT OR Apache-2.0")).build()))
        .build();
    let components = document.components.get_or_insert_default();
    add_credentials(components, service);
    bodies::refine(&mut document, service.min_length);
    document
}

/// What the requests that need somebody logged in carry, by the names that the handlers' annotations give them.
fn add_credentials(components: &mut Components, service: &Service<'_>) {
    let cookie = |name: &str, what: &str| {
        SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::with_description(name, what)))
    };
    components.add_security_scheme(
        "session",
        cookie(service.session_cookie, "Set by a log-in and a sign-up"),
    );
    if service.strategy == Strategy::Jwt {
        components.add_security_scheme(
            "refresh",
            cookie(
                service.refresh_cookie,
                "Set beside the access token, and worth a new one",
            ),
        );
        let secret = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("The introspection secret, for services alone"))
            .build();
        components.add_security_scheme("service", SecurityScheme::Http(secret));
    }
}

/// What was done.
#[derive(Serialize, ToSchema)]
pub(super) struct Done {
    /// For people.
    #[schema(example = "Logged in")]
    pub(super) message: String,
}

/// Why a request was refused.
#[derive(Serialize, ToSchema)]
#[schema(as = Refused)]
pub(super) struct RefusedBody {
    /// For people.
    #[schema(example = "Not authenticated")]
    pub(super) detail: String,
    /// For programs; stable.
    #[schema(example = "not_authenticated")]
    pub(super) code: &'static str,
}

/// What is wrong with the fields of a request.
#[derive(Serialize, ToSchema)]
#[schema(as = ValidationError)]
pub(super) struct InvalidBody {
    /// One entry for each problem.
    pub(super) detail: Vec<Issue>,
    /// Always `validation_error`.
    #[schema(example = "validation_error")]
    pub(super) code: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::pieces;

    #[tokio::test]
    async fn the_document_is_longer_than_a_frame_and_sent_in_short_ones() {
        let document = bytes::Bytes::from(openapi_json(Strategy::Jwt));
        let frames = pieces::tests::frames(pieces::body(document.clone())).await;
        assert!(frames.len() > 1);
        assert!(frames.concat() == document);
    }
}
