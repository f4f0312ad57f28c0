//! Hashes that other software has made, for accounts that come from there. They are verified and never made: the first
//! log-in puts today's Argon2id in their place.
//!
//! Each scheme is a file with a pure `parse` and `matches`. What a hash would cost is known from its text, and one that would
//! keep this machine busy for long, or take its memory, is refused where it is read: at the import, and again at log-in.

mod aspnet;
mod bcrypt;
mod cost;
mod encoding;
mod firebase;
mod pbkdf2;
mod phpass;
mod scrypt;

pub(crate) use cost::Cost;
pub use firebase::FirebaseParameters;

use super::{Password, PasswordHash, argon};
use aspnet::Aspnet;
use bcrypt::Bcrypt;
use firebase::Firebase;
use pbkdf2::Pbkdf2;
use phpass::Phpass;
use scrypt::Scrypt;

/// Why a hash is refused, as a sentence that holds nothing of it.
pub(crate) type Reason = &'static str;

/// No scheme's text is longer.
const TEXT_MAX: usize = 1024;
const UNKNOWN: Reason =
    "the password hash is of no form that is known: see the table of docs/import.md";
/// What is not as its scheme writes it.
const MALFORMED: Reason = "the password hash is damaged: a part of it is missing or cannot be read";

/// A hash of one of the schemes here.
pub(crate) enum Foreign {
    Aspnet(Aspnet),
    Bcrypt(Bcrypt),
    Firebase(Firebase),
    Pbkdf2(Pbkdf2),
    Phpass(Phpass),
    Scrypt(Scrypt),
}

impl Foreign {
    /// Reads a hash that can be verified at a bearable cost.
    pub(crate) fn parse(text: &str) -> Result<Self, Reason> {
        if text.len() > TEXT_MAX {
            return Err(UNKNOWN);
        }
        let is_of = |beginnings: &[&str]| beginnings.iter().any(|it| text.starts_with(it));
        let foreign = match text {
            _ if is_of(bcrypt::PREFIXES) => Self::Bcrypt(Bcrypt::parse(text)?),
            _ if is_of(scrypt::PREFIXES) => Self::Scrypt(Scrypt::parse(text)?),
            _ if is_of(pbkdf2::PREFIXES) => Self::Pbkdf2(Pbkdf2::parse(text)?),
            _ if is_of(phpass::PREFIXES) => Self::Phpass(Phpass::parse(text)?),
            _ if is_of(firebase::PREFIXES) => Self::Firebase(Firebase::parse(text)?),
            _ if aspnet::may_be(text) => Self::Aspnet(Aspnet::parse(text)?),
            _ => return Err(UNKNOWN),
        };
        foreign.cost().check().map(|()| foreign)
    }

    /// What one verification costs.
    pub(crate) fn cost(&self) -> Cost {
        match self {
            Self::Aspnet(hash) => hash.cost(),
            Self::Bcrypt(hash) => hash.cost(),
            Self::Firebase(hash) => hash.cost(),
            Self::Pbkdf2(hash) => hash.cost(),
            Self::Phpass(hash) => hash.cost(),
            Self::Scrypt(hash) => hash.cost(),
        }
    }

    /// Whether the hash is that of this password, compared in constant time.
    pub(crate) fn matches(&self, password: &Password) -> bool {
        match self {
            Self::Aspnet(hash) => hash.matches(password),
            Self::Bcrypt(hash) => hash.matches(password),
            Self::Firebase(hash) => hash.matches(password),
            Self::Pbkdf2(hash) => hash.matches(password),
            Self::Phpass(hash) => hash.matches(password),
            Self::Scrypt(hash) => hash.matches(password),
        }
    }
}

impl PasswordHash {
    /// Takes over a hash that was made elsewhere, Argon2's included, with what it will cost to verify.
    pub(crate) fn import(text: &str) -> Result<(Self, Cost), Reason> {
        let text = text.trim();
        if text.is_empty() {
            return Err(
                "there is no password hash: the account has no password that could be brought along",
            );
        }
        if text.starts_with('!') || text.starts_with('*') {
            return Err(
                "the password is one that nobody can use ('!' or '*'): the account logs in some other way there",
            );
        }
        // Django's own mark before what is a PHC string without it.
        let text = text
            .strip_prefix("argon2$")
            .map_or_else(|| text.to_owned(), |phc| format!("${phc}"));
        let cost = match text.starts_with("$argon2") {
            true => argon::cost_of(&text)?,
            false => Foreign::parse(&text)?.cost(),
        };
        Ok((Self(text), cost))
    }
}

#[cfg(test)]
mod tests;
