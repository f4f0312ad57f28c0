use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use lockjar::Strategy;
use lockjar::password::PasswordPolicy;
use lockjar::web::openapi_json;
use serde_json::{Map, Value};

use super::flaky_store::{FlakyStore, flaky};
use super::jar::{Jar, SECRET, jwt, refreshed, register};
use super::support::{Answer, FORM, Site, request};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/openapi.json");
const GOLDEN_JWT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/openapi.jwt.json");

#[test]
fn the_document_is_the_golden_one() {
    for (strategy, path) in [(Strategy::Session, GOLDEN), (Strategy::Jwt, GOLDEN_JWT)] {
        let document = openapi_json(strategy) + "\n";
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(path, &document).unwrap();
        }
        let golden = std::fs::read_to_string(path).unwrap();
        assert!(
            document == golden,
            "the OpenAPI document has changed; if that is meant, run `UPDATE_GOLDEN=1 cargo test -p lockjar --test http openapi` and look at the difference"
        );
    }
}

#[tokio::test]
async fn the_document_is_served_and_names_every_route() {
    let site = Site::new().await;
    let document = site.get("/openapi.json", "").await.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut paths: Vec<_> = document["paths"]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect();
    paths.sort();
    assert_eq!(
        paths,
        [
            "/",
            "/account",
            "/health/live",
            "/health/ready",
            "/login",
            "/logout",
            "/logout/all",
            "/logout/others",
            "/me",
            "/password",
            "/protected",
            "/recover",
            "/register",
            "/sessions",
            "/sessions/{id}",
            "/sessions/{id}/revoke",
        ]
    );
}

/// Cookies and rules follow from the settings, and a client made from the document has to use them.
#[tokio::test]
async fn the_document_says_what_the_settings_say() {
    let url = "https://example.com";
    let usual = [
        (Site::with(url, |builder| builder).await, Strategy::Session),
        (Site::with(url, jwt).await, Strategy::Jwt),
    ];
    for (site, strategy) in usual {
        let golden: Value = serde_json::from_str(&openapi_json(strategy)).unwrap();
        assert_eq!(site.get("/openapi.json", "").await.json(), golden);
    }
    let site = Site::with("http://localhost:8000", |builder| {
        let policy = PasswordPolicy::default().with_min_length(12);
        builder.password_policy(policy).without_pages()
    });
    let document = site.await.get("/openapi.json", "").await.json();
    let components = &document["components"];
    let cookie = &components["securitySchemes"]["session"]["name"];
    assert_eq!(cookie, "lockjar_8000");
    for body in ["Register", "RegisterForm"] {
        let password = &components["schemas"][body]["properties"]["password"];
        assert_eq!(password["minLength"], 12, "{body}");
    }
    let log_in = document["paths"]["/login"].as_object().unwrap();
    assert_eq!(log_in.keys().collect::<Vec<_>>(), ["post"]);
}

#[cfg(feature = "docs")]
#[tokio::test]
async fn swagger_ui_comes_from_the_binary_under_a_strict_policy() {
    let site = Site::new().await;
    assert_eq!(site.get("/docs", "").await.header("location"), "/docs/");
    let page = site.get("/docs/", "").await;
    assert!(
        page.text.contains("swagger-ui") && !page.text.contains("https://"),
        "{}",
        page.text
    );
    let csp = page.header("content-security-policy");
    assert!(
        csp.contains("script-src 'self'") && !csp.contains("unsafe"),
        "{csp}"
    );
    assert_eq!(site.get("/docs/swagger-ui-bundle.js", "").await.status, 200);
    assert_eq!(site.get("/docs/../Cargo.toml", "").await.status, 404);
    assert_eq!(site.get("/docs/nothing.js", "").await.status, 404);
}

/// An operation of the document, with the statuses and the kinds of body that it names.
struct Operation {
    method: String,
    path: String,
    statuses: Vec<String>,
    kinds: Vec<String>,
}

fn operations(document: &Value) -> Vec<Operation> {
    let keys = |object: &Value| {
        let keys = object.as_object().into_iter().flat_map(Map::keys);
        keys.cloned().collect::<Vec<_>>()
    };
    let paths = document["paths"].as_object().unwrap();
    let each = paths.iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap().iter();
        methods.map(move |(method, operation)| Operation {
            method: method.to_uppercase(),
            path: path.replace("{id}", "x"),
            statuses: keys(&operation["responses"]),
            kinds: keys(&operation["requestBody"]["content"]),
        })
    });
    each.collect()
}

impl Operation {
    /// Asks; the answer's status must be one of those that are named.
    async fn ask(&self, site: &Site, headers: &[(&str, &str)], body: &str) -> Answer {
        let (method, path) = (&self.method, &self.path);
        let answer = site.ask(request(method, path, headers, body)).await;
        assert!(
            self.statuses.contains(&answer.status.as_u16().to_string()),
            "{method} {path} {headers:?}: {} is not in {:?}: {}",
            answer.status,
            self.statuses,
            answer.text
        );
        answer
    }
}

/// A site of each strategy, with its store and how many operations its document has.
async fn sites() -> [(Site, Arc<FlakyStore>, usize); 2] {
    let (sessions, jwts) = (flaky(|builder| builder).await, flaky(jwt).await);
    [(sessions.0, sessions.1, 19), (jwts.0, jwts.1, 24)]
}

