//! What this process knows of sessions and users without asking the store.
//!
//! A request in flight must not bring a revoked session back: it may have read the row before the revocation and store
//! it here after. So whoever fills notes the shard's *generation* before reading the store and inserts only if it is
//! unchanged; every revocation raises it, whether the session was cached or not.
//!
//! A revocation of all of a user's sessions names the user alone. What is still cached of them bears an older epoch, and
//! never fits the user who is read again later.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use quick_cache::unsync::Cache;
use quick_cache::{DefaultHashBuilder, OptionsBuilder, UnitWeighter};

use crate::clock::Timestamp;
use crate::id::{SessionId, UserId};
use crate::store::{Epoch, LiveSession};
use crate::token::HashedSecret;
use crate::user::User;

/// Enough that two requests seldom meet at one lock.
const SHARDS: usize = 64;

/// A session as a request needs it.
#[derive(Debug)]
pub(crate) struct Cached {
    pub(crate) id: SessionId,
    user: UserId,
    epoch: Epoch,
    pub(crate) secret: HashedSecret,
    pub(crate) expires_at: Timestamp,
    last_seen_at: AtomicI64,
}

impl Cached {
    pub(crate) fn new(live: &LiveSession) -> Self {
        Self {
            id: live.session.id,
            user: live.session.user,
            epoch: live.epoch,
            secret: live.secret,
            expires_at: live.session.expires_at,
            last_seen_at: AtomicI64::new(live.session.last_seen_at.as_millis()),
        }
    }

    pub(crate) fn last_seen_at(&self) -> Timestamp {
        Timestamp::from_millis(self.last_seen_at.load(Ordering::Relaxed))
    }

    /// Notes a use. Only one of several requests at once is told `true`, and writes it down.
    pub(crate) fn seen(&self, before: Timestamp, now: Timestamp) -> bool {
        let order = Ordering::Relaxed;
        self.last_seen_at
            .compare_exchange(before.as_millis(), now.as_millis(), order, order)
            .is_ok()
    }
}

struct Shard {
    generation: u64,
    sessions: Bounded<SessionId, Arc<Cached>>,
}

type Users = Bounded<UserId, (Epoch, Arc<User>)>;
type Bounded<K, V> = Cache<K, V, UnitWeighter, DefaultHashBuilder>;

/// The right to insert what is about to be read, as long as nothing is revoked meanwhile.
pub(crate) struct Ticket {
    session: SessionId,
    generation: u64,
}

impl Ticket {
    /// How often something had been forgotten of the session's shard.
    pub(crate) const fn generation(&self) -> u64 {
        self.generation
    }
}

pub(crate) struct SessionCache {
    shards: Box<[Mutex<Shard>]>,
    users: Box<[Mutex<Users>]>,
    /// Off only in the test that shows what happens without it.
    #[cfg(test)]
    pub(crate) guard: std::sync::atomic::AtomicBool,
}

impl SessionCache {
    /// A cache of at most `capacity` sessions and as many users. Memory is taken as it fills.
    pub(crate) fn new(capacity: usize) -> Self {
        let each = capacity.div_ceil(SHARDS).max(1);
        let shard = |_| {
            Mutex::new(Shard {
                generation: 0,
                sessions: bounded(each),
            })
        };
        Self {
            shards: (0..SHARDS).map(shard).collect(),
            users: (0..SHARDS).map(|_| Mutex::new(bounded(each))).collect(),
            #[cfg(test)]
            guard: true.into(),
        }
    }

    /// The session and its user, if both are known and of one epoch.
    pub(crate) fn recall(&self, id: SessionId) -> Option<(Arc<Cached>, Arc<User>)> {
        let session = self.shard(id).sessions.get(&id).map(Arc::clone)?;
        let users = self.user_shard(session.user);
        let (epoch, user) = users.get(&session.user)?;
        (*epoch == session.epoch).then(|| (Arc::clone(&session), Arc::clone(user)))
    }

    /// To be taken before the store is read.
    pub(crate) fn ticket(&self, session: SessionId) -> Ticket {
        Ticket {
            session,
            generation: self.shard(session).generation,
        }
    }

    /// Inserts what was read, unless something was revoked since the ticket. The user goes in under the session
    /// shard's lock too, since forgetting a user passes through that lock before it removes the user.
    pub(crate) fn fill(&self, ticket: &Ticket, session: Arc<Cached>, user: Arc<User>) {
        let mut shard = self.shard(ticket.session);
        if shard.generation == ticket.generation || self.is_unguarded() {
            self.user_shard(session.user)
                .insert(session.user, (session.epoch, user));
            shard.sessions.insert(ticket.session, session);
        }
    }

    /// Forgets a session, and what anyone may be about to insert of it.
    pub(crate) fn forget_session(&self, id: SessionId) {
        let mut shard = self.shard(id);
        shard.generation += 1;
        shard.sessions.remove(&id);
    }

    /// The same where something is known of it, even if its user is not known just now: who is read again would make it whole.
    pub(crate) fn forget_if_known(&self, id: SessionId) {
        let mut shard = self.shard(id);
        if shard.sessions.remove(&id).is_some() {
            shard.generation += 1;
        }
    }

    /// Forgets a user and so all of the user's sessions, wherever they are cached.
    pub(crate) fn forget_user(&self, user: UserId) {
        for shard in &self.shards {
            locked(shard).generation += 1;
        }
        self.user_shard(user).remove(&user);
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        for shard in &self.shards {
            let mut shard = locked(shard);
            shard.generation += 1;
            shard.sessions.clear();
        }
        for users in &self.users {
            locked(users).clear();
        }
    }

