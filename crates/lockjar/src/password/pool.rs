//! The threads that hash passwords: few, each with memory of its own that it keeps, behind a queue that is bounded. A storm
//! of log-ins waits here, and past the bound is told to come back, while those who are logged in notice nothing.
//!
//! A hashing thread gives way to every other. Where the others leave it nothing, as when requests or something else fill the
//! machine, nobody could log in at all; so one that was starved is replaced by one that takes a small share, until that has
//! the processor to itself again. (It takes a new thread because none may raise its own priority.)

mod priority;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use self::priority::{Priority, Turn};
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

type Job = Box<dyn FnOnce(&mut Memory) + Send>;

/// A handle to the threads; they end when the last handle is dropped.
#[derive(Clone)]
pub(crate) struct HashPool {
    jobs: Sender<Job>,
    slots: Arc<Semaphore>,
    team: Arc<Team>,
}

/// What the threads and those who hand them jobs tell each other.
struct Team {
    waiting: Receiver<Job>,
    /// Threads that were starved and wait for a replacement, working on.
    starved: AtomicUsize,
    /// Replacements that have begun: as many of the others leave.
    replaced: AtomicUsize,
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
        let team = Arc::new(Team {
            waiting,
            starved: AtomicUsize::new(0),
            replaced: AtomicUsize::new(0),
        });
        for _ in 0..threads {
            team.add(Priority::GivesWay)?;
        }
        Ok(Self {
            jobs,
            slots: Arc::new(Semaphore::new(slots)),
            team,
        })
    }

    /// A place in the queue, or the answer that there is none. It comes before anything is looked up, so that a full
    /// queue says nothing about who exists.
    pub(crate) fn admit(&self) -> Result<Slot, Error> {
        let permit = Arc::clone(&self.slots).try_acquire_owned();
        let permit = permit.map_err(|_| Error::Overloaded {
            retry_after: RETRY_AFTER,
        })?;
        Ok(Slot {
            permit,
            jobs: self.jobs.clone(),
            team: Arc::clone(&self.team),
        })
    }
}

/// A place in the queue, given up when the job has run or the slot is dropped.
pub(crate) struct Slot {
    permit: OwnedSemaphorePermit,
    jobs: Sender<Job>,
    team: Arc<Team>,
}

impl Slot {
    /// Runs `work` on one of the threads. A job whose caller has gone by the time its turn comes is not run.
    pub(crate) async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce(&mut Memory) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let (answer, result) = oneshot::channel();
        let permit = self.permit;
        let job: Job = Box::new(move |memory| {
            if !answer.is_closed() {
                let _ = answer.send(work(memory));
            }
            drop(permit);
        });
        self.jobs.send(job).map_err(|_| gone())?;
        self.team.replace_starved();
        result.await.map_err(|_| gone())
    }
}

fn gone() -> Error {
    Error::Unavailable(StoreError::unavailable(
        "a password thread stopped before it answered",
    ))
}

impl Team {
    fn add(self: &Arc<Self>, priority: Priority) -> std::io::Result<()> {
        let team = Arc::clone(self);
        thread::Builder::new()
            .name("lockjar-hash".to_owned())
            .spawn(move || team.work(priority))
            .map(drop)
    }

    /// Called by those who hand out jobs, since a thread that was starved can start none but its like.
    fn replace_starved(self: &Arc<Self>) {
        while take(&self.starved) {
            match self.add(Priority::TakesAShare) {
                Ok(()) => self.replaced.fetch_add(1, Ordering::Relaxed),
                // The starved one works on, and will ask again.
                Err(_) => break,
            };
        }
    }

    fn work(&self, mut priority: Priority) {
        priority.take_on();
        let mut memory = Memory::default();
        while let Some(job) = self.next(&mut memory) {
            let turn = Turn::begin();
            run(job, &mut memory);
            match priority {
                Priority::GivesWay if take(&self.replaced) => return,
                Priority::GivesWay if turn.was_starved() => {
                    self.starved.fetch_add(1, Ordering::Relaxed);
                }
                Priority::TakesAShare if turn.was_undisturbed() => {
                    priority = Priority::GivesWay;
                    priority.take_on();
                }
                _ => {}
            }
        }
    }

