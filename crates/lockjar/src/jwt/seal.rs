//! Private keys at rest: sealed under a master key that is not in the store, so that a stolen database signs nothing.
//!
//! A sealed key is `1 ‖ id of the master key (8 bytes) ‖ nonce (24) ‖ ciphertext and tag (48)`, XChaCha20-Poly1305
//! ([RFC 8439](https://www.rfc-editor.org/rfc/rfc8439) with the longer nonce, which may be random). Algorithm and `kid` are
//! associated data: a row cannot take another's place.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::algorithm::Algorithm;
use super::key::{KeyError, SigningKey};
use crate::error::ConfigError;
use crate::id;

const VERSION: u8 = 1;
const ID_BYTES: usize = 8;
const NONCE_BYTES: usize = 24;

/// What seals signing keys: 256 random bits, 43 characters of base64url as a setting.
#[derive(Clone)]
pub struct MasterKey(Zeroizing<[u8; 32]>);

/// Why a sealed key could not be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// The master key is not the one that sealed it.
    #[error(
        "the signing key was encrypted under another master key; set the master key to the old one, or revoke every key to go on without it"
    )]
    OtherMasterKey,
    /// It is damaged, cut, of a newer version, or was moved to another key's row.
    #[error(
        "the encrypted signing key is damaged or belongs to another row; restore it from a backup or revoke the key"
    )]
    Damaged,
    /// It opened, and the key inside is not the one expected.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl MasterKey {
    /// A new one from the operating system's randomness.
    #[must_use]
    pub fn generate() -> Self {
        Self(Zeroizing::new(id::random()))
    }

    /// The key with these bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The key as a setting: 43 characters of base64url. It belongs into the configuration and nowhere else.
    #[must_use]
    pub fn reveal(&self) -> Zeroizing<String> {
        Zeroizing::new(URL_SAFE_NO_PAD.encode(self.0.as_slice()))
    }

    /// Tells master keys apart without telling anything of them.
    fn id(&self) -> [u8; ID_BYTES] {
        let hash = Sha256::new()
            .chain_update(b"lockjar-master-key-id-1")
            .chain_update(self.0.as_slice())
            .finalize();
        let mut id = [0; ID_BYTES];
        id.copy_from_slice(&hash[..ID_BYTES]);
        id
    }

    #[allow(clippy::expect_used)]
    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new_from_slice(self.0.as_slice()).expect("32 bytes are a key")
    }
}

impl FromStr for MasterKey {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        id::decode(text.as_bytes())
            .map(Self::from_bytes)
            .ok_or_else(|| {
                ConfigError::new(
                    "the master key must be 43 characters of base64url: 32 random bytes",
                )
            })
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

impl SigningKey {
    /// The private half under `master`, for a store to keep beside [`kid`](Self::kid) and algorithm.
    #[must_use]
    #[allow(clippy::expect_used)]
    pub fn seal(&self, master: &MasterKey) -> Vec<u8> {
        let nonce = id::random::<NONCE_BYTES>();
        let private = self.to_bytes();
        let associated = associated(self.algorithm(), self.kid());
        let payload = Payload {
            msg: private.as_slice(),
            aad: &associated,
        };
        let ciphertext = master
            .cipher()
            .encrypt(&nonce.into(), payload)
            .expect("32 bytes are not too long");
        [&[VERSION][..], &master.id(), &nonce, &ciphertext].concat()
    }

