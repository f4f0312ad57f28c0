//! Passwords that were stolen from other sites (NIST SP 800-63B-4, 3.1.1.2; OWASP ASVS 5.0, 6.2.12): from a file of one's
//! own, and from a service that is told five digits of a hash.
//!
//! Only a password that is about to be set is looked for. At log-in it would lock people out, and tell whoever guesses
//! that the guess was right.

mod blocklist;
mod range;
mod rice;
#[cfg(test)]
mod tests;
mod writer;

pub use blocklist::{Blocklist, BlocklistError};
pub(crate) use range::Asked;
pub use range::BreachedPasswords;
pub use writer::BlocklistWriter;

use std::fmt::Write;

use sha1::{Digest, Sha1};
use zeroize::Zeroizing;

use super::Password;

/// The SHA-1 of a password, by which such collections are published. It is as secret as the password: most can be
/// found from it. So it has no `Debug`.
struct Fingerprint(Zeroizing<[u8; 20]>);

impl Fingerprint {
    fn of(password: &Password) -> Self {
        let hash = Sha1::digest(password.as_str().as_bytes());
        Self(Zeroizing::new(hash.into()))
    }

    /// 40 digits, in upper case as they are published.
    fn hex(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(40));
        for byte in *self.0 {
            // To write to a String does not fail.
            let _ = write!(text, "{byte:02X}");
        }
        text
    }
}

/// The first 64 bits of a SHA-1: a filter knows no more of it.
fn key(sha1: &[u8; 20]) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *sha1;
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}
