//! How long a refused log-in takes: as long as the dearest hash in the store lately did, whatever was wrong. What is
//! left of that is waited for on a timer, so that no thread is held by somebody who has failed.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Checks that are remembered of each scheme.
const REMEMBERED: usize = 64;
/// Schemes that are told apart: whoever has more of them has stored hashes of every cost there is.
const SCHEMES: usize = 64;
/// No refusal is held back for longer: a machine that was suspended has not been hashing.
const LONGEST: Duration = Duration::from_secs(5);

/// What checking a password has lately taken, by the scheme and parameters of the stored hash.
pub(crate) struct Pace {
    schemes: Mutex<HashMap<String, VecDeque<Duration>>>,
    /// Whether what is refused takes the same time at all; not so for the control of the test that measures it.
    is_even: bool,
}

impl Pace {
    pub(crate) fn new(is_even: bool) -> Self {
        let schemes = Mutex::default();
        Self { schemes, is_even }
    }

    /// Whether a hash is computed where there is none to compare with.
    pub(crate) const fn is_even(&self) -> bool {
        self.is_even
    }

    /// Remembers that a check under `scheme` took so long, the time in the queue left out.
    pub(crate) fn note(&self, scheme: &str, took: Duration) {
        let mut schemes = self.schemes();
        if !schemes.contains_key(scheme) && schemes.len() == SCHEMES {
            return;
        }
        let checks = schemes.entry(scheme.to_owned()).or_default();
        if checks.len() == REMEMBERED {
            checks.pop_front();
        }
        checks.push_back(took.min(LONGEST));
    }

    /// Whether anything is known of a scheme.
    pub(crate) fn knows(&self, scheme: &str) -> bool {
        self.schemes().contains_key(scheme)
    }

    /// What a refusal takes now: the longest that is remembered of any scheme.
    pub(crate) fn refusal(&self) -> Duration {
        if !self.is_even {
            return Duration::ZERO;
        }
        let schemes = self.schemes();
        schemes
            .values()
            .flatten()
            .max()
            .copied()
            .unwrap_or_default()
    }

    fn schemes(&self) -> MutexGuard<'_, HashMap<String, VecDeque<Duration>>> {
        self.schemes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// Negative test 15.
    #[test]
    fn a_refusal_takes_what_the_dearest_scheme_does() {
        let pace = Pace::new(true);
        assert_eq!(pace.refusal(), Duration::ZERO);
        pace.note("cheap", ms(20));
        pace.note("dear", ms(250));
        for _ in 0..10 * REMEMBERED {
            pace.note("cheap", ms(21));
        }
        assert_eq!(pace.refusal(), ms(250), "however seldom it is checked");
    }

    #[test]
    fn a_moment_of_slowness_is_forgotten() {
        let pace = Pace::new(true);
        pace.note("cheap", ms(900_000));
        assert_eq!(pace.refusal(), LONGEST);
        for _ in 0..REMEMBERED {
            pace.note("cheap", ms(20));
        }
        assert_eq!(pace.refusal(), ms(20));
    }

    #[test]
    fn schemes_beyond_the_limit_are_not_remembered() {
        let pace = Pace::new(true);
        for number in 0..SCHEMES {
            pace.note(&number.to_string(), ms(1));
        }
        pace.note("one too many", ms(2));
        assert_eq!(pace.refusal(), ms(1));
    }
}
