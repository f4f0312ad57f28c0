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

use std::collections::HashSet;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection as _, FromRow};

use super::rows::bytes;
use super::{Doing, PostgresStore, migrations};
use crate::clock::Timestamp;
use crate::error::StoreError;
use crate::id::{SessionId, UserId};
use crate::store::{Beat, Change, Cursor, Feed, Result};

/// How long before the last look a row may have been written that was committed after it, clocks and slow transactions
/// allowed for.
const MARGIN: Duration = Duration::from_secs(60);

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

impl Row {
    fn change(&self) -> Result<Change> {
        match (&self.session_id, &self.user_id, self.keys) {
            (Some(session), None, None) => {
                Ok(Change::Session(SessionId::from_bytes(bytes(session)?)))
            }
            (None, Some(user), None) => Ok(Change::User(UserId::from_bytes(bytes(user)?))),
            (None, None, Some(_)) => Ok(Change::Keys),
            _ => Err(StoreError::unavailable(
                "a row of the change feed names neither a session nor a user nor the keys",
            )),
        }
    }
}

/// What the beat before found out.
struct Before {
    cursor: Cursor,
    store: Vec<u8>,
    backend: String,
    at: Timestamp,
    /// Rows at or behind the cursor that were told already.
    told: HashSet<i64>,
}

impl Before {
    /// Since when rows must be read again if another backend has answered.
    fn is_answered_by_another(&self, rows: &[Row]) -> Option<Timestamp> {
        let another = rows.first().is_none_or(|row| row.backend != self.backend);
        another.then(|| self.at.before(MARGIN))
    }
}

fn head(rows: &[Row]) -> Result<&Row> {
    rows.first()
        .ok_or_else(|| StoreError::unavailable("the database has lost its identity"))
}

pub(super) struct FeedReader {
    options: PgConnectOptions,
    connection: Option<PgConnection>,
    before: Option<Before>,
}

impl FeedReader {
    pub(super) const fn new(options: PgConnectOptions) -> Self {
        Self {
            options,
            connection: None,
            before: None,
        }
    }

    /// One statement, so that horizon and rows are of one snapshot; with a number written into it instead of bound to it,
    /// so that it is one message also through a pooler.
    async fn rows(&mut self, cursor: Option<Cursor>, since: Option<Timestamp>) -> Result<Vec<Row>> {
        // It is put back after an answer alone: one that was given up is closed.
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                PgConnection::connect_with(&self.options)
                    .doing("connecting to the change feed")
                    .await?
            }
        };
        let from = match cursor {
            Some(Cursor(xid)) => format!("c.xid >= '{xid}'::xid8"),
            None => "c.xid >= pg_snapshot_xmin(pg_current_snapshot())".to_owned(),
        };
        let or_since = since.map_or_else(String::new, |since| {
            format!(" OR c.at >= {}", since.as_millis())
        });
        let sql = format!(
            "SELECT pg_backend_pid() || ' since ' || a.backend_start AS backend,
                    pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS horizon, s.swept::text::bigint AS swept,
                    s.id AS store, s.requires, s.filling, pg_is_in_recovery() AS replica,
                    (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now,
                    c.id, c.session_id, c.user_id, c.keys
             FROM lockjar.store s JOIN pg_stat_activity a ON a.pid = pg_backend_pid()
                  LEFT JOIN lockjar.changes c ON {from}{or_since} ORDER BY c.id"
        );
        let rows = sqlx::raw_sql(AssertSqlSafe(sql))
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
        if let Some(since) = last.and_then(|before| before.is_answered_by_another(&rows)) {
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
        let before = self
            .before
            .take_if(|before| Some(before.cursor) == cursor && before.store == head.store);
        let changes = self.changes(cursor, &rows, head, before.as_ref())?;
        let beat = Beat {
            cursor: Cursor(head.horizon),
            changes,
            time: Some(Timestamp::from_millis(head.now)),
        };
        self.before = Some(Before {
            cursor: beat.cursor,
            store: head.store.clone(),
            backend: head.backend.clone(),
            at: Timestamp::from_millis(head.now),
            told: rows.iter().filter_map(|row| row.id).collect(),
        });
        Ok(beat)
    }

    /// What is new; `None` where something may have been missed.
    fn changes(
        &self,
        cursor: Option<Cursor>,
        rows: &[Row],
        head: &Row,
        before: Option<&Before>,
    ) -> Result<Option<Vec<Change>>> {
        let Some(Cursor(cursor)) = cursor else {
            return Ok(Some(Vec::new()));
        };
        // Taken if it was of another cursor, or of another store under the same address.
        let another_store = self
            .before
            .as_ref()
            .is_some_and(|before| before.store != head.store);
        if another_store || head.horizon < cursor || head.swept >= cursor {
            return Ok(None);
        }
        let news = rows.iter().filter(|row| {
            row.id
                .is_some_and(|id| before.is_none_or(|before| !before.told.contains(&id)))
        });
        news.map(Row::change).collect::<Result<_>>().map(Some)
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
