//! What goes on beside requests, in SQLite.

use std::time::Duration;

use super::{Doing, SqliteStore, Tx, query, query_as};
use crate::clock::Timestamp;
use crate::id::SessionId;
use crate::store::{KEEP_CHANGES, NAMES, Result, Swept};

/// Sessions that one sweep deletes at the most, so that it never holds the writer for long.
const SWEEP: u64 = 1_000;

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
    .bind(SWEEP.cast_signed())
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
    let more =
        sweep_one_time_tokens(&mut tx, now).await? | sweep_throttles(&mut tx, now, NAMES).await?;
    tx.commit().doing("sweeping expired sessions").await?;
    let sessions = swept.rows_affected();
    Ok(Swept {
        sessions,
        is_full: more || sessions >= SWEEP,
    })
}

/// Deletes what counts nothing any longer and, where more names were typed than are kept, those with the fewest failures: nobody
/// makes guesses at one account forgotten by typing others. Answers whether it deleted as many as it may.
pub(super) async fn sweep_throttles(tx: &mut Tx, now: Timestamp, names: u64) -> Result<bool> {
    const DOING: &str = "sweeping throttles";
    let rates = query(
        "DELETE FROM throttles WHERE key IN
             (SELECT key FROM throttles WHERE NOT of_account AND at <= $1 LIMIT $2)",
    )
    .bind(now.as_millis())
    .bind(SWEEP.cast_signed())
    .execute(&mut **tx)
    .doing(DOING)
    .await?;
    let (kept,): (i64,) = query_as(
        "SELECT count(*) FROM (SELECT 1 FROM throttles WHERE of_account LIMIT $1) AS names",
    )
    .bind((names + SWEEP).cast_signed())
    .fetch_one(&mut **tx)
    .doing(DOING)
    .await?;
    let excess = kept.unsigned_abs().saturating_sub(names);
    if excess > 0 {
        query(
            "DELETE FROM throttles WHERE key IN
                 (SELECT key FROM throttles WHERE of_account ORDER BY failures, at LIMIT $1)",
        )
        .bind(excess.cast_signed())
        .execute(&mut **tx)
        .doing(DOING)
        .await?;
    }
    Ok(rates.rows_affected() >= SWEEP || excess >= SWEEP)
}

/// Whether it deleted as many as it may.
async fn sweep_one_time_tokens(tx: &mut Tx, now: Timestamp) -> Result<bool> {
    let swept = query(
        "DELETE FROM one_time_tokens WHERE token IN
             (SELECT token FROM one_time_tokens WHERE expires_at <= $1 LIMIT $2)",
    )
    .bind(now.as_millis())
    .bind(SWEEP.cast_signed())
    .execute(&mut **tx)
    .doing("sweeping one-time tokens")
    .await?;
    Ok(swept.rows_affected() >= SWEEP)
}
