//! The handler of `GET /protected` on bare axum with no authentication at all: the most that Lockjar could reach.

use axum::{Json, Router, routing::get};
use serde::Serialize;

#[derive(Serialize)]
struct Message {
    message: String,
}

/// As long as a session's public id.
const ID: &str = "AAAAAAAAAAAAAAAAAAAAAA";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let address = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:8001".to_owned());
    let app = Router::new().route("/protected", get(protected));
    let listener = tokio::net::TcpListener::bind(address).await?;
    Ok(axum::serve(listener, app).await?)
}

async fn protected() -> Json<Message> {
    Json(Message {
        message: format!("Hello, your token is {ID}"),
    })
}
