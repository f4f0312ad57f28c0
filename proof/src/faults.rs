//! What goes wrong, when and for how long: chosen by the seed, brought about, lifted, and taken down.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use fastrand::Rng;
use lockjar_testing::Redis;
use rustix::process::Signal;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::cluster::{Cluster, NODES};
use crate::history::{Fault, Node};
use crate::proxy::Line;
use crate::world::World;

/// After the database was killed, one node comes back to it later than the others. What they end meanwhile it must not miss,
/// although the crash may have taken back numbers of transactions that it had seen.
const LEFT_BEHIND: Duration = Duration::from_millis(1200);

/// What can go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Delay,
    Drop,
    HalfOpen,
    Freeze,
    Refuse,
    StopNode,
    KillNode,
    StopDatabase,
    KillDatabase,
    StopRedis,
    KillRedis,
}

impl Kind {
    /// What can go wrong wherever sessions are kept.
    pub(crate) const OF_ALL: [Self; 9] = [
        Self::Delay,
        Self::Drop,
        Self::HalfOpen,
        Self::Freeze,
        Self::Refuse,
        Self::StopNode,
        Self::KillNode,
        Self::StopDatabase,
        Self::KillDatabase,
    ];

    /// What can go wrong besides where sessions are kept in Redis.
    const OF_REDIS: [Self; 2] = [Self::StopRedis, Self::KillRedis];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Delay => "line delays",
            Self::Drop => "line drops connections",
            Self::HalfOpen => "line half-open",
            Self::Freeze => "line frozen",
            Self::Refuse => "line refuses connections",
            Self::StopNode => "node SIGSTOP",
            Self::KillNode => "node kill -9",
            Self::StopDatabase => "database SIGSTOP",
            Self::KillDatabase => "database kill -9",
            Self::StopRedis => "Redis SIGSTOP",
            Self::KillRedis => "Redis kill -9",
        }
    }

    fn is_of_no_node(self) -> bool {
        self == Self::StopDatabase || Self::OF_REDIS.contains(&self)
    }

    fn kills(self) -> bool {
        matches!(self, Self::KillNode | Self::KillDatabase)
    }

    fn is_of_the_line(self) -> bool {
        matches!(
            self,
            Self::Delay | Self::Drop | Self::HalfOpen | Self::Freeze | Self::Refuse
        )
    }
}

/// A fault that is to come.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Planned {
    kind: Kind,
    /// All of them where there is none.
    node: Option<Node>,
    lasts: Duration,
    /// By how much a slow line delays.
    delay: Duration,
}

/// Faults that go on at the same time.
pub(crate) type Round = Vec<Planned>;

/// Every kind once a turn, in an order of chance. Every other lasts longer than a revocation may take to be known. In the
/// long form two of them often fall together.
pub(crate) fn plan(turns: usize, together: bool, redis: bool, rng: &mut Rng) -> Vec<Round> {
    let mut rounds = Vec::new();
    for _ in 0..turns {
        let mut kinds = Kind::OF_ALL.to_vec();
        if redis {
            kinds.extend(Kind::OF_REDIS);
        }
        rng.shuffle(&mut kinds);
        let longer = rng.usize(0..2);
        for (index, kind) in kinds.into_iter().enumerate() {
            let millis = match (index + longer) % 2 {
                0 => rng.u64(300..1500),
                _ => rng.u64(1500..if together { 6000 } else { 4000 }),
            };
            let first = planned(kind, Duration::from_millis(millis), together, rng);
            let second = (together && rng.f64() < 0.3)
                .then(|| beside(&first, rng))
                .flatten();
            rounds.push([first].into_iter().chain(second).collect());
        }
    }
    rounds
}

fn planned(kind: Kind, lasts: Duration, widely: bool, rng: &mut Rng) -> Planned {
    let everywhere = widely && kind.is_of_the_line() && rng.f64() < 0.25;
    Planned {
        kind,
        node: (!everywhere && !kind.is_of_no_node()).then(|| rng.usize(0..NODES)),
        lasts,
        delay: Duration::from_millis(rng.u64(5..700)),
    }
}

/// A fault of another node's line beside one of a node. A node that starts needs its line, so none of those.
fn beside(first: &Planned, rng: &mut Rng) -> Option<Planned> {
    let node = first.node.filter(|_| !first.kind.kills())?;
    let lines: Vec<Kind> = Kind::OF_ALL
        .into_iter()
        .filter(|kind| kind.is_of_the_line())
        .collect();
    let kind = *rng.choice(&lines)?;
    let lasts = Duration::from_millis(rng.u64(300..6000));
    Some(Planned {
        node: Some((node + rng.usize(1..NODES)) % NODES),
        ..planned(kind, lasts, false, rng)
    })
}

