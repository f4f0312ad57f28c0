//! Which signatures there are. One key has one algorithm, and the key says which, never the token.

use std::fmt;
use std::str::FromStr;

use crate::error::ConfigError;

/// How tokens are signed. `none` is not among them, and neither is RSA.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// Ed25519 ([RFC 8037](https://www.rfc-editor.org/rfc/rfc8037)). The default.
    #[default]
    EdDsa,
    /// ECDSA over P-256 with SHA-256 ([RFC 7518](https://www.rfc-editor.org/rfc/rfc7518), 3.4), for verifiers that do not
    /// know Ed25519.
    Es256,
    /// HMAC with SHA-256 (RFC 7518, 3.2). It has no public key: whoever can verify can also sign, so nothing is published.
    Hs256,
}

impl Algorithm {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::EdDsa, Self::Es256, Self::Hs256];

    /// The name in `alg`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
            Self::Hs256 => "HS256",
        }
    }

    /// The algorithm of this very name: case counts (RFC 7515, 4.1.1).
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name() == name)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Algorithm {
    type Err = ConfigError;

    fn from_str(name: &str) -> Result<Self, ConfigError> {
        Self::named(name).ok_or_else(|| {
            ConfigError::new(format!(
                "the signing algorithm '{}' is unknown: use EdDSA, ES256 or HS256",
                name.escape_debug()
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_it_is_written() {
        for algorithm in Algorithm::ALL {
            assert_eq!(algorithm.to_string().parse(), Ok(algorithm));
        }
        assert_eq!(Algorithm::default().name(), "EdDSA");
    }

    #[test]
    fn none_and_other_spellings_are_no_algorithms() {
        for name in [
            "none", "None", "nOnE", "", "eddsa", "es256", "hs256", "RS256", "HS256 ",
        ] {
            assert!(name.parse::<Algorithm>().is_err(), "{name:?}");
        }
    }
}
