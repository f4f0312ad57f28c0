//! Findings in the headers of a page: L051 to L054 and L09x.

use super::super::Finding;
use super::answer::{Answer, is_https};

/// A year, which is what browsers' preload lists ask for, in seconds.
const YEAR: u64 = 365 * 24 * 3600;
const THROUGH: &str = "Send the header, and have the proxy pass it through unchanged";

/// `referrer_in_page` is what the page says in place of the header. A refusal is no page that anybody stays on.
pub(super) fn findings(page: &Answer, referrer_in_page: Option<&str>) -> Vec<Finding> {
    let mut findings: Vec<_> = hsts(page).into_iter().collect();
    if page.status >= 400 {
        return findings;
    }
    findings.extend(sniffing(page));
    if page.is_page() {
        findings.extend(scripts(page));
        findings.extend(frames(page));
        findings.extend(referrer(page, referrer_in_page));
    }
    let stored = page.text("cache-control").to_ascii_lowercase();
    if !stored.contains("no-store") {
        findings.push(Finding::slight(
            "L054",
            "pages may be stored by caches (Cache-Control lacks no-store)",
            THROUGH,
        ));
    }
    findings
}

/// Only the first header counts (RFC 6797), and none that came by plain http.
fn hsts(page: &Answer) -> Option<Finding> {
    if !is_https(&page.url) {
        return None;
    }
    let age = max_age(page.text("strict-transport-security"));
    match age {
        None | Some(0) => Some(Finding::slight(
            "L051",
            "HSTS is missing, so a browser may come back by plain http",
            THROUGH,
        )),
        Some(age) if age < YEAR => Some(Finding::slight(
            "L090",
            format!(
                "HSTS is forgotten after {} days, and then a browser may come back by plain http",
                age / (24 * 3600)
            ),
            "Send Strict-Transport-Security: max-age=63072000",
        )),
        Some(_) => None,
    }
}

fn max_age(header: &str) -> Option<u64> {
    header.split(';').find_map(|directive| {
        let (name, value) = directive.split_once('=')?;
        let age = value.trim().trim_matches('"').parse().ok()?;
        name.trim().eq_ignore_ascii_case("max-age").then_some(age)
    })
}

fn sniffing(page: &Answer) -> Option<Finding> {
    let nosniff = page
        .text("x-content-type-options")
        .eq_ignore_ascii_case("nosniff");
    (!nosniff).then(|| {
        Finding::slight(
            "L053",
            "X-Content-Type-Options: nosniff is missing",
            THROUGH,
        )
    })
}

/// Every policy of a page has to allow what a script does, so that one good one is enough.
fn scripts(page: &Answer) -> Option<Finding> {
    let safe = policies(page).iter().any(|policy| blocks_inline(policy));
    (!safe).then(|| {
        Finding::slight(
            "L052",
            "the Content-Security-Policy is missing or allows inline scripts",
            THROUGH,
        )
    })
}

fn policies(page: &Answer) -> Vec<String> {
    let lines = page.all("content-security-policy");
    let texts = lines.map(|line| String::from_utf8_lossy(line).to_ascii_lowercase());
    texts
        .flat_map(|text| text.split(',').map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

/// Browsers that know a nonce or a hash do not heed `unsafe-inline` beside it.
fn blocks_inline(policy: &str) -> bool {
    let Some(sources) =
        directive(policy, "script-src").or_else(|| directive(policy, "default-src"))
    else {
        return false;
    };
    let strict = [
        "'nonce-",
        "'sha256-",
        "'sha384-",
        "'sha512-",
        "'strict-dynamic'",
    ];
    !sources.contains("'unsafe-inline'") || strict.iter().any(|word| sources.contains(word))
}

/// The first of the name counts.
fn directive<'a>(policy: &'a str, name: &str) -> Option<&'a str> {
    policy.split(';').find_map(|directive| {
        let rest = directive.trim().strip_prefix(name)?;
        (rest.is_empty() || rest.starts_with(char::is_whitespace)).then_some(rest)
    })
}

/// Another site that shows the log-in in a frame has people click what they do not see.
fn frames(page: &Answer) -> Option<Finding> {
    let policies = policies(page);
    let by_policy = policies
        .iter()
        .filter_map(|policy| directive(policy, "frame-ancestors"));
    let mut by_policy = by_policy
        .map(|hosts| !hosts.split_whitespace().any(is_anyone))
        .peekable();
    let safe = match by_policy.peek() {
        Some(_) => by_policy.any(|safe| safe),
        None => {
            let old = page.text("x-frame-options").trim().to_ascii_lowercase();
            old == "deny" || old == "sameorigin"
        }
    };
    (!safe).then(|| {
        Finding::slight(
            "L091",
            "any site may show the page in a frame, and have people click on what they do not see",
            "Send Content-Security-Policy: frame-ancestors 'none'",
        )
    })
}

