//! The session cookie: the only place that reads it and the only one that writes `Set-Cookie`.
//!
//! The policy is derived from the public URL, so that it cannot contradict it, and a combination that a browser would
//! drop is refused when it is built ([RFC 6265bis], [CHIPS]):
//!
//! | public URL | name | attributes |
//! | --- | --- | --- |
//! | `https://…` | `__Host-Http-session` | HttpOnly; Secure; SameSite=Lax; Path=/ |
//! | `http://localhost`, `127.0.0.1`, `[::1]` | `lockjar_<port>` | HttpOnly; SameSite=Lax; Path=/ |
//! | `http://` elsewhere | refused, but for [`CookieSettings::insecure_plain_http`] | |
//! | `https://…` with a domain, or with a path other than / | `__Secure-session` | the first row's, with Domain or that Path |
//!
//! [RFC 6265bis]: https://datatracker.ietf.org/doc/draft-ietf-httpbis-rfc6265bis/
//! [CHIPS]: https://developer.mozilla.org/docs/Web/Privacy/Guides/Privacy_sandbox/Partitioned_cookies

mod checks;

use std::fmt;
use std::time::Duration;

use cookie::{Cookie, CookieBuilder};
use http::{HeaderMap, HeaderValue, header};

use crate::error::ConfigError;
use crate::origin::PublicUrl;
use crate::token::PlainToken;

/// Browsers cut every age down to this: 400 days.
pub(crate) const MAX_AGE: Duration = Duration::from_secs(400 * 24 * 3600);

/// The `SameSite` attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum SameSite {
    /// Sent on requests from this site alone; someone who follows a link from elsewhere arrives logged out.
    Strict,
    /// Sent on top-level navigation from elsewhere too. The default.
    #[default]
    Lax,
    /// Sent always, as an embedded page needs. It needs https, and makes the CSRF check strict.
    None,
}

/// What may be set about the cookie. Everything has a default that follows from the public URL.
#[derive(Clone, Debug, Default)]
pub struct CookieSettings {
    /// The name. Default: see the [module](self).
    pub name: Option<String>,
    /// A fixed `Max-Age`, rounded down to seconds. Default: a remembered session's own lifetime, and none at all for
    /// the others, so that the cookie ends with the browser.
    pub max_age: Option<Duration>,
    /// The `Path`. Default `/`.
    pub path: Option<String>,
    /// Share the cookie with this domain and all below it. Default: the public host alone.
    pub domain: Option<String>,
    /// Default [`SameSite::Lax`].
    pub same_site: SameSite,
    /// One cookie for each top-level site that embeds this one (CHIPS). Default off.
    pub partitioned: bool,
    /// Serve over plain http on a host that is not loopback: everyone on the way can read the cookie and be its user.
    /// Default off.
    pub insecure_plain_http: bool,
}

/// How long a cookie that is about to be written is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// Until the browser is closed.
    Browser,
    /// For this long.
    Persistent(Duration),
}

/// What a request's `Cookie` headers hold. Its `Debug` prints nothing of the value, which may be a token.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Presented<'a> {
    /// No cookie of our name.
    Nothing,
    /// One value, not checked for anything yet.
    One(&'a [u8]),
    /// Our name more than once with different values: somebody has planted one of them.
    Conflicting,
}

impl fmt::Debug for Presented<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "Nothing",
            Self::One(_) => "One(…)",
            Self::Conflicting => "Conflicting",
        })
    }
}

/// The checked policy; see the [module](self).
#[derive(Clone, Debug)]
pub struct CookiePolicy {
    template: Cookie<'static>,
    max_age: Option<Duration>,
    /// Where a second cookie of the same name could hide, which clearing has to reach as well.
    shadow_domain: Option<String>,
}

