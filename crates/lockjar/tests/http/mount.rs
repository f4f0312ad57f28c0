use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::{FromRef, State};
use axum::routing::{get, post};
use http::HeaderName;
use lockjar::web::Mounted;
use lockjar::{Auth, CurrentUser};

use super::support::{Site, request};

async fn hello(user: CurrentUser) -> String {
    format!("Hello, {}", user.username)
}

async fn maybe(user: Option<CurrentUser>) -> String {
    user.map_or("a stranger".to_owned(), |user| user.username.clone())
}

#[derive(Clone)]
struct App {
    mounted: Mounted,
    orders: Arc<AtomicUsize>,
}

impl FromRef<App> for Mounted {
    fn from_ref(app: &App) -> Self {
        app.mounted.clone()
    }
}

async fn order(State(app): State<App>, _user: CurrentUser) -> String {
    app.orders.fetch_add(1, Ordering::SeqCst).to_string()
}

async fn mounted(change: impl FnOnce(&Auth) -> Router) -> Site {
    let mut site = Site::new().await;
    site.router = change(&site.auth);
    site
}

#[tokio::test]
async fn an_apps_own_routes_know_who_is_there() {
    let site = mounted(|auth| {
        auth.mount(
            Router::new()
                .route("/hello", get(hello))
                .route("/maybe", get(maybe)),
        )
    })
    .await;
    let cookie = site.register("alice").await;
    assert_eq!(site.get("/hello", &cookie).await.text, "Hello, alice");
    assert_eq!(site.get("/hello", "").await.code(), "not_authenticated");
    assert_eq!(site.get("/maybe", &cookie).await.text, "alice");
    assert_eq!(site.get("/maybe", "").await.text, "a stranger");
    for cookie in [cookie.as_str(), ""] {
        assert!(
            site.get("/hello", cookie).await.is_private()
                && site.get("/maybe", cookie).await.is_private()
        );
    }
    assert_eq!(
        site.get("/", &cookie).await.status,
        404,
        "the welcome page is the program's, not the app's"
    );
}

#[tokio::test]
async fn an_app_with_a_state_of_its_own_is_guarded_too() {
    let orders = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&orders);
    let site = mounted(|auth| {
        auth.mount_with(Router::new().route("/order", post(order)), |mounted| App {
            mounted,
            orders,
        })
    })
    .await;
    let cookie = site.register("alice").await;
    let from = |origin: &'static str| {
        request(
            "POST",
            "/order",
            &[("cookie", &cookie), ("origin", origin)],
            "",
        )
    };
    assert_eq!(
        site.ask(from("http://localhost:8001")).await.code(),
        "cross_origin"
    );
    assert_eq!(count.load(Ordering::SeqCst), 0);
    assert_eq!(site.ask(from("http://localhost:8000")).await.status, 200);
    assert_eq!(count.load(Ordering::SeqCst), 1);
    let socket = [
        ("cookie", cookie.as_str()),
        ("origin", "https://evil.example"),
        ("upgrade", "websocket"),
        ("connection", "upgrade"),
    ];
    assert_eq!(
        site.ask(request("GET", "/me", &socket, "")).await.status,
        403
    );
}

#[tokio::test]
async fn what_an_app_says_of_caching_stands_unless_it_asked_who_is_there() {
    const CACHE: HeaderName = http::header::CACHE_CONTROL;
    let open = get(async || ([(CACHE, "public, max-age=60")], "x"));
    let private = get(async |_: CurrentUser| ([(CACHE, "public, max-age=60")], "x"));
    let site =
        mounted(|auth| auth.mount(Router::new().route("/open", open).route("/mine", private)))
            .await;
    let cookie = site.register("alice").await;
    assert_eq!(
        site.get("/open", &cookie).await.header("cache-control"),
        "public, max-age=60"
    );
    assert!(site.get("/mine", &cookie).await.is_private());
}

#[tokio::test]
async fn a_handler_that_panics_is_answered_500_and_the_site_lives() {
    async fn broken() -> String {
        panic!("on purpose")
    }
    let site = mounted(|auth| auth.mount(Router::new().route("/broken", get(broken)))).await;
    let answer = site.get("/broken", "").await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (500, "internal_error")
    );
    assert!(!answer.text.contains("on purpose"));
    site.register("alice").await;
}

#[tokio::test]
async fn a_handler_is_tested_without_a_store() {
    assert_eq!(hello(CurrentUser::for_test("alice")).await, "Hello, alice");
}
