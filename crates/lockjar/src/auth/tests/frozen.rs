//! A request that stands still between its look-up and its decision, while the rest of the process goes on.

use super::*;
use crate::jwt::{KeyPolicy, MasterKey};

/// A clock that, asked once, lets something happen first.
struct Stalling {
    clock: Arc<ManualClock>,
    meanwhile: std::sync::Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl Stalling {
    fn on(clock: &Arc<ManualClock>) -> Arc<Self> {
        Arc::new(Self {
            clock: Arc::clone(clock),
            meanwhile: std::sync::Mutex::default(),
        })
    }

    fn meanwhile(&self, happens: impl FnOnce() + Send + 'static) {
        *self.meanwhile.lock().unwrap() = Some(Box::new(happens));
    }
}

impl Clock for Stalling {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn uptime(&self) -> Duration {
        let happens = self.meanwhile.lock().unwrap().take();
        if let Some(happens) = happens {
            happens();
        }
        self.clock.uptime()
    }
}

/// Its look-up found what had ended longer ago than may be; then the feed is read, so that the cache may be believed again.
#[tokio::test]
async fn what_was_looked_up_is_not_believed_for_what_was_read_since() {
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_800_000_000_000)));
    let stalling = Stalling::on(&clock);
    let fixture = Fixture::with(|builder| builder.clock(stalling.clone())).await;
    let alice = fixture.alice().await;
    assert!(fixture.is_in(&alice.token()).await);
    fixture.store.broken.store(true, Ordering::SeqCst);
    let (user, elsewhere) = (alice.user.id, &fixture.store.sqlite);
    let ended = elsewhere.end(user, Which::All, By::Operator, clock.now());
    ended.await.unwrap();
    clock.advance(Duration::from_secs(2));
    let (auth, store) = (fixture.auth.clone(), Arc::clone(&fixture.store));
    stalling.meanwhile(move || {
        store.broken.store(false, Ordering::SeqCst);
        auth.inner.cache.forget_user(user);
        auth.inner.trust.renew(auth.inner.clock.uptime());
    });
    assert!(!fixture.is_in(&alice.token()).await);
}

/// The same of a key that was revoked.
#[tokio::test]
async fn a_signature_is_not_believed_for_keys_that_were_read_since() {
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_800_000_000_000)));
    let stalling = Stalling::on(&clock);
    let settings = JwtSettings::new(MasterKey::from_bytes([1; 32]));
    let change = |builder: Builder| builder.clock(stalling.clone()).jwt(settings);
    let fixture = Fixture::with(change).await;
    let alice = fixture.alice().await;
    let Tokens::Jwt { access, .. } = &alice.tokens else {
        panic!("the JWT strategy makes JWTs")
    };
    let access = access.reveal().as_bytes().to_vec();
    fixture.auth.authenticate(&access).await.unwrap();
    fixture.store.broken.store(true, Ordering::SeqCst);
    let stored = fixture.store.sqlite.keys().await.unwrap();
    let revoked: Vec<_> = stored
        .iter()
        .map(|key| StoredKey {
            revoked_at: Some(clock.now()),
            ..key.clone()
        })
        .collect();
    let set = fixture
        .store
        .sqlite
        .set_keys(&stored, &revoked, clock.now());
    assert!(set.await.unwrap());
    clock.advance(Duration::from_secs(2));
    let (auth, store) = (fixture.auth.clone(), Arc::clone(&fixture.store));
    stalling.meanwhile(move || {
        store.broken.store(false, Ordering::SeqCst);
        let jwt = auth.inner.jwt.as_ref().unwrap();
        let now = auth.inner.clock.uptime();
        jwt.set_keys(
            crate::jwt::KeyRing::new(KeyPolicy::default(), Vec::new()),
            now,
        );
        auth.inner.trust.renew(now);
    });
    let checked = fixture.auth.authenticate(&access).await;
    assert!(
        matches!(checked, Err(Error::NotAuthenticated)),
        "{checked:?}"
    );
}
