//! A signing key. Its private half is wiped when it is dropped, is in no `Debug`, and leaves only through
//! [`to_bytes`](SigningKey::to_bytes), or sealed.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::Signer as _;
use hmac::{Hmac, Mac};
use p256::ecdsa::signature::Verifier as _;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::algorithm::Algorithm;
use super::jwk::Jwk;
use crate::id;
use crate::mac::hmac_sha256;

/// Bytes of a private key, whatever its algorithm.
pub(super) const PRIVATE_BYTES: usize = 32;

/// A private key with its algorithm and its name.
pub struct SigningKey {
    kid: String,
    private: Private,
    public: Option<Jwk>,
}

/// The private half, ready for use. Each variant wipes itself.
enum Private {
    EdDsa(Box<ed25519_dalek::SigningKey>),
    Es256(Box<p256::ecdsa::SigningKey>),
    Hs256(Zeroizing<[u8; PRIVATE_BYTES]>),
}

/// The bytes are not the key that they were said to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The bytes are no private key of that algorithm.
    #[error("these bytes are no {0} key")]
    NotAKey(Algorithm),
    /// A key's name is its thumbprint, and this is another's.
    #[error(
        "the signing key is not the one that its name says; restore the row from a backup or revoke the key"
    )]
    OtherName,
}

impl SigningKey {
    /// A new key from the operating system's randomness. It is named by its thumbprint (RFC 7638), or where there is no
    /// public half by a random id.
    #[must_use]
    pub fn generate(algorithm: Algorithm) -> Self {
        loop {
            let private = Zeroizing::new(id::random());
            // One in 2^32 is no number below P-256's order.
            if let Some(private) = Private::from_bytes(algorithm, &private) {
                return Self::named(private, || URL_SAFE_NO_PAD.encode(id::random::<16>()));
            }
        }
    }

    /// The key that a store kept.
    ///
    /// # Errors
    /// [`KeyError`] where the bytes are no such key, or another one's than `kid` says.
    pub fn from_bytes(
        algorithm: Algorithm,
        kid: &str,
        private: &[u8; PRIVATE_BYTES],
    ) -> Result<Self, KeyError> {
        let private =
            Private::from_bytes(algorithm, private).ok_or(KeyError::NotAKey(algorithm))?;
        let key = Self::named(private, || kid.to_owned());
        // A header is written without escaping, so a name has the letters of base64url alone.
        if key.kid == kid
            && kid
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        {
            Ok(key)
        } else {
            Err(KeyError::OtherName)
        }
    }

    fn named(private: Private, otherwise: impl FnOnce() -> String) -> Self {
        let public = private.public();
        let kid = public
            .as_ref()
            .map_or_else(otherwise, |jwk| jwk.kid.clone());
        Self {
            kid,
            private,
            public,
        }
    }

    /// Its name: public.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The one algorithm that it is for.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        match self.private {
            Private::EdDsa(_) => Algorithm::EdDsa,
            Private::Es256(_) => Algorithm::Es256,
            Private::Hs256(_) => Algorithm::Hs256,
        }
    }

    /// The public half; none for HS256.
    #[must_use]
    pub const fn public(&self) -> Option<&Jwk> {
        self.public.as_ref()
    }

    /// The private half in the clear: whoever has it signs in as anybody. Stores keep it [sealed](Self::seal).
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<[u8; PRIVATE_BYTES]> {
        match &self.private {
            Private::EdDsa(key) => Zeroizing::new(key.to_bytes()),
            Private::Es256(key) => Zeroizing::new(key.to_bytes().into()),
            Private::Hs256(key) => key.clone(),
        }
    }

    /// The signature over `message`: 64 bytes, or 32 for HS256 (RFC 7518, 3.4: `r` and `s`, never DER).
    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.private {
            Private::EdDsa(key) => key.sign(message).to_bytes().to_vec(),
            Private::Es256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(message);
                signature.normalize_s().to_bytes().to_vec()
            }
            Private::Hs256(key) => mac(key, message).finalize().into_bytes().to_vec(),
        }
    }

    /// Whether this key made `signature` over `message`. Each message has one signature: malleable forms are refused.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.private {
            Private::EdDsa(key) => ed25519_dalek::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify_strict(message, &signature).is_ok()),
            Private::Es256(key) => p256::ecdsa::Signature::from_slice(signature).is_ok_and(|s| {
                s == s.normalize_s() && key.verifying_key().verify(message, &s).is_ok()
            }),
            Private::Hs256(key) => mac(key, message).verify_slice(signature).is_ok(),
        }
    }
}

impl Private {
    fn from_bytes(algorithm: Algorithm, bytes: &[u8; PRIVATE_BYTES]) -> Option<Self> {
        Some(match algorithm {
            Algorithm::EdDsa => Self::EdDsa(Box::new(ed25519_dalek::SigningKey::from_bytes(bytes))),
            Algorithm::Es256 => {
                Self::Es256(Box::new(p256::ecdsa::SigningKey::from_slice(bytes).ok()?))
            }
            Algorithm::Hs256 => Self::Hs256(Zeroizing::new(*bytes)),
        })
    }

