//! Time, injected. Nothing outside this file asks the operating system what time it is, so every
//! limit in Lockjar can be tested without waiting for it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A moment: milliseconds since 1970-01-01T00:00:00 UTC, as [RFC 3339] when displayed.
///
/// [RFC 3339]: https://www.rfc-editor.org/rfc/rfc3339
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The moment that lies `millis` milliseconds after the Unix epoch.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// The moment `duration` later; the last representable one where that lies beyond it.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis(duration)))
    }

    /// The moment `duration` earlier.
    #[must_use]
    pub fn before(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(millis(duration)))
    }

    /// It as RFC 3339 with milliseconds.
    #[must_use]
    pub fn precise(self) -> impl fmt::Display {
        humantime::format_rfc3339_millis(since_epoch(self))
    }

    /// How long after `earlier` this is; zero if it is not after it.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

fn since_epoch(at: Timestamp) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(u64::try_from(at.0).unwrap_or(0))
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_rfc3339_seconds(since_epoch(*self)).fmt(f)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Where Lockjar gets the time from.
pub trait Clock: Send + Sync + 'static {
    /// The time of day. Sessions' limits are measured on it.
    fn now(&self) -> Timestamp;

    /// Time since some fixed moment, which never goes back and *goes on while the machine is suspended*:
    /// what a cache learnt before a laptop slept is old when it wakes.
    fn uptime(&self) -> Duration;
}

/// The machine's own clock, and the default.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods)] // The one place that may.
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp(millis(since_epoch))
    }

    fn uptime(&self) -> Duration {
        boot_time()
    }
}

#[cfg(target_os = "linux")]
fn boot_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::try_from(time).unwrap_or_default()
}

/// Elsewhere than on Linux the monotonic clock is what there is (on macOS it goes on in sleep).
#[cfg(not(target_os = "linux"))]
fn boot_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    Duration::try_from(time).unwrap_or_default()
}

/// Differences that are not worth a step.
const SLACK: u64 = 100;

/// The clock of all who share a store: this machine's, set right by the store's.
pub(crate) struct SharedClock {
    clock: Arc<dyn Clock>,
    /// Milliseconds that the store's is ahead.
    ahead: AtomicI64,
}

impl SharedClock {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            ahead: AtomicI64::new(0),
        }
    }

    /// Goes by what the store has just said, if it has a clock.
    pub(crate) fn follow(&self, time: Option<Timestamp>) {
        let Some(time) = time else { return };
        let ahead = time.0.saturating_sub(self.clock.now().0);
        if ahead.abs_diff(self.ahead.load(Ordering::Relaxed)) > SLACK {
            self.ahead.store(ahead, Ordering::Relaxed);
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        let ahead = self.ahead.load(Ordering::Relaxed);
        Timestamp(self.clock.now().0.saturating_add(ahead))
    }

    pub(crate) fn uptime(&self) -> Duration {
        self.clock.uptime()
    }
}

/// A clock that a test moves by hand.
#[derive(Debug)]
pub struct ManualClock {
    now: AtomicI64,
    uptime: AtomicU64,
}

impl ManualClock {
    /// A clock that stands at `now`.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self {
            now: AtomicI64::new(now.0),
            uptime: AtomicU64::new(0),
        }
    }

    /// Lets `duration` pass.
    pub fn advance(&self, duration: Duration) {
        self.now.fetch_add(millis(duration), Ordering::SeqCst);
        self.uptime.fetch_add(
            u64::try_from(millis(duration)).unwrap_or(0),
            Ordering::SeqCst,
        );
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.now.load(Ordering::SeqCst))
    }

    fn uptime(&self) -> Duration {
        Duration::from_millis(self.uptime.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_reads_as_rfc_3339() {
        assert_eq!(
            Timestamp::from_millis(1_700_000_000_123).to_string(),
            "2023-11-14T22:13:20Z"
        );
    }

    #[test]
    fn a_manual_clock_moves_only_when_told() {
        let clock = ManualClock::at(Timestamp::from_millis(5));
        assert_eq!(clock.now(), Timestamp::from_millis(5));
        clock.advance(Duration::from_secs(1));
        assert_eq!(clock.now(), Timestamp::from_millis(1005));
        assert_eq!(clock.uptime(), Duration::from_secs(1));
    }

    #[test]
    fn nodes_whose_clocks_differ_go_by_the_stores() {
        let at = Timestamp::from_millis;
        let (slow, fast) = (ManualClock::at(at(0)), ManualClock::at(at(90_000)));
        for own in [slow, fast] {
            let clock = SharedClock::new(Arc::new(own));
            clock.follow(Some(at(60_000)));
            clock.follow(None);
            assert_eq!(clock.now(), at(60_000));
            clock.follow(Some(at(60_050)));
            assert_eq!(clock.now(), at(60_000), "time does not tremble");
        }
    }

    #[test]
    fn the_system_clock_goes_forward() {
        let (time, uptime) = (SystemClock.now(), SystemClock.uptime());
        assert!(SystemClock.now() >= time && SystemClock.uptime() >= uptime);
        assert!(time > Timestamp::from_millis(1_600_000_000_000));
    }
}
