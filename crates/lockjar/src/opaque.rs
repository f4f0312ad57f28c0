//! Tokens that are nothing but 256 random bits, of which a store keeps the hash.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use crate::id;
use crate::token::HashedSecret;

const CHARS: usize = 43;

macro_rules! opaque {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name(Zeroizing<[u8; 32]>);

        impl $name {
            /// A new one.
            #[must_use]
            pub fn generate() -> Self {
                Self(Zeroizing::new(id::random()))
            }

            /// Reads a token; `None` where the text has any other form than the one that [`reveal`](Self::reveal) writes.
            #[must_use]
            pub fn parse(text: &[u8]) -> Option<Self> {
                let secret = (text.len() == CHARS).then(|| id::decode(text))??;
                Some(Self(Zeroizing::new(secret)))
            }

            /// What a store may keep of it.
            #[must_use]
            pub fn hash(&self) -> HashedSecret {
                HashedSecret::of(self.0.as_slice())
            }

            /// The token itself: 43 characters of base64url, for whom it is meant and nobody else.
            #[must_use]
            pub fn reveal(&self) -> Zeroizing<String> {
                Zeroizing::new(URL_SAFE_NO_PAD.encode(self.0.as_slice()))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    };
}

opaque! {
    /// What a browser shows that somebody has logged in to an account on it before. It opens nothing: it lets the owner go on
    /// guessing where strangers may not any longer. It is in a cookie of its own, which a log-out leaves and a change of the
    /// password makes worthless.
    DeviceToken
}

opaque! {
    /// What a link shows that lets its holder set a new password, once. See [`Operator::issue_recovery`](crate::Operator::issue_recovery).
    RecoveryToken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_in_its_one_form_alone() {
        let token = DeviceToken::generate();
        let text = token.reveal();
        let read = DeviceToken::parse(text.as_bytes()).unwrap();
        assert!(read.hash().equals(&token.hash()));
        for other in [
            &text[1..],
            &format!("{}=", *text),
            &format!("{} ", &text[1..]),
            "",
        ] {
            assert!(DeviceToken::parse(other.as_bytes()).is_none(), "{other:?}");
        }
        assert!(!format!("{token:?}").contains(text.as_str()));
    }
}
