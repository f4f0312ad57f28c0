//! Refresh chains in SQL.

use async_trait::async_trait;
use sqlx::FromRow;

use super::rows::{LiveRow, bytes};
use super::{Doing, SqlStore, Tx, query, query_as};
use crate::clock::Timestamp;
use crate::id::SessionId;
use crate::refresh::{Chain, Generation};
use crate::store::{LiveChain, Refreshes, Result};
use crate::token::HashedSecret;

#[derive(FromRow)]
struct ChainRow {
    #[sqlx(flatten)]
    live: LiveRow,
    generation: Generation,
    current: Vec<u8>,
    previous: Option<Vec<u8>>,
    salt: Vec<u8>,
    issued_at: i64,
    confirmed_at: Option<i64>,
}

impl ChainRow {
    fn live_chain(self) -> Result<LiveChain> {
        let previous = self.previous.as_deref().map(bytes).transpose()?;
        Ok(LiveChain {
            live: self.live.live()?,
            chain: Chain {
                generation: self.generation,
                current: HashedSecret::from_bytes(bytes(&self.current)?),
                previous: previous.map(HashedSecret::from_bytes),
                salt: bytes(&self.salt)?,
                issued_at: Timestamp::from_millis(self.issued_at),
                confirmed_at: self.confirmed_at.map(Timestamp::from_millis),
            },
        })
    }
}

/// Begins a chain with its session.
pub(super) async fn insert_chain(tx: &mut Tx, session: SessionId, chain: &Chain) -> Result<()> {
    query(
        "INSERT INTO refreshes (session_id, generation, current, previous, salt, issued_at, confirmed_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(session.as_bytes().as_slice())
    .bind(chain.generation)
    .bind(chain.current.as_bytes().as_slice())
    .bind(chain.previous.as_ref().map(|hash| hash.as_bytes().as_slice()))
    .bind(chain.salt.as_slice())
    .bind(chain.issued_at.as_millis())
    .bind(chain.confirmed_at.map(Timestamp::as_millis))
    .execute(&mut **tx)
    .doing("beginning a refresh chain")
    .await
    .map(drop)
}

#[async_trait]
impl Refreshes for SqlStore {
    async fn chain(&self, session: SessionId) -> Result<Option<LiveChain>> {
        let mut read = self.read("reading a refresh chain").await?;
        let row: Option<ChainRow> = query_as(
            "SELECT s.id, s.user_id, s.secret_hash, s.created_at, s.last_seen_at, s.expires_at, s.remember,
                    s.user_agent, u.username, u.email, u.password_hash, u.epoch AS user_epoch,
                    u.created_at AS user_created_at, u.disabled_at,
                    r.generation, r.current, r.previous, r.salt, r.issued_at, r.confirmed_at
             FROM refreshes r JOIN sessions s ON s.id = r.session_id
                  JOIN users u ON u.id = s.user_id AND u.epoch = s.epoch
             WHERE s.id = $1 AND u.disabled_at IS NULL",
        )
        .bind(session.as_bytes().as_slice())
        .fetch_optional(&mut *read)
        .doing("reading a refresh chain").await?;
        row.map(ChainRow::live_chain).transpose()
    }

    async fn advance(&self, session: SessionId, next: &Chain) -> Result<bool> {
        let mut tx = self.begin("moving a refresh chain on").await?;
        let moved = query(
            "UPDATE refreshes
             SET generation = $2, current = $3, previous = $4, salt = $5, issued_at = $6, confirmed_at = NULL
             WHERE session_id = $1 AND generation = $2 - 1 AND EXISTS
                 (SELECT 1 FROM sessions s JOIN users u ON u.id = s.user_id AND u.epoch = s.epoch
                  WHERE s.id = $1 AND u.disabled_at IS NULL)",
        )
        .bind(session.as_bytes().as_slice())
        .bind(next.generation)
        .bind(next.current.as_bytes().as_slice())
        .bind(next.previous.as_ref().map(|hash| hash.as_bytes().as_slice()))
        .bind(next.salt.as_slice())
        .bind(next.issued_at.as_millis())
        .execute(&mut *tx)
        .doing("moving a refresh chain on").await?;
        tx.commit().doing("moving a refresh chain on").await?;
        Ok(moved.rows_affected() > 0)
    }

    async fn confirm(
        &self,
        session: SessionId,
        generation: Generation,
        at: Timestamp,
    ) -> Result<()> {
        let mut tx = self.begin("confirming a refresh").await?;
        query(
            "UPDATE refreshes SET confirmed_at = $3
             WHERE session_id = $1 AND generation = $2 AND confirmed_at IS NULL",
        )
        .bind(session.as_bytes().as_slice())
        .bind(generation)
        .bind(at.as_millis())
        .execute(&mut *tx)
        .doing("confirming a refresh")
        .await?;
        tx.commit().doing("confirming a refresh").await
    }
}
