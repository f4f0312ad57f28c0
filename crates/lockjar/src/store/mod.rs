//! What Lockjar asks of a database: small traits, one for each noun. [`Store`] is all of them.
//!
//! # The contract
//!
//! - Every method is one transaction: it happened or it did not, and when it answers `Ok` it survives a crash.
//! - **Not found is not an error.** [`StoreError`] means that the store could not answer; it is told to the user as 503.
//! - Nothing brings a session back: only [`Users::create`], [`Users::set_password`] and [`Sessions::open`] insert, always
//!   under an id that is new; [`Sessions::touch`] updates a row that exists and does nothing otherwise.
//! - A session is *live* while its row exists, its epoch is its user's, and its user is not disabled. Whether it has
//!   expired is for the caller to say, who has the clock and the limits.
//! - Whatever ends sessions writes [`Change`]s in the same transaction; [`Feed::beat`] reads them in order and misses
//!   none.
//! - Secrets arrive hashed. A store never sees a token or a password.
//!
//! The module `conformance` (feature of that name) turns these sentences into tests that any store can run.

mod audit;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
#[cfg(all(feature = "sqlite", feature = "postgres"))]
pub mod copying;
mod one_time;
// What both say in SQL is one text in `sql/`, compiled with each.
#[cfg(feature = "postgres")]
#[allow(clippy::duplicate_mod)]
pub mod postgres;
#[cfg(feature = "redis")]
pub mod redis;
#[cfg(feature = "sqlite")]
#[allow(clippy::duplicate_mod)]
pub mod sqlite;
mod throttles;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
#[cfg_attr(
    not(all(feature = "sqlite", feature = "postgres")),
    allow(dead_code, unreachable_pub)
)]
mod travel;

pub use audit::AuditLog;
pub use one_time::{NewOneTime, OneTimeTokens};
pub use throttles::{Attempt, Counted, Counter, Success, Throttles};
#[cfg(any(feature = "sqlite", feature = "postgres"))]
use throttles::{NAMES, count_all};

use async_trait::async_trait;

use crate::clock::Timestamp;
use crate::error::StoreError;
use crate::id::{SessionId, UserId};
use crate::password::PasswordHash;
use crate::refresh::{Chain, Generation};
use crate::session::{NewSession, Session};
use crate::token::HashedSecret;
use crate::user::{User, Username};

/// What a store's methods answer.
pub type Result<T> = std::result::Result<T, StoreError>;

/// Change rows are kept this long; a process that slept longer forgets all it knew.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
const KEEP_CHANGES: std::time::Duration = std::time::Duration::from_secs(24 * 3600);

/// A user's generation. It goes up whenever all of the user's sessions end at once.
pub type Epoch = i64;

/// An account about to be made. Its epoch is 0.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// A new random id.
    pub id: UserId,
    /// The name; its [key](Username::key) must be unique.
    pub name: Username,
    /// An address that nobody has confirmed.
    pub email: Option<String>,
    /// The hashed password.
    pub hash: PasswordHash,
    /// When.
    pub created_at: Timestamp,
}

/// An account that comes from elsewhere with the hash that was made there. Its epoch is 0.
#[derive(Clone, Debug)]
pub struct ImportedUser {
    /// The account.
    pub user: NewUser,
    /// The scheme of its hash and what that costs, such as `bcrypt 12`.
    pub scheme: String,
    /// Since when it may not log in, if it may not.
    pub disabled_at: Option<Timestamp>,
    /// What failures at the name are counted by; those from before it was an account's are forgotten.
    pub counter: [u8; 16],
}

/// What a log-in is decided on, read in one row.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// Whose.
    pub user: User,
    /// The stored hash.
    pub hash: PasswordHash,
    /// The epoch that the hash belongs to.
    pub epoch: Epoch,
}

/// A live session, with all that a request wants to know.
#[derive(Clone, Debug)]
pub struct LiveSession {
    /// The session.
    pub session: Session,
    /// The epoch that the session and its user share.
    pub epoch: Epoch,
    /// The hash that a presented secret must match, or a refresh token's family.
    pub secret: HashedSecret,
    /// Its user.
    pub user: User,
}

/// On whose authority an account is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The user's, through this session, which must be live in the transaction that writes.
    Session(SessionId),
    /// That of whoever has the one-time token with this SHA-256, which the transaction uses up. It sets a password and no more.
    OneTime([u8; 32]),
    /// The operator's.
    Operator,
}

