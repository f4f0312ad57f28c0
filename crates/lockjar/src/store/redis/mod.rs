//! Sessions in Redis or Valkey, everything else in PostgreSQL.
//!
//! Redis holds only what may be lost. A session ends by one SQL transaction that writes a tombstone, or raises its user's
//! epoch, and a row of the change feed; its commit is what is acknowledged, and Redis is tidied afterwards. Every read of
//! a session asks SQL for its user and its tombstone, so whatever Redis loses, gets back from an old snapshot or from a replica
//! that was behind: no session that has ended comes back. What is lost with Redis is that people are logged in.
//!
//! Sessions that are rows in PostgreSQL go on there until they end: nobody is logged out when Redis is added. Those with
//! refresh tokens always are.

mod link;
mod loss;
mod record;
mod sessions;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use redis::{Client, IntoConnectionInfo};

use super::postgres::PostgresStore;
use super::{
    Attempt, AuditLog, Beat, Counted, Credentials, Cursor, Feed, ImportedUser, Keys, LiveChain,
    NewOneTime, NewUser, OneTimeTokens, Outcome, PasswordChange, Refreshes, Result, Store,
    StoredKey, Success, Throttles, Users,
};
use crate::audit;
use crate::clock::Timestamp;
use crate::error::ConfigError;
use crate::id::{SessionId, UserId};
use crate::password::PasswordHash;
use crate::refresh::{Chain, Generation};
use crate::session::NewSession;
use crate::token::HashedSecret;
use crate::user::User;
use link::Link;
use loss::Watch;
use record::Record;

/// Where Redis is.
#[derive(Clone)]
pub struct RedisSettings(Client);

impl RedisSettings {
    /// `redis://USER:PASSWORD@HOST:PORT/NUMBER`; with TLS `rediss://`.
    ///
    /// # Errors
    /// One sentence for what is no such URL. It holds nothing of the URL, which may have a password in it.
    pub fn new(url: &str) -> std::result::Result<Self, ConfigError> {
        let wrong = || {
            ConfigError::new(
                "the address for sessions is not of the form redis://HOST:PORT or rediss://HOST:PORT",
            )
        };
        let info = url.into_connection_info().map_err(|_| wrong())?;
        Client::open(info).map(Self).map_err(|_| wrong())
    }
}

/// Where it is, without the password.
impl fmt::Display for RedisSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "redis://{}", self.0.get_connection_info().addr())
    }
}

impl fmt::Debug for RedisSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Sessions in Redis, beside a PostgreSQL database.
pub struct RedisStore {
    sql: PostgresStore,
    link: Arc<Link>,
    watch: Watch,
}

impl RedisStore {
    /// Connects to Redis.
    ///
    /// # Errors
    /// When it cannot be reached, is a replica, may throw sessions away (`maxmemory-policy` other than `noeviction`), or
    /// forgets them when it stops (`appendonly` off).
    pub async fn open(settings: RedisSettings, sql: PostgresStore) -> Result<Self> {
        let link = Arc::new(link(settings).await?);
        Ok(Self {
            watch: Watch::start(&link).await?,
            sql,
            link,
        })
    }

    /// Whether [`open`](Self::open) would find a Redis that it can work with.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub async fn check(settings: RedisSettings) -> Result<()> {
        link(settings).await.map(drop)
    }
}

async fn link(settings: RedisSettings) -> Result<Link> {
    let link = Link::new(settings.0);
    let mut ping = redis::pipe();
    ping.cmd("PING").ignore();
    link.ask::<()>("connecting to Redis", &ping).await?;
    Ok(link)
}

#[async_trait]
impl Users for RedisStore {
    async fn create(&self, user: &NewUser, session: Option<&NewSession>) -> Result<bool> {
        let Some(new) = session.filter(|new| new.refresh.is_none()) else {
            return self.sql.create(user, session).await;
        };
        // A session that nobody owns does nothing; one that is missing could not be acknowledged.
        self.put(&Record::new(new, 0)).await?;
        let created = self.sql.create(user, None).await;
        if !matches!(created, Ok(true)) {
            self.tidy(user.id, vec![new.session.id]);
        }
        created
    }

    async fn import(&self, users: &[ImportedUser]) -> Result<Vec<bool>> {
        self.sql.import(users).await
    }

    async fn hash_schemes(&self) -> Result<Vec<String>> {
        self.sql.hash_schemes().await
    }

    async fn by_name(&self, key: &str) -> Result<Option<Credentials>> {
        self.sql.by_name(key).await
    }

    async fn by_id(&self, user: UserId) -> Result<Option<Credentials>> {
        self.sql.by_id(user).await
    }

    async fn list(&self) -> Result<Vec<User>> {
        self.sql.list().await
    }

