//! Tokens that are good once.

use async_trait::async_trait;

use super::{Credentials, Epoch, Result};
use crate::clock::Timestamp;
use crate::id::UserId;
use crate::token::HashedSecret;

/// A one-time token about to be made: with it, and no other authority, a password may be set ([`By::OneTime`](super::By)).
#[derive(Clone, Debug)]
pub struct NewOneTime {
    /// The hash of the token.
    pub token: HashedSecret,
    /// Whose password.
    pub user: UserId,
    /// The account's epoch: when all of its sessions end, or its password changes, the token is worth nothing.
    pub epoch: Epoch,
    /// Until when it is good.
    pub expires_at: Timestamp,
}

/// One-time tokens. Each is used up by the transaction that does what it allows.
#[async_trait]
pub trait OneTimeTokens: Send + Sync {
    /// Keeps a token. `false`, with nothing written, where there is no such account under this epoch, or it is disabled.
    async fn put_one_time(&self, new: &NewOneTime) -> Result<bool>;

    /// Whose token this is, while it is good.
    async fn one_time(&self, token: &HashedSecret, now: Timestamp) -> Result<Option<Credentials>>;
}
