//! How the change feed reaches 10, 100 and 1,000 nodes: each node's reader for real, without the rest of the node.

use std::{
    collections::HashMap,
    fs,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use lockjar::{
    UserId,
    clock::{Clock, SystemClock},
    store::{
        By, Change, Feed, Outcome, Sessions, Users, Which,
        postgres::{PostgresSettings, PostgresStore},
    },
};
use lockjar_testing::Postgres;
use tokio::{task::JoinSet, time};

use super::Bench;
use crate::{
    cpu, filled,
    ratio::Spread,
    report::{Bar, Figure, Section},
};

/// As the library reads it with the default `staleness`.
const BEAT: Duration = Duration::from_millis(250);
const GATHER: Duration = Duration::from_millis(2);
const MAXIMUM: Bar = Bar::AtMost(1000.0);

const METHOD: &str = "N readers of the change feed in one process, each with connections of its own, as a node has them, to one PostgreSQL on \
    the same two cores: they look four times a second, and at once when woken. Quiet: nothing ends. Then ten revocations a \
    second. The time is from a revocation's acknowledgement to the end of the look that told a reader. CPU is that of all of \
    PostgreSQL's processes. (A look that ends in a reader's process waits there for its turn on these cores too; with 1,000 \
    readers that is most of the time.)";

pub(super) fn measure(bench: &Bench) -> Result<Section> {
    let runtime = tokio::runtime::Runtime::new()?;
    let counts: &[usize] = if bench.quick {
        &[10, 100]
    } else {
        &[10, 100, 1000]
    };
    let seconds = bench.either(10, 3) as u64;
    let mut figures = Vec::new();
    for nodes in counts {
        let run = runtime.block_on(run(*nodes, seconds))?;
        figures.extend(run.figures(*nodes));
    }
    Ok(Section {
        part: "fanout",
        title: "The change feed and many nodes",
        method: METHOD.into(),
        figures,
        chart: None,
    })
}

struct Run {
    quiet: Load,
    busy: Load,
    heard: Vec<f64>,
}

/// What the readers cost the database.
struct Load {
    looks: f64,
    cores: f64,
}

impl Run {
    fn figures(&self, nodes: usize) -> [Figure; 6] {
        let name = |what: &str| format!("{nodes} nodes: {what}");
        let plain = |what: &str, unit, value| Figure::plain(name(what), unit, Spread::of([value]));
        let longest = self.heard.iter().copied().fold(f64::NAN, f64::max);
        [
            plain("looks, quiet", "/s", self.quiet.looks),
            plain("PostgreSQL's CPU, quiet", "cores", self.quiet.cores),
            plain("looks, ten revocations a second", "/s", self.busy.looks),
            plain(
                "PostgreSQL's CPU, ten revocations a second",
                "cores",
                self.busy.cores,
            ),
            Figure::plain(
                name("heard after"),
                "ms",
                Spread::of(self.heard.iter().copied()),
            ),
            Figure::held_to(
                MAXIMUM,
                name("heard by the last"),
                "ms",
                Spread::of([longest]),
            ),
        ]
    }
}

/// What the readers note.
#[derive(Default)]
struct Notes {
    looks: AtomicU64,
    heard: Mutex<Vec<(UserId, Instant)>>,
}

impl Notes {
    /// Milliseconds from each acknowledgement to each reader that heard of it.
    fn times(&self, ended: &HashMap<UserId, Instant>) -> Result<Vec<f64>> {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let times = heard.iter().map(|(id, at)| {
            let acknowledged = ended.get(id).context("nobody ended it")?;
            Ok(at.saturating_duration_since(*acknowledged).as_secs_f64() * 1e3)
        });
        times.collect()
    }
}

async fn run(nodes: usize, seconds: u64) -> Result<Run> {
    let connections = format!("max_connections={}", 5 * nodes + 100);
    let postgres = Postgres::start_with(&[&connections, "shared_buffers=64MB"]);
    let users = usize::try_from(seconds)? * 10;
    filled::postgres(&postgres.url(), users).await?;
    let writer = open(&postgres.url()).await?;
    let ids: Vec<_> = writer
        .list()
        .await?
        .into_iter()
        .map(|user| user.id)
        .collect();
    let (notes, mut readers) = (Arc::new(Notes::default()), JoinSet::new());
    for _ in 0..nodes {
        let node = open(&postgres.url()).await?;
        readers.spawn(follow(node, Arc::clone(&notes)));
    }
    time::sleep(Duration::from_secs(2)).await;
    let quiet = load(&postgres, &notes, seconds, async {}).await?;
    notes
        .heard
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clear();
    let mut ended = HashMap::new();
    let ending = async {
        for id in ids {
            let now = SystemClock.now();
            if let Ok(Outcome::Done(_)) = writer.end(id, Which::All, By::Operator, now).await {
                ended.insert(id, Instant::now());
            }
            time::sleep(Duration::from_millis(100)).await;
        }
    };
    let busy = load(&postgres, &notes, seconds, ending).await?;
    time::sleep(Duration::from_secs(2)).await;
    ensure!(readers.try_join_next().is_none(), "a reader has stopped");
    readers.abort_all();
    let heard = notes.times(&ended)?;
    ensure!(
        heard.len() == nodes * users,
        "a reader has missed something"
    );
    Ok(Run { quiet, busy, heard })
}

async fn open(url: &str) -> Result<PostgresStore> {
    Ok(PostgresStore::open(PostgresSettings::new(url)?.connections(1)).await?)
}

/// What the library does between requests, for the feed alone.
async fn follow(node: PostgresStore, notes: Arc<Notes>) -> Result<()> {
    let mut cursor = node.beat(None).await?.cursor;
    let mut beats = time::interval(BEAT);
    beats.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = beats.tick() => {}
            () = node.woken() => time::sleep(GATHER).await,
        }
        beats.reset();
        let beat = node.beat(Some(cursor)).await?;
        cursor = beat.cursor;
        notes.looks.fetch_add(1, Ordering::Relaxed);
        let at = Instant::now();
        let mut heard = notes.heard.lock().unwrap_or_else(PoisonError::into_inner);
        for change in beat.changes.context("a reader was told of a gap")? {
            if let Change::User(id) = change {
                heard.push((id, at));
            }
        }
    }
}

async fn load(
    postgres: &Postgres,
    notes: &Notes,
    seconds: u64,
    meanwhile: impl Future<Output = ()>,
) -> Result<Load> {
    let (looks, spent, start) = (
        notes.looks.load(Ordering::Relaxed),
        cpu_of(postgres)?,
        Instant::now(),
    );
    tokio::join!(meanwhile, time::sleep(Duration::from_secs(seconds)));
    let elapsed = start.elapsed().as_secs_f64();
    let looks = notes.looks.load(Ordering::Relaxed) - looks;
    Ok(Load {
        looks: looks as f64 / elapsed,
        cores: (cpu_of(postgres)? - spent).as_secs_f64() / elapsed,
    })
}

/// Of the postmaster and all of its children, which here live as long as their connections.
fn cpu_of(postgres: &Postgres) -> Result<Duration> {
    let parent = postgres.pid().to_string();
    let mut spent = cpu::of(postgres.pid())?;
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        // What ended meanwhile is nobody's.
        let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else {
            continue;
        };
        let of = stat
            .rsplit(')')
            .next()
            .and_then(|rest| rest.split_whitespace().nth(1));
        if of == Some(&parent) {
            spent += cpu::of(pid).unwrap_or_default();
        }
    }
    Ok(spent)
}