    /// How many sessions are known.
    pub(crate) fn len(&self) -> usize {
        let shards = self.shards.iter();
        shards.map(|shard| locked(shard).sessions.len()).sum()
    }

    // Ids are random, so any of their bytes spreads them evenly.
    fn shard(&self, id: SessionId) -> MutexGuard<'_, Shard> {
        locked(&self.shards[usize::from(id.as_bytes()[0]) % SHARDS])
    }

    fn user_shard(&self, id: UserId) -> MutexGuard<'_, Users> {
        locked(&self.users[usize::from(id.as_bytes()[0]) % SHARDS])
    }

    #[cfg(test)]
    fn is_unguarded(&self) -> bool {
        !self.guard.load(Ordering::Relaxed)
    }

    #[cfg(not(test))]
    #[allow(clippy::unused_self)]
    fn is_unguarded(&self) -> bool {
        false
    }
}

fn bounded<K: Eq + std::hash::Hash, V>(capacity: usize) -> Bounded<K, V> {
    let mut options = OptionsBuilder::new();
    options
        .estimated_items_capacity(1)
        .weight_capacity(capacity as u64);
    match options.build() {
        Ok(options) => Cache::with_options(
            options,
            UnitWeighter,
            DefaultHashBuilder::default(),
            Default::default(),
        ),
        Err(_) => Cache::with(
            capacity,
            capacity as u64,
            UnitWeighter,
            DefaultHashBuilder::default(),
            Default::default(),
        ),
    }
}

/// No critical section above leaves a shard half changed, so one that a panic passed through is as good as any.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Session;
    use crate::token::PlainToken;

    fn live() -> LiveSession {
        let (token, at) = (PlainToken::generate(), Timestamp::from_millis(1));
        let user = User {
            id: UserId::random(),
            username: "a".into(),
            email: None,
            created_at: at,
            disabled_at: None,
        };
        let session = Session {
            id: token.id(),
            user: user.id,
            created_at: at,
            last_seen_at: at,
            expires_at: at,
            remember: false,
            user_agent: None,
        };
        LiveSession {
            session,
            epoch: 0,
            secret: token.hash(),
            user,
        }
    }

    fn fill(cache: &SessionCache, ticket: &Ticket, live: &LiveSession) {
        cache.fill(
            ticket,
            Arc::new(Cached::new(live)),
            Arc::new(live.user.clone()),
        );
    }

    #[test]
    fn what_was_filled_is_recalled_until_it_is_forgotten() {
        let (cache, live) = (SessionCache::new(100), live());
        fill(&cache, &cache.ticket(live.session.id), &live);
        assert!(cache.recall(live.session.id).is_some());
        cache.forget_session(live.session.id);
        assert!(cache.recall(live.session.id).is_none());
    }

    #[test]
    fn a_read_that_began_before_the_revocation_fills_nothing() {
        let (cache, live) = (SessionCache::new(100), live());
        for forget in [
            (&|cache: &SessionCache| cache.forget_session(live.session.id))
                as &dyn Fn(&SessionCache),
            &|cache| cache.forget_user(live.user.id),
            &SessionCache::clear,
        ] {
            let ticket = cache.ticket(live.session.id);
            forget(&cache);
            fill(&cache, &ticket, &live);
            assert!(cache.recall(live.session.id).is_none());
        }
    }

    #[test]
    fn forgetting_a_user_ends_every_session_of_theirs() {
        let (cache, one) = (SessionCache::new(100), live());
        let mut two = live();
        two.user = one.user.clone();
        two.session.user = one.user.id;
        for live in [&one, &two] {
            fill(&cache, &cache.ticket(live.session.id), live);
        }
        cache.forget_user(one.user.id);
        assert!(cache.recall(one.session.id).is_none() && cache.recall(two.session.id).is_none());
    }

    #[test]
    fn who_is_read_again_does_not_make_an_ended_session_whole() {
        let (cache, ended) = (SessionCache::new(100), live());
        let mut other = live();
        other.user = ended.user.clone();
        other.session.user = ended.user.id;
        fill(&cache, &cache.ticket(ended.session.id), &ended);
        cache.forget_user(ended.user.id);
        cache.forget_if_known(ended.session.id);
        fill(&cache, &cache.ticket(other.session.id), &other);
        assert!(cache.recall(ended.session.id).is_none());
        assert!(cache.recall(other.session.id).is_some());
    }

    #[test]
    fn the_cache_is_bounded() {
        let cache = SessionCache::new(SHARDS * 4);
        let all: Vec<_> = (0..SHARDS * 40).map(|_| live()).collect();
        for live in &all {
            fill(&cache, &cache.ticket(live.session.id), live);
        }
        let kept = all
            .iter()
            .filter(|live| cache.recall(live.session.id).is_some())
            .count();
        assert!((1..=SHARDS * 4).contains(&kept), "{kept}");
    }

    #[test]
    fn one_of_many_requests_writes_the_touch() {
        let cached = Cached::new(&live());
        let (before, now) = (cached.last_seen_at(), Timestamp::from_millis(9));
        assert!(cached.seen(before, now));
        assert!(!cached.seen(before, now));
        assert_eq!(cached.last_seen_at(), now);
    }
}
