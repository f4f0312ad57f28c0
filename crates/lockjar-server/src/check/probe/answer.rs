//! What a site said to one request: plain data, which every rule is a function of.

use std::time::SystemTime;

use ureq::http::HeaderMap;
use url::{Host, Url};

/// In characters.
const LONG: usize = 200;

/// One answer.
#[derive(Clone)]
pub(super) struct Answer {
    /// Whom we asked.
    pub(super) url: Url,
    pub(super) method: Method,
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    /// Its beginning: of an endless one not more than [`super::asking::BODY`].
    pub(super) body: Vec<u8>,
    /// When it came, by our clock.
    pub(super) came: SystemTime,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Get,
    Post,
}

impl Answer {
    /// The first header of this name, or nothing where it is missing or no text.
    pub(super) fn text(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// All headers of this name.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        let values = self.headers.get_all(name).into_iter();
        values.map(|value| value.as_bytes())
    }

    /// Where it sends the browser.
    pub(super) fn redirect(&self) -> Option<Url> {
        let moved = matches!(self.status, 301 | 302 | 303 | 307 | 308);
        let location = self.text("location");
        (moved && !location.is_empty())
            .then(|| self.url.join(location).ok())
            .flatten()
    }

    /// Whether a browser would show it as a page. What names no type is sniffed.
    pub(super) fn is_page(&self) -> bool {
        let kind = self.text("content-type").to_ascii_lowercase();
        kind.is_empty() || kind.contains("html")
    }
}

/// A URL without its query, which may hold what is nobody's business, and cut where it is endless.
pub(super) fn told(url: &Url) -> String {
    let whole = format!("{}{}", url.origin().ascii_serialization(), url.path());
    whole.chars().take(LONG).collect()
}

/// Whether only this machine can be on the way.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

pub(super) fn is_https(url: &Url) -> bool {
    url.scheme() == "https"
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use ureq::http::{HeaderName, HeaderValue};

    use super::*;

    /// 1 January 2026, when every answer in these tests comes.
    pub(in super::super) fn noon() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_767_225_600)
    }

    /// An answer to a GET that is made up.
    pub(in super::super) fn answer(url: &str, status: u16, headers: &[(&str, &str)]) -> Answer {
        let pair = |(name, value): &(&str, &str)| {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            (name, HeaderValue::from_str(value).unwrap())
        };
        Answer {
            url: Url::parse(url).unwrap(),
            method: Method::Get,
            status,
            headers: headers.iter().map(pair).collect(),
            body: Vec::new(),
            came: noon(),
        }
    }

    #[test]
    fn a_redirect_needs_a_status_and_an_address() {
        let to = |status, headers: &[(&str, &str)]| {
            let sent = answer("https://a.example/login?x=1", status, headers).redirect();
            sent.map(|url| told(&url))
        };
        let home = [("location", "/home?secret=1")];
        assert_eq!(
            to(303, &home).as_deref(),
            Some("https://a.example/home"),
            "the query is left out"
        );
        assert_eq!(to(200, &home), None);
        assert_eq!(to(302, &[]), None);
    }

    #[test]
    fn loopback_is_told_by_the_host_and_not_by_its_beginning() {
        let loopback = |url: &str| is_loopback(&Url::parse(url).unwrap());
        assert!(loopback("http://localhost:1") && loopback("http://127.9.9.9"));
        assert!(loopback("http://[::1]:80") && loopback("http://a.localhost"));
        assert!(!loopback("http://localhost.example") && !loopback("http://192.0.2.1"));
    }
}
