//! What plain http says of a site that is served by https: L10x. The HSTS header is worth nothing there.

use url::Url;

use super::super::Finding;
use super::answer::{Answer, is_https, told};
use super::cookie;

/// The same page by plain http, where that has a place of its own: a site on another port than 443 has none.
pub(super) fn twin(url: &Url) -> Option<Url> {
    let mut plain = url.clone();
    let has_twin = is_https(url) && url.port().is_none() && plain.set_scheme("http").is_ok();
    has_twin.then_some(plain)
}

pub(super) fn findings(plain: &Answer) -> Vec<Finding> {
    let mut findings = Vec::new();
    let names: Vec<_> = cookie::kept(plain)
        .into_iter()
        .map(|cookie| cookie.name)
        .collect();
    if !names.is_empty() {
        findings.push(Finding::serious(
            "L101",
            format!(
                "{} sets a cookie ({}) over plain http, where everyone on the way can read it and write another",
                told(&plain.url),
                super::escaped::short(&names.join(", "))
            ),
            "Let plain http redirect and do nothing else",
        ));
    }
    match plain.redirect() {
        Some(to) => findings.extend(leads(plain, &to)),
        None if plain.status < 300 => findings.push(Finding::serious(
            "L100",
            format!(
                "{} is served over plain http, where everyone on the way can change it",
                told(&plain.url)
            ),
            "Redirect to https with 301 or 308",
        )),
        None => {}
    }
    findings
}

fn leads(plain: &Answer, to: &Url) -> Vec<Finding> {
    let mut findings = Vec::new();
    let from = told(&plain.url);
    if !is_https(to) {
        findings.push(Finding::serious(
            "L102",
            format!("{from} redirects to plain http, {}", told(to)),
            "Redirect to https with 301 or 308",
        ));
    } else if to.host() != plain.url.host() {
        findings.push(Finding::slight(
            "L104",
            format!("{from} redirects to another host, {}, so that no browser ever hears this one's HSTS", told(to)),
            "Redirect to https of the same host first",
        ));
    } else if !matches!(plain.status, 301 | 308) {
        findings.push(Finding::slight(
            "L103",
            format!(
                "{from} redirects to https with {}, which browsers do not remember",
                plain.status
            ),
            "Redirect with 301 or 308",
        ));
    }
    findings
}

/// A page by https that leads back to plain http.
pub(super) fn downgrade(page: &Answer) -> Option<Finding> {
    let to = page
        .redirect()
        .filter(|to| is_https(&page.url) && !is_https(to))?;
    Some(Finding::serious(
        "L105",
        format!(
            "{} redirects from https to plain http, {}",
            told(&page.url),
            told(&to)
        ),
        "Give the app its public address, or have the proxy say which scheme it was asked by",
    ))
}

#[cfg(test)]
mod tests {
    use super::super::answer::tests::answer;
    use super::*;

    fn numbers(status: u16, headers: &[(&str, &str)]) -> Vec<&'static str> {
        let found = findings(&answer("http://a.example/login", status, headers));
        found.iter().map(|finding| finding.number).collect()
    }

    #[test]
    fn plain_http_redirects_for_good_to_the_same_host_and_does_nothing_else() {
        let to = |status, location| numbers(status, &[("location", location)]);
        assert_eq!(to(301, "https://a.example/login"), [""; 0]);
        assert_eq!(to(308, "https://a.example/"), [""; 0]);
        assert_eq!(to(302, "https://a.example/login"), ["L103"]);
        assert_eq!(to(301, "https://www.a.example/login"), ["L104"]);
        assert_eq!(to(301, "http://a.example/home"), ["L102"]);
        assert_eq!(to(301, "/home"), ["L102"]);
        assert_eq!(numbers(200, &[]), ["L100"]);
        assert_eq!(
            numbers(200, &[("strict-transport-security", "max-age=63072000")]),
            ["L100"]
        );
        assert_eq!(numbers(403, &[]), [""; 0], "who refuses serves nothing");
        let cookie = ("set-cookie", "theme=dark");
        assert_eq!(
            numbers(301, &[("location", "https://a.example/"), cookie]),
            ["L101"]
        );
    }

    #[test]
    fn a_site_on_a_port_of_its_own_has_no_twin() {
        let twin = |url: &str| twin(&Url::parse(url).unwrap()).map(String::from);
        assert_eq!(
            twin("https://a.example/x").as_deref(),
            Some("http://a.example/x")
        );
        assert_eq!(twin("https://a.example:8443/x"), None);
        assert_eq!(twin("http://a.example/x"), None);
    }

    #[test]
    fn a_way_back_to_plain_http_is_found() {
        let number = |to: &str| {
            let page = answer("https://a.example/", 302, &[("location", to)]);
            downgrade(&page).map(|finding| finding.number)
        };
        assert_eq!(number("http://a.example/login"), Some("L105"));
        assert_eq!(number("/login"), None);
    }
}
