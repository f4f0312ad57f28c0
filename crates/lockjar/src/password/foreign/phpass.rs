//! phpass' portable hashes: WordPress before 6.8 (`$P$`) and phpBB 3 (`$H$`). MD5, many times over.

use md5::{Digest, Md5};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{Cost, MALFORMED, Reason};
use crate::password::Password;

pub(super) const PREFIXES: &[&str] = &["$P$", "$H$"];

const ALPHABET: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const SALT: usize = 8;
const HASH: usize = 22;
/// Bytes of a password. Each round reads all of it: a longer one would keep a thread busy for seconds.
pub(in crate::password) const LONGEST: usize = 256;

pub(crate) struct Phpass {
    log_rounds: u32,
    salt: [u8; SALT],
    /// In its own Base64.
    hash: [u8; HASH],
}

impl Phpass {
    pub(super) fn parse(text: &str) -> Result<Self, Reason> {
        let (_, rest) = text.as_bytes().split_at_checked(3).ok_or(MALFORMED)?;
        let [rounds, salt_and_hash @ ..] = rest else {
            return Err(MALFORMED);
        };
        let (salt, hash) = salt_and_hash.split_at_checked(SALT).ok_or(MALFORMED)?;
        let log_rounds = ALPHABET.iter().position(|sign| sign == rounds);
        Ok(Self {
            log_rounds: log_rounds
                .and_then(|log| u32::try_from(log).ok())
                .ok_or(MALFORMED)?,
            salt: salt.try_into().map_err(|_| MALFORMED)?,
            hash: hash.try_into().map_err(|_| MALFORMED)?,
        })
    }

    pub(super) fn cost(&self) -> Cost {
        Cost::Phpass {
            log_rounds: self.log_rounds,
        }
    }

    /// A password that is too long is another one.
    pub(super) fn matches(&self, password: &Password) -> bool {
        if password.as_str().len() > LONGEST {
            return false;
        }
        let computed = compute(self.log_rounds, &self.salt, password.as_str().as_bytes());
        encode(&computed).ct_eq(&self.hash).into()
    }
}

/// The digest. The cost has been checked.
pub(super) fn compute(log_rounds: u32, salt: &[u8], password: &[u8]) -> Zeroizing<[u8; 16]> {
    let first = Md5::new()
        .chain_update(salt)
        .chain_update(password)
        .finalize();
    let mut digest = Zeroizing::new(first.into());
    for _ in 0..1_u64 << log_rounds {
        let next = Md5::new()
            .chain_update(*digest)
            .chain_update(password)
            .finalize();
        *digest = next.into();
    }
    digest
}

/// Three bytes in four signs, the lowest bits first.
fn encode(bytes: &[u8; 16]) -> [u8; HASH] {
    let mut text = [0; HASH];
    for (three, four) in bytes.chunks(3).zip(text.chunks_mut(4)) {
        let value = three
            .iter()
            .rev()
            .fold(0_usize, |value, byte| value << 8 | usize::from(*byte));
        for (at, sign) in four.iter_mut().enumerate() {
            *sign = ALPHABET[value >> (6 * at) & 63];
        }
    }
    text
}
