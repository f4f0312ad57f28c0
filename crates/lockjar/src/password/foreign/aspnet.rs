//! ASP.NET Identity's hashes, which are PBKDF2 inside. Version 3, of ASP.NET Core, is Base64 of `01`, function, iterations,
//! length of the salt, salt, key; the numbers are of 32 bits, big-endian. Version 2 is `00`, 16 bytes of salt, 32 of key, after
//! a thousand rounds with SHA-1.

use super::encoding::base64;
use super::pbkdf2::{Digest, Pbkdf2};
use super::{Cost, MALFORMED, Reason};
use crate::password::Password;

const SALT_2: usize = 16;
const KEY_2: usize = 32;
const ITERATIONS_2: u32 = 1000;

pub(crate) struct Aspnet(Pbkdf2);

impl Aspnet {
    pub(super) fn parse(text: &str) -> Result<Self, Reason> {
        let bytes = base64(text)?;
        match &bytes[..] {
            [1, rest @ ..] => Self::version_3(rest),
            [0, rest @ ..] if rest.len() == SALT_2 + KEY_2 => {
                let (salt, key) = rest.split_at(SALT_2);
                let (salt, key) = (salt.to_vec(), key.to_vec());
                Pbkdf2::from_parts(Digest::Sha1, ITERATIONS_2, salt, key).map(Self)
            }
            _ => Err(MALFORMED),
        }
    }

    fn version_3(rest: &[u8]) -> Result<Self, Reason> {
        let (digest, rest) = take_number(rest)?;
        let (iterations, rest) = take_number(rest)?;
        let (salt, rest) = take_number(rest)?;
        let digest = match digest {
            0 => Digest::Sha1,
            1 => Digest::Sha256,
            2 => Digest::Sha512,
            _ => return Err(MALFORMED),
        };
        let (salt, key) = rest.split_at_checked(salt as usize).ok_or(MALFORMED)?;
        Pbkdf2::from_parts(digest, iterations, salt.to_vec(), key.to_vec()).map(Self)
    }

    pub(super) fn cost(&self) -> Cost {
        self.0.cost()
    }

    pub(super) fn matches(&self, password: &Password) -> bool {
        self.0.matches(password)
    }
}

/// Whether it begins as Base64 of a first byte of 0, or of 1 and a 0, does.
pub(super) fn may_be(text: &str) -> bool {
    matches!(text.as_bytes(), [b'A', b'A'..=b'Q', ..])
}

fn take_number(bytes: &[u8]) -> Result<(u32, &[u8]), Reason> {
    let (number, rest) = bytes.split_first_chunk().ok_or(MALFORMED)?;
    Ok((u32::from_be_bytes(*number), rest))
}
