//! Whether a log-in that another site sends is refused *because* another site sends it: L055 and L11x.
//!
//! The same wrong name and password go there twice: from the page's own origin with its cookies, and from an attacker's
//! without them, which is all that an attacker can make a browser send. Only the difference says anything.

use super::super::Finding;
use super::answer::{Answer, told};
use super::escaped::short;

/// An origin that no site trusts.
pub(super) const ELSEWHERE: &str = "https://attacker.example";

/// What the two answers show.
pub(super) enum Verdict {
    /// The origin or the missing token made the difference.
    Refused,
    Found(Finding),
    /// One sentence: why nothing can be said.
    Unseen(String),
}

/// `has_token`: the form has a hidden field that looks like a token.
pub(super) fn judge(own: &Answer, forged: &Answer, has_token: bool) -> Verdict {
    let differ = own.status != forged.status;
    match (own.status, forged.status) {
        (_, 429 | 500..) | (429 | 500.., _) => {
            unseen(own, forged, "the site was too busy to judge it")
        }
        (_, 404 | 405 | 415) => unseen(own, forged, "no log-in is taken there"),
        (_, 400..) if differ => Verdict::Refused,
        (400 | 403 | 419 | 422, _) if !differ => unseen(
            own,
            forged,
            "the page's own log-in was refused in the same way",
        ),
        (_, 300..400) if told_location(own) != told_location(forged) => {
            unseen(own, forged, "they lead to different pages")
        }
        (_, 200..300) if has_token && !differ => unseen(
            own,
            forged,
            "the form has a token, and a page may tell of a wrong one as it tells of a wrong password",
        ),
        _ => Verdict::Found(Finding::serious(
            "L055",
            format!(
                "a log-in from {ELSEWHERE} was not refused (it was answered with {}, as the page's own with {})",
                forged.status, own.status
            ),
            "Refuse unsafe requests by Origin and Sec-Fetch-Site, log-in included, and pass these headers through the proxy \
             unchanged",
        )),
    }
}

fn unseen(own: &Answer, forged: &Answer, why: &str) -> Verdict {
    Verdict::Unseen(format!(
        "whether a log-in from another origin is refused: it was answered with {}, the page's own with {}, and {why}",
        forged.status, own.status
    ))
}

fn told_location(answer: &Answer) -> Option<String> {
    answer.redirect().map(|url| told(&url))
}

/// A site of Lockjar's that refuses its own page has lost a header on the way.
pub(super) fn own_refused(own: &Answer) -> Option<Finding> {
    (own.status == 403).then(|| {
        Finding::serious(
            "L114",
            "the page's own log-in is refused as another site's, so that nobody can log in",
            "Set --public-url to the address that people open, and pass Origin and Sec-Fetch-Site through the proxy unchanged",
        )
    })
}

/// CORS that hands answers to whoever asks, with the visitor's cookies.
pub(super) fn cors(answer: &Answer) -> Option<Finding> {
    let allowed = answer.text("access-control-allow-origin").trim();
    let with_cookies = answer.text("access-control-allow-credentials").trim() == "true";
    (allowed == ELSEWHERE && with_cookies).then(|| {
        Finding::serious(
            "L110",
            format!(
                "any site may read {} as the visitor: the Origin of the request comes back in Access-Control-Allow-Origin, with \
                 credentials",
                short(&told(&answer.url))
            ),
            "Name the origins that may read answers, one by one",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::answer::tests::answer;
    use super::*;

    fn verdict(own: &str, forged: &str, has_token: bool) -> &'static str {
        let read = |text: &str| {
            let (status, location) = text.split_once(' ').unwrap_or((text, ""));
            let location = [("location", location)];
            answer(
                "https://a.example/login",
                status.parse().unwrap(),
                &location,
            )
        };
        match judge(&read(own), &read(forged), has_token) {
            Verdict::Refused => "refused",
            Verdict::Found(finding) => finding.number,
            Verdict::Unseen(_) => "unseen",
        }
    }

    #[test]
    fn only_a_difference_shows_that_the_origin_was_looked_at() {
        for (what, own, forged, token, expected) in [
            ("Lockjar", "401", "403", false, "refused"),
            ("Django", "200", "403", true, "refused"),
            ("Laravel", "302 /login", "419", true, "refused"),
            ("ASP.NET", "200", "400", true, "refused"),
            ("FastAPI without a guard", "401", "401", false, "L055"),
            (
                "Express that shows the form again",
                "200",
                "200",
                false,
                "L055",
            ),
            (
                "a redirect to the form in both cases",
                "303 /login",
                "303 /login",
                false,
                "L055",
            ),
            (
                "a redirect to another page",
                "303 /login",
                "303 /refused",
                false,
                "unseen",
            ),
            (
                "a token that may have been looked at",
                "200",
                "200",
                true,
                "unseen",
            ),
            ("both refused alike", "403", "403", true, "unseen"),
            ("fields of other names", "422", "422", false, "unseen"),
            ("throttled", "429", "429", false, "unseen"),
            ("throttled meanwhile", "401", "429", false, "unseen"),
            ("broken", "500", "500", false, "unseen"),
            ("nothing there", "404", "404", false, "unseen"),
            (
                "let in where the own is not",
                "401",
                "303 /home",
                false,
                "unseen",
            ),
            ("answered where the own is not", "401", "200", false, "L055"),
        ] {
            assert_eq!(verdict(own, forged, token), expected, "{what}");
        }
    }

    #[test]
    fn cors_is_found_where_it_hands_out_what_cookies_open() {
        let found = |origin: &str, credentials: &str| {
            let headers = [
                ("access-control-allow-origin", origin),
                ("access-control-allow-credentials", credentials),
            ];
            cors(&answer("https://a.example", 200, &headers)).map(|finding| finding.number)
        };
        assert_eq!(found(ELSEWHERE, "true"), Some("L110"));
        assert_eq!(found(ELSEWHERE, "false"), None);
        assert_eq!(found("*", "true"), None, "browsers refuse it");
        assert_eq!(found("https://b.example", "true"), None);
    }

    #[test]
    fn lockjar_that_refuses_its_own_page_is_found() {
        assert!(own_refused(&answer("https://a.example", 403, &[])).is_some());
        assert!(own_refused(&answer("https://a.example", 401, &[])).is_none());
    }
}
