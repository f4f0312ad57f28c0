//! Writing the audit log. What has changed something is written before it is answered, and if that fails until it succeeds;
//! refusals, which cost nobody anything, are gathered for a second and bounded, so that whoever guesses cannot fill the store.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tracing::field::display;

use super::keeper::source;
use super::{Auth, Client, Operator};
use crate::address::Network;
use crate::audit::{Event, Query, Record, Requester};
use crate::error::Error;
use crate::id::{SessionId, UserId};

/// Records that are written in a minute of refusals that name an account, and as many of those that do not.
const REFUSALS: u32 = 256;
/// The same for those from one network, so that nobody noisy hides the others.
const PER_NETWORK: u32 = 32;
/// What one account does in a minute, above which it is gathered as refusals are.
const PER_ACCOUNT: u32 = 60;
/// Records that wait while the store cannot be written, and things that are counted apart.
const WAITING: usize = 10_000;

/// What is one record. IPv6 counts by the /64 that it is given out by.
type Alike = (Event, Option<UserId>, Network);

/// What is not yet written down.
#[derive(Default)]
pub(super) struct Pending(Mutex<Gathered>);

#[derive(Default)]
struct Gathered {
    /// What could not be written at once.
    acts: Vec<Record>,
    alike: HashMap<Alike, Record>,
    /// What is above what may be written in this minute, by its account.
    beyond: HashMap<(Event, Option<UserId>), Record>,
    this_minute: Written,
}

/// What was written since the minute began.
#[derive(Default)]
struct Written {
    of_accounts: u32,
    of_nobody: u32,
    by_network: HashMap<Network, u32>,
    by_account: HashMap<UserId, u32>,
}

impl Written {
    /// Whether one more refusal may be written, which is counted.
    fn allows(&mut self, record: &Record, network: Network) -> bool {
        let of_all = match record.user {
            Some(_) => &mut self.of_accounts,
            None => &mut self.of_nobody,
        };
        let of_network = self.by_network.entry(network).or_default();
        let allowed = *of_all < REFUSALS && *of_network < PER_NETWORK;
        if allowed {
            *of_all += 1;
            *of_network += 1;
        } else if *of_network == 0 {
            self.by_network.remove(&network);
        }
        allowed
    }

    /// Whether an account does no more than people do.
    fn is_ordinary(&mut self, user: Option<UserId>) -> bool {
        let Some(user) = user else { return true };
        if self.by_account.len() >= WAITING && !self.by_account.contains_key(&user) {
            return true;
        }
        let count = self.by_account.entry(user).or_default();
        *count += 1;
        *count <= PER_ACCOUNT
    }
}

impl Gathered {
    fn add(&mut self, record: Record) {
        let network = Network::nearest(record.address);
        let alike = (record.event, record.user, network);
        if let Some(before) = self.alike.get_mut(&alike) {
            before.times += 1;
        } else if self.this_minute.allows(&record, network) {
            self.alike.insert(alike, record);
        } else {
            self.add_beyond(&record);
        }
    }

    fn add_beyond(&mut self, record: &Record) {
        let is_room = self.beyond.len() < WAITING;
        let user = record.user.filter(|_| is_room);
        let of_many = Record {
            at: record.at,
            event: record.event,
            by_operator: false,
            user,
            session: None,
            address: None,
            request: None,
            detail: Some("from many, or at many".to_owned()),
            times: 0,
        };
        let many = self.beyond.entry((of_many.event, user));
        many.or_insert(of_many).times += 1;
    }

    /// What may be written now.
    fn take(&mut self) -> Vec<Record> {
        let mut records = std::mem::take(&mut self.acts);
        records.extend(self.alike.drain().map(|(_, record)| record));
        records.sort_by_key(|record| record.at);
        records
    }

    /// A minute is over.
    fn refill(&mut self) {
        self.this_minute = Written::default();
        let beyond = self.beyond.drain().map(|(_, record)| record);
        self.acts.extend(beyond);
    }

    /// Answers how many had to be given up.
    fn put_back(&mut self, records: Vec<Record>) -> usize {
        self.acts.extend(records);
        let excess = self.acts.len().saturating_sub(WAITING);
        self.acts.drain(..excess).len()
    }
}

