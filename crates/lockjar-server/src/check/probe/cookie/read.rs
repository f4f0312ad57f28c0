//! RFC 6265bis, section 5.6: the line, attribute by attribute, with a note of each one that a browser does not heed.

use std::time::{Duration, SystemTime};

/// Browsers drop a cookie whose name and value together have more bytes.
const MAX_BYTES: usize = 4096;
/// Browsers drop attribute values of more bytes.
const MAX_ATTRIBUTE_BYTES: usize = 1024;
/// Browsers cut every age down to this: 400 days.
const MAX_AGE: Duration = Duration::from_secs(400 * 24 * 3600);
/// A site that asks for 400 days by a date means them by its own clock.
const SLACK: Duration = Duration::from_secs(24 * 3600);

/// What a browser has read. It has no `Debug`, since the value may be a secret.
pub(in super::super) struct SetCookie {
    pub(in super::super) name: String,
    pub(in super::super) value: String,
    /// Lower-case, without the dot in front. An empty one is none.
    pub(super) domain: Option<String>,
    /// Only one that begins with `/`.
    pub(super) path: Option<String>,
    pub(super) secure: bool,
    pub(super) http_only: bool,
    pub(super) same_site: Option<SameSite>,
    pub(super) partitioned: bool,
    age: Age,
    /// Why, once for each attribute that has no effect.
    pub(super) unheeded: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SameSite {
    Strict,
    Lax,
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Age {
    Browser,
    For(Duration),
    Over,
}

/// Not even read.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) name: String,
    pub(super) reason: &'static str,
}

impl SetCookie {
    pub(super) fn read(line: &[u8], now: SystemTime) -> Result<Self, Refused> {
        let text = String::from_utf8_lossy(line);
        let mut parts = text.split(';');
        let (name, value) = pair(parts.next().unwrap_or_default());
        let refused = |reason| {
            Err(Refused {
                name: name.to_owned(),
                reason,
            })
        };
        if line
            .iter()
            .any(|&byte| byte.is_ascii_control() && byte != b'\t')
        {
            return refused("it has a control character in it");
        }
        if name.is_empty() && value.is_empty() {
            return refused("it has neither name nor value");
        }
        if name.len() + value.len() > MAX_BYTES {
            return refused("its name and value have more than 4096 bytes");
        }
        let mut cookie = Self::named(name, value);
        let mut ages = Ages::default();
        for part in parts {
            let (name, value) = attribute(part);
            cookie.heed(name, value, &mut ages, now);
        }
        cookie.age = ages.max_age.or(ages.expires).unwrap_or(Age::Browser);
        Ok(cookie)
    }

    fn named(name: &str, value: &str) -> Self {
        Self {
            name: name.to_owned(),
            value: value.to_owned(),
            domain: None,
            path: None,
            secure: false,
            http_only: false,
            same_site: None,
            partitioned: false,
            age: Age::Browser,
            unheeded: Vec::new(),
        }
    }

    /// The last of two attributes of one name counts. A name that nobody knows is nothing to report.
    fn heed(&mut self, name: &str, value: &str, ages: &mut Ages, now: SystemTime) {
        if value.len() > MAX_ATTRIBUTE_BYTES {
            self.unheeded
                .push("one has a value of more than 1024 bytes".to_owned());
            return;
        }
        let understood = match &*name.to_ascii_lowercase() {
            "secure" => set(&mut self.secure),
            "httponly" => set(&mut self.http_only),
            "partitioned" => set(&mut self.partitioned),
            "domain" => self.heed_domain(value),
            "path" => {
                self.path = Some(value.to_owned()).filter(|path| path.starts_with('/'));
                self.path.is_some() || value.is_empty()
            }
            "samesite" => {
                self.same_site = same_site(value);
                self.same_site.is_some()
            }
            "max-age" => keep(&mut ages.max_age, max_age(value)),
            "expires" => keep(&mut ages.expires, expires(value, now)),
            _ => true,
        };
        if !understood {
            let name = super::short(name);
            let value = super::short(value);
            self.unheeded
                .push(format!("{name}={value} is no such value"));
        }
    }

    fn heed_domain(&mut self, value: &str) -> bool {
        let domain = value.strip_prefix('.').unwrap_or(value);
        self.domain = Some(domain.to_ascii_lowercase()).filter(|domain| !domain.is_empty());
        true
    }

    pub(in super::super) fn is_secure(&self) -> bool {
        self.secure
    }

    /// Whether the browser is told to forget it.
    pub(super) fn is_removed(&self) -> bool {
        self.age == Age::Over
    }

