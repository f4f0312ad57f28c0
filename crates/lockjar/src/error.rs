//! What can go wrong, one enum for each boundary.

use std::fmt;
use std::time::Duration;

use crate::password::PasswordProblem;
use crate::throttle::NEVER;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// A setting that contradicts another or that a browser would not honour. The message is one sentence that says what
/// to change.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);

impl ConfigError {
    /// An error with this sentence.
    pub fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }
}

/// The store could not answer. It says nothing about who is logged in: a caller answers 503, never 401.
#[derive(Debug, thiserror::Error)]
#[error("{doing}")]
pub struct StoreError {
    doing: String,
    source: Option<Source>,
}

impl StoreError {
    /// The store failed while `doing` something ("reading a session"), for the reason `source`.
    pub fn new(doing: impl Into<String>, source: impl Into<Source>) -> Self {
        Self {
            doing: doing.into(),
            source: Some(source.into()),
        }
    }

    /// The store cannot be trusted to answer, and this sentence says why.
    pub fn unavailable(why: impl Into<String>) -> Self {
        Self {
            doing: why.into(),
            source: None,
        }
    }
}

/// Why Lockjar could not be opened. Its `Debug` is the sentence with its causes, since that is what a `main` prints that
/// returns it.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The settings contradict each other.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The store could not be opened.
    #[error("the store could not be opened: {0}")]
    Store(#[from] StoreError),
    /// The threads that hash passwords could not be started.
    #[error("the password threads could not be started")]
    Threads(#[source] std::io::Error),
}

impl fmt::Debug for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            let more = error.to_string();
            if !text.contains(&more) {
                text = format!("{text}: {more}");
            }
            cause = error.source();
        }
        f.write_str(&text)
    }
}

/// What is wrong with one field of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The field's name as the request spells it.
    pub field: &'static str,
    /// A stable name for the kind of problem, such as `username_taken`.
    pub code: &'static str,
    /// What is wrong and what to change, for people.
    pub message: String,
}

impl Problem {
    /// A problem with `field`.
    pub fn new(field: &'static str, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            field,
            code,
            message: message.into(),
        }
    }

    /// The problem that a password policy found, on the field that carried the password.
    pub(crate) fn password(field: &'static str, problem: &PasswordProblem) -> Self {
        Self::new(field, problem.code(), problem.to_string())
    }
}

/// Why a verb did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Unknown user, wrong password, or an account that may not log in. It does not say which.
    #[error("Invalid credentials")]
    InvalidCredentials,
    /// No session, or one that has ended.
    #[error("Not authenticated")]
    NotAuthenticated,
    /// The session's cookie came more than once with different values; neither is believed.
    #[error("The session cookie was sent twice with different values")]
    DuplicateCookie,
    /// The refresh token was replaced a moment ago, and its successor is on the way to the same browser. Nothing ended.
    #[error("This refresh token was just replaced; try again with the new one")]
    RefreshConflict,
    /// The name belongs to another account.
    #[error("That username is taken")]
    UsernameTaken,
    /// A value breaks a rule; each [`Problem`] names its field and says what to change.
    #[error("{}", .0.first().map_or("Invalid input", |problem| problem.message.as_str()))]
    Invalid(Vec<Problem>),
    /// There is no such thing, or it is somebody else's.
    #[error("Not Found")]
    NotFound,
    /// Too many have failed at the account, or come from the address; whether there is such an account is not known yet.
    #[error("{}", too_many(*retry_after))]
    Throttled {
        /// When the next attempt may come; a day where time alone brings none back
        /// ([`throttle::STRANGERS`](crate::throttle::STRANGERS)).
        retry_after: Duration,
    },
    /// As many passwords are being hashed as this machine can; try again after the time given.
    #[error("Too many log-ins at once; try again in a moment")]
    Overloaded {
        /// When it is worth trying again.
        retry_after: Duration,
    },
    /// The store could not answer. Nobody was logged out, and it is not known whether anything was written.
    #[error("Temporarily unavailable")]
    Unavailable(#[source] StoreError),
}

fn too_many(retry_after: Duration) -> String {
    match retry_after >= NEVER {
        true => "Too many attempts: log in where you logged in last, or ask whoever runs this for a way back in".to_owned(),
        false => format!("Too many attempts: try again in {}", in_words(retry_after)),
    }
}

/// For people, rounded up.
fn in_words(duration: Duration) -> String {
    let seconds = duration.as_millis().div_ceil(1000).max(1);
    match seconds {
        1 => "a second".to_owned(),
        2..=90 => format!("{seconds} seconds"),
        91..=7_200 => format!("{} minutes", seconds.div_ceil(60)),
        _ => format!("{} hours", seconds.div_ceil(3600)),
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_main_that_returns_the_error_prints_a_sentence() {
        let config = OpenError::from(ConfigError::new("change this"));
        assert_eq!(format!("{config:?}"), "change this");
        let store = StoreError::new("opening a.db", "no such folder");
        assert_eq!(
            format!("{:?}", OpenError::from(store)),
            "the store could not be opened: opening a.db: no such folder"
        );
    }
}
