//! How a hashing thread stands with the scheduler, and how it fared.
//!
//! A niceness alone does not do: Linux owes a nice thread its share, and pays it in whole ticks, of four milliseconds where
//! there are 250 in a second, for which a thread that answers requests then waits. `SCHED_IDLE` is owed next to nothing.

use std::time::Duration;

use crate::clock::{Clock, SystemClock, processor_time};

/// A share of about a tenth, beside one thread that never rests.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;
/// A hash takes some tens of milliseconds; who waits less than this does not mind.
const PATIENCE: Duration = Duration::from_millis(250);

/// What a hashing thread gets of a processor that others want too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Priority {
    /// Nothing to speak of.
    GivesWay,
    /// A small share.
    TakesAShare,
}

impl Priority {
    /// Gives the calling thread this priority. Where it is refused, hashing goes on as it was.
    #[cfg(target_os = "linux")]
    pub(super) fn take_on(self) {
        use thread_priority::{
            NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
            set_thread_priority_and_policy, thread_native_id,
        };
        let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
        let refused = match self {
            Self::GivesWay => {
                set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, idle)
                    .err()
                    .map(|error| error.to_string())
            }
            // 'Process 0' means the calling thread alone.
            Self::TakesAShare => rustix::process::setpriority_process(None, NICENESS)
                .err()
                .map(|error| error.to_string()),
        };
        if let Some(error) = refused {
            tracing::warn!(error, "a password thread keeps its priority");
        }
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn take_on(self) {}
}

/// A job's time so far.
pub(super) struct Turn {
    began: Duration,
    processor: Duration,
}

impl Turn {
    pub(super) fn begin() -> Self {
        Self {
            began: SystemClock.uptime(),
            processor: processor_time(),
        }
    }

    /// The time that passed, and how much of it the thread could use.
    fn so_far(&self) -> (Duration, Duration) {
        let passed = SystemClock.uptime().saturating_sub(self.began);
        (passed, processor_time().saturating_sub(self.processor))
    }

    /// Whether others left the thread less than an eighth, and somebody has waited for it.
    pub(super) fn was_starved(&self) -> bool {
        let (passed, used) = self.so_far();
        passed > PATIENCE && passed > used * 8
    }

    /// Whether the thread had most of a processor.
    pub(super) fn was_undisturbed(&self) -> bool {
        let (passed, used) = self.so_far();
        passed < used * 2 || passed < PATIENCE / 50
    }
}

/// What the calling thread has; none if it is no hashing thread.
#[cfg(all(test, target_os = "linux"))]
pub(super) fn of_this_thread() -> Option<Priority> {
    use thread_priority::{
        NormalThreadSchedulePolicy, ThreadSchedulePolicy, thread_schedule_policy,
    };
    match thread_schedule_policy().ok()? {
        ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle) => Some(Priority::GivesWay),
        _ if rustix::process::getpriority_process(None).ok()? >= NICENESS => {
            Some(Priority::TakesAShare)
        }
        _ => None,
    }
}
