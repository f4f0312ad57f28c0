//! How many guesses are left: the rules, without the counting. [NIST SP 800-63B-4] §3.2.2 allows 100 consecutive failures at an
//! account. Strangers share 80 of them, with growing waits; the devices on which the account was logged in last have 10 each and
//! 20 together, so that no stranger can lock the owner out of them. Addresses have an allowance of failures that comes back with time.
//!
//! [NIST SP 800-63B-4]: https://pages.nist.gov/800-63-4/sp800-63b.html#throttle

use std::time::Duration;

use crate::clock::Timestamp;
use crate::error::ConfigError;

/// Consecutive failures at one account that strangers share.
pub const STRANGERS: u32 = 80;
/// Consecutive failures of one device that the account knows. After them it is a stranger.
pub const PER_DEVICE: u32 = 10;
/// Consecutive failures of all its devices together: what two of them have.
pub const ALL_DEVICES: u32 = 2 * PER_DEVICE;
/// Devices that an account knows: those on which it was logged in last.
pub const KEPT_DEVICES: u32 = 8;

/// Failures of strangers at an account that nobody has to wait for.
const FREE: u32 = 10;
/// The wait after the next one; each further wait is twice as long.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);
/// What is answered where no time brings a guess back.
pub(crate) const NEVER: Duration = Duration::from_secs(24 * 3600);

/// What one address may do in an hour: one IPv4 address, or one IPv6 network of 64 bits. One of 48 bits may do five times as
/// much, and all together whose address is not known ten times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PerAddress {
    /// Failures to log in, at whatever accounts. Default: 100. A success gives none back.
    pub failures: u32,
    /// Attempts to sign up. Default: 30.
    pub sign_ups: u32,
}

impl PerAddress {
    /// Refuses what would be no limit, or no service.
    pub(crate) fn check(self) -> Result<(), ConfigError> {
        let is_one = |count: u32| (1..=1_000_000).contains(&count);
        match is_one(self.failures) && is_one(self.sign_ups) {
            true => Ok(()),
            false => Err(ConfigError::new(
                "what one address may do in an hour must be between 1 and 1,000,000",
            )),
        }
    }
}

impl Default for PerAddress {
    fn default() -> Self {
        Self {
            failures: 100,
            sign_ups: 30,
        }
    }
}

/// What was counted so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Consecutive failures.
    pub failures: u32,
    /// For an account: when the next attempt may come. For a rate: when all of the allowance is there again.
    pub at: Timestamp,
}

/// What attempts are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Consecutive failures of strangers at an account.
    Account,
    /// At most `burst` at once, and one more each `refill`.
    Rate {
        /// How many at once.
        burst: u32,
        /// How soon one comes back.
        refill: Duration,
    },
}

impl Rule {
    /// Counts one attempt, before anybody knows whether it fails.
    ///
    /// # Errors
    /// How long to wait, where there may be none now. Nothing is counted then.
    pub fn count(self, before: Count, now: Timestamp) -> Result<Count, Duration> {
        match self {
            Self::Account if before.failures >= STRANGERS => Err(NEVER),
            Self::Account if before.at > now => Err(before.at.since(now)),
            Self::Account => {
                let failures = before.failures + 1;
                // Where there is no wait no moment is noted: another node's clock may be a little behind, and requests overtake
                // each other.
                let at = wait_after(failures).map_or(before.at, |wait| now.after(wait));
                Ok(Count { failures, at })
            }
            Self::Rate { burst, refill } => {
                let at = before.at.max(now).after(refill);
                let latest = now.after(refill * burst);
                match at > latest {
                    true => Err(at.since(latest)),
                    false => Ok(Count { failures: 0, at }),
                }
            }
        }
    }

    /// Takes one back that did not fail, or was never tried.
    #[must_use]
    pub fn take_back(self, count: Count, now: Timestamp) -> Count {
        match self {
            Self::Account => Count {
                failures: count.failures.saturating_sub(1),
                at: count.at.min(now),
            },
            Self::Rate { refill, .. } => Count {
                failures: 0,
                at: count.at.before(refill),
            },
        }
    }
}

fn wait_after(failures: u32) -> Option<Duration> {
    let more = failures.checked_sub(FREE + 1)?;
    let wait = FIRST_WAIT.saturating_mul(2_u32.saturating_pow(more));
    Some(wait.min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    /// Guesses as soon as it may, until it may no more.
    #[test]
    fn strangers_have_eighty_guesses_with_growing_waits_and_then_none() {
        let (mut count, mut now, mut waits) = (Count::default(), START, Vec::new());
        let end = loop {
            match Rule::Account.count(count, now) {
                Ok(next) => count = next,
                Err(NEVER) => break now,
                Err(wait) => {
                    waits.push(wait.as_secs());
                    now = now.after(wait);
                }
            }
        };
        assert_eq!(count.failures, STRANGERS);
        assert_eq!(waits[..10], [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]);
        assert!(waits[10..].iter().all(|wait| *wait == 900));
        let hours = end.since(START).as_secs() / 3600;
        assert!((15..20).contains(&hours), "{hours} hours");
        assert!(
            Rule::Account
                .count(count, now.after(LONGEST_WAIT * 1000))
                .is_err()
        );
    }

    #[test]
    fn the_first_ten_may_come_at_once() {
        let mut count = Count::default();
        for _ in 0..FREE + 1 {
            count = Rule::Account.count(count, START).unwrap();
        }
        assert_eq!(Rule::Account.count(count, START), Err(FIRST_WAIT));
    }

    #[test]
    fn the_first_ten_wait_for_nobody_in_whatever_order_they_come() {
        let mut count = Count::default();
        for number in 0..u64::from(FREE) {
            let earlier = START.before(Duration::from_millis(number));
            count = Rule::Account.count(count, earlier).unwrap();
        }
        assert_eq!(count.at, Timestamp::default());
    }

    #[test]
    fn what_is_taken_back_leaves_the_others_and_no_wait() {
        let before = Count {
            failures: 40,
            at: START,
        };
        let counted = Rule::Account.count(before, START).unwrap();
        assert_eq!(Rule::Account.take_back(counted, START), before);
        let rate = Rule::Rate {
            burst: 3,
            refill: Duration::from_secs(10),
        };
        let counted = rate.count(before, START).unwrap();
        assert_eq!(rate.take_back(counted, START).at, START);
    }

    #[test]
    fn a_rate_gives_its_burst_and_then_one_at_a_time() {
        let rate = Rule::Rate {
            burst: 3,
            refill: Duration::from_secs(10),
        };
        let mut count = Count::default();
        for _ in 0..3 {
            count = rate.count(count, START).unwrap();
        }
        assert_eq!(rate.count(count, START), Err(Duration::from_secs(10)));
        let later = START.after(Duration::from_secs(4));
        assert_eq!(rate.count(count, later), Err(Duration::from_secs(6)));
        let later = START.after(Duration::from_secs(10));
        count = rate.count(count, later).unwrap();
        assert!(rate.count(count, later).is_err());
        let much_later = START.after(Duration::from_secs(3600));
        for _ in 0..3 {
            count = rate.count(count, much_later).unwrap();
        }
        assert!(
            rate.count(count, much_later).is_err(),
            "no more than the burst is saved up"
        );
    }
}
