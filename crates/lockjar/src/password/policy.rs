//! Which passwords are accepted: NIST SP 800-63B-4, 3.1.1.2, and OWASP ASVS 5.0, 6.2. Length counts; composition
//! does not; what an attacker would try first is refused, and the reason is given. What was stolen elsewhere is looked for
//! [beside it](super::Blocklist).

use zxcvbn::{Score, zxcvbn};

use super::common::is_common;
use super::{PASSWORD_MAX, Password};

/// Guessing is estimated on this many code points: more would cost time and tell nothing.
const ESTIMATED: usize = 64;
/// The signs that zxcvbn reads as letters, beside digits.
const SIGNS_FOR_LETTERS: &str = "@({[<!|$+%";
/// How many different ones of them it is left to read.
const SIGNS_READ: usize = 3;
/// What must be left of a password once the user's and the service's names are taken out of it.
const LEFT_OVER: usize = 8;

/// The rules for new passwords. Existing ones keep working.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordPolicy {
    min_length: usize,
    refuse_common: bool,
}

impl Default for PasswordPolicy {
    /// 15 code points or more (NIST SP 800-63B-4 for a single factor), none that is easily guessed.
    fn default() -> Self {
        Self {
            min_length: 15,
            refuse_common: true,
        }
    }
}

impl PasswordPolicy {
    /// Another minimum. Below 15 is against NIST SP 800-63B-4 unless a second factor is enforced; below 8 is against
    /// OWASP ASVS 6.2.1 in any case and is raised to 8.
    #[must_use]
    pub fn with_min_length(self, code_points: usize) -> Self {
        Self {
            min_length: code_points.clamp(8, PASSWORD_MAX),
            ..self
        }
    }

    /// Accepts every password of one code point or more, `password1` among them. For demonstrations with published
    /// passwords; with anything else it lets people choose what attackers try first.
    #[must_use]
    pub fn dangerously_accept_anything() -> Self {
        Self {
            min_length: 1,
            refuse_common: false,
        }
    }

    /// The fewest code points that are accepted.
    #[must_use]
    pub const fn min_length(&self) -> usize {
        self.min_length
    }

    /// Whether [`dangerously_accept_anything`](Self::dangerously_accept_anything) made it.
    pub(crate) const fn accepts_anything(&self) -> bool {
        !self.refuse_common
    }

    /// Checks a password that is about to be set. `names` are what an attacker would think of: the user's name and
    /// address and the service's name. Takes about a millisecond, so it runs on the password threads.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn check(&self, password: &Password, names: &[&str]) -> Result<(), PasswordProblem> {
        let text = password.as_str();
        if text.chars().count() < self.min_length {
            return Err(PasswordProblem::TooShort {
                min: self.min_length,
            });
        }
        if password.is_too_long() {
            return Err(PasswordProblem::TooLong);
        }
        if !self.refuse_common {
            return Ok(());
        }
        if is_made_of(text, names) {
            return Err(PasswordProblem::MadeOfNames);
        }
        match is_common(text) || !is_uncommon(text) {
            true => Err(PasswordProblem::Common),
            false => Ok(()),
        }
    }
}

/// Whether little is left of the password when the names are taken out of it.
fn is_made_of(password: &str, names: &[&str]) -> bool {
    let mut rest = password.to_lowercase();
    let mut found = false;
    let mut names: Vec<String> = names.iter().map(|name| name.to_lowercase()).collect();
    // An address goes before the name that is part of it.
    names.sort_by_key(|name| std::cmp::Reverse(name.len()));
    for name in names.iter().filter(|name| name.chars().count() >= 3) {
        found |= rest.contains(name);
        rest = rest.replace(name, "");
    }
    found && rest.chars().count() < LEFT_OVER
}

/// Whether it would take more than a million guesses, in the order that attackers guess: the known lists, words,
/// repetitions, sequences and rows of keys.
fn is_uncommon(password: &str) -> bool {
    let mut kept = Vec::new();
    let head: String = password
        .chars()
        .take(ESTIMATED)
        .map(|sign| bland(sign, &mut kept))
        .collect();
    zxcvbn(&head, &[]).score() > Score::One
}

