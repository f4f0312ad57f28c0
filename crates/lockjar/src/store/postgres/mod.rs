//! The store on PostgreSQL 13 or later, for more nodes than one.
//!
//! Every call but a look at the change feed is one explicit transaction with unnamed statements, which is what works through a pooler such as PgBouncer in
//! transaction mode too. All tables are in the schema `lockjar`. Verbs that change an account hold its row from their
//! start, so that they follow one another, on whatever nodes they run.
//!
//! Other nodes learn what ended by the change feed; `feed.rs` says how none of it is missed. `NOTIFY` only wakes them.

/// Nodes that sweep at the same time do not wait for each other's rows.
macro_rules! skip_locked {
    () => {
        " FOR UPDATE SKIP LOCKED"
    };
}

#[path = "../sql/audit.rs"]
mod audit;
mod chores;
#[cfg(feature = "redis")]
mod elsewhere;
mod feed;
#[cfg_attr(not(feature = "sqlite"), allow(dead_code))]
pub(super) mod filling;
#[path = "../sql/keys.rs"]
mod keys;
mod migrations;
#[path = "../sql/one_time.rs"]
mod one_time;
#[cfg_attr(not(feature = "sqlite"), allow(dead_code))]
mod pages;
mod pool;
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
mod wake;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgConnection, PgRow};
use sqlx::{ConnectOptions, FromRow, Postgres};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::{Result, Store};
use crate::error::{ConfigError, StoreError};
use crate::id::UserId;
#[cfg(feature = "redis")]
pub(super) use elsewhere::{Concerned, Kept};
use feed::FeedReader;
use migrations::Filling;
use pool::{Pool, Tx};
use wake::Wake;

// What the files of `store/sql` are compiled with here.
type SqlStore = PostgresStore;
/// Rows of a kind that one sweep deletes at the most.
const MANY: u64 = 10_000;
type Connection = PgConnection;
type Database = Postgres;

/// How long one statement, and one wait for a connection, may take before the caller is told no.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where the database is, and how it is spoken to.
#[derive(Clone)]
pub struct PostgresSettings {
    database: PgConnectOptions,
    wake: PgConnectOptions,
    connections: usize,
}

impl PostgresSettings {
    /// `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, with `sslmode` and the other parameters of libpq behind a `?`.
    ///
    /// # Errors
    /// One sentence for what is no such URL. It holds nothing of the URL, which may have a password in it.
    pub fn new(url: &str) -> std::result::Result<Self, ConfigError> {
        let database = options(url)?;
        Ok(Self {
            wake: database.clone(),
            database,
            connections: 16,
        })
    }

    /// The database's own address, where the other one leads to a pooler: the change feed is read from there, and a node is
    /// woken when something has ended, which no pooler in transaction mode passes on. Without it, revocations are heard at the next look, well within
    /// [`staleness`](crate::Builder::staleness). Default: the same address.
    ///
    /// # Errors
    /// As for [`new`](Self::new).
    pub fn wake_url(self, url: &str) -> std::result::Result<Self, ConfigError> {
        Ok(Self {
            wake: options(url)?,
            ..self
        })
    }

    /// Connections at the most, beside the two that the change feed takes. Default: 16.
    #[must_use]
    pub fn connections(self, connections: usize) -> Self {
        Self {
            connections: connections.max(1),
            ..self
        }
    }
}

/// Whom it speaks to, without the password.
impl fmt::Display for PostgresSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (host, port) = (self.database.get_host(), self.database.get_port());
        let name = self.database.get_database().unwrap_or_default();
        write!(f, "postgres://{host}:{port}/{name}")
    }
}

impl fmt::Debug for PostgresSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn options(url: &str) -> std::result::Result<PgConnectOptions, ConfigError> {
    let refuse = |why: &str| ConfigError::new(format!("the database's address {why}"));
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        return Err(refuse("is not of the form postgres://USER@HOST/DATABASE"));
    }
    check_parameters(url)?;
    let options = PgConnectOptions::from_str(url)
        .map_err(|error| refuse(&format!("cannot be read: {error}")))?;
    if options.get_options().is_some() {
        return Err(ConfigError::new(
            "PGOPTIONS in the environment could undo Lockjar's own settings: unset it",
        ));
    }
    Ok(options
        .application_name("lockjar")
        // Poolers refuse what they do not know.
        .extra_float_digits(None)
        .statement_cache_capacity(0)
        // What a statement holds is nobody's business, and several beats a second would fill a log.
        .disable_statement_logging())
}

/// What may stand behind the `?`. The driver would pass over anything else in silence, and write its value into the log: a
/// password behind a mistyped name too.
const PARAMETERS: [&str; 15] = [
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "ssl-mode",
    "ssl-root-cert",
    "ssl-cert",
    "ssl-key",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
];