impl CookiePolicy {
    /// Derives the policy from the public URL.
    ///
    /// # Errors
    /// One sentence for a setting that contradicts the URL or that a browser would drop.
    pub fn new(public: &PublicUrl, settings: &CookieSettings) -> Result<Self, ConfigError> {
        checks::scheme(public, settings)?;
        let name = settings
            .name
            .clone()
            .unwrap_or_else(|| default_name(public, settings));
        let path = settings.path.clone().unwrap_or_else(|| "/".to_owned());
        let domain = settings
            .domain
            .as_deref()
            .map(|domain| checks::domain(public, domain))
            .transpose()?;
        checks::name(&name)?;
        checks::prefix(&name, public, &path, domain.is_some())?;
        checks::path(&path)?;
        checks::same_site(public, settings)?;
        checks::max_age(settings.max_age)?;
        let shadow_domain = shadow_domain(public, &name, domain.is_some());
        let mut builder = CookieBuilder::new(name, "")
            .http_only(true)
            .secure(public.is_https())
            .same_site(same_site(settings.same_site))
            .path(path);
        if let Some(domain) = domain {
            builder = builder.domain(domain);
        }
        if settings.partitioned {
            builder = builder.partitioned(true);
        }
        Ok(Self {
            template: builder.build(),
            max_age: settings.max_age,
            shadow_domain,
        })
    }

    /// The policy of a cookie that is known by this name, behind the prefix that the public URL and the settings allow.
    pub(crate) fn named(
        public: &PublicUrl,
        settings: &CookieSettings,
        name: &str,
    ) -> Result<Self, ConfigError> {
        let name = Some(format!("{}{name}", prefix(public, settings)));
        let settings = CookieSettings {
            name,
            ..settings.clone()
        };
        Self::new(public, &settings)
    }

    /// The policy of the cookie by which a browser is known: of the public host alone, whatever the session's settings are.
    pub(crate) fn of_device(
        public: &PublicUrl,
        settings: &CookieSettings,
        session: &Self,
    ) -> Result<Self, ConfigError> {
        let settings = CookieSettings {
            name: None,
            max_age: None,
            domain: None,
            path: None,
            ..settings.clone()
        };
        let name = match public.is_https() {
            true => "device".to_owned(),
            false => format!("lockjar_device_{}", public.port()),
        };
        let policy = Self::named(public, &settings, &name)?;
        match policy.name() == session.name() {
            false => Ok(policy),
            true => Err(ConfigError::new(format!(
                "the cookie's name {} is that by which browsers are known: choose another",
                session.name()
            ))),
        }
    }

    /// The cookie's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.template.name()
    }

    /// Whether other sites' requests carry the cookie (SameSite=None).
    #[must_use]
    pub fn is_sent_cross_site(&self) -> bool {
        self.template.same_site() == Some(cookie::SameSite::None)
    }

    /// The `Set-Cookie` that hands a token to the browser.
    #[must_use]
    pub fn issue(&self, token: &PlainToken, lifetime: Lifetime) -> HeaderValue {
        self.issue_text(&token.reveal(), lifetime)
    }

    /// The `Set-Cookie` of a token's text, which is visible ASCII.
    pub(crate) fn issue_text(&self, text: &str, lifetime: Lifetime) -> HeaderValue {
        let mut cookie = self.template.clone();
        cookie.set_value(text.to_owned());
        let max_age = match (self.max_age, lifetime) {
            (Some(fixed), _) => Some(fixed),
            (None, Lifetime::Persistent(age)) => Some(age.min(MAX_AGE)),
            (None, Lifetime::Browser) => None,
        };
        set_max_age(&mut cookie, max_age);
        let mut header = header_value(&cookie);
        header.set_sensitive(true);
        header
    }

    /// The `Set-Cookie`s that remove the cookie. They carry the same Secure, Path and Domain, or browsers would ignore
    /// them, and reach a second one of the same name that was set for the domain or for the host alone.
    pub fn clear(&self) -> impl Iterator<Item = HeaderValue> {
        let mut cookie = self.template.clone();
        set_max_age(&mut cookie, Some(Duration::ZERO));
        let shadow = self.shadow_domain.clone().map(|domain| {
            let mut shadow = cookie.clone();
            match domain.is_empty() {
                true => shadow.unset_domain(),
                false => shadow.set_domain(domain),
            }
            shadow
        });
        std::iter::once(cookie)
            .chain(shadow)
            .map(|cookie| header_value(&cookie))
    }

    /// Finds the cookie among a request's headers. Names are compared byte by byte and never percent-decoded
    /// (CVE-2020-8184: decoding lets a name that no browser protects pose as `__Host-`).
    #[must_use]
    pub fn read<'a>(&self, headers: &'a HeaderMap) -> Presented<'a> {
        let name = self.name().as_bytes();
        let mut found = Presented::Nothing;
        for header in headers.get_all(header::COOKIE) {
            for pair in header.as_bytes().split(|byte| *byte == b';') {
                let Some(value) = value_of(pair, name) else {
                    continue;
                };
                found = match found {
                    Presented::Nothing => Presented::One(value),
                    Presented::One(first) if first == value => found,
                    _ => return Presented::Conflicting,
                };
            }
        }
        found
    }
}