fn is_anyone(host: &str) -> bool {
    matches!(host, "*" | "http:" | "https:")
}

/// The last policy that a browser knows counts.
fn referrer(page: &Answer, in_page: Option<&str>) -> Option<Finding> {
    const KNOWN: [&str; 8] = [
        "no-referrer",
        "no-referrer-when-downgrade",
        "same-origin",
        "origin",
        "strict-origin",
        "origin-when-cross-origin",
        "strict-origin-when-cross-origin",
        "unsafe-url",
    ];
    let last = |text: &str| {
        let mut words = text.split(',').map(|word| word.trim().to_ascii_lowercase());
        words.rfind(|word| KNOWN.contains(&&**word))
    };
    let policy = in_page
        .and_then(last)
        .or_else(|| last(page.text("referrer-policy")))?;
    (policy == "no-referrer").then(|| {
        Finding::slight(
            "L092",
            "Referrer-Policy: no-referrer turns the Origin of the page's own forms into null, so that they cannot be told \
             from another site's",
            "Send Referrer-Policy: same-origin",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::answer::tests::answer;
    use super::*;

    const GOOD: [(&str, &str); 5] = [
        ("strict-transport-security", "max-age=63072000"),
        (
            "content-security-policy",
            "default-src 'none'; frame-ancestors 'none'",
        ),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "private, no-store"),
        ("referrer-policy", "same-origin"),
    ];

    fn numbers(url: &str, lines: &[(&str, &str)]) -> Vec<&'static str> {
        let found = findings(&answer(url, 200, lines), None);
        found.iter().map(|finding| finding.number).collect()
    }

    /// The good headers with one in the place of its namesake.
    fn but(name: &'static str, value: &'static str) -> Vec<&'static str> {
        let others = GOOD.iter().copied().filter(|(it, _)| *it != name);
        let lines: Vec<_> = others.chain([(name, value)]).collect();
        numbers("https://a.example", &lines)
    }

    #[test]
    fn each_missing_header_has_its_number() {
        assert_eq!(numbers("https://a.example", &GOOD), [""; 0]);
        assert_eq!(
            numbers("http://localhost", &GOOD[1..]),
            [""; 0],
            "plain http has no HSTS"
        );
        let bare = ["L051", "L053", "L052", "L091", "L054"];
        assert_eq!(numbers("https://a.example", &[]), bare);
        let json = [("content-type", "application/json")];
        assert_eq!(numbers("http://localhost", &json), ["L053", "L054"]);
        let refusal = findings(&answer("https://a.example", 405, &[]), None);
        assert_eq!(refusal[0].number, "L051");
        assert_eq!(refusal.len(), 1);
    }

    #[test]
    fn hsts_is_read_as_browsers_do() {
        for (value, expected) in [
            ("max-age=0", &["L051"][..]),
            ("includeSubDomains", &["L051"]),
            ("max-age=86400", &["L090"]),
            ("includeSubDomains; Max-Age=\"31536000\"", &[]),
        ] {
            assert_eq!(but("strict-transport-security", value), expected, "{value}");
        }
    }

    #[test]
    fn a_policy_that_allows_inline_scripts_is_none() {
        for (value, expected) in [
            (
                "default-src 'self' 'unsafe-inline'; frame-ancestors 'none'",
                &["L052"][..],
            ),
            ("img-src *; frame-ancestors 'none'", &["L052"]),
            (
                "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'",
                &[],
            ),
            (
                "script-src 'nonce-abc' 'unsafe-inline'; frame-ancestors a.example",
                &[],
            ),
            ("default-src 'none'", &["L091"]),
            ("default-src 'none'; frame-ancestors *", &["L091"]),
        ] {
            assert_eq!(but("content-security-policy", value), expected, "{value}");
        }
        let old = [
            GOOD[0],
            ("content-security-policy", "default-src 'none'"),
            GOOD[2],
            GOOD[3],
            ("x-frame-options", "DENY"),
        ];
        assert_eq!(numbers("https://a.example", &old), [""; 0]);
    }

    #[test]
    fn no_referrer_is_a_trap_wherever_it_stands() {
        assert_eq!(but("referrer-policy", "no-referrer"), ["L092"]);
        assert_eq!(
            but("referrer-policy", "no-referrer, strict-origin"),
            [""; 0]
        );
        assert_eq!(but("referrer-policy", "no-referrer, nonsense"), ["L092"]);
        let page = answer("https://a.example", 200, &GOOD);
        assert_eq!(findings(&page, Some("no-referrer"))[0].number, "L092");
    }
}
