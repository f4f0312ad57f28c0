//! Reads of the store that requests wait for: a bounded number at once, each with a deadline, and one for all who ask for
//! the same session at the same time.

use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OnceCell, Semaphore};
use tokio::time::timeout;

use super::cache::Cached;
use crate::error::{Error, StoreError};
use crate::id::SessionId;
use crate::user::User;

/// Reads of the store at once.
const SLOTS: usize = 32;
/// How long a request waits for the store before it is told 503.
const DEADLINE: Duration = Duration::from_secs(2);

/// A live session as the store told it, or that there is none.
pub(super) type Found = Option<(Arc<Cached>, Arc<User>)>;

/// One read that several requests wait for.
struct Flight {
    /// The uptime at which it began.
    began: Duration,
    /// The generation of the session's shard at that time.
    generation: u64,
    found: OnceCell<Found>,
}

/// A flight, and how many wait for it.
struct Boarded {
    flight: Arc<Flight>,
    waiting: usize,
}

pub(super) struct Reads {
    slots: Semaphore,
    flights: Mutex<HashMap<SessionId, Boarded>>,
    total: AtomicU64,
}

impl Reads {
    pub(super) fn new() -> Self {
        Self {
            slots: Semaphore::new(SLOTS),
            flights: Mutex::default(),
            total: AtomicU64::new(0),
        }
    }

    /// No more reads.
    pub(super) fn close(&self) {
        self.slots.close();
    }

    /// How many are under way.
    pub(super) fn under_way(&self) -> usize {
        SLOTS - self.slots.available_permits().min(SLOTS)
    }

    /// Counts a session that is read from the store.
    pub(super) fn count(&self) {
        self.total.fetch_add(1, Ordering::Relaxed);
    }

    /// How many there have been.
    pub(super) fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }

    /// One of a bounded number of reads, with a deadline.
    pub(super) async fn bounded<T>(
        &self,
        read: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, Error> {
        within(self.with_slot(read)).await
    }

    async fn with_slot<T>(
        &self,
        read: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let closed = |_| StoreError::unavailable("the store is closed");
        let _slot = self.slots.acquire().await.map_err(closed)?;
        read.await
    }

    /// What `read` finds of a session, or what somebody else's read of it finds that is under way.
    ///
    /// Whoever joins must not be told what was true before a revocation that they may count on: so only a read is joined that
    /// began within `staleness`, and since when nothing has been forgotten of the session's shard.
    pub(super) async fn single<R: Future<Output = Result<Found, StoreError>>>(
        &self,
        session: SessionId,
        (now, generation): (Duration, u64),
        staleness: Duration,
        read: impl FnOnce() -> R,
    ) -> Result<Found, Error> {
        let boarding = self.board(session, now, generation, staleness);
        let found = boarding
            .flight
            .found
            .get_or_try_init(|| self.with_slot(read()));
        within(found).await.cloned()
    }

    fn board(
        &self,
        session: SessionId,
        now: Duration,
        generation: u64,
        staleness: Duration,
    ) -> Boarding<'_> {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        let joins =
            |flight: &Flight| flight.generation == generation && now < flight.began + staleness;
        let flight = match flights.get_mut(&session) {
            Some(boarded) if joins(&boarded.flight) => {
                boarded.waiting += 1;
                Arc::clone(&boarded.flight)
            }
            _ => {
                let flight = Arc::new(Flight {
                    began: now,
                    generation,
                    found: OnceCell::new(),
                });
                let boarded = Boarded {
                    flight: Arc::clone(&flight),
                    waiting: 1,
                };
                flights.insert(session, boarded);
                flight
            }
        };
        Boarding {
            reads: self,
            session,
            flight,
        }
    }
}

/// The last one to leave a flight takes it off the board, unless another has taken its place there.
struct Boarding<'a> {
    reads: &'a Reads,
    session: SessionId,
    flight: Arc<Flight>,
}

impl Drop for Boarding<'_> {
    fn drop(&mut self) {
        let flights = &self.reads.flights;
        let mut flights = flights.lock().unwrap_or_else(PoisonError::into_inner);
        let ours = flights
            .get_mut(&self.session)
            .filter(|boarded| Arc::ptr_eq(&boarded.flight, &self.flight));
        let Some(boarded) = ours else { return };
        boarded.waiting -= 1;
        if boarded.waiting == 0 {
            flights.remove(&self.session);
        }
    }
}

async fn within<T>(read: impl Future<Output = Result<T, StoreError>>) -> Result<T, Error> {
    let read = timeout(DEADLINE, read).await;
    Ok(read.map_err(|_| StoreError::unavailable("reading a session took too long"))??)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    const STALENESS: Duration = Duration::from_secs(1);
    const NOW: Duration = Duration::from_secs(100);

    /// Asks `times` at once, each at its own time and generation, and answers how often the store was read.
    async fn reads(asked: &[(Duration, u64)]) -> usize {
        let (reads, count) = (Reads::new(), &AtomicUsize::new(0));
        let session = SessionId::random();
        let ask = |at: &(Duration, u64)| {
            reads.single(session, *at, STALENESS, || async {
                count.fetch_add(1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                Ok(None)
            })
        };
        let mut asking: Vec<_> = asked.iter().map(|at| Box::pin(ask(at))).collect();
        std::future::poll_fn(|cx| {
            asking.retain_mut(|one| one.as_mut().poll(cx).is_pending());
            match asking.is_empty() {
                true => std::task::Poll::Ready(()),
                false => std::task::Poll::Pending,
            }
        })
        .await;
        assert!(reads.flights.lock().unwrap().is_empty(), "nobody is left");
        count.load(Ordering::SeqCst)
    }

    #[tokio::test]
    async fn those_who_ask_for_one_session_at_once_cost_one_read() {
        assert_eq!(reads(&[(NOW, 7); 100]).await, 1);
    }

    #[tokio::test]
    async fn a_read_from_before_a_revocation_is_not_joined() {
        assert_eq!(reads(&[(NOW, 7), (NOW, 8)]).await, 2);
    }

    #[tokio::test]
    async fn a_read_that_began_longer_ago_than_the_staleness_is_not_joined() {
        assert_eq!(reads(&[(NOW, 7), (NOW + STALENESS, 7)]).await, 2);
    }

    #[tokio::test]
    async fn who_waits_goes_on_with_a_read_that_its_first_caller_gave_up() {
        let reads = Reads::new();
        let session = SessionId::random();
        let never = reads.single(session, (NOW, 7), STALENESS, std::future::pending);
        assert!(timeout(Duration::from_millis(5), never).await.is_err());
        let found = reads.single(session, (NOW, 7), STALENESS, || async { Ok(None) });
        assert!(found.await.unwrap().is_none());
    }

    #[tokio::test]
    async fn no_more_than_thirty_two_go_on_at_once() {
        let reads = Reads::new();
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let read = || async {
            reads
                .single(SessionId::random(), (NOW, 0), STALENESS, || async {
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    tokio::time::sleep(Duration::from_millis(1)).await;
                    now.fetch_sub(1, Ordering::SeqCst);
                    Ok(None)
                })
                .await
        };
        let mut asking: Vec<_> = (0..200).map(|_| Box::pin(read())).collect();
        while let Some(mut one) = asking.pop() {
            std::future::poll_fn(|cx| {
                asking.retain_mut(|other| other.as_mut().poll(cx).is_pending());
                one.as_mut().poll(cx)
            })
            .await
            .unwrap();
        }
        assert_eq!(most.load(Ordering::SeqCst), SLOTS);
    }
}
