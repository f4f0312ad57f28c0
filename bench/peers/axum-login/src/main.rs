//! axum-login on tower-sessions, its sessions and its users in SQLite, as their own examples have it.

mod users;
mod web;

use std::{env, time::Duration};

use anyhow::{Context, Result};
use axum::Router;
use axum_login::{
    AuthManagerLayerBuilder,
    tower_sessions::{ExpiredDeletion, Expiry, SessionManagerLayer},
};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqliteSynchronous};
use tokio::net::TcpListener;
use tower_sessions_sqlx_store::SqliteStore;

use users::Users;

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = env::args().skip(1);
    let address = arguments.next().context("where to listen?")?;
    let file = arguments.next().context("which database?")?;
    let pool = open(&file).await?;
    let sessions = SqliteStore::new(pool.clone());
    sessions.migrate().await?;
    tokio::spawn(
        sessions
            .clone()
            .continuously_delete_expired(Duration::from_secs(60)),
    );
    let users = Users::open(pool).await?;
    let listener = TcpListener::bind(address).await?;
    Ok(axum::serve(listener, app(users, sessions)).await?)
}

/// SQLite as its own documentation has it for a server: readers beside the one writer, no sync for each commit.
async fn open(file: &str) -> Result<SqlitePool> {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal);
    Ok(SqlitePool::connect_with(options).await?)
}

/// The cookie stays `Secure`, which is the default and which only the examples turn off.
fn app(users: Users, sessions: SqliteStore) -> Router {
    let expiry = Expiry::OnInactivity(time::Duration::days(1));
    let layer = SessionManagerLayer::new(sessions).with_expiry(expiry);
    web::routes()
        .layer(AuthManagerLayerBuilder::new(users.clone(), layer).build())
        .with_state(users)
}
