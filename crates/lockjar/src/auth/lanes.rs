//! Strangers' guesses at one name are answered one after the other. At once they would wait for one another in the queue of the
//! password threads, and by how long the last had to wait one would see what a hash of that account costs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{Mutex as Lane, OwnedMutexGuard};

/// Names above which those that nobody waits at are forgotten.
const MANY: usize = 1_024;

/// The names that somebody is guessing at just now.
#[derive(Default)]
pub(super) struct Lanes(Mutex<HashMap<[u8; 16], Weak<Lane<()>>>>);

impl Lanes {
    /// Waits until nobody else guesses at this name. It is the next one's turn when the answer is dropped.
    pub(super) async fn enter(&self, name: [u8; 16]) -> OwnedMutexGuard<()> {
        self.lane(name).lock_owned().await
    }

    fn lane(&self, name: [u8; 16]) -> Arc<Lane<()>> {
        let mut lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lanes.len() >= MANY {
            lanes.retain(|_, lane| lane.strong_count() > 0);
        }
        let there = lanes.get(&name).and_then(Weak::upgrade);
        there.unwrap_or_else(|| {
            let lane = Arc::default();
            lanes.insert(name, Arc::downgrade(&lane));
            lane
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn guesses_at_one_name_wait_for_each_other_and_for_nobody_elses() {
        let lanes = Lanes::default();
        let first = lanes.enter([1; 16]).await;
        let second = timeout(Duration::from_millis(10), lanes.enter([1; 16])).await;
        assert!(second.is_err());
        let _other = lanes.enter([2; 16]).await;
        drop(first);
        let _second = lanes.enter([1; 16]).await;
    }

    #[tokio::test]
    async fn names_that_nobody_waits_at_are_forgotten() {
        let lanes = Lanes::default();
        for number in 0..=u128::try_from(MANY).unwrap() {
            drop(lanes.enter(number.to_be_bytes()).await);
        }
        assert!(lanes.0.lock().unwrap().len() < MANY);
    }
}
