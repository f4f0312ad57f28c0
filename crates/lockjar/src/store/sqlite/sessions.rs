//! Sessions in SQLite.

use std::time::Duration;

use async_trait::async_trait;
use sqlx::{Sqlite, Transaction};

use super::rows::{
    LiveRow, SessionRow, announce, bytes, has_authority, insert_session, session_ids,
};
use super::users::{end_all, raise_epoch};
use super::{Context, SqliteStore};
use crate::clock::Timestamp;
use crate::id::{SessionId, UserId};
use crate::session::Session;
use crate::store::{By, Change, LiveSession, NewSignIn, Outcome, Result, Sessions, Which};
use crate::token::HashedSecret;

/// Change rows are kept this long; a process that slept longer forgets all it knew.
const KEEP_CHANGES: Duration = Duration::from_secs(24 * 3600);
/// Sessions that one sweep deletes at the most, so that it never holds the writer for long.
const SWEEP: i64 = 1_000;

#[async_trait]
impl Sessions for SqliteStore {
    async fn open(&self, log_in: &NewSignIn) -> Result<Outcome> {
        let session = &log_in.new.session;
        let mut tx = self.begin("opening a session").await?;
        let current: Option<(i64,)> = sqlx::query_as(
            "SELECT 1 FROM users WHERE id = ? AND epoch = ? AND disabled_at IS NULL",
        )
        .bind(session.user.as_bytes().as_slice())
        .bind(log_in.epoch)
        .fetch_optional(&mut *tx)
        .await
        .context("checking a log-in's epoch")?;
        if current.is_none() {
            return Ok(Outcome::NoAuthority);
        }
        insert_session(&mut tx, &log_in.new, log_in.epoch).await?;
        let mut ended = replaced(&mut tx, log_in.replaces).await?;
        ended.extend(oldest_above(&mut tx, session, log_in.per_user).await?);
        for id in &ended {
            announce(&mut tx, Change::Session(*id), session.created_at).await?;
        }
        tx.commit().await.context("opening a session")?;
        Ok(Outcome::Done(ended))
    }

    async fn live(&self, session: SessionId) -> Result<Option<LiveSession>> {
        let row: Option<LiveRow> = sqlx::query_as(
            "SELECT s.id, s.user_id, s.secret_hash, s.created_at, s.last_seen_at, s.expires_at, s.remember,
                    s.user_agent, u.username, u.email, u.epoch AS user_epoch, u.created_at AS user_created_at,
                    u.disabled_at
             FROM sessions s JOIN users u ON u.id = s.user_id AND u.epoch = s.epoch
             WHERE s.id = ? AND u.disabled_at IS NULL",
        )
        .bind(session.as_bytes().as_slice())
        .fetch_optional(self.reader()?)
        .await
        .context("reading a session")?;
        row.map(LiveRow::live).transpose()
    }

    async fn of_user(&self, user: UserId) -> Result<Vec<Session>> {
        let rows: Vec<SessionRow> = sqlx::query_as(
            "SELECT s.id, s.user_id, s.secret_hash, s.created_at, s.last_seen_at, s.expires_at, s.remember, s.user_agent
             FROM sessions s JOIN users u ON u.id = s.user_id AND u.epoch = s.epoch
             WHERE s.user_id = ? AND u.disabled_at IS NULL
             ORDER BY s.last_seen_at DESC, s.created_at DESC",
        )
        .bind(user.as_bytes().as_slice())
        .fetch_all(self.reader()?)
        .await
        .context("listing an account's sessions")?;
        rows.into_iter().map(SessionRow::session).collect()
    }

    async fn touch(&self, seen: &[(SessionId, Timestamp)]) -> Result<()> {
        let mut tx = self.begin("noting when sessions were used").await?;
        for (session, at) in seen {
            sqlx::query(
                "UPDATE sessions SET last_seen_at = ?2 WHERE id = ?1 AND last_seen_at < ?2",
            )
            .bind(session.as_bytes().as_slice())
            .bind(at.as_millis())
            .execute(&mut *tx)
            .await
            .context("noting when a session was used")?;
        }
        tx.commit().await.context("noting when sessions were used")
    }

    async fn end(&self, user: UserId, which: Which, by: By, now: Timestamp) -> Result<Outcome> {
        let mut tx = self.begin("ending sessions").await?;
        if !has_authority(&mut tx, user, by).await? {
            return Ok(Outcome::NoAuthority);
        }
        let ended = match which {
            Which::One(session) => end_one(&mut tx, user, session, now).await?,
            Which::AllBut(session) => end_all_but(&mut tx, user, session, now).await?,
            Which::All => match raise_epoch(&mut tx, user).await? {
                Some(_) => Some(end_all(&mut tx, user, now).await?),
                None => None,
            },
        };
        let Some(ended) = ended else {
            return Ok(Outcome::NotFound);
        };
        tx.commit().await.context("ending sessions")?;
        Ok(Outcome::Done(ended))
    }

