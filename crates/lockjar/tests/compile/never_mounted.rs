use axum::Router;
use axum::routing::get;
use lockjar::CurrentUser;

async fn hello(user: CurrentUser) -> String {
    user.username.clone()
}

async fn serve(listener: tokio::net::TcpListener) {
    let app = Router::new().route("/hello", get(hello));
    axum::serve(listener, app).await.unwrap();
}

fn main() {
    let _ = serve;
}
