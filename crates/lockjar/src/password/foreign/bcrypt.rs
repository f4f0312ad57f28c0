//! bcrypt (Provos and Mazières, 1999), as OpenBSD, Django, PHP and most others write it: `$2b$12$`, the salt, the hash.
//!
//! It reads 72 bytes. What is longer was cut off where the hash was made, so that it has to be here; Django's `bcrypt_sha256`
//! and WordPress since 6.8 hash the password before, and so lose nothing of it. A NUL is a byte like any other, as in all
//! that still accept one: ending there, as C does, would let in whoever knows what comes before.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256, Sha384};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::encoding::{bcrypt_base64, number, parts};
use super::{Cost, MALFORMED, Reason};
use crate::password::Password;

pub(super) const PREFIXES: &[&str] = &["$2", "bcrypt$", "bcrypt_sha256$", "$wp$2"];

const READS: usize = 72;
const SALT_TEXT: usize = 22;
const HASH_TEXT: usize = 31;
/// Of the 24 bytes that it computes, the last one was never written.
const HASH: usize = 23;

pub(crate) struct Bcrypt {
    before: Before,
    log_rounds: u32,
    salt: [u8; 16],
    hash: [u8; HASH],
}

/// What was done to the password before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    Nothing,
    /// SHA-256 in hexadecimal digits.
    Django,
    /// HMAC-SHA-384 under a fixed key, in Base64.
    WordPress,
}

impl Bcrypt {
    pub(super) fn parse(text: &str) -> Result<Self, Reason> {
        let (before, text) = before(text);
        let ["", version, log_rounds, rest] = parts(text, '$')? else {
            return Err(MALFORMED);
        };
        if !["2a", "2b", "2y"].contains(&version) {
            return Err(
                "the bcrypt hash is of a version that was found to be broken: only $2a$, $2b$ and $2y$ are taken",
            );
        }
        if rest.len() != SALT_TEXT + HASH_TEXT || !rest.is_ascii() {
            return Err(MALFORMED);
        }
        let (salt, hash) = rest.split_at(SALT_TEXT);
        Ok(Self {
            before,
            log_rounds: number(log_rounds)?,
            salt: bcrypt_base64(salt)?.try_into().map_err(|_| MALFORMED)?,
            hash: bcrypt_base64(hash)?.try_into().map_err(|_| MALFORMED)?,
        })
    }

    pub(super) fn cost(&self) -> Cost {
        Cost::Bcrypt {
            log_rounds: self.log_rounds,
        }
    }

    pub(super) fn matches(&self, password: &Password) -> bool {
        let input = self.before.input(password.as_str().as_bytes());
        let computed = Zeroizing::new(compute(self.log_rounds, self.salt, &input));
        computed[..HASH].ct_eq(&self.hash).into()
    }
}

fn before(text: &str) -> (Before, &str) {
    if let Some(rest) = text.strip_prefix("bcrypt_sha256$") {
        return (Before::Django, rest);
    }
    if let Some(rest) = text.strip_prefix("$wp") {
        return (Before::WordPress, rest);
    }
    (
        Before::Nothing,
        text.strip_prefix("bcrypt$").unwrap_or(text),
    )
}

impl Before {
    fn input(self, password: &[u8]) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(match self {
            Self::Nothing => password.to_vec(),
            Self::Django => hex(&Sha256::digest(password)).into_bytes(),
            Self::WordPress => match Hmac::<Sha384>::new_from_slice(b"wp-sha384") {
                Ok(hmac) => {
                    let hmac = hmac.chain_update(password).finalize().into_bytes();
                    BASE64_STANDARD.encode(hmac).into_bytes()
                }
                // HMAC takes keys of any length.
                Err(_) => Vec::new(),
            },
        })
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The raw function, of the password with the NUL that belongs to it. The cost has been checked.
pub(super) fn compute(log_rounds: u32, salt: [u8; 16], password: &[u8]) -> [u8; 24] {
    let mut read = Zeroizing::new(password[..password.len().min(READS)].to_vec());
    if read.len() < READS {
        read.push(0);
    }
    ::bcrypt::bcrypt(log_rounds, salt, &read)
}