impl Pending {
    fn lock(&self) -> MutexGuard<'_, Gathered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it waits for others that are alike: what anybody can make happen as often as they like.
    fn is_gathered(&self, record: &Record) -> bool {
        let is_operators = record.by_operator;
        record.event.is_refusal()
            || !is_operators && !self.lock().this_minute.is_ordinary(record.user)
    }

    /// A minute is over: as many refusals may be written again.
    pub(super) fn refill(&self) {
        self.lock().refill();
    }
}

impl Auth {
    /// What there is to say of an event, and of the request that it happened in.
    pub(super) fn record(&self, event: Event) -> Record {
        let requester = Requester::current();
        Record {
            at: self.inner.clock.now(),
            event,
            by_operator: false,
            user: None,
            session: None,
            address: requester.address,
            request: requester.request.clone(),
            detail: None,
            times: 1,
        }
    }

    /// The same where the client is known from elsewhere than the request that this process serves.
    pub(super) fn record_by(&self, event: Event, client: &Client) -> Record {
        let record = self.record(event);
        Record {
            address: client.address.or(record.address),
            ..record
        }
    }

    /// The same of one that was about an account.
    pub(super) fn record_of(&self, event: Event, user: UserId) -> Record {
        Record {
            user: Some(user),
            ..self.record(event)
        }
    }

    /// Writes down what has happened, here or as soon as the store can be written again, and tells the log.
    pub(super) async fn keep(&self, record: Record) {
        tell(&record);
        if self.inner.audit.is_gathered(&record) {
            self.inner.audit.lock().add(record);
        } else {
            self.write(vec![record]).await;
        }
    }

    /// Does what changes the store, and writes down what came of it; to the end, even if whoever asked has gone.
    pub(super) async fn recorded<T: Send + 'static>(
        &self,
        change: impl Future<Output = Result<T, Error>> + Send + 'static,
        record: impl FnOnce(&T) -> Option<Record> + Send + 'static,
    ) -> Result<T, Error> {
        let auth = self.clone();
        Self::to_the_end(async move {
            let done = change.await?;
            if let Some(record) = record(&done) {
                auth.keep(record).await;
            }
            Ok(done)
        })
        .await
    }

    /// Writes what is pending.
    pub(super) async fn flush_audit(&self) {
        let records = self.inner.audit.lock().take();
        if !records.is_empty() {
            self.write(records).await;
        }
    }

    async fn write(&self, records: Vec<Record>) {
        if let Err(error) = self.inner.store.append(&records).await {
            let given_up = self.inner.audit.lock().put_back(records);
            tracing::warn!(%error, source = source(&error), given_up, "the audit log could not be written yet");
        }
    }

    /// Deletes what is older than the retention.
    pub(super) async fn sweep_audit(&self) {
        let before = self.inner.clock.now().before(self.inner.audit_retention);
        loop {
            match self.inner.store.forget_audited(before).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    tracing::warn!(%error, source = source(&error), "old records of the audit log were not deleted");
                    return;
                }
            }
        }
    }
}

impl Operator<'_> {
    /// The records of the audit log that answer a query, the latest first, `limit` at the most; each with its place, which is
    /// what [`Query::before`] takes for the next page.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn audit(&self, query: &Query, limit: u32) -> Result<Vec<(i64, Record)>, Error> {
        Ok(self.auth.inner.store.audited(query, limit).await?)
    }

    /// What there is to say of something that an operator did.
    pub(super) fn record_of(&self, event: Event, user: UserId) -> Record {
        Record {
            by_operator: true,
            ..self.auth.record_of(event, user)
        }
    }
}

/// To `tracing`, whatever becomes of it in the store.
fn tell(record: &Record) {
    let (event, sentence) = (record.event.name(), record.event.sentence());
    let user = record.user.map(display);
    let session = record.session.map(display);
    let address = record.address.map(display);
    let (detail, by_operator) = (record.detail.as_deref(), record.by_operator);
    if record.event.is_alarming() {
        tracing::warn!(target: "lockjar::audit", event, user, session, address, detail, by_operator, "{sentence}");
    } else {
        tracing::info!(target: "lockjar::audit", event, user, session, address, detail, by_operator, "{sentence}");
    }
}

