use std::io::Write;
use std::sync::{Arc, Mutex};

use super::support::{PASSWORD, Site, secret, session_id};

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
            assert_eq!(page.header("x-request-id").len(), 16);
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

#[tokio::test]
async fn request_ids_differ() {
    let site = Site::new().await;
    let one = site
        .get("/health/live", "")
        .await
        .header("x-request-id")
        .to_owned();
    assert_ne!(
        one,
        site.get("/health/live", "").await.header("x-request-id")
    );
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(line);
        Ok(line.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_answer_and_no_log_line_holds_a_secret() {
    let log = Log::default();
    let lines = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || lines.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let site = Site::new().await;
    let cookie = site.register("alice").await;
    let mut told = String::new();
    for path in [
        "/protected",
        "/me",
        "/sessions",
        "/account",
        "/",
        "/openapi.json",
        "/nowhere",
        "/health/ready",
    ] {
        for answer in [
            site.get(path, &cookie).await,
            site.page(path, &cookie).await,
        ] {
            told += &format!("{:?}{}", answer.headers, answer.text);
        }
    }
    for form in [
        &[("username", "alice"), ("password", "a wrong password")][..],
        &[("username", "alice")],
    ] {
        told += &site.submit("/login", &cookie, form).await.text;
        told += &site.post("/login", &cookie, form).await.text;
    }
    let changed = site
        .post(
            "/password",
            &cookie,
            &[
                ("current_password", PASSWORD),
                ("new_password", "another fine long one"),
            ],
        )
        .await;
    told += &changed.text;
    told += &format!("{:?}", changed.headers.get("set-cookie"));
    told += &format!(
        "{:?}",
        site.auth
            .authenticate(cookie.split_once('=').unwrap().1)
            .await
    );
    told += &String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(
        told.contains(session_id(&cookie)) && told.contains("password_changed"),
        "there is something to look at"
    );
    for secret in [
        secret(&cookie),
        PASSWORD,
        "a wrong password",
        "another fine long one",
        secret(&changed.cookie()),
        "$argon2",
    ] {
        assert!(!told.contains(secret), "{secret} was told");
    }
}
