//! The audit log: who did what, when, and from where. Every field is an id, an address or a word of ours, so that nothing
//! that was typed can forge a line; the name of an account that is made has passed RFC 8265. Of a name that nobody has nothing
//! is kept, since it is often a password (OWASP ASVS 5.0, 16.3 and 16.4).

use std::net::IpAddr;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::clock::Timestamp;
use crate::error::ConfigError;
use crate::id::{SessionId, UserId};

macro_rules! events {
    ($($(#[$doc:meta])* $event:ident $name:literal $sentence:literal,)*) => {
        /// What happened.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Event {
            $($(#[$doc])* $event,)*
        }

        impl Event {
            /// Every event.
            pub const ALL: &'static [Self] = &[$(Self::$event,)*];

            /// Its stable name, such as `log_in`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$event => $name,)*
                }
            }

            /// It in a sentence.
            pub(crate) const fn sentence(self) -> &'static str {
                match self {
                    $(Self::$event => $sentence,)*
                }
            }
        }
    };
}

events! {
    /// Somebody logged in.
    LogIn "log_in" "a user logged in",
    /// Somebody could not log in. The user is the one whose name was given, if there is one.
    LogInRefused "log_in_refused" "a log-in was refused",
    /// There were too many attempts; this one was not tried.
    Throttled "throttled" "an attempt was refused unseen",
    /// An account was made by whoever logs in to it.
    SignUp "sign_up" "a user signed up",
    /// A session was ended by itself.
    LogOut "log_out" "a user logged out",
    /// Sessions were ended by another of the user's, or by an operator; the detail says which.
    SessionsEnded "sessions_ended" "sessions were ended",
    /// A user changed the password.
    PasswordChanged "password_changed" "a password was changed",
    /// Whoever wanted to change the password did not know it.
    PasswordRefused "password_refused" "a wrong current password was given",
    /// A refresh token that had been replaced was used: two had it, and its session was ended.
    RefreshTokenReused "refresh_token_reused" "a refresh token was used that had been replaced: its session was ended",
    /// A link that sets a new password was made.
    RecoveryLink "recovery_link" "a recovery link was made",
    /// A password was set by such a link.
    Recovered "recovered" "a password was set by a recovery link",
    /// An operator made an account.
    UserAdded "user_added" "an account was made",
    /// An operator disabled an account.
    UserDisabled "user_disabled" "an account was disabled",
    /// An operator let an account log in again.
    UserEnabled "user_enabled" "an account was enabled",
    /// An operator forgot the failures at an account.
    UserUnlocked "user_unlocked" "the failures at an account were forgotten",
    /// An operator deleted an account.
    UserDeleted "user_deleted" "an account was deleted",
    /// An operator set a password.
    PasswordSet "password_set" "a password was set",
    /// An operator brought accounts along from elsewhere; how many is how often.
    UsersImported "users_imported" "accounts were imported",
    /// An operator made a copy of the database.
    BackedUp "backed_up" "the database was copied to a file",
    /// The database came from a backup; all sessions ended.
    Restored "restored" "the database was restored from a backup",
    /// Everything before was in another database, which has a log of its own.
    MovedHere "moved_here" "the accounts were moved here from another database",
    /// A new signing key was made.
    KeysRotated "keys_rotated" "a new signing key was made",
    /// A signing key was revoked; the detail is its name.
    KeyRevoked "key_revoked" "a signing key was revoked",
    /// Every signing key was revoked.
    KeysRevoked "keys_revoked" "every signing key was revoked, and a new one made",
}

impl Event {
    /// What anybody can make happen as often as they like. Such events of one kind, user and network are one record within a
    /// second, and above some hundred records a minute they are only counted.
    #[must_use]
    pub const fn is_refusal(self) -> bool {
        matches!(
            self,
            Self::LogInRefused | Self::Throttled | Self::PasswordRefused
        )
    }

    /// Whether somebody should look at it.
    pub(crate) const fn is_alarming(self) -> bool {
        matches!(
            self,
            Self::RefreshTokenReused | Self::KeyRevoked | Self::KeysRevoked
        )
    }
}

impl FromStr for Event {
    type Err = ConfigError;

    fn from_str(name: &str) -> Result<Self, ConfigError> {
        let event = Self::ALL.iter().find(|event| event.name() == name);
        event.copied().ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|event| event.name()).collect();
            ConfigError::new(format!(
                "there is no event {name:?}: the events are {}",
                names.join(", ")
            ))
        })
    }
}

