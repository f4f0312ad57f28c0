//! Where to go after a log-in. `next` comes with the request, so it can come from an attacker: only a path of this
//! origin is followed.

/// Longer ones are no path of ours.
const MAX_LENGTH: usize = 2048;

/// The path, if it can lead nowhere else. It must begin with one slash and hold only visible ASCII without `\`:
/// browsers take `//host` and `/\host` for another host, and drop tabs and line breaks before they look.
pub(super) fn checked(next: Option<&str>) -> Option<&str> {
    let next = next?;
    let mut bytes = next.bytes();
    let rooted = bytes.next() == Some(b'/') && !matches!(bytes.next(), Some(b'/' | b'\\'));
    let plain = next
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    (rooted && plain && next.len() <= MAX_LENGTH).then_some(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_this_origin_is_followed() {
        for good in [
            "/",
            "/account",
            "/a/b?c=d&e=%2F%2Fevil.example#f",
            "/.well-known/x",
            "/a//b",
            "/%2f%2fevil.example",
        ] {
            assert_eq!(checked(Some(good)), Some(good));
            let base = url::Url::parse("https://app.example").unwrap();
            assert_eq!(base.join(good).unwrap().origin(), base.origin(), "{good}");
        }
    }

    /// Negative test 20.
    #[test]
    fn everything_else_is_not() {
        let long = format!("/{}", "a".repeat(MAX_LENGTH));
        for bad in [
            "",
            "account",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "https:evil.example",
            "https://evil.example",
            "javascript:alert(1)",
            "/\t/evil.example",
            "/\n/evil.example",
            " //evil.example",
            "/a\r\nSet-Cookie: x=y",
            "/a\\b",
            "/caf\u{e9}",
            "/a b",
            "///evil.example",
            "@evil.example",
            "?x",
            "#x",
            &long,
        ] {
            assert_eq!(checked(Some(bad)), None, "{bad:?}");
        }
        assert_eq!(checked(None), None);
    }
}
