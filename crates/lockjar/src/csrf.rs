//! Cross-site request forgery, decided by one pure function over method and headers, without tokens.
//!
//! Browsers say where a request comes from, in `Origin` and in `Sec-Fetch-Site`, and no page can change either
//! (the approach of Go 1.25's `CrossOriginProtection`, with whole origins compared instead of hosts):
//!
//! 1. GET, HEAD and OPTIONS pass: they change nothing. An upgrade to a WebSocket does, whatever its method.
//! 2. Either header twice: refused.
//! 3. `Origin`, other than `null`, must be one of the configured origins: scheme, host and port.
//! 4. `Sec-Fetch-Site` must be `same-origin` or `none`, unless rule 3 has found an origin that is *another* spelling or
//!    an origin trusted by configuration, whose requests are cross-site by nature.
//! 5. `Origin: null` without `Sec-Fetch-Site`: refused.
//! 6. Neither header: passes, since no browser sends that; in strict mode it is refused, unless a [`CsrfToken`] comes
//!    along.
//!
//! # Deployment caveat
//! The configured origin is the public URL, never the request's `Host`: behind a proxy that rewrites `Host` the check
//! stays right, and with a public URL that is not the one people open every form is refused.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::Mac;
use http::header::{self, AsHeaderName, HeaderName};
use http::{HeaderMap, HeaderValue, Method};
use subtle::ConstantTimeEq;

use crate::mac::hmac_sha256;
use crate::origin::PublicUrl;
use crate::token::PresentedSession;

/// The header in which a client shows its [`CsrfToken`].
pub const TOKEN_HEADER: HeaderName = HeaderName::from_static("x-csrf-token");
/// What else this HMAC could ever be computed for begins differently.
const DOMAIN: &[u8] = b"lockjar-csrf-1";

/// Which origins may change state.
#[derive(Clone, Debug)]
pub struct CsrfPolicy {
    public: String,
    also: Vec<String>,
    strict: bool,
    off: bool,
}

/// Why a request was refused. Its `Display` says which origin came and which was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CrossOrigin {
    /// `Origin` or `Sec-Fetch-Site` came twice.
    #[error("the {0} header came twice")]
    Repeated(&'static str),
    /// The request comes from a page of another origin.
    #[error(
        "this request comes from {came}, but only {expected} may make it; is the public URL the one you opened?"
    )]
    Origin {
        /// What `Origin` said.
        came: String,
        /// The public URL.
        expected: String,
    },
    /// The browser says that another site made the request.
    #[error("the browser says that another site made this request (Sec-Fetch-Site: {0})")]
    Site(String),
    /// Strict mode, and nothing says where the request comes from.
    #[error(
        "this request does not say where it comes from; send the Origin header, or the session's csrf_token as X-CSRF-Token"
    )]
    Unknown,
}

/// What a client of strict mode shows where it sends no `Origin`: an HMAC-SHA256 under the hash of the session's secret,
/// which another site can neither read nor make (OWASP's HMAC-based token pattern). It is bound to one session, so one
/// from before a log-in is worth nothing after it, and it gives nothing of the cookie away.
///
/// It is no secret from whoever is logged in: `GET /me` says it in strict mode.
pub struct CsrfToken(String);

impl CsrfToken {
    /// The token of a session.
    #[must_use]
    pub fn of(session: &PresentedSession) -> Self {
        let mac = hmac_sha256(session.secret.as_bytes())
            .chain_update(DOMAIN)
            .chain_update(session.session.as_bytes());
        Self(URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
    }

    /// 43 characters of base64url.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn is_in(&self, headers: &HeaderMap) -> bool {
        match single(headers, TOKEN_HEADER) {
            Ok(Some(shown)) => shown.as_bytes().ct_eq(self.0.as_bytes()).into(),
            _ => false,
        }
    }
}

impl CsrfPolicy {
    /// Requests must come from the public URL's pages. On loopback its three spellings are one origin.
    #[must_use]
    pub fn new(public: &PublicUrl) -> Self {
        Self {
            public: public.origin().to_owned(),
            also: public.loopback_spellings(),
            strict: false,
            off: false,
        }
    }

    /// Lets pages of another origin make requests too.
    #[must_use]
    pub fn trust(mut self, origin: &PublicUrl) -> Self {
        self.also.push(origin.origin().to_owned());
        self
    }

    /// Refuses requests that neither say where they come from, as non-browsers do not, nor show a [`CsrfToken`].
    #[must_use]
    pub fn strict(self) -> Self {
        Self {
            strict: true,
            ..self
        }
    }

    /// Lets every site make every request in its visitors' names. It is there for the test that shows the attack
    /// working without the guard.
    #[must_use]
    pub fn dangerously_off(self) -> Self {
        Self { off: true, ..self }
    }

    /// Whether a request has to say where it comes from.
    #[must_use]
    pub const fn is_strict(&self) -> bool {
        self.strict
    }

