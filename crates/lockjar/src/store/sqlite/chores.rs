//! What goes on beside requests, in SQLite.

use std::time::Duration;

use super::one_time::sweep_one_time_tokens;
use super::throttles::sweep_throttles;
use super::{Doing, MANY, SqliteStore, query};
use crate::clock::Timestamp;
use crate::id::SessionId;
use crate::store::{KEEP_CHANGES, NAMES, Result, Swept};

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
    // By itself: what it cannot do undoes nothing of this.
    let more = sweep_rest(store, now).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "what expired beside sessions was not deleted");
        false
    });
    let sessions = swept.rows_affected();
    Ok(Swept {
        sessions,
        is_full: more || sessions >= MANY,
    })
}

/// Whether it deleted as many of a kind as it may.
async fn sweep_rest(store: &SqliteStore, now: Timestamp) -> Result<bool> {
    let mut tx = store.begin("sweeping throttles").await?;
    let more =
        sweep_one_time_tokens(&mut tx, now).await? | sweep_throttles(&mut tx, now, NAMES).await?;
    tx.commit().doing("sweeping throttles").await?;
    Ok(more)
}
