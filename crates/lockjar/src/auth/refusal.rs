//! A log-in that is refused: written down, and answered when its time has come, so that what was wrong is not to be seen by
//! how long it took.

use std::time::Duration;

use tokio::time::sleep;

use super::Auth;
use crate::audit::{Event, Record};
use crate::error::Error;
use crate::id::UserId;
use crate::password::{Password, Priority};

/// As long as people's are.
const REHEARSED: &str = "an ordinary password";

impl Auth {
    /// `user` is who has the name that was given, if anybody; `served` is when the request would have begun if nobody had
    /// waited in the queue, on the clock's uptime.
    pub(super) async fn refuse_log_in(&self, user: Option<UserId>, served: Duration) -> Error {
        let refused = self.record(Event::LogInRefused);
        self.keep(Record { user, ..refused }).await;
        let inner = &self.inner;
        // The first refusal of all waits until it is known how long one takes.
        if let Err(error) = inner.rehearsed.get_or_try_init(|| self.rehearse()).await {
            tracing::warn!(%error, "what imported hashes cost is not known yet");
        }
        let spent = inner.clock.uptime().saturating_sub(served);
        sleep(inner.pace.refusal().saturating_sub(spent)).await;
        Error::InvalidCredentials
    }

    /// Finds out what checking against imported hashes costs, by one hash of each scheme that is new.
    pub(super) async fn rehearse(&self) -> Result<(), Error> {
        for label in self.inner.store.hash_schemes().await? {
            if self.inner.pace.knows(&label) {
                continue;
            }
            let (auth, slot) = (self.clone(), self.inner.hashing.admit(Priority::Known)?);
            slot.run(move |memory| {
                let (clock, pace) = (&auth.inner.clock, &auth.inner.pace);
                let began = clock.uptime();
                match memory.rehearse(&label, &Password::new(REHEARSED)) {
                    true => pace.note(&label, clock.uptime().saturating_sub(began)),
                    false => tracing::warn!(label, "hashes of this cost cannot be computed here"),
                }
            })
            .await?;
        }
        Ok(())
    }
}
