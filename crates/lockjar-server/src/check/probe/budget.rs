//! What a check may ask in all, handshakes included, and for how long: the site may be slow, endless or hostile.

use std::time::{Duration, Instant};

/// More than a check has reason to ask.
pub(super) const REQUESTS: usize = 40;

/// How long a site may take, however its bytes trickle.
#[derive(Clone, Copy)]
pub(super) struct Patience {
    /// For one answer.
    pub(super) one: Duration,
    /// For all of them.
    pub(super) all: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            one: Duration::from_secs(10),
            all: Duration::from_secs(60),
        }
    }
}

/// What is left of it, and a list of what was asked.
pub(super) struct Budget {
    patience: Patience,
    until: Instant,
    asked: Vec<String>,
}

impl Budget {
    pub(super) fn new(patience: Patience) -> Self {
        Self {
            patience,
            until: Instant::now() + patience.all,
            asked: Vec::new(),
        }
    }

    /// Notes what is asked now, and says how long that may take, unless there is no more to be asked.
    pub(super) fn spend(&mut self, what: String) -> Result<Duration, String> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() || self.asked.len() >= REQUESTS {
            return Err(format!(
                "the check ends after {REQUESTS} requests or {} seconds",
                self.patience.all.as_secs()
            ));
        }
        self.asked.push(what);
        Ok(left.min(self.patience.one))
    }

    /// Everything that was asked.
    pub(super) fn asked(self) -> Vec<String> {
        self.asked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_answer_may_not_take_longer_than_all_of_them() {
        let (one, all) = (Duration::from_secs(10), Duration::from_secs(5));
        let mut budget = Budget::new(Patience { one, all });
        assert!(budget.spend("GET /".to_owned()).unwrap() <= all);
    }

    #[test]
    fn when_the_time_is_over_nothing_more_is_asked() {
        let mut budget = Budget::new(Patience {
            all: Duration::ZERO,
            ..Patience::default()
        });
        let refused = budget.spend("GET /".to_owned()).unwrap_err();
        assert!(refused.contains("the check ends"), "{refused}");
        assert!(budget.asked().is_empty());
    }

    #[test]
    fn there_is_an_end_of_what_is_asked() {
        let mut budget = Budget::new(Patience::default());
        let asked = (0..REQUESTS + 10).filter(|_| budget.spend("GET /".to_owned()).is_ok());
        assert_eq!(asked.count(), REQUESTS);
        assert_eq!(budget.asked().len(), REQUESTS);
    }
}
