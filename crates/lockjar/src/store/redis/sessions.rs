//! Sessions in Redis, with SQL's word on each.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use redis::Pipeline;

use super::RedisStore;
use super::record::{Fields, Record, get, session_key, touch, unlist, user_key};
use crate::clock::Timestamp;
use crate::id::{SessionId, UserId};
use crate::session::Session;
use crate::store::postgres::{Concerned, Kept};
use crate::store::{By, LiveSession, NewSignIn, Outcome, Result, Sessions, Swept, Which};

#[async_trait]
impl Sessions for RedisStore {
    async fn open(&self, log_in: &NewSignIn) -> Result<Outcome> {
        let record = Record::new(&log_in.new, log_in.epoch);
        let make_way = self.make_way(log_in).await?;
        let is_ours = log_in.new.refresh.is_none();
        if is_ours {
            // Before the commit that makes it count, so that nothing is acknowledged that is not there. Until then nobody
            // has its secret.
            self.put(&record).await?;
        }
        let outcome = self.sql.open_elsewhere(log_in, &make_way).await;
        let gone = match &outcome {
            Ok(Outcome::Done(ended)) => ended.clone(),
            _ if is_ours => vec![record.session.id],
            _ => Vec::new(),
        };
        self.tidy(record.session.user, gone);
        outcome
    }

    async fn live(&self, session: SessionId) -> Result<Option<LiveSession>> {
        let Some(record) = self.get(session).await? else {
            return self.sql.live(session).await;
        };
        let Some((user, epoch)) = self.sql.vouch(&record.kept()).await? else {
            return Ok(None);
        };
        Ok(Some(LiveSession {
            session: record.session,
            epoch,
            secret: record.secret,
            user,
        }))
    }

    async fn of_user(&self, user: UserId) -> Result<Vec<Session>> {
        let records = self.records(user).await?;
        let kept: Vec<_> = records.iter().map(Record::kept).collect();
        let mut sessions = self.sql.of_user(user).await?;
        if !kept.is_empty() {
            let live = self.sql.vouch_all(&kept).await?;
            let records = records.into_iter().map(|record| record.session);
            sessions.extend(records.filter(|session| live.contains(&session.id)));
        }
        sessions
            .sort_by_key(|session| std::cmp::Reverse((session.last_seen_at, session.created_at)));
        Ok(sessions)
    }

    async fn touch(&self, seen: &[(SessionId, Timestamp)]) -> Result<()> {
        let mut commands = redis::pipe();
        for (session, at) in seen {
            touch(*session, *at, &mut commands);
        }
        let there: Vec<i64> = self
            .link
            .ask("noting when sessions were used", &commands)
            .await?;
        let rows: Vec<_> = seen
            .iter()
            .zip(there)
            .filter_map(|(seen, there)| (there == 0).then_some(*seen))
            .collect();
        match rows.is_empty() {
            true => Ok(()),
            false => self.sql.touch(&rows).await,
        }
    }

    async fn end(&self, user: UserId, which: Which, by: By, now: Timestamp) -> Result<Outcome> {
        let target = match which {
            Which::One(session) | Which::AllBut(session) => Some(session),
            Which::All => None,
        };
        let concerned = match (which, by) {
            // Who logs out is not kept from it by what Redis cannot say.
            (Which::One(one), By::Session(own)) if one == own => {
                self.concerned(by, target).await.unwrap_or_default()
            }
            _ => self.concerned(by, target).await?,
        };
        let ending = self.sql.end_elsewhere(user, which, by, concerned, now);
        if !matches!(which, Which::One(_)) {
            return self.ending_all(user, target, ending).await;
        }
        let outcome = ending.await;
        if let Ok(Outcome::Done(ended)) = &outcome {
            self.tidy(user, ended.clone());
        }
        outcome
    }

    async fn owner(&self, session: SessionId) -> Result<Option<UserId>> {
        match self.get(session).await? {
            Some(record) => Ok(Some(record.session.user)),
            None => self.sql.owner(session).await,
        }
    }

    async fn sweep(&self, now: Timestamp, idle: Duration) -> Result<Swept> {
        self.sql.sweep(now, idle).await
    }
}

impl RedisStore {
    /// Writes a session where it and its user's list are found.
    pub(super) async fn put(&self, record: &Record) -> Result<()> {
        let session = &record.session;
        let key = user_key(session.user);
        let mut commands = redis::pipe();
        // All at once, so that nobody finds it in the list and not where it is.
        commands.atomic();
        commands
            .cmd("ZADD")
            .arg(&key)
            .arg(session.expires_at.as_millis())
            .arg(session.id.as_bytes())
            .ignore();
        // As long as the longest-lived in it.
        for condition in ["NX", "GT"] {
            commands
                .cmd("PEXPIRE")
                .arg(&key)
                .arg(record.time_to_live())
                .arg(condition)
                .ignore();
        }
        record.put(&mut commands);
        self.link.ask("writing a session", &commands).await
    }

