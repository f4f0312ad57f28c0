//! The threads that hash passwords: few, of low priority, each with memory of its own that it keeps, behind a queue
//! that is bounded. A storm of log-ins waits here, and past the bound is told to come back, while those who are logged
//! in notice nothing.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::Memory;
use crate::error::{Error, StoreError};

/// More threads would only take memory and turns from those that answer requests.
const MAX_THREADS: usize = 4;
/// Jobs that may wait or run for each thread: about a second's work.
const SLOTS_PER_THREAD: usize = 32;
/// An idle thread gives its memory back after this long.
const KEEP_MEMORY: Duration = Duration::from_secs(30);
/// When it is worth trying again after a full queue.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// Where the scheduler has a choice, a thread that answers requests goes first.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

type Job = Box<dyn FnOnce(&mut Memory) + Send>;

/// A handle to the threads; they end when the last handle is dropped.
#[derive(Clone)]
pub(crate) struct HashPool {
    jobs: Sender<Job>,
    slots: Arc<Semaphore>,
    /// Half of them: the rest is for those who are known.
    strangers: Arc<Semaphore>,
}

/// Which part of the queue is open to whoever wants a password hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Priority {
    /// All of it: an operator, somebody who is logged in, or on a device that the account knows.
    Known,
    /// Anybody.
    Stranger,
}

impl HashPool {
    /// Starts one thread for each core, at most four.
    pub(crate) fn start() -> std::io::Result<Self> {
        let threads = thread::available_parallelism()
            .map_or(1, usize::from)
            .min(MAX_THREADS);
        Self::with(threads, threads * SLOTS_PER_THREAD)
    }

    fn with(threads: usize, slots: usize) -> std::io::Result<Self> {
        let (jobs, waiting) = unbounded::<Job>();
        for number in 0..threads {
            let waiting = waiting.clone();
            thread::Builder::new()
                .name(format!("lockjar-hash-{number}"))
                .spawn(move || work(&waiting))?;
        }
        Ok(Self {
            jobs,
            slots: Arc::new(Semaphore::new(slots)),
            strangers: Arc::new(Semaphore::new(slots.div_ceil(2))),
        })
    }

    /// A place in the queue, or the answer that there is none. It comes before anything is looked up, so that a full
    /// queue says nothing about who exists.
    pub(crate) fn admit(&self, priority: Priority) -> Result<Slot, Error> {
        let mut places = vec![place_in(&self.slots)?];
        if priority == Priority::Stranger {
            places.push(place_in(&self.strangers)?);
        }
        Ok(Slot {
            places,
            priority,
            jobs: self.jobs.clone(),
        })
    }

    /// Whether there is a place, before anything is done for it.
    pub(crate) fn has_room(&self, priority: Priority) -> bool {
        let is_free = |queue: &Semaphore| queue.available_permits() > 0;
        is_free(&self.slots) && (priority == Priority::Known || is_free(&self.strangers))
    }

    /// The answer that there is no place.
    pub(crate) const fn overloaded() -> Error {
        Error::Overloaded {
            retry_after: RETRY_AFTER,
        }
    }
}

fn place_in(queue: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Error> {
    let place = Arc::clone(queue).try_acquire_owned();
    place.map_err(|_| HashPool::overloaded())
}

/// A place in the queue, given up when the job has run or the slot is dropped.
pub(crate) struct Slot {
    places: Vec<OwnedSemaphorePermit>,
    priority: Priority,
    jobs: Sender<Job>,
}

impl Slot {
    /// Which part of the queue it is in.
    pub(crate) const fn priority(&self) -> Priority {
        self.priority
    }

    /// Runs `work` on one of the threads. A job whose caller has gone by the time its turn comes is not run.
    pub(crate) async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce(&mut Memory) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let (answer, result) = oneshot::channel();
        let places = self.places;
        let job: Job = Box::new(move |memory| {
            if !answer.is_closed() {
                let _ = answer.send(work(memory));
            }
            drop(places);
        });
        self.jobs.send(job).map_err(|_| gone())?;
        result.await.map_err(|_| gone())
    }
}

