use axum::Router;
use axum::routing::get;
use lockjar::{Auth, CurrentUser};

async fn hello(user: CurrentUser) -> String {
    user.username.clone()
}

async fn maybe(user: Option<CurrentUser>) -> String {
    user.map_or_else(String::new, |user| user.username.clone())
}

fn app(auth: &Auth) -> Router {
    auth.mount(Router::new().route("/hello", get(hello)).route("/maybe", get(maybe)))
}

fn main() {
    let _ = app;
}
