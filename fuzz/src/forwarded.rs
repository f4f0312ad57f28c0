//! `X-Forwarded-For` and `Forwarded`: nobody whose word is not taken is believed, and a proxy that is trusted names an address
//! that it has written last, or its own.
#![no_main]

use std::net::IpAddr;
use std::sync::LazyLock;

use http::{HeaderMap, HeaderName, HeaderValue};
use libfuzzer_sys::fuzz_target;
use lockjar::address::{ForwardedHeader, TrustedProxies};

static PROXIES: LazyLock<[(TrustedProxies, &str); 2]> = LazyLock::new(|| {
    let of = |header| TrustedProxies::new(["10.0.0.0/8"], header).unwrap();
    [
        (of(ForwardedHeader::XForwardedFor), "x-forwarded-for"),
        (of(ForwardedHeader::Forwarded), "forwarded"),
    ]
});

fuzz_target!(|data: &[u8]| {
    for (proxies, name) in PROXIES.iter() {
        let mut headers = HeaderMap::new();
        for line in data.split(|byte| *byte == b'\n') {
            if let Ok(value) = HeaderValue::from_bytes(line) {
                headers.append(HeaderName::from_static(name), value);
            }
        }
        let stranger: IpAddr = "203.0.113.9".parse().unwrap();
        assert_eq!(proxies.client(stranger, &headers), stranger);
        let proxy: IpAddr = "10.0.0.1".parse().unwrap();
        let client = proxies.client(proxy, &headers);
        // Whatever else came before, what the proxy wrote last is what counts.
        headers.append(HeaderName::from_static(name), last(name));
        assert_eq!(proxies.client(proxy, &headers).to_string(), "198.51.100.7");
        assert!(client == proxy || names(&headers, client));
    }
});

fn last(name: &str) -> HeaderValue {
    HeaderValue::from_static(match name {
        "forwarded" => "for=198.51.100.7",
        _ => "198.51.100.7",
    })
}

/// Whether the headers have this address in them, however it is written there.
fn names(headers: &HeaderMap, client: IpAddr) -> bool {
    let text: String = headers
        .values()
        .filter_map(|value| value.to_str().ok())
        .map(|value| format!("{value},"))
        .collect();
    let mut words = text.split(|c: char| !(c.is_ascii_hexdigit() || c == ':' || c == '.'));
    words.any(|word| {
        let without_port = word.rsplit_once(':').map_or(word, |(address, _)| address);
        [word, without_port]
            .iter()
            .filter_map(|word| word.parse::<IpAddr>().ok())
            .any(|address| address.to_canonical() == client)
    })
}