    async fn get(&self, session: SessionId) -> Result<Option<Record>> {
        let mut commands = redis::pipe();
        get(session, &mut commands);
        let (fields,): (Fields,) = self.link.ask("reading a session", &commands).await?;
        Record::read(session, &fields)
    }

    /// All that is there of a user's, the oldest first, live or not.
    async fn records(&self, user: UserId) -> Result<Vec<Record>> {
        let mut commands = redis::pipe();
        commands.cmd("ZRANGE").arg(user_key(user)).arg(0).arg(-1);
        let (ids,): (Vec<Vec<u8>>,) = self
            .link
            .ask("listing an account's sessions", &commands)
            .await?;
        let ids: Vec<_> = ids
            .into_iter()
            .filter_map(|id| id.try_into().ok().map(SessionId::from_bytes))
            .collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut commands = redis::pipe();
        for id in &ids {
            get(*id, &mut commands);
        }
        let found: Vec<Fields> = self
            .link
            .ask("listing an account's sessions", &commands)
            .await?;
        let (mut records, mut gone) = (Vec::new(), Vec::new());
        for (id, fields) in ids.into_iter().zip(found) {
            match Record::read(id, &fields)? {
                Some(record) => records.push(record),
                None => gone.push(id),
            }
        }
        self.unlist(user, gone);
        records.sort_by_key(|record| (record.session.created_at, record.session.id));
        Ok(records)
    }

    /// Those that end when this log-in opens its session: the one that it presents, and the oldest above the limit.
    async fn make_way(&self, log_in: &NewSignIn) -> Result<Vec<Kept>> {
        let mut make_way = Vec::new();
        if let Some((session, secret)) = log_in.replaces {
            let presented = self.get(session).await?;
            let known = presented.filter(|record| record.secret.equals(&secret));
            make_way.extend(known.map(|record| record.kept()));
        }
        let others: Vec<_> = self
            .records(log_in.new.session.user)
            .await?
            .iter()
            .map(Record::kept)
            .filter(|kept| make_way.iter().all(|gone| gone.id != kept.id))
            .collect();
        let live = match others.is_empty() {
            true => Vec::new(),
            false => self.sql.vouch_all(&others).await?,
        };
        let live: Vec<_> = others
            .into_iter()
            .filter(|kept| live.contains(&kept.id))
            .collect();
        let room = usize::try_from(log_in.per_user.max(1) - 1).unwrap_or(usize::MAX);
        make_way.extend_from_slice(&live[..live.len().saturating_sub(room)]);
        Ok(make_way)
    }

    /// What Redis knows of the sessions that a verb is about.
    pub(super) async fn concerned(&self, by: By, target: Option<SessionId>) -> Result<Concerned> {
        let own = match by {
            By::Session(session) => self.get(session).await?,
            By::OneTime(_) | By::Operator => None,
        };
        let target = match (target, &own) {
            (Some(session), Some(own)) if session == own.session.id => Some(own.clone()),
            (Some(session), _) => self.get(session).await?,
            (None, _) => None,
        };
        Ok(Concerned {
            by: own.map(|record| record.kept()),
            target: target.map(|record| record.kept()),
        })
    }

    /// A change that ends all of a user's sessions but `kept`, by the epoch: those that were here before it ended with it.
    /// Those that come after it, under the new epoch, are none of its business.
    pub(super) async fn ending_all(
        &self,
        user: UserId,
        kept: Option<SessionId>,
        change: impl Future<Output = Result<Outcome>>,
    ) -> Result<Outcome> {
        // It is done whether or not Redis can say what it is done to.
        let records = self.records(user).await.unwrap_or_default();
        let outcome = change.await;
        let Ok(Outcome::Done(mut ended)) = outcome else {
            return outcome;
        };
        let here = records.iter().map(|record| record.session.id);
        let here: Vec<_> = here.filter(|id| Some(*id) != kept).collect();
        self.tidy(user, here.clone());
        ended.extend(here);
        Ok(Outcome::Done(ended))
    }

    /// Takes off a user's list what has expired.
    fn unlist(&self, user: UserId, gone: Vec<SessionId>) {
        self.remove(gone, move |session, commands| {
            unlist(user, session, commands);
        });
    }

    /// Removes what means nothing any more.
    pub(super) fn tidy(&self, user: UserId, gone: Vec<SessionId>) {
        self.remove(gone, move |session, commands| {
            commands.cmd("DEL").arg(session_key(session)).ignore();
            unlist(user, session, commands);
        });
    }

    /// After the caller has gone on. What fails stays until it expires.
    fn remove(
        &self,
        gone: Vec<SessionId>,
        each: impl Fn(SessionId, &mut Pipeline) + Send + 'static,
    ) {
        if gone.is_empty() {
            return;
        }
        let link = Arc::clone(&self.link);
        tokio::spawn(async move {
            let mut commands = redis::pipe();
            gone.into_iter()
                .for_each(|session| each(session, &mut commands));
            if let Err(error) = link.ask::<()>("removing what has ended", &commands).await {
                tracing::debug!(%error, "what has ended was not removed from Redis");
            }
        });
    }
}