/// Which of a user's sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// This one.
    One(SessionId),
    /// All but this one, log-ins in flight included: the epoch goes up, and this session with it.
    AllBut(SessionId),
    /// All, log-ins in flight included: the epoch goes up.
    All,
}

/// How a change to an account ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is done, and these sessions ended with it.
    Done(Vec<SessionId>),
    /// The authority had ended; nothing was written.
    NoAuthority,
    /// There is no such user, or the user has no such session; nothing was written.
    NotFound,
}

/// A new password.
#[derive(Clone, Debug)]
pub struct PasswordChange {
    /// Whose.
    pub user: UserId,
    /// On whose authority.
    pub by: By,
    /// The epoch at which the old password was checked; `None` where the operator did not need it.
    pub epoch: Option<Epoch>,
    /// The new hash.
    pub hash: PasswordHash,
    /// The session that takes the place of all others.
    pub session: Option<NewSession>,
    /// When.
    pub now: Timestamp,
}

/// A log-in about to become a session.
#[derive(Clone, Debug)]
pub struct NewSignIn {
    /// The new session.
    pub new: NewSession,
    /// The epoch at which the password was checked.
    pub epoch: Epoch,
    /// The session that the browser presented, which ends if the hash is that of its secret.
    pub replaces: Option<(SessionId, HashedSecret)>,
    /// Sessions that the user may have, this one included. The oldest make way.
    pub per_user: u32,
}

/// Accounts.
#[async_trait]
pub trait Users: Send + Sync {
    /// Makes an account, and its first session with it. `false`, with nothing written, where the name's key is taken.
    async fn create(&self, user: &NewUser, session: Option<&NewSession>) -> Result<bool>;

    /// Makes accounts that come from elsewhere, and keeps the schemes of their hashes. For each, whether it was made: where the
    /// name's key is taken, also by an earlier one of these, nothing of it is written.
    async fn import(&self, users: &[ImportedUser]) -> Result<Vec<bool>>;

    /// The schemes of all hashes that were ever imported.
    async fn hash_schemes(&self) -> Result<Vec<String>>;

    /// The account whose name has this key.
    async fn by_name(&self, key: &str) -> Result<Option<Credentials>>;

    /// The account with this id.
    async fn by_id(&self, user: UserId) -> Result<Option<Credentials>>;

    /// All accounts, by name.
    async fn list(&self) -> Result<Vec<User>>;

    /// Puts a stronger hash of the same password in place of `old`, only while `old` is still there. Ends nothing.
    async fn rehash(&self, user: UserId, old: &PasswordHash, new: &PasswordHash) -> Result<bool>;

    /// Sets a password only while the authority is live and the epoch is the one given; raises the epoch, ends every
    /// session and opens the given one. [`Outcome::NoAuthority`] where the epoch has moved.
    async fn set_password(&self, change: &PasswordChange) -> Result<Outcome>;

    /// Disables an account, which raises its epoch and ends its sessions, or enables it again.
    async fn set_disabled(&self, user: UserId, disabled: bool, now: Timestamp) -> Result<Outcome>;

    /// Deletes an account and its sessions.
    async fn delete(&self, user: UserId, now: Timestamp) -> Result<Outcome>;
}

/// Sessions.
#[async_trait]
pub trait Sessions: Send + Sync {
    /// Opens a session only while the user's epoch is the one given and the user is not disabled; ends the one it
    /// replaces and the oldest above the limit. [`Outcome::NoAuthority`] where the epoch has moved.
    async fn open(&self, log_in: &NewSignIn) -> Result<Outcome>;

    /// The session, if it is live.
    async fn live(&self, session: SessionId) -> Result<Option<LiveSession>>;

    /// A user's live sessions, the last used first.
    async fn of_user(&self, user: UserId) -> Result<Vec<Session>>;

    /// Notes when sessions were last used: each only if it exists, and only if that is later than what is there.
    async fn touch(&self, seen: &[(SessionId, Timestamp)]) -> Result<()>;

    /// Ends sessions of `user`. Checks the authority in the transaction that writes.
    async fn end(&self, user: UserId, which: Which, by: By, now: Timestamp) -> Result<Outcome>;

    /// The user of a session, live or not.
    async fn owner(&self, session: SessionId) -> Result<Option<UserId>>;

    /// Deletes old change rows, and what has expired where that does not go by itself: a bounded number at once.
    async fn sweep(&self, now: Timestamp, idle: std::time::Duration) -> Result<Swept>;
}

/// What one sweep has deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Swept {
    /// Sessions that had expired.
    pub sessions: u64,
    /// It has deleted as many rows of a kind as it may at once, so that there may be more.
    pub is_full: bool,
}

