//! What a browser keeps, and should not have to: the cookie of a session with a defence missing.

use super::super::super::Finding;
use super::super::answer::{Answer, Method, is_https, is_loopback};
use super::super::escaped::short;
use super::read::{SameSite, SetCookie};

/// Fewer characters of base64 have not the 64 bits that OWASP asks of a session's id.
const GUESSABLE: usize = 11;

/// Words in the names by which frameworks call a session's cookie.
const WORDS: [&str; 9] = [
    "sess",
    "auth",
    "token",
    "jwt",
    "login",
    "remember",
    "identity",
    "lockjar",
    "credential",
];

/// Whether by its name or its value this is what a browser is known by. A token against forged requests is no such thing:
/// pages have to read it.
pub(super) fn is_session(name: &str, value: &str) -> bool {
    let name = bare(name);
    if ["csrf", "xsrf", "antiforgery", "requestverification"]
        .iter()
        .any(|word| name.contains(word))
    {
        return false;
    }
    WORDS.iter().any(|word| name.contains(word)) || name.ends_with("sid") || is_jwt(value)
}

/// In lower case, without its prefix.
fn bare(name: &str) -> String {
    let mut name = name.to_ascii_lowercase();
    for prefix in ["__host-", "__http-", "__secure-"] {
        name = name.strip_prefix(prefix).unwrap_or(&name).to_owned();
    }
    name
}

/// Three parts of base64url, of which the first begins as `{"` does.
fn is_jwt(value: &str) -> bool {
    let value = value.trim_matches('"');
    let token = value.rsplit([' ', '+']).next().unwrap_or(value);
    let token = token.strip_prefix("Bearer%20").unwrap_or(token);
    let base64url = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let parts: Vec<_> = token.split('.').collect();
    parts.len() == 3
        && token.starts_with("eyJ")
        && parts
            .iter()
            .all(|part| !part.is_empty() && part.bytes().all(base64url))
}

pub(super) fn findings(cookie: &SetCookie, answer: &Answer) -> Vec<Finding> {
    let mut findings = Vec::new();
    if cookie.name.is_empty() {
        findings.push(Finding::slight(
            "L084",
            "a cookie has no name, so that servers read it differently from browsers",
            "Give it a name",
        ));
    }
    if !is_session(&cookie.name, &cookie.value) {
        return findings;
    }
    if cookie.is_removed() {
        findings.extend(removed_at_once(cookie));
        return findings;
    }
    findings.extend(readable(cookie));
    findings.extend(on_the_way(cookie, answer));
    findings.extend(shared(cookie, answer));
    findings.extend(stored(cookie, answer));
    findings
}

/// A log-out writes an empty value, or a word such as `deleted`.
fn removed_at_once(cookie: &SetCookie) -> Option<Finding> {
    (cookie.value.len() >= GUESSABLE).then(|| {
        Finding::serious(
            "L083",
            format!(
                "the cookie {} is over as soon as it is set, so that nobody is logged in",
                short(&cookie.name)
            ),
            "Set a Max-Age above zero, and see that the server's clock is right",
        )
    })
}

/// What scripts and guessers get at.
fn readable(cookie: &SetCookie) -> Vec<Finding> {
    let name = short(&cookie.name);
    let mut findings = Vec::new();
    if !cookie.http_only {
        let jwt = match is_jwt(&cookie.value) {
            true => ", and it holds a JWT, which works wherever it is copied to",
            false => "",
        };
        findings.push(Finding::serious(
            "L071",
            format!("scripts can read the session cookie {name}{jwt}: it has no HttpOnly"),
            "Set HttpOnly, so that a script that gets into a page cannot carry the session away",
        ));
    }
    if !cookie.value.is_empty() && cookie.value.len() < GUESSABLE {
        findings.push(Finding::serious(
            "L079",
            format!(
                "the session cookie {name} has a value of {} characters, which can be guessed",
                cookie.value.chars().count()
            ),
            "Hand out random values of 128 bits, and keep what they stand for on the server",
        ));
    }
    findings
}

