//! Refreshing, idempotent: the refresh token is replaced at each use (RFC 9700, 4.14.2), and yet parallel tabs, retries
//! and lost answers log nobody out, because a token's successor can be computed again from the token and its chain.
//!
//! [`decide`] is the whole rule book, a pure function of the live session and its chain, the token that was presented, and
//! the time:
//!
//! 1. No session, since it has ended or never was, or it has expired or the token is of another family:
//!    [`Refuse`](Decision::Refuse). Nothing is killed: the session id is public, and garbage made of it must log nobody out.
//! 2. The current token: [`Rotate`](Decision::Rotate). Its successor becomes current, in one conditional `UPDATE`.
//! 3. The previous token, while the current one is unconfirmed and for [`GRACE`] after that:
//!    [`Repeat`](Decision::Repeat), the same successor once more. Nothing is written.
//! 4. Another token of this family: within [`GRACE`] of the last rotation it is [`TooEarly`](Decision::TooEarly) to tell;
//!    later somebody has a copy: [`Theft`](Decision::Theft).
//! 5. An access token of the current generation, which was made at the rotation or later, shows that the answer arrived once
//!    it is seen [`CONFIRM_AFTER`] after that: it [`confirms`] its generation.
//!
//! # What it promises
//! Each refresh of one token has the same successor. An answer that got lost is recovered however late. A copy is found
//! out when either holder presents a token whose successor was confirmed over [`GRACE`] ago; a copy whose owner never
//! returns ends at the absolute limit. A browser that restores an old cookie jar can end its own session.
//!
//! Two things it does not promise. Whoever rotates more often than every [`GRACE`] keeps all older tokens too early to
//! tell about, so that their copy is not found out meanwhile. And a client that refreshes again and again before its
//! access token has expired may be logged out by its own slow answers, which put an older token back into the jar.
//!
//! # Deployment caveat
//! The chain is read from the primary, never from a cache or a replica. An answer is sent after the commit only, and when
//! it is not known whether the commit happened the answer is 503, without a cookie: the retry finds out.

mod token;

use std::fmt;
use std::time::Duration;

pub use self::token::RefreshToken;
use crate::clock::Timestamp;
use crate::store::{LiveChain, LiveSession};
use crate::token::HashedSecret;

/// How long a token stays good for its successor after that was confirmed, and how long after a rotation no older token is
/// called stolen: 30 seconds, for requests that were on their way.
pub const GRACE: Duration = Duration::from_secs(30);

/// An access token confirms its generation if it is seen this long after the rotation, or later: 35 seconds. Longer than
/// [`GRACE`], so that what was on its way at the rotation, an answer and a request after it, has arrived or is lost.
pub const CONFIRM_AFTER: Duration = Duration::from_secs(35);

/// What an access token's `iat` may lack of when it was made, since it is rounded down.
const ROUNDED_OFF: Duration = Duration::from_secs(1);

/// How many times a session's refresh token was replaced: the `gen` of its access tokens. A log-in is generation 0.
pub type Generation = i64;

/// 32 random bytes that go into a token's successor, so that the token alone does not yield it.
pub type Salt = [u8; 32];

/// What a store keeps of a session's refresh tokens, beside the session: whose they are, what they share and when they end
/// is the session's. Its `Debug` prints none of the hashes.
#[derive(Clone)]
pub struct Chain {
    /// Which token is the current one. It goes up by one with each rotation, and every write is conditional on it.
    pub generation: Generation,
    /// The hash of the current token's secret.
    pub current: HashedSecret,
    /// The hash of the secret that the current one replaced; none after a log-in.
    pub previous: Option<HashedSecret>,
    /// What the current secret was made with, from the previous one.
    pub salt: Salt,
    /// When the current token became current.
    pub issued_at: Timestamp,
    /// When it was first seen that the current token had arrived.
    pub confirmed_at: Option<Timestamp>,
}

