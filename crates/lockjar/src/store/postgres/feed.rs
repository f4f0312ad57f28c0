//! The change feed in PostgreSQL, of which nothing is missed.
//!
//! Rows become visible when their transaction commits, and transactions commit in any order: a reader that goes on after the
//! greatest id that it saw would skip the rows of a transaction that took its ids early and committed late. So each row
//! carries its transaction's number, and one statement reads, in one snapshot, the rows of all transactions from the cursor on
//! together with the *horizon*: the oldest transaction that was still under way. Whatever was not visible then belongs to
//! the horizon's transaction or a later one, so the horizon is the next cursor; rows from there on that were visible already
//! come again, and are dropped by their ids.
//!
//! After a crash the server may give numbers again that transactions had taken and never brought to disk, so what is written
//! then may lie before a cursor from before it. A crash ends every backend; and so wherever another backend answers than the
//! last time, rows are also read by when they were written.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection as _, FromRow};

use super::pool::Pool;
use super::rows::change;
use super::{Doing, PostgresStore, migrations};
use crate::clock::Timestamp;
use crate::error::StoreError;
use crate::store::{Beat, Change, Cursor, Feed, Result};

/// How long before the last look a row may have been written that was committed after it, clocks and slow transactions
/// allowed for.
const MARGIN: Duration = Duration::from_secs(60);

/// For the connection, so that a look is one statement, of which there are several a second. Poolers refuse them: there the
/// statement goes without.
const SETTINGS: [(&str, &str); 2] = [("jit", "off"), ("statement_timeout", "2000")];

#[derive(FromRow)]
struct Row {
    /// Which of the server's processes answered.
    backend: String,
    horizon: i64,
    swept: i64,
    store: Vec<u8>,
    requires: i64,
    filling: bool,
    replica: bool,
    now: i64,
    id: Option<i64>,
    session_id: Option<Vec<u8>>,
    user_id: Option<Vec<u8>>,
    keys: Option<i64>,
}

/// What the beat before found out.
struct Before {
    cursor: Cursor,
    store: Vec<u8>,
    backend: String,
    at: Timestamp,
    /// Rows that may be read again, with when they were told.
    told: HashMap<i64, Timestamp>,
}

impl Before {
    /// Since when rows must be read again, if another backend has answered.
    fn reread_since(&self, rows: &[Row]) -> Option<Timestamp> {
        let another = rows.first().is_none_or(|row| row.backend != self.backend);
        another.then(|| self.at.before(MARGIN))
    }
}

async fn connect(options: &PgConnectOptions) -> sqlx::Result<PgConnection> {
    let with_settings = options.clone().options(SETTINGS);
    match PgConnection::connect_with(&with_settings).await {
        Err(sqlx::Error::Database(_)) => PgConnection::connect_with(options).await,
        connected => connected,
    }
}

