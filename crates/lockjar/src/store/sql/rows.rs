//! Rows as SQL gives them, and what they mean.

use sqlx::FromRow;

use super::one_time::use_up;
use super::refreshes::insert_chain;
use super::{Doing, Tx, has_news, query, query_as};
use crate::clock::Timestamp;
use crate::error::StoreError;
use crate::id::{SessionId, UserId};
use crate::password::PasswordHash;
use crate::session::{NewSession, Session};
use crate::store::{By, Change, Credentials, Epoch, LiveSession, Result};
use crate::token::HashedSecret;
use crate::user::User;

#[derive(FromRow)]
pub(super) struct UserRow {
    user_id: Vec<u8>,
    username: String,
    email: Option<String>,
    user_created_at: i64,
    disabled_at: Option<i64>,
}

impl UserRow {
    pub(super) fn user(self) -> Result<User> {
        Ok(User {
            id: UserId::from_bytes(bytes(&self.user_id)?),
            username: self.username,
            email: self.email,
            created_at: Timestamp::from_millis(self.user_created_at),
            disabled_at: self.disabled_at.map(Timestamp::from_millis),
        })
    }
}

#[derive(FromRow)]
pub(super) struct CredentialsRow {
    #[sqlx(flatten)]
    user: UserRow,
    password_hash: String,
    user_epoch: Epoch,
}

impl CredentialsRow {
    pub(super) fn credentials(self) -> Result<Credentials> {
        Ok(Credentials {
            user: self.user.user()?,
            hash: PasswordHash::from_phc(self.password_hash),
            epoch: self.user_epoch,
        })
    }
}

#[derive(FromRow)]
pub(super) struct SessionRow {
    id: Vec<u8>,
    user_id: Vec<u8>,
    secret_hash: Vec<u8>,
    created_at: i64,
    last_seen_at: i64,
    expires_at: i64,
    remember: bool,
    user_agent: Option<String>,
}

impl SessionRow {
    pub(super) fn session(self) -> Result<Session> {
        Ok(Session {
            id: SessionId::from_bytes(bytes(&self.id)?),
            user: UserId::from_bytes(bytes(&self.user_id)?),
            created_at: Timestamp::from_millis(self.created_at),
            last_seen_at: Timestamp::from_millis(self.last_seen_at),
            expires_at: Timestamp::from_millis(self.expires_at),
            remember: self.remember,
            user_agent: self.user_agent,
        })
    }
}

#[derive(FromRow)]
pub(super) struct LiveRow {
    #[sqlx(flatten)]
    session: SessionRow,
    #[sqlx(flatten)]
    user: UserRow,
    user_epoch: Epoch,
}

impl LiveRow {
    pub(super) fn live(self) -> Result<LiveSession> {
        let secret = HashedSecret::from_bytes(bytes(&self.session.secret_hash)?);
        Ok(LiveSession {
            session: self.session.session()?,
            epoch: self.user_epoch,
            secret,
            user: self.user.user()?,
        })
    }
}

/// A column of fixed length. The schema checks it, so another length means that the database was damaged.
pub(super) fn bytes<const N: usize>(column: &[u8]) -> Result<[u8; N]> {
    column.try_into().map_err(|_| {
        StoreError::unavailable("a row of the database has a column of the wrong length")
    })
}

pub(super) fn session_ids(rows: &[(Vec<u8>,)]) -> Result<Vec<SessionId>> {
    rows.iter()
        .map(|(id,)| bytes(id).map(SessionId::from_bytes))
        .collect()
}

/// Inserts a session under the user's epoch of this moment.
pub(super) async fn insert_session(tx: &mut Tx, new: &NewSession, epoch: Epoch) -> Result<()> {
    let session = &new.session;
    query(
        "INSERT INTO sessions
             (id, user_id, epoch, secret_hash, created_at, last_seen_at, expires_at, remember, user_agent)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(session.id.as_bytes().as_slice())
    .bind(session.user.as_bytes().as_slice())
    .bind(epoch)
    .bind(new.secret.as_bytes().as_slice())
    .bind(session.created_at.as_millis())
    .bind(session.last_seen_at.as_millis())
    .bind(session.expires_at.as_millis())
    .bind(session.remember)
    .bind(&session.user_agent)
    .execute(&mut **tx)
    .doing("writing a session").await?;
    match &new.refresh {
        Some(chain) => insert_chain(tx, session.id, chain).await,
        None => Ok(()),
    }
}

/// Whether the authority still stands, asked inside the transaction that is about to use it.
pub(super) async fn has_authority(
    tx: &mut Tx,
    user: UserId,
    by: By,
    now: Timestamp,
) -> Result<bool> {
    let session = match by {
        By::Session(session) => session,
        By::OneTime(token) => return use_up(tx, token, user, now).await,
        By::Operator => return Ok(true),
    };
    let live: Option<(i64,)> = query_as(
        "SELECT users.epoch FROM sessions JOIN users ON users.id = sessions.user_id AND users.epoch = sessions.epoch
         WHERE sessions.id = $1 AND users.id = $2 AND users.disabled_at IS NULL",
    )
    .bind(session.as_bytes().as_slice())
    .bind(user.as_bytes().as_slice())
    .fetch_optional(&mut **tx)
    .doing("checking the authority for a change").await?;
    Ok(live.is_some())
}

/// The columns of the change feed that say what a change is.
type What = (Option<Vec<u8>>, Option<Vec<u8>>, Option<i64>);

/// Reads what [`announce`] wrote.
pub(super) fn change(what: &What) -> Result<Change> {
    match what {
        (Some(session), None, None) => Ok(Change::Session(SessionId::from_bytes(bytes(session)?))),
        (None, Some(user), None) => Ok(Change::User(UserId::from_bytes(bytes(user)?))),
        (None, None, Some(_)) => Ok(Change::Keys),
        _ => Err(StoreError::unavailable(
            "a row of the change feed names neither a session nor a user nor the keys",
        )),
    }
}

/// Tells every process on this database what to forget, in the transaction that made it so.
pub(super) async fn announce(tx: &mut Tx, change: Change, now: Timestamp) -> Result<()> {
    let (session, user, keys): (_, _, Option<i64>) = match change {
        Change::Session(id) => (Some(*id.as_bytes()), None, None),
        Change::User(id) => (None, Some(*id.as_bytes()), None),
        Change::Keys => (None, None, Some(1)),
    };
    query("INSERT INTO changes (session_id, user_id, keys, at) VALUES ($1, $2, $3, $4)")
        .bind(session.as_ref().map(<[u8; 16]>::as_slice))
        .bind(user.as_ref().map(<[u8; 16]>::as_slice))
        .bind(keys)
        .bind(now.as_millis())
        .execute(&mut **tx)
        .doing("writing to the change feed")
        .await?;
    has_news(tx);
    Ok(())
}
