//! The store on an embedded SQLite file: write-ahead log, `synchronous=FULL`, one writer.
//!
//! Every commit is on disk before it is answered. Readers never wait for the writer. Another process on the same file,
//! such as the command line while the server runs, is a node like any other: it writes to the change feed, which this
//! one reads several times a second.

#[cfg(not(unix))]
compile_error!(
    "lockjar's SQLite store needs Unix: elsewhere nothing says whether a file was replaced by another"
);

/// There is one writer, who waits for nobody's rows.
macro_rules! skip_locked {
    () => {
        ""
    };
}

#[path = "../sql/audit.rs"]
mod audit;
mod chores;
mod feed;
#[cfg_attr(not(feature = "postgres"), allow(dead_code))]
mod fence;
mod file;
#[path = "../sql/keys.rs"]
mod keys;
#[cfg_attr(not(feature = "postgres"), allow(dead_code))]
pub(super) mod moving;
#[path = "../sql/one_time.rs"]
mod one_time;
#[path = "../sql/refreshes.rs"]
mod refreshes;
mod restoring;
#[path = "../sql/rows.rs"]
mod rows;
#[path = "../sql/sessions.rs"]
mod sessions;
#[cfg(test)]
#[path = "../sql/sweeping.rs"]
mod sweeping;
#[path = "../sql/throttles.rs"]
mod throttles;
#[path = "../sql/users.rs"]
mod users;

use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{
    SqliteArguments, SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool,
    SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection as _, FromRow, Sqlite, Transaction};

use super::{Result, Store};
use crate::error::{ConfigError, StoreError};
use crate::id::UserId;
use fence::{refuse_moved, refuse_moved_of_any_schema};
use file::FileId;

// What the files of `store/sql` are compiled with here.
type SqlStore = SqliteStore;
/// Rows of a kind that one sweep deletes at the most, so that it never holds the writer for long.
const MANY: u64 = 1_000;
type Connection = SqliteConnection;
type Database = Sqlite;
type Tx = Transaction<'static, Sqlite>;

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// How long a statement waits for another process's lock, and a caller for a connection, before it is told no.
const PATIENCE: Duration = Duration::from_secs(2);
/// Readers that work at once.
const READERS: u32 = 4;
const OPENING: &str = "opening the database file";

/// A SQLite file.
pub struct SqliteStore {
    /// The one connection that writes: SQLite has one writer, and queueing here is fairer than its lock.
    writer: SqlitePool,
    readers: SqlitePool,
    /// A connection of its own, so that a herd of reads cannot delay the news of a revocation; none once closed.
    feed: tokio::sync::Mutex<Option<feed::FeedReader>>,
    path: PathBuf,
    id: FileId,
}

impl SqliteStore {
    /// Opens `sqlite://FILE`, makes the file (mode 0600) if there is none, and brings its schema up to date.
    ///
    /// # Errors
    /// When the file cannot be opened, is no database, was moved to another store, or was written by a newer Lockjar.
    pub async fn open(url: &str) -> Result<Self> {
        let path = Self::file(url).map_err(|error| StoreError::unavailable(error.to_string()))?;
        Self::open_file(path).await
    }

    async fn open_file(path: PathBuf) -> Result<Self> {
        let options = options(&path);
        file::create_private(&path)?;
        let writer = pool(1, options.clone()).await?;
        refuse_moved_of_any_schema(&mut *writer.acquire().doing(OPENING).await?).await?;
        MIGRATIONS.run(&writer).await.map_err(migration_error)?;
        let reading = options.pragma("query_only", "ON");
        let readers = pool(READERS, reading.clone()).await?;
        let feed = feed::FeedReader::connect(reading).await?;
        Ok(Self {
            writer,
            readers,
            feed: Some(feed).into(),
            id: FileId::of(&path)?,
            path,
        })
    }

