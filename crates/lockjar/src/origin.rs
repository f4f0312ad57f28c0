//! The origin that browsers see: scheme, host and port (RFC 6454). Cookie names, `Secure`, HSTS and the CSRF check
//! all follow from it, so it is given once and they cannot contradict it.

use std::fmt;

use url::{Host, Url};

use crate::error::ConfigError;

/// The address that people open, such as `https://example.com` or `http://localhost:8000`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    scheme: String,
    host: Host<String>,
    port: u16,
    text: String,
}

impl PublicUrl {
    /// Reads an absolute `http://` or `https://` URL without a path, query, fragment, name or password.
    ///
    /// # Errors
    /// [`ConfigError`] says in one sentence what is wrong.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        Self::parse_as("public URL", text)
    }

    /// The same for another setting, which the error names.
    pub(crate) fn parse_as(setting: &str, text: &str) -> Result<Self, ConfigError> {
        let refuse = |why: &str| Err(ConfigError::new(format!("the {setting} {text:?} {why}")));
        let Ok(url) = Url::parse(text) else {
            return refuse("is not a URL; write it like https://example.com");
        };
        if !matches!(url.scheme(), "http" | "https") {
            return refuse("must begin with http:// or https://");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return refuse("must not contain a user name or password");
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return refuse("must be an origin alone; leave out what follows the host and port");
        }
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
            return refuse("names no host");
        };
        Ok(Self {
            scheme: url.scheme().to_owned(),
            host: host.to_owned(),
            port,
            text: url.origin().ascii_serialization(),
        })
    }

    /// As browsers write it in an `Origin` header: lower case, without a default port or a final slash.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.text
    }

    /// Whether the scheme is https.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.scheme == "https"
    }

    /// Whether the host is `localhost`, an address in 127.0.0.0/8, or `[::1]`: connections that no one else can see.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match &self.host {
            Host::Domain(name) => name == "localhost",
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => address.is_loopback(),
        }
    }

    /// The host without the port; IPv6 addresses in brackets.
    #[must_use]
    pub fn host(&self) -> String {
        self.host.to_string()
    }

    /// The host name, unless the host is an address.
    #[must_use]
    pub fn domain(&self) -> Option<&str> {
        match &self.host {
            Host::Domain(name) => Some(name),
            Host::Ipv4(_) | Host::Ipv6(_) => None,
        }
    }

    /// The port, the scheme's default where none was written.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The other spellings of a loopback origin. They reach the same program, so a page that was opened by one of
    /// them may post to another. Empty for every other host.
    #[must_use]
    pub fn loopback_spellings(&self) -> Vec<String> {
        if !self.is_loopback() {
            return Vec::new();
        }
        let port = match (self.scheme.as_str(), self.port) {
            ("http", 80) | ("https", 443) => String::new(),
            (_, port) => format!(":{port}"),
        };
        ["localhost", "127.0.0.1", "[::1]"]
            .map(|host| format!("{}://{host}{port}", self.scheme))
            .to_vec()
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_written_as_browsers_write_it() {
        for (text, origin) in [
            ("https://Example.COM/", "https://example.com"),
            ("https://example.com:443", "https://example.com"),
            ("http://localhost:8000", "http://localhost:8000"),
            ("http://[::1]:80", "http://[::1]"),
            ("https://bücher.example", "https://xn--bcher-kva.example"),
        ] {
            assert_eq!(PublicUrl::parse(text).unwrap().origin(), origin);
        }
    }

    #[test]
    fn anything_but_an_origin_is_refused() {
        for text in [
            "",
            "example.com",
            "ftp://example.com",
            "https://u@example.com",
            "https://u:p@example.com",
            "https://example.com/app",
            "https://example.com/?q",
            "https://example.com/#f",
            "file:///etc/passwd",
        ] {
            assert!(PublicUrl::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn loopback_has_three_spellings_and_other_hosts_none() {
        let spellings = |text| PublicUrl::parse(text).unwrap().loopback_spellings();
        assert_eq!(
            spellings("http://127.0.0.1:8000"),
            [
                "http://localhost:8000",
                "http://127.0.0.1:8000",
                "http://[::1]:8000"
            ]
        );
        assert!(spellings("https://example.com").is_empty());
        assert!(spellings("http://localhost.example.com").is_empty());
    }
}
