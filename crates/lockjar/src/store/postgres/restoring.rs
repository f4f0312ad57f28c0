//! A database that was put back from a backup, in which sessions are alive that were ended after it was made.

use std::time::Duration;

use sqlx::AssertSqlSafe;

use super::pool::{Tx, execute};
use super::{Doing, PostgresStore, has_news};
use crate::clock::Timestamp;
use crate::error::StoreError;
use crate::store::{Restored, Result};

const DOING: &str = "restoring the database";
/// Every account is written to.
const PATIENCE: Duration = Duration::from_secs(3600);

impl PostgresStore {
    /// Makes another store of a database that came from a backup: every session and every signing key ends, so that nothing
    /// comes back that was revoked since. Nodes that serve from it forget what they knew.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn restore(&self, now: Timestamp) -> Result<Restored> {
        let mut tx = self.begin(DOING).await?;
        execute(&mut tx, "SET LOCAL statement_timeout = 0")
            .doing(DOING)
            .await?;
        let now = now.as_millis();
        // Whoever is counting is let finish, and waits for nothing of this afterwards.
        let lock = "LOCK TABLE throttles IN SHARE ROW EXCLUSIVE MODE";
        write(&mut tx, lock.to_owned()).await?;
        // The accounts first, as every verb does, so that none waits for this and this for none. Above every epoch that there
        // was after the backup, under which sessions may be kept elsewhere.
        let raise = format!("UPDATE users SET epoch = greatest(epoch + 1, {now})");
        let users = write(&mut tx, raise).await?;
        let sessions = write(&mut tx, "DELETE FROM sessions".to_owned()).await?;
        let revoke = format!("UPDATE keys SET revoked_at = {now} WHERE revoked_at IS NULL");
        write(&mut tx, revoke).await?;
        write(&mut tx, ANOTHER_STORE.to_owned()).await?;
        has_news(&mut tx);
        tx.commit().doing(DOING).await?;
        Ok(Restored { users, sessions })
    }
}

/// Transactions have other numbers on another server, so what the feed says of them says nothing here.
const ANOTHER_STORE: &str =
    "UPDATE store SET id = decode(replace(gen_random_uuid()::text, '-', ''), 'hex'),
                                 swept = pg_current_xact_id();
                             DELETE FROM changes; DELETE FROM copying; DELETE FROM throttles; DELETE FROM devices; DELETE FROM one_time_tokens";

async fn write(tx: &mut Tx, sql: String) -> Result<u64> {
    // A number is all that is written into it.
    let writing = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut **tx);
    let written = tokio::time::timeout(PATIENCE, writing).await;
    written
        .map_err(|_| StoreError::new(DOING, "it took longer than an hour"))?
        .map(|done| done.rows_affected())
        .map_err(|error| StoreError::new(DOING, error))
}