/// One statement, so that horizon and rows are of one snapshot; with numbers written into it instead of bound to it, so that
/// it is one message, also through a pooler.
pub(super) fn statement(cursor: Option<Cursor>, since: Option<Timestamp>) -> String {
    let from = match cursor {
        Some(Cursor(xid)) => format!("c.xid >= '{xid}'::xid8"),
        None => "c.xid >= pg_snapshot_xmin(pg_current_snapshot())".to_owned(),
    };
    let or_since = since.map_or_else(String::new, |since| {
        format!(" OR c.at >= {}", since.as_millis())
    });
    format!(
        "SELECT pg_backend_pid() || ' since ' || (SELECT backend_start FROM pg_stat_get_activity(pg_backend_pid())) AS backend,
                pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS horizon, s.swept::text::bigint AS swept,
                s.id AS store, s.requires, s.filling, pg_is_in_recovery() AS replica,
                (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now,
                c.id, c.session_id, c.user_id, c.keys
         FROM (SELECT * FROM lockjar.store LIMIT 1) s LEFT JOIN lockjar.changes c ON {from}{or_since} ORDER BY c.id"
    )
}

/// What has been told by now and may be read again: by its time, for a while; by the cursor, for as long as a transaction
/// elsewhere holds the horizon back.
fn told_by_now(
    mut told: HashMap<i64, Timestamp>,
    ids: impl Iterator<Item = i64>,
    now: Timestamp,
) -> HashMap<i64, Timestamp> {
    let recent = now.before(3 * MARGIN);
    told.retain(|_, at| *at >= recent);
    told.extend(ids.map(|id| (id, now)));
    told
}

fn head(rows: &[Row]) -> Result<&Row> {
    rows.first()
        .ok_or_else(|| StoreError::unavailable("the database has lost its identity"))
}

pub(super) struct FeedReader {
    options: PgConnectOptions,
    pool: Arc<Pool>,
    connection: Option<PgConnection>,
    before: Option<Before>,
}

impl FeedReader {
    pub(super) const fn new(options: PgConnectOptions, pool: Arc<Pool>) -> Self {
        Self {
            options,
            pool,
            connection: None,
            before: None,
        }
    }

    async fn rows(&mut self, cursor: Option<Cursor>, since: Option<Timestamp>) -> Result<Vec<Row>> {
        // It is put back after an answer alone: one that was given up is closed.
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                // It may be another server from now on, and what is idle may lead to the old one.
                self.pool.clear();
                connect(&self.options)
                    .doing("connecting to the change feed")
                    .await?
            }
        };
        let rows = sqlx::raw_sql(AssertSqlSafe(statement(cursor, since)))
            .fetch_all(&mut connection)
            .doing("reading the change feed")
            .await?;
        self.connection = Some(connection);
        let rows: sqlx::Result<Vec<Row>> = rows.iter().map(Row::from_row).collect();
        rows.map_err(|error| StoreError::new("reading the change feed", error))
    }

    async fn beat(&mut self, cursor: Option<Cursor>) -> Result<Beat> {
        let mut rows = self.rows(cursor, None).await?;
        let last = self.before.as_ref().filter(|_| cursor.is_some());
        if let Some(since) = last.and_then(|before| before.reread_since(&rows)) {
            rows = self.rows(cursor, Some(since)).await?;
        }
        let head = head(&rows)?;
        if head.replica {
            return Err(StoreError::unavailable(
                "the database is a replica, which hears of revocations late: use the primary",
            ));
        }
        if head.filling {
            return Err(StoreError::unavailable(migrations::FILLING));
        }
        migrations::check_version(head.requires)?;
        let time = Timestamp::from_millis(head.now);
        let changes = match cursor {
            Some(cursor) if self.may_have_missed(cursor, head) => None,
            Some(cursor) => Some(self.news(cursor, &rows)?),
            None => Some(Vec::new()),
        };
        let told = self.before.take().map_or_else(HashMap::new, |it| it.told);
        let next = Before {
            cursor: Cursor(head.horizon),
            store: head.store.clone(),
            backend: head.backend.clone(),
            at: time,
            told: told_by_now(told, rows.iter().filter_map(|row| row.id), time),
        };
        let beat = Beat {
            cursor: next.cursor,
            changes,
            time: Some(time),
        };
        self.before = Some(next);
        Ok(beat)
    }

    /// Whether this is another store under the same address, or one that has forgotten.
    fn may_have_missed(&self, Cursor(cursor): Cursor, head: &Row) -> bool {
        let before = self.before.as_ref();
        before.is_some_and(|before| before.store != head.store)
            || head.horizon < cursor
            || head.swept >= cursor
    }

    /// What was not told from this cursor on.
    fn news(&self, cursor: Cursor, rows: &[Row]) -> Result<Vec<Change>> {
        let before = self.before.as_ref();
        let told = before
            .filter(|before| before.cursor == cursor)
            .map(|before| &before.told);
        rows.iter()
            .filter(|row| {
                row.id
                    .is_some_and(|id| told.is_none_or(|told| !told.contains_key(&id)))
            })
            .map(|row| change(&(row.session_id.clone(), row.user_id.clone(), row.keys)))
            .collect()
    }
}

#[async_trait]
impl Feed for PostgresStore {
    async fn beat(&self, cursor: Option<Cursor>) -> Result<Beat> {
        let mut feed = self.feed.lock().await;
        feed.as_mut()
            .ok_or_else(|| StoreError::unavailable("the store is closed"))?
            .beat(cursor)
            .await
    }

    async fn woken(&self) {
        self.wake.woken().await;
    }
}