    /// Decides whether a request may change state. `session` is asked only where strict mode needs to know which one the
    /// request presents.
    ///
    /// # Errors
    /// [`CrossOrigin`] says why not; it is answered with 403.
    pub fn check(
        &self,
        method: &Method,
        headers: &HeaderMap,
        session: impl FnOnce() -> Option<PresentedSession>,
    ) -> Result<(), CrossOrigin> {
        if self.off || (is_safe(method) && !is_websocket(headers)) {
            return Ok(());
        }
        let origin =
            single(headers, header::ORIGIN).map_err(|()| CrossOrigin::Repeated("Origin"))?;
        let site = single(headers, "sec-fetch-site")
            .map_err(|()| CrossOrigin::Repeated("Sec-Fetch-Site"))?;
        match (origin, site) {
            (None, None) if !self.strict => Ok(()),
            (None, None) => match session() {
                Some(session) if CsrfToken::of(&session).is_in(headers) => Ok(()),
                _ => Err(CrossOrigin::Unknown),
            },
            (None, Some(site)) => own_site(site),
            (Some(origin), site) if origin == "null" => {
                site.map_or_else(|| Err(self.foreign(origin)), own_site)
            }
            (Some(origin), _) if self.also.iter().any(|also| origin == also) => Ok(()),
            (Some(origin), site) if origin == &self.public => site.map_or(Ok(()), own_site),
            (Some(origin), _) => Err(self.foreign(origin)),
        }
    }

    fn foreign(&self, origin: &HeaderValue) -> CrossOrigin {
        let came = String::from_utf8_lossy(origin.as_bytes())
            .chars()
            .take(200)
            .collect();
        CrossOrigin::Origin {
            came,
            expected: self.public.clone(),
        }
    }
}

fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

fn is_websocket(headers: &HeaderMap) -> bool {
    headers.get_all(header::UPGRADE).iter().any(|value| {
        value
            .as_bytes()
            .to_ascii_lowercase()
            .starts_with(b"websocket")
    })
}

fn own_site(site: &HeaderValue) -> Result<(), CrossOrigin> {
    match site.as_bytes() {
        b"same-origin" | b"none" => Ok(()),
        other => Err(CrossOrigin::Site(
            String::from_utf8_lossy(other).chars().take(40).collect(),
        )),
    }
}

