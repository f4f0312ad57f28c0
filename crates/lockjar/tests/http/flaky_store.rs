//! A store that fails when it is told to, and otherwise is the SQLite store.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use lockjar::audit::{Query, Record};
use lockjar::clock::Timestamp;
use lockjar::password::PasswordHash;
use lockjar::refresh::{Chain, Generation};
use lockjar::session::{NewSession, Session};
use lockjar::store::sqlite::SqliteStore;
use lockjar::store::{
    Attempt, AuditLog, Beat, By, Counted, Credentials, Cursor, Feed, ImportedUser, Keys, LiveChain,
    LiveSession, NewOneTime, NewSignIn, NewUser, OneTimeTokens, Outcome, PasswordChange, Refreshes,
    Result, Sessions, Store, StoredKey, Success, Swept, Throttles, Users, Which,
};
use tokio::sync::{RwLock, RwLockWriteGuard};

use lockjar::{Builder, SessionId, StoreError, User, UserId};

use super::support::Site;

/// What the store says of itself when it fails; no answer may repeat it.
pub(crate) const SAID: &str = "disk I/O error in /srv/secret.db";

pub(crate) struct FlakyStore {
    inner: SqliteStore,
    down: AtomicBool,
    loses_answers: AtomicBool,
    forgets_records: AtomicBool,
    records: RwLock<()>,
}

/// A site on such a store.
pub(crate) async fn flaky(change: impl FnOnce(Builder) -> Builder) -> (Site, Arc<FlakyStore>) {
    let folder = tempfile::tempdir().unwrap();
    let path = format!("sqlite://{}", folder.path().join("a.db").display());
    let store = Arc::new(FlakyStore::new(SqliteStore::open(&path).await.unwrap()));
    let opened = store.clone();
    let site = Site::over("http://localhost:8000", folder, |builder| async move {
        change(builder).open_with(opened).await
    })
    .await;
    (site, store)
}

impl FlakyStore {
    const fn new(inner: SqliteStore) -> Self {
        Self {
            inner,
            down: AtomicBool::new(false),
            loses_answers: AtomicBool::new(false),
            forgets_records: AtomicBool::new(false),
            records: RwLock::const_new(()),
        }
    }

    pub(crate) fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    /// Whether a refresh is committed and its caller is told of a fault all the same, as when a connection breaks in between.
    pub(crate) fn set_loses_answers(&self, loses: bool) {
        self.loses_answers.store(loses, Ordering::SeqCst);
    }

    /// Whether the audit log cannot be written.
    pub(crate) fn set_forgets_records(&self, forgets: bool) {
        self.forgets_records.store(forgets, Ordering::SeqCst);
    }

    /// Nothing is written in the audit log until the answer is dropped.
    pub(crate) async fn hold_records(&self) -> RwLockWriteGuard<'_, ()> {
        self.records.write().await
    }

    fn up(&self) -> Result<&SqliteStore> {
        match self.down.load(Ordering::SeqCst) {
            true => Err(StoreError::unavailable(SAID)),
            false => Ok(&self.inner),
        }
    }
}

#[async_trait]
impl Users for FlakyStore {
    async fn create(&self, user: &NewUser, session: Option<&NewSession>) -> Result<bool> {
        self.up()?.create(user, session).await
    }

    async fn import(&self, users: &[ImportedUser]) -> Result<Vec<bool>> {
        self.up()?.import(users).await
    }

    async fn hash_schemes(&self) -> Result<Vec<String>> {
        self.up()?.hash_schemes().await
    }

    async fn by_name(&self, key: &str) -> Result<Option<Credentials>> {
        self.up()?.by_name(key).await
    }

    async fn by_id(&self, user: UserId) -> Result<Option<Credentials>> {
        self.up()?.by_id(user).await
    }

    async fn list(&self) -> Result<Vec<User>> {
        self.up()?.list().await
    }

    async fn rehash(&self, user: UserId, old: &PasswordHash, new: &PasswordHash) -> Result<bool> {
        self.up()?.rehash(user, old, new).await
    }

    async fn set_password(&self, change: &PasswordChange) -> Result<Outcome> {
        self.up()?.set_password(change).await
    }

    async fn set_disabled(&self, user: UserId, disabled: bool, now: Timestamp) -> Result<Outcome> {
        self.up()?.set_disabled(user, disabled, now).await
    }

