use super::support::{Site, request};
use super::wire;

#[tokio::test]
async fn every_page_carries_its_defences() {
    for (url, https) in [
        ("http://localhost:8000", false),
        ("https://example.com", true),
    ] {
        let site = Site::with(url, |builder| builder).await;
        let cookie = site.register("alice").await;
        for path in ["/", "/login", "/register", "/account", "/nowhere"] {
            let page = site.page(path, &cookie).await;
            let csp = page.header("content-security-policy");
            assert!(
                csp.starts_with("default-src 'none';") && csp.contains("frame-ancestors 'none'"),
                "{path}: {csp}"
            );
            assert!(
                !csp.contains("unsafe")
                    && csp.contains("form-action 'self'")
                    && csp.contains("base-uri 'none'")
            );
            for (name, value) in [
                ("cache-control", "private, no-store"),
                ("x-content-type-options", "nosniff"),
                ("x-frame-options", "DENY"),
                ("cross-origin-opener-policy", "same-origin"),
                ("cross-origin-resource-policy", "same-origin"),
                ("referrer-policy", "same-origin"),
                ("content-type", "text/html; charset=utf-8"),
            ] {
                assert_eq!(page.header(name), value, "{path}: {name}");
            }
            assert_eq!(
                page.headers.contains_key("strict-transport-security"),
                https,
                "{path}"
            );
            assert!(
                !page.headers.contains_key("server") && !page.headers.contains_key("x-powered-by")
            );
        }
    }
}

#[tokio::test]
async fn whatever_asked_who_is_logged_in_or_sets_a_cookie_is_private() {
    let site = Site::new().await;
    let cookie = site.register("alice").await;
    for path in ["/protected", "/me", "/sessions", "/account", "/"] {
        assert!(site.get(path, &cookie).await.is_private(), "{path}");
        assert!(
            site.get(path, "").await.is_private() || path == "/account",
            "{path} without a session"
        );
    }
    assert!(
        site.get("/assets/lockjar.css", &cookie)
            .await
            .header("cache-control")
            .contains("immutable")
    );
    assert_eq!(
        site.get("/health/live", &cookie)
            .await
            .header("cache-control"),
        ""
    );
}

/// A request that is in the log can be found there by its answer.
#[tokio::test]
async fn request_ids_differ_and_come_with_whatever_is_logged() {
    let site = Site::new().await;
    let id = async || {
        let answer = site.ask(request("POST", "/logout", &[], "")).await;
        answer.header("x-request-id").to_owned()
    };
    let (one, two) = (id().await, id().await);
    assert_eq!((one.len(), two.len()), (16, 16));
    assert_ne!(one, two);
    let unlogged = site.get("/health/live", "").await;
    assert_eq!(unlogged.header("x-request-id"), "");
}

/// Whatever is answered, and whoever answers it.
#[tokio::test]
async fn every_answer_carries_the_headers_that_cost_nothing() {
    for (url, hsts) in [
        ("http://localhost:8000", ""),
        ("https://example.com", "max-age=63072000"),
    ] {
        let site = Site::with(url, |builder| builder).await;
        let cookie = site.register("alice").await;
        let large = "x".repeat(70_000);
        let foreign = [("origin", "https://evil.example")];
        for (request, status) in [
            (
                request("GET", "/protected", &[("cookie", &cookie)], ""),
                200,
            ),
            (request("GET", "/protected", &[], ""), 401),
            (request("POST", "/login", &foreign, ""), 403),
            (request("GET", "/nowhere", &[], ""), 404),
            (request("GET", "/logout", &[], ""), 405),
            (request("POST", "/login", &[], &large), 413),
            (request("POST", "/login", &[], ""), 422),
            (
                request("GET", "/account", &[("accept", "text/html")], ""),
                303,
            ),
            (request("GET", "/assets/lockjar.css", &[], ""), 200),
            (request("GET", "/openapi.json", &[], ""), 200),
        ] {
            let path = request.uri().path().to_owned();
            let answer = site.ask(request).await;
            assert_eq!(answer.status, status, "{path}");
            assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
            assert_eq!(answer.header("strict-transport-security"), hsts, "{path}");
            for name in [
                "server",
                "x-powered-by",
                "via",
                "access-control-allow-origin",
            ] {
                assert!(!answer.headers.contains_key(name), "{path}: {name}");
            }
            let csp = answer.header("content-security-policy");
            assert!(csp.contains("frame-ancestors 'none'"), "{path}: {csp}");
            if answer.header("content-type") == "application/json" {
                assert_eq!(csp, "default-src 'none'; frame-ancestors 'none'", "{path}");
                let corp = answer.header("cross-origin-resource-policy");
                assert_eq!(corp, "same-origin", "{path}");
            }
        }
    }
}

/// JSON is UTF-8 always (RFC 8259, 8.1), and has no parameter to say so.
#[tokio::test]
async fn every_text_says_in_which_characters_it_is_written() {
    let site = Site::new().await;
    let cookie = site.register("alice").await;
    for path in [
        "/",
        "/login",
        "/register",
        "/recover",
        "/account",
        "/protected",
        "/nowhere",
        "/assets/lockjar.css",
        "/assets/lockjar.svg",
        "/openapi.json",
        "/docs/",
        "/docs/swagger-ui.css",
        "/docs/swagger-ui-bundle.js",
        "/docs/nothing.js",
    ] {
        for answer in [site.page(path, &cookie).await, site.get(path, "").await] {
            let kind = answer.header("content-type");
            let says = kind.ends_with("; charset=utf-8") || kind == "application/json";
            assert!(says, "{path}: {kind:?}");
        }
    }
    let foreign = [("origin", "https://evil.example"), ("accept", "text/html")];
    let refused = site.ask(request("POST", "/login", &foreign, "")).await;
    assert_eq!(refused.header("content-type"), "text/plain; charset=utf-8");
}

#[tokio::test]
async fn no_version_is_told_on_the_wire() {
    let site = Site::new().await;
    let address = wire::serve(&site).await;
    let ask = b"GET /protected HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let answer = wire::send(address, ask).await.to_ascii_lowercase();
    assert!(answer.starts_with("http/1.1 401 "), "{answer}");
    for told in ["server:", "hyper", "axum", "x-powered-by"] {
        assert!(!answer.contains(told), "{told}: {answer}");
    }
}

/// A request's own id would let anybody write into the log's other lines.
#[tokio::test]
async fn a_request_id_that_was_sent_is_not_taken() {
    let site = Site::new().await;
    let headers = [("x-request-id", "0123456789abcdef")];
    let answer = site.ask(request("POST", "/logout", &headers, "")).await;
    assert_eq!(answer.header("x-request-id").len(), 16);
    assert_ne!(answer.header("x-request-id"), "0123456789abcdef");
}