/// The header's only value, none, or an error where there are several.
fn single(headers: &HeaderMap, name: impl AsHeaderName) -> Result<Option<&HeaderValue>, ()> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        _ => Err(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::SessionId;
    use crate::token::{HashedSecret, PlainToken};

    fn check(
        policy: &CsrfPolicy,
        method: &Method,
        lines: &[(&'static str, &str)],
    ) -> Result<(), CrossOrigin> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        policy.check(method, &headers, || None)
    }

    fn policy(url: &str) -> CsrfPolicy {
        CsrfPolicy::new(&PublicUrl::parse(url).unwrap())
    }

    const SITE: &str = "sec-fetch-site";

    /// Negative tests 16 and 17.
    #[test]
    fn only_this_origin_changes_state() {
        let policy = policy("https://app.example");
        for (lines, passes) in [
            (&[][..], true),
            (&[("origin", "https://app.example")], true),
            (
                &[("origin", "https://app.example"), (SITE, "same-origin")],
                true,
            ),
            (&[(SITE, "none")], true),
            (&[("origin", "null"), (SITE, "same-origin")], true),
            (&[("origin", "null")], false),
            (&[("origin", "null"), (SITE, "cross-site")], false),
            (&[("origin", "https://evil.example")], false),
            (
                &[("origin", "https://evil.example"), (SITE, "same-origin")],
                false,
            ),
            (
                &[("origin", "https://app.example"), (SITE, "cross-site")],
                false,
            ),
            (&[("origin", "http://app.example")], false),
            (&[("origin", "https://app.example:444")], false),
            (&[("origin", "https://app.example.evil.example")], false),
            (&[("origin", "https://app.example@evil.example")], false),
            (&[("origin", "https://u@app.example")], false),
            (&[("origin", "https://APP.example")], false),
            (&[("origin", "")], false),
            (&[(SITE, "cross-site")], false),
            (&[(SITE, "same-site")], false),
            (&[(SITE, "Same-Origin")], false),
            (&[(SITE, "")], false),
            (
                &[
                    ("origin", "https://app.example"),
                    ("origin", "https://app.example"),
                ],
                false,
            ),
            (&[(SITE, "same-origin"), (SITE, "same-origin")], false),
        ] {
            assert_eq!(
                check(&policy, &Method::POST, lines).is_ok(),
                passes,
                "{lines:?}"
            );
        }
    }

    #[test]
    fn methods_that_change_nothing_pass_and_all_others_are_checked() {
        let policy = policy("https://app.example");
        let foreign = [("origin", "https://evil.example"), (SITE, "cross-site")];
        for (method, passes) in [
            ("GET", true),
            ("HEAD", true),
            ("OPTIONS", true),
            ("POST", false),
            ("PUT", false),
            ("PATCH", false),
            ("DELETE", false),
            ("TRACE", false),
            ("PURGE", false),
            ("get", false),
        ] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            assert_eq!(
                check(&policy, &method, &foreign).is_ok(),
                passes,
                "{method}"
            );
        }
    }

    #[test]
    fn a_websocket_from_elsewhere_is_refused_although_it_is_a_get() {
        let policy = policy("https://app.example");
        for upgrade in ["websocket", "WebSocket"] {
            assert!(
                check(
                    &policy,
                    &Method::GET,
                    &[("upgrade", upgrade), ("origin", "https://evil.example")]
                )
                .is_err()
            );
            assert!(
                check(
                    &policy,
                    &Method::GET,
                    &[("upgrade", upgrade), ("origin", "https://app.example")]
                )
                .is_ok()
            );
        }
    }

    #[test]
    fn on_loopback_three_spellings_are_one_origin_and_another_port_is_not() {
        let policy = policy("http://localhost:8000");
        for origin in [
            "http://localhost:8000",
            "http://127.0.0.1:8000",
            "http://[::1]:8000",
        ] {
            assert!(
                check(
                    &policy,
                    &Method::POST,
                    &[("origin", origin), (SITE, "cross-site")]
                )
                .is_ok(),
                "{origin}"
            );
        }
        for origin in [
            "http://localhost:8001",
            "https://localhost:8000",
            "http://localhost",
            "http://127.0.0.2:8000",
        ] {
            assert!(
                check(
                    &policy,
                    &Method::POST,
                    &[("origin", origin), (SITE, "same-site")]
                )
                .is_err(),
                "{origin}"
            );
        }
    }

    /// Negative test 16.
    #[test]
    fn a_trusted_origin_may_and_only_as_spelt() {
        let trusted = PublicUrl::parse("https://app.example").unwrap();
        let policy = policy("https://auth.example").trust(&trusted);
        assert!(
            check(
                &policy,
                &Method::POST,
                &[("origin", "https://app.example"), (SITE, "cross-site")]
            )
            .is_ok()
        );
        assert!(
            check(
                &policy,
                &Method::POST,
                &[("origin", "http://app.example"), (SITE, "cross-site")]
            )
            .is_err()
        );
    }

    #[test]
    fn strict_mode_refuses_a_request_without_an_origin() {
        let policy = policy("https://app.example").strict();
        assert_eq!(
            check(&policy, &Method::POST, &[]),
            Err(CrossOrigin::Unknown)
        );
        assert!(check(&policy, &Method::POST, &[("origin", "https://app.example")]).is_ok());
    }

    #[test]
    fn in_strict_mode_the_sessions_own_token_stands_in_for_an_origin_and_for_nothing_else() {
        let policy = policy("https://app.example").strict();
        let [own, other] = [(); 2].map(|()| PresentedSession::from(&PlainToken::generate()));
        let (token, foreign) = (CsrfToken::of(&own), CsrfToken::of(&other));
        let same_secret = PresentedSession {
            session: other.session,
            ..own
        };
        let again = CsrfToken::of(&same_secret);
        let passes = |session: Option<PresentedSession>, lines: &[(&'static str, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in lines {
                headers.append(*name, HeaderValue::from_str(value).unwrap());
            }
            policy.check(&Method::POST, &headers, || session).is_ok()
        };
        let shown = ("x-csrf-token", token.as_str());
        assert!(passes(Some(own), &[shown]));
        assert!(!passes(Some(own), &[]));
        assert!(!passes(Some(own), &[("x-csrf-token", "")]));
        assert!(!passes(Some(own), &[("x-csrf-token", foreign.as_str())]));
        assert!(!passes(Some(own), &[("x-csrf-token", again.as_str())]));
        assert!(!passes(Some(own), &[shown, shown]));
        assert!(!passes(Some(other), &[shown]));
        assert!(!passes(None, &[shown]));
        for evil in [
            ("origin", "https://evil.example"),
            (SITE, "cross-site"),
            ("origin", "null"),
        ] {
            assert!(!passes(Some(own), &[shown, evil]), "{evil:?}");
        }
    }

    /// From Python: `hmac.new(bytes(range(32)), b"lockjar-csrf-1" + bytes(range(0x40, 0x50)), "sha256")`, in base64url.
    #[test]
    fn the_token_is_the_hmac_that_another_implementation_computes() {
        let session = PresentedSession {
            session: SessionId::from_bytes(std::array::from_fn(|at| 0x40 + at as u8)),
            secret: HashedSecret::from_bytes(std::array::from_fn(|at| at as u8)),
        };
        assert_eq!(
            CsrfToken::of(&session).as_str(),
            "TlFlaM8vUPMGmnAmp7MxD4v1g8m3Kin0NRfRLZqiOVE"
        );
    }

    #[test]
    fn the_refusal_says_what_came_and_what_was_expected() {
        let refusal = check(
            &policy("https://app.example"),
            &Method::POST,
            &[("origin", "https://evil.example")],
        );
        let text = refusal.unwrap_err().to_string();
        assert!(
            text.contains("https://evil.example") && text.contains("https://app.example"),
            "{text}"
        );
    }
}
