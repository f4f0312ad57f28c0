//! Sessions in SQL.

use std::time::Duration;

use super::one_time::sweep_one_time_tokens;
use super::rows::{
    LiveRow, SessionRow, announce, bytes, has_authority, insert_session, session_ids,
};
use super::throttles::sweep_throttles;
use super::users::{end_all, raise_epoch};
use super::{Doing, SqlStore, Tx, chores, hold_account, query, query_as};
use crate::clock::Timestamp;
use crate::id::{SessionId, UserId};
use crate::session::Session;
use crate::store::{
    By, Change, LiveSession, NAMES, NewSignIn, Outcome, Result, Sessions, Swept, Which,
};
use crate::token::HashedSecret;
use async_trait::async_trait;

#[async_trait]
impl Sessions for SqlStore {
    async fn open(&self, log_in: &NewSignIn) -> Result<Outcome> {
        let mut tx = self.begin("opening a session").await?;
        hold_account(&mut tx, log_in.new.session.user).await?;
        if !is_current(&mut tx, log_in).await? {
            return Ok(Outcome::NoAuthority);
        }
        insert_session(&mut tx, &log_in.new, log_in.epoch).await?;
        let ended = make_way(&mut tx, log_in).await?;
        tx.commit().doing("opening a session").await?;
        Ok(Outcome::Done(ended))
    }

    async fn live(&self, session: SessionId) -> Result<Option<LiveSession>> {
        let mut read = self.read("reading a session").await?;
        let row: Option<LiveRow> = query_as(
            "SELECT s.id, s.user_id, s.secret_hash, s.created_at, s.last_seen_at, s.expires_at, s.remember,
                    s.user_agent, u.username, u.email, u.epoch AS user_epoch, u.created_at AS user_created_at,
                    u.disabled_at
             FROM sessions s JOIN users u ON u.id = s.user_id AND u.epoch = s.epoch
             WHERE s.id = $1 AND u.disabled_at IS NULL",
        )
        .bind(session.as_bytes().as_slice())
        .fetch_optional(&mut *read)
        .doing("reading a session").await?;
        row.map(LiveRow::live).transpose()
    }

    async fn of_user(&self, user: UserId) -> Result<Vec<Session>> {
        let mut read = self.read("listing an account's sessions").await?;
        let rows: Vec<SessionRow> = query_as(
            "SELECT s.id, s.user_id, s.secret_hash, s.created_at, s.last_seen_at, s.expires_at, s.remember, s.user_agent
             FROM sessions s JOIN users u ON u.id = s.user_id AND u.epoch = s.epoch
             WHERE s.user_id = $1 AND u.disabled_at IS NULL
             ORDER BY s.last_seen_at DESC, s.created_at DESC",
        )
        .bind(user.as_bytes().as_slice())
        .fetch_all(&mut *read)
        .doing("listing an account's sessions").await?;
        rows.into_iter().map(SessionRow::session).collect()
    }

    async fn touch(&self, seen: &[(SessionId, Timestamp)]) -> Result<()> {
        chores::touch(self, seen).await
    }

    async fn end(&self, user: UserId, which: Which, by: By, now: Timestamp) -> Result<Outcome> {
        let mut tx = self.begin("ending sessions").await?;
        hold_account(&mut tx, user).await?;
        if matches!(by, By::OneTime(_)) || !has_authority(&mut tx, user, by, now).await? {
            return Ok(Outcome::NoAuthority);
        }
        let Some(ended) = end_in(&mut tx, user, which, now).await? else {
            return Ok(Outcome::NotFound);
        };
        tx.commit().doing("ending sessions").await?;
        Ok(Outcome::Done(ended))
    }

    async fn owner(&self, session: SessionId) -> Result<Option<UserId>> {
        let mut read = self.read("reading a session's owner").await?;
        let row: Option<(Vec<u8>,)> = query_as("SELECT user_id FROM sessions WHERE id = $1")
            .bind(session.as_bytes().as_slice())
            .fetch_optional(&mut *read)
            .doing("reading a session's owner")
            .await?;
        row.map(|(user,)| bytes(&user).map(UserId::from_bytes))
            .transpose()
    }

    async fn sweep(&self, now: Timestamp, idle: Duration) -> Result<Swept> {
        let swept = chores::sweep(self, now, idle).await?;
        // By itself: what it cannot do undoes nothing of this.
        let more = sweep_rest(self, now).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "what expired beside sessions was not deleted");
            false
        });
        Ok(Swept {
            is_full: swept.is_full || more,
            ..swept
        })
    }
}

/// Whether it deleted as many of a kind as it may.
async fn sweep_rest(store: &SqlStore, now: Timestamp) -> Result<bool> {
    let mut tx = store.begin("sweeping throttles").await?;
    let more =
        sweep_one_time_tokens(&mut tx, now).await? | sweep_throttles(&mut tx, now, NAMES).await?;
    tx.commit().doing("sweeping throttles").await?;
    Ok(more)
}

