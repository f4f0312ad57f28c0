//! What goes on beside requests, in SQLite.

use std::time::Duration;

use super::{Doing, MANY, SqliteStore, query};
use crate::clock::Timestamp;
use crate::id::SessionId;
use crate::store::{KEEP_CHANGES, Result, Swept};

pub(super) async fn touch(store: &SqliteStore, seen: &[(SessionId, Timestamp)]) -> Result<()> {
    let mut tx = store.begin("noting when sessions were used").await?;
    for (session, at) in seen {
        query("UPDATE sessions SET last_seen_at = $2 WHERE id = $1 AND last_seen_at < $2")
            .bind(session.as_bytes().as_slice())
            .bind(at.as_millis())
            .execute(&mut *tx)
            .doing("noting when a session was used")
            .await?;
    }
    tx.commit().doing("noting when sessions were used").await
}

pub(super) async fn sweep(store: &SqliteStore, now: Timestamp, idle: Duration) -> Result<Swept> {
    let mut tx = store.begin("sweeping expired sessions").await?;
    let swept = query(
        "DELETE FROM sessions WHERE id IN
             (SELECT id FROM sessions WHERE expires_at <= $1 OR last_seen_at <= $2 LIMIT $3)",
    )
    .bind(now.as_millis())
    .bind(now.before(idle).as_millis())
    .bind(MANY.cast_signed())
    .execute(&mut *tx)
    .doing("sweeping expired sessions")
    .await?;
    // A prefix alone, even where the clock of one who wrote was behind: nobody would notice a hole.
    query(
        "DELETE FROM changes WHERE id < coalesce((SELECT min(id) FROM changes WHERE at >= $1),
                                                 (SELECT max(id) FROM changes))",
    )
    .bind(now.before(KEEP_CHANGES).as_millis())
    .execute(&mut *tx)
    .doing("sweeping the change feed")
    .await?;
    tx.commit().doing("sweeping expired sessions").await?;
    let sessions = swept.rows_affected();
    Ok(Swept {
        sessions,
        is_full: sessions >= MANY,
    })
}
