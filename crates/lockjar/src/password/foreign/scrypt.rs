//! scrypt (RFC 7914) as Werkzeug, Django and passlib write it.

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::encoding::{base64, digest, hex, named, number, parts};
use super::{Cost, MALFORMED, Reason};
use crate::password::Password;

pub(super) const PREFIXES: &[&str] = &["scrypt:", "scrypt$", "$scrypt$"];

pub(crate) struct Scrypt {
    log_n: u8,
    r: u32,
    p: u32,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

impl Scrypt {
    pub(super) fn parse(text: &str) -> Result<Self, Reason> {
        if let Some(rest) = text.strip_prefix("$scrypt$") {
            return Self::passlib(rest);
        }
        match text.strip_prefix("scrypt$") {
            Some(rest) => Self::django(rest),
            None => Self::werkzeug(text),
        }
    }

    /// `scrypt:N:r:p$salt$hex`, the salt as it is.
    fn werkzeug(text: &str) -> Result<Self, Reason> {
        let [method, salt, hash] = parts(text, '$')?;
        let [_, n, r, p] = parts(method, ':')?;
        Self::new(log_2(n)?, [r, p], salt.as_bytes().to_vec(), hex(hash)?)
    }

    /// `N$salt$r$p$base64`, the salt as it is.
    fn django(text: &str) -> Result<Self, Reason> {
        let [n, salt, r, p, hash] = parts(text, '$')?;
        Self::new(log_2(n)?, [r, p], salt.as_bytes().to_vec(), base64(hash)?)
    }

    /// `ln=16,r=8,p=1$salt$hash`, both in Base64, which is the PHC string format too.
    fn passlib(text: &str) -> Result<Self, Reason> {
        let [costs, salt, hash] = parts(text, '$')?;
        let [log_n, r, p] = named(costs, ["ln", "r", "p"])?;
        Self::new(number(log_n)?, [r, p], base64(salt)?, base64(hash)?)
    }

    fn new(log_n: u8, [r, p]: [&str; 2], salt: Vec<u8>, hash: Vec<u8>) -> Result<Self, Reason> {
        Ok(Self {
            log_n,
            r: number(r)?,
            p: number(p)?,
            salt,
            hash: digest(hash)?,
        })
    }

    pub(super) fn cost(&self) -> Cost {
        Cost::Scrypt {
            log_n: self.log_n,
            r: self.r,
            p: self.p,
        }
    }

    pub(super) fn matches(&self, password: &Password) -> bool {
        let mut out = Zeroizing::new(vec![0; self.hash.len()]);
        let password = password.as_str().as_bytes();
        let done = compute(self.log_n, self.r, self.p, password, &self.salt, &mut out);
        done.is_some() && bool::from(out.ct_eq(&self.hash))
    }
}

/// N has to be a power of two, above one.
fn log_2(n: &str) -> Result<u8, Reason> {
    let n: u64 = number(n)?;
    let log = n.checked_ilog2().filter(|_| n.is_power_of_two());
    log.and_then(|log| u8::try_from(log).ok()).ok_or(MALFORMED)
}

/// Fills `out`. `None` only where [`Cost::check`] would have refused.
pub(super) fn compute(
    log_n: u8,
    r: u32,
    p: u32,
    password: &[u8],
    salt: &[u8],
    out: &mut [u8],
) -> Option<()> {
    let params = ::scrypt::Params::new(log_n, r, p).ok()?;
    ::scrypt::scrypt(password, salt, &params, out).ok()
}
