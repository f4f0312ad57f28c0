//! What clients were told, and which of it turned out to be wrong.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::door::Answer;

/// What somebody asks for that changes something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    SignUp,
    LogIn,
    LogOut,
    LogOutEverywhere,
    ChangePassword,
    Refresh,
}

impl Act {
    pub(crate) const ALL: [Self; 6] = [
        Self::SignUp,
        Self::LogIn,
        Self::LogOut,
        Self::LogOutEverywhere,
        Self::ChangePassword,
        Self::Refresh,
    ];

    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::SignUp => "/register",
            Self::LogIn => "/login",
            Self::LogOut => "/logout",
            Self::LogOutEverywhere => "/logout/all",
            Self::ChangePassword => "/password",
            Self::Refresh => "/refresh",
        }
    }

    pub(crate) fn success(self) -> u16 {
        match self {
            Self::SignUp => 201,
            _ => 200,
        }
    }

    /// What the audit log calls it, where it is written down.
    pub(crate) fn event(self) -> Option<&'static str> {
        match self {
            Self::SignUp => Some("sign_up"),
            Self::LogIn => Some("log_in"),
            Self::LogOut => Some("log_out"),
            Self::LogOutEverywhere => Some("sessions_ended"),
            Self::ChangePassword => Some("password_changed"),
            Self::Refresh => None,
        }
    }

    /// In a report.
    pub(crate) fn plural(self) -> &'static str {
        match self {
            Self::SignUp => "sign-ups",
            Self::LogIn => "log-ins",
            Self::LogOut => "log-outs",
            Self::LogOutEverywhere => "log-outs everywhere",
            Self::ChangePassword => "passwords changed",
            Self::Refresh => "refreshes",
        }
    }
}

/// One act that was answered.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    pub(crate) act: Act,
    pub(crate) name: String,
    /// What the audit log calls the request by.
    pub(crate) request: String,
    /// The cookies that it was asked with.
    pub(crate) cookies: String,
    pub(crate) begin: Instant,
    pub(crate) end: Instant,
}

/// A promise that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Violation {
    /// Something acknowledged is not there.
    Lost(String),
    /// Something that was refused, or had ended, is there.
    CameBack(String),
    /// Something is there by halves, or not as it was before.
    Torn(String),
    /// An acknowledged act is not in the audit log.
    NotRecorded(String),
    /// The file is damaged, or the server needs help.
    Damaged(String),
    /// An answer that nobody should see.
    Unexpected(String),
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rule, what) = match self {
            Self::Lost(what) => ("lost", what),
            Self::CameBack(what) => ("came back", what),
            Self::Torn(what) => ("torn", what),
            Self::NotRecorded(what) => ("not in the audit log", what),
            Self::Damaged(what) => ("damaged", what),
            Self::Unexpected(what) => ("unexpected", what),
        };
        write!(f, "{rule}: {what}")
    }
}

/// The notes of all clients of a site.
#[derive(Debug, Default)]
pub(crate) struct Told(Mutex<Notes>);

#[derive(Debug, Default, Clone)]
pub(crate) struct Notes {
    pub(crate) acknowledged: Vec<Heard>,
    /// Answered 503 or 429: none of it is there.
    pub(crate) refused: Vec<Heard>,
    pub(crate) violations: Vec<Violation>,
    /// Acts without an answer that turned out to be done, and those that were not.
    pub(crate) done: usize,
    pub(crate) not_done: usize,
    /// Sessions and passwords that were tried by the checker.
    pub(crate) sessions: usize,
    pub(crate) passwords: usize,
}

impl Told {
    pub(crate) fn notes(&self) -> MutexGuard<'_, Notes> {
        // A panic elsewhere is reported there.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn violation(&self, violation: Violation) {
        self.notes().violations.push(violation);
    }

    /// Notes what came of an act. Whether it was acknowledged.
    pub(crate) fn hear(&self, heard: Heard, answer: &Answer) -> bool {
        let mut notes = self.notes();
        match answer.status {
            status if status == heard.act.success() => {
                notes.acknowledged.push(heard);
                return true;
            }
            // Log-ins that a full disk cut off were counted as failures, until the next one is told to wait.
            429 | 503 => notes.refused.push(heard),
            status => {
                let (act, name) = (heard.act, heard.name);
                let what = format!("{act:?} by {name} answered {status}: {}", answer.body);
                notes.violations.push(Violation::Unexpected(what));
            }
        }
        false
    }
}