    /// The next job; none when the last handle is gone.
    fn next(&self, memory: &mut Memory) -> Option<Job> {
        match self.waiting.recv_timeout(KEEP_MEMORY) {
            Ok(job) => Some(job),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => {
                memory.free();
                self.waiting.recv().ok()
            }
        }
    }
}

/// Takes one, if there is one.
fn take(count: &AtomicUsize) -> bool {
    let one_less = |count: usize| count.checked_sub(1);
    count
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less)
        .is_ok()
}

/// A panic ends its job, whose caller is answered 503, and not the thread.
fn run(job: Job, memory: &mut Memory) {
    if catch_unwind(AssertUnwindSafe(|| job(memory))).is_err() {
        tracing::error!("a password job panicked; its caller was answered 503");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_queue_refuses_at_once_and_opens_again() {
        let pool = HashPool::with(1, 1).unwrap();
        let slot = pool.admit().unwrap();
        assert!(matches!(pool.admit(), Err(Error::Overloaded { .. })));
        assert_eq!(slot.run(|_| 7).await.unwrap(), 7);
        // The permit goes just after the answer.
        while pool.slots.available_permits() == 0 {
            tokio::task::yield_now().await;
        }
        assert!(pool.admit().is_ok());
    }

    #[tokio::test]
    async fn a_panic_is_told_to_its_caller_and_the_thread_lives_on() {
        let pool = HashPool::with(1, 2).unwrap();
        let lost = pool.admit().unwrap().run(|_| panic!("on purpose")).await;
        assert!(matches!(lost, Err::<(), _>(Error::Unavailable(_))));
        assert_eq!(pool.admit().unwrap().run(|_| 1).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn a_caller_who_has_gone_costs_no_hash() {
        let pool = HashPool::with(1, 3).unwrap();
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let busy = tokio::spawn(pool.admit().unwrap().run(move |_| wait.recv()));
        tokio::task::yield_now().await;
        let (ran, seen) = std::sync::mpsc::channel();
        let abandoned = pool.admit().unwrap().run(move |_| ran.send(()));
        drop(tokio::time::timeout(Duration::from_millis(1), abandoned).await);
        go.send(()).unwrap();
        busy.await.unwrap().unwrap().unwrap();
        pool.admit().unwrap().run(|_| ()).await.unwrap();
        assert!(seen.try_recv().is_err());
    }

    #[cfg(target_os = "linux")]
    mod priorities {
        use super::*;
        use crate::password::pool::priority::of_this_thread;

        async fn next(pool: &HashPool) -> Option<Priority> {
            let slot = pool.admit().unwrap();
            slot.run(|_| of_this_thread()).await.unwrap()
        }

        #[tokio::test]
        async fn the_threads_give_way_to_those_that_answer() {
            let pool = HashPool::with(1, 2).unwrap();
            assert_eq!(next(&pool).await, Some(Priority::GivesWay));
            assert_eq!(of_this_thread(), None);
        }

        /// Sleeping stands for waiting for a processor: neither is time that one had.
        #[tokio::test]
        async fn a_starved_thread_is_replaced_by_one_that_takes_a_share_until_it_is_undisturbed() {
            let pool = HashPool::with(1, 4).unwrap();
            let starving = pool.admit().unwrap();
            starving
                .run(|_| thread::sleep(Duration::from_millis(400)))
                .await
                .unwrap();
            let mut seen = Vec::new();
            // The first may still be the starved one's.
            while !seen.contains(&Some(Priority::TakesAShare)) && seen.len() < 3 {
                seen.push(next(&pool).await);
            }
            assert_eq!(seen.last(), Some(&Some(Priority::TakesAShare)), "{seen:?}");
            assert_eq!(next(&pool).await, Some(Priority::GivesWay));
            let mut tries = 0..100;
            // One thread's handle and the pool's own: the starved one has left.
            while Arc::strong_count(&pool.team) > 2 && tries.next().is_some() {
                next(&pool).await;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            assert_eq!(Arc::strong_count(&pool.team), 2);
        }
    }
}