/// What whoever is on the way, or another site, gets at.
fn on_the_way(cookie: &SetCookie, answer: &Answer) -> Vec<Finding> {
    let name = short(&cookie.name);
    let mut findings = Vec::new();
    let (https, loopback) = (is_https(&answer.url), is_loopback(&answer.url));
    if https && !cookie.secure {
        findings.push(Finding::serious(
            "L072",
            format!("the session cookie {name} is sent over plain http too: it has no Secure"),
            "Set Secure",
        ));
    }
    if !https && !loopback {
        findings.push(Finding::serious(
            "L078",
            format!("the session cookie {name} is set over plain http, where everyone on the way can read it"),
            "Serve the site over https alone",
        ));
    }
    if !https && loopback && cookie.secure {
        findings.push(Finding::slight(
            "L085",
            format!("the session cookie {name} is Secure, and Safari drops it even on this machine's plain http"),
            "Leave Secure out on plain http, or serve https here too",
        ));
    }
    if cookie.same_site.is_none() {
        findings.push(Finding::slight(
            "L073",
            format!("the session cookie {name} has no SameSite, and what that means differs between browsers"),
            "Set SameSite=Lax, or Strict",
        ));
    }
    if cookie.same_site == Some(SameSite::None) {
        findings.push(Finding::slight(
            "L086",
            format!("the session cookie {name} is sent with requests from every other site (SameSite=None)"),
            "Use Lax unless other sites have to embed this one",
        ));
    }
    findings
}

/// Who else may set it, and where it goes.
fn shared(cookie: &SetCookie, answer: &Answer) -> Vec<Finding> {
    let name = short(&cookie.name);
    let lower = cookie.name.to_ascii_lowercase();
    let mut findings = Vec::new();
    if let Some(domain) = &cookie.domain {
        findings.push(Finding::slight(
            "L074",
            format!(
                "every host below {} receives the session cookie {name} and may set it",
                short(domain)
            ),
            "Leave Domain out unless all of these hosts are yours and equally safe",
        ));
    }
    let whole = cookie.path.as_deref() == Some("/");
    if is_https(&answer.url)
        && cookie.secure
        && cookie.domain.is_none()
        && whole
        && !lower.starts_with("__host-")
    {
        findings.push(Finding::slight(
            "L075",
            format!("sibling hosts plant a session cookie of the name {name}, since it does not begin with __Host-"),
            "Name it __Host-Http-session or __Host-session",
        ));
    }
    if let Some(path) = narrow_path(cookie, answer) {
        findings.push(Finding::slight(
            "L082",
            format!(
                "the session cookie {name} is only sent below {}",
                short(&path)
            ),
            "Set Path=/ unless the rest of the site needs no session",
        ));
    }
    findings
}

/// The path, where the page that sets the cookie does not get it back, or where nobody has chosen it. A token that is for
/// one endpoint alone, such as `/refresh`, may well be kept to it.
fn narrow_path(cookie: &SetCookie, answer: &Answer) -> Option<String> {
    let page = answer.url.path();
    match &cookie.path {
        Some(path) if bare(&cookie.name).contains("refresh") || covers(path, page) => None,
        Some(path) => Some(path.clone()),
        None => default_path(page),
    }
}

/// RFC 6265bis, section 5.1.4.
fn covers(path: &str, page: &str) -> bool {
    page.strip_prefix(path)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || path.ends_with('/'))
}

/// The page's folder, where that is not the whole site.
fn default_path(page: &str) -> Option<String> {
    let folder = page.rsplit_once('/').map_or("", |(folder, _)| folder);
    (!folder.is_empty()).then(|| folder.to_owned())
}

