//! Signing and verifying: the compact serialisation of [RFC 7515](https://www.rfc-editor.org/rfc/rfc7515), and no other.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use super::algorithm::Algorithm;
use super::claims::{Claims, Expected, LEEWAY};
use super::invalid::{Invalid, Part};
use super::key::SigningKey;
use super::object::Object;
use super::ring::KeyRing;
use crate::clock::Timestamp;

/// Characters that a token may have at the most: what a browser takes for a cookie.
pub const MAX_CHARS: usize = 4096;
/// We make none longer than this: a cookie's name shares the 4096 bytes with its value.
const MINTED_MAX_CHARS: usize = 4000;
/// The kind of token (RFC 9068, 2.1).
const TYP: &str = "at+jwt";

/// Why no token was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The ring has no key to sign with. [`KeyRing::with_a_signer`] and [`KeyRing::revoke`] leave none so.
    #[error("there is no key to sign with")]
    NoKey,
    /// The claims say something that no verifier would accept: no audience, a time before 1970 or ahead, an end that is past.
    #[error("the claims could never be accepted")]
    Claims,
    /// The token would outlive [`KeyPolicy::token_lifetime`](super::KeyPolicy::token_lifetime), and so perhaps its key.
    #[error("the token would live longer than the ring's token lifetime")]
    Lifetime,
    /// The token would not fit into a cookie: too many roles or audiences.
    #[error("the token would be too long for a cookie")]
    TooLong,
}

impl KeyRing {
    /// A token that says this, signed by the key that signs now. Whoever has it *is* the user until it expires.
    ///
    /// # Errors
    /// [`SignError`] where the token could not be used.
    pub fn sign(&self, claims: &Claims, now: Timestamp) -> Result<Zeroizing<String>, SignError> {
        let signer = self.signer(now).and_then(|key| key.signing_key.as_ref());
        let key = signer.ok_or(SignError::NoKey)?;
        if claims.exp > now.after(self.policy().token_lifetime) {
            return Err(SignError::Lifetime);
        }
        if claims.exp <= now || claims.iat > now.after(LEEWAY) {
            return Err(SignError::Claims);
        }
        let claims = claims.to_json().ok_or(SignError::Claims)?;
        let token = compact(key, header(key).as_bytes(), &claims);
        if token.len() > MINTED_MAX_CHARS {
            return Err(SignError::TooLong);
        }
        Ok(token)
    }

    /// What the token says, if one of our keys signed it, for us, and its time is now. Whether its session still lives is
    /// for the caller to ask.
    ///
    /// # Errors
    /// [`Invalid`] says why not: for the log, while the answer is 401 whatever it is.
    pub fn verify(
        &self,
        token: &[u8],
        expected: &Expected,
        now: Timestamp,
    ) -> Result<Claims, Invalid> {
        let parts = Parts::split(token)?;
        let key = self.key_of(&decode(parts.header, Part::Header)?, now)?;
        let signature = decode(parts.signature, Part::Signature)?;
        if !key.verifies(parts.signed, &signature) {
            return Err(Invalid::Signature);
        }
        Claims::read(&decode(parts.claims, Part::Claims)?, expected, now)
    }

    /// The key that the header names, once the header is one of ours.
    fn key_of(&self, header: &[u8], now: Timestamp) -> Result<&SigningKey, Invalid> {
        let header = Object::parse(header, Part::Header)?;
        if header.text("typ") != Some(TYP) {
            return Err(Invalid::Type);
        }
        let algorithm = header.text("alg").and_then(Algorithm::named);
        let algorithm = algorithm.ok_or(Invalid::Algorithm)?;
        if header.has("crit") {
            return Err(Invalid::Critical);
        }
        let key = self.verifier(header.text("kid").ok_or(Invalid::NoKey)?, now)?;
        if key.algorithm() != algorithm {
            return Err(Invalid::Algorithm);
        }
        Ok(key)
    }
}

/// A token's three parts, still in base64url, and what the signature is over.
struct Parts<'a> {
    header: &'a [u8],
    claims: &'a [u8],
    signature: &'a [u8],
    signed: &'a [u8],
}

impl<'a> Parts<'a> {
    fn split(token: &'a [u8]) -> Result<Self, Invalid> {
        if token.len() > MAX_CHARS {
            return Err(Invalid::TooLong);
        }
        if !token.iter().copied().all(may_stand) {
            return Err(Invalid::Character);
        }
        let mut parts = token.split(|&byte| byte == b'.');
        let (Some(header), Some(claims), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Invalid::Parts);
        };
        Ok(Self {
            header,
            claims,
            signature,
            signed: &token[..header.len() + 1 + claims.len()],
        })
    }
}

const fn may_stand(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

fn decode(text: &[u8], part: Part) -> Result<Vec<u8>, Invalid> {
    URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_| Invalid::Encoding(part))
}

/// The header of every token of this key. Neither name nor `kid` has a character that JSON would escape.
fn header(key: &SigningKey) -> String {
    let (algorithm, kid) = (key.algorithm(), key.kid());
    format!(r#"{{"typ":"{TYP}","alg":"{algorithm}","kid":"{kid}"}}"#)
}

/// Header and claims, whatever they are, with `key`'s signature over them.
pub(super) fn compact(key: &SigningKey, header: &[u8], claims: &[u8]) -> Zeroizing<String> {
    let mut token = Zeroizing::new(String::with_capacity(MAX_CHARS / 4));
    URL_SAFE_NO_PAD.encode_string(header, &mut token);
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(claims, &mut token);
    let signature = key.sign(token.as_bytes());
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut token);
    token
}