/// The estimate tries every reading of signs that stand for letters, so that many different ones take it hundreds of
/// milliseconds. A few are left as they are; what people mean as a word has no more.
fn bland(sign: char, kept: &mut Vec<char>) -> char {
    if !SIGNS_FOR_LETTERS.contains(sign) || kept.contains(&sign) {
        return sign;
    }
    if kept.len() < SIGNS_READ {
        kept.push(sign);
        return sign;
    }
    '~'
}

/// Why a password was refused; its `Display` tells the person who chose it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordProblem {
    /// Fewer code points than the policy asks for.
    #[error(
        "The password is too short: use at least {min} characters. Several words make a good one."
    )]
    TooShort {
        /// The fewest accepted.
        min: usize,
    },
    /// More code points than [`PASSWORD_MAX`].
    #[error("The password is too long: use at most 1,024 characters.")]
    TooLong,
    /// On the known lists, or built in a way that is tried first.
    #[error(
        "That password is among the first that attackers try: choose one that is harder to guess."
    )]
    Common,
    /// Little more than the user's or the service's name.
    #[error(
        "That password is made of your name or this service's: choose one that has nothing to do with them."
    )]
    MadeOfNames,
    /// In a [`Blocklist`](super::Blocklist), or known to [`BreachedPasswords`](super::BreachedPasswords).
    #[error(
        "That password is in collections of passwords stolen from other sites: choose another."
    )]
    Breached,
}

impl PasswordProblem {
    /// A stable name for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooShort { .. } => "password_too_short",
            Self::TooLong => "password_too_long",
            Self::Common => "password_common",
            Self::MadeOfNames => "password_made_of_names",
            Self::Breached => "password_breached",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(password: &str) -> Result<(), PasswordProblem> {
        PasswordPolicy::default().check(
            &Password::new(password),
            &["alice", "alice@example.com", "Lockjar"],
        )
    }

    #[test]
    fn length_alone_makes_a_password() {
        for good in [
            "gravel umbrella seventeen",
            "xkqpwmzvnrtyalsdk",
            "пароль из нескольких слов",
            &"aB3 ".repeat(9).replace("aB3", "wolf tin"),
        ] {
            assert_eq!(check(good), Ok(()), "{good:?}");
        }
    }

    #[test]
    fn code_points_are_counted_after_normalisation() {
        assert_eq!(check("short"), Err(PasswordProblem::TooShort { min: 15 }));
        assert_eq!(
            check(&"e\u{301}".repeat(14)),
            Err(PasswordProblem::TooShort { min: 15 })
        );
        assert_eq!(check(&"long ".repeat(300)), Err(PasswordProblem::TooLong));
    }

    #[test]
    fn what_attackers_try_first_is_refused() {
        for bad in [
            "passwordpassword",
            "aaaaaaaaaaaaaaaaaaaa",
            "123456789012345678",
            "qwertyuiopasdfghjkl",
            "abcdefghijklmnopqrstuvwxyz",
        ] {
            assert_eq!(check(bad), Err(PasswordProblem::Common), "{bad:?}");
        }
    }

    #[test]
    fn the_users_and_the_services_names_make_no_password() {
        for bad in [
            "alicealicealice!",
            "Alice@Example.com1",
            "LOCKJARlockjar2026",
        ] {
            assert_eq!(check(bad), Err(PasswordProblem::MadeOfNames), "{bad:?}");
        }
        assert_eq!(check("alice keeps seven geese"), Ok(()));
    }

    #[test]
    fn signs_for_letters_are_read_but_only_a_few_different_ones() {
        assert_eq!(check("p@$$w0rdp@$$w0rd"), Err(PasswordProblem::Common));
        let mut kept = Vec::new();
        let read: String = "@(${[<@"
            .chars()
            .map(|sign| bland(sign, &mut kept))
            .collect();
        assert_eq!(read, "@($~~~@");
    }

    #[test]
    fn a_lower_minimum_stops_at_eight() {
        assert_eq!(PasswordPolicy::default().with_min_length(3).min_length(), 8);
    }

    #[test]
    fn only_the_dangerous_policy_accepts_password1() {
        let password = Password::new("password1");
        assert_eq!(
            PasswordPolicy::default()
                .with_min_length(8)
                .check(&password, &[]),
            Err(PasswordProblem::Common)
        );
        assert_eq!(
            PasswordPolicy::dangerously_accept_anything().check(&password, &[]),
            Ok(())
        );
    }
}