/// The value of `name=value` where the pair has this name.
fn value_of<'a>(pair: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    pair.trim_ascii_start()
        .strip_prefix(name)?
        .strip_prefix(b"=")
        .map(<[u8]>::trim_ascii_end)
}

impl CookieSettings {
    /// Whether the cookie goes to the public host alone, and to all of it: what `__Host-` promises.
    pub(crate) fn is_host_only(&self) -> bool {
        self.domain.is_none() && self.path.as_deref().is_none_or(|path| path == "/")
    }
}

fn default_name(public: &PublicUrl, settings: &CookieSettings) -> String {
    match public.is_https() {
        true => format!("{}session", prefix(public, settings)),
        // Cookies ignore ports: a bare `session` would collide with every other program on localhost.
        false => format!("lockjar_{}", public.port()),
    }
}

/// The most that browsers can be made to enforce.
fn prefix(public: &PublicUrl, settings: &CookieSettings) -> &'static str {
    match (public.is_https(), settings.is_host_only()) {
        (true, true) => "__Host-Http-",
        (true, false) => "__Secure-",
        (false, _) => "",
    }
}

/// A host-only cookie has its double on the domain, and the other way about; `""` stands for the host alone.
/// Browsers keep `__Host-` cookies from having one.
fn shadow_domain(public: &PublicUrl, name: &str, has_domain: bool) -> Option<String> {
    match has_domain {
        true => Some(String::new()),
        false if name.to_ascii_lowercase().starts_with("__host-") => None,
        false => public.domain().map(str::to_owned),
    }
}

fn same_site(same_site: SameSite) -> cookie::SameSite {
    match same_site {
        SameSite::Strict => cookie::SameSite::Strict,
        SameSite::Lax => cookie::SameSite::Lax,
        SameSite::None => cookie::SameSite::None,
    }
}

fn set_max_age(cookie: &mut Cookie<'_>, age: Option<Duration>) {
    let seconds = age.map(|age| i64::try_from(age.as_secs()).unwrap_or(i64::MAX));
    cookie.set_max_age(seconds.map(cookie::time::Duration::seconds));
}

