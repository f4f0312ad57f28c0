//! The stylesheet and the mark, from the binary itself.

use std::fmt::Write;
use std::sync::LazyLock;

use axum::response::IntoResponse;
use http::header;
use sha2::{Digest, Sha256};

const CSS: &str = include_str!("../../assets/lockjar.css");
const ICON: &str = include_str!("../../assets/lockjar.svg");
pub(super) const ICON_URL: &str = "/assets/lockjar.svg";

/// The stylesheet's address changes with its content, so that it may be kept for a year.
static CSS_URL: LazyLock<String> = LazyLock::new(|| {
    let mut url = "/assets/lockjar.css?v=".to_owned();
    for byte in &Sha256::digest(CSS)[..6] {
        let _ = write!(url, "{byte:02x}");
    }
    url
});

pub(super) fn css_url() -> &'static str {
    &CSS_URL
}

pub(super) async fn css() -> impl IntoResponse {
    asset(
        "text/css; charset=utf-8",
        "public, max-age=31536000, immutable",
        CSS,
    )
}

pub(super) async fn icon() -> impl IntoResponse {
    asset(
        "image/svg+xml; charset=utf-8",
        "public, max-age=86400",
        ICON,
    )
}

fn asset(kind: &'static str, cache: &'static str, text: &'static str) -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE.as_str(), kind),
        (header::CACHE_CONTROL.as_str(), cache),
        (
            header::CONTENT_SECURITY_POLICY.as_str(),
            "default-src 'none'; frame-ancestors 'none'",
        ),
        ("cross-origin-resource-policy", "same-origin"),
    ];
    (headers, text)
}
