//! Whatever is sent to whichever route, no answer is a fault, and a refusal has written nothing.

use std::cell::RefCell;
use std::collections::BTreeMap;

use axum::body::Body;
use http::{HeaderName, HeaderValue, Request};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use tokio::runtime::Runtime;

use super::support::{Answer, FORM, PASSWORD, Site, session_id};

/// Methods with every route, and some that are none. `SID` stands for the id of a session that is there.
const ROUTES: [(&str, &str); 30] = [
    ("POST", "/login"),
    ("POST", "/register"),
    ("POST", "/password"),
    ("POST", "/logout"),
    ("POST", "/logout/all"),
    ("POST", "/logout/others"),
    ("GET", "/me"),
    ("GET", "/sessions"),
    ("DELETE", "/sessions/SID"),
    ("DELETE", "/sessions/x"),
    ("POST", "/sessions/SID/revoke"),
    ("POST", "/sessions/x/revoke"),
    ("GET", "/protected"),
    ("HEAD", "/protected"),
    ("GET", "/account"),
    ("GET", "/login"),
    ("GET", "/register"),
    ("GET", "/"),
    ("GET", "/health/live"),
    ("GET", "/health/ready"),
    ("GET", "/openapi.json"),
    ("GET", "/docs"),
    ("GET", "/docs/"),
    ("GET", "/docs/x"),
    ("GET", "/assets/lockjar.css"),
    ("PUT", "/login"),
    ("OPTIONS", "/login"),
    ("TRACE", "/me"),
    ("BREW", "/me"),
    ("GET", "/nowhere"),
];

#[derive(Clone, Debug)]
struct Sent {
    route: usize,
    query: String,
    headers: Vec<(&'static str, Vec<u8>)>,
    with_session: bool,
    body: Vec<u8>,
}

impl Sent {
    fn request(&self, cookie: &str) -> Option<Request<Body>> {
        let (method, path) = ROUTES[self.route];
        let path = path.replace("SID", session_id(cookie));
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{path}?{}", self.query));
        if self.with_session {
            request = request.header("cookie", cookie);
        }
        for (name, value) in &self.headers {
            let name = HeaderName::from_static(name);
            // Other bytes are refused before they come this far.
            request = request.header(name, HeaderValue::from_bytes(value).ok()?);
        }
        request.body(Body::from(self.body.clone())).ok()
    }
}

/// Text that matches, as bytes.
fn text(pattern: &str) -> impl Strategy<Value = Vec<u8>> + use<> {
    proptest::string::string_regex(pattern)
        .unwrap()
        .prop_map(String::into_bytes)
}

/// Any text, or any bytes that a header may hold.
fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        text("[ -~]{0,60}"),
        proptest::collection::vec(0x80_u8.., 0..20),
    ]
}

fn kind() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        3 => Just(FORM.as_bytes().to_vec()),
        3 => Just(b"application/json".to_vec()),
        3 => Just(b"multipart/form-data; boundary=b".to_vec()),
        1 => value(),
    ]
}

