//! A session: one browser, or one program, logged in as one user.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::error::ConfigError;
use crate::id::{SessionId, UserId};
use crate::refresh::Chain;
use crate::token::HashedSecret;

/// Characters of a `User-Agent` that are kept, so that a session's owner recognises the device.
const USER_AGENT_CHARS: usize = 256;

/// How long sessions live and how many a user may have. Enforced on the server, whatever the cookie says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionLimits {
    /// A session ends when it was not used for this long. Default 7 days.
    pub idle: Duration,
    /// A session ends this long after log-in, used or not (NIST SP 800-63B-4 at AAL1: 30 days). Default 30 days.
    pub absolute: Duration,
    /// The same without 'remember me', where the cookie ends with the browser. Default 12 hours.
    pub browser: Duration,
    /// Sessions a user may have at once; a further log-in ends the oldest. Default 100.
    pub per_user: u32,
    /// `last_seen_at` is written at most this often for each session; never less often than a tenth of the idle limit.
    /// Default 1 minute.
    pub touch_interval: Duration,
}

impl Default for SessionLimits {
    fn default() -> Self {
        const HOUR: u64 = 3600;
        Self {
            idle: Duration::from_secs(7 * 24 * HOUR),
            absolute: Duration::from_secs(30 * 24 * HOUR),
            browser: Duration::from_secs(12 * HOUR),
            per_user: 100,
            touch_interval: Duration::from_secs(60),
        }
    }
}

impl SessionLimits {
    /// Refuses limits that could not work.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let zero = self.idle.is_zero() || self.absolute.is_zero() || self.browser.is_zero();
        if zero || self.per_user == 0 {
            return Err(ConfigError::new(
                "session limits must be greater than zero, or nobody could stay logged in",
            ));
        }
        Ok(())
    }

    /// Last uses are noted often enough that a session in use does not count as idle.
    pub(crate) fn with_fitting_touches(self) -> Self {
        let touch_interval = self.touch_interval.min(self.idle / 10);
        Self {
            touch_interval,
            ..self
        }
    }

    /// How long a new session may live at the most.
    pub(crate) fn lifetime(&self, remember: bool) -> Duration {
        if remember {
            self.absolute
        } else {
            self.browser.min(self.absolute)
        }
    }
}

/// A session as its owner may see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Public; safe to show, log and revoke by.
    pub id: SessionId,
    /// Whose it is.
    pub user: UserId,
    /// When the log-in was.
    pub created_at: Timestamp,
    /// The last use, to the touch interval.
    pub last_seen_at: Timestamp,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
    /// Whether the cookie outlives the browser ('remember me').
    pub remember: bool,
    /// The `User-Agent` at log-in, cut to 256 characters without control characters.
    pub user_agent: Option<String>,
}

impl Session {
    /// Whether the session has outlived either of its limits.
    #[must_use]
    pub fn is_expired(&self, now: Timestamp, idle: Duration) -> bool {
        is_expired(self.expires_at, self.last_seen_at, now, idle)
    }
}

/// The two limits, for callers that keep the times apart.
pub(crate) fn is_expired(
    expires_at: Timestamp,
    last_seen_at: Timestamp,
    now: Timestamp,
    idle: Duration,
) -> bool {
    now >= expires_at || now >= last_seen_at.after(idle)
}

/// What a store writes at a log-in.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// The session.
    pub session: Session,
    /// The hash of its secret, or of its refresh tokens' family; the secret itself reaches no store.
    pub secret: HashedSecret,
    /// Its refresh tokens, where sessions have any.
    pub refresh: Option<Chain>,
}

/// Makes a `User-Agent` fit to be kept and shown.
pub(crate) fn tidy_user_agent(header: &str) -> Option<String> {
    let text: String = header
        .chars()
        .filter(|c| !c.is_control() && !reorders_text(*c))
        .take(USER_AGENT_CHARS)
        .collect();
    (!text.trim().is_empty()).then_some(text)
}

/// Signs that turn the text around them about, so that a line reads as something else.
fn reorders_text(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> Session {
        Session {
            id: SessionId::random(),
            user: UserId::random(),
            created_at: Timestamp::from_millis(0),
            last_seen_at: Timestamp::from_millis(1_000),
            expires_at: Timestamp::from_millis(10_000),
            remember: false,
            user_agent: None,
        }
    }

    #[test]
    fn a_session_ends_at_its_absolute_limit_even_when_used() {
        let idle = Duration::from_secs(3600);
        assert!(!session().is_expired(Timestamp::from_millis(9_999), idle));
        assert!(session().is_expired(Timestamp::from_millis(10_000), idle));
    }

    #[test]
    fn a_session_ends_when_idle() {
        let idle = Duration::from_secs(2);
        assert!(!session().is_expired(Timestamp::from_millis(2_999), idle));
        assert!(session().is_expired(Timestamp::from_millis(3_000), idle));
    }

    #[test]
    fn a_browser_session_is_never_longer_than_a_remembered_one() {
        let limits = SessionLimits {
            absolute: Duration::from_secs(60),
            ..SessionLimits::default()
        };
        assert_eq!(limits.lifetime(false), Duration::from_secs(60));
        assert_eq!(
            SessionLimits::default().lifetime(false),
            Duration::from_secs(12 * 3600)
        );
    }

    #[test]
    fn impossible_limits_are_refused() {
        let limits = SessionLimits::default();
        assert!(limits.check().is_ok());
        assert!(
            SessionLimits {
                idle: Duration::ZERO,
                ..limits
            }
            .check()
            .is_err()
        );
        assert!(
            SessionLimits {
                per_user: 0,
                ..limits
            }
            .check()
            .is_err()
        );
    }

    #[test]
    fn uses_are_noted_often_enough_for_a_short_idle_limit() {
        let limits = |idle| SessionLimits {
            idle: Duration::from_secs(idle),
            ..SessionLimits::default()
        };
        assert_eq!(
            limits(90).with_fitting_touches().touch_interval,
            Duration::from_secs(9)
        );
        assert_eq!(
            limits(30).with_fitting_touches().touch_interval,
            Duration::from_secs(3)
        );
        assert_eq!(
            limits(7 * 24 * 3600).with_fitting_touches().touch_interval,
            Duration::from_secs(60)
        );
    }

    #[test]
    fn a_user_agent_is_cut_and_cleaned() {
        assert_eq!(
            tidy_user_agent("curl/8\u{1b}[31m\r\n"),
            Some("curl/8[31m".to_owned())
        );
        assert_eq!(
            tidy_user_agent(&"x".repeat(999)).map(|text| text.len()),
            Some(256)
        );
        assert_eq!(
            tidy_user_agent("a\u{202e}b\u{2066}c"),
            Some("abc".to_owned())
        );
        assert_eq!(tidy_user_agent("  "), None);
    }
}
