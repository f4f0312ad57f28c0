//! Findings in the site's clock: L14x. Tokens and dates of expiry are judged by it.

use std::time::Duration;

use super::super::Finding;
use super::answer::Answer;

/// `Date` has whole seconds, and an answer takes some.
const ODD: Duration = Duration::from_secs(30);
/// As long as an access token lives.
const WRONG: Duration = Duration::from_secs(5 * 60);
const REMEDY: &str = "Have the server's clock set by NTP, and this machine's as well";

pub(super) fn findings(answer: &Answer) -> Option<Finding> {
    let date = httpdate::parse_http_date(answer.text("date")).ok()?;
    let (off, direction) = match date.duration_since(answer.came) {
        Ok(ahead) => (ahead, "ahead of"),
        Err(behind) => (behind.duration(), "behind"),
    };
    let what = |then: &str| {
        format!(
            "the site's clock is {} seconds {direction} this machine's, {then}",
            off.as_secs()
        )
    };
    if off > WRONG {
        let then = "so that tokens and cookies are over before their time, or long after it";
        return Some(Finding::serious("L141", what(then), REMEDY));
    }
    (off > ODD).then(|| Finding::slight("L140", what("which short-lived tokens feel"), REMEDY))
}

#[cfg(test)]
mod tests {
    use super::super::answer::tests::{answer, noon};
    use super::*;

    #[test]
    fn a_clock_that_is_off_is_found_in_both_directions() {
        let number = |seconds: i64| {
            let off = Duration::from_secs(seconds.unsigned_abs());
            let date = if seconds < 0 {
                noon() - off
            } else {
                noon() + off
            };
            let date = httpdate::fmt_http_date(date);
            let found = findings(&answer("https://a.example", 200, &[("date", &date)]));
            found.map(|finding| finding.number)
        };
        for (seconds, expected) in [
            (0, None),
            (30, None),
            (-30, None),
            (31, Some("L140")),
            (-300, Some("L140")),
            (301, Some("L141")),
            (-86_400, Some("L141")),
        ] {
            assert_eq!(number(seconds), expected, "{seconds}");
        }
    }

    #[test]
    fn a_date_that_is_none_is_no_finding() {
        assert!(findings(&answer("https://a.example", 200, &[("date", "noon")])).is_none());
        assert!(findings(&answer("https://a.example", 200, &[])).is_none());
    }
}
