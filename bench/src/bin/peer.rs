//! The same protected route with axum-login and its sessions in a moka cache: the nearest peer whose log-outs count.
//! The password is compared as it is, since log-ins are not what this program is measured for.

use std::convert::Infallible;

use axum::{
    Form, Json, Router,
    http::StatusCode,
    routing::{get, post},
};
use axum_login::{
    AuthManagerLayerBuilder, AuthSession, AuthUser, AuthnBackend, UserId, login_required,
    tower_sessions::SessionManagerLayer,
};
use serde::{Deserialize, Serialize};
use tower_sessions_moka_store::MokaStore;

#[derive(Debug, Clone)]
struct User {
    id: u64,
    password: String,
}

impl AuthUser for User {
    type Id = u64;

    fn id(&self) -> u64 {
        self.id
    }

    fn session_auth_hash(&self) -> &[u8] {
        self.password.as_bytes()
    }
}

#[derive(Clone)]
struct Users(User);

#[derive(Clone, Deserialize)]
struct Credentials {
    password: String,
}

impl AuthnBackend for Users {
    type User = User;
    type Credentials = Credentials;
    type Error = Infallible;

    async fn authenticate(&self, credentials: Credentials) -> Result<Option<User>, Infallible> {
        Ok((credentials.password == self.0.password).then(|| self.0.clone()))
    }

    async fn get_user(&self, id: &UserId<Self>) -> Result<Option<User>, Infallible> {
        Ok((*id == self.0.id).then(|| self.0.clone()))
    }
}

#[derive(Serialize)]
struct Message {
    message: String,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let address = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:8002".to_owned());
    let sessions = SessionManagerLayer::new(MokaStore::new(None)).with_secure(false);
    let users = Users(User {
        id: 1,
        password: "the one password".to_owned(),
    });
    let app = Router::new()
        .route("/protected", get(protected))
        .route_layer(login_required!(Users))
        .route("/login", post(log_in))
        .layer(AuthManagerLayerBuilder::new(users, sessions).build());
    let listener = tokio::net::TcpListener::bind(address).await?;
    Ok(axum::serve(listener, app).await?)
}

async fn log_in(
    mut session: AuthSession<Users>,
    Form(credentials): Form<Credentials>,
) -> StatusCode {
    let Ok(Some(user)) = session.authenticate(credentials).await else {
        return StatusCode::UNAUTHORIZED;
    };
    match session.login(&user).await {
        Ok(()) => StatusCode::OK,
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

async fn protected(session: AuthSession<Users>) -> Json<Message> {
    let id = session.user.map_or(0, |user| user.id);
    Json(Message {
        message: format!("Hello, your token is {id:022}"),
    })
}
