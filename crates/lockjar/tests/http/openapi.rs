use lockjar::Strategy;
use lockjar::web::openapi_json;
use serde_json::Value;

use super::support::{Site, request};

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
            "/health/live",
            "/health/ready",
            "/login",
            "/logout",
            "/logout/all",
            "/logout/others",
            "/me",
            "/password",
            "/protected",
            "/register",
            "/sessions",
            "/sessions/{id}",
            "/sessions/{id}/revoke",
        ]
    );
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

/// The operations of the document: method, path, and the statuses that it names.
fn operations(document: &Value) -> Vec<(String, String, Vec<String>)> {
    let paths = document["paths"].as_object().unwrap();
    let each = paths.iter().flat_map(|(path, methods)| {
        methods
            .as_object()
            .unwrap()
            .iter()
            .map(move |(method, operation)| {
                let statuses = operation["responses"].as_object().unwrap().keys();
                (
                    method.to_uppercase(),
                    path.clone(),
                    statuses.cloned().collect(),
                )
            })
    });
    each.collect()
}

#[tokio::test]
async fn every_operation_answers_as_the_document_says() {
    let site = Site::new().await;
    let document = site.get("/openapi.json", "").await.json();
    let operations = operations(&document);
    assert_eq!(operations.len(), 13);
    let foreign = [("origin", "https://evil.example")];
    for (method, path, statuses) in operations {
        let path = path.replace("{id}", "x");
        let cookie = site
            .register(&format!("u{}{}", method.len(), path.replace('/', "-")))
            .await;
        for headers in [
            &[][..],
            &[("cookie", cookie.as_str())],
            &[("accept", "text/html")],
            &foreign,
        ] {
            let answer = site.ask(request(&method, &path, headers, "")).await;
            let status = answer.status.as_u16().to_string();
            assert!(
                statuses.contains(&status) || (method == "DELETE" && status == "303"),
                "{method} {path} {headers:?}: {status} is not in {statuses:?}"
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