/// Goes through the rounds, with a time of health after each.
pub(crate) async fn inject(world: &Arc<World>, rounds: Vec<Round>, health: Duration) -> Result<()> {
    for round in rounds {
        let faults: Vec<_> = round
            .into_iter()
            .map(|planned| tokio::spawn(happen(Arc::clone(world), planned)))
            .collect();
        for fault in faults {
            fault.await??;
        }
        sleep(health).await;
    }
    Ok(())
}

async fn happen(world: Arc<World>, planned: Planned) -> Result<()> {
    let begin = world.recorder.now();
    let name = planned.kind.name();
    bring_about(&world.cluster, &planned).await?;
    sleep(planned.lasts).await;
    lift(&world.cluster, &planned).await?;
    let fault = Fault {
        kind: name,
        node: planned.node,
        begin,
        end: world.recorder.now(),
    };
    eprintln!("  {fault}");
    world.recorder.fault(fault);
    Ok(())
}

async fn bring_about(cluster: &Arc<Cluster>, planned: &Planned) -> Result<()> {
    let line = |line: Line| set(cluster, planned.node, line);
    match planned.kind {
        Kind::Delay => line(Line::Delay(planned.delay)),
        Kind::Drop => line(Line::Drop),
        Kind::HalfOpen => line(Line::HalfOpen),
        Kind::Freeze => line(Line::Freeze),
        Kind::Refuse => line(Line::Refuse),
        Kind::StopNode => nodes(planned.node).for_each(|node| cluster.signal(node, Signal::STOP)),
        Kind::KillNode => nodes(planned.node).for_each(|node| cluster.kill_9(node)),
        Kind::StopDatabase => on_servers(cluster, |cluster| cluster.database.freeze()).await?,
        Kind::StopRedis => on_servers(cluster, |cluster| on(&cluster.redis, Redis::freeze)).await?,
        Kind::KillRedis => on_servers(cluster, |cluster| on(&cluster.redis, Redis::kill_9)).await?,
        Kind::KillDatabase => {
            on_servers(cluster, |cluster| cluster.database.kill_9()).await?;
            line(Line::Freeze);
        }
    }
    Ok(())
}

async fn lift(cluster: &Arc<Cluster>, planned: &Planned) -> Result<()> {
    match planned.kind {
        kind if kind.is_of_the_line() => set(cluster, planned.node, Line::Pass),
        Kind::StopNode => nodes(planned.node).for_each(|node| cluster.signal(node, Signal::CONT)),
        Kind::KillNode => nodes(planned.node).try_for_each(|node| cluster.start_node(node))?,
        Kind::StopDatabase => on_servers(cluster, |cluster| cluster.database.thaw()).await?,
        Kind::StopRedis => on_servers(cluster, |cluster| on(&cluster.redis, Redis::thaw)).await?,
        Kind::KillRedis => {
            on_servers(cluster, |cluster| on(&cluster.redis, Redis::restart)).await?
        }
        _ => {
            on_servers(cluster, |cluster| cluster.database.restart()).await?;
            sleep(LEFT_BEHIND).await;
            set(cluster, planned.node, Line::Pass);
        }
    }
    Ok(())
}

fn nodes(node: Option<Node>) -> std::ops::Range<Node> {
    node.map_or(0..NODES, |node| node..node + 1)
}

fn set(cluster: &Cluster, node: Option<Node>, line: Line) {
    nodes(node).for_each(|node| cluster.line(node).set(line));
}

fn on(redis: &Option<Redis>, what: fn(&Redis)) {
    redis.iter().for_each(what);
}

async fn on_servers(cluster: &Arc<Cluster>, what: fn(&Cluster)) -> Result<()> {
    let cluster = Arc::clone(cluster);
    Ok(spawn_blocking(move || what(&cluster)).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_happens_in_every_turn() {
        let rounds = plan(1, false, false, &mut Rng::with_seed(7));
        let kinds: Vec<_> = rounds
            .iter()
            .flatten()
            .map(|planned| planned.kind)
            .collect();
        assert!(Kind::OF_ALL.iter().all(|kind| kinds.contains(kind)));
    }

    #[test]
    fn the_same_seed_plans_the_same() {
        let plan = |seed| format!("{:?}", plan(3, true, true, &mut Rng::with_seed(seed)));
        assert_eq!(plan(1), plan(1));
        assert_ne!(plan(1), plan(2));
    }
}
