//! Wakes other nodes by `NOTIFY` when something has ended, and is woken by theirs. Nothing depends on it but how soon.
//!
//! The notice is sent after the commit and by itself, since PostgreSQL lets only one transaction at a time commit that
//! notifies; and of many at once, one notice tells all.

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
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
        if let Err(error) = hear(&options, &woken).await {
            tracing::debug!(%error, "nobody wakes this node; it looks by itself");
        }
        sleep(BACK_OFF).await;
    }
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
