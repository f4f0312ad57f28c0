//! `Set-Cookie` as a browser reads it: what it would drop, and what of a session it would leave open.
//!
//! Two steps, as in [RFC 6265bis] (draft 20): [`read`] is section 5.6, which reads the line; [`dropped`] is section 5.7,
//! which decides whether the cookie is kept. [`weak`] is ours.
//!
//! [RFC 6265bis]: https://datatracker.ietf.org/doc/draft-ietf-httpbis-rfc6265bis/

mod dropped;
mod read;
mod weak;

pub(super) use read::SetCookie;

use super::super::Finding;
use super::answer::Answer;
use super::escaped::short;

/// More cookies than a browser keeps of one site are not looked at.
const COOKIES: usize = 50;

/// The cookies of an answer that a browser would keep, without those that it would remove.
pub(super) fn kept(answer: &Answer) -> Vec<SetCookie> {
    all(answer)
        .filter(|cookie| !cookie.is_removed() && dropped::reason(cookie, &answer.url).is_none())
        .collect()
}

/// All cookies of an answer that could be read, removals included.
pub(super) fn all(answer: &Answer) -> impl Iterator<Item = SetCookie> {
    lines(answer).filter_map(|line| SetCookie::read(line, answer.came).ok())
}

/// Whether by its name or its value this is what a browser is known by.
pub(super) fn is_session(cookie: &SetCookie) -> bool {
    is_session_of(&cookie.name, &cookie.value)
}

pub(super) fn is_session_of(name: &str, value: &str) -> bool {
    weak::is_session(name, value)
}

/// Findings in all cookies of one answer: L07x and L08x.
pub(super) fn findings(answer: &Answer) -> Vec<Finding> {
    lines(answer)
        .flat_map(|line| in_line(line, answer))
        .collect()
}

fn lines(answer: &Answer) -> impl Iterator<Item = &[u8]> {
    answer.all("set-cookie").take(COOKIES)
}

fn in_line(line: &[u8], answer: &Answer) -> Vec<Finding> {
    let dropped = |name: &str, reason: &str| {
        vec![Finding::serious(
            "L070",
            format!(
                "the cookie {} would be dropped, because {reason}",
                short(name)
            ),
            "Set the attributes that its name and the page's address ask for; docs/check.md has them all",
        )]
    };
    let cookie = match SetCookie::read(line, answer.came) {
        Ok(cookie) => cookie,
        Err(refused) => return dropped(&refused.name, refused.reason),
    };
    if let Some(reason) = dropped::reason(&cookie, &answer.url) {
        return dropped(&cookie.name, &reason);
    }
    let mut findings = unheeded(&cookie);
    findings.extend(weak::findings(&cookie, answer));
    findings
}

/// What was asked for and will not be.
fn unheeded(cookie: &SetCookie) -> Vec<Finding> {
    let name = short(&cookie.name);
    let mut findings: Vec<_> = cookie
        .unheeded
        .iter()
        .map(|why| {
            Finding::slight(
                "L080",
                format!("browsers ignore an attribute of the cookie {name}: {why}"),
                "Write the attribute as RFC 6265bis has it, or leave it out",
            )
        })
        .collect();
    if cookie.is_capped() {
        findings.push(Finding::slight(
            "L081",
            format!(
                "the cookie {name} asks for more than 400 days, which is where browsers cut it off"
            ),
            "Ask for no more; NIST SP 800-63B-4 has the password asked again after 30 days",
        ));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::answer::tests::answer;
    use super::*;

    fn numbers(url: &str, cookie: &str) -> Vec<&'static str> {
        let private = ("cache-control", "no-store");
        let found = findings(&answer(url, 200, &[private, ("set-cookie", cookie)]));
        found.iter().map(|finding| finding.number).collect()
    }

    #[test]
    fn lockjars_own_cookies_have_no_findings() {
        let token = "x".repeat(43);
        for (url, cookie) in [
            (
                "https://a.example/login",
                "__Host-Http-session=T; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=3600",
            ),
            (
                "http://localhost:8000/login",
                "lockjar_8000=T; HttpOnly; SameSite=Lax; Path=/",
            ),
            (
                "https://a.example/logout",
                "__Host-Http-session=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0",
            ),
        ] {
            let cookie = cookie.replace('T', &token);
            assert_eq!(numbers(url, &cookie), [""; 0], "{cookie}");
        }
    }

    #[test]
    fn of_a_cookie_that_would_be_dropped_nothing_else_is_said() {
        let naked = "__Host-session=0123456789abcdef; Path=/";
        assert_eq!(numbers("https://a.example", naked), ["L070"]);
        let kept = "__Host-theme=dark; Path=/; Secure";
        assert_eq!(numbers("https://a.example", kept), [""; 0]);
    }

    #[test]
    fn what_browsers_do_not_heed_is_found() {
        let base = "theme=dark; Secure";
        for (attribute, number) in [
            ("; Max-Age=34560001", "L081"),
            ("; Expires=Mon, 01 Jan 2035 00:00:00 GMT", "L081"),
            ("; Path=app", "L080"),
            ("; SameSite=Relaxed", "L080"),
            ("; Max-Age=1h", "L080"),
            ("; Expires=tomorrow", "L080"),
        ] {
            let cookie = format!("{base}{attribute}");
            assert_eq!(numbers("https://a.example", &cookie), [number], "{cookie}");
        }
        let fine = format!("{base}; Max-Age=34560000; Path=/app; samesite=LAX");
        assert_eq!(numbers("https://a.example", &fine), [""; 0]);
    }

    #[test]
    fn a_hundred_cookies_are_not_a_hundred_findings() {
        let many: Vec<_> = (0..100).map(|_| ("set-cookie", "__Host-a=b")).collect();
        assert_eq!(
            findings(&answer("https://a.example", 200, &many)).len(),
            COOKIES
        );
    }
}
