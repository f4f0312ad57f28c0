//! Counting those who guess, before anything is known of what they guess at: not whether there is such an account, nor what is
//! looked up or hashed.

use std::net::IpAddr;

use hmac::Mac;

use super::{Auth, Client};
use crate::address::Network;
use crate::error::{Error, StoreError};
use crate::id::UserId;
use crate::mac::hmac_sha256;
use crate::opaque::DeviceToken;
use crate::password::{HashPool, Slot, Who};
use crate::store::{Attempt, Counted, Counter, Epoch, ShownDevice, Store, Welcome};
use crate::throttle::{PerAddress, Rule};
use crate::user::Username;

/// What is counted by, under which key.
pub(super) struct Throttle {
    key: [u8; 32],
    per_address: PerAddress,
    is_off: bool,
}

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
        })
    }

    /// Whichever spelling was typed. What can be nobody's name is counted as it was typed.
    fn account(&self, typed: &str) -> Counter {
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

/// A guess that was counted.
pub(super) struct Guess {
    attempt: Attempt,
    counted: Counted,
}

impl Auth {
    /// Counts a guess at the password of whoever has this name, and takes a place in the queue of the password threads.
    pub(super) async fn guess(&self, typed: &str, client: &Client) -> Result<(Guess, Slot), Error> {
        let throttle = &self.inner.throttle;
        let mut counters = vec![throttle.account(typed)];
        let failures = throttle.per_address.failures;
        counters.extend(throttle.networks("log-in", client.address, failures));
        let device = client.device.as_ref().map(DeviceToken::hash);
        let name = Username::parse(typed).ok();
        let device = device.zip(name).map(|(token, name)| ShownDevice {
            token,
            name: name.key().to_owned(),
        });
        self.count(counters, device).await
    }

    /// Counts an attempt to sign up. It is not taken back if there is an account afterwards.
    pub(super) async fn count_sign_up(&self, client: &Client) -> Result<(Guess, Slot), Error> {
        let throttle = &self.inner.throttle;
        let sign_ups = throttle.per_address.sign_ups;
        self.count(throttle.networks("sign-up", client.address, sign_ups), None)
            .await
    }

    async fn count(
        &self,
        counters: Vec<Counter>,
        device: Option<ShownDevice>,
    ) -> Result<(Guess, Slot), Error> {
        let inner = &self.inner;
        // A queue that is full is no reason to write anything.
        if !inner.hashing.has_room() {
            return Err(HashPool::overloaded());
        }
        let attempt = Attempt {
            counters,
            device,
            at: inner.clock.now(),
        };
        let counted = match inner.throttle.is_off {
            true => Counted::Stranger,
            false => inner.store.count(&attempt).await?,
        };
        let who = match counted {
            Counted::Device => Who::Known,
            Counted::Stranger => Who::Stranger,
            Counted::Refused(retry_after) => {
                tracing::info!(
                    event = "throttled",
                    seconds = retry_after.as_secs(),
                    "an attempt was refused unseen"
                );
                return Err(Error::Throttled { retry_after });
            }
        };
        let guess = Guess { attempt, counted };
        match inner.hashing.admit(who) {
            Ok(slot) => Ok((guess, slot)),
            Err(error) => {
                self.take_back(&guess).await;
                Err(error)
            }
        }
    }

    /// It did not fail, or was never tried.
    pub(super) async fn take_back(&self, guess: &Guess) {
        if !self.inner.throttle.is_off {
            let done = self
                .inner
                .store
                .take_back(&guess.attempt, guess.counted)
                .await;
            note(&done, "an attempt that did not fail stays counted");
        }
    }

    /// It succeeded: the browser is a known device from now on. Answers the token that it is given, if it needs one. Whoever
    /// has logged in is logged in, whatever comes of this.
    pub(super) async fn welcome(
        &self,
        guess: &Guess,
        user: UserId,
        epoch: Epoch,
    ) -> Option<DeviceToken> {
        if self.inner.throttle.is_off {
            return None;
        }
        let fresh = DeviceToken::generate();
        let welcome = Welcome {
            user,
            epoch,
            fresh: fresh.hash(),
        };
        let done = self
            .inner
            .store
            .welcome(&guess.attempt, guess.counted, &welcome)
            .await;
        let is_known = note(&done, "a device was not remembered");
        (is_known && guess.counted == Counted::Stranger).then_some(fresh)
    }

    /// The same for an account that was just made: it was counted as a sign-up, which stays counted.
    pub(super) async fn welcome_new(&self, client: &Client, user: UserId) -> Option<DeviceToken> {
        let device = client.device.as_ref().map(|device| ShownDevice {
            token: device.hash(),
            name: String::new(),
        });
        let attempt = Attempt {
            counters: Vec::new(),
            device,
            at: self.inner.clock.now(),
        };
        let guess = Guess {
            attempt,
            counted: Counted::Stranger,
        };
        self.welcome(&guess, user, 0).await
    }

    /// Forgets the failures of strangers at an account, and of its devices.
    pub(super) async fn unlock(&self, name: &Username, user: UserId) -> Result<(), Error> {
        let account = self.inner.throttle.account(name.key());
        Ok(self.inner.store.unlock(account.key, user).await?)
    }
}

/// Whether it was done. If not, it is told to the log: whoever asked has their answer already.
fn note(done: &crate::store::Result<()>, what: &str) -> bool {
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
