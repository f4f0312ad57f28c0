//! Signing keys in SQLite.

use async_trait::async_trait;
use sqlx::{FromRow, SqliteExecutor};

use super::rows::announce;
use super::{Context, SqliteStore};
use crate::clock::Timestamp;
use crate::store::{Change, Keys, Result, StoredKey};

#[derive(FromRow)]
struct KeyRow {
    kid: String,
    algorithm: String,
    sealed: Vec<u8>,
    created_at: i64,
    signs_from: i64,
    revoked_at: Option<i64>,
}

impl KeyRow {
    fn key(self) -> StoredKey {
        StoredKey {
            kid: self.kid,
            algorithm: self.algorithm,
            sealed: self.sealed,
            created_at: Timestamp::from_millis(self.created_at),
            signs_from: Timestamp::from_millis(self.signs_from),
            revoked_at: self.revoked_at.map(Timestamp::from_millis),
        }
    }
}

async fn read(executor: impl SqliteExecutor<'_>) -> Result<Vec<StoredKey>> {
    let rows: Vec<KeyRow> = sqlx::query_as(
        "SELECT kid, algorithm, sealed, created_at, signs_from, revoked_at
         FROM keys ORDER BY created_at, kid",
    )
    .fetch_all(executor)
    .await
    .context("reading the signing keys")?;
    Ok(rows.into_iter().map(KeyRow::key).collect())
}

#[async_trait]
impl Keys for SqliteStore {
    async fn keys(&self) -> Result<Vec<StoredKey>> {
        read(self.reader()?).await
    }

    async fn set_keys(
        &self,
        before: &[StoredKey],
        ring: &[StoredKey],
        now: Timestamp,
    ) -> Result<bool> {
        let mut tx = self.begin("changing the signing keys").await?;
        if read(&mut *tx).await? != before {
            return Ok(false);
        }
        sqlx::query("DELETE FROM keys")
            .execute(&mut *tx)
            .await
            .context("changing the signing keys")?;
        for key in ring {
            sqlx::query(
                "INSERT INTO keys (kid, algorithm, sealed, created_at, signs_from, revoked_at)
                 VALUES (?, ?, ?, ?, ?, ?)",
            )
            .bind(&key.kid)
            .bind(&key.algorithm)
            .bind(&key.sealed)
            .bind(key.created_at.as_millis())
            .bind(key.signs_from.as_millis())
            .bind(key.revoked_at.map(Timestamp::as_millis))
            .execute(&mut *tx)
            .await
            .context("writing a signing key")?;
        }
        announce(&mut tx, Change::Keys, now).await?;
        tx.commit().await.context("changing the signing keys")?;
        Ok(true)
    }
}