/// What a cache hands to the next visitor. Answers to a POST are stored only where it is said that they may be.
fn stored(cookie: &SetCookie, answer: &Answer) -> Option<Finding> {
    let name = short(&cookie.name);
    let control = answer.text("cache-control").to_ascii_lowercase();
    let words: Vec<_> = control.split(',').map(str::trim).collect();
    let has = |word: &str| words.iter().any(|it| it.split('=').next() == Some(word));
    if has("no-store") || has("private") || has("no-cache") {
        return None;
    }
    let lasting = |word: &&str| {
        let age = word
            .strip_prefix("max-age=")
            .or_else(|| word.strip_prefix("s-maxage="));
        age.is_some_and(|age| age.trim_matches('"') != "0")
    };
    if has("public") || words.iter().any(lasting) {
        return Some(Finding::serious(
            "L077",
            format!(
                "caches may keep the answer that sets the session cookie {name}, and give it to somebody else"
            ),
            "Send Cache-Control: no-store with every answer that sets a cookie",
        ));
    }
    (answer.method == Method::Get).then(|| {
        Finding::slight(
            "L076",
            format!(
                "nothing keeps caches from storing the answer that sets the session cookie {name}"
            ),
            "Send Cache-Control: no-store with every answer that sets a cookie",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::answer::tests::answer;
    use super::*;

    const VALUE: &str = "0123456789abcdef";

    fn numbers(url: &str, cookie: &str, cache: &str) -> Vec<&'static str> {
        let headers = [("set-cookie", cookie), ("cache-control", cache)];
        let answer = answer(url, 200, &headers);
        let found = super::super::findings(&answer);
        found.iter().map(|finding| finding.number).collect()
    }

    /// The first cookie has the finding and the second has none.
    #[test]
    fn each_missing_defence_has_its_number_and_its_neighbour_has_none() {
        let site = "https://a.example.com/login";
        let good = format!("__Host-session={VALUE}; Secure; HttpOnly; SameSite=Lax; Path=/");
        let sibling = good.replace("__Host-", "__Secure-");
        let pathless = sibling.replace("; Path=/", "");
        let plain = format!("session={VALUE}; HttpOnly; SameSite=Lax; Path=/");
        for (url, cookie, expected) in [
            (site, good.clone(), &[][..]),
            (site, good.replace("; HttpOnly", ""), &["L071"]),
            (site, plain.clone(), &["L072"]),
            (site, good.replace("; SameSite=Lax", ""), &["L073"]),
            (site, format!("{sibling}; Domain=example.com"), &["L074"]),
            (site, sibling.clone(), &["L075"]),
            ("http://a.example.com/login", plain.clone(), &["L078"]),
            ("http://localhost:8000/login", plain.clone(), &[]),
            (site, good.replace(VALUE, "alice"), &["L079"]),
            (site, format!("{pathless}; Path=/api"), &["L082"]),
            (
                "https://a.example.com/accounts/login",
                pathless.clone(),
                &["L082"],
            ),
            (site, format!("{good}; Max-Age=0"), &["L083"]),
            (site, format!("{}; Max-Age=0", good.replace(VALUE, "")), &[]),
            (site, format!("{VALUE}; Secure"), &["L084"]),
            (
                "http://localhost:8000/login",
                format!("{plain}; Secure"),
                &["L085"],
            ),
            (site, good.replace("Lax", "None"), &["L086"]),
        ] {
            assert_eq!(numbers(url, &cookie, "no-store"), expected, "{cookie}");
        }
    }

    #[test]
    fn a_refresh_token_may_be_kept_to_its_endpoint() {
        let cookie = format!(
            "__Secure-refresh_token={VALUE}; Secure; HttpOnly; SameSite=Strict; Path=/refresh"
        );
        assert_eq!(
            numbers("https://a.example/login", &cookie, "no-store"),
            [""; 0]
        );
    }

    #[test]
    fn a_cookie_in_an_answer_that_caches_may_keep_is_found() {
        let cookie = format!("__Host-session={VALUE}; Secure; HttpOnly; SameSite=Lax; Path=/");
        let found = |cache| numbers("https://a.example", &cookie, cache);
        assert_eq!(found(""), ["L076"]);
        assert_eq!(found("max-age=0"), ["L076"]);
        for cache in ["public", "Max-Age=60", "s-maxage=1, immutable"] {
            assert_eq!(found(cache), ["L077"], "{cache}");
        }
        for cache in ["no-store", "private, max-age=60", "no-cache"] {
            assert_eq!(found(cache), [""; 0], "{cache}");
        }
    }

    #[test]
    fn session_cookies_are_known_by_name_and_jwts_by_value() {
        let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln";
        for (name, value) in [
            ("sessionid", ""),
            ("PHPSESSID", ""),
            ("connect.sid", ""),
            ("access_token", ""),
            ("__Host-Http-session", ""),
            ("laravel_session", ""),
            ("x", jwt),
            ("x", &format!("\"Bearer {jwt}\"")),
        ] {
            assert!(is_session(name, value), "{name}={value}");
        }
        for (name, value) in [
            ("csrftoken", ""),
            ("XSRF-TOKEN", ""),
            ("theme", "dark"),
            ("x", "eyJ.b"),
            ("AWSALB", ""),
            ("side", ""),
        ] {
            assert!(!is_session(name, value), "{name}={value}");
        }
    }

    #[test]
    fn a_jwt_that_scripts_can_read_is_called_one() {
        let cookie = "access_token=\"Bearer eyJh.eyJz.c2ln\"; SameSite=Lax; Path=/";
        let answer = answer(
            "http://localhost/login",
            200,
            &[("set-cookie", cookie), ("cache-control", "no-store")],
        );
        let found = super::super::findings(&answer);
        assert!(found[0].to_string().contains("JWT"), "{}", found[0]);
    }
}
