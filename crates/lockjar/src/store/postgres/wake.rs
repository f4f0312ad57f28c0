//! Wakes other nodes by `NOTIFY` when something has ended, and is woken by theirs. Nothing depends on it but how soon.
//!
//! The notice is sent after the commit and by itself, since PostgreSQL lets only one transaction at a time commit that
//! notifies; and of many at once, one notice tells all.

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgListener, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection as _, Row as _};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::pool::{Pool, execute};
use super::{Doing, PATIENCE};
use crate::error::StoreError;
use crate::store::Result;

const CHANNEL: &str = "lockjar";
/// Between two attempts to listen.
const BACK_OFF: Duration = Duration::from_secs(1);
/// After such a silence it is asked whether anybody is there.
const SILENCE: Duration = Duration::from_secs(30);

pub(super) struct Wake {
    /// This node has committed something that others must hear of.
    nudge: Arc<Notify>,
    /// Some node has.
    woken: Arc<Notify>,
    tasks: [JoinHandle<()>; 2],
}

impl Wake {
    pub(super) fn start(options: PgConnectOptions, pool: &Arc<Pool>) -> Self {
        let (nudge, woken) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let listening = listen(options, Arc::clone(&woken));
        let telling = tell(Arc::clone(pool), Arc::clone(&nudge));
        Self {
            nudge,
            woken,
            tasks: [tokio::spawn(listening), tokio::spawn(telling)],
        }
    }

    pub(super) fn nudge(&self) -> Arc<Notify> {
        Arc::clone(&self.nudge)
    }

    pub(super) async fn woken(&self) {
        self.woken.notified().await;
    }

    pub(super) fn stop(&self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Drop for Wake {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn tell(pool: Arc<Pool>, nudge: Arc<Notify>) {
    loop {
        nudge.notified().await;
        if let Err(error) = notify(&pool).await {
            tracing::debug!(%error, "other nodes were not woken; they look by themselves");
        }
    }
}

async fn notify(pool: &Arc<Pool>) -> Result<()> {
    let mut tx = pool.begin("waking other nodes").await?;
    // There is nothing to lose that a disk would have to keep.
    let notice = format!("SET LOCAL synchronous_commit = off; NOTIFY {CHANNEL}");
    execute(&mut tx, &notice)
        .doing("waking other nodes")
        .await?;
    tx.commit().doing("waking other nodes").await
}

async fn listen(options: PgConnectOptions, woken: Arc<Notify>) {
    loop {
        match is_pooled(&options).await {
            Ok(true) => {
                tracing::info!(
                    "the database is behind a pooler, which wakes nobody: this node looks by itself. \
                     Give the database's own address as database_wake_url"
                );
                return;
            }
            Ok(false) => {
                if let Err(error) = hear(&options, &woken).await {
                    tracing::debug!(%error, "nobody wakes this node; it looks by itself");
                }
            }
            Err(error) => tracing::debug!(%error, "nobody can wake this node"),
        }
        sleep(BACK_OFF).await;
    }
}

/// Whether one of the server's processes answers that was there before the connection was. To listen there would leave it
/// listening, and whoever the pooler lends it to next would be sent notices in the middle of an answer.
pub(super) async fn is_pooled(options: &PgConnectOptions) -> Result<bool> {
    let begun = ask(options, "clock_timestamp()").await?;
    let backend = "(SELECT backend_start FROM pg_stat_get_activity(pg_backend_pid()))";
    // A pooler whose servers are all busy has one made for the question: hardly each time.
    for _ in 0..3 {
        if ask(options, backend).await? < begun {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A moment, by a connection made for the question, in microseconds.
async fn ask(options: &PgConnectOptions, moment: &'static str) -> Result<i64> {
    let doing = "asking whether the database is behind a pooler";
    let mut connection = PgConnection::connect_with(options).doing(doing).await?;
    let sql = format!("SELECT (extract(epoch FROM {moment}) * 1000000)::bigint");
    let row = sqlx::raw_sql(AssertSqlSafe(sql))
        .fetch_one(&mut connection)
        .doing(doing)
        .await?;
    let _ = timeout(PATIENCE, connection.close()).await;
    row.try_get(0)
        .map_err(|error| StoreError::new(doing, error))
}

/// Listens until the connection fails.
async fn hear(options: &PgConnectOptions, woken: &Notify) -> Result<()> {
    let doing = "listening for other nodes";
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(PATIENCE)
        .connect_lazy_with(options.clone());
    let mut listener = PgListener::connect_with(&pool).doing(doing).await?;
    listener.eager_reconnect(false);
    listener.listen(CHANNEL).doing(doing).await?;
    // Something may have been said before anybody listened.
    woken.notify_one();
    loop {
        match timeout(SILENCE, listener.try_recv()).await {
            Ok(Ok(Some(_))) => woken.notify_one(),
            Ok(Ok(None)) => return Err(StoreError::new(doing, "the connection was lost")),
            Ok(Err(error)) => return Err(StoreError::new(doing, error)),
            Err(_) => {
                let asking = sqlx::raw_sql("SELECT 1").execute(&mut listener);
                asking.doing(doing).await?;
            }
        }
    }
}