    /// The key that [`seal`](Self::seal) sealed.
    ///
    /// # Errors
    /// [`SealError`] says whether the master key is another, or the row is not what was written.
    pub fn open(
        algorithm: Algorithm,
        kid: &str,
        sealed: &[u8],
        master: &MasterKey,
    ) -> Result<Self, SealError> {
        let (&version, rest) = sealed.split_first().ok_or(SealError::Damaged)?;
        let (id, rest) = rest
            .split_first_chunk::<ID_BYTES>()
            .ok_or(SealError::Damaged)?;
        let (nonce, ciphertext) = rest
            .split_first_chunk::<NONCE_BYTES>()
            .ok_or(SealError::Damaged)?;
        if version != VERSION {
            return Err(SealError::Damaged);
        }
        if *id != master.id() {
            return Err(SealError::OtherMasterKey);
        }
        let associated = associated(algorithm, kid);
        let payload = Payload {
            msg: ciphertext,
            aad: &associated,
        };
        let private = master
            .cipher()
            .decrypt(&(*nonce).into(), payload)
            .map(Zeroizing::new)
            .map_err(|_| SealError::Damaged)?;
        let private = private
            .as_slice()
            .try_into()
            .map_err(|_| SealError::Damaged)?;
        Ok(Self::from_bytes(algorithm, kid, private)?)
    }
}

fn associated(algorithm: Algorithm, kid: &str) -> Vec<u8> {
    format!("lockjar-signing-key-{VERSION}.{algorithm}.{kid}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_key_opens_under_its_master_key() {
        let master = MasterKey::generate();
        for algorithm in Algorithm::ALL {
            let key = SigningKey::generate(algorithm);
            let sealed = key.seal(&master);
            let back = SigningKey::open(algorithm, key.kid(), &sealed, &master).unwrap();
            assert_eq!(*back.to_bytes(), *key.to_bytes());
            assert_ne!(sealed, key.seal(&master), "a nonce of its own each time");
            let private = key.to_bytes();
            assert!(!sealed.windows(8).any(|part| part == &private[..8]));
        }
    }

    #[test]
    fn another_master_key_is_said_to_be_another() {
        let key = SigningKey::generate(Algorithm::EdDsa);
        let sealed = key.seal(&MasterKey::generate());
        let error = SigningKey::open(key.algorithm(), key.kid(), &sealed, &MasterKey::generate())
            .unwrap_err();
        assert_eq!(error, SealError::OtherMasterKey);
        assert!(
            error
                .to_string()
                .contains("set the master key to the old one")
        );
    }

    #[test]
    fn a_row_cannot_take_another_ones_place() {
        let master = MasterKey::generate();
        let (key, other) = (
            SigningKey::generate(Algorithm::Hs256),
            SigningKey::generate(Algorithm::Hs256),
        );
        let sealed = key.seal(&master);
        for (algorithm, kid) in [
            (Algorithm::Hs256, other.kid()),
            (Algorithm::EdDsa, key.kid()),
        ] {
            let opened = SigningKey::open(algorithm, kid, &sealed, &master);
            assert_eq!(opened.unwrap_err(), SealError::Damaged);
        }
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let master = MasterKey::generate();
        let key = SigningKey::generate(Algorithm::EdDsa);
        let sealed = key.seal(&master);
        for bit in 0..sealed.len() * 8 {
            let mut forged = sealed.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            assert!(SigningKey::open(Algorithm::EdDsa, key.kid(), &forged, &master).is_err());
        }
        for length in 0..sealed.len() {
            let opened = SigningKey::open(Algorithm::EdDsa, key.kid(), &sealed[..length], &master);
            assert_eq!(opened.unwrap_err(), SealError::Damaged, "{length}");
        }
    }

    /// The bytes 0x80 to 0x9f, as in the draft's vector.
    fn master_of_the_draft() -> MasterKey {
        MasterKey::from_bytes(std::array::from_fn(|place| place as u8 + 0x80))
    }

    fn bytes(hex: &str) -> Vec<u8> {
        let pair = |place| u8::from_str_radix(&hex[place..place + 2], 16).unwrap();
        (0..hex.len()).step_by(2).map(pair).collect()
    }

    /// [draft-irtf-cfrg-xchacha-03](https://datatracker.ietf.org/doc/html/draft-irtf-cfrg-xchacha-03#appendix-A.3.1), A.3.1.
    #[test]
    fn the_cipher_agrees_with_the_draft() {
        let nonce: [u8; NONCE_BYTES] = std::array::from_fn(|place| place as u8 + 0x40);
        let payload = Payload {
            msg: b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
            aad: &bytes("50515253c0c1c2c3c4c5c6c7"),
        };
        let sealed = master_of_the_draft()
            .cipher()
            .encrypt(&nonce.into(), payload);
        let published = "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa644\
             0bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b4522f8c9ba40db5d945b11b69b982c1bb9e\
             3f3fac2bc369488f76b2383565d3fff921f9664c97637da9768812f615c68b13b52ec0875924c1c7\
             987947deafd8780acf49";
        assert_eq!(sealed.unwrap(), bytes(published));
    }

    /// Put together by libsodium, as this module says that a sealed key is: what was sealed yesterday opens tomorrow.
    #[test]
    fn a_key_that_was_sealed_elsewhere_opens() {
        let sealed = "014d509172150e9c84404142434445464748494a4b4c4d4e4f5051525354555657f60b74f35cf7f3\
             5dfc1570d4f1a99a523540756902439bebcdbdf20b45520acf71d20dec4880ef9ab8e8de94e8d0dc\
             78";
        let sealed = bytes(sealed);
        let opened =
            SigningKey::open(Algorithm::Hs256, "a-name", &sealed, &master_of_the_draft()).unwrap();
        assert_eq!(*opened.to_bytes(), [7; 32]);
    }

    #[test]
    fn a_master_key_survives_its_text_form_and_is_in_no_debug() {
        let master = MasterKey::generate();
        let back: MasterKey = master.reveal().parse().unwrap();
        assert_eq!(*back.0, *master.0);
        assert_eq!(format!("{master:?}"), "MasterKey(…)");
        assert!("password".parse::<MasterKey>().is_err());
    }
}