#[tokio::test]
async fn every_operation_answers_as_the_document_says() {
    for (site, store, count) in sites().await {
        let operations = operations(&site.get("/openapi.json", "").await.json());
        assert_eq!(operations.len(), count);
        for (number, operation) in operations.iter().enumerate() {
            for accept in ["application/json", "text/html"] {
                let jar = register(&site, &format!("{number}{}", &accept[..4])).await;
                let cookie = jar.header();
                let doubled = format!("{cookie}; {}x", cookie.replace(';', "x;"));
                let early = too_early(&site, &jar).await;
                for (cookie, origin) in [
                    ("", ""),
                    ("", "https://evil.example"),
                    (&doubled, ""),
                    (&early, ""),
                    (&cookie, ""),
                ] {
                    let headers = [("accept", accept), ("cookie", cookie), ("origin", origin)];
                    operation.ask(&site, &headers, "").await;
                }
                site.pass(Duration::from_secs(2));
                store.set_down(true);
                let headers = [("accept", accept), ("cookie", &cookie)];
                operation.ask(&site, &headers, "").await;
                store.set_down(false);
            }
        }
    }
}

/// The cookies of a tab that has slept through two refreshes; none with the session strategy, which knows no such thing.
async fn too_early(site: &Site, jar: &Jar) -> String {
    if site.auth.strategy() == Strategy::Session {
        return String::new();
    }
    refreshed(site, &refreshed(site, jar).await).await;
    jar.without("access_token").header()
}

#[tokio::test]
async fn whatever_body_is_read_is_in_the_document_and_so_is_what_may_be_wrong_with_it() {
    let too_large = "x".repeat(64 * 1024 + 1);
    let authorization = format!("Bearer {SECRET}");
    for (site, _store, _) in sites().await {
        let document = site.get("/openapi.json", "").await.json();
        for (number, operation) in operations(&document).iter().enumerate() {
            let cookie = register(&site, &format!("user{number}")).await.header();
            for (kind, body, fault) in [
                (FORM, too_large.as_str(), "body_too_large"),
                ("multipart/form-data", "x", "multipart_invalid"),
                ("application/json", "{", "json_invalid"),
            ] {
                let headers = [
                    ("content-type", kind),
                    ("cookie", &cookie),
                    ("authorization", &authorization),
                ];
                let answer = operation.ask(&site, &headers, body).await;
                let (is_read, is_named) = (
                    answer.text.contains(fault),
                    operation.kinds.iter().any(|named| named == kind),
                );
                assert_eq!(is_read, is_named, "{} {kind}", operation.path);
            }
            // Nobody waits ten seconds here for a body that does not come.
            let may_time_out = operation.statuses.iter().any(|status| status == "408");
            assert_eq!(
                may_time_out,
                !operation.kinds.is_empty(),
                "{}",
                operation.path
            );
        }
    }
}

#[test]
fn no_schema_that_is_answered_has_a_field_for_a_secret() {
    let document: Value = serde_json::from_str(&openapi_json(Strategy::Session)).unwrap();
    let answered = ["Done", "Refused", "Me", "SessionList", "SessionInfo"];
    for name in answered {
        let fields = document["components"]["schemas"][name]["properties"].as_object();
        let fields = fields.unwrap_or_else(|| panic!("{name} is described"));
        for field in fields.keys() {
            // It is for whoever is logged in to know, and opens nothing without the cookie.
            let is_known = (name, field.as_str()) == ("Me", "csrf_token");
            for word in ["password", "secret", "hash", "token"] {
                assert!(is_known || !field.contains(word), "{name}.{field}");
            }
        }
    }
}

/// What a router answers, as it tells in its Debug output: each method with each path.
fn routes(router: &axum::Router) -> BTreeSet<String> {
    const METHODS: [&str; 8] = [
        "get", "delete", "options", "patch", "post", "put", "trace", "connect",
    ];
    let (mut methods, mut paths) = (BTreeMap::new(), BTreeMap::new());
    let text = format!("{router:?}");
    let (text, _) = text.split_once("fallback_router").unwrap();
    for route in text.split("RouteId(").skip(1) {
        let (id, rest) = route.split_once("): ").unwrap_or_default();
        if let Some(router) = rest.strip_prefix("MethodRouter(") {
            let endpoints = router.split("fallback").next().unwrap();
            let answers = |method: &&str| !endpoints.contains(&format!("{method}: None"));
            methods.insert(id, METHODS.into_iter().filter(answers).collect::<Vec<_>>());
        } else if let Some(path) = rest.strip_prefix('"') {
            paths.insert(id, path.split('"').next().unwrap());
        }
    }
    let each = paths.iter().flat_map(|(id, path)| {
        let answered = methods[id].iter();
        answered.map(move |method| format!("{} {path}", method.to_uppercase()))
    });
    each.collect()
}

/// OWASP ASVS 6.3.4: there is no way in that nobody knows of.
#[tokio::test]
async fn every_route_that_there_is_is_in_the_document() {
    for (site, _store, count) in sites().await {
        let document = site.get("/openapi.json", "").await.json();
        let mut known = BTreeSet::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            let methods = methods.as_object().unwrap().keys();
            known.extend(methods.map(|method| format!("{} {path}", method.to_uppercase())));
        }
        assert_eq!(known.len(), count);
        // The document itself, what shows it, and the looks of the pages.
        let files = [
            "/openapi.json",
            "/assets/lockjar.css",
            "/assets/lockjar.svg",
        ];
        let shown = ["/docs", "/docs/", "/docs/{*file}"];
        let shown = shown.iter().filter(|_| cfg!(feature = "docs"));
        known.extend(files.iter().chain(shown).map(|file| format!("GET {file}")));
        assert_eq!(routes(&site.router), known);
    }
}
