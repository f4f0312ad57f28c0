//! What a cookie's settings may not be: each refusal is one sentence that says what to change.

use std::time::Duration;

use super::{CookieSettings, MAX_AGE, SameSite};
use crate::error::ConfigError;
use crate::origin::PublicUrl;
use crate::token::TOKEN_CHARS;

/// Browsers drop a cookie whose name and value together have more bytes (RFC 6265bis, 5.6).
const MAX_BYTES: usize = 4096;
/// Browsers drop attribute values of more bytes.
const MAX_ATTRIBUTE_BYTES: usize = 1024;
pub(super) fn scheme(public: &PublicUrl, settings: &CookieSettings) -> Result<(), ConfigError> {
    if public.is_https() || public.is_loopback() || settings.insecure_plain_http {
        return Ok(());
    }
    Err(ConfigError::new(format!(
        "the public URL {public} is plain http, where everyone on the way can read the cookie: use https, or allow \
         insecure_plain_http if nobody else can reach that network"
    )))
}

pub(super) fn name(name: &str) -> Result<(), ConfigError> {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(token) {
        return Err(ConfigError::new(format!(
            "the cookie name {name:?} must consist of letters, digits, '-' and '_'"
        )));
    }
    if name.len() + TOKEN_CHARS > MAX_BYTES {
        return Err(ConfigError::new(
            "the cookie name is too long: browsers drop a cookie of more than 4096 bytes",
        ));
    }
    Ok(())
}

/// Browsers match the prefixes without regard to case, and drop a cookie that breaks what its prefix promises.
pub(super) fn prefix(
    name: &str,
    public: &PublicUrl,
    path: &str,
    has_domain: bool,
) -> Result<(), ConfigError> {
    let name = name.to_ascii_lowercase();
    let has = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    if has(&["__host-", "__secure-", "__http-"]) && !public.is_https() {
        return Err(ConfigError::new(format!(
            "a cookie name with a prefix such as {:?} needs an https public URL, or browsers drop the cookie",
            &name[..name.find('-').map_or(0, |at| at + 1)]
        )));
    }
    if has(&["__host-"]) && (has_domain || path != "/") {
        return Err(ConfigError::new(
            "a cookie name that begins with __Host- goes with Path=/ and without a domain, or browsers drop the cookie",
        ));
    }
    Ok(())
}

pub(super) fn path(path: &str) -> Result<(), ConfigError> {
    let plain = path
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b';');
    if path.starts_with('/') && plain && path.len() <= MAX_ATTRIBUTE_BYTES {
        return Ok(());
    }
    Err(ConfigError::new(format!(
        "the cookie path {path:?} must begin with / and hold no spaces or semicolons"
    )))
}

pub(super) fn domain(public: &PublicUrl, domain: &str) -> Result<String, ConfigError> {
    let wanted = domain.trim_start_matches('.').to_ascii_lowercase();
    let Some(host) = public.domain() else {
        return Err(ConfigError::new(
            "a cookie domain needs a public URL with a host name, not an address",
        ));
    };
    let inside = host == wanted
        || host
            .strip_suffix(&wanted)
            .is_some_and(|left| left.ends_with('.'));
    if !inside || !wanted.contains('.') || wanted.len() > MAX_ATTRIBUTE_BYTES {
        return Err(ConfigError::new(format!(
            "the cookie domain {domain:?} must be {host} or a registrable domain above it, or browsers drop the cookie"
        )));
    }
    if is_public_suffix(&wanted) {
        return Err(ConfigError::new(format!(
            "the cookie domain {domain:?} is a public suffix, below which anyone can register a name, so that browsers \
             drop the cookie: use a domain of your own"
        )));
    }
    Ok(wanted)
}

/// Whether the whole domain is on the list by which browsers judge, such as `co.uk` and `github.io`.
fn is_public_suffix(domain: &str) -> bool {
    psl::suffix(domain.as_bytes())
        .is_some_and(|suffix| suffix.is_known() && suffix.as_bytes() == domain.as_bytes())
}

pub(super) fn same_site(public: &PublicUrl, settings: &CookieSettings) -> Result<(), ConfigError> {
    if settings.same_site == SameSite::None && !public.is_https() {
        return Err(ConfigError::new(
            "SameSite=None needs an https public URL, or browsers drop the cookie",
        ));
    }
    if settings.partitioned && !public.is_https() {
        return Err(ConfigError::new(
            "a partitioned cookie needs an https public URL, or browsers drop it",
        ));
    }
    Ok(())
}

pub(super) fn max_age(max_age: Option<Duration>) -> Result<(), ConfigError> {
    match max_age {
        Some(age) if age > MAX_AGE => Err(ConfigError::new(
            "the cookie's max age is over 400 days, which is where browsers cut it off",
        )),
        Some(age) if age.as_secs() == 0 => Err(ConfigError::new(
            "the cookie's max age is zero, which would remove the cookie instead of setting it",
        )),
        _ => Ok(()),
    }
}