    pub(super) fn is_capped(&self) -> bool {
        matches!(self.age, Age::For(age) if age > MAX_AGE)
    }
}

/// `Max-Age` counts before `Expires`.
#[derive(Default)]
struct Ages {
    max_age: Option<Age>,
    expires: Option<Age>,
}

fn set(flag: &mut bool) -> bool {
    *flag = true;
    true
}

/// One that is not understood leaves what was there.
fn keep(place: &mut Option<Age>, age: Option<Age>) -> bool {
    *place = age.or(*place);
    age.is_some()
}

/// Without an equals sign there is a value and no name.
fn pair(text: &str) -> (&str, &str) {
    let (name, value) = text.split_once('=').unwrap_or(("", text));
    (trim(name), trim(value))
}

/// Without an equals sign there is a name and no value.
fn attribute(text: &str) -> (&str, &str) {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    (trim(name), trim(value))
}

fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

fn same_site(value: &str) -> Option<SameSite> {
    match &*value.to_ascii_lowercase() {
        "strict" => Some(SameSite::Strict),
        "lax" => Some(SameSite::Lax),
        "none" => Some(SameSite::None),
        _ => None,
    }
}

fn max_age(value: &str) -> Option<Age> {
    let digits = value.strip_prefix('-').unwrap_or(value);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // More digits than fit are a long time.
    let seconds = digits.parse().unwrap_or(u64::MAX);
    Some(match value.starts_with('-') || seconds == 0 {
        true => Age::Over,
        false => Age::For(Duration::from_secs(seconds)),
    })
}

/// The date as HTTP writes it, or with hyphens as many frameworks do.
fn expires(value: &str, now: SystemTime) -> Option<Age> {
    let read = |text: &str| httpdate::parse_http_date(text).ok();
    let until = read(value).or_else(|| read(&value.replace('-', " ")))?;
    Some(match until.duration_since(now) {
        Ok(left) if !left.is_zero() => Age::For(left.saturating_sub(SLACK)),
        _ => Age::Over,
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::answer::tests::noon;
    use super::*;

    fn read(line: &str) -> SetCookie {
        SetCookie::read(line.as_bytes(), noon()).unwrap_or_else(|refused| panic!("{refused:?}"))
    }

    #[test]
    fn attributes_are_read_without_regard_to_case_and_space() {
        let cookie = read(
            " a = b=c ;SECURE; httponly ;samesite = STRICT; Domain=.A.Example; path=/x;Partitioned",
        );
        assert_eq!((&*cookie.name, &*cookie.value), ("a", "b=c"));
        assert!(cookie.secure && cookie.http_only && cookie.partitioned);
        assert_eq!(cookie.same_site, Some(SameSite::Strict));
        assert_eq!(cookie.domain.as_deref(), Some("a.example"));
        assert_eq!(cookie.path.as_deref(), Some("/x"));
        assert!(cookie.unheeded.is_empty());
    }

    #[test]
    fn a_cookie_without_an_equals_sign_has_no_name() {
        let cookie = read("abc; Path=/");
        assert_eq!((&*cookie.name, &*cookie.value), ("", "abc"));
    }

    #[test]
    fn what_is_too_long_or_has_control_characters_is_refused() {
        let refused = |line: String| SetCookie::read(line.as_bytes(), noon()).is_err();
        assert!(!refused(format!("a={}", "x".repeat(4095))));
        assert!(refused(format!("a={}", "x".repeat(4096))));
        assert!(refused("a=b\u{7f}".to_owned()) && refused("a=b; Path=/\r".to_owned()));
        assert!(!refused("a=b\tc".to_owned()));
        assert!(refused("=; Path=/".to_owned()));
    }

    #[test]
    fn an_attribute_of_more_than_1024_bytes_is_not_heeded() {
        assert!(
            read(&format!("a=b; Path=/{}", "x".repeat(1023)))
                .path
                .is_some()
        );
        let long = read(&format!("a=b; Path=/{}", "x".repeat(1024)));
        assert!(long.path.is_none() && long.unheeded.len() == 1);
    }

    #[test]
    fn of_two_ages_max_age_counts_and_the_past_removes() {
        for (attributes, removed) in [
            ("Max-Age=0", true),
            ("Max-Age=-1", true),
            ("Max-Age=1", false),
            ("Expires=Thu, 01 Jan 1970 00:00:00 GMT", true),
            ("Expires=Thu, 01-Jan-1970 00:00:00 GMT", true),
            ("Expires=Fri, 01 Jan 2027 00:00:00 GMT", false),
            ("Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT", false),
            ("Max-Age=0; Expires=Fri, 01 Jan 2027 00:00:00 GMT", true),
            ("Max-Age=soon; Expires=Thu, 01 Jan 1970 00:00:00 GMT", true),
            ("Expires=nonsense", false),
        ] {
            let cookie = read(&format!("a=b; {attributes}"));
            assert_eq!(cookie.is_removed(), removed, "{attributes}");
        }
    }

    #[test]
    fn of_two_attributes_of_one_name_the_last_counts() {
        assert_eq!(read("a=b; Path=/x; Path=/y").path.as_deref(), Some("/y"));
        assert_eq!(
            read("a=b; SameSite=None; SameSite=Lax").same_site,
            Some(SameSite::Lax)
        );
    }

    #[test]
    fn an_age_beyond_all_numbers_is_cut_off_too() {
        assert!(read(&format!("a=b; Max-Age={}", "9".repeat(50))).is_capped());
    }
}
