//! Rows as they travel from one database to another, and the one form in which both are compared.

use sha2::{Digest, Sha256};
use sqlx::FromRow;

/// What is copied, in the order in which rows refer to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    /// Accounts.
    Users,
    /// Sessions.
    Sessions,
    /// Refresh chains.
    Refreshes,
    /// Signing keys.
    Keys,
    /// Devices that accounts know.
    Devices,
    /// Schemes of imported password hashes.
    HashSchemes,
}

impl Table {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Users,
        Self::Sessions,
        Self::Refreshes,
        Self::Keys,
        Self::Devices,
        Self::HashSchemes,
    ];

    /// Its name in both databases.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Sessions => "sessions",
            Self::Refreshes => "refreshes",
            Self::Keys => "keys",
            Self::Devices => "devices",
            Self::HashSchemes => "hash_schemes",
        }
    }

    /// Its number in both databases' notes on a copy.
    pub(crate) const fn kind(self) -> i64 {
        match self {
            Self::Users => 1,
            Self::Sessions => 2,
            Self::Refreshes => 3,
            Self::Keys => 4,
            Self::Devices => 5,
            Self::HashSchemes => 6,
        }
    }

    /// The column that says which row is which.
    pub(crate) const fn key(self) -> &'static str {
        match self {
            Self::Users | Self::Sessions | Self::Devices => "id",
            Self::Refreshes => "session_id",
            Self::Keys => "kid",
            Self::HashSchemes => "label",
        }
    }

    pub(crate) const fn columns(self) -> &'static str {
        match self {
            Self::Users => {
                "id, username, username_key, email, password_hash, epoch, created_at, disabled_at"
            }
            Self::Sessions => {
                "id, user_id, epoch, secret_hash, created_at, last_seen_at, expires_at, remember, user_agent"
            }
            Self::Refreshes => {
                "session_id, generation, current, previous, salt, issued_at, confirmed_at"
            }
            Self::Keys => "kid, algorithm, sealed, created_at, signs_from, revoked_at",
            Self::Devices => "id, token, user_id, failures, seen_at",
            Self::HashSchemes => "label",
        }
    }
}

#[derive(Clone, FromRow)]
pub(crate) struct TravellingUser {
    pub(crate) id: Vec<u8>,
    pub(crate) username: String,
    pub(crate) username_key: String,
    pub(crate) email: Option<String>,
    pub(crate) password_hash: String,
    pub(crate) epoch: i64,
    pub(crate) created_at: i64,
    pub(crate) disabled_at: Option<i64>,
}

#[derive(Clone, FromRow)]
pub(crate) struct TravellingSession {
    pub(crate) id: Vec<u8>,
    pub(crate) user_id: Vec<u8>,
    pub(crate) epoch: i64,
    pub(crate) secret_hash: Vec<u8>,
    pub(crate) created_at: i64,
    pub(crate) last_seen_at: i64,
    pub(crate) expires_at: i64,
    pub(crate) remember: bool,
    pub(crate) user_agent: Option<String>,
}

#[derive(Clone, FromRow)]
pub(crate) struct TravellingRefresh {
    pub(crate) session_id: Vec<u8>,
    pub(crate) generation: i64,
    pub(crate) current: Vec<u8>,
    pub(crate) previous: Option<Vec<u8>>,
    pub(crate) salt: Vec<u8>,
    pub(crate) issued_at: i64,
    pub(crate) confirmed_at: Option<i64>,
}

#[derive(Clone, FromRow)]
pub(crate) struct TravellingKey {
    pub(crate) kid: String,
    pub(crate) algorithm: String,
    pub(crate) sealed: Vec<u8>,
    pub(crate) created_at: i64,
    pub(crate) signs_from: i64,
    pub(crate) revoked_at: Option<i64>,
}

#[derive(Clone, FromRow)]
pub(crate) struct TravellingDevice {
    pub(crate) id: Vec<u8>,
    pub(crate) token: Vec<u8>,
    pub(crate) user_id: Vec<u8>,
    pub(crate) failures: i64,
    pub(crate) seen_at: i64,
}

#[derive(Clone, FromRow)]
pub(crate) struct TravellingScheme {
    pub(crate) label: String,
}

/// Rows of one table, by their keys.
#[derive(Clone)]
pub(crate) enum Rows {
    Users(Vec<TravellingUser>),
    Sessions(Vec<TravellingSession>),
    Refreshes(Vec<TravellingRefresh>),
    Keys(Vec<TravellingKey>),
    Devices(Vec<TravellingDevice>),
    HashSchemes(Vec<TravellingScheme>),
}

