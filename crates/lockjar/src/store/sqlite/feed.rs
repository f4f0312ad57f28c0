//! The change feed in SQLite. `PRAGMA data_version` says cheaply whether any other connection has committed; only then
//! are rows read.

use async_trait::async_trait;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};

use super::fence::refuse_moved;
use super::rows::change;
use super::{Doing, SqliteStore};
use crate::error::StoreError;
use crate::store::{Beat, Cursor, Feed, Result};

pub(super) struct FeedReader {
    connection: SqliteConnection,
    /// Nothing has come after this cursor while the file is at this version.
    read_up: Option<(i64, Cursor)>,
    /// The cache was told to forget what it knew of a database that was moved.
    has_forgotten: bool,
}

impl FeedReader {
    pub(super) async fn connect(options: SqliteConnectOptions) -> Result<Self> {
        let connection = options.connect().doing("opening the change feed").await?;
        Ok(Self {
            connection,
            read_up: None,
            has_forgotten: false,
        })
    }

    /// SQLite lets go of the file with its last connection.
    pub(super) async fn close(self) {
        // What was never written cannot be lost by a close that fails.
        let _ = self.connection.close().await;
    }

    /// Changes whenever another connection commits.
    async fn data_version(&mut self) -> Result<i64> {
        let (version,) = sqlx::query_as("PRAGMA data_version")
            .fetch_one(&mut self.connection)
            .doing("asking whether the database has changed")
            .await?;
        Ok(version)
    }

    async fn last(&mut self) -> Result<Cursor> {
        let (last,): (i64,) = sqlx::query_as(
            "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'changes'",
        )
        .fetch_one(&mut self.connection)
        .doing("reading where the change feed ends")
        .await?;
        Ok(Cursor(last))
    }

    /// A database that was moved knows nothing any longer. That is said once by a gap, so that the cache is empty and nothing
    /// of it can be served while the store cannot be asked, and from then on by an error.
    async fn after_or_moved(&mut self, cursor: Cursor) -> Result<Beat> {
        match refuse_moved(&mut self.connection).await {
            Ok(()) => self.after(cursor).await,
            Err(_) if !self.has_forgotten => {
                self.has_forgotten = true;
                Ok(Beat {
                    cursor,
                    changes: None,
                    time: None,
                })
            }
            Err(error) => Err(error),
        }
    }

    async fn after(&mut self, cursor: Cursor) -> Result<Beat> {
        let rows: Vec<(i64, _, _, _)> = sqlx::query_as(
            "SELECT id, session_id, user_id, keys FROM changes WHERE id > ? ORDER BY id",
        )
        .bind(cursor.0)
        .fetch_all(&mut self.connection)
        .doing("reading the change feed")
        .await?;
        // The newest row is never swept, and numbers have no gaps: one that does not follow on was swept unseen.
        let gap = match rows.first() {
            Some((first, ..)) => *first != cursor.0 + 1,
            None => self.last().await? != cursor,
        };
        if gap {
            return Ok(Beat {
                cursor: self.last().await?,
                changes: None,
                time: None,
            });
        }
        let last = rows.last().map_or(cursor, |(id, ..)| Cursor(*id));
        let changes = rows
            .into_iter()
            .map(|(_, session, user, keys)| change(&(session, user, keys)));
        Ok(Beat {
            cursor: last,
            changes: Some(changes.collect::<Result<_>>()?),
            time: None,
        })
    }
}

#[async_trait]
impl Feed for SqliteStore {
    async fn beat(&self, cursor: Option<Cursor>) -> Result<Beat> {
        self.same_file()?;
        let mut feed = self.feed.lock().await;
        let feed = feed
            .as_mut()
            .ok_or_else(|| StoreError::unavailable("the store is closed"))?;
        // The version is read before the rows: a commit in between is seen again at the next beat, and missed by none.
        let version = feed.data_version().await?;
        let beat = match cursor {
            None => Beat {
                cursor: feed.last().await?,
                changes: Some(Vec::new()),
                time: None,
            },
            Some(cursor) if feed.read_up == Some((version, cursor)) => Beat {
                cursor,
                changes: Some(Vec::new()),
                time: None,
            },
            Some(cursor) => feed.after_or_moved(cursor).await?,
        };
        feed.read_up = beat.changes.is_some().then_some((version, beat.cursor));
        Ok(beat)
    }
}
