//! A database with many sessions in it, faster than by logging in a million times.

use std::{
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::Result;
use lockjar::{Auth, PlainToken, UserId};
use sqlx::{
    Connection, Sqlite, SqliteConnection, Transaction,
    sqlite::{SqliteConnectOptions, SqliteJournalMode},
};

const PUBLIC_URL: &str = "http://localhost:8000";

/// Any string of the right form and length: nobody logs in with it.
const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzYWx0c2FsdA$MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI";

const DAY: i64 = 24 * 3600 * 1000;

/// A database file and the cookies' values that open its sessions.
#[derive(Debug)]
pub struct Filled {
    file: PathBuf,
    /// One for each session, in no order.
    pub tokens: Vec<String>,
}

impl Filled {
    /// Makes a file with so many live sessions, each of an account of its own: the case in which a cache helps least.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn new(folder: &Path, sessions: usize) -> Result<Self> {
        let mut filled = Self {
            file: folder.join(format!("{sessions}.db")),
            tokens: Vec::with_capacity(sessions),
        };
        // Opening it makes the schema.
        filled.open().await?.close().await;
        let mut connection = SqliteConnection::connect_with(&filled.writing()).await?;
        let mut transaction = connection.begin().await?;
        for index in 0..sessions {
            filled.tokens.push(insert(&mut transaction, index).await?);
        }
        transaction.commit().await?;
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
            .execute(&mut connection)
            .await?;
        connection.close().await?;
        Ok(filled)
    }

    /// Lockjar on this file, with every default and nothing in its cache.
    ///
    /// # Errors
    /// When it does not open.
    pub async fn open(&self) -> Result<Auth> {
        Ok(Auth::open(&format!("sqlite://{}", self.file.display()), PUBLIC_URL).await?)
    }

    /// The file.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Rows in random order want all of the tree in memory.
    fn writing(&self) -> SqliteConnectOptions {
        let options = SqliteConnectOptions::new()
            .filename(&self.file)
            .journal_mode(SqliteJournalMode::Wal);
        options.foreign_keys(false).pragma("cache_size", "-2000000")
    }
}

async fn insert(transaction: &mut Transaction<'_, Sqlite>, index: usize) -> Result<String> {
    let (user, token, now) = (UserId::random(), PlainToken::generate(), now()?);
    let name = format!("visitor{index}");
    sqlx::query("INSERT INTO users (id, username, username_key, password_hash, created_at) VALUES (?, ?, ?, ?, ?)")
        .bind(user.as_bytes().as_slice())
        .bind(&name)
        .bind(&name)
        .bind(HASH)
        .bind(now)
        .execute(&mut **transaction)
        .await?;
    sqlx::query(
        "INSERT INTO sessions (id, user_id, epoch, secret_hash, created_at, last_seen_at, expires_at, remember, user_agent)
         VALUES (?, ?, 0, ?, ?, ?, ?, TRUE, 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0')",
    )
    .bind(token.id().as_bytes().as_slice())
    .bind(user.as_bytes().as_slice())
    .bind(token.hash().as_bytes().as_slice())
    .bind(now)
    .bind(now)
    .bind(now + 30 * DAY)
    .execute(&mut **transaction)
    .await?;
    Ok(token.reveal().to_string())
}

fn now() -> Result<i64> {
    Ok(i64::try_from(
        SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis(),
    )?)
}

/// Fills a PostgreSQL database with so many live sessions, each of an account of its own, last used two minutes ago.
///
/// # Errors
/// When it cannot be written.
pub async fn postgres(url: &str, sessions: usize) -> Result<Vec<String>> {
    // Opening it makes the schema.
    let settings = lockjar::store::postgres::PostgresSettings::new(url)?;
    let store = lockjar::store::postgres::PostgresStore::open(settings).await?;
    lockjar::store::Store::close(&store).await;
    let (mut tokens, now) = (Vec::with_capacity(sessions), now()?);
    let mut connection = sqlx::PgConnection::connect(url).await?;
    for first in (0..sessions).step_by(10_000) {
        let batch = first..sessions.min(first + 10_000);
        let names: Vec<_> = batch
            .clone()
            .map(|index| format!("visitor{index}"))
            .collect();
        let users: Vec<_> = batch
            .map(|_| UserId::random().as_bytes().to_vec())
            .collect();
        let made: Vec<_> = users.iter().map(|_| PlainToken::generate()).collect();
        let ids: Vec<_> = made
            .iter()
            .map(|token| token.id().as_bytes().to_vec())
            .collect();
        let secrets: Vec<_> = made
            .iter()
            .map(|token| token.hash().as_bytes().to_vec())
            .collect();
        sqlx::query(
            "WITH made AS (INSERT INTO lockjar.users (id, username, username_key, password_hash, created_at)
                 SELECT id, name, name, $3, $4 FROM unnest($1::bytea[], $2::text[]) AS u (id, name))
             INSERT INTO lockjar.sessions
                 (id, user_id, epoch, secret_hash, created_at, last_seen_at, expires_at, remember, user_agent)
             SELECT id, user_id, 0, secret, $4, $4, $4 + $7, TRUE,
                 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'
             FROM unnest($5::bytea[], $1::bytea[], $6::bytea[]) AS s (id, user_id, secret)",
        )
        .bind(users)
        .bind(names)
        .bind(HASH)
        .bind(now - 120_000)
        .bind(ids)
        .bind(secrets)
        .bind(30 * DAY)
        .execute(&mut connection)
        .await?;
        tokens.extend(made.iter().map(|token| token.reveal().to_string()));
    }
    sqlx::query("ANALYZE").execute(&mut connection).await?;
    connection.close().await?;
    Ok(tokens)
}
