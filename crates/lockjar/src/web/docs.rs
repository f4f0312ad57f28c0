//! Swagger UI at `/docs`, from the binary itself and under a Content-Security-Policy of its own: it runs scripts, but
//! only ours, and talks to nobody else.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::response::Response;
use axum::routing::get;
use bytes::Bytes;
use http::{HeaderValue, header};
use utoipa_swagger_ui::{Config, SwaggerFile};

use super::{Mounted, answer, pieces};

/// The hash is of the one style element that Swagger UI makes for itself; nothing else inline is let through.
const CSP: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' \
     'sha256-RL3ie0nH+Lzz2YNqQN83mnU0J1ot4QL7b99vMdIX99w='; img-src 'self' data:; connect-src 'self'; \
     form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
);

static CONFIG: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| {
    Arc::new(
        Config::from("/openapi.json")
            .with_credentials(true)
            .try_it_out_enabled(true),
    )
});

pub(super) fn routes() -> Router<Mounted> {
    Router::new()
        .route("/docs", get(to_index))
        .route("/docs/", get(index))
        .route("/docs/{*file}", get(other))
}

async fn to_index() -> Response {
    answer::see_other("/docs/")
}

async fn index() -> Response {
    file("index.html")
}

async fn other(name: Result<Path<String>, PathRejection>) -> Response {
    name.map_or_else(|_| answer::missing(), |Path(name)| file(&name))
}

fn file(name: &str) -> Response {
    match utoipa_swagger_ui::serve(name, Arc::clone(&CONFIG)) {
        Ok(Some(file)) => found(file),
        Ok(None) => answer::missing(),
        Err(error) => {
            tracing::error!(%error, "a file of Swagger UI could not be served");
            answer::panicked()
        }
    }
}

fn found(file: SwaggerFile<'static>) -> Response {
    let mut response = Response::new(pieces::body(shared(file.bytes)));
    let headers = response.headers_mut();
    let characters = match file.content_type.starts_with("text/") {
        true => "; charset=utf-8",
        false => "",
    };
    let kind = HeaderValue::from_str(&format!("{}{characters}", file.content_type));
    headers.insert(
        header::CONTENT_TYPE,
        kind.unwrap_or(HeaderValue::from_static("application/octet-stream")),
    );
    headers.insert(header::CONTENT_SECURITY_POLICY, CSP);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(
        "cross-origin-resource-policy",
        HeaderValue::from_static("same-origin"),
    );
    headers.insert(
        "cross-origin-opener-policy",
        HeaderValue::from_static("same-origin"),
    );
    response
}

/// A file that lies in the binary is sent from there: a copy for each request would let strangers fill the memory.
fn shared(bytes: Cow<'static, [u8]>) -> Bytes {
    match bytes {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => Bytes::from(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_longest_file_is_sent_whole_and_in_short_frames() {
        let name = "swagger-ui-bundle.js";
        let whole = utoipa_swagger_ui::serve(name, Arc::clone(&CONFIG));
        let whole = whole.unwrap().unwrap().bytes;
        let frames = pieces::tests::frames(file(name).into_body()).await;
        assert!(frames.len() > 50);
        assert!(frames.concat() == *whole);
    }
}