/// The refresh tokens of sessions. A chain begins with its session, in [`NewSession::refresh`], and ends with it.
#[async_trait]
pub trait Refreshes: Send + Sync {
    /// A session's chain, if the session is live, as it was last committed and never from a replica.
    async fn chain(&self, session: SessionId) -> Result<Option<LiveChain>>;

    /// Puts `next` in the place of the session's chain, only while that is at the generation before and the session is live.
    /// `false`, with nothing written, otherwise.
    async fn advance(&self, session: SessionId, next: &Chain) -> Result<bool>;

    /// Notes that the token of this generation has arrived, only while it is the current one and not yet confirmed.
    async fn confirm(
        &self,
        session: SessionId,
        generation: Generation,
        at: Timestamp,
    ) -> Result<()>;
}

/// A live session and its chain of refresh tokens.
#[derive(Clone, Debug)]
pub struct LiveChain {
    /// The session.
    pub live: LiveSession,
    /// Its chain.
    pub chain: Chain,
}

/// A signing key as a store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredKey {
    /// Its name in tokens.
    pub kid: String,
    /// Its JOSE name, such as `EdDSA`.
    pub algorithm: String,
    /// The private part, encrypted under a key that no store knows.
    pub sealed: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it begins to sign.
    pub signs_from: Timestamp,
    /// When it stopped being believed.
    pub revoked_at: Option<Timestamp>,
}

/// The signing keys, which change all at once or not at all.
#[async_trait]
pub trait Keys: Send + Sync {
    /// All keys, by age.
    async fn keys(&self) -> Result<Vec<StoredKey>>;

    /// Puts `ring` in the place of the keys, only while they are still `before`, and writes [`Change::Keys`]. `false`,
    /// with nothing written, otherwise: another process has changed them.
    async fn set_keys(
        &self,
        before: &[StoredKey],
        ring: &[StoredKey],
        now: Timestamp,
    ) -> Result<bool>;
}

/// Something that a cache must forget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// This session ended.
    Session(SessionId),
    /// All that is known of this user may be outdated.
    User(UserId),
    /// The signing keys are others.
    Keys,
}

/// How far a node has read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor(pub i64);

/// What happened since the last beat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beat {
    /// Where the next beat goes on.
    pub cursor: Cursor,
    /// The changes in order; `None` where rows may be missing, so that a cache must forget everything.
    pub changes: Option<Vec<Change>>,
    /// What time it is by the store's own clock, where it has one: the clock of all who share it.
    pub time: Option<Timestamp>,
}

/// The change feed: how a process learns what another has ended.
#[async_trait]
pub trait Feed: Send + Sync {
    /// Reads what came after `cursor`; without one, where the feed ends now. It fails where the store cannot be read or
    /// is no longer the one that was opened: its answer is what makes a cache believable.
    async fn beat(&self, cursor: Option<Cursor>) -> Result<Beat>;

    /// Returns when the store has said by itself that there is something to read. It may always be dropped, and may never
    /// return: only a beat counts.
    async fn woken(&self) {
        std::future::pending().await
    }
}

/// Opens a database by its address, with default settings: `sqlite://FILE`, `postgres://USER@HOST/DATABASE`.
///
/// # Errors
/// When it cannot be opened, or is of a kind that was not compiled in.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub async fn open(
    database: &str,
) -> std::result::Result<std::sync::Arc<dyn Store>, crate::OpenError> {
    #[cfg(feature = "postgres")]
    if database.starts_with("postgres") {
        let settings = postgres::PostgresSettings::new(database)?;
        return Ok(std::sync::Arc::new(
            postgres::PostgresStore::open(settings).await?,
        ));
    }
    #[cfg(feature = "sqlite")]
    if !database.starts_with("postgres") {
        return Ok(std::sync::Arc::new(
            sqlite::SqliteStore::open(database).await?,
        ));
    }
    let kind = database.split(':').next().unwrap_or_default();
    Err(crate::ConfigError::new(format!(
        "databases of the kind {kind:?} were not compiled in: add the feature of that name"
    ))
    .into())
}

/// What was found in a database that came from a backup.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restored {
    /// Accounts, which are all there.
    pub users: u64,
    /// Sessions, which have all ended.
    pub sessions: u64,
}

/// A whole store.
#[async_trait]
pub trait Store:
    Users + Sessions + Refreshes + Keys + OneTimeTokens + Throttles + AuditLog + Feed + 'static
{
    /// Finishes what is under way and lets go of the database.
    async fn close(&self);
}