    /// The file in `sqlite://FILE`, percent signs decoded.
    ///
    /// # Errors
    /// One sentence for a URL that names no file, such as `sqlite::memory:`, or that carries settings.
    pub fn file(url: &str) -> std::result::Result<PathBuf, ConfigError> {
        file::path_in(url)
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a consistent copy to a new file (mode 0600), while others read and write.
    ///
    /// # Errors
    /// When `target` exists or cannot be written.
    pub async fn backup(&self, target: &Path) -> Result<()> {
        self.same_file()?;
        let doing = || format!("writing the backup {}", target.display());
        file::create_new_private(target).map_err(|error| StoreError::new(doing(), error))?;
        self.copy_to(target).await.map_err(|error| {
            let _ = std::fs::remove_file(target);
            StoreError::new(doing(), error)
        })
    }

    /// On a connection of its own: the copy takes its time, in which log-ins go on.
    async fn copy_to(&self, target: &Path) -> sqlx::Result<()> {
        // SQLite would read settings out of a relative name that begins with `file:`.
        let target = std::path::absolute(target)?;
        let unspeakable = || sqlx::Error::Configuration("the path is not UTF-8".into());
        let name = target.to_str().ok_or_else(unspeakable)?;
        let mut connection = options(&self.path)
            .create_if_missing(false)
            .connect()
            .await?;
        // SQLite fills an empty file and refuses any other.
        sqlx::query("VACUUM INTO ?")
            .bind(name)
            .execute(&mut connection)
            .await?;
        connection.close().await
    }

    /// Refuses to go on with a file that is no longer the one under its name: what is written there would be lost at
    /// the next start, and what others revoke in the new one would never be seen.
    fn same_file(&self) -> Result<()> {
        match FileId::of(&self.path)? == self.id {
            true => Ok(()),
            false => Err(StoreError::unavailable(
                "the database file was replaced by another: restart Lockjar",
            )),
        }
    }

    /// A connection that reads.
    async fn read(&self, doing: &'static str) -> Result<PoolConnection<Sqlite>> {
        self.same_file()?;
        self.readers.acquire().doing(doing).await
    }

    /// Begins a transaction that holds the write lock from the start, so that what it reads stays true until it commits.
    async fn begin(&self, doing: &'static str) -> Result<Tx> {
        self.same_file()?;
        let mut tx = self
            .writer
            .begin_with("BEGIN IMMEDIATE")
            .doing(doing)
            .await?;
        refuse_moved(&mut tx).await?;
        Ok(tx)
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn close(&self) {
        if let Some(feed) = self.feed.lock().await.take() {
            feed.close().await;
        }
        self.readers.close().await;
        self.writer.close().await;
    }
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(PATIENCE)
        // What a statement holds is nobody's business, and several beats a second would fill a log.
        .disable_statement_logging()
}

async fn pool(connections: u32, options: SqliteConnectOptions) -> Result<SqlitePool> {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(PATIENCE)
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
        .after_release(|connection, _| Box::pin(is_at_rest(connection)))
        .connect_with(options)
        .doing(OPENING)
        .await
}

/// Whether a connection that comes back is in no transaction, or has to be closed. A write that meets a full disk is rolled back
/// by SQLite itself; the `ROLLBACK` that sqlx sends after it fails then, and sqlx takes the connection to be in the transaction
/// for ever: the only one that writes would never write again.
async fn is_at_rest(connection: &mut SqliteConnection) -> sqlx::Result<bool> {
    if connection.is_in_transaction() {
        // A transaction that was dropped has only asked for its rollback: the answer to this comes after that.
        connection.ping().await?;
    }
    Ok(!connection.is_in_transaction())
}

fn migration_error(error: MigrateError) -> StoreError {
    match error {
        MigrateError::VersionMissing(version) => StoreError::unavailable(format!(
            "the database has schema version {version}, which a newer Lockjar wrote: run that version or a later one"
        )),
        other => StoreError::new("bringing the database's schema up to date", other),
    }
}

/// Says what was being done when SQLite failed.
trait Doing<T>: Sized {
    async fn doing(self, what: &'static str) -> Result<T>;
}

impl<T, F: Future<Output = sqlx::Result<T>>> Doing<T> for F {
    async fn doing(self, what: &'static str) -> Result<T> {
        self.await.map_err(|error| StoreError::new(what, error))
    }
}

fn query(sql: &'static str) -> sqlx::query::Query<'static, Sqlite, SqliteArguments> {
    sqlx::query(sql)
}

fn query_as<O: for<'r> FromRow<'r, SqliteRow>>(
    sql: &'static str,
) -> sqlx::query::QueryAs<'static, Sqlite, O, SqliteArguments> {
    sqlx::query_as(sql)
}

/// A transaction here holds the one write lock from its start, and with it every account.
async fn hold_account(_: &mut Tx, _: UserId) -> Result<()> {
    Ok(())
}

/// The same of the signing keys.
async fn hold_keys(_: &mut Tx) -> Result<()> {
    Ok(())
}

/// Other processes on the file look for news by themselves.
const fn has_news(_: &mut Tx) {}

#[cfg(test)]
mod tests;
