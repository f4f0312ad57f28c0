//! A `User-Agent` in words: "Chrome on Linux", for a person who looks at their list of sessions.
//!
//! The header is whatever the client cares to send, so this names only what it knows. Of an unknown agent it
//! gives the product token of RFC 9110, which has no room for markup, and never more than 40 characters of it.

/// What to say when the header says nothing usable.
const UNKNOWN: &str = "Unknown device";

/// The most that is repeated of a name that is not in the tables.
const LONGEST_UNKNOWN_NAME: usize = 40;

/// Browsers by the token that gives them away. The order matters: nearly all of them also claim to be Chrome,
/// Chrome claims to be Safari, and so the more particular claim comes first.
const BROWSERS: &[(&str, &str)] = &[
    ("Edg/", "Edge"),
    ("EdgA/", "Edge"),
    ("EdgiOS/", "Edge"),
    ("OPR/", "Opera"),
    ("OPT/", "Opera"),
    ("Vivaldi/", "Vivaldi"),
    ("YaBrowser/", "Yandex Browser"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("DuckDuckGo/", "DuckDuckGo"),
    ("Ddg/", "DuckDuckGo"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chromium/", "Chromium"),
    ("HeadlessChrome/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
];

/// Platforms by what stands in the comment. iPhones claim to be like a Mac and Android is a Linux, hence the order.
const PLATFORMS: &[(&str, &str)] = &[
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Macintosh", "Mac"),
    ("Linux", "Linux"),
];

/// The device in words, from the request's `User-Agent`.
pub(crate) fn describe(user_agent: Option<&str>) -> String {
    let agent = user_agent.unwrap_or_default().trim();
    if !agent.starts_with("Mozilla/") {
        return program(agent);
    }
    match (known(BROWSERS, agent), known(PLATFORMS, agent)) {
        (Some(browser), Some(platform)) => format!("{browser} on {platform}"),
        (Some(browser), None) => browser.to_owned(),
        (None, Some(platform)) => format!("A browser on {platform}"),
        (None, None) => UNKNOWN.to_owned(),
    }
}

/// The first name in `table` whose token `agent` contains.
fn known(table: &[(&str, &'static str)], agent: &str) -> Option<&'static str> {
    table
        .iter()
        .find(|(token, _)| agent.contains(token))
        .map(|&(_, name)| name)
}

/// The product token that `agent` opens with, as in `curl/8.5.0`: what is not a browser names itself first.
fn program(agent: &str) -> String {
    let name: String = agent
        .chars()
        .take_while(|&c| is_token(c))
        .take(LONGEST_UNKNOWN_NAME)
        .collect();
    if name.is_empty() {
        UNKNOWN.to_owned()
    } else {
        name
    }
}

/// Whether RFC 9110, section 5.6.2, allows `c` in a token.
fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEBKIT: &str = "AppleWebKit/537.36 (KHTML, like Gecko)";

    fn described(agent: &str) -> String {
        describe(Some(agent))
    }

    #[test]
    fn browsers_are_told_apart_though_they_claim_to_be_one_another() {
        let cases = [
            (format!("Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} Chrome/130.0.0.0 Safari/537.36"), "Chrome on Linux"),
            (format!("Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {WEBKIT} Chrome/130.0.0.0 Safari/537.36"), "Chrome on ChromeOS"),
            (format!("Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/130.0.0.0 Safari/537.36 Edg/130.0.0.0"), "Edge on Windows"),
            (format!("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {WEBKIT} Chrome/130.0.0.0 Safari/537.36 OPR/115.0"), "Opera on Mac"),
            (format!("Mozilla/5.0 (Linux; Android 10; K) {WEBKIT} Chrome/130.0.0.0 Mobile Safari/537.36"), "Chrome on Android"),
            (format!("Mozilla/5.0 (Linux; Android 10; K) {WEBKIT} SamsungBrowser/26.0 Chrome/122.0.0.0 Mobile Safari/537.36"), "Samsung Internet on Android"),
            (format!("Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} HeadlessChrome/130.0.0.0 Safari/537.36"), "Chrome on Linux"),
            ("Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0".to_owned(), "Firefox on Linux"),
            ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15".to_owned(), "Safari on Mac"),
        ];
        for (agent, expected) in cases {
            assert_eq!(described(&agent), expected, "{agent}");
        }
    }

    #[test]
    fn browsers_on_ios_are_told_apart_and_no_iphone_is_a_mac() {
        let iphone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)";
        let cases = [
            (
                "Version/18.0 Mobile/15E148 Safari/604.1",
                "Safari on iPhone",
            ),
            (
                "CriOS/130.0.0.0 Mobile/15E148 Safari/604.1",
                "Chrome on iPhone",
            ),
            (
                "FxiOS/132.0 Mobile/15E148 Safari/605.1.15",
                "Firefox on iPhone",
            ),
            (
                "EdgiOS/130.0 Version/18.0 Mobile/15E148 Safari/604.1",
                "Edge on iPhone",
            ),
        ];
        for (products, expected) in cases {
            assert_eq!(described(&format!("{iphone} {products}")), expected);
        }
        let ipad = "Mozilla/5.0 (iPad; CPU OS 16_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/16.0 Safari/604.1";
        assert_eq!(described(ipad), "Safari on iPad");
    }

    #[test]
    fn half_known_agents_say_the_half_that_is_known() {
        assert_eq!(described("Mozilla/5.0 (Plan9) Firefox/132.0"), "Firefox");
        assert_eq!(
            described("Mozilla/5.0 (X11; Linux x86_64) Novel/1.0"),
            "A browser on Linux"
        );
        assert_eq!(described("Mozilla/5.0 (compatible; Somebot/2.1)"), UNKNOWN);
    }

    #[test]
    fn programs_go_by_their_product_token() {
        assert_eq!(described("curl/8.5.0"), "curl");
        assert_eq!(described("python-requests/2.32.3"), "python-requests");
        assert_eq!(described("  wrk "), "wrk");
        assert_eq!(described("okhttp/4.12.0 (Linux; Android 14)"), "okhttp");
    }

    #[test]
    fn nothing_is_said_of_a_missing_or_empty_agent() {
        assert_eq!(describe(None), UNKNOWN);
        assert_eq!(described(""), UNKNOWN);
        assert_eq!(described(" \t "), UNKNOWN);
    }

    #[test]
    fn a_hostile_agent_cannot_bring_markup_or_length_into_the_page() {
        assert_eq!(described("<script>alert(1)</script>"), UNKNOWN);
        assert_eq!(described("x<script>"), "x");
        assert_eq!(described("\u{202e}evil"), UNKNOWN);
        assert_eq!(described(&"a".repeat(9_000)), "a".repeat(40));
    }
}
