//! The audit log in SQL.

use async_trait::async_trait;
use sqlx::{FromRow, QueryBuilder};

use super::rows::bytes;
use super::{Database, Doing, MANY, SqlStore, query};
use crate::audit::{Query, Record};
use crate::clock::Timestamp;
use crate::error::StoreError;
use crate::id::{SessionId, UserId};
use crate::store::{AuditLog, Result};

const WRITING: &str = "writing the audit log";
const READING: &str = "reading the audit log";
const FORGETTING: &str = "deleting what is old of the audit log";

#[derive(FromRow)]
struct AuditRow {
    id: i64,
    at: i64,
    event: String,
    by_operator: bool,
    user_id: Option<Vec<u8>>,
    session_id: Option<Vec<u8>>,
    address: Option<String>,
    request: Option<String>,
    detail: Option<String>,
    times: i64,
}

impl AuditRow {
    fn record(self) -> Result<(i64, Record)> {
        let strange = || {
            StoreError::unavailable(
                "a record of the audit log cannot be read: a newer Lockjar may have written it",
            )
        };
        let user = self.user_id.map(|id| bytes(&id).map(UserId::from_bytes));
        let session = self
            .session_id
            .map(|id| bytes(&id).map(SessionId::from_bytes));
        let address = self.address.map(|text| text.parse());
        let record = Record {
            at: Timestamp::from_millis(self.at),
            event: self.event.parse().map_err(|_| strange())?,
            by_operator: self.by_operator,
            user: user.transpose()?,
            session: session.transpose()?,
            address: address.transpose().map_err(|_| strange())?,
            request: self.request,
            detail: self.detail,
            times: u32::try_from(self.times).unwrap_or(u32::MAX),
        };
        Ok((self.id, record))
    }
}

#[async_trait]
impl AuditLog for SqlStore {
    async fn append(&self, records: &[Record]) -> Result<()> {
        let mut tx = self.begin(WRITING).await?;
        for record in records {
            query(
                "INSERT INTO audit (at, event, by_operator, user_id, session_id, address, request, detail, times)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            )
            .bind(record.at.as_millis())
            .bind(record.event.name())
            .bind(record.by_operator)
            .bind(record.user.map(|id| id.as_bytes().to_vec()))
            .bind(record.session.map(|id| id.as_bytes().to_vec()))
            .bind(record.address.map(|address| address.to_string()))
            .bind(record.request.clone())
            .bind(record.detail.clone())
            .bind(i64::from(record.times))
            .execute(&mut *tx)
            .doing(WRITING)
            .await?;
        }
        tx.commit().doing(WRITING).await
    }

    async fn audited(&self, wanted: &Query, limit: u32) -> Result<Vec<(i64, Record)>> {
        let mut read = self.read(READING).await?;
        let rows = asking(wanted, limit)
            .build_query_as::<AuditRow>()
            // Behind a pooler the next statement may meet another connection.
            .persistent(false)
            .fetch_all(&mut *read)
            .doing(READING)
            .await?;
        rows.into_iter().map(AuditRow::record).collect()
    }

    async fn forget_audited(&self, before: Timestamp) -> Result<bool> {
        let mut tx = self.begin(FORGETTING).await?;
        let deleted = query(concat!(
            "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE at < $1 LIMIT $2",
            skip_locked!(),
            ")"
        ))
        .bind(before.as_millis())
        .bind(MANY.cast_signed())
        .execute(&mut *tx)
        .doing(FORGETTING)
        .await?;
        tx.commit().doing(FORGETTING).await?;
        Ok(deleted.rows_affected() >= MANY)
    }
}

/// Only what is asked for is in the statement, so that an index may answer it.
fn asking(wanted: &Query, limit: u32) -> QueryBuilder<Database> {
    let mut sql = QueryBuilder::new(
        "SELECT id, at, event, by_operator, user_id, session_id, address, request, detail, times FROM audit WHERE id > 0",
    );
    if let Some(user) = wanted.user {
        sql.push(" AND user_id = ")
            .push_bind(user.as_bytes().to_vec());
    }
    if let Some(event) = wanted.event {
        sql.push(" AND event = ").push_bind(event.name());
    }
    if let Some(address) = wanted.address {
        sql.push(" AND address = ").push_bind(address.to_string());
    }
    if let Some(since) = wanted.since {
        sql.push(" AND at >= ").push_bind(since.as_millis());
    }
    if let Some(until) = wanted.until {
        sql.push(" AND at < ").push_bind(until.as_millis());
    }
    if let Some(before) = wanted.before {
        sql.push(" AND id < ").push_bind(before);
    }
    sql.push(" ORDER BY id DESC LIMIT ")
        .push_bind(i64::from(limit));
    sql
}
