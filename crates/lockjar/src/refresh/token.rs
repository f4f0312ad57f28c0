//! The text that the refresh cookie carries, and how its successor follows from it.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::Mac;
use zeroize::Zeroizing;

use super::{Generation, Salt};
use crate::id::{self, ID_CHARS, SessionId};
use crate::mac::hmac_sha256;
use crate::token::HashedSecret;

const SECRET_CHARS: usize = 43;
/// Characters in a refresh token's text: id, dot, family, dot, secret.
const REFRESH_TOKEN_CHARS: usize = SECRET_AT + SECRET_CHARS;
const FAMILY_AT: usize = ID_CHARS + 1;
const SECRET_AT: usize = FAMILY_AT + ID_CHARS + 1;

/// Says what the HMAC is for, so that no other use of the same secret could give the same bytes.
const DOMAIN: &[u8] = b"lockjar-refresh-1";

/// A refresh token in the clear: `<session id>.<family>.<secret>`, all base64url; 128 bits to look up by, 128 bits that
/// all tokens of a log-in share, and 256 bits to prove this one.
///
/// The family tells an old token of the session from garbage that somebody made of the public id. Like
/// [`PlainToken`](crate::PlainToken) it goes into a cookie and comes out of one, and is never stored, logged or shown:
/// it has no `Display`, and its `Debug` prints only the public id.
#[derive(Clone)]
pub struct RefreshToken {
    session: SessionId,
    family: Zeroizing<[u8; 16]>,
    secret: Zeroizing<[u8; 32]>,
}

impl RefreshToken {
    /// The first token of a session: a new family and a new secret.
    #[must_use]
    pub fn generate(session: SessionId) -> Self {
        Self {
            session,
            family: Zeroizing::new(id::random()),
            secret: Zeroizing::new(id::random()),
        }
    }