/// What a refresh comes to.
#[derive(Clone, Debug)]
#[must_use = "a decision that is not carried out refreshes nothing"]
pub enum Decision {
    /// 401. The cookie is left as it is: by the time that the answer arrives, it may be the one of a newer log-in.
    Refuse,
    /// A new generation: write, commit, then answer with the token and an access token of the chain's generation.
    Rotate {
        /// To be written *only while* the stored generation is the one before this chain's and the session is live, in one
        /// statement. If that hits no row: read again and decide again.
        chain: Chain,
        /// The successor, for the cookie.
        token: RefreshToken,
    },
    /// The successor that the current generation already has, for the cookie, with an access token of that generation.
    /// Nothing is to be written.
    Repeat(RefreshToken),
    /// 409 without a `Set-Cookie`: another tab has refreshed, and its cookie is there or on its way.
    TooEarly,
    /// 401, after the session was ended, which the change feed learns in the same transaction, and the log after it.
    Theft,
}

impl Chain {
    /// The chain of a new log-in, at generation 0.
    #[must_use]
    pub fn start(token: &RefreshToken, now: Timestamp) -> Self {
        Self {
            generation: 0,
            current: token.hash(),
            previous: None,
            salt: [0; 32], // Nothing was made with it.
            issued_at: now,
            confirmed_at: None,
        }
    }

    /// Whether the previous token may still be answered with its successor.
    fn repeats(&self, now: Timestamp) -> bool {
        self.confirmed_at.is_none_or(|at| now.since(at) <= GRACE)
    }

    /// The next generation, with the token that becomes its current one.
    fn rotate(&self, token: &RefreshToken, now: Timestamp, salt: Salt) -> Decision {
        let generation = self.generation + 1;
        let next = token.successor(generation, &salt);
        let chain = Self {
            generation,
            current: next.hash(),
            previous: Some(self.current),
            salt,
            issued_at: now,
            confirmed_at: None,
        };
        Decision::Rotate { chain, token: next }
    }
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chain")
            .field("generation", &self.generation)
            .field("issued_at", &self.issued_at)
            .field("confirmed_at", &self.confirmed_at)
            .finish_non_exhaustive()
    }
}

/// Decides what a presented token is worth, at `now` by the store's clock. `found` is what belongs to the token's session,
/// just read from the primary; `salt` is fresh from the CSPRNG, and used if the token is replaced.
pub fn decide(
    found: Option<&LiveChain>,
    token: &RefreshToken,
    now: Timestamp,
    salt: Salt,
) -> Decision {
    let Some(LiveChain { chain, .. }) = found.filter(|found| accepts(&found.live, token, now))
    else {
        return Decision::Refuse;
    };
    let hash = token.hash();
    if chain.current.equals(&hash) {
        return chain.rotate(token, now, salt);
    }
    let is_previous = chain
        .previous
        .is_some_and(|hash_before| hash_before.equals(&hash));
    if is_previous && chain.repeats(now) {
        return Decision::Repeat(token.successor(chain.generation, &chain.salt));
    }
    if now.since(chain.issued_at) <= GRACE {
        return Decision::TooEarly;
    }
    Decision::Theft
}

/// Rule 1, turned about: `token` belongs to this session, whose limit is still to come.
fn accepts(live: &LiveSession, token: &RefreshToken, now: Timestamp) -> bool {
    live.session.id == token.session()
        && live.secret.equals(&token.family_hash())
        && now < live.session.expires_at
}

/// Whether an access token whose `iat` is `minted_at`, in whole seconds, shows at `now` that the refresh token of its
/// generation has arrived. Never too early, which would call an owner a thief; a second too late finds a thief a second
/// later. `confirmed_at` is then to be written *only while* that generation is the stored one and not yet confirmed.
#[must_use]
pub fn confirms(minted_at: Timestamp, now: Timestamp) -> bool {
    now.since(minted_at) >= CONFIRM_AFTER + ROUNDED_OFF
}

#[cfg(test)]
mod tests;