fn headers() -> impl Strategy<Value = Vec<(&'static str, Vec<u8>)>> {
    let cookie = prop_oneof![
        text("lockjar_8000=[!-~]{0,80}"),
        text("lockjar_8000=[A-Za-z0-9_-]{22}\\.[A-Za-z0-9_-]{43}"),
        value(),
    ];
    let others = prop_oneof![
        Just(("accept", b"text/html".to_vec())),
        Just(("origin", b"http://localhost:8000".to_vec())),
        Just(("origin", b"https://evil.example".to_vec())),
        Just(("sec-fetch-site", b"same-origin".to_vec())),
        Just(("upgrade", b"websocket".to_vec())),
        cookie.prop_map(|value| ("cookie", value)),
        value().prop_map(|value| ("accept", value)),
        value().prop_map(|value| ("origin", value)),
        value().prop_map(|value| ("sec-fetch-site", value)),
        value().prop_map(|value| ("user-agent", value)),
        value().prop_map(|value| ("authorization", value)),
        value().prop_map(|value| ("host", value)),
        value().prop_map(|value| ("x-forwarded-for", value)),
    ];
    let some = proptest::collection::vec(others, 0..4);
    (proptest::option::weighted(0.9, kind()), some).prop_map(|(kind, mut headers)| {
        headers.extend(kind.map(|kind| ("content-type", kind)));
        headers
    })
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    let name = "(username|password|remember|next|email|current_password|new_password|grant_type|x)";
    let json = r#"("[^"\\]{0,9}"|[0-9]{1,3}|null|\[\]|\{\}|true)"#;
    let part = format!(
        "--b\r\n(Content-Disposition: form-data; name=\"{name}\"\r\n)?\r\n[ -~]{{0,30}}\r\n"
    );
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..200),
        text(&format!("({name}=[^&]{{0,20}}&){{0,5}}[%&=a-z0-9]{{0,30}}")),
        text(&format!(r#"\{{("{name}":{json},){{0,4}}"x":1\}}"#)),
        text(&format!("({part}){{0,4}}(--b--)?")),
    ]
}

fn sent() -> impl Strategy<Value = Sent> {
    let query = "(next|notice|x)?=?[!$-;=?-~]{0,30}";
    (0..ROUTES.len(), query, headers(), any::<bool>(), body()).prop_map(
        |(route, query, headers, with_session, body)| Sent {
            route,
            query,
            headers,
            with_session,
            body,
        },
    )
}

/// The cookie, or another where a log-out in an earlier case has ended its session.
async fn live_cookie(site: &Site, cookie: String) -> String {
    match site.is_in(&cookie).await {
        true => cookie,
        false => site.log_in("alice").await,
    }
}

/// A refusal is JSON with its reason and its code, or a page, or one sentence for whoever came from another site.
fn is_in_one_shape(answer: &Answer) -> bool {
    match answer.header("content-type") {
        _ if answer.text.is_empty() => true,
        "application/json" => {
            let json = answer.json();
            json["code"].is_string() && (json["detail"].is_string() || json["detail"].is_array())
        }
        "text/html; charset=utf-8" => answer.text.contains("<h1"),
        "text/plain; charset=utf-8" => answer.status == 403,
        _ => false,
    }
}

#[test]
fn nothing_that_can_be_sent_is_a_fault_and_a_refusal_writes_nothing() {
    let runtime = Runtime::new().unwrap();
    let site = runtime.block_on(Site::new());
    let cookie = RefCell::new(runtime.block_on(site.register("alice")));
    let config = ProptestConfig {
        cases: 800,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let seen = RefCell::new(BTreeMap::<u16, u32>::new());
    let check = |sent: Sent| {
        let (answer, before, after) = runtime.block_on(async {
            let live = live_cookie(&site, cookie.take()).await;
            let request = sent.request(&live);
            cookie.replace(live);
            let Some(request) = request else {
                return Err(TestCaseError::reject("no request"));
            };
            let before = site.written().await;
            let answer = Answer::from_router(site.router.clone(), request).await;
            Ok((answer, before, site.written().await))
        })?;
        *seen.borrow_mut().entry(answer.status.as_u16()).or_default() += 1;
        prop_assert!(answer.status.as_u16() < 500, "{}", answer.status);
        prop_assert!(!answer.text.contains(PASSWORD));
        if answer.status.as_u16() >= 400 {
            prop_assert!(
                is_in_one_shape(&answer),
                "{:?} {}",
                answer.headers,
                answer.text
            );
            prop_assert_eq!(before, after, "{}", answer.text);
        }
        Ok(())
    };
    TestRunner::new(config).run(&sent(), check).unwrap();
    let seen = seen.borrow();
    for status in [200, 303, 401, 403, 404, 405, 422] {
        assert!(seen.contains_key(&status), "never {status}: {seen:?}");
    }
}