    /// Reads a token; `None` where the text has any other form than the one that [`reveal`](Self::reveal) writes.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let dots = [FAMILY_AT - 1, SECRET_AT - 1];
        if text.len() != REFRESH_TOKEN_CHARS || dots.iter().any(|&dot| text[dot] != b'.') {
            return None;
        }
        let session = SessionId::from_bytes(id::decode(&text[..ID_CHARS])?);
        let family = Zeroizing::new(id::decode(&text[FAMILY_AT..SECRET_AT - 1])?);
        let secret = Zeroizing::new(id::decode(&text[SECRET_AT..])?);
        Some(Self {
            session,
            family,
            secret,
        })
    }

    /// The public part: whose chain to read.
    #[must_use]
    pub const fn session(&self) -> SessionId {
        self.session
    }

    /// What a store may keep of the family.
    #[must_use]
    pub fn family_hash(&self) -> HashedSecret {
        HashedSecret::of(self.family.as_slice())
    }

    /// What a store may keep of the secret.
    #[must_use]
    pub fn hash(&self) -> HashedSecret {
        HashedSecret::of(self.secret.as_slice())
    }

    /// The whole token, secret and all. Whoever has this text *is* the user: it belongs into a cookie and nowhere else.
    #[must_use]
    pub fn reveal(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(REFRESH_TOKEN_CHARS));
        URL_SAFE_NO_PAD.encode_string(self.session.as_bytes(), &mut text);
        text.push('.');
        URL_SAFE_NO_PAD.encode_string(self.family.as_slice(), &mut text);
        text.push('.');
        URL_SAFE_NO_PAD.encode_string(self.secret.as_slice(), &mut text);
        text
    }

    /// The token of `generation` that follows this one:
    /// secret' = HMAC-SHA256(secret, "lockjar-refresh-1" ‖ session id ‖ generation ‖ salt), RFC 2104.
    ///
    /// Each part has a fixed length (17, 16, 8 in network order, and 32 bytes), so no two inputs are the same bytes.
    /// Without the salt, which only the chain has, a token yields nothing; without the token, the chain yields nothing.
    pub(super) fn successor(&self, generation: Generation, salt: &Salt) -> Self {
        let mac = hmac_sha256(&self.secret)
            .chain_update(DOMAIN)
            .chain_update(self.session.as_bytes())
            .chain_update(generation.to_be_bytes())
            .chain_update(salt);
        Self {
            session: self.session,
            family: self.family.clone(),
            secret: Zeroizing::new(mac.finalize().into_bytes().into()),
        }
    }
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RefreshToken({}.…)", self.session)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// From Python: `hmac.new(bytes(range(32)), b"lockjar-refresh-1" + bytes(range(0x40, 0x50)) + (2).to_bytes(8, "big") +
    /// bytes(range(0x80, 0xa0)), "sha256").hexdigest()` is `0e459c91…3fed9834`.
    #[test]
    fn the_successor_is_the_hmac_that_another_implementation_computes() {
        let family_and_id = "QEFCQ0RFRkdISUpLTE1OTw.YGFiY2RlZmdoaWprbG1ubw.";
        let text = format!("{family_and_id}AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8");
        let token = RefreshToken::parse(text.as_bytes()).unwrap();
        let salt: Salt = std::array::from_fn(|at| 0x80 + u8::try_from(at).unwrap());
        let next = token.successor(2, &salt);
        let hex: String = next.secret.iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(
            hex,
            "0e459c917def8198897bd2e1eb7cac359a77b5d7be327c07908d968c3fed9834"
        );
        assert_eq!(
            next.reveal().as_str(),
            format!("{family_and_id}DkWckX3vgZiJe9Lh63ysNZp3tde-MnwHkI2WjD_tmDQ")
        );
    }

    #[test]
    fn another_secret_session_generation_or_salt_has_another_successor() {
        let token = RefreshToken::generate(SessionId::random());
        let next = |token: &RefreshToken, generation, salt| token.successor(generation, &salt);
        let first = next(&token, 1, [7; 32]);
        assert!(first.hash().equals(&next(&token, 1, [7; 32]).hash()));
        let other_session = RefreshToken {
            session: SessionId::random(),
            ..token.clone()
        };
        let other_secret = RefreshToken {
            secret: Zeroizing::new([1; 32]),
            ..token.clone()
        };
        for other in [
            next(&other_session, 1, [7; 32]),
            next(&other_secret, 1, [7; 32]),
            next(&token, 2, [7; 32]),
            next(&token, 1, [8; 32]),
        ] {
            assert!(!first.hash().equals(&other.hash()));
        }
    }

    #[test]
    fn a_refresh_token_survives_its_text_form() {
        let token = RefreshToken::generate(SessionId::random());
        let text = token.reveal();
        assert_eq!(text.len(), REFRESH_TOKEN_CHARS);
        let back = RefreshToken::parse(text.as_bytes()).unwrap();
        assert_eq!(back.session(), token.session());
        assert!(back.family_hash().equals(&token.family_hash()));
        assert!(back.hash().equals(&token.hash()));
    }

    #[test]
    fn debug_prints_nothing_of_the_family_and_the_secret() {
        let token = RefreshToken::generate(SessionId::random());
        let text = token.reveal();
        let shown = format!("{token:?} {:?} {:?}", token.hash(), token.family_hash());
        assert!(!shown.contains(&text[FAMILY_AT..FAMILY_AT + 8]), "{shown}");
        assert!(!shown.contains(&text[SECRET_AT..SECRET_AT + 8]), "{shown}");
        assert!(shown.contains(&token.session().to_string()));
    }

    proptest! {
        #[test]
        fn no_other_text_is_a_refresh_token(
            text in "[A-Za-z0-9_-]{21,23}[.%=]{1,2}[A-Za-z0-9_-]{21,23}[.+/]{1,2}[A-Za-z0-9_=-]{42,44}"
        ) {
            if let Some(token) = RefreshToken::parse(text.as_bytes()) {
                let back = token.reveal();
                prop_assert_eq!(back.as_str(), text);
            }
        }

        #[test]
        fn bytes_of_any_kind_are_read_without_a_panic(text in prop::collection::vec(any::<u8>(), 80..100)) {
            prop_assert!(RefreshToken::parse(&text).is_none());
        }

        #[test]
        fn a_changed_character_is_another_token_or_none(at in 0..REFRESH_TOKEN_CHARS, to in "[A-Za-z0-9_.-]") {
            let token = RefreshToken::generate(SessionId::random());
            let mut text = token.reveal().as_bytes().to_vec();
            prop_assume!(text[at] != to.as_bytes()[0]);
            text[at] = to.as_bytes()[0];
            let same = RefreshToken::parse(&text).is_some_and(|other| {
                other.session() == token.session()
                    && other.family_hash().equals(&token.family_hash())
                    && other.hash().equals(&token.hash())
            });
            prop_assert!(!same);
        }
    }
}