    fn public(&self) -> Option<Jwk> {
        match self {
            Self::EdDsa(key) => Some(Jwk::ed25519(key.verifying_key().as_bytes())),
            Self::Es256(key) => {
                let point = key.verifying_key().to_sec1_point(false);
                Some(Jwk::p256(point.x()?, point.y()?))
            }
            Self::Hs256(_) => None,
        }
    }
}

fn mac(key: &[u8; PRIVATE_BYTES], message: &[u8]) -> Hmac<Sha256> {
    hmac_sha256(key).chain_update(message)
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({} {} …)", self.algorithm(), self.kid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8037, appendix A.1.
    fn rfc_8037() -> [u8; 32] {
        id::decode(b"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap()
    }

    #[test]
    fn ed25519_agrees_with_rfc_8037() {
        let kid = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"; // A.3
        let key = SigningKey::from_bytes(Algorithm::EdDsa, kid, &rfc_8037()).unwrap();
        assert_eq!(
            key.public().unwrap().x,
            "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" // A.2
        );
        let signed = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
        let signature = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
        assert_eq!(URL_SAFE_NO_PAD.encode(key.sign(signed)), signature); // A.4
        assert!(key.verifies(signed, &URL_SAFE_NO_PAD.decode(signature).unwrap())); // A.5
    }

    #[test]
    fn p256_agrees_with_rfc_7515() {
        // Appendix A.3; its signature has the higher of the two possible `s`, or the lower.
        let private = id::decode(b"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI").unwrap();
        let key = SigningKey::named(
            Private::from_bytes(Algorithm::Es256, &private).unwrap(),
            String::new,
        );
        let jwk = key.public().unwrap();
        assert_eq!(jwk.x, "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU");
        assert_eq!(
            jwk.y.as_deref(),
            Some("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0")
        );
        let signed = concat!(
            "eyJhbGciOiJFUzI1NiJ9.",
            "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
        );
        let signature = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
        let signature =
            p256::ecdsa::Signature::from_slice(&URL_SAFE_NO_PAD.decode(signature).unwrap())
                .unwrap();
        let low = signature.normalize_s().to_bytes();
        assert!(key.verifies(signed.as_bytes(), &low));
    }

    #[test]
    fn hmac_agrees_with_rfc_4231() {
        // Test case 2, whose key zeros up to the block's length do not change.
        let mut key = [0; 32];
        key[..4].copy_from_slice(b"Jefe");
        let key = SigningKey::from_bytes(Algorithm::Hs256, "k", &key).unwrap();
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        let hex: String = key
            .sign(b"what do ya want for nothing?")
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(hex, expected);
    }

    #[test]
    fn a_key_survives_its_bytes() {
        for algorithm in Algorithm::ALL {
            let key = SigningKey::generate(algorithm);
            let back = SigningKey::from_bytes(algorithm, key.kid(), &key.to_bytes()).unwrap();
            assert_eq!(back.public(), key.public());
            assert!(back.verifies(b"m", &key.sign(b"m")));
            assert!(!back.verifies(b"n", &key.sign(b"m")));
        }
    }

    #[test]
    fn a_key_under_another_ones_name_is_refused() {
        for algorithm in [Algorithm::EdDsa, Algorithm::Es256] {
            let (key, other) = (
                SigningKey::generate(algorithm),
                SigningKey::generate(algorithm),
            );
            let read = SigningKey::from_bytes(algorithm, other.kid(), &key.to_bytes());
            assert_eq!(read.unwrap_err(), KeyError::OtherName);
        }
        let quoted = SigningKey::from_bytes(Algorithm::Hs256, "k\",\"x\":\"", &[1; 32]);
        assert_eq!(quoted.unwrap_err(), KeyError::OtherName);
        let zero = SigningKey::from_bytes(Algorithm::Es256, "", &[0; 32]);
        assert_eq!(zero.unwrap_err(), KeyError::NotAKey(Algorithm::Es256));
    }

    #[test]
    fn debug_prints_nothing_private() {
        for algorithm in Algorithm::ALL {
            let key = SigningKey::from_bytes(Algorithm::Hs256, "k", &[0xab; 32]).unwrap();
            assert_eq!(format!("{key:?}"), "SigningKey(HS256 k …)");
            let key = SigningKey::generate(algorithm);
            let shown = format!("{key:?}");
            assert_eq!(shown, format!("SigningKey({algorithm} {} …)", key.kid()));
        }
    }

    #[test]
    fn a_p256_key_signs_with_the_lower_s_and_accepts_no_other() {
        let key = SigningKey::generate(Algorithm::Es256);
        for message in 0..16_u8 {
            let low = p256::ecdsa::Signature::from_slice(&key.sign(&[message])).unwrap();
            let high = p256::ecdsa::Signature::from_scalars(low.r(), -*low.s()).unwrap();
            assert_eq!(high.normalize_s(), low);
            assert!(key.verifies(&[message], &low.to_bytes()));
            assert!(!key.verifies(&[message], &high.to_bytes()));
        }
    }
}
