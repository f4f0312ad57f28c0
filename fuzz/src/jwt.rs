//! Access tokens: of all texts, those that the key has signed are the only good ones.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use lockjar::clock::Timestamp;
use lockjar::jwt::{Algorithm, Claims, Expected, Key, KeyPolicy, KeyRing, SigningKey};
use lockjar::{SessionId, TokenId, UserId};

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const ISSUER: &str = "https://app.example";

/// A fixed key, so that a corpus stays worth something.
static RING: LazyLock<KeyRing> = LazyLock::new(|| {
    let public = SigningKey::generate(Algorithm::Hs256);
    let key = SigningKey::from_bytes(Algorithm::Hs256, "fuzz", &[7; 32]).unwrap_or(public);
    let key = Key {
        kid: key.kid().to_owned(),
        signing_key: Some(key.into()),
        created_at: NOW,
        signs_from: NOW,
        revoked_at: None,
    };
    KeyRing::new(KeyPolicy::default(), vec![key])
});

fuzz_target!(|data: &[u8]| {
    let expected = Expected {
        issuer: ISSUER.to_owned(),
        audiences: vec![ISSUER.to_owned()],
    };
    // A text that is none of ours says nothing; it is refused, and quickly.
    assert!(RING.verify(data, &expected, NOW).is_err());
    // One byte of a good token changed is no good token.
    let claims = Claims {
        iss: ISSUER.to_owned(),
        aud: vec![ISSUER.to_owned()],
        sub: UserId::from_bytes([1; 16]),
        client_id: ISSUER.to_owned(),
        sid: SessionId::from_bytes([2; 16]),
        generation: Some(0),
        jti: TokenId::from_bytes([3; 16]),
        iat: NOW,
        exp: NOW.after(KeyPolicy::default().token_lifetime),
        roles: Vec::new(),
    };
    let good = RING.sign(&claims, NOW).unwrap();
    let [at, byte, ..] = data else { return };
    let mut token = good.as_bytes().to_vec();
    let at = usize::from(*at) * token.len() / 256;
    let same = token[at] == *byte;
    token[at] = *byte;
    assert_eq!(RING.verify(&token, &expected, NOW).is_ok(), same);
});
