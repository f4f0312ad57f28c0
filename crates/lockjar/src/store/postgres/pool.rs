//! Connections that are lent for one transaction each, and taken back only when that has ended in order.
//!
//! A connection that was given up in the middle, or on which nothing came back in time, is closed: the network may have
//! forgotten it without telling anybody. So no fault leaves anything behind that has to be restarted.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection as _, Row as _};
use tokio::runtime::Handle;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::{Doing, PATIENCE};
use crate::error::StoreError;
use crate::store::Result;

/// What every transaction begins with, in one message. The server ends by itself what a frozen node holds on to, and compiles
/// nothing: while a table has no statistics it may think that a look at a few rows is worth the tenth of a second.
const BEGIN: &str = "BEGIN; SET LOCAL search_path = lockjar; SET LOCAL statement_timeout = 2000; SET LOCAL jit = off; \
                     SET LOCAL idle_in_transaction_session_timeout = 5000";
/// A rollback that takes longer is left to the server.
const ROLLBACK: Duration = Duration::from_secs(1);

pub(super) struct Pool {
    options: PgConnectOptions,
    idle: Mutex<Vec<PgConnection>>,
    permits: Arc<Semaphore>,
}

impl Pool {
    pub(super) fn new(options: PgConnectOptions, connections: usize) -> Arc<Self> {
        Arc::new(Self {
            options,
            idle: Mutex::default(),
            permits: Arc::new(Semaphore::new(connections)),
        })
    }

    /// A transaction, on a connection that was idle or a new one.
    pub(super) async fn begin(self: &Arc<Self>, doing: &'static str) -> Result<Tx> {
        let permit = self.permit(doing).await?;
        while let Some(mut connection) = self.pop() {
            match timeout(PATIENCE, execute(&mut connection, BEGIN)).await {
                Ok(Ok(())) => return Ok(self.lend(connection, permit)),
                // The server was restarted, say.
                Ok(Err(_)) => {}
                Err(_) => {
                    // The others have gone the same way.
                    self.clear();
                    return Err(StoreError::new(doing, "the database took too long"));
                }
            }
        }
        let mut connection = PgConnection::connect_with(&self.options)
            .doing(doing)
            .await?;
        check_primary(&mut connection, doing).await?;
        execute(&mut connection, BEGIN).doing(doing).await?;
        Ok(self.lend(connection, permit))
    }

    async fn permit(&self, doing: &'static str) -> Result<OwnedSemaphorePermit> {
        let permit = timeout(PATIENCE, Arc::clone(&self.permits).acquire_owned()).await;
        permit
            .map_err(|_| StoreError::new(doing, "all connections to the database are in use"))?
            .map_err(|_| StoreError::unavailable("the store is closed"))
    }

    fn lend(self: &Arc<Self>, connection: PgConnection, permit: OwnedSemaphorePermit) -> Tx {
        Tx {
            connection: Some(connection),
            lent: Some((Arc::clone(self), permit)),
            wakes: None,
            has_news: false,
        }
    }

    fn pop(&self) -> Option<PgConnection> {
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop()
    }

    fn push(&self, connection: PgConnection) {
        if !self.permits.is_closed() {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            idle.push(connection);
        }
    }

    /// Connections that are wanted from now on are made anew.
    pub(super) fn clear(&self) {
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// Lends nothing more, and says goodbye on what is idle.
    pub(super) async fn close(&self) {
        self.permits.close();
        while let Some(connection) = self.pop() {
            let _ = timeout(ROLLBACK, connection.close()).await;
        }
    }
}

/// After a failover, or by a balancer, it may be another server than the last time.
async fn check_primary(connection: &mut PgConnection, doing: &'static str) -> Result<()> {
    let row = sqlx::raw_sql("SELECT pg_is_in_recovery()")
        .fetch_one(connection)
        .doing(doing)
        .await?;
    match row.try_get::<bool, _>(0) {
        Ok(false) => Ok(()),
        _ => Err(StoreError::new(
            doing,
            "the database is a replica, which hears of revocations late",
        )),
    }
}

/// A message of its own, with nothing bound to it.
pub(super) async fn execute(connection: &mut PgConnection, sql: &str) -> sqlx::Result<()> {
    // Every caller passes constants.
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(connection)
        .await
        .map(drop)
}

/// A transaction. Dropped without [`commit`](Self::commit) it is rolled back, after the caller has gone on.
pub(super) struct Tx {
    connection: Option<PgConnection>,
    lent: Option<(Arc<Pool>, OwnedSemaphorePermit)>,
    wakes: Option<Arc<Notify>>,
    has_news: bool,
}

impl Tx {
    /// Whom to tell of a commit that had news.
    pub(super) fn wakes(&mut self, nudge: Arc<Notify>) {
        self.wakes = Some(nudge);
    }

    pub(super) const fn has_news(&mut self) {
        self.has_news = true;
    }

    pub(super) async fn commit(mut self) -> sqlx::Result<()> {
        execute(&mut self, "COMMIT").await?;
        if let Some(nudge) = self.wakes.take().filter(|_| self.has_news) {
            nudge.notify_one();
        }
        if let (Some(connection), Some((pool, _permit))) =
            (self.connection.take(), self.lent.take())
        {
            pool.push(connection);
        }
        Ok(())
    }
}

impl Drop for Tx {
    fn drop(&mut self) {
        let (Some(mut connection), Some((pool, permit)), Ok(runtime)) = (
            self.connection.take(),
            self.lent.take(),
            Handle::try_current(),
        ) else {
            return;
        };
        runtime.spawn(async move {
            if let Ok(Ok(())) = timeout(ROLLBACK, execute(&mut connection, "ROLLBACK")).await {
                pool.push(connection);
            }
            drop(permit);
        });
    }
}

impl Deref for Tx {
    type Target = PgConnection;

    #[allow(clippy::expect_used)] // It is taken by what consumes the transaction.
    fn deref(&self) -> &PgConnection {
        self.connection.as_ref().expect("a transaction under way")
    }
}

impl DerefMut for Tx {
    #[allow(clippy::expect_used)] // As above.
    fn deref_mut(&mut self) -> &mut PgConnection {
        self.connection.as_mut().expect("a transaction under way")
    }
}
