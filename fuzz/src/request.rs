//! Whole requests to a mounted site: whatever comes, the answer is no fault, is in the one shape, and logs nobody in.
#![no_main]

use std::sync::LazyLock;

use axum::Router;
use axum::body::Body;
use http::{HeaderName, HeaderValue, Method, Request};
use http_body_util::BodyExt;
use libfuzzer_sys::fuzz_target;
use lockjar::Auth;
use lockjar::password::Argon2Params;
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt;

struct Site {
    runtime: Runtime,
    router: Router,
    _folder: tempfile::TempDir,
}

static SITE: LazyLock<Site> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let database = format!("sqlite://{}", folder.path().join("a.db").display());
    let cheap = Argon2Params {
        memory_kib: 8,
        passes: 1,
    };
    // Throttled attempts would never be looked at.
    let auth = Auth::builder("http://localhost:8000")
        .argon2(cheap)
        .dangerously_without_throttle();
    let auth = runtime.block_on(auth.open(&database)).unwrap();
    Site {
        router: auth.router(),
        runtime,
        _folder: folder,
    }
});

/// Method and path in the first line, headers up to an empty one, then the body: what no request could be is none.
fn request(data: &[u8]) -> Option<Request<Body>> {
    let end = data.windows(2).position(|pair| pair == b"\n\n")?;
    let (head, body) = (&data[..end], &data[end + 2..]);
    let mut lines = head.split(|byte| *byte == b'\n');
    let mut words = lines.next()?.splitn(2, |byte| *byte == b' ');
    let mut request = Request::builder()
        .method(Method::from_bytes(words.next()?).ok()?)
        .uri(words.next()?);
    for line in lines {
        let mut halves = line.splitn(2, |byte| *byte == b':');
        let name = HeaderName::from_bytes(halves.next()?).ok()?;
        request = request.header(name, HeaderValue::from_bytes(halves.next()?).ok()?);
    }
    request.body(Body::from(body.to_vec())).ok()
}

fuzz_target!(|data: &[u8]| {
    let Some(request) = request(data) else { return };
    let may_log_in = matches!(request.uri().path(), "/register" | "/login");
    let answer = SITE.runtime.block_on(SITE.router.clone().oneshot(request));
    let (parts, body) = answer.unwrap().into_parts();
    assert!(parts.status.as_u16() < 500, "{}", parts.status);
    let body = SITE.runtime.block_on(body.collect()).unwrap().to_bytes();
    let kind = parts.headers.get("content-type");
    if parts.status.is_client_error() && kind.is_some_and(|kind| kind == "application/json") {
        let json: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert!(json["detail"].is_string() || json["detail"].is_array());
        assert!(json["code"].is_string());
    }
    let sets = parts.headers.get_all("set-cookie").iter();
    let issued = sets.filter(|cookie| !cookie.to_str().is_ok_and(|it| it.contains("Max-Age=0")));
    assert!(may_log_in || issued.count() == 0);
});
