//! Findings in the settings: L00x the address, L01x the cookie, L04x what belongs on a developer's machine.

use std::time::Duration;

use lockjar::PublicUrl;
use lockjar::cookie::{CookiePolicy, SameSite};

use super::Finding;
use crate::config::Config;
use crate::settings::LogLevel;

/// NIST SP 800-63B-4 at AAL1.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);

pub(super) fn findings(config: &Config) -> Vec<Finding> {
    let public = config
        .public_url(config.listen_port())
        .and_then(|url| PublicUrl::parse(&url));
    let mut findings: Vec<_> = refused(config).into_iter().collect();
    if let Ok(public) = public {
        findings.extend(address(config, &public));
        findings.extend(cookie(config, &public));
    }
    findings.extend(debugging(config));
    findings
}

/// What the server itself refuses to start with.
fn refused(config: &Config) -> Option<Finding> {
    let validated = config.validate(config.listen_port());
    validated.err().map(|error| {
        Finding::serious(
            "L002",
            error.to_string(),
            "Change the setting; the server refuses to start with it",
        )
    })
}

fn address(config: &Config, public: &PublicUrl) -> Vec<Finding> {
    let host = config
        .listen()
        .rsplit_once(':')
        .map_or(config.listen(), |(host, _)| host);
    let open = !matches!(host, "127.0.0.1" | "localhost" | "[::1]");
    let plain = config.tls.is_none();
    let mut findings = Vec::new();
    if !public.is_https() && !public.is_loopback() {
        findings.push(Finding::serious(
            "L001",
            format!("the public URL {public} is plain http, so everyone on the way can read the cookie"),
            "Use https: give --tls-cert and --tls-key, or put a proxy with TLS in front and name its address",
        ));
    }
    if open && plain && !public.is_https() {
        findings.push(Finding::serious(
            "L003",
            format!(
                "{} listens beyond this machine without TLS",
                config.listen()
            ),
            "Listen on 127.0.0.1, or serve https",
        ));
    }
    if public.is_https() && plain && !config.trusts_proxies() {
        findings.push(Finding::slight(
            "L005",
            "by the public URL a proxy with TLS is in front, and no proxy is named whose word is taken for where requests come from: \
             all failed log-ins are counted as one address's",
            "Name the proxy's address or network in trusted_proxies",
        ));
    }
    if open && public.is_loopback() {
        findings.push(Finding::slight(
            "L004",
            format!(
                "{} listens beyond this machine, but the public URL {public} is this machine alone",
                config.listen()
            ),
            "Set --public-url to the address that people open, or listen on 127.0.0.1",
        ));
    }
    findings
}

fn cookie(config: &Config, public: &PublicUrl) -> Vec<Finding> {
    let settings = config.cookie();
    let Ok(policy) = CookiePolicy::new(public, &settings) else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    if public.is_https() && settings.domain.is_none() {
        findings.extend(plantable(policy.name(), settings.path.as_deref()));
    }
    if let Some(domain) = &settings.domain {
        findings.push(Finding::slight(
            "L011",
            format!("every host below {domain} receives the session cookie and may set it"),
            "Leave cookie.domain out unless all of these hosts are yours and equally safe",
        ));
    }
    if settings.same_site == SameSite::None {
        findings.push(Finding::slight(
            "L012",
            "the cookie is sent with requests from every other site (SameSite=None)",
            "Use lax unless other sites have to embed this one",
        ));
    }
    if settings.max_age.is_some_and(|age| age > LONGEST) || config.limits().absolute > LONGEST {
        findings.push(Finding::slight(
            "L013",
            "sessions last longer than the 30 days after which NIST SP 800-63B-4 asks for the password again",
            "Shorten cookie.max_age and session.absolute",
        ));
    }
    findings
}

/// What a name that does not begin with `__Host-` leaves open, and what is in the way of one that does.
fn plantable(name: &str, path: Option<&str>) -> Option<Finding> {
    let lower = name.to_ascii_lowercase();
    if lower.starts_with("__host-") {
        return None;
    }
    let who = match lower.starts_with("__secure-") || lower.starts_with("__http-") {
        true => "sibling hosts",
        false => "sibling hosts and plain http",
    };
    let remedy = match path {
        None | Some("/") => "Leave cookie.name out, or begin it with __Host-",
        Some(_) => "Leave cookie.path out, since a name that begins with __Host- needs Path=/",
    };
    let what = format!("the cookie's name {name:?} lets {who} plant it");
    Some(Finding::serious("L010", what, remedy))
}

