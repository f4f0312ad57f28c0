//! A user, and the rules for names.

use std::fmt;

use precis_profiles::precis_core::profile::PrecisFastInvocation;
use precis_profiles::{UsernameCaseMapped, UsernameCasePreserved};
use unicode_normalization::UnicodeNormalization;

use crate::clock::Timestamp;
use crate::error::Problem;
use crate::id::UserId;

/// Code points that a username may have at the most.
pub const USERNAME_MAX: usize = 64;
/// Bytes that an e-mail address may have at the most (RFC 5321, erratum 1690).
pub const EMAIL_MAX: usize = 254;

/// An account, without anything secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Which.
    pub id: UserId,
    /// The name as its owner writes it.
    pub username: String,
    /// An address that nobody has confirmed yet: it identifies no one.
    pub email: Option<String>,
    /// When the account was made.
    pub created_at: Timestamp,
    /// Since when it may not log in, if it may not.
    pub disabled_at: Option<Timestamp>,
}

/// A name that keeps the rules of [RFC 8265](https://www.rfc-editor.org/rfc/rfc8265): no control characters, no
/// spaces, nothing invisible. Names that differ only by case, width or Unicode form are one name.
#[derive(Clone, PartialEq, Eq)]
pub struct Username {
    shown: String,
    key: String,
}

impl Username {
    /// Reads a name of 1 to [`USERNAME_MAX`] code points.
    ///
    /// # Errors
    /// A [`Problem`] with the field `username` that says what is wrong.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let refuse = |code, message: &str| Err(Problem::new("username", code, message));
        if text.chars().count() > USERNAME_MAX {
            return refuse(
                "username_too_long",
                "The username is too long: use at most 64 characters.",
            );
        }
        let (Ok(shown), Ok(key)) = (
            UsernameCasePreserved::enforce(text),
            UsernameCaseMapped::enforce(text),
        ) else {
            return refuse(
                "username_not_allowed",
                "The username contains something that is not allowed: use letters, digits and signs, without spaces.",
            );
        };
        Ok(Self {
            shown: shown.into_owned(),
            key: key.into_owned(),
        })
    }

    /// As its owner writes it, in Unicode's form C.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.shown
    }

    /// What makes two names the same: width-mapped, lower case, form C. A store keeps it unique.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl fmt::Debug for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Username({:?})", self.shown)
    }
}

/// Checks the form of an e-mail address and no more: only a message that arrives proves one.
///
/// # Errors
/// A [`Problem`] with the field `email`.
pub fn check_email(text: &str) -> Result<(), Problem> {
    // Signs that would make two recipients of one address, or a name beside it.
    const SPECIAL: &str = ",;:<>()[]\\\"";
    let odd = |c: char| c.is_control() || c.is_whitespace() || SPECIAL.contains(c);
    let is_one = |text: &str| {
        let parts = text.split_once('@');
        parts.is_some_and(|(local, domain)| {
            !local.is_empty() && !domain.is_empty() && !domain.contains('@')
        }) && !text.chars().any(odd)
    };
    // What sends mail may bring it into the compatible form first, in which a wide comma is a comma.
    let compatible: String = text.chars().take(EMAIL_MAX + 1).nfkc().collect();
    if text.len() <= EMAIL_MAX && is_one(text) && is_one(&compatible) {
        return Ok(());
    }
    Err(Problem::new(
        "email",
        "email_not_valid",
        "That is not an e-mail address: write it like name@example.com.",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> String {
        Username::parse(text).unwrap().key().to_owned()
    }

    #[test]
    fn names_that_differ_only_by_case_or_form_are_one_name() {
        for (one, other) in [
            ("alice", "ALICE"),
            ("Jos\u{e9}", "JOSE\u{301}"),
            ("\u{ff41}lice", "alice"),
            ("Σίσυφος", "ΣΊΣΥΦΟς"),
        ] {
            assert_eq!(key(one), key(other));
        }
        assert_ne!(key("alice"), key("a1ice"));
    }

    #[test]
    fn a_name_is_shown_as_its_owner_wrote_it() {
        assert_eq!(Username::parse("Alice").unwrap().as_str(), "Alice");
        assert_eq!(
            Username::parse("alice@example.com").unwrap().as_str(),
            "alice@example.com"
        );
    }

    #[test]
    fn odd_names_are_refused() {
        let long = "a".repeat(65);
        for bad in [
            "",
            " ",
            "a b",
            "a\0b",
            "a\nb",
            "a\u{200b}b",
            "a\u{202e}b",
            "\u{feff}a",
            "a\u{7f}",
            &long,
        ] {
            assert!(Username::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_address_needs_both_halves() {
        assert!(check_email("a@b.example").is_ok());
        for bad in [
            "",
            "a",
            "@b",
            "a@",
            "a b@c",
            "a@b\r\nBcc: x",
            "a@b\0",
            "<a@b.example>",
            "a@b.example,c@d.example",
            "a@b@c",
            "a;b@c",
        ] {
            assert!(check_email(bad).is_err(), "{bad:?}");
        }
    }

    /// Negative test 25.
    #[test]
    fn an_address_is_one_in_its_compatible_form_too() {
        assert!(check_email("jos\u{e9}@b\u{fc}cher.example").is_ok());
        for bad in [
            "a@b.example\u{ff0c}c@d.example",
            "a@b\u{ff20}c",
            "a@b\u{fe6b}c",
            "\u{ff1c}a@b\u{ff1e}",
            "a\u{ff1b}b@c",
            "a\u{2001}@b",
            "a@b\u{2100}\u{ff0c}c",
        ] {
            assert!(check_email(bad).is_err(), "{bad:?}");
        }
    }
}
