//! Why a token is refused: for a line in the log. Whoever sent it learns nothing but 401.

use std::fmt;

/// The parts of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The first: how it is signed.
    Header,
    /// The second: what it says.
    Claims,
    /// The third.
    Signature,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Header => "header",
            Self::Claims => "claims",
            Self::Signature => "signature",
        })
    }
}

/// Why a token was refused. The text quotes nothing that came with the token, so that nobody can write into the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Invalid {
    /// More characters than [`MAX_CHARS`](super::MAX_CHARS).
    #[error("the token is too long")]
    TooLong,
    /// A character other than `A-Z a-z 0-9 _ - .`.
    #[error("the token contains a character that none can contain")]
    Character,
    /// Not three parts with a dot between them.
    #[error("the token has not three parts")]
    Parts,
    /// The part is not the one base64url text of any bytes (RFC 7515, 2: no padding; RFC 4648, 3.5: no stray bits).
    #[error("the {0} is not base64url in its one form")]
    Encoding(Part),
    /// Not a JSON object.
    #[error("the {0} is not a JSON object")]
    NotAnObject(Part),
    /// A member twice (RFC 7515, 4; RFC 7519, 4).
    #[error("the {0} has a member twice")]
    DuplicateMember(Part),
    /// Not a token of this kind (RFC 8725, 3.11).
    #[error("the header's typ is not at+jwt")]
    Type,
    /// `alg` is missing, `none`, unknown, or not the key's (RFC 8725, 3.1).
    #[error("the header's alg is not the key's")]
    Algorithm,
    /// `crit` asks for an extension, and we have none (RFC 7515, 4.1.11).
    #[error("the header demands an extension (crit)")]
    Critical,
    /// No `kid`, or one that is no string.
    #[error("the header names no key (kid)")]
    NoKey,
    /// No key of that name, or one whose last token is dead. On several nodes: also a key that another has just made,
    /// so reading the keys again may help, at a bounded rate.
    #[error("the key that the header names is not in the ring")]
    UnknownKey,
    /// The key is in the ring and cannot be opened here, so that nothing is known of what it signed.
    #[error("the key that the header names cannot be opened here")]
    UnreadableKey,
    /// The key was revoked.
    #[error("the key that the header names was revoked")]
    RevokedKey,
    /// The key did not sign this.
    #[error("the signature is wrong")]
    Signature,
    /// The claim is missing, or of a wrong type or form.
    #[error("the claim {0} is missing or malformed")]
    Claim(&'static str),
    /// Another issuer's token.
    #[error("the token is of another issuer (iss)")]
    Issuer,
    /// A token for others.
    #[error("the token is for another audience (aud)")]
    Audience,
    /// Its time is over.
    #[error("the token has expired (exp)")]
    Expired,
    /// Its time has not come: `nbf` or `iat` lies further ahead than [`LEEWAY`](super::LEEWAY).
    #[error("the token is not valid yet ({0})")]
    NotYetValid(&'static str),
}
