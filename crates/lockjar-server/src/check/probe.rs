//! Findings in the running site: L05x. Asked from outside, as a browser would, without an account.

use std::time::Duration;

use ureq::http::{HeaderMap, Response};
use ureq::{Agent, Body};

use super::Finding;

const PATIENCE: Duration = Duration::from_secs(10);
/// An origin that no site trusts.
const ELSEWHERE: &str = "https://attacker.example";

pub(super) fn findings(url: &str) -> Vec<Finding> {
    let agent: Agent = Agent::config_builder()
        .timeout_global(Some(PATIENCE))
        .http_status_as_error(false)
        .max_redirects(0)
        .build()
        .into();
    let page = match agent
        .get(format!("{url}/login"))
        .header("Accept", "text/html")
        .call()
    {
        Ok(page) => page,
        Err(error) => {
            let what = format!("{url} did not answer: {error}");
            return vec![Finding::serious(
                "L050",
                what,
                "Start the server, or give the address that people open",
            )];
        }
    };
    let mut findings = headers(page.headers(), url.starts_with("https://"));
    let forged = agent
        .post(format!("{url}/login"))
        .header("Origin", ELSEWHERE)
        .send_form([("username", "x")]);
    if !is(&forged, 403) {
        findings.push(Finding::serious(
            "L055",
            format!("a log-in from {ELSEWHERE} was not refused"),
            "Pass the Origin and Sec-Fetch-Site headers through the proxy unchanged, and mount everything",
        ));
    }
    if !is(&agent.get(format!("{url}/protected")).call(), 401) {
        findings.push(Finding::serious(
            "L056",
            "GET /protected without a cookie was not answered with 401",
            "See that the proxy adds no cookie and caches no answer",
        ));
    }
    findings
}

fn is(response: &Result<Response<Body>, ureq::Error>, status: u16) -> bool {
    response
        .as_ref()
        .is_ok_and(|response| response.status() == status)
}

fn headers(headers: &HeaderMap, https: bool) -> Vec<Finding> {
    let value = |name| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    let mut findings = Vec::new();
    let mut expect = |holds: bool, number, what: &str| {
        if !holds {
            findings.push(Finding::slight(
                number,
                what,
                "Pass the server's headers through the proxy unchanged",
            ));
        }
    };
    expect(
        !https || value("strict-transport-security").contains("max-age"),
        "L051",
        "HSTS is missing, so a browser may come back by plain http",
    );
    let csp = value("content-security-policy");
    expect(
        csp.contains("default-src") && !csp.contains("unsafe-inline"),
        "L052",
        "the Content-Security-Policy is missing or allows inline scripts",
    );
    expect(
        value("x-content-type-options") == "nosniff",
        "L053",
        "X-Content-Type-Options: nosniff is missing",
    );
    expect(
        value("cache-control").contains("no-store"),
        "L054",
        "pages may be stored by caches (Cache-Control lacks no-store)",
    );
    findings
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    fn numbers(lines: &[(&'static str, &'static str)], https: bool) -> Vec<&'static str> {
        let mut map = HeaderMap::new();
        for (name, value) in lines {
            map.insert(*name, ureq::http::HeaderValue::from_static(value));
        }
        headers(&map, https)
            .iter()
            .map(|finding| finding.number)
            .collect()
    }

    #[test]
    fn each_missing_header_has_its_number() {
        let good = [
            ("strict-transport-security", "max-age=63072000"),
            ("content-security-policy", "default-src 'none'"),
            ("x-content-type-options", "nosniff"),
            ("cache-control", "private, no-store"),
        ];
        assert_eq!(numbers(&good, true), [""; 0]);
        assert_eq!(
            numbers(&good[1..], false),
            [""; 0],
            "plain http has no HSTS"
        );
        assert_eq!(numbers(&[], true), ["L051", "L052", "L053", "L054"]);
        let inline = [
            good[0],
            (
                "content-security-policy",
                "default-src 'self' 'unsafe-inline'",
            ),
            good[2],
            good[3],
        ];
        assert_eq!(numbers(&inline, true), ["L052"]);
    }

    /// Answers everything with an empty 200, as a proxy that swallowed the guard and the headers would.
    fn indifferent_site() -> String {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).unwrap();
                let _ = stream.write_all(
                    b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
                );
            }
        });
        url
    }

    #[test]
    fn a_site_without_guard_and_headers_is_found() {
        let found = findings(&indifferent_site());
        let numbers: Vec<_> = found.iter().map(|finding| finding.number).collect();
        assert_eq!(numbers, ["L052", "L053", "L054", "L055", "L056"]);
    }

    #[test]
    fn a_site_that_does_not_answer_is_found() {
        assert_eq!(findings("http://127.0.0.1:9")[0].number, "L050");
    }
}
