//! Asks the site, within bounds: it may be slow, endless or hostile. Nothing is judged here.

use std::io::Read;
use std::time::{Duration, SystemTime};

use ureq::http::Response;
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body, RequestBuilder};
use url::Url;

use super::answer::{Answer, Method, is_https, is_loopback, told};
use super::budget::Budget;
use super::trust::Roots;

/// What is read of a body, in bytes.
pub(super) const BODY: u64 = 1024 * 1024;
/// All header lines of an answer together, in bytes.
const HEADERS: usize = 64 * 1024;
/// A browser follows twenty.
const REDIRECTS: usize = 5;

/// The headers by which one request differs from another. Nothing secret is among them.
const TELLING: [&str; 5] = [
    "Origin",
    "Host",
    "Forwarded",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
];

/// Makes requests, as long as the budget lasts.
pub(super) struct Asker<'a> {
    agent: Agent,
    budget: &'a mut Budget,
}

impl<'a> Asker<'a> {
    /// Without `verified` any certificate will do: then no secret may be sent.
    pub(super) fn new(roots: &Roots, verified: bool, budget: &'a mut Budget) -> Self {
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
            budget,
        }
    }

    pub(super) fn get(&mut self, url: &Url, headers: &[(&str, &str)]) -> Result<Answer, String> {
        let patience = self.note("GET", url, headers)?;
        let mut request = self.agent.get(url.as_str()).header("Accept", "text/html");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = bounded(request, url, patience);
        read(url, Method::Get, request.call())
    }

    pub(super) fn post(
        &mut self,
        url: &Url,
        headers: &[(&str, &str)],
        form: &[(String, String)],
    ) -> Result<Answer, String> {
        let patience = self.note("POST", url, headers)?;
        let mut request = self.agent.post(url.as_str()).header("Accept", "text/html");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = bounded(request, url, patience);
        let pairs = form.iter().map(|(name, value)| (&**name, &**value));
        read(url, Method::Post, request.send_form(pairs))
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

    /// How long the answer may take, unless there is no more to be asked.
    fn note(
        &mut self,
        method: &str,
        url: &Url,
        headers: &[(&str, &str)],
    ) -> Result<Duration, String> {
        let telling = headers.iter().filter(|(name, _)| TELLING.contains(name));
        let telling = telling.map(|(name, value)| format!(" ({name}: {value})"));
        let telling: String = telling.collect();
        self.budget
            .spend(format!("{method} {}{telling}", told(url)))
    }
}

/// In time, and not through the proxy of the environment where that would be told what is for this machine alone.
fn bounded<B>(request: RequestBuilder<B>, url: &Url, patience: Duration) -> RequestBuilder<B> {
    let config = request.config().timeout_global(Some(patience));
    match is_loopback(url) {
        true => config.proxy(None).build(),
        false => config.build(),
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
    use std::io::Write;
    use std::net::TcpListener;

    use super::super::budget::{Patience, REQUESTS};
    use super::*;

    /// Says this, and then a letter now and then for as long as somebody listens.
    fn trickling(beginning: &'static str) -> Url {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 4096]).unwrap();
            let _ = stream.write_all(beginning.as_bytes());
            while stream.write_all(b"x").is_ok() {
                // The attacker's pace; nothing is asserted of time.
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        Url::parse(&url).unwrap()
    }

    fn hasty() -> Budget {
        let (one, all) = (Duration::from_secs(1), Duration::from_secs(60));
        Budget::new(Patience { one, all })
    }

    /// Without a bound these would never end.
    #[test]
    fn an_answer_that_trickles_for_ever_is_left() {
        let mut budget = hasty();
        let mut asker = Asker::new(&Roots::read(None).unwrap(), true, &mut budget);
        let body = asker
            .get(&trickling("HTTP/1.1 200 OK\r\n\r\n"), &[])
            .unwrap();
        assert!(body.body.starts_with(b"x"), "what came is looked at");
        assert!(asker.get(&trickling("HTTP/1.1 200 OK\r\nX-"), &[]).is_err());
        assert!(asker.get(&trickling(""), &[]).is_err());
    }

    #[test]
    fn every_request_is_paid_from_the_budget() {
        let mut budget = hasty();
        let mut asker = Asker::new(&Roots::read(None).unwrap(), true, &mut budget);
        let nobody = Url::parse("http://127.0.0.1:9").unwrap();
        for _ in 0..REQUESTS + 10 {
            assert!(asker.get(&nobody, &[]).is_err());
        }
        assert_eq!(budget.asked().len(), REQUESTS);
    }

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
