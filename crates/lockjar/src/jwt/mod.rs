//! Access tokens that verify without our database: JWTs ([RFC 7519], profile `at+jwt` of [RFC 9068]), the keys that
//! sign them, and the JWKS by which others check them. No store and no web here.
//!
//! What a token has to pass, in this order ([RFC 8725] and its revision):
//!
//! 1. At most [`MAX_CHARS`] of `A-Z a-z 0-9 _ - .`, in three parts, each the one base64url text of its bytes.
//! 2. The header is a JSON object that names no member twice, with `typ` exactly `at+jwt`, an `alg` that we know, no `crit`,
//!    and a `kid`. Keys or addresses of keys in a header (`jwk`, `x5c`, `jku`, `x5u`) are not looked at.
//! 3. `kid` is compared with the ring's own, and is used for nothing else. `alg` must be that key's: one key, one algorithm.
//! 4. The signature, before anything is read of the claims.
//! 5. The claims: `iss`, `aud`, `exp`, `nbf`, `iat`, then ours, each of its own type.
//!
//! Tokens for another service are access tokens too and have the same `typ`; what keeps each from being accepted in the
//! other's place is `aud` (RFC 8725, 3.9), which is required and compared here, and must be compared there.
//!
//! [RFC 7519]: https://www.rfc-editor.org/rfc/rfc7519
//! [RFC 8725]: https://www.rfc-editor.org/rfc/rfc8725
//! [RFC 9068]: https://www.rfc-editor.org/rfc/rfc9068

mod algorithm;
mod claims;
mod invalid;
mod jwk;
mod key;
mod object;
mod ring;
mod seal;
#[cfg(test)]
mod tests;
mod token;

pub use algorithm::Algorithm;
pub use claims::{Claims, Expected, LEEWAY};
pub use invalid::{Invalid, Part};
pub use jwk::{Jwk, Jwks};
pub use key::{KeyError, SigningKey};
pub use ring::{Key, KeyPolicy, KeyRing, PROPAGATION, UnknownKey};
pub use seal::{MasterKey, SealError};
pub use token::{MAX_CHARS, SignError};