/// One line of the audit log; serialised it is one line of JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Record {
    /// When; the first time, where it happened more than once.
    #[serde(serialize_with = "precisely")]
    pub at: Timestamp,
    /// What.
    #[serde(serialize_with = "by_name")]
    pub event: Event,
    /// Whether an operator did it.
    pub by_operator: bool,
    /// Whose account it was about, whether or not it is still there.
    #[serde(serialize_with = "as_text")]
    pub user: Option<UserId>,
    /// The session that it was about, or that did it.
    #[serde(serialize_with = "as_text")]
    pub session: Option<SessionId>,
    /// Where the request came from.
    pub address: Option<IpAddr>,
    /// The request's id, which its answer bore as `X-Request-Id`.
    pub request: Option<String>,
    /// More, in words and ids of ours: the name of an account that was made or deleted, the name of a key.
    pub detail: Option<String>,
    /// How often.
    pub times: u32,
}

fn precisely<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&at.precise())
}

// serde hands references over.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn by_name<S: Serializer>(event: &Event, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(event.name())
}

// serde hands references over.
#[allow(clippy::ref_option)]
fn as_text<T: std::fmt::Display, S: Serializer>(
    id: &Option<T>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match id {
        Some(id) => serializer.collect_str(id),
        None => serializer.serialize_none(),
    }
}

impl Record {
    /// Of something that an operator did to the whole store.
    #[must_use]
    pub const fn of_operator(event: Event, at: Timestamp) -> Self {
        Self {
            at,
            event,
            by_operator: true,
            user: None,
            session: None,
            address: None,
            request: None,
            detail: None,
            times: 1,
        }
    }
}

/// Which records; an empty query is all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// About this account.
    pub user: Option<UserId>,
    /// Of this kind.
    pub event: Option<Event>,
    /// From this address.
    pub address: Option<IpAddr>,
    /// From this moment on.
    pub since: Option<Timestamp>,
    /// Before this moment.
    pub until: Option<Timestamp>,
    /// Only what comes before this record in the store: where the page before ended.
    pub before: Option<i64>,
}

/// Who asks, for as long as a request is answered: what its verbs write down of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Requester {
    pub(crate) address: Option<IpAddr>,
    pub(crate) request: Option<String>,
}

tokio::task_local! {
    static REQUESTER: std::sync::Arc<Requester>;
}

impl Requester {
    /// Does `work` for somebody.
    #[cfg_attr(not(feature = "web"), allow(dead_code))]
    pub(crate) fn serve<T>(self: &std::sync::Arc<Self>, work: impl FnOnce() -> T) -> T {
        REQUESTER.sync_scope(std::sync::Arc::clone(self), work)
    }

    /// The same for work that goes on in a task of its own, for whoever is being served.
    pub(crate) fn keep_serving<F: Future>(work: F) -> impl Future<Output = F::Output> {
        REQUESTER.scope(Self::current(), work)
    }

    /// Whoever is being served; nobody on the command line.
    pub(crate) fn current() -> std::sync::Arc<Self> {
        REQUESTER
            .try_with(std::sync::Arc::clone)
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_is_found_by_its_name() {
        for event in Event::ALL {
            assert_eq!(event.name().parse::<Event>().unwrap(), *event);
        }
        let unknown = "log_in\n".parse::<Event>().unwrap_err().to_string();
        assert!(unknown.contains("password_changed"), "{unknown}");
    }

    #[test]
    fn a_record_is_one_line_of_json() {
        let record = Record {
            at: Timestamp::from_millis(1_234),
            event: Event::KeyRevoked,
            by_operator: true,
            user: Some(UserId::from_bytes([0; 16])),
            session: None,
            address: Some("2001:db8::1".parse().unwrap()),
            request: None,
            detail: Some("line\nbreak".to_owned()),
            times: 1,
        };
        assert_eq!(
            serde_json::to_string(&record).unwrap(),
            r#"{"at":"1970-01-01T00:00:01.234Z","event":"key_revoked","by_operator":true,"user":"AAAAAAAAAAAAAAAAAAAAAA","session":null,"address":"2001:db8::1","request":null,"detail":"line\nbreak","times":1}"#
        );
    }
}