fn gone() -> Error {
    Error::Unavailable(StoreError::unavailable(
        "a password thread stopped before it answered",
    ))
}

fn work(waiting: &Receiver<Job>) {
    lower_priority();
    let mut memory = Memory::default();
    loop {
        match waiting.recv_timeout(KEEP_MEMORY) {
            Ok(job) => run(job, &mut memory),
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {
                memory.free();
                match waiting.recv() {
                    Ok(job) => run(job, &mut memory),
                    Err(_) => return,
                }
            }
        }
    }
}

/// A panic ends its job, whose caller is answered 503, and not the thread.
fn run(job: Job, memory: &mut Memory) {
    if catch_unwind(AssertUnwindSafe(|| job(memory))).is_err() {
        tracing::error!("a password job panicked; its caller was answered 503");
    }
}

/// On Linux 'process 0' means the calling thread alone. Where it is refused, hashing goes on at normal priority.
#[cfg(target_os = "linux")]
fn lower_priority() {
    if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
        tracing::warn!(%error, "the password threads keep their normal priority");
    }
}

#[cfg(not(target_os = "linux"))]
fn lower_priority() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_queue_refuses_at_once_and_opens_again() {
        let pool = HashPool::with(1, 1).unwrap();
        let slot = pool.admit(Priority::Known).unwrap();
        assert!(matches!(
            pool.admit(Priority::Known),
            Err(Error::Overloaded { .. })
        ));
        assert_eq!(slot.run(|_| 7).await.unwrap(), 7);
        // The permit goes just after the answer.
        while pool.slots.available_permits() == 0 {
            tokio::task::yield_now().await;
        }
        assert!(pool.admit(Priority::Known).is_ok());
    }

    #[tokio::test]
    async fn strangers_leave_half_of_the_queue_to_those_who_are_known() {
        let pool = HashPool::with(1, 4).unwrap();
        let _strangers = [Priority::Stranger; 2].map(|it| pool.admit(it).unwrap());
        assert!(pool.admit(Priority::Stranger).is_err());
        assert!(!pool.has_room(Priority::Stranger) && pool.has_room(Priority::Known));
        let _known = [Priority::Known; 2].map(|it| pool.admit(it).unwrap());
        assert!(pool.admit(Priority::Known).is_err());
    }

    #[tokio::test]
    async fn a_panic_is_told_to_its_caller_and_the_thread_lives_on() {
        let pool = HashPool::with(1, 2).unwrap();
        let lost = pool
            .admit(Priority::Known)
            .unwrap()
            .run(|_| panic!("on purpose"))
            .await;
        assert!(matches!(lost, Err::<(), _>(Error::Unavailable(_))));
        assert_eq!(
            pool.admit(Priority::Known)
                .unwrap()
                .run(|_| 1)
                .await
                .unwrap(),
            1
        );
    }

    #[tokio::test]
    async fn a_caller_who_has_gone_costs_no_hash() {
        let pool = HashPool::with(1, 3).unwrap();
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let busy = tokio::spawn(
            pool.admit(Priority::Known)
                .unwrap()
                .run(move |_| wait.recv()),
        );
        tokio::task::yield_now().await;
        let (ran, seen) = std::sync::mpsc::channel();
        let abandoned = pool
            .admit(Priority::Known)
            .unwrap()
            .run(move |_| ran.send(()));
        drop(tokio::time::timeout(Duration::from_millis(1), abandoned).await);
        go.send(()).unwrap();
        busy.await.unwrap().unwrap().unwrap();
        pool.admit(Priority::Known)
            .unwrap()
            .run(|_| ())
            .await
            .unwrap();
        assert!(seen.try_recv().is_err());
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn the_threads_yield_to_those_that_answer() {
        let pool = HashPool::with(1, 1).unwrap();
        let nice = || rustix::process::getpriority_process(None).unwrap();
        assert_eq!(
            pool.admit(Priority::Known)
                .unwrap()
                .run(move |_| nice())
                .await
                .unwrap(),
            NICENESS
        );
        assert_eq!(nice(), 0);
    }
}
