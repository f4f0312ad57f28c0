//! The time that a request's headers may take, for less than a new timer for every request.
//!
//! hyper asks for a timer before each request and drops it when the headers are there, which with tokio's own means to
//! enter it into the runtime's wheel and to take it out again. Here each connection has one entry in the wheel for its
//! whole life. A request only notes its own deadline; when the entry goes off too early, it is set to that.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};
use tokio::time;

/// One connection's timer. Its deadlines never go back: each is as long after its request began as the one before.
pub(crate) struct Alarm(Arc<Mutex<Pin<Box<time::Sleep>>>>);

impl Alarm {
    /// First goes off after `after`, which no deadline may be shorter than.
    pub(crate) fn new(after: Duration) -> Self {
        Self(Arc::new(Mutex::new(Box::pin(time::sleep(after)))))
    }
}

impl Timer for Alarm {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(Instant::now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        let entry = Arc::clone(&self.0);
        Box::pin(Deadline { entry, deadline })
    }
}

struct Deadline {
    entry: Arc<Mutex<Pin<Box<time::Sleep>>>>,
    deadline: Instant,
}

impl Sleep for Deadline {}

impl Future for Deadline {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut entry = self.entry.lock().unwrap_or_else(PoisonError::into_inner);
        while entry.as_mut().poll(cx).is_ready() {
            if Instant::now() >= self.deadline {
                return Poll::Ready(());
            }
            entry.as_mut().reset(self.deadline.into());
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Duration = Duration::from_millis(60);

    async fn elapsed(deadline: Pin<Box<dyn Sleep>>, since: Instant) -> Duration {
        time::timeout(Duration::from_secs(10), deadline)
            .await
            .unwrap();
        since.elapsed()
    }

    #[tokio::test]
    async fn a_deadline_is_neither_early_nor_missed() {
        let alarm = Alarm::new(SPAN);
        let began = Instant::now();
        assert!(elapsed(alarm.sleep(SPAN), began).await >= SPAN);
        // The entry has gone off; the next request sets it again.
        let began = Instant::now();
        assert!(elapsed(alarm.sleep(SPAN), began).await >= SPAN);
    }

    #[tokio::test]
    async fn a_request_that_came_in_time_does_not_shorten_the_next_ones() {
        let alarm = Alarm::new(SPAN);
        let first = time::timeout(SPAN / 2, alarm.sleep(SPAN)).await;
        assert!(first.is_err(), "it was dropped, as hyper does");
        let began = Instant::now();
        assert!(elapsed(alarm.sleep(SPAN), began).await >= SPAN);
    }
}
