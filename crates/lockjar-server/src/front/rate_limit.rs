//! How fast requests may follow one another on one connection. Whoever is faster is answered later, not refused: they come
//! one after the other, so that to wait is enough.

use std::time::Duration;

/// Requests in a second; a browser sends a hundred, a proxy some thousands.
const MOST: u32 = 10_000;
const SECOND: Duration = Duration::from_secs(1);

/// The requests of one connection.
#[derive(Default)]
pub(super) struct RateLimit {
    began: Duration,
    answered: u32,
}

impl RateLimit {
    /// How long the next request has to wait. `uptime` is asked only when as many were answered as may be in a second, since
    /// most connections never get there.
    pub(super) fn wait(&mut self, uptime: impl FnOnce() -> Duration) -> Option<Duration> {
        self.answered += 1;
        if self.answered <= MOST {
            return None;
        }
        let now = uptime();
        let wait = (self.began + SECOND).saturating_sub(now);
        *self = Self {
            began: now + wait,
            answered: 1,
        };
        (!wait.is_zero()).then_some(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_asks_faster_than_that_waits_for_the_rest_of_the_second() {
        let mut limit = RateLimit {
            began: Duration::from_secs(50),
            answered: 0,
        };
        for _ in 0..MOST {
            assert_eq!(limit.wait(|| panic!("not asked")), None);
        }
        let now = Duration::from_millis(50_300);
        assert_eq!(limit.wait(|| now), Some(Duration::from_millis(700)));
        for _ in 1..MOST {
            assert_eq!(limit.wait(|| panic!("not asked")), None);
        }
        assert_eq!(limit.wait(|| Duration::from_secs(53)), None);
    }
}
