//! The session token: what the cookie carries. `<session id>.<secret>`, both base64url: 128 bits to look up by and
//! 256 bits to prove it (OWASP ASVS 5.0, 7.2.3 asks for 128). Only a hash of the secret is ever stored, so a stolen
//! database opens no session.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::id::{self, ID_CHARS, SessionId};

const SECRET_CHARS: usize = 43;
/// Characters in a token's text: id, dot, secret.
pub(crate) const TOKEN_CHARS: usize = ID_CHARS + 1 + SECRET_CHARS;

/// A token in the clear. It goes into a cookie and comes out of one, and is never stored, logged or shown:
/// it has no `Display`, and its `Debug` prints only the public id.
#[derive(Clone)]
pub struct PlainToken {
    id: SessionId,
    secret: Zeroizing<[u8; 32]>,
}

impl PlainToken {
    /// A new token with a new id and a new secret.
    #[must_use]
    pub fn generate() -> Self {
        Self::of(SessionId::random())
    }

    /// A session's token, with a new secret.
    #[must_use]
    pub fn of(session: SessionId) -> Self {
        Self {
            id: session,
            secret: Zeroizing::new(id::random()),
        }
    }

    /// Reads a token; `None` where the text has any other form than the one that [`reveal`](Self::reveal) writes.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        if text.len() != TOKEN_CHARS || text[ID_CHARS] != b'.' {
            return None;
        }
        let id = SessionId::from_bytes(id::decode(&text[..ID_CHARS])?);
        let secret = Zeroizing::new(id::decode(&text[ID_CHARS + 1..])?);
        Some(Self { id, secret })
    }

    /// The public half.
    #[must_use]
    pub const fn id(&self) -> SessionId {
        self.id
    }

    /// What a store may keep of the secret.
    #[must_use]
    pub fn hash(&self) -> HashedSecret {
        HashedSecret::of(self.secret.as_slice())
    }

    /// The whole token, secret and all. Whoever has this text *is* the user: it belongs into a cookie and nowhere else.
    #[must_use]
    pub fn reveal(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(TOKEN_CHARS));
        URL_SAFE_NO_PAD.encode_string(self.id.as_bytes(), &mut text);
        text.push('.');
        URL_SAFE_NO_PAD.encode_string(self.secret.as_slice(), &mut text);
        text
    }
}

impl fmt::Debug for PlainToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PlainToken({}.…)", self.id)
    }
}

/// SHA-256 of a token's secret. A fast hash is right here, unlike for passwords: nobody can guess 256 random bits.
#[derive(Clone, Copy)]
pub struct HashedSecret([u8; 32]);

impl HashedSecret {
    /// The hash with these bytes, as a store kept it.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes, for a store to keep.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The hash of random bytes.
    pub(crate) fn of(secret: &[u8]) -> Self {
        Self(Sha256::digest(secret).into())
    }

    /// Whether `token` has the secret that was hashed.
    #[must_use]
    pub fn matches(&self, token: &PlainToken) -> bool {
        self.equals(&token.hash())
    }

    /// Whether both are the hash of one secret, compared in constant time (Rack's CVE-2019-16782 was a comparison that
    /// was not).
    #[must_use]
    pub fn equals(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

/// A session that a browser says it has, with the hash of what it shows for it: not checked yet.
#[derive(Clone, Copy, Debug)]
pub struct PresentedSession {
    /// Which.
    pub session: SessionId,
    /// What its stored hash must be.
    pub secret: HashedSecret,
}

impl From<&PlainToken> for PresentedSession {
    fn from(token: &PlainToken) -> Self {
        Self {
            session: token.id(),
            secret: token.hash(),
        }
    }
}

impl fmt::Debug for HashedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashedSecret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_token_survives_its_text_form() {
        let token = PlainToken::generate();
        let text = token.reveal();
        assert_eq!(text.len(), TOKEN_CHARS);
        let back = PlainToken::parse(text.as_bytes()).unwrap();
        assert_eq!(back.id(), token.id());
        assert!(back.hash().matches(&token));
    }

    #[test]
    fn another_secret_does_not_match() {
        let (token, other) = (PlainToken::generate(), PlainToken::generate());
        assert!(!token.hash().matches(&other));
    }

    #[test]
    fn debug_prints_nothing_of_the_secret() {
        let token = PlainToken::generate();
        let secret = token.reveal()[ID_CHARS + 1..].to_owned();
        let shown = format!("{token:?} {:?}", token.hash());
        assert!(!shown.contains(&secret[..8]), "{shown}");
        assert!(shown.contains(&token.id().to_string()));
    }

    proptest! {
        #[test]
        fn no_other_text_is_a_token(text in "[A-Za-z0-9_.%+/=-]{0,80}") {
            if let Some(token) = PlainToken::parse(text.as_bytes()) {
                let back = token.reveal();
                prop_assert_eq!(back.as_str(), text);
            }
        }

        #[test]
        fn a_changed_character_is_another_token_or_none(at in 0..TOKEN_CHARS, to in "[A-Za-z0-9_-]") {
            let token = PlainToken::generate();
            let mut text = token.reveal().as_bytes().to_vec();
            prop_assume!(text[at] != to.as_bytes()[0]);
            text[at] = to.as_bytes()[0];
            let same = PlainToken::parse(&text).is_some_and(|t| t.id() == token.id() && token.hash().matches(&t));
            prop_assert!(!same);
        }
    }
}
