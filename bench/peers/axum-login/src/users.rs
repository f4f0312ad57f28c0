//! The accounts, and axum-login's view of them.

use axum_login::{AuthUser, AuthnBackend, UserId};
use password_auth::{generate_hash, verify_password};
use serde::Deserialize;
use sqlx::{FromRow, sqlite::SqlitePool};
use tokio::task;

/// An account, as it is stored.
#[derive(Debug, Clone, FromRow)]
pub struct User {
    id: i64,
    /// By what its owner is known.
    pub username: String,
    password: String,
}

impl AuthUser for User {
    type Id = i64;

    fn id(&self) -> i64 {
        self.id
    }

    /// The stored hash: another password ends the sessions that were opened with this one.
    fn session_auth_hash(&self) -> &[u8] {
        self.password.as_bytes()
    }
}

/// What somebody logs in with.
#[derive(Clone, Deserialize)]
pub struct Credentials {
    username: String,
    password: String,
}

/// What may go wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// A thread that hashes failed.
    #[error(transparent)]
    Task(#[from] task::JoinError),
}

/// The table of accounts.
#[derive(Debug, Clone)]
pub struct Users(SqlitePool);

impl Users {
    /// Makes the table where it is missing.
    pub async fn open(pool: SqlitePool) -> Result<Self, Error> {
        sqlx::query(
            "create table if not exists users \
             (id integer primary key not null, username text not null unique, password text not null)",
        )
        .execute(&pool)
        .await?;
        Ok(Self(pool))
    }

    /// Adds an account. Its password is hashed with the defaults of `password-auth`.
    pub async fn add(&self, new: Credentials) -> Result<(), Error> {
        let password = task::spawn_blocking(move || generate_hash(new.password)).await?;
        sqlx::query("insert into users (username, password) values (?, ?)")
            .bind(new.username)
            .bind(password)
            .execute(&self.0)
            .await?;
        Ok(())
    }
}

impl AuthnBackend for Users {
    type User = User;
    type Credentials = Credentials;
    type Error = Error;

    async fn authenticate(&self, credentials: Credentials) -> Result<Option<User>, Error> {
        let user: Option<User> = sqlx::query_as("select * from users where username = ?")
            .bind(credentials.username)
            .fetch_optional(&self.0)
            .await?;
        // A hash takes milliseconds, for which it must not hold up a thread that answers requests.
        let verified = task::spawn_blocking(move || {
            user.filter(|user| verify_password(credentials.password, &user.password).is_ok())
        });
        Ok(verified.await?)
    }

    async fn get_user(&self, id: &UserId<Self>) -> Result<Option<User>, Error> {
        let user = sqlx::query_as("select * from users where id = ?").bind(id);
        Ok(user.fetch_optional(&self.0).await?)
    }
}
