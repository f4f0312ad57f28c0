use axum::Router;
use axum::extract::FromRef;
use axum::routing::get;
use lockjar::web::Mounted;
use lockjar::{Auth, CurrentUser};

async fn hello(user: CurrentUser) -> String {
    user.username.clone()
}

async fn maybe(user: Option<CurrentUser>) -> String {
    user.map_or_else(String::new, |user| user.username.clone())
}

#[derive(Clone)]
struct App {
    mounted: Mounted,
}

impl FromRef<App> for Mounted {
    fn from_ref(app: &App) -> Self {
        app.mounted.clone()
    }
}

async fn serve(auth: Auth, listener: tokio::net::TcpListener) {
    let plain = Router::new().route("/hello", get(hello)).route("/maybe", get(maybe));
    let with_state = Router::new().route("/hello", get(hello)).route("/maybe", get(maybe));
    let _ = auth.mount(plain);
    let app = auth.mount_with(with_state, |mounted| App { mounted });
    axum::serve(listener, app).await.unwrap();
}

fn main() {
    let _ = serve;
}
