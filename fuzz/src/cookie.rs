//! `Cookie` headers, and the tokens in them: a value is ours or it is not, and each token has one text.
#![no_main]

use http::{HeaderMap, HeaderValue, header};
use libfuzzer_sys::fuzz_target;
use lockjar::cookie::{CookiePolicy, CookieSettings, Presented};
use lockjar::refresh::RefreshToken;
use lockjar::{PlainToken, PublicUrl};

fuzz_target!(|data: &[u8]| {
    let mut headers = HeaderMap::new();
    for line in data.split(|byte| *byte == b'\n') {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append(header::COOKIE, value);
        }
    }
    let public = PublicUrl::parse("https://app.example").unwrap();
    let policy = CookiePolicy::new(&public, &CookieSettings::default()).unwrap();
    let Presented::One(value) = policy.read(&headers) else {
        return;
    };
    assert!(!value.contains(&b';'), "a value ends where its pair does");
    if let Some(token) = PlainToken::parse(value) {
        assert_eq!(token.reveal().as_bytes(), value);
    }
    if let Some(token) = RefreshToken::parse(value) {
        assert_eq!(token.reveal().as_bytes(), value);
    }
});
