//! Public keys for others to verify by: JWK and JWKS ([RFC 7517]), with the name that a key gives itself ([RFC 7638]).
//!
//! [RFC 7517]: https://www.rfc-editor.org/rfc/rfc7517
//! [RFC 7638]: https://www.rfc-editor.org/rfc/rfc7638

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::algorithm::Algorithm;

/// A public key. There is no private member, so none can be published by mistake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Jwk {
    /// Key type: `OKP` or `EC`.
    pub kty: &'static str,
    /// Curve: `Ed25519` or `P-256`.
    pub crv: &'static str,
    /// The point, or its first coordinate: 32 bytes in base64url.
    pub x: String,
    /// The point's second coordinate, for `EC` alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub y: Option<String>,
    /// Its thumbprint.
    pub kid: String,
    /// The one algorithm that it is for.
    pub alg: &'static str,
    /// What it is for: `sig`.
    #[serde(rename = "use")]
    pub usage: &'static str,
}

/// A set of public keys: the document at `/.well-known/jwks.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Jwks {
    /// The keys; none where the algorithm has no public key.
    pub keys: Vec<Jwk>,
}

impl Jwk {
    /// Ed25519 (RFC 8037, 2).
    pub(super) fn ed25519(public: &[u8; 32]) -> Self {
        let x = URL_SAFE_NO_PAD.encode(public);
        let kid = thumbprint(&format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#));
        Self {
            kty: "OKP",
            crv: "Ed25519",
            x,
            y: None,
            kid,
            alg: Algorithm::EdDsa.name(),
            usage: "sig",
        }
    }

    /// P-256 (RFC 7518, 6.2).
    pub(super) fn p256(x: &[u8], y: &[u8]) -> Self {
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        let kid = thumbprint(&format!(
            r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#
        ));
        Self {
            kty: "EC",
            crv: "P-256",
            x,
            y: Some(y),
            kid,
            alg: Algorithm::Es256.name(),
            usage: "sig",
        }
    }
}

/// RFC 7638, 3: SHA-256 of the required members, in the order of their names, without white space.
fn thumbprint(canonical: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(canonical))
}
