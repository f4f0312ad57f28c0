//! Whether what anybody can write into a request is believed: L12x.
//!
//! A site that builds its links from `Host` or `X-Forwarded-Host` mails recovery links to an attacker's host.

use super::super::Finding;
use super::answer::Answer;
use super::cookie;
use super::form::Page;

/// A host that is nobody's, which no page names of its own accord.
pub(super) const PLANTED: &str = "lockjar-check.example";

/// The header that was planted, and where it came back.
pub(super) fn reflected(header: &str, answer: &Answer) -> Option<Finding> {
    let place = place(answer)?;
    Some(match header {
        "Host" => Finding::serious(
            "L122",
            format!(
                "another host in Host comes back in {place}, so that links can be made to lead elsewhere"
            ),
            "Have the proxy answer for the site's own names alone, and give the app its public address",
        ),
        _ => Finding::serious(
            "L120",
            format!(
                "a host that anybody writes into {header} comes back in {place}, so that links can be made to lead elsewhere"
            ),
            "Have the proxy overwrite the header, and the app believe it from the proxy's address alone",
        ),
    })
}

fn place(answer: &Answer) -> Option<&'static str> {
    let location = answer.url.join(answer.text("location")).ok();
    if location.is_some_and(|url| url.host_str() == Some(PLANTED)) {
        return Some("Location");
    }
    let in_cookie = |line: &[u8]| {
        let line = String::from_utf8_lossy(line).to_ascii_lowercase();
        line.contains(PLANTED)
    };
    if answer.all("set-cookie").any(in_cookie) {
        return Some("a cookie");
    }
    let hosts = Page::read(&answer.body, &answer.url).hosts;
    hosts.contains(PLANTED).then_some("the page's links")
}

/// What an answer to the opposite of the truth in `X-Forwarded-Proto` does otherwise than one without it.
pub(super) fn believes_scheme(plain: &Answer, other: &Answer) -> Option<Finding> {
    let scheme = |answer: &Answer| answer.redirect().map(|url| url.scheme().to_owned());
    let what = if scheme(plain) != scheme(other) {
        "redirects otherwise"
    } else if secure_flags_differ(plain, other) {
        "sets its cookies otherwise"
    } else {
        return None;
    };
    Some(Finding::slight(
        "L121",
        format!("the site {what} when anybody sends X-Forwarded-Proto"),
        "Have the proxy overwrite the header, and the app believe it from the proxy's address alone",
    ))
}

fn secure_flags_differ(plain: &Answer, other: &Answer) -> bool {
    let others = cookie::kept(other);
    cookie::kept(plain).iter().any(|cookie| {
        let twin = others.iter().find(|other| other.name == cookie.name);
        twin.is_some_and(|twin| twin.is_secure() != cookie.is_secure())
    })
}

#[cfg(test)]
mod tests {
    use super::super::answer::tests::answer;
    use super::*;

    fn made(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut answer = answer("https://a.example/login", status, headers);
        answer.body = body.as_bytes().to_vec();
        answer
    }

    #[test]
    fn a_planted_host_is_found_wherever_it_comes_back() {
        let number =
            |header, answer: &Answer| reflected(header, answer).map(|finding| finding.number);
        for answer in [
            made(
                302,
                &[("location", "https://lockjar-check.example/login")],
                "",
            ),
            made(
                200,
                &[("set-cookie", "a=b; Domain=lockjar-check.example")],
                "",
            ),
            made(
                200,
                &[],
                "<form action=https://lockjar-check.example/login>",
            ),
            made(
                200,
                &[],
                "<link rel=canonical href=//lockjar-check.example>",
            ),
        ] {
            assert_eq!(number("X-Forwarded-Host", &answer), Some("L120"));
            assert_eq!(number("Host", &answer), Some("L122"));
        }
    }

    #[test]
    fn a_host_that_does_not_come_back_or_is_only_text_is_no_finding() {
        for answer in [
            made(
                302,
                &[("location", "/login?host=lockjar-check.example")],
                "",
            ),
            made(
                200,
                &[],
                "<p>No site lockjar-check.example here</p><a href=/login>",
            ),
            made(421, &[], ""),
        ] {
            assert!(reflected("Host", &answer).is_none());
        }
    }

    #[test]
    fn a_scheme_that_anybody_may_claim_is_found_by_what_changes() {
        let page = |cookie: &str| made(200, &[("set-cookie", cookie)], "");
        let secure = page("session=0123456789abcdef; Secure");
        assert!(believes_scheme(&secure, &page("session=0123456789abcdef")).is_some());
        assert!(believes_scheme(&secure, &page("session=ffffffffffffffff; Secure")).is_none());
        let moved = made(301, &[("location", "https://a.example/login")], "");
        assert!(believes_scheme(&made(200, &[], ""), &moved).is_some());
        assert!(believes_scheme(&moved, &moved).is_none());
    }
}