/// Which session that is, where it is not the one that the record is about.
pub(super) fn of_session(record: Record, session: SessionId) -> Record {
    Record {
        session: Some(session),
        ..record
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv6Addr};

    use super::*;
    use crate::clock::Timestamp;

    fn refusal(address: u8) -> Record {
        Record {
            at: Timestamp::from_millis(address.into()),
            event: Event::LogInRefused,
            by_operator: false,
            user: None,
            session: None,
            address: Some([192, 0, 2, address].into()),
            request: None,
            detail: None,
            times: 1,
        }
    }

    #[test]
    fn refusals_of_one_address_are_one_record() {
        let mut gathered = Gathered::default();
        for address in [1, 2, 1, 1] {
            gathered.add(refusal(address));
        }
        let taken: Vec<_> = gathered.take().iter().map(|record| record.times).collect();
        assert_eq!(taken, [3, 1]);
        assert!(gathered.take().is_empty());
    }

    #[test]
    fn whoever_guesses_from_everywhere_fills_no_store_and_is_counted() {
        let mut gathered = Gathered::default();
        let mut written = 0;
        for second in 0..60_u8 {
            for address in 0..=255 {
                let address = Some([198, 51, second, address].into());
                gathered.add(Record {
                    address,
                    ..refusal(0)
                });
            }
            written += gathered.take().len();
        }
        assert_eq!(written, REFUSALS as usize);
        gathered.refill();
        let beyond = gathered.take();
        assert_eq!(beyond.len(), 1);
        assert_eq!(
            (beyond[0].times, beyond[0].address),
            (60 * 256 - REFUSALS, None)
        );
    }

    /// Neither from one network, nor at names that nobody has.
    #[test]
    fn nobody_noisy_hides_a_guess_at_somebody_else() {
        let mut gathered = Gathered::default();
        let from = |number: u128| Some(IpAddr::V6(Ipv6Addr::from_bits(0x2001_0db8 << 96 | number)));
        for number in 0..1_000 {
            let noise = Record {
                address: from(number),
                ..refusal(0)
            };
            gathered.add(noise);
            let noise = Record {
                address: from(number << 64),
                ..refusal(0)
            };
            gathered.add(noise);
        }
        let user = Some(UserId::random());
        gathered.add(Record { user, ..refusal(7) });
        let quiet = refusal(7).address;
        let found = gathered.take();
        assert!(
            found
                .iter()
                .any(|record| record.user == user && record.address == quiet)
        );
        let of_one_network = found.iter().filter(|record| record.address == from(0));
        assert_eq!(
            of_one_network.map(|record| record.times).sum::<u32>(),
            1_001
        );
    }

    #[test]
    fn above_all_that_is_written_an_account_is_still_named() {
        let mut gathered = Gathered::default();
        let user = UserId::random();
        for number in 0..=REFUSALS {
            let address = Some(IpAddr::V6(Ipv6Addr::from_bits(u128::from(number) << 64)));
            let user = Some(user);
            gathered.add(Record {
                user,
                address,
                ..refusal(0)
            });
        }
        gathered.take();
        gathered.refill();
        let beyond = gathered.take();
        assert_eq!((beyond[0].user, beyond[0].times), (Some(user), 1));
    }

    #[test]
    fn what_an_account_does_again_and_again_is_gathered_until_the_minute_is_over() {
        let (pending, user) = (Pending::default(), Some(UserId::random()));
        let act = Record {
            event: Event::SessionsEnded,
            user,
            ..refusal(1)
        };
        for _ in 0..PER_ACCOUNT {
            assert!(!pending.is_gathered(&act));
        }
        assert!(pending.is_gathered(&act));
        let by_operator = Record {
            by_operator: true,
            ..act.clone()
        };
        assert!(!pending.is_gathered(&by_operator));
        pending.refill();
        assert!(!pending.is_gathered(&act));
    }

    #[test]
    fn what_cannot_be_written_waits_and_does_not_fill_the_memory() {
        let mut gathered = Gathered::default();
        assert_eq!(gathered.put_back(vec![refusal(1); WAITING]), 0);
        assert_eq!(gathered.put_back(vec![refusal(2); 3]), 3);
        assert_eq!(gathered.take().len(), WAITING);
    }
}