/// Every part was checked to be visible ASCII when the policy was built, so the conversion cannot fail; if it ever
/// did, no cookie is the safe answer.
fn header_value(cookie: &Cookie<'_>) -> HeaderValue {
    HeaderValue::from_str(&cookie.to_string()).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn policy(url: &str, settings: &CookieSettings) -> Result<CookiePolicy, String> {
        CookiePolicy::new(&PublicUrl::parse(url).unwrap(), settings)
            .map_err(|error| error.to_string())
    }

    fn issued(url: &str, settings: &CookieSettings, lifetime: Lifetime) -> String {
        let token = PlainToken::generate();
        let header = policy(url, settings).unwrap().issue(&token, lifetime);
        assert!(header.is_sensitive());
        header
            .to_str()
            .unwrap()
            .replace(token.reveal().as_str(), "TOKEN")
    }

    fn headers(cookies: &[&str]) -> HeaderMap {
        cookies
            .iter()
            .map(|text| {
                (
                    header::COOKIE,
                    HeaderValue::from_bytes(text.as_bytes()).unwrap(),
                )
            })
            .collect()
    }

    #[test]
    fn the_cookie_follows_from_the_public_url() {
        let plain = CookieSettings::default();
        let shared = CookieSettings {
            domain: Some("example.com".into()),
            ..CookieSettings::default()
        };
        let seed = CookieSettings {
            name: Some("access_token".into()),
            max_age: Some(HOUR),
            ..CookieSettings::default()
        };
        let open = CookieSettings {
            insecure_plain_http: true,
            ..CookieSettings::default()
        };
        for (url, settings, lifetime, expected) in [
            (
                "https://example.com",
                &plain,
                Lifetime::Persistent(HOUR),
                "__Host-Http-session=TOKEN; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=3600",
            ),
            (
                "https://example.com",
                &plain,
                Lifetime::Browser,
                "__Host-Http-session=TOKEN; HttpOnly; SameSite=Lax; Secure; Path=/",
            ),
            (
                "http://localhost:8000",
                &plain,
                Lifetime::Browser,
                "lockjar_8000=TOKEN; HttpOnly; SameSite=Lax; Path=/",
            ),
            (
                "http://127.0.0.1",
                &plain,
                Lifetime::Browser,
                "lockjar_80=TOKEN; HttpOnly; SameSite=Lax; Path=/",
            ),
            (
                "http://localhost:8000",
                &seed,
                Lifetime::Browser,
                "access_token=TOKEN; HttpOnly; SameSite=Lax; Path=/; Max-Age=3600",
            ),
            (
                "https://app.example.com",
                &shared,
                Lifetime::Browser,
                "__Secure-session=TOKEN; HttpOnly; SameSite=Lax; Secure; Path=/; Domain=example.com",
            ),
            (
                "http://box.example:8080",
                &open,
                Lifetime::Browser,
                "lockjar_8080=TOKEN; HttpOnly; SameSite=Lax; Path=/",
            ),
        ] {
            assert_eq!(issued(url, settings, lifetime), expected, "{url}");
        }
    }

    #[test]
    fn contradictions_are_refused_in_one_sentence() {
        let with = |change: fn(&mut CookieSettings)| {
            let mut settings = CookieSettings::default();
            change(&mut settings);
            settings
        };
        for (url, settings, word) in [
            (
                "http://example.com",
                CookieSettings::default(),
                "plain http",
            ),
            (
                "http://localhost",
                with(|s| s.same_site = SameSite::None),
                "SameSite=None",
            ),
            (
                "http://localhost",
                with(|s| s.partitioned = true),
                "partitioned",
            ),
            (
                "http://localhost",
                with(|s| s.name = Some("__Host-x".into())),
                "prefix",
            ),
            (
                "http://localhost",
                with(|s| s.name = Some("__hOsT-hTTp-x".into())),
                "prefix",
            ),
            (
                "http://localhost",
                with(|s| s.name = Some("__Secure-x".into())),
                "prefix",
            ),
            (
                "http://localhost",
                with(|s| s.name = Some("__Http-x".into())),
                "prefix",
            ),
            (
                "https://a.example",
                with(|s| s.name = Some("two words".into())),
                "letters",
            ),
            (
                "https://a.example",
                with(|s| s.name = Some(String::new())),
                "letters",
            ),
            (
                "https://a.example",
                with(|s| s.name = Some("x".repeat(4096))),
                "4096",
            ),
            (
                "https://a.example",
                with(|s| s.max_age = Some(MAX_AGE + HOUR)),
                "400 days",
            ),
            (
                "https://a.example",
                with(|s| s.max_age = Some(Duration::ZERO)),
                "zero",
            ),
            (
                "https://a.example",
                with(|s| s.path = Some("app".into())),
                "begin with /",
            ),
            (
                "https://a.example",
                with(|s| s.path = Some("/a; Domain=b".into())),
                "semicolons",
            ),
            (
                "https://a.example",
                with(|s| {
                    s.name = Some("__Host-x".into());
                    s.path = Some("/app".into());
                }),
                "Path=/",
            ),
            (
                "https://a.example.com",
                with(|s| {
                    s.name = Some("__Host-x".into());
                    s.domain = Some("example.com".into());
                }),
                "Path=/",
            ),
            (
                "https://a.example.com",
                with(|s| s.domain = Some("other.com".into())),
                "above it",
            ),
            (
                "https://badexample.com",
                with(|s| s.domain = Some("example.com".into())),
                "above it",
            ),
            (
                "https://a.example.com",
                with(|s| s.domain = Some("com".into())),
                "above it",
            ),
            (
                "https://shop.co.uk",
                with(|s| s.domain = Some("co.uk".into())),
                "public suffix",
            ),
            (
                "https://me.github.io",
                with(|s| s.domain = Some(".GitHub.io".into())),
                "public suffix",
            ),
            (
                "https://192.0.2.1",
                with(|s| s.domain = Some("192.0.2.1".into())),
                "not an address",
            ),
        ] {
            let sentence = policy(url, &settings).unwrap_err();
            assert!(sentence.contains(word), "{url}: {sentence}");
        }
    }

    #[test]
    fn clearing_carries_what_browsers_compare_and_reaches_the_double() {
        let clear = |url: &str, settings: &CookieSettings| {
            policy(url, settings)
                .unwrap()
                .clear()
                .map(|h| h.to_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        let shared = CookieSettings {
            domain: Some("example.com".into()),
            ..CookieSettings::default()
        };
        assert_eq!(
            clear("https://example.com", &CookieSettings::default()),
            ["__Host-Http-session=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0"]
        );
        assert_eq!(
            clear("https://a.example.com", &shared),
            [
                "__Secure-session=; HttpOnly; SameSite=Lax; Secure; Path=/; Domain=example.com; Max-Age=0",
                "__Secure-session=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0",
            ]
        );
        assert_eq!(
            clear("http://localhost:1", &CookieSettings::default()),
            [
                "lockjar_1=; HttpOnly; SameSite=Lax; Path=/; Max-Age=0",
                "lockjar_1=; HttpOnly; SameSite=Lax; Path=/; Domain=localhost; Max-Age=0",
            ]
        );
    }

    #[test]
    fn reading_takes_the_exact_name_and_refuses_doubles() {
        let policy = policy("http://localhost:1", &CookieSettings::default()).unwrap();
        for (cookies, expected) in [
            (&["a=b; lockjar_1=x; c=d"][..], Presented::One(b"x")),
            (&["lockjar_1=x"], Presented::One(b"x")),
            (&["lockjar_1=x; lockjar_1=x"], Presented::One(b"x")),
            (&["lockjar_1=x; lockjar_1=y"], Presented::Conflicting),
            (&["lockjar_1=x", "lockjar_1=y"], Presented::Conflicting),
            (&["lockjar_1=", "lockjar_1=y"], Presented::Conflicting),
            (&["lockjar_1="], Presented::One(b"")),
            (&["LOCKJAR_1=x"], Presented::Nothing),
            (&["lockjar%5F1=x"], Presented::Nothing),
            (
                &["xlockjar_1=x; lockjar_12=x; lockjar_1"],
                Presented::Nothing,
            ),
            (&["\u{e9}=\u{e9}; ;;=; lockjar_1=x"], Presented::One(b"x")),
            (&[], Presented::Nothing),
        ] {
            assert_eq!(policy.read(&headers(cookies)), expected, "{cookies:?}");
        }
    }
    #[test]
    fn debug_prints_nothing_of_the_value() {
        let token = PlainToken::generate().reveal();
        let shown = |presented: Presented<'_>| format!("{presented:?}");
        assert_eq!(shown(Presented::One(token.as_bytes())), "One(…)");
        assert_eq!(shown(Presented::Nothing), "Nothing");
        assert_eq!(shown(Presented::Conflicting), "Conflicting");
    }
}
