//! Passwords: read in one form, checked against a policy, hashed on threads of their own.

mod argon;
mod breached;
mod common;
mod foreign;
mod pace;
mod policy;
mod pool;

pub use argon::Argon2Params;
pub(crate) use argon::{Memory, Verdict};
pub(crate) use breached::Asked;
pub use breached::{Blocklist, BlocklistError, BlocklistWriter, BreachedPasswords};
pub(crate) use foreign::Cost;
pub use foreign::FirebaseParameters;
pub(crate) use pace::Pace;
pub use policy::{PasswordPolicy, PasswordProblem};
pub(crate) use pool::{HashPool, Priority, Slot};

use std::fmt;

use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// Code points that a password may have at the most.
pub const PASSWORD_MAX: usize = 1024;

/// A password in the clear, in Unicode's form C, so that it is the same however a keyboard composes its accents
/// (NIST SP 800-63B-4, 3.1.1.2; a documented deviation from OWASP ASVS 6.2.8). It is wiped from memory when dropped,
/// and its `Debug` prints nothing of it.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// Takes a password as it was typed: nothing is trimmed and nothing is cut off.
    #[must_use]
    pub fn new(text: &str) -> Self {
        // Reserving first keeps half-built copies from being left behind in freed memory.
        let mut normal = Zeroizing::new(String::with_capacity(text.len() * 3));
        normal.extend(text.nfc());
        Self(normal)
    }

    /// Whether it has more code points than [`PASSWORD_MAX`].
    #[must_use]
    pub fn is_too_long(&self) -> bool {
        self.0.chars().nth(PASSWORD_MAX).is_some()
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Password {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Password {
    /// Wipes `text` from memory too.
    fn from(text: String) -> Self {
        Self::new(&Zeroizing::new(text))
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// A hashed password as a [PHC string](https://github.com/P-H-C/phc-string-format), or, until its owner's first log-in, in the
/// form of the software that it was imported from. Its `Debug` prints nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// The hash that a store kept as this text.
    #[must_use]
    pub const fn from_phc(text: String) -> Self {
        Self(text)
    }

    /// The text for a store to keep.
    #[must_use]
    pub fn as_phc(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accents_are_one_password_however_they_are_composed() {
        assert_eq!(
            Password::new("caf\u{e9}").as_str(),
            Password::new("cafe\u{301}").as_str()
        );
        assert_ne!(
            Password::new("caf\u{e9}").as_str(),
            Password::new("cafe").as_str()
        );
    }

    #[test]
    fn nothing_is_trimmed() {
        assert_eq!(Password::new(" a\0b ").as_str(), " a\0b ");
    }

    #[test]
    fn length_counts_code_points() {
        assert!(!Password::new(&"é".repeat(PASSWORD_MAX)).is_too_long());
        assert!(Password::new(&"é".repeat(PASSWORD_MAX + 1)).is_too_long());
    }

    #[test]
    fn debug_prints_nothing() {
        let hash = PasswordHash::from_phc("$argon2id$secret".to_owned());
        assert_eq!(
            format!("{:?} {hash:?}", Password::new("hunter2")),
            "Password(…) PasswordHash(…)"
        );
    }
}
