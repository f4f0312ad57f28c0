use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::{FromRef, State};
use axum::routing::{get, post};
use http::HeaderName;
use lockjar::web::Mounted;
use lockjar::{Auth, CurrentUser};

use super::support::{Answer, Site, request};
use super::wire;

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
    assert_eq!(
        answer.header("content-security-policy"),
        "default-src 'none'; frame-ancestors 'none'"
    );
    site.register("alice").await;
}

#[tokio::test]
async fn a_handler_is_tested_without_a_store() {
    assert_eq!(hello(CurrentUser::for_test("alice")).await, "Hello, alice");
}

/// Over one connection, since it is the connection that a panic would take along.
#[tokio::test]
async fn after_a_panic_the_next_request_on_the_same_connection_is_answered() {
    async fn broken(_: CurrentUser) -> String {
        tokio::task::yield_now().await;
        panic!("on purpose")
    }
    let site = mounted(|auth| auth.mount(Router::new().route("/broken", get(broken)))).await;
    let cookie = site.register("alice").await;
    let address = wire::serve(&site).await;
    let get = |path: &str, more: &str| {
        format!("GET {path} HTTP/1.1\r\nHost: x\r\nCookie: {cookie}\r\n{more}\r\n")
    };
    let requests = get("/broken", "") + &get("/me", "Connection: close\r\n");
    let answers = wire::send(address, requests.as_bytes()).await;
    assert_eq!(wire::statuses(&answers), [500, 200], "{answers}");
    assert!(!answers.contains("on purpose"));
    let private = answers.matches("cache-control: private, no-store").count();
    assert_eq!(private, 2, "it had asked who is there: {answers}");
}

#[tokio::test]
async fn an_optional_user_is_none_only_where_nobody_is_logged_in() {
    let site = mounted(|auth| auth.mount(Router::new().route("/maybe", get(maybe)))).await;
    let (alice, bob) = (site.register("alice").await, site.register("bob").await);
    assert_eq!(
        site.get("/maybe", "lockjar_8000=x").await.text,
        "a stranger"
    );
    let both = site.get("/maybe", &format!("{alice}; {bob}")).await;
    assert_eq!(
        both.code(),
        "duplicate_cookie",
        "two are not one, and not nobody either"
    );
    site.post("/logout", &alice, &[]).await;
    assert_eq!(site.get("/maybe", &alice).await.text, "a stranger");
}

#[tokio::test]
async fn an_apps_own_missing_pages_are_its_own() {
    let site = mounted(|auth| {
        let app = Router::new()
            .route("/hello", get(hello))
            .method_not_allowed_fallback(lockjar::web::method_not_allowed)
            .fallback(lockjar::web::not_found);
        auth.mount(app)
    })
    .await;
    let shape = |answer: &Answer| (answer.status.as_u16(), answer.code());
    let missing = site.get("/nowhere", "").await;
    assert_eq!(shape(&missing), (404, "not_found".to_owned()));
    let method = site.post("/hello", "", &[]).await;
    assert_eq!(shape(&method), (405, "method_not_allowed".to_owned()));
    assert_eq!(method.header("allow"), "GET,HEAD");
    let ours = site.get("/logout", "").await;
    assert_eq!(
        (shape(&ours), ours.header("allow")),
        ((405, "method_not_allowed".to_owned()), "POST")
    );
}

/// Each mounts its own router over one `Auth`; a session is known in both.
#[tokio::test]
async fn one_auth_may_be_mounted_twice() {
    let site = mounted(|auth| auth.mount(Router::new().route("/hello", get(hello)))).await;
    let second = site.auth.mount(Router::new().route("/maybe", get(maybe)));
    let cookie = site.register("alice").await;
    let ask = || request("GET", "/maybe", &[("cookie", &cookie)], "");
    assert_eq!(
        Answer::from_router(second.clone(), ask()).await.text,
        "alice"
    );
    site.post("/logout", &cookie, &[]).await;
    assert_eq!(Answer::from_router(second, ask()).await.text, "a stranger");
}
