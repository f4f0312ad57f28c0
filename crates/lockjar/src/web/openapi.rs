//! The OpenAPI 3.1 document, put together from the handlers' annotations.

use std::sync::LazyLock;

use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::{InfoBuilder, LicenseBuilder, OpenApi};

use super::fields::Issue;
use super::{Mounted, answer, pieces, routes};
use crate::auth::Strategy;

static SESSION: LazyLock<Document> = LazyLock::new(|| Document::of(Strategy::Session));
static JWT: LazyLock<Document> = LazyLock::new(|| Document::of(Strategy::Jwt));

/// Made once: a text for each request would let strangers fill the memory.
struct Document {
    pretty: String,
    compact: Bytes,
}

impl Document {
    fn of(strategy: Strategy) -> Self {
        let document = described(strategy);
        Self {
            pretty: document.to_pretty_json().unwrap_or_default(),
            compact: document.to_json().unwrap_or_default().into(),
        }
    }
}

fn described(strategy: Strategy) -> OpenApi {
    let mut document = routes::described(strategy);
    document.info = InfoBuilder::new()
        .title("Lockjar")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Authentication by cookie. The session's cookie is set by `POST /login` and sent by the browser; no \
             script can read it, and no body ever holds it. Requests that change something must come from this origin.",
        ))
        .license(Some(LicenseBuilder::new().name("MIT OR Apache-2.0").identifier(Some("MIT OR Apache-2.0")).build()))
        .build();
    document
}

fn of(strategy: Strategy) -> &'static Document {
    match strategy {
        Strategy::Session => &SESSION,
        Strategy::Jwt => &JWT,
    }
}

/// The document as JSON text, as `GET /openapi.json` answers it.
#[must_use]
pub fn openapi_json(strategy: Strategy) -> String {
    of(strategy).pretty.clone()
}

pub(super) async fn serve(State(site): State<Mounted>) -> Response {
    sent(of(site.auth.strategy()))
}

fn sent(document: &Document) -> Response {
    answer::json_text(StatusCode::OK, pieces::body(document.compact.clone()))
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

    #[tokio::test]
    async fn the_document_is_sent_in_short_frames() {
        let document = of(Strategy::Jwt);
        let frames = pieces::tests::frames(sent(document).into_body()).await;
        assert!(frames.len() > 1);
        assert!(frames.concat() == document.compact);
    }
}