    async fn rehash(&self, user: UserId, old: &PasswordHash, new: &PasswordHash) -> Result<bool> {
        self.sql.rehash(user, old, new).await
    }

    async fn set_password(&self, change: &PasswordChange) -> Result<Outcome> {
        let concerned = self.concerned(change.by, None).await?;
        let (Some(new), Some(epoch)) = (
            change.session.as_ref().filter(|new| new.refresh.is_none()),
            change.epoch,
        ) else {
            let changing = self.sql.set_password_elsewhere(change, concerned);
            return self.ending_all(change.user, None, changing).await;
        };
        self.put(&Record::new(new, epoch + 1)).await?;
        let without = PasswordChange {
            session: None,
            ..change.clone()
        };
        let changing = self.sql.set_password_elsewhere(&without, concerned);
        let kept = Some(new.session.id);
        let outcome = self.ending_all(change.user, kept, changing).await;
        if !matches!(outcome, Ok(Outcome::Done(_))) {
            self.tidy(change.user, vec![new.session.id]);
        }
        outcome
    }

    async fn set_disabled(&self, user: UserId, disabled: bool, now: Timestamp) -> Result<Outcome> {
        let changing = self.sql.set_disabled(user, disabled, now);
        match disabled {
            true => self.ending_all(user, None, changing).await,
            false => changing.await,
        }
    }

    async fn delete(&self, user: UserId, now: Timestamp) -> Result<Outcome> {
        self.ending_all(user, None, self.sql.delete(user, now))
            .await
    }
}

#[async_trait]
impl Refreshes for RedisStore {
    async fn chain(&self, session: SessionId) -> Result<Option<LiveChain>> {
        self.sql.chain(session).await
    }

    async fn advance(&self, session: SessionId, next: &Chain) -> Result<bool> {
        self.sql.advance(session, next).await
    }

    async fn confirm(
        &self,
        session: SessionId,
        generation: Generation,
        at: Timestamp,
    ) -> Result<()> {
        self.sql.confirm(session, generation, at).await
    }
}

#[async_trait]
impl Keys for RedisStore {
    async fn keys(&self) -> Result<Vec<StoredKey>> {
        self.sql.keys().await
    }

    async fn set_keys(
        &self,
        before: &[StoredKey],
        ring: &[StoredKey],
        now: Timestamp,
    ) -> Result<bool> {
        self.sql.set_keys(before, ring, now).await
    }
}

#[async_trait]
impl OneTimeTokens for RedisStore {
    async fn put_one_time(&self, new: &NewOneTime) -> Result<bool> {
        self.sql.put_one_time(new).await
    }

    async fn one_time(&self, token: &HashedSecret, now: Timestamp) -> Result<Option<Credentials>> {
        self.sql.one_time(token, now).await
    }
}

/// Redis holds only what may be lost, and an attacker gains what is lost of these.
#[async_trait]
impl Throttles for RedisStore {
    async fn throttle_key(&self) -> Result<[u8; 32]> {
        self.sql.throttle_key().await
    }

    async fn count(&self, attempt: &Attempt) -> Result<Counted> {
        self.sql.count(attempt).await
    }

    async fn take_back(&self, attempt: &Attempt, counted: Counted) -> Result<()> {
        self.sql.take_back(attempt, counted).await
    }

    async fn succeed(&self, attempt: &Attempt, counted: Counted, success: &Success) -> Result<()> {
        self.sql.succeed(attempt, counted, success).await
    }

    async fn unlock(&self, key: [u8; 16], user: UserId) -> Result<()> {
        self.sql.unlock(key, user).await
    }
}

#[async_trait]
impl AuditLog for RedisStore {
    async fn append(&self, records: &[audit::Record]) -> Result<()> {
        self.sql.append(records).await
    }

    async fn audited(&self, query: &audit::Query, limit: u32) -> Result<Vec<(i64, audit::Record)>> {
        self.sql.audited(query, limit).await
    }

    async fn forget_audited(&self, before: Timestamp) -> Result<bool> {
        self.sql.forget_audited(before).await
    }
}

#[async_trait]
impl Feed for RedisStore {
    async fn beat(&self, cursor: Option<Cursor>) -> Result<Beat> {
        let (beat, run) = tokio::join!(self.sql.beat(cursor), self.watch.look(&self.link));
        let beat = beat?;
        let is_lost = run.is_some_and(|run| self.watch.is_another(run));
        Ok(Beat {
            // What a cache knows of sessions may be of some that are no more, and that nobody could end by name.
            changes: beat.changes.filter(|_| !is_lost),
            ..beat
        })
    }

    async fn woken(&self) {
        self.sql.woken().await;
    }
}

#[async_trait]
impl Store for RedisStore {
    async fn close(&self) {
        self.link.close().await;
        self.sql.close().await;
    }
}

#[cfg(test)]
mod tests;
