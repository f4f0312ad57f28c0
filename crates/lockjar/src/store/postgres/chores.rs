//! What goes on beside requests, in PostgreSQL: several nodes do it at once, and none waits for another's rows.

use std::time::Duration;

use super::{Doing, MANY, PostgresStore, Tx, query, query_as};
use crate::clock::Timestamp;
use crate::id::SessionId;
use crate::store::{KEEP_CHANGES, Result, Swept};

/// Rows that one sweep deletes at the most.
const SWEEP: u64 = 1_000;

/// One statement for all. A row that somebody else holds is being ended, or touched by another node.
pub(super) async fn touch(store: &PostgresStore, seen: &[(SessionId, Timestamp)]) -> Result<()> {
    let (ids, times): (Vec<_>, Vec<_>) = seen
        .iter()
        .map(|(session, at)| (session.as_bytes().to_vec(), at.as_millis()))
        .unzip();
    let mut tx = store.begin("noting when sessions were used").await?;
    query(
        "UPDATE sessions SET last_seen_at = seen.at
         FROM unnest($1::bytea[], $2::bigint[]) AS seen (id, at)
         WHERE sessions.id = seen.id AND sessions.last_seen_at < seen.at AND sessions.id IN
             (SELECT id FROM sessions WHERE id = ANY ($1) FOR NO KEY UPDATE SKIP LOCKED)",
    )
    .bind(ids)
    .bind(times)
    .execute(&mut *tx)
    .doing("noting when sessions were used")
    .await?;
    tx.commit().doing("noting when sessions were used").await
}

pub(super) async fn sweep(store: &PostgresStore, now: Timestamp, idle: Duration) -> Result<Swept> {
    let mut tx = store.begin("sweeping expired sessions").await?;
    let swept = query(
        "DELETE FROM sessions WHERE id IN
             (SELECT id FROM sessions WHERE expires_at <= $1 OR last_seen_at <= $2
              LIMIT $3 FOR UPDATE SKIP LOCKED)",
    )
    .bind(now.as_millis())
    .bind(now.before(idle).as_millis())
    .bind(SWEEP.cast_signed())
    .execute(&mut *tx)
    .doing("sweeping expired sessions")
    .await?;
    // A day late, in case that a clock is wrong: a tombstone that went too early would let somebody back in.
    let tombstones = query(
        "DELETE FROM elsewhere WHERE session_id IN
             (SELECT session_id FROM elsewhere WHERE expires_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED)",
    )
        .bind(now.before(KEEP_CHANGES).as_millis())
        .bind(MANY.cast_signed())
        .execute(&mut *tx)
        .doing("sweeping tombstones")
        .await?;
    let changes = sweep_changes(&mut tx, now).await?;
    tx.commit().doing("sweeping expired sessions").await?;
    let sessions = swept.rows_affected();
    Ok(Swept {
        sessions,
        is_full: sessions >= SWEEP || tombstones.rows_affected() >= MANY || changes >= MANY,
    })
}

/// How many it deleted.
async fn sweep_changes(tx: &mut Tx, now: Timestamp) -> Result<u64> {
    // In the transaction that deletes them it is written up to where: who comes with an older cursor is told of a gap.
    let (swept,): (i64,) = query_as(
        "WITH gone AS
             (DELETE FROM changes WHERE id IN
                  (SELECT id FROM changes WHERE at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)
              RETURNING xid),
         noted AS
             (UPDATE store SET swept = (SELECT xid FROM gone ORDER BY xid DESC LIMIT 1)
              WHERE swept < (SELECT xid FROM gone ORDER BY xid DESC LIMIT 1))
         SELECT count(*) FROM gone",
    )
    .bind(now.before(KEEP_CHANGES).as_millis())
    .bind(MANY.cast_signed())
    .fetch_one(&mut **tx)
    .doing("sweeping the change feed")
    .await?;
    Ok(swept.unsigned_abs())
}
