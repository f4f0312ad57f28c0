//! How long a refused log-in takes: as long as the dearest hash in the store would, whatever was wrong. What is left of that
//! is waited for on a timer, so that no thread is held by somebody who has failed.
//!
//! How long a hash of today's takes is measured at every log-in, for a busy machine takes longer. What others cost is a
//! multiple of it, which is measured once and apart from any account: otherwise a busy moment in which an account of theirs was
//! tried would show in what comes after.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Log-ins that are remembered.
const REMEMBERED: usize = 64;
/// No refusal is held back for longer: a machine that was suspended has not been hashing.
const LONGEST: Duration = Duration::from_secs(5);
/// What the multiple is counted in.
const THOUSANDTHS: f64 = 1000.0;

/// What refusals take.
pub(crate) struct Pace {
    recent: Mutex<VecDeque<Duration>>,
    /// The dearest hash in the store over one of today's, in thousandths.
    multiple: AtomicU64,
    /// Whether what is refused takes the same time at all; not so for the control of the test that measures it.
    is_even: bool,
}

impl Pace {
    pub(crate) const fn new(is_even: bool) -> Self {
        Self {
            recent: Mutex::new(VecDeque::new()),
            multiple: AtomicU64::new(THOUSANDTHS as u64),
            is_even,
        }
    }

    /// Whether a hash is computed where there is none to compare with.
    pub(crate) const fn is_even(&self) -> bool {
        self.is_even
    }

    /// Remembers that a log-in that needed a hash of today's took so long, the time in the queue left out.
    pub(crate) fn note(&self, took: Duration) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.len() == REMEMBERED {
            recent.pop_front();
        }
        recent.push_back(took.min(LONGEST));
    }

    /// Remembers that the store holds hashes that cost as many times as much as today's.
    pub(crate) fn learn(&self, multiple: f64) {
        if multiple.is_finite() && multiple > 0.0 {
            let thousandths = (multiple * THOUSANDTHS).ceil() as u64;
            self.multiple.fetch_max(thousandths, Ordering::AcqRel);
        }
    }

    /// What a refusal takes now: the longest log-in that is remembered, as many times as the dearest hash costs.
    pub(crate) fn refusal(&self) -> Duration {
        if !self.is_even {
            return Duration::ZERO;
        }
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let longest = recent.iter().max().copied().unwrap_or_default();
        let multiple = self.multiple.load(Ordering::Acquire) as f64 / THOUSANDTHS;
        longest.mul_f64(multiple).min(LONGEST)
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
    fn a_refusal_takes_what_the_dearest_hash_does_however_busy_the_machine_is() {
        let pace = Pace::new(true);
        assert_eq!(pace.refusal(), Duration::ZERO);
        pace.note(ms(20));
        assert_eq!(pace.refusal(), ms(20));
        pace.learn(12.5);
        pace.learn(0.1);
        assert_eq!(pace.refusal(), ms(250));
        pace.note(ms(40));
        assert_eq!(pace.refusal(), ms(500));
    }

    #[test]
    fn a_moment_of_slowness_is_forgotten() {
        let pace = Pace::new(true);
        pace.note(ms(900_000));
        assert_eq!(pace.refusal(), LONGEST);
        for _ in 0..REMEMBERED {
            pace.note(ms(20));
        }
        assert_eq!(pace.refusal(), ms(20));
    }

    #[test]
    fn no_multiple_breaks_it() {
        let pace = Pace::new(true);
        pace.note(ms(20));
        for odd in [f64::NAN, f64::INFINITY, -1.0, 0.0] {
            pace.learn(odd);
        }
        assert_eq!(pace.refusal(), ms(20));
        pace.learn(f64::MAX);
        assert_eq!(pace.refusal(), LONGEST);
    }
}