fn check_parameters(url: &str) -> std::result::Result<(), ConfigError> {
    let (before, parameters) = url.split_once('?').unwrap_or_default();
    for parameter in parameters.split('&').filter(|it| !it.is_empty()) {
        let name = match parameter.split_once('=') {
            Some((name, _)) if PARAMETERS.contains(&name) => continue,
            Some((name, _)) if before.contains('@') => name,
            // It may be the end of a password that has a `?` in it.
            _ => "not shown here",
        };
        return Err(ConfigError::new(format!(
            "the database's address has a parameter that is not known ({name}): leave it out, or write a `?` of the \
             password as %3F. Known are {}",
            PARAMETERS.join(", ")
        )));
    }
    Ok(())
}

/// A PostgreSQL database.
pub struct PostgresStore {
    pool: Arc<Pool>,
    /// A connection of its own, so that a herd of reads cannot delay the news of a revocation; none once closed.
    feed: Mutex<Option<FeedReader>>,
    wake: Wake,
}

impl PostgresStore {
    /// Connects, and brings the schema up to date; any number of nodes may do so at once.
    ///
    /// # Errors
    /// When the database cannot be reached, would not keep what it acknowledges, is a replica, is being filled by a copy, or
    /// needs a newer Lockjar.
    pub async fn open(settings: PostgresSettings) -> Result<Self> {
        let pool = Pool::new(settings.database, settings.connections);
        migrations::run(&pool, Filling::IsRefused).await?;
        Ok(Self {
            feed: Mutex::new(Some(FeedReader::new(
                settings.wake.clone(),
                Arc::clone(&pool),
            ))),
            wake: Wake::start(settings.wake, &pool),
            pool,
        })
    }

    /// Whether [`open`](Self::open) would succeed. It changes nothing.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub async fn check(settings: &PostgresSettings) -> Result<()> {
        let pool = Pool::new(settings.database.clone(), 1);
        let checked = migrations::check(&mut pool.begin("connecting to the database").await?).await;
        pool.close().await;
        checked
    }

    /// A transaction that reads.
    async fn read(&self, doing: &'static str) -> Result<Tx> {
        self.pool.begin(doing).await
    }

    /// A transaction that writes. If it had news for other nodes they are woken once it is committed.
    async fn begin(&self, doing: &'static str) -> Result<Tx> {
        let mut tx = self.pool.begin(doing).await?;
        tx.wakes(self.wake.nudge());
        Ok(tx)
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn close(&self) {
        self.wake.stop();
        self.feed.lock().await.take();
        self.pool.close().await;
    }
}

/// Says what was being done when the database failed, or did not answer in time. A statement that is given up leaves its
/// connection in an unknown state; [`Tx`] sees to that.
trait Doing<T>: Sized {
    async fn doing(self, what: &'static str) -> Result<T>;
}

impl<T, F: Future<Output = sqlx::Result<T>>> Doing<T> for F {
    async fn doing(self, what: &'static str) -> Result<T> {
        match timeout(PATIENCE, self).await {
            Ok(answer) => answer.map_err(|error| StoreError::new(what, error)),
            Err(_) => Err(StoreError::new(what, "the database took too long")),
        }
    }
}

/// Unnamed: a pooler may run the next transaction on another of its connections, where no name is known or, worse, the
/// same name means another statement.
fn query(sql: &'static str) -> sqlx::query::Query<'static, Postgres, PgArguments> {
    sqlx::query(sql).persistent(false)
}

fn query_as<O: for<'r> FromRow<'r, PgRow>>(
    sql: &'static str,
) -> sqlx::query::QueryAs<'static, Postgres, O, PgArguments> {
    sqlx::query_as(sql).persistent(false)
}

/// Whoever changes an account waits here for those before, so that what is read afterwards stays true until the commit.
async fn hold_account(tx: &mut Tx, user: UserId) -> Result<()> {
    query("SELECT 1 FROM users WHERE id = $1 FOR NO KEY UPDATE")
        .bind(user.as_bytes().as_slice())
        .execute(&mut **tx)
        .doing("waiting for an account")
        .await
        .map(drop)
}

/// The same of the signing keys, which others may still read.
async fn hold_keys(tx: &mut Tx) -> Result<()> {
    query("LOCK TABLE keys IN SHARE ROW EXCLUSIVE MODE")
        .execute(&mut **tx)
        .doing("waiting for the signing keys")
        .await
        .map(drop)
}

/// Other nodes are to be woken once this is committed.
fn has_news(tx: &mut Tx) {
    tx.has_news();
}

#[cfg(test)]
mod tests;