/// Whether a log-in's epoch is still its user's, who may log in.
pub(super) async fn is_current(tx: &mut Tx, log_in: &NewSignIn) -> Result<bool> {
    let current: Option<(i64,)> =
        query_as("SELECT epoch FROM users WHERE id = $1 AND epoch = $2 AND disabled_at IS NULL")
            .bind(log_in.new.session.user.as_bytes().as_slice())
            .bind(log_in.epoch)
            .fetch_optional(&mut **tx)
            .doing("checking a log-in's epoch")
            .await?;
    Ok(current.is_some())
}

/// Ends what a new session takes the place of, and announces it.
pub(super) async fn make_way(tx: &mut Tx, log_in: &NewSignIn) -> Result<Vec<SessionId>> {
    let session = &log_in.new.session;
    let mut ended = replaced(tx, log_in.replaces).await?;
    ended.extend(oldest_above(tx, session, log_in.per_user).await?);
    for id in &ended {
        announce(tx, Change::Session(*id), session.created_at).await?;
    }
    Ok(ended)
}

/// Ends sessions, once the authority has been checked. `None` where there is no such user or session.
pub(super) async fn end_in(
    tx: &mut Tx,
    user: UserId,
    which: Which,
    now: Timestamp,
) -> Result<Option<Vec<SessionId>>> {
    match which {
        Which::One(session) => end_one(tx, user, session, now).await,
        Which::AllBut(session) => end_all_but(tx, user, session, now).await,
        Which::All => match raise_epoch(tx, user).await? {
            Some(_) => end_all(tx, user, now).await.map(Some),
            None => Ok(None),
        },
    }
}

/// Ends the session that the browser presented, if it knew the secret.
async fn replaced(
    tx: &mut Tx,
    presented: Option<(SessionId, HashedSecret)>,
) -> Result<Vec<SessionId>> {
    let Some((session, secret)) = presented else {
        return Ok(Vec::new());
    };
    let ended: Vec<(Vec<u8>,)> =
        query_as("DELETE FROM sessions WHERE id = $1 AND secret_hash = $2 RETURNING id")
            .bind(session.as_bytes().as_slice())
            .bind(secret.as_bytes().as_slice())
            .fetch_all(&mut **tx)
            .doing("ending the session that a log-in replaces")
            .await?;
    session_ids(&ended)
}

/// Ends the oldest sessions above the limit, never the new one.
async fn oldest_above(tx: &mut Tx, new: &Session, per_user: u32) -> Result<Vec<SessionId>> {
    let ended: Vec<(Vec<u8>,)> = query_as(
        "DELETE FROM sessions WHERE id IN
             (SELECT id FROM
                  (SELECT id, row_number() OVER (ORDER BY created_at DESC, id) AS place
                   FROM sessions WHERE user_id = $1 AND id <> $2) AS others
              WHERE place >= $3) RETURNING id",
    )
    .bind(new.user.as_bytes().as_slice())
    .bind(new.id.as_bytes().as_slice())
    .bind(i64::from(per_user.max(1)))
    .fetch_all(&mut **tx)
    .doing("ending the oldest sessions")
    .await?;
    session_ids(&ended)
}

async fn end_one(
    tx: &mut Tx,
    user: UserId,
    session: SessionId,
    now: Timestamp,
) -> Result<Option<Vec<SessionId>>> {
    let ended: Vec<(Vec<u8>,)> =
        query_as("DELETE FROM sessions WHERE id = $1 AND user_id = $2 RETURNING id")
            .bind(session.as_bytes().as_slice())
            .bind(user.as_bytes().as_slice())
            .fetch_all(&mut **tx)
            .doing("ending a session")
            .await?;
    if ended.is_empty() {
        return Ok(None);
    }
    announce(tx, Change::Session(session), now).await?;
    session_ids(&ended).map(Some)
}

/// The kept session moves to the new epoch; log-ins in flight stay behind in the old one.
async fn end_all_but(
    tx: &mut Tx,
    user: UserId,
    kept: SessionId,
    now: Timestamp,
) -> Result<Option<Vec<SessionId>>> {
    let Some(epoch) = raise_epoch(tx, user).await? else {
        return Ok(None);
    };
    let moved = query("UPDATE sessions SET epoch = $1 WHERE id = $2 AND user_id = $3")
        .bind(epoch)
        .bind(kept.as_bytes().as_slice())
        .bind(user.as_bytes().as_slice())
        .execute(&mut **tx)
        .doing("keeping a session")
        .await?;
    if moved.rows_affected() == 0 {
        return Ok(None);
    }
    let ended: Vec<(Vec<u8>,)> =
        query_as("DELETE FROM sessions WHERE user_id = $1 AND id <> $2 RETURNING id")
            .bind(user.as_bytes().as_slice())
            .bind(kept.as_bytes().as_slice())
            .fetch_all(&mut **tx)
            .doing("ending an account's other sessions")
            .await?;
    announce(tx, Change::User(user), now).await?;
    session_ids(&ended).map(Some)
}
