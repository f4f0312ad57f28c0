//! The life of a session: checked on every node without end, so that each knows it well when it ends; ended by one node;
//! and checked on, since now the others must not know it any longer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fastrand::Rng;
use tokio::time::sleep;

use crate::cluster::NODES;
use crate::history::{Answer, Asked, Moment, Node, Session};
use crate::world::{Account, World};

/// For so long after its end a session is checked most: twice as long as it may be accepted.
const JUST_ENDED: Duration = Duration::from_secs(2);
/// How often somebody tries to log out who is not told that it was done.
const TRIES: usize = 12;

struct Life {
    world: Arc<World>,
    account: Arc<Account>,
    session: Session,
    opened: Moment,
    fate: Fate,
    /// When it was last asked to end by itself, in microseconds; nought if never.
    ended: AtomicU64,
}

/// How a session ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is logged out after a while.
    LogsOut,
    /// It is about to end with all others of its account.
    EndsWithAll,
    /// Nobody logs it out; what ends all sessions of its account ends it too.
    Stays,
}

/// Lets a session live.
pub(crate) fn begin(
    world: &Arc<World>,
    account: &Arc<Account>,
    (session, opened): (Session, Moment),
    fate: Fate,
    rng: &mut Rng,
) {
    let life = Arc::new(Life {
        world: Arc::clone(world),
        account: Arc::clone(account),
        session,
        opened,
        fate,
        ended: AtomicU64::new(0),
    });
    for node in 0..NODES {
        tokio::spawn(check(Arc::clone(&life), node, rng.fork()));
    }
    if fate == Fate::LogsOut {
        tokio::spawn(log_out(life, rng.fork()));
    }
}

async fn check(life: Arc<Life>, node: Node, mut rng: Rng) {
    let world = &life.world;
    let _busy = world.busy();
    let mut link = world.link(node);
    while let Some(pause) = life.pause() {
        world
            .ask(&mut link, node, Asked::Check(life.session), "")
            .await;
        sleep(pause.mul_f64(0.5 + rng.f64())).await;
    }
}

async fn log_out(life: Arc<Life>, mut rng: Rng) {
    let world = &life.world;
    let _busy = world.busy();
    sleep(Duration::from_millis(rng.u64(world.pace.life.clone()))).await;
    for _ in 0..TRIES {
        life.ends();
        let node = rng.usize(0..NODES);
        let mut link = world.link(node);
        let asked = Asked::LogOut(life.session);
        let event = world.ask(&mut link, node, asked, "").await;
        life.ends();
        if matches!(event.answer, Answer::Yes(_) | Answer::Refused) {
            return;
        }
        sleep(Duration::from_millis(rng.u64(100..600))).await;
    }
}

impl Life {
    /// How long until the next check; none if that was the last.
    fn pause(&self) -> Option<Duration> {
        let (pace, now) = (&self.world.pace, self.world.recorder.now());
        let Some(ended) = self.ended() else {
            let pause = match self.fate {
                Fate::LogsOut | Fate::EndsWithAll => pace.alive,
                Fate::Stays => pace.staying,
            };
            return (!self.world.is_stopping()).then_some(pause);
        };
        match now.saturating_sub(ended) {
            since if since < JUST_ENDED => Some(pace.just_ended),
            since if since < pace.watched => Some(pace.long_ended),
            _ => None,
        }
    }

    fn ends(&self) {
        let now = self.world.recorder.now().as_micros();
        let now = u64::try_from(now).unwrap_or(u64::MAX);
        self.ended.store(now, Ordering::SeqCst);
    }

    /// When it was last asked to end, in whatever way.
    fn ended(&self) -> Option<Moment> {
        let own = Moment::from_micros(self.ended.load(Ordering::SeqCst));
        let with_all = self.account.ended();
        let with_all = Some(with_all).filter(|ended| *ended > self.opened);
        with_all.max(Some(own).filter(|own| !own.is_zero()))
    }
}
