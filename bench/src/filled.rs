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
