//! Accounts in SQL.

use std::collections::BTreeSet;

use super::rows::{CredentialsRow, UserRow, announce, has_authority, insert_session, session_ids};
use super::throttles::{forget, forget_devices};
use super::{Doing, SqlStore, Tx, hold_account, query, query_as};
use crate::clock::Timestamp;
use crate::error::StoreError;
use crate::id::{SessionId, UserId};
use crate::password::PasswordHash;
use crate::session::NewSession;
use crate::store::{
    Change, Credentials, Epoch, ImportedUser, NewUser, Outcome, PasswordChange, Result, Users,
};
use crate::user::User;
use async_trait::async_trait;

#[async_trait]
impl Users for SqlStore {
    async fn create(&self, user: &NewUser, session: Option<&NewSession>) -> Result<bool> {
        let mut tx = self.begin("making an account").await?;
        let written = query(
            "INSERT INTO users (id, username, username_key, email, password_hash, created_at)
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (username_key) DO NOTHING",
        )
        .bind(user.id.as_bytes().as_slice())
        .bind(user.name.as_str())
        .bind(user.name.key())
        .bind(&user.email)
        .bind(user.hash.as_phc())
        .bind(user.created_at.as_millis())
        .execute(&mut *tx)
        .doing("making an account")
        .await?;
        if written.rows_affected() == 0 {
            return Ok(false);
        }
        if let Some(session) = session {
            insert_session(&mut tx, session, 0).await?;
        }
        tx.commit().doing("making an account").await?;
        Ok(true)
    }

    async fn import(&self, users: &[ImportedUser]) -> Result<Vec<bool>> {
        let mut tx = self.begin(IMPORTING).await?;
        let mut made = Vec::with_capacity(users.len());
        for user in users {
            made.push(import_in(&mut tx, user).await?);
        }
        // In one order, whoever else imports.
        let new = users.iter().zip(&made).filter(|(_, made)| **made);
        let schemes: BTreeSet<&str> = new.map(|(user, _)| user.scheme.as_str()).collect();
        for scheme in schemes {
            query("INSERT INTO hash_schemes (label) VALUES ($1) ON CONFLICT (label) DO NOTHING")
                .bind(scheme)
                .execute(&mut *tx)
                .doing(IMPORTING)
                .await?;
        }
        tx.commit().doing(IMPORTING).await?;
        Ok(made)
    }

    async fn hash_schemes(&self) -> Result<Vec<String>> {
        const DOING: &str = "reading which password hashes were imported";
        let mut read = self.read(DOING).await?;
        let rows: Vec<(String,)> = query_as("SELECT label FROM hash_schemes ORDER BY label")
            .fetch_all(&mut *read)
            .doing(DOING)
            .await?;
        Ok(rows.into_iter().map(|(label,)| label).collect())
    }

    async fn by_name(&self, key: &str) -> Result<Option<Credentials>> {
        let mut read = self.read("reading an account").await?;
        let row: Option<CredentialsRow> = query_as(
            "SELECT id AS user_id, username, email, password_hash, epoch AS user_epoch,
                    created_at AS user_created_at, disabled_at
             FROM users WHERE username_key = $1",
        )
        .bind(key)
        .fetch_optional(&mut *read)
        .doing("reading an account")
        .await?;
        row.map(CredentialsRow::credentials).transpose()
    }

    async fn by_id(&self, user: UserId) -> Result<Option<Credentials>> {
        let mut read = self.read("reading an account").await?;
        let row: Option<CredentialsRow> = query_as(
            "SELECT id AS user_id, username, email, password_hash, epoch AS user_epoch,
                    created_at AS user_created_at, disabled_at
             FROM users WHERE id = $1",
        )
        .bind(user.as_bytes().as_slice())
        .fetch_optional(&mut *read)
        .doing("reading an account")
        .await?;
        row.map(CredentialsRow::credentials).transpose()
    }

    async fn list(&self) -> Result<Vec<User>> {
        let mut read = self.read("listing the accounts").await?;
        let rows: Vec<UserRow> = query_as(
            "SELECT id AS user_id, username, email, created_at AS user_created_at, disabled_at
             FROM users ORDER BY username_key",
        )
        .fetch_all(&mut *read)
        .doing("listing the accounts")
        .await?;
        rows.into_iter().map(UserRow::user).collect()
    }

    async fn rehash(&self, user: UserId, old: &PasswordHash, new: &PasswordHash) -> Result<bool> {
        let mut tx = self.begin("renewing a password hash").await?;
        let written =
            query("UPDATE users SET password_hash = $1 WHERE id = $2 AND password_hash = $3")
                .bind(new.as_phc())
                .bind(user.as_bytes().as_slice())
                .bind(old.as_phc())
                .execute(&mut *tx)
                .doing("renewing a password hash")
                .await?;
        tx.commit().doing("renewing a password hash").await?;
        Ok(written.rows_affected() > 0)
    }

