//! The cross-site guard: whatever the headers say, no other origin changes anything.
#![no_main]

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use libfuzzer_sys::fuzz_target;
use lockjar::PublicUrl;
use lockjar::csrf::CsrfPolicy;

fuzz_target!(|data: &[u8]| {
    let mut headers = HeaderMap::new();
    for line in data.split(|byte| *byte == b'\n') {
        let mut halves = line.splitn(2, |byte| *byte == b':');
        let (name, value) = (
            halves.next().unwrap_or_default(),
            halves.next().unwrap_or_default(),
        );
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name), HeaderValue::from_bytes(value))
        {
            headers.append(name, value);
        }
    }
    let policy = CsrfPolicy::new(&PublicUrl::parse("https://app.example").unwrap());
    if policy.check(&Method::POST, &headers, || None).is_err() {
        return;
    }
    let all = |name| {
        headers
            .get_all(name)
            .iter()
            .map(HeaderValue::as_bytes)
            .collect::<Vec<_>>()
    };
    let (origins, sites) = (all("origin"), all("sec-fetch-site"));
    let own_site = matches!(sites[..], [b"same-origin"] | [b"none"]);
    match origins[..] {
        [b"https://app.example"] => assert!(sites.is_empty() || own_site),
        [b"null"] => assert!(own_site),
        [] => assert!(sites.is_empty() || own_site),
        _ => panic!("{origins:?} {sites:?}"),
    }
});