fn debugging(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    if matches!(config.log_level(), LogLevel::Debug | LogLevel::Trace) {
        findings.push(Finding::slight(
            "L040",
            "the log level is for debugging, which costs speed and logs every request",
            "Use info",
        ));
    }
    let shortest = config.password_policy().min_length();
    if shortest < 15 {
        findings.push(Finding::slight(
            "L041",
            format!("passwords of {shortest} characters are accepted, where NIST SP 800-63B-4 asks for 15"),
            "Leave password.min_length out",
        ));
    }
    for origin in config
        .trusted_origins()
        .iter()
        .filter(|origin| origin.starts_with("http://"))
    {
        findings.push(Finding::serious(
            "L042",
            format!("the trusted origin {origin} is plain http, so whoever is on the way can act from it"),
            "Trust origins with https alone",
        ));
    }
    if config.insecure_plain_http() {
        findings.push(Finding::serious(
            "L043",
            "insecure_plain_http is on",
            "Serve https and turn it off",
        ));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::load;

    fn numbers(file: &str) -> Vec<&'static str> {
        findings(&load(&[], file).unwrap())
            .iter()
            .map(|finding| finding.number)
            .collect()
    }

    #[test]
    fn a_sound_deployment_has_no_findings() {
        assert_eq!(numbers(""), [""; 0]);
        let behind_a_proxy = "public_url = \"https://app.example.com\"\nlisten = \"0.0.0.0:8000\"\n\
                              trusted_proxies = [\"10.0.0.1\"]";
        assert_eq!(numbers(behind_a_proxy), [""; 0]);
    }

    #[test]
    fn each_mistake_has_its_number() {
        let https = "public_url = \"https://app.example.com\"\n";
        for (file, number) in [
            (
                "public_url = \"http://app.example.com\"\ninsecure_plain_http = true".to_owned(),
                "L001",
            ),
            ("public_url = \"http://app.example.com\"".to_owned(), "L002"),
            ("public_url = \"nonsense\"".to_owned(), "L002"),
            ("session.idle = \"0s\"".to_owned(), "L002"),
            ("trusted_origins = [\"nonsense\"]".to_owned(), "L002"),
            ("cookie.path = \"app\"".to_owned(), "L002"),
            ("token = \"jwt\"\njwt.lifetime = \"59s\"".to_owned(), "L002"),
            (
                "token = \"jwt\"\njwt.algorithm = \"none\"".to_owned(),
                "L002",
            ),
            ("token = \"jwt\"\ncookie.name = \"a\"".to_owned(), "L002"),
            ("listen = \"0.0.0.0:8000\"".to_owned(), "L003"),
            ("listen = \"[::]:8000\"".to_owned(), "L004"),
            (https.to_owned(), "L005"),
            ("trusted_proxies = [\"proxy.example\"]".to_owned(), "L002"),
            ("proxy_protocol = true".to_owned(), "L002"),
            (
                "proxy_protocol = true\ntrusted_proxies = [\"proxy.example\"]".to_owned(),
                "L002",
            ),
            (format!("{https}cookie.name = \"session\""), "L010"),
            (format!("{https}cookie.domain = \"example.com\""), "L011"),
            (format!("{https}cookie.same_site = \"none\""), "L012"),
            (format!("{https}cookie.max_age = \"31d\""), "L013"),
            (format!("{https}session.absolute = \"31d\""), "L013"),
            ("log_level = \"debug\"".to_owned(), "L040"),
            ("password.min_length = 8".to_owned(), "L041"),
            (
                format!("{https}trusted_origins = [\"http://a.example\"]"),
                "L042",
            ),
            (format!("{https}insecure_plain_http = true"), "L043"),
        ] {
            assert!(
                numbers(&file).contains(&number),
                "{file}: {:?}",
                numbers(&file)
            );
        }
    }
    #[test]
    fn what_is_said_of_a_cookies_name_depends_on_the_name_and_the_path() {
        let told = |name: &str, path| plantable(name, path).map(|finding| finding.to_string());
        assert_eq!(told("__Host-Http-session", Some("/")), None);
        for (name, path, who, remedy) in [
            (
                "session",
                None,
                "sibling hosts and plain http plant",
                "cookie.name",
            ),
            (
                "__Secure-session",
                None,
                "sibling hosts plant",
                "cookie.name",
            ),
            (
                "__Secure-session",
                Some("/app"),
                "sibling hosts plant",
                "cookie.path",
            ),
        ] {
            let told = told(name, path).unwrap();
            assert!(
                told.contains(who) && told.contains(remedy),
                "{name}: {told}"
            );
        }
    }
}
