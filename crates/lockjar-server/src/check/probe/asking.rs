//! Asks the site, within bounds: it may be slow, endless or hostile. Nothing is judged here.

use std::io::Read;
use std::time::{Duration, Instant, SystemTime};

use ureq::http::Response;
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body};
use url::Url;

use super::answer::{Answer, Method, is_https, told};
use super::trust::Roots;

/// For one answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// For all of them.
const WHOLE: Duration = Duration::from_secs(60);
/// More requests than a check has reason to make.
pub(super) const REQUESTS: usize = 40;
/// What is read of a body, in bytes.
pub(super) const BODY: u64 = 1024 * 1024;
/// All header lines of an answer together, in bytes.
const HEADERS: usize = 64 * 1024;
/// A browser follows twenty.
const REDIRECTS: usize = 5;

/// Makes requests and keeps a list of them.
pub(super) struct Asker {
    agent: Agent,
    until: Instant,
    asked: Vec<String>,
}

impl Asker {
    /// Without `verified` any certificate will do: then no secret may be sent.
    pub(super) fn new(roots: &Roots, verified: bool) -> Self {
        let tls = TlsConfig::builder()
            .root_certs(match roots.own() {
                Some(own) => RootCerts::Specific(own),
                None => RootCerts::WebPki,
            })
            .disable_verification(!verified);
        let config = Agent::config_builder()
            .tls_config(tls.build())
            .http_status_as_error(false)
            .max_redirects(0)
            .max_response_header_size(HEADERS)
            .user_agent(concat!("lockjar-check/", env!("CARGO_PKG_VERSION")));
        Self {
            agent: config.build().into(),
            until: Instant::now() + WHOLE,
            asked: Vec::new(),
        }
    }

    pub(super) fn get(&mut self, url: &Url, headers: &[(&str, &str)]) -> Result<Answer, String> {
        let patience = self.note("GET", url)?;
        let mut request = self.agent.get(url.as_str()).header("Accept", "text/html");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let config = request.config().timeout_global(Some(patience));
        read(url, Method::Get, config.build().call())
    }

    pub(super) fn post(
        &mut self,
        url: &Url,
        headers: &[(&str, &str)],
        form: &[(String, String)],
    ) -> Result<Answer, String> {
        let patience = self.note("POST", url)?;
        let mut request = self.agent.post(url.as_str()).header("Accept", "text/html");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let config = request.config().timeout_global(Some(patience));
        let pairs = form.iter().map(|(name, value)| (&**name, &**value));
        read(url, Method::Post, config.build().send_form(pairs))
    }

    /// Follows redirects, but only to the same host, and never from https back to plain http.
    pub(super) fn open(&mut self, url: &Url) -> Result<Vec<Answer>, String> {
        let mut way = vec![self.get(url, &[])?];
        while way.len() <= REDIRECTS {
            let last = &way[way.len() - 1];
            let Some(next) = last.redirect().filter(|next| may_follow(&last.url, next)) else {
                break;
            };
            way.push(self.get(&next, &[])?);
        }
        Ok(way)
    }

    /// Every request that was made.
    pub(super) fn asked(self) -> Vec<String> {
        self.asked
    }

    /// How long the answer may take, unless there is no more to be asked.
    fn note(&mut self, method: &str, url: &Url) -> Result<Duration, String> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() || self.asked.len() >= REQUESTS {
            return Err(format!(
                "the check ends after {REQUESTS} requests or {} seconds",
                WHOLE.as_secs()
            ));
        }
        self.asked.push(format!("{method} {}", told(url)));
        Ok(left.min(PATIENCE))
    }
}

/// Whether a redirect stays where we were sent to look.
pub(super) fn may_follow(from: &Url, to: &Url) -> bool {
    let same_port = from.port_or_known_default() == to.port_or_known_default();
    let upgrade = from.port().is_none() && to.port().is_none() && is_https(to);
    from.host() == to.host() && (from.scheme() == to.scheme() && same_port || upgrade)
}

fn read(
    url: &Url,
    method: Method,
    response: Result<Response<Body>, ureq::Error>,
) -> Result<Answer, String> {
    let (parts, body) = response.map_err(|error| error.to_string())?.into_parts();
    let mut beginning = Vec::new();
    // A body that breaks off says as much as it has said.
    let _ = body.into_reader().take(BODY).read_to_end(&mut beginning);
    Ok(Answer {
        url: url.clone(),
        method,
        status: parts.status.as_u16(),
        headers: parts.headers,
        body: beginning,
        came: SystemTime::now(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_are_followed_on_the_same_host_alone_and_never_back_to_plain_http() {
        let follow =
            |from: &str, to: &str| may_follow(&Url::parse(from).unwrap(), &Url::parse(to).unwrap());
        assert!(follow("https://a.example", "https://a.example/login"));
        assert!(follow("http://a.example", "https://a.example/"));
        assert!(!follow("https://a.example", "http://a.example/"));
        assert!(!follow("https://a.example", "https://b.example/"));
        assert!(!follow("http://127.0.0.1:8000", "http://127.0.0.1:9000/"));
        assert!(!follow("http://127.0.0.1:8000", "https://127.0.0.1/"));
    }
}
