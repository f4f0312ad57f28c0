//! The passwords that are found most often in leaks, compiled in: for each minimum from 8 to 15 the 3,000 most common ones
//! that are long enough for it (OWASP ASVS 5.0, 6.2.4). An estimate alone lets many of them pass, since they look random.
//! `cargo xtask test passwords` makes the list again from where it comes from, and compares.

use std::sync::LazyLock;

/// In lower case, one to a line, in the order of their bytes.
static COMMON: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| include_str!("common.txt").lines().collect());

/// Whether the password is one of them, in upper or lower case: attackers try both.
pub(super) fn is_common(password: &str) -> bool {
    let lower = password.to_lowercase();
    COMMON.binary_search(&lower.as_str()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::super::{Password, PasswordPolicy, PasswordProblem};
    use super::*;

    #[test]
    fn the_3_000_most_common_passwords_are_refused_whatever_the_minimum_and_the_case() {
        for minimum in 8..=15 {
            let policy = PasswordPolicy::default().with_min_length(minimum);
            let long = |word: &&&str| word.chars().count() >= minimum;
            let looked_at: Vec<_> = COMMON.iter().filter(long).collect();
            println!("{minimum} characters: {} are looked at", looked_at.len());
            assert!(looked_at.len() >= 3000);
            // The list is asked before the estimate, which would take seconds for all of them.
            for word in looked_at {
                for spelt in [(*word).to_owned(), word.to_uppercase()] {
                    let said = policy.check(&Password::new(&spelt), &[]);
                    assert_eq!(said, Err(PasswordProblem::Common), "{spelt}");
                }
            }
        }
    }

    #[test]
    fn a_common_password_that_looks_random_is_refused() {
        // The estimate alone would take each of them.
        let policy = PasswordPolicy::default().with_min_length(8);
        for bad in ["1g2w3e4r", "1G2W3E4R", "pe#5gz29ptzmse"] {
            assert_eq!(
                policy.check(&Password::new(bad), &[]),
                Err(PasswordProblem::Common),
                "{bad}"
            );
        }
        assert!(!is_common("gravel umbrella seventeen"));
    }

    #[test]
    fn the_list_is_in_order_so_that_everything_in_it_is_found() {
        assert!(COMMON.is_sorted());
        assert!(COMMON.iter().all(|word| is_common(word)));
    }
}
