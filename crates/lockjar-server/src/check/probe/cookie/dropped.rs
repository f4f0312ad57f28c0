//! RFC 6265bis, section 5.7: why a browser would not keep a cookie. The words are those of `lockjar::cookie`.

use url::{Host, Url};

use super::super::answer::{is_https, is_loopback};
use super::read::{SameSite, SetCookie};

/// The first reason, if there is any.
pub(super) fn reason(cookie: &SetCookie, url: &Url) -> Option<String> {
    domain(cookie, url)
        .or_else(|| scheme(cookie, url))
        .or_else(|| prefix(cookie))
        .or_else(|| nameless(cookie))
}

fn domain(cookie: &SetCookie, url: &Url) -> Option<String> {
    let domain = cookie.domain.as_deref()?;
    let host = match url.host()? {
        Host::Domain(host) => host,
        address => {
            let same = address.to_string() == domain;
            return (!same)
                .then(|| "a cookie with a Domain needs a host name, not an address".to_owned());
        }
    };
    if host == domain {
        return None;
    }
    let below = host
        .strip_suffix(domain)
        .is_some_and(|left| left.ends_with('.'));
    let domain_told = super::short(domain);
    if !below {
        return Some(format!(
            "its Domain {domain_told} is neither the host {host} nor a domain above it"
        ));
    }
    is_public_suffix(domain).then(|| {
        format!(
            "its Domain {domain_told} is a public suffix, below which anyone can register a name"
        )
    })
}

/// Whether the whole domain is on the list by which browsers judge, such as `co.uk`, or a name of one word.
fn is_public_suffix(domain: &str) -> bool {
    let listed = psl::suffix(domain.as_bytes());
    !domain.contains('.')
        || listed.is_some_and(|suffix| suffix.is_known() && suffix.as_bytes() == domain.as_bytes())
}

/// On loopback most browsers take a Secure cookie for safe, so that it is [`super::weak`]'s to tell.
fn scheme(cookie: &SetCookie, url: &Url) -> Option<String> {
    if cookie.secure && !is_https(url) && !is_loopback(url) {
        return Some("it is Secure, and the page is plain http".to_owned());
    }
    if cookie.same_site == Some(SameSite::None) && !cookie.secure {
        return Some("SameSite=None needs Secure".to_owned());
    }
    (cookie.partitioned && !cookie.secure).then(|| "Partitioned needs Secure".to_owned())
}

/// Browsers match the prefixes without regard to case, and drop a cookie that breaks what its prefix promises.
fn prefix(cookie: &SetCookie) -> Option<String> {
    let name = cookie.name.to_ascii_lowercase();
    let (prefix, host, http) = if name.starts_with("__host-http-") {
        ("__Host-Http-", true, true)
    } else if name.starts_with("__host-") {
        ("__Host-", true, false)
    } else if name.starts_with("__http-") {
        ("__Http-", false, true)
    } else if name.starts_with("__secure-") {
        ("__Secure-", false, false)
    } else {
        return None;
    };
    let missing = [
        (!cookie.secure, "Secure"),
        (http && !cookie.http_only, "HttpOnly"),
        (host && cookie.path.as_deref() != Some("/"), "Path=/"),
        (host && cookie.domain.is_some(), "no Domain"),
    ];
    let missing: Vec<_> = missing
        .into_iter()
        .filter_map(|(is, what)| is.then_some(what))
        .collect();
    (!missing.is_empty()).then(|| {
        format!(
            "a name that begins with {prefix} goes with {}",
            missing.join(" and ")
        )
    })
}

/// `=__Host-a=b` would be sent as `__Host-a=b`.
fn nameless(cookie: &SetCookie) -> Option<String> {
    let value = cookie.value.to_ascii_lowercase();
    let poses = ["__host-", "__secure-", "__http-"]
        .iter()
        .any(|prefix| value.starts_with(prefix));
    (cookie.name.is_empty() && poses)
        .then(|| "it has no name, and its value poses as a name with a prefix".to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::super::answer::tests::noon;
    use super::*;

    fn told(url: &str, line: &str) -> Option<String> {
        let cookie = SetCookie::read(line.as_bytes(), noon())
            .unwrap_or_else(|refused| panic!("{refused:?}"));
        reason(&cookie, &Url::parse(url).unwrap())
    }

    /// Each is beside one that a browser keeps.
    #[test]
    fn each_reason_is_named_and_its_neighbour_is_kept() {
        let site = "https://app.example.com/login";
        for (url, dropped, word, kept) in [
            (
                site,
                "a=b; Domain=other.com",
                "neither",
                "a=b; Domain=example.com",
            ),
            (
                site,
                "a=b; Domain=ample.com",
                "neither",
                "a=b; Domain=.example.com",
            ),
            (
                site,
                "a=b; Domain=x.app.example.com",
                "neither",
                "a=b; Domain=app.example.com",
            ),
            (site, "a=b; Domain=com", "public suffix", "a=b; Domain="),
            (
                "https://shop.co.uk",
                "a=b; Domain=co.uk",
                "public suffix",
                "a=b; Domain=shop.co.uk",
            ),
            (
                "https://me.github.io",
                "a=b; Domain=github.io",
                "public suffix",
                "a=b; Domain=me.github.io",
            ),
            (
                "https://192.0.2.1",
                "a=b; Domain=example.com",
                "address",
                "a=b",
            ),
            ("http://a.example", "a=b; Secure", "plain http", "a=b"),
            (
                site,
                "a=b; SameSite=None",
                "SameSite=None",
                "a=b; SameSite=None; Secure",
            ),
            (
                site,
                "a=b; Partitioned",
                "Partitioned",
                "a=b; Partitioned; Secure",
            ),
            (
                site,
                "__Secure-a=b",
                "goes with Secure",
                "__Secure-a=b; Secure",
            ),
            (site, "__sEcUre-a=b", "goes with Secure", "_Secure-a=b"),
            (
                site,
                "__Host-a=b; Secure",
                "Path=/",
                "__Host-a=b; Secure; Path=/",
            ),
            (
                site,
                "__host-a=b; Secure; Path=/login",
                "Path=/",
                "__host-a=b; Secure; Path=/",
            ),
            (
                site,
                "__Host-a=b; Secure; Path=/; Domain=app.example.com",
                "no Domain",
                "__Host-a=b; Secure; Path=/; Domain=",
            ),
            (
                site,
                "__Http-a=b; Secure",
                "HttpOnly",
                "__Http-a=b; Secure; HttpOnly",
            ),
            (
                site,
                "__HOST-HTTP-a=b; Secure; Path=/",
                "__Host-Http- goes with HttpOnly",
                "__Host-Http-a=b; Secure; Path=/; HttpOnly",
            ),
            (site, "=__Host-a=b; Secure; Path=/", "no name", "=a=b"),
            (site, "__Secure-a", "no name", "Secure-a"),
        ] {
            let reason = told(url, dropped).unwrap_or_else(|| panic!("{dropped} is kept"));
            assert!(reason.contains(word), "{dropped}: {reason}");
            assert_eq!(told(url, kept), None, "{kept}");
        }
    }
}