    async fn owner(&self, session: SessionId) -> Result<Option<UserId>> {
        let row: Option<(Vec<u8>,)> = sqlx::query_as("SELECT user_id FROM sessions WHERE id = ?")
            .bind(session.as_bytes().as_slice())
            .fetch_optional(self.reader()?)
            .await
            .context("reading a session's owner")?;
        row.map(|(user,)| bytes(&user).map(UserId::from_bytes))
            .transpose()
    }

    async fn sweep(&self, now: Timestamp, idle: Duration) -> Result<u64> {
        let mut tx = self.begin("sweeping expired sessions").await?;
        let swept = sqlx::query(
            "DELETE FROM sessions WHERE id IN
                 (SELECT id FROM sessions WHERE expires_at <= ?1 OR last_seen_at <= ?2 LIMIT ?3)",
        )
        .bind(now.as_millis())
        .bind(now.before(idle).as_millis())
        .bind(SWEEP)
        .execute(&mut *tx)
        .await
        .context("sweeping expired sessions")?;
        // A prefix alone, even where the clock of one who wrote was behind: nobody would notice a hole.
        sqlx::query(
            "DELETE FROM changes WHERE id < coalesce((SELECT min(id) FROM changes WHERE at >= ?1),
                                                     (SELECT max(id) FROM changes))",
        )
        .bind(now.before(KEEP_CHANGES).as_millis())
        .execute(&mut *tx)
        .await
        .context("sweeping the change feed")?;
        tx.commit().await.context("sweeping expired sessions")?;
        Ok(swept.rows_affected())
    }
}

/// Ends the session that the browser presented, if it knew the secret.
async fn replaced(
    tx: &mut Transaction<'_, Sqlite>,
    presented: Option<(SessionId, HashedSecret)>,
) -> Result<Vec<SessionId>> {
    let Some((session, secret)) = presented else {
        return Ok(Vec::new());
    };
    let ended: Vec<(Vec<u8>,)> =
        sqlx::query_as("DELETE FROM sessions WHERE id = ? AND secret_hash = ? RETURNING id")
            .bind(session.as_bytes().as_slice())
            .bind(secret.as_bytes().as_slice())
            .fetch_all(&mut **tx)
            .await
            .context("ending the session that a log-in replaces")?;
    session_ids(&ended)
}

/// Ends the oldest sessions above the limit, never the new one.
async fn oldest_above(
    tx: &mut Transaction<'_, Sqlite>,
    new: &Session,
    per_user: u32,
) -> Result<Vec<SessionId>> {
    let ended: Vec<(Vec<u8>,)> = sqlx::query_as(
        "DELETE FROM sessions WHERE id IN
             (SELECT id FROM sessions WHERE user_id = ?1 AND id <> ?2
              ORDER BY created_at DESC LIMIT -1 OFFSET ?3) RETURNING id",
    )
    .bind(new.user.as_bytes().as_slice())
    .bind(new.id.as_bytes().as_slice())
    .bind(per_user.saturating_sub(1))
    .fetch_all(&mut **tx)
    .await
    .context("ending the oldest sessions")?;
    session_ids(&ended)
}

async fn end_one(
    tx: &mut Transaction<'_, Sqlite>,
    user: UserId,
    session: SessionId,
    now: Timestamp,
) -> Result<Option<Vec<SessionId>>> {
    let ended: Vec<(Vec<u8>,)> =
        sqlx::query_as("DELETE FROM sessions WHERE id = ? AND user_id = ? RETURNING id")
            .bind(session.as_bytes().as_slice())
            .bind(user.as_bytes().as_slice())
            .fetch_all(&mut **tx)
            .await
            .context("ending a session")?;
    if ended.is_empty() {
        return Ok(None);
    }
    announce(tx, Change::Session(session), now).await?;
    session_ids(&ended).map(Some)
}

/// The kept session moves to the new epoch; log-ins in flight stay behind in the old one.
async fn end_all_but(
    tx: &mut Transaction<'_, Sqlite>,
    user: UserId,
    kept: SessionId,
    now: Timestamp,
) -> Result<Option<Vec<SessionId>>> {
    let Some(epoch) = raise_epoch(tx, user).await? else {
        return Ok(None);
    };
    let moved = sqlx::query("UPDATE sessions SET epoch = ? WHERE id = ? AND user_id = ?")
        .bind(epoch)
        .bind(kept.as_bytes().as_slice())
        .bind(user.as_bytes().as_slice())
        .execute(&mut **tx)
        .await
        .context("keeping a session")?;
    if moved.rows_affected() == 0 {
        return Ok(None);
    }
    let ended: Vec<(Vec<u8>,)> =
        sqlx::query_as("DELETE FROM sessions WHERE user_id = ? AND id <> ? RETURNING id")
            .bind(user.as_bytes().as_slice())
            .bind(kept.as_bytes().as_slice())
            .fetch_all(&mut **tx)
            .await
            .context("ending an account's other sessions")?;
    announce(tx, Change::User(user), now).await?;
    session_ids(&ended).map(Some)
}
