//! Counting attempts, before anything is known of what they are at: not whether there is such an account, nor what is looked
//! up or hashed.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hmac::Mac;
use tokio::sync::{OwnedMutexGuard, Semaphore};
use tokio::time::timeout;

use super::lanes::Lanes;
use super::{Auth, Client};
use crate::address::Network;
use crate::audit::Event;
use crate::error::{Error, StoreError};
use crate::id::UserId;
use crate::mac::hmac_sha256;
use crate::opaque::DeviceToken;
use crate::password::{HashPool, Priority, Slot};
use crate::store::{Attempt, Counted, Counter, Epoch, Store, Success};
use crate::throttle::{PerAddress, Rule};
use crate::user::{User, Username};

/// What is counted by, under which key.
pub(super) struct Throttle {
    key: [u8; 32],
    per_address: PerAddress,
    is_off: bool,
    turns: Semaphore,
    lanes: Lanes,
}

/// Attempts that are counted at once.
const TURNS: usize = 8;
/// How long one waits for its turn before it is told to come back.
const PATIENCE: Duration = Duration::from_secs(1);

impl Throttle {
    pub(super) async fn of(
        store: &dyn Store,
        per_address: PerAddress,
        is_off: bool,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            key: store.throttle_key().await?,
            per_address,
            is_off,
            turns: Semaphore::new(TURNS),
            lanes: Lanes::default(),
        })
    }

    /// Whichever spelling was typed. What can be nobody's name is counted as it was typed.
    pub(super) fn account(&self, typed: &str) -> Counter {
        let name = Username::parse(typed);
        let (label, text) = match &name {
            Ok(name) => ("account", name.key()),
            Err(_) => ("no name", typed),
        };
        self.counter(label, text.as_bytes(), Rule::Account)
    }

    fn networks(&self, label: &str, address: Option<IpAddr>, per_hour: u32) -> Vec<Counter> {
        let each = |network: Network| {
            let label = format!("{label} {}", network.label());
            self.counter(&label, network.bytes(), network.rule(per_hour))
        };
        Network::of(address).into_iter().map(each).collect()
    }

    fn counter(&self, label: &str, of: &[u8], rule: Rule) -> Counter {
        let mut mac = hmac_sha256(&self.key);
        // No label has a NUL in it, so no two of these are one text.
        mac.update(label.as_bytes());
        mac.update(&[0]);
        mac.update(of);
        let mut key = [0; 16];
        key.copy_from_slice(&mac.finalize().into_bytes()[..16]);
        Counter { key, rule }
    }
}

/// An attempt that was counted, with the device that it showed.
pub(super) struct CountedAttempt {
    attempt: Attempt,
    counted: Counted,
    shown: Option<DeviceToken>,
}

impl Auth {
    /// Counts a guess at the password of whoever has this name, and takes a place in the queue of the password threads, worth
    /// `least` or more.
    pub(super) async fn count_guess(
        &self,
        typed: &str,
        client: &Client,
        least: Priority,
    ) -> Result<(CountedAttempt, Slot), Error> {
        let throttle = &self.inner.throttle;
        let mut counters = vec![throttle.account(typed)];
        let failures = throttle.per_address.failures;
        counters.extend(throttle.networks("log-in", client.address, failures));
        let name = Username::parse(typed).ok();
        let name = name.map(|name| name.key().to_owned());
        let shown = client.device.as_ref();
        self.count(counters, name, shown, client, least).await
    }

    /// The same for an attempt to sign up, at nobody's account.
    pub(super) async fn count_sign_up(
        &self,
        client: &Client,
    ) -> Result<(CountedAttempt, Slot), Error> {
        let throttle = &self.inner.throttle;
        let sign_ups = throttle.per_address.sign_ups;
        let networks = throttle.networks("sign-up", client.address, sign_ups);
        self.count(networks, None, None, client, Priority::Stranger)
            .await
    }

    /// `least` is what the place is worth whatever device is shown.
    async fn count(
        &self,
        counters: Vec<Counter>,
        name: Option<String>,
        shown: Option<&DeviceToken>,
        client: &Client,
        least: Priority,
    ) -> Result<(CountedAttempt, Slot), Error> {
        let inner = &self.inner;
        if shown.is_none() && !inner.hashing.has_room(least) {
            return Err(HashPool::overloaded());
        }
        let attempt = Attempt {
            counters,
            device: shown.map(DeviceToken::hash),
            name,
            at: inner.clock.now(),
        };
        let counted = self.ask_for_count(&attempt).await?;
        if let Counted::Refused(retry_after) = counted {
            self.keep(self.record_by(Event::Throttled, client)).await;
            return Err(Error::Throttled { retry_after });
        }
        let priority = match counted {
            Counted::Device => Priority::Known,
            _ => least,
        };
        let mut attempt = CountedAttempt {
            attempt,
            counted,
            shown: shown.cloned(),
        };
        match inner.hashing.admit(priority) {
            Ok(slot) => Ok((attempt, slot)),
            Err(full) => {
                // The address has asked for all that, and gets nothing of it back.
                let counters = &mut attempt.attempt.counters;
                counters.retain(|counter| counter.rule == Rule::Account);
                self.take_back(&attempt).await;
                Err(full)
            }
        }
    }