    async fn set_password(&self, change: &PasswordChange) -> Result<Outcome> {
        let mut tx = self.begin("changing a password").await?;
        hold_account(&mut tx, change.user).await?;
        if !has_authority(&mut tx, change.user, change.by, change.now).await? {
            return Ok(Outcome::NoAuthority);
        }
        let outcome = set_password_in(&mut tx, change).await?;
        if matches!(outcome, Outcome::Done(_)) {
            tx.commit().doing("changing a password").await?;
        }
        Ok(outcome)
    }

    async fn set_disabled(&self, user: UserId, disabled: bool, now: Timestamp) -> Result<Outcome> {
        let doing = match disabled {
            true => "disabling an account",
            false => "enabling an account",
        };
        let mut tx = self.begin(doing).await?;
        hold_account(&mut tx, user).await?;
        let written = query("UPDATE users SET disabled_at = $1 WHERE id = $2")
            .bind(disabled.then_some(now.as_millis()))
            .bind(user.as_bytes().as_slice())
            .execute(&mut *tx)
            .doing(doing)
            .await?;
        if written.rows_affected() == 0 {
            return Ok(Outcome::NotFound);
        }
        let ended = if disabled {
            raise_epoch(&mut tx, user).await?;
            end_all(&mut tx, user, now).await?
        } else {
            Vec::new()
        };
        tx.commit().doing(doing).await?;
        Ok(Outcome::Done(ended))
    }

    async fn delete(&self, user: UserId, now: Timestamp) -> Result<Outcome> {
        let mut tx = self.begin("deleting an account").await?;
        hold_account(&mut tx, user).await?;
        let ended = end_all(&mut tx, user, now).await?;
        let written = query("DELETE FROM users WHERE id = $1")
            .bind(user.as_bytes().as_slice())
            .execute(&mut *tx)
            .doing("deleting an account")
            .await?;
        if written.rows_affected() == 0 {
            return Ok(Outcome::NotFound);
        }
        tx.commit().doing("deleting an account").await?;
        Ok(Outcome::Done(ended))
    }
}

const IMPORTING: &str = "importing accounts";

/// Whether the account was made.
async fn import_in(tx: &mut Tx, imported: &ImportedUser) -> Result<bool> {
    let user = &imported.user;
    let written = query(
        "INSERT INTO users (id, username, username_key, email, password_hash, created_at, disabled_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (username_key) DO NOTHING",
    )
    .bind(user.id.as_bytes().as_slice())
    .bind(user.name.as_str())
    .bind(user.name.key())
    .bind(&user.email)
    .bind(user.hash.as_phc())
    .bind(user.created_at.as_millis())
    .bind(imported.disabled_at.map(Timestamp::as_millis))
    .execute(&mut **tx)
    .doing(IMPORTING)
    .await?;
    if written.rows_affected() == 0 {
        return Ok(false);
    }
    forget(tx, imported.counter).await?;
    Ok(true)
}

/// Sets a password, once the authority has been checked. To be committed only if it is done.
pub(super) async fn set_password_in(tx: &mut Tx, change: &PasswordChange) -> Result<Outcome> {
    let Some(epoch) = raise_epoch(tx, change.user).await? else {
        return Ok(Outcome::NotFound);
    };
    if change.epoch.is_some_and(|checked| checked + 1 != epoch) {
        return Ok(Outcome::NoAuthority);
    }
    query("UPDATE users SET password_hash = $1 WHERE id = $2")
        .bind(change.hash.as_phc())
        .bind(change.user.as_bytes().as_slice())
        .execute(&mut **tx)
        .doing("changing a password")
        .await?;
    forget_devices(tx, change.user).await?;
    let ended = end_all(tx, change.user, change.now).await?;
    if let Some(session) = &change.session {
        insert_session(tx, session, epoch).await?;
    }
    Ok(Outcome::Done(ended))
}

/// Makes every session and every log-in in flight one of the past. Answers the new epoch, or none without the user.
pub(super) async fn raise_epoch(tx: &mut Tx, user: UserId) -> Result<Option<Epoch>> {
    let row: Option<(Epoch,)> =
        query_as("UPDATE users SET epoch = epoch + 1 WHERE id = $1 RETURNING epoch")
            .bind(user.as_bytes().as_slice())
            .fetch_optional(&mut **tx)
            .doing("raising an account's epoch")
            .await?;
    Ok(row.map(|(epoch,)| epoch))
}

/// Ends every session of a user and announces it as one change.
pub(super) async fn end_all(
    tx: &mut Tx,
    user: UserId,
    now: Timestamp,
) -> std::result::Result<Vec<SessionId>, StoreError> {
    let ended: Vec<(Vec<u8>,)> = query_as("DELETE FROM sessions WHERE user_id = $1 RETURNING id")
        .bind(user.as_bytes().as_slice())
        .fetch_all(&mut **tx)
        .doing("ending an account's sessions")
        .await?;
    announce(tx, Change::User(user), now).await?;
    session_ids(&ended)
}
