//! The one place where a password that is about to be set is checked and hashed: at sign-up, change, recovery, and by an
//! operator. What is known of accounts has no part in it but the names, so its answer and its time tell nothing of others.

use super::Auth;
use crate::error::{Error, Problem, StoreError};
use crate::password::{
    Asked, Blocklist, Memory, Password, PasswordHash, PasswordPolicy, PasswordProblem, Slot,
};

/// What a new password has to stand: the policy, and that it was not stolen from another site as far as anybody can tell.
#[derive(Clone, Default)]
pub(super) struct Rules {
    pub(super) policy: PasswordPolicy,
    pub(super) blocklist: Option<Blocklist>,
    pub(super) asked: Option<Asked>,
}

impl Rules {
    fn check(&self, password: &Password, names: &[&str]) -> Result<(), PasswordProblem> {
        self.policy.check(password, names)?;
        self.look(password)
    }

    /// Looks into the file. A fault of it keeps nobody from choosing a password: whoever runs this is told.
    fn look(&self, password: &Password) -> Result<(), PasswordProblem> {
        let Some(blocklist) = &self.blocklist else {
            return Ok(());
        };
        match blocklist.contains(password) {
            Ok(true) => Err(PasswordProblem::Breached),
            Ok(false) => Ok(()),
            Err(error) => {
                tracing::warn!(event = "password_blocklist_failed", %error,
                    "a new password was accepted although the password blocklist could not be read: build it again and restart");
                Ok(())
            }
        }
    }
}

impl Auth {
    /// Checks a new password and hashes it, on the password threads. `field` is what its problems are reported on.
    pub(super) async fn hash_new(
        &self,
        slot: Slot,
        field: &'static str,
        password: Password,
        names: Vec<String>,
    ) -> Result<PasswordHash, Error> {
        let argon = self.inner.argon;
        let hash = move |memory: &mut Memory, password: &Password| memory.hash(argon, password);
        let hash = match &self.inner.rules.asked {
            None => self.check_new(slot, field, password, names, hash).await?,
            Some(asked) => {
                let priority = slot.priority();
                self.check_new(slot, field, password.clone(), names, |_, _| ())
                    .await?;
                // Meanwhile others hash: a service that is slow takes nobody's place in the queue.
                if asked.knows(&password).await {
                    return Err(refused(field, PasswordProblem::Breached));
                }
                let slot = self.inner.hashing.admit(priority)?;
                slot.run(move |memory| hash(memory, &password)).await?
            }
        };
        hash.ok_or_else(|| StoreError::unavailable("the password could not be hashed").into())
    }

    /// Checks a new password by all that is known here, and does something with one that is good.
    pub(super) async fn check_new<T: Send + 'static>(
        &self,
        slot: Slot,
        field: &'static str,
        password: Password,
        mut names: Vec<String>,
        then: impl FnOnce(&mut Memory, &Password) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let rules = self.inner.rules.clone();
        names.push(self.inner.service.clone());
        let checked = slot.run(move |memory| {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            rules.check(&password, &names)?;
            Ok(then(memory, &password))
        });
        checked.await?.map_err(|problem| refused(field, problem))
    }
}

fn refused(field: &'static str, problem: PasswordProblem) -> Error {
    Error::Invalid(vec![Problem::password(field, &problem)])
}