    /// Waits for other strangers' guesses at the same name. Nobody waits on a device that the account knows.
    pub(super) async fn enter_lane(&self, counted: &CountedAttempt) -> Option<OwnedMutexGuard<()>> {
        let account = counted.attempt.counters.first()?;
        match counted.counted {
            Counted::Device => None,
            _ => Some(self.inner.throttle.lanes.enter(account.key).await),
        }
    }

    /// In turns, so that a storm of attempts costs the store no more at once than it bears.
    async fn ask_for_count(&self, attempt: &Attempt) -> Result<Counted, Error> {
        let throttle = &self.inner.throttle;
        if throttle.is_off {
            return Ok(Counted::Device);
        }
        let turn = timeout(PATIENCE, throttle.turns.acquire()).await;
        let Ok(Ok(_turn)) = turn else {
            return Err(HashPool::overloaded());
        };
        Ok(self.inner.store.count(attempt).await?)
    }

    /// Takes back what was not tried to its end, because of a fault.
    pub(super) async fn unless_faulty<T>(
        &self,
        attempt: &CountedAttempt,
        outcome: Result<T, Error>,
    ) -> Result<T, Error> {
        if let Err(Error::Overloaded { .. } | Error::Unavailable(_)) = outcome {
            self.take_back(attempt).await;
        }
        outcome
    }

    /// It did not fail, or was never tried.
    pub(super) async fn take_back(&self, counted: &CountedAttempt) {
        if !self.inner.throttle.is_off {
            let (attempt, as_what) = (&counted.attempt, counted.counted);
            let done = self.inner.store.take_back(attempt, as_what).await;
            note(&done, "an attempt that did not fail stays counted");
        }
    }

    /// It succeeded: the browser is a known device from now on. Answers the token that it is given. Whoever has logged in is
    /// logged in, whatever comes of this; and it is done even if they have hung up.
    pub(super) async fn remember_device(
        &self,
        counted: CountedAttempt,
        user: UserId,
        epoch: Epoch,
    ) -> Option<DeviceToken> {
        if self.inner.throttle.is_off {
            return None;
        }
        let fresh = DeviceToken::generate();
        let success = Success {
            user,
            epoch,
            fresh: fresh.hash(),
        };
        let (store, as_what) = (Arc::clone(&self.inner.store), counted.counted);
        let (attempt, shown) = (counted.attempt, counted.shown);
        let remembering = async move { Ok(store.succeed(&attempt, as_what, &success).await) };
        let done = Self::to_the_end(remembering).await.ok()?;
        let is_remembered = note(&done, "a device was not remembered");
        match as_what {
            // Sent again, so that its cookie lasts for as long as it is used.
            Counted::Device => shown,
            _ => is_remembered.then_some(fresh),
        }
    }

    /// The same where nothing was counted against the account: after a sign-up, and for whoever has just set the password.
    pub(super) async fn remember_device_uncounted(
        &self,
        client: &Client,
        user: &User,
        epoch: Epoch,
    ) -> Option<DeviceToken> {
        let attempt = Attempt {
            counters: Vec::new(),
            device: client.device.as_ref().map(DeviceToken::hash),
            name: None,
            at: self.inner.clock.now(),
        };
        let counted = CountedAttempt {
            attempt,
            counted: Counted::Stranger,
            shown: None,
        };
        self.remember_device(counted, user.id, epoch).await
    }

    /// Nobody has failed at an account that was just made, however often the name was tried before.
    pub(super) async fn begin_anew(&self, user: &User) {
        note(
            &self.unlock(user).await,
            "failures at a name before it was an account's still count",
        );
    }

    /// Forgets the failures of strangers at an account, and of its devices.
    pub(super) async fn unlock(&self, user: &User) -> Result<(), StoreError> {
        let account = self.inner.throttle.account(&user.username);
        self.inner.store.unlock(account.key, user.id).await
    }
}

/// Whether it was done. If not, it is told to the log: whoever asked has their answer already.
pub(super) fn note(done: &crate::store::Result<()>, what: &str) -> bool {
    if let Err(error) = done {
        tracing::warn!(%error, source = super::keeper::source(error), "{what}");
    }
    done.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn throttle(key: u8) -> Throttle {
        Throttle {
            key: [key; 32],
            per_address: PerAddress::default(),
            is_off: false,
            turns: Semaphore::new(TURNS),
            lanes: Lanes::default(),
        }
    }

    /// Negative test 12.
    #[test]
    fn every_spelling_of_a_name_is_counted_as_one() {
        let count = |name: &str| throttle(1).account(name).key;
        assert_eq!(count("alice"), count("ALICE"));
        assert_eq!(count("Jos\u{e9}"), count("jose\u{301}"));
        assert_ne!(count("alice"), count("alice2"));
        assert_ne!(
            count("a b"),
            count("a  b"),
            "no names, counted as they were typed"
        );
        assert_ne!(throttle(1).account("alice"), throttle(2).account("alice"));
    }

    #[test]
    fn failures_and_sign_ups_of_one_network_are_counted_apart() {
        let address = Some("198.51.100.7".parse().unwrap());
        let count = |label| throttle(1).networks(label, address, 10);
        assert_ne!(count("log-in"), count("sign-up"));
        assert_ne!(count("log-in"), throttle(1).networks("log-in", None, 1));
    }
}
