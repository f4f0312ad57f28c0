//! Accounts in SQLite.

use async_trait::async_trait;
use sqlx::{Sqlite, Transaction};

use super::rows::{CredentialsRow, UserRow, announce, has_authority, insert_session, session_ids};
use super::{Context, SqliteStore};
use crate::clock::Timestamp;
use crate::error::StoreError;
use crate::id::{SessionId, UserId};
use crate::password::PasswordHash;
use crate::session::NewSession;
use crate::store::{Change, Credentials, Epoch, NewUser, Outcome, PasswordChange, Result, Users};
use crate::user::User;

#[async_trait]
impl Users for SqliteStore {
    async fn create(&self, user: &NewUser, session: Option<&NewSession>) -> Result<bool> {
        let mut tx = self.begin("making an account").await?;
        let written = sqlx::query(
            "INSERT INTO users (id, username, username_key, email, password_hash, created_at)
             VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (username_key) DO NOTHING",
        )
        .bind(user.id.as_bytes().as_slice())
        .bind(user.name.as_str())
        .bind(user.name.key())
        .bind(&user.email)
        .bind(user.hash.as_phc())
        .bind(user.created_at.as_millis())
        .execute(&mut *tx)
        .await
        .context("making an account")?;
        if written.rows_affected() == 0 {
            return Ok(false);
        }
        if let Some(session) = session {
            insert_session(&mut tx, session, 0).await?;
        }
        tx.commit().await.context("making an account")?;
        Ok(true)
    }

    async fn by_name(&self, key: &str) -> Result<Option<Credentials>> {
        let row: Option<CredentialsRow> = sqlx::query_as(
            "SELECT id AS user_id, username, email, password_hash, epoch AS user_epoch,
                    created_at AS user_created_at, disabled_at
             FROM users WHERE username_key = ?",
        )
        .bind(key)
        .fetch_optional(self.reader()?)
        .await
        .context("reading an account")?;
        row.map(CredentialsRow::credentials).transpose()
    }

    async fn by_id(&self, user: UserId) -> Result<Option<Credentials>> {
        let row: Option<CredentialsRow> = sqlx::query_as(
            "SELECT id AS user_id, username, email, password_hash, epoch AS user_epoch,
                    created_at AS user_created_at, disabled_at
             FROM users WHERE id = ?",
        )
        .bind(user.as_bytes().as_slice())
        .fetch_optional(self.reader()?)
        .await
        .context("reading an account")?;
        row.map(CredentialsRow::credentials).transpose()
    }

    async fn list(&self) -> Result<Vec<User>> {
        let rows: Vec<UserRow> = sqlx::query_as(
            "SELECT id AS user_id, username, email, created_at AS user_created_at, disabled_at
             FROM users ORDER BY username_key",
        )
        .fetch_all(self.reader()?)
        .await
        .context("listing the accounts")?;
        rows.into_iter().map(UserRow::user).collect()
    }

    async fn rehash(&self, user: UserId, old: &PasswordHash, new: &PasswordHash) -> Result<bool> {
        let mut tx = self.begin("renewing a password hash").await?;
        let written =
            sqlx::query("UPDATE users SET password_hash = ? WHERE id = ? AND password_hash = ?")
                .bind(new.as_phc())
                .bind(user.as_bytes().as_slice())
                .bind(old.as_phc())
                .execute(&mut *tx)
                .await
                .context("renewing a password hash")?;
        tx.commit().await.context("renewing a password hash")?;
        Ok(written.rows_affected() > 0)
    }

    async fn set_password(&self, change: &PasswordChange) -> Result<Outcome> {
        let mut tx = self.begin("changing a password").await?;
        if !has_authority(&mut tx, change.user, change.by).await? {
            return Ok(Outcome::NoAuthority);
        }
        let Some(epoch) = raise_epoch(&mut tx, change.user).await? else {
            return Ok(Outcome::NotFound);
        };
        if change.epoch.is_some_and(|checked| checked + 1 != epoch) {
            return Ok(Outcome::NoAuthority);
        }
        sqlx::query("UPDATE users SET password_hash = ? WHERE id = ?")
            .bind(change.hash.as_phc())
            .bind(change.user.as_bytes().as_slice())
            .execute(&mut *tx)
            .await
            .context("changing a password")?;
        let ended = end_all(&mut tx, change.user, change.now).await?;
        if let Some(session) = &change.session {
            insert_session(&mut tx, session, epoch).await?;
        }
        tx.commit().await.context("changing a password")?;
        Ok(Outcome::Done(ended))
    }

    async fn set_disabled(&self, user: UserId, disabled: bool, now: Timestamp) -> Result<Outcome> {
        let doing = match disabled {
            true => "disabling an account",
            false => "enabling an account",
        };
        let mut tx = self.begin(doing).await?;
        let written = sqlx::query("UPDATE users SET disabled_at = ? WHERE id = ?")
            .bind(disabled.then_some(now.as_millis()))
            .bind(user.as_bytes().as_slice())
            .execute(&mut *tx)
            .await
            .context(doing)?;
        if written.rows_affected() == 0 {
            return Ok(Outcome::NotFound);
        }
        let ended = if disabled {
            raise_epoch(&mut tx, user).await?;
            end_all(&mut tx, user, now).await?
        } else {
            Vec::new()
        };
        tx.commit().await.context(doing)?;
        Ok(Outcome::Done(ended))
    }

    async fn delete(&self, user: UserId, now: Timestamp) -> Result<Outcome> {
        let mut tx = self.begin("deleting an account").await?;
        let ended = end_all(&mut tx, user, now).await?;
        let written = sqlx::query("DELETE FROM users WHERE id = ?")
            .bind(user.as_bytes().as_slice())
            .execute(&mut *tx)
            .await
            .context("deleting an account")?;
        if written.rows_affected() == 0 {
            return Ok(Outcome::NotFound);
        }
        tx.commit().await.context("deleting an account")?;
        Ok(Outcome::Done(ended))
    }
}

/// Makes every session and every log-in in flight one of the past. Answers the new epoch, or none without the user.
pub(super) async fn raise_epoch(
    tx: &mut Transaction<'_, Sqlite>,
    user: UserId,
) -> Result<Option<Epoch>> {
    let row: Option<(Epoch,)> =
        sqlx::query_as("UPDATE users SET epoch = epoch + 1 WHERE id = ? RETURNING epoch")
            .bind(user.as_bytes().as_slice())
            .fetch_optional(&mut **tx)
            .await
            .context("raising an account's epoch")?;
    Ok(row.map(|(epoch,)| epoch))
}

/// Ends every session of a user and announces it as one change.
pub(super) async fn end_all(
    tx: &mut Transaction<'_, Sqlite>,
    user: UserId,
    now: Timestamp,
) -> std::result::Result<Vec<SessionId>, StoreError> {
    let ended: Vec<(Vec<u8>,)> =
        sqlx::query_as("DELETE FROM sessions WHERE user_id = ? RETURNING id")
            .bind(user.as_bytes().as_slice())
            .fetch_all(&mut **tx)
            .await
            .context("ending an account's sessions")?;
    announce(tx, Change::User(user), now).await?;
    session_ids(&ended)
}
