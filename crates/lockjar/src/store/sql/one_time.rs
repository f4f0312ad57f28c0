//! One-time tokens in SQL.

use async_trait::async_trait;

use super::rows::CredentialsRow;
use super::{Doing, MANY, SqlStore, Tx, hold_account, query, query_as};
use crate::clock::Timestamp;
use crate::id::UserId;
use crate::store::{Credentials, NewOneTime, OneTimeTokens, Result};
use crate::token::HashedSecret;

const KEEPING: &str = "keeping a one-time token";

#[async_trait]
impl OneTimeTokens for SqlStore {
    async fn put_one_time(&self, new: &NewOneTime) -> Result<bool> {
        let mut tx = self.begin(KEEPING).await?;
        hold_account(&mut tx, new.user).await?;
        let written = query(
            "INSERT INTO one_time_tokens (token, user_id, epoch, expires_at)
             SELECT $1, id, epoch, $2 FROM users WHERE id = $3 AND epoch = $4 AND disabled_at IS NULL",
        )
        .bind(new.token.as_bytes().as_slice())
        .bind(new.expires_at.as_millis())
        .bind(new.user.as_bytes().as_slice())
        .bind(new.epoch)
        .execute(&mut *tx)
        .doing(KEEPING)
        .await?;
        tx.commit().doing(KEEPING).await?;
        Ok(written.rows_affected() > 0)
    }

    async fn one_time(&self, token: &HashedSecret, now: Timestamp) -> Result<Option<Credentials>> {
        let mut read = self.read("reading a one-time token").await?;
        let row: Option<CredentialsRow> = query_as(
            "SELECT users.id AS user_id, username, email, password_hash, users.epoch AS user_epoch,
                    created_at AS user_created_at, disabled_at
             FROM one_time_tokens
                  JOIN users ON users.id = one_time_tokens.user_id AND users.epoch = one_time_tokens.epoch
             WHERE token = $1 AND one_time_tokens.expires_at > $2 AND disabled_at IS NULL",
        )
        .bind(token.as_bytes().as_slice())
        .bind(now.as_millis())
        .fetch_optional(&mut *read)
        .doing("reading a one-time token")
        .await?;
        row.map(CredentialsRow::credentials).transpose()
    }
}

/// Whether it deleted as many as it may.
pub(super) async fn sweep_one_time_tokens(tx: &mut Tx, now: Timestamp) -> Result<bool> {
    let swept = query(concat!(
        "DELETE FROM one_time_tokens WHERE token IN
             (SELECT token FROM one_time_tokens WHERE expires_at <= $1 LIMIT $2",
        skip_locked!(),
        ")"
    ))
    .bind(now.as_millis())
    .bind(MANY.cast_signed())
    .execute(&mut **tx)
    .doing("sweeping one-time tokens")
    .await?;
    Ok(swept.rows_affected() >= MANY)
}

/// Uses a token up. Whether it was good, for this user, at this moment.
pub(super) async fn use_up(
    tx: &mut Tx,
    token: [u8; 32],
    user: UserId,
    now: Timestamp,
) -> Result<bool> {
    let used = query(
        "DELETE FROM one_time_tokens WHERE token = $1 AND user_id = $2 AND expires_at > $3
             AND epoch = (SELECT epoch FROM users WHERE id = $2 AND disabled_at IS NULL)",
    )
    .bind(token.to_vec())
    .bind(user.as_bytes().as_slice())
    .bind(now.as_millis())
    .execute(&mut **tx)
    .doing("using a one-time token")
    .await?;
    Ok(used.rows_affected() > 0)
}
