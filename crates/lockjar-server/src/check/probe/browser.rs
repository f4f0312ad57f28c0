//! What a browser adds to a request of its own accord.

use url::Url;

use super::answer::told;
use super::log_in::Jar;

/// The headers of a form that the page itself sends.
pub(super) fn own_headers(page: &Url, action: &Url) -> Vec<(&'static str, String)> {
    let site = match page.origin() == action.origin() {
        true => "same-origin",
        false => "same-site",
    };
    vec![
        ("Origin", page.origin().ascii_serialization()),
        ("Referer", told(page)),
        ("Sec-Fetch-Site", site.to_owned()),
        ("Sec-Fetch-Mode", "navigate".to_owned()),
        ("Sec-Fetch-Dest", "document".to_owned()),
    ]
}

/// The headers of a form on a page of `elsewhere`.
pub(super) fn forged_headers(elsewhere: &str) -> [(&'static str, &str); 4] {
    [
        ("Origin", elsewhere),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Mode", "navigate"),
        ("Sec-Fetch-Dest", "document"),
    ]
}

pub(super) fn cookie_header(jar: &Jar) -> String {
    let pairs: Vec<_> = jar
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.join("; ")
}

/// A word that nobody has as a name, a password or a session.
pub(super) fn nonsense() -> String {
    let mut bytes = [0; 16];
    // Without randomness the word is known, which does no harm here.
    let _ = getrandom::fill(&mut bytes);
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("lockjar-check-{digits}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_says_whose_it_is() {
        let page = Url::parse("https://a.example/login?next=secret").unwrap();
        let own = own_headers(&page, &page);
        assert_eq!(own[0], ("Origin", "https://a.example".to_owned()));
        assert_eq!(own[1].1, "https://a.example/login", "without the query");
        assert_eq!(own[2].1, "same-origin");
    }

    #[test]
    fn no_two_words_are_alike() {
        assert_ne!(nonsense(), nonsense());
    }
}
