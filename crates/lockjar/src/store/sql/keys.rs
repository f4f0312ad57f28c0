//! Signing keys in SQL.

use async_trait::async_trait;
use sqlx::FromRow;

use super::rows::announce;
use super::{Connection, Doing, SqlStore, hold_keys, query, query_as};
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

async fn read(connection: &mut Connection) -> Result<Vec<StoredKey>> {
    let rows: Vec<KeyRow> = query_as(
        "SELECT kid, algorithm, sealed, created_at, signs_from, revoked_at
         FROM keys ORDER BY created_at, kid",
    )
    .fetch_all(connection)
    .doing("reading the signing keys")
    .await?;
    Ok(rows.into_iter().map(KeyRow::key).collect())
}

#[async_trait]
impl Keys for SqlStore {
    async fn keys(&self) -> Result<Vec<StoredKey>> {
        let mut reading = self.read("reading the signing keys").await?;
        read(&mut reading).await
    }

    async fn set_keys(
        &self,
        before: &[StoredKey],
        ring: &[StoredKey],
        now: Timestamp,
    ) -> Result<bool> {
        let mut tx = self.begin("changing the signing keys").await?;
        hold_keys(&mut tx).await?;
        if read(&mut tx).await? != before {
            return Ok(false);
        }
        query("DELETE FROM keys")
            .execute(&mut *tx)
            .doing("changing the signing keys")
            .await?;
        for key in ring {
            query(
                "INSERT INTO keys (kid, algorithm, sealed, created_at, signs_from, revoked_at)
                 VALUES ($1, $2, $3, $4, $5, $6)",
            )
            .bind(&key.kid)
            .bind(&key.algorithm)
            .bind(&key.sealed)
            .bind(key.created_at.as_millis())
            .bind(key.signs_from.as_millis())
            .bind(key.revoked_at.map(Timestamp::as_millis))
            .execute(&mut *tx)
            .doing("writing a signing key")
            .await?;
        }
        announce(&mut tx, Change::Keys, now).await?;
        tx.commit().doing("changing the signing keys").await?;
        Ok(true)
    }
}
