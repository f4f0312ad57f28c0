//! The three routes.

use axum::{
    Form, Json, Router,
    extract::State,
    http::StatusCode,
    routing::{get, post},
};
use axum_login::{AuthSession, login_required};
use serde::Serialize;

use crate::users::{Credentials, Users};

#[derive(Serialize)]
struct Message {
    message: String,
}

/// Signing up, logging in, and what only the logged-in may see.
pub fn routes() -> Router<Users> {
    Router::new()
        .route("/protected", get(protected))
        .route_layer(login_required!(Users))
        .route("/register", post(register))
        .route("/login", post(log_in))
}

async fn register(
    State(users): State<Users>,
    Form(new): Form<Credentials>,
) -> Result<StatusCode, StatusCode> {
    users.add(new).await.map_err(|_| StatusCode::CONFLICT)?;
    Ok(StatusCode::CREATED)
}

async fn log_in(
    mut session: AuthSession<Users>,
    Form(credentials): Form<Credentials>,
) -> Result<StatusCode, StatusCode> {
    let failed = |_| StatusCode::INTERNAL_SERVER_ERROR;
    let user = session.authenticate(credentials).await.map_err(failed)?;
    let user = user.ok_or(StatusCode::UNAUTHORIZED)?;
    session.login(&user).await.map_err(failed)?;
    Ok(StatusCode::OK)
}

async fn protected(session: AuthSession<Users>) -> Result<Json<Message>, StatusCode> {
    let user = session.user.ok_or(StatusCode::UNAUTHORIZED)?;
    Ok(Json(Message {
        message: format!("Hello, {}", user.username),
    }))
}