    async fn delete(&self, user: UserId, now: Timestamp) -> Result<Outcome> {
        self.up()?.delete(user, now).await
    }
}

#[async_trait]
impl Sessions for FlakyStore {
    async fn open(&self, log_in: &NewSignIn) -> Result<Outcome> {
        self.up()?.open(log_in).await
    }

    async fn live(&self, session: SessionId) -> Result<Option<LiveSession>> {
        self.up()?.live(session).await
    }

    async fn of_user(&self, user: UserId) -> Result<Vec<Session>> {
        self.up()?.of_user(user).await
    }

    async fn touch(&self, seen: &[(SessionId, Timestamp)]) -> Result<()> {
        self.up()?.touch(seen).await
    }

    async fn end(&self, user: UserId, which: Which, by: By, now: Timestamp) -> Result<Outcome> {
        self.up()?.end(user, which, by, now).await
    }

    async fn owner(&self, session: SessionId) -> Result<Option<UserId>> {
        self.up()?.owner(session).await
    }

    async fn sweep(&self, now: Timestamp, idle: Duration) -> Result<Swept> {
        self.up()?.sweep(now, idle).await
    }
}

#[async_trait]
impl Refreshes for FlakyStore {
    async fn chain(&self, session: SessionId) -> Result<Option<LiveChain>> {
        self.up()?.chain(session).await
    }

    async fn advance(&self, session: SessionId, next: &Chain) -> Result<bool> {
        let advanced = self.up()?.advance(session, next).await?;
        match self.loses_answers.load(Ordering::SeqCst) {
            true => Err(StoreError::unavailable(SAID)),
            false => Ok(advanced),
        }
    }

    async fn confirm(
        &self,
        session: SessionId,
        generation: Generation,
        at: Timestamp,
    ) -> Result<()> {
        self.up()?.confirm(session, generation, at).await
    }
}

#[async_trait]
impl Keys for FlakyStore {
    async fn keys(&self) -> Result<Vec<StoredKey>> {
        self.up()?.keys().await
    }

    async fn set_keys(
        &self,
        before: &[StoredKey],
        ring: &[StoredKey],
        now: Timestamp,
    ) -> Result<bool> {
        self.up()?.set_keys(before, ring, now).await
    }
}

#[async_trait]
impl AuditLog for FlakyStore {
    async fn append(&self, records: &[Record]) -> Result<()> {
        let _turn = self.records.read().await;
        if self.forgets_records.load(Ordering::SeqCst) {
            return Err(StoreError::unavailable(SAID));
        }
        self.up()?.append(records).await
    }

    async fn audited(&self, query: &Query, limit: u32) -> Result<Vec<(i64, Record)>> {
        self.up()?.audited(query, limit).await
    }

    async fn forget_audited(&self, before: Timestamp) -> Result<bool> {
        self.up()?.forget_audited(before).await
    }
}

#[async_trait]
impl Feed for FlakyStore {
    async fn beat(&self, cursor: Option<Cursor>) -> Result<Beat> {
        self.up()?.beat(cursor).await
    }
}

#[async_trait]
impl Throttles for FlakyStore {
    async fn throttle_key(&self) -> Result<[u8; 32]> {
        self.up()?.throttle_key().await
    }
    async fn count(&self, attempt: &Attempt) -> Result<Counted> {
        self.up()?.count(attempt).await
    }
    async fn take_back(&self, attempt: &Attempt, counted: Counted) -> Result<()> {
        self.up()?.take_back(attempt, counted).await
    }
    async fn succeed(&self, attempt: &Attempt, counted: Counted, success: &Success) -> Result<()> {
        self.up()?.succeed(attempt, counted, success).await
    }
    async fn unlock(&self, key: [u8; 16], user: UserId) -> Result<()> {
        self.up()?.unlock(key, user).await
    }
}

#[async_trait]
impl OneTimeTokens for FlakyStore {
    async fn put_one_time(&self, new: &NewOneTime) -> Result<bool> {
        self.up()?.put_one_time(new).await
    }
    async fn one_time(
        &self,
        token: &lockjar::HashedSecret,
        now: Timestamp,
    ) -> Result<Option<Credentials>> {
        self.up()?.one_time(token, now).await
    }
}

#[async_trait]
impl Store for FlakyStore {
    async fn close(&self) {
        self.inner.close().await;
    }
}
