//! PBKDF2 (RFC 8018) as Django, Werkzeug and passlib write it.

use ::pbkdf2::pbkdf2_hmac;
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::encoding::{base64, digest, hex, named, number, parts};
use super::{Cost, MALFORMED, Reason};
use crate::password::Password;

pub(super) const PREFIXES: &[&str] = &["pbkdf2_", "pbkdf2:", "$pbkdf2"];

/// The hash function inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Digest {
    Sha1,
    Sha256,
    Sha512,
}

impl Digest {
    pub(super) fn parse(name: &str) -> Result<Self, Reason> {
        match name {
            "sha1" => Ok(Self::Sha1),
            "sha256" => Ok(Self::Sha256),
            "sha512" => Ok(Self::Sha512),
            _ => {
                Err("the PBKDF2 hash is made with another function than SHA-1, SHA-256 or SHA-512")
            }
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    /// Bytes of its output.
    pub(super) const fn len(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }
}

pub(crate) struct Pbkdf2 {
    digest: Digest,
    iterations: u32,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

impl Pbkdf2 {
    pub(super) fn parse(text: &str) -> Result<Self, Reason> {
        if let Some(rest) = text.strip_prefix("$pbkdf2") {
            return Self::passlib(rest);
        }
        match text.strip_prefix("pbkdf2_") {
            Some(rest) => Self::django(rest),
            None => Self::werkzeug(text),
        }
    }

    /// `sha256$iterations$salt$base64`, the salt as it is.
    fn django(text: &str) -> Result<Self, Reason> {
        let [digest, iterations, salt, hash] = parts(text, '$')?;
        Self::new(
            Digest::parse(digest)?,
            iterations,
            salt.as_bytes().to_vec(),
            base64(hash)?,
        )
    }

    /// `pbkdf2:sha256:iterations$salt$hex`, the salt as it is.
    fn werkzeug(text: &str) -> Result<Self, Reason> {
        let [method, salt, hash] = parts(text, '$')?;
        let [_, digest, iterations] = parts(method, ':')?;
        Self::new(
            Digest::parse(digest)?,
            iterations,
            salt.as_bytes().to_vec(),
            hex(hash)?,
        )
    }

    /// `-sha256$iterations$salt$hash`, without a name for SHA-1, both in Base64; `i=iterations,l=length` in PHC strings.
    fn passlib(text: &str) -> Result<Self, Reason> {
        let [digest, costs, salt, hash] = parts(text, '$')?;
        let digest = match digest {
            "" => Digest::Sha1,
            named => Digest::parse(named.strip_prefix('-').ok_or(MALFORMED)?)?,
        };
        let iterations = match costs.contains('=') {
            true => named(costs, ["i", "l"])?[0],
            false => costs,
        };
        Self::new(digest, iterations, base64(salt)?, base64(hash)?)
    }

    fn new(
        digest_of: Digest,
        iterations: &str,
        salt: Vec<u8>,
        hash: Vec<u8>,
    ) -> Result<Self, Reason> {
        let iterations = number(iterations)?;
        Self::from_parts(digest_of, iterations, salt, hash)
    }

    /// What ASP.NET's form holds as well.
    pub(super) fn from_parts(
        digest_of: Digest,
        iterations: u32,
        salt: Vec<u8>,
        hash: Vec<u8>,
    ) -> Result<Self, Reason> {
        Ok(Self {
            digest: digest_of,
            iterations,
            salt,
            hash: digest(hash)?,
        })
    }

    pub(super) fn cost(&self) -> Cost {
        Cost::Pbkdf2 {
            digest: self.digest,
            iterations: self.iterations,
            blocks: u32::try_from(self.hash.len().div_ceil(self.digest.len())).unwrap_or(u32::MAX),
        }
    }

    pub(super) fn matches(&self, password: &Password) -> bool {
        let mut out = Zeroizing::new(vec![0; self.hash.len()]);
        let password = password.as_str().as_bytes();
        compute(self.digest, self.iterations, password, &self.salt, &mut out);
        out.ct_eq(&self.hash).into()
    }
}

/// Fills `out`.
pub(super) fn compute(
    digest: Digest,
    iterations: u32,
    password: &[u8],
    salt: &[u8],
    out: &mut [u8],
) {
    match digest {
        Digest::Sha1 => pbkdf2_hmac::<Sha1>(password, salt, iterations, out),
        Digest::Sha256 => pbkdf2_hmac::<Sha256>(password, salt, iterations, out),
        Digest::Sha512 => pbkdf2_hmac::<Sha512>(password, salt, iterations, out),
    }
}
