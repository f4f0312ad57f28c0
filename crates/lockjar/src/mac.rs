//! HMAC-SHA256 (RFC 2104) under a key of 32 bytes, for all that is derived or signed by a shared secret.

use hmac::{Hmac, KeyInit};
use sha2::Sha256;
use zeroize::Zeroizing;

/// SHA-256 works on blocks of this many bytes, and HMAC's key is one of them.
const BLOCK: usize = 64;

/// The HMAC of nothing yet, under this key.
pub(crate) fn hmac_sha256(key: &[u8; 32]) -> Hmac<Sha256> {
    // RFC 2104 fills a shorter key up with zeros, so that this is the same key.
    let mut block = Zeroizing::new([0; BLOCK]);
    block[..key.len()].copy_from_slice(key);
    Hmac::<Sha256>::new((&*block).into())
}