impl Rows {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Users(rows) => rows.len(),
            Self::Sessions(rows) => rows.len(),
            Self::Refreshes(rows) => rows.len(),
            Self::Keys(rows) => rows.len(),
            Self::Devices(rows) => rows.len(),
            Self::HashSchemes(rows) => rows.len(),
        }
    }

    /// Which rows these are.
    pub(crate) fn ids(&self) -> Vec<Vec<u8>> {
        match self {
            Self::Users(rows) => rows.iter().map(|row| row.id.clone()).collect(),
            Self::Sessions(rows) => rows.iter().map(|row| row.id.clone()).collect(),
            Self::Refreshes(rows) => rows.iter().map(|row| row.session_id.clone()).collect(),
            Self::Keys(rows) => rows
                .iter()
                .map(|row| row.kid.clone().into_bytes())
                .collect(),
            Self::Devices(rows) => rows.iter().map(|row| row.id.clone()).collect(),
            Self::HashSchemes(rows) => rows
                .iter()
                .map(|row| row.label.clone().into_bytes())
                .collect(),
        }
    }

    /// The key of the last row, after which the next page begins.
    pub(crate) fn last(&self) -> Option<Vec<u8>> {
        match self {
            Self::Users(rows) => rows.last().map(|row| row.id.clone()),
            Self::Sessions(rows) => rows.last().map(|row| row.id.clone()),
            Self::Refreshes(rows) => rows.last().map(|row| row.session_id.clone()),
            Self::Keys(rows) => rows.last().map(|row| row.kid.clone().into_bytes()),
            Self::Devices(rows) => rows.last().map(|row| row.id.clone()),
            Self::HashSchemes(rows) => rows.last().map(|row| row.label.clone().into_bytes()),
        }
    }
}

/// Counts rows and takes the SHA-256 of all of them: every column with its length before it, so that no two lists of rows
/// have one form.
#[derive(Clone, Default)]
pub(crate) struct Tally {
    rows: u64,
    digest: Sha256,
}

impl PartialEq for Tally {
    fn eq(&self, other: &Self) -> bool {
        self.rows == other.rows && self.digest.clone().finalize() == other.digest.clone().finalize()
    }
}

impl Tally {
    pub(crate) const fn rows(&self) -> u64 {
        self.rows
    }

    pub(crate) fn add(&mut self, rows: &Rows) {
        match rows {
            Rows::Users(rows) => rows.iter().for_each(|row| self.user(row)),
            Rows::Sessions(rows) => rows.iter().for_each(|row| self.session(row)),
            Rows::Refreshes(rows) => rows.iter().for_each(|row| self.refresh(row)),
            Rows::Keys(rows) => rows.iter().for_each(|row| self.key(row)),
            Rows::Devices(rows) => rows.iter().for_each(|row| self.device(row)),
            Rows::HashSchemes(rows) => rows.iter().for_each(|row| self.bytes(row.label.as_bytes())),
        }
        self.rows += rows.len() as u64;
    }

    fn user(&mut self, row: &TravellingUser) {
        self.bytes(&row.id);
        self.bytes(row.username.as_bytes());
        self.bytes(row.username_key.as_bytes());
        self.optional(row.email.as_deref().map(str::as_bytes));
        self.bytes(row.password_hash.as_bytes());
        self.number(row.epoch);
        self.number(row.created_at);
        self.optional_number(row.disabled_at);
    }

    fn session(&mut self, row: &TravellingSession) {
        self.bytes(&row.id);
        self.bytes(&row.user_id);
        self.number(row.epoch);
        self.bytes(&row.secret_hash);
        self.number(row.created_at);
        self.number(row.last_seen_at);
        self.number(row.expires_at);
        self.number(row.remember.into());
        self.optional(row.user_agent.as_deref().map(str::as_bytes));
    }

    fn refresh(&mut self, row: &TravellingRefresh) {
        self.bytes(&row.session_id);
        self.number(row.generation);
        self.bytes(&row.current);
        self.optional(row.previous.as_deref());
        self.bytes(&row.salt);
        self.number(row.issued_at);
        self.optional_number(row.confirmed_at);
    }

    fn key(&mut self, row: &TravellingKey) {
        self.bytes(row.kid.as_bytes());
        self.bytes(row.algorithm.as_bytes());
        self.bytes(&row.sealed);
        self.number(row.created_at);
        self.number(row.signs_from);
        self.optional_number(row.revoked_at);
    }

    fn device(&mut self, row: &TravellingDevice) {
        self.bytes(&row.id);
        self.bytes(&row.token);
        self.bytes(&row.user_id);
        self.number(row.failures);
        self.number(row.seen_at);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.digest.update((bytes.len() as u64).to_be_bytes());
        self.digest.update(bytes);
    }

    fn number(&mut self, number: i64) {
        self.digest.update(number.to_be_bytes());
    }

    fn optional(&mut self, bytes: Option<&[u8]>) {
        self.digest.update([u8::from(bytes.is_some())]);
        self.bytes(bytes.unwrap_or_default());
    }

    fn optional_number(&mut self, number: Option<i64>) {
        self.digest.update([u8::from(number.is_some())]);
        self.number(number.unwrap_or_default());
    }
}
