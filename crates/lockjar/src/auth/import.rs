//! Accounts that come from elsewhere, with the password hashes that were made there. Their owners log in as before, and the
//! first log-in renews the hash.

use std::fmt;
use std::sync::Arc;

use super::{Auth, Operator};
use crate::audit::{Event, Record};
use crate::clock::Timestamp;
use crate::error::Error;
use crate::id::UserId;
use crate::password::PasswordHash;
use crate::store::{ImportedUser, NewUser};
use crate::user::{Username, check_email};

/// An account as another program had it. Its `Debug` prints nothing of the hash.
#[derive(Clone)]
pub struct ImportUser {
    /// The name; [`Username`] has the rules.
    pub username: String,
    /// The hash as it was stored there; docs/import.md has the forms.
    pub password_hash: String,
    /// An address that nobody has confirmed here.
    pub email: Option<String>,
    /// When the account was made there; now, without it.
    pub created_at: Option<Timestamp>,
    /// Whether it may not log in until it is enabled.
    pub disabled: bool,
}

impl fmt::Debug for ImportUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ImportUser({:?}, …)", self.username)
    }
}

/// What became of an account that was to be imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Imported {
    /// It is there now.
    Made,
    /// The name was taken, and nothing was changed: it came before, or belongs to somebody else.
    AlreadyThere,
    /// It breaks a rule, for this reason, which holds nothing of the hash.
    Refused(String),
}

impl Operator<'_> {
    /// Makes accounts in one transaction, but for those that break a rule or whose name is taken. An account that is there
    /// is never changed, so that the same again does no harm. The rules for passwords do not hold: nobody knows them.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: none of them was made, or it is not known.
    pub async fn import(&self, users: &[ImportUser]) -> Result<Vec<Imported>, Error> {
        let (checked, good) = self.check_all(users);
        let store = Arc::clone(&self.auth.inner.store);
        let importing = async move { Ok(store.import(&good).await?) };
        let record = Record::of_operator(Event::UsersImported, self.auth.inner.clock.now());
        let recorded = self.auth.recorded(importing, move |made: &Vec<bool>| {
            let times = made.iter().filter(|made| **made).count();
            let times = u32::try_from(times).unwrap_or(u32::MAX);
            (times > 0).then_some(Record { times, ..record })
        });
        let mut made = recorded.await?.into_iter();
        let outcomes = checked.into_iter().map(|refused| match refused {
            Some(reason) => Imported::Refused(reason),
            None if made.next().unwrap_or_default() => Imported::Made,
            None => Imported::AlreadyThere,
        });
        Ok(outcomes.collect())
    }

    /// Says what [`import`](Self::import) would do, and writes nothing. Of accounts of one name it does not know that only the
    /// first would be made.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn try_import(&self, users: &[ImportUser]) -> Result<Vec<Imported>, Error> {
        let (checked, good) = self.check_all(users);
        let (mut outcomes, mut good) = (Vec::with_capacity(users.len()), good.into_iter());
        for refused in checked {
            let name = match refused {
                None => good.next().map(|new| new.user.name),
                Some(reason) => {
                    outcomes.push(Imported::Refused(reason));
                    continue;
                }
            };
            let taken = match name {
                Some(name) => self.auth.inner.store.by_name(name.key()).await?,
                None => None,
            };
            outcomes.push(taken.map_or(Imported::Made, |_| Imported::AlreadyThere));
        }
        Ok(outcomes)
    }

    /// Why each is refused, if it is, and those that are not.
    fn check_all(&self, users: &[ImportUser]) -> (Vec<Option<String>>, Vec<ImportedUser>) {
        let (mut checked, mut good) = (Vec::with_capacity(users.len()), Vec::new());
        for user in users {
            match self.auth.check_import(user) {
                Ok(new) => {
                    good.push(new);
                    checked.push(None);
                }
                Err(reason) => checked.push(Some(reason)),
            }
        }
        (checked, good)
    }
}

impl Auth {
    /// The rules for names and addresses, and a hash that can be verified.
    fn check_import(&self, user: &ImportUser) -> Result<ImportedUser, String> {
        let name = Username::parse(&user.username).map_err(|problem| problem.message)?;
        let email = user.email.as_deref().map(str::trim);
        let email = email.filter(|email| !email.is_empty());
        if let Some(email) = email {
            check_email(email).map_err(|problem| problem.message)?;
        }
        let (hash, cost) = PasswordHash::import(&user.password_hash)?;
        let now = self.inner.clock.now();
        if user.created_at.is_some_and(|at| at > now) {
            return Err("created_at lies in the future".to_owned());
        }
        Ok(ImportedUser {
            counter: self.inner.throttle.account(name.key()).key,
            scheme: cost.to_string(),
            disabled_at: user.disabled.then_some(now),
            user: NewUser {
                id: UserId::random(),
                name,
                email: email.map(str::to_owned),
                hash,
                created_at: user.created_at.unwrap_or(now),
            },
        })
    }
}
