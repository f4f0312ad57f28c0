//! A log-in that is refused: written down, and answered when its time has come, so that what was wrong is not to be seen by
//! how long it took.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::{Auth, Client, Inner};
use crate::audit::{Event, Record};
use crate::error::Error;
use crate::id::UserId;
use crate::password::{Cost, Password, Priority};
use crate::store::Credentials;

/// The longest that every scheme reads.
const REHEARSED: &str = "rehearse";
const REPEATED: usize = 32;
/// What one measurement may be wrong by.
const MARGIN: f64 = 1.25;
/// For how long the first refusal of all waits until it is known what the others take.
const PATIENCE: Duration = Duration::from_secs(5);

impl Inner {
    /// What a log-in to whom it was for has shown of how long they take: `took` is all of it but the waiting for turns.
    pub(super) fn learn(&self, known: Option<&Credentials>, took: Duration) {
        match known.map(|known| self.argon.multiple(&known.hash)) {
            Some(Some(multiple)) if multiple > 1.0 => self.pace.learn(multiple),
            // It takes longer than a hash of today's, and how much longer is not to be seen in what comes after.
            Some(None) => {}
            _ => self.pace.note(took),
        }
    }
}

impl Auth {
    /// `user` is who has the name that was given, if anybody; `served` is when the request would have begun if nobody had
    /// waited in the queue, on the clock's uptime.
    pub(super) async fn refuse_log_in(
        &self,
        user: Option<UserId>,
        client: &Client,
        served: Duration,
    ) -> Error {
        let refused = self.record_by(Event::LogInRefused, client);
        self.keep(Record { user, ..refused }).await;
        let inner = &self.inner;
        let rehearsed = inner.rehearsed.get_or_try_init(|| self.rehearse());
        if !matches!(timeout(PATIENCE, rehearsed).await, Ok(Ok(()))) {
            tracing::warn!("what imported hashes cost is not known yet");
        }
        let spent = inner.clock.uptime().saturating_sub(served);
        sleep(inner.pace.refusal().saturating_sub(spent)).await;
        Error::InvalidCredentials
    }

    /// Finds out what the dearest imported hashes cost, beside one of today's.
    pub(super) async fn rehearse(&self) -> Result<(), Error> {
        for cost in Cost::dearest(&self.inner.store.hash_schemes().await?) {
            let (auth, slot) = (self.clone(), self.inner.hashing.admit(Priority::Known)?);
            slot.run(move |memory| {
                let (clock, argon) = (&auth.inner.clock, auth.inner.argon);
                let password = Password::new(&REHEARSED.repeat(REPEATED));
                let began = clock.uptime();
                memory.verify(argon, &password, None);
                let of_today = clock.uptime();
                memory.rehearse(cost, &password);
                let all = clock.uptime().saturating_sub(began).as_secs_f64();
                // Beside an imported hash one of today's is computed too.
                let one = of_today.saturating_sub(began).as_secs_f64();
                auth.inner.pace.learn(all / one * MARGIN);
            })
            .await?;
        }
        Ok(())
    }
}
