//! A node whose database was away for longer than its cache may be believed, while everybody asks.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use lockjar::{Auth, Error};
use lockjar_testing::Postgres;

use super::Bench;
use crate::{
    filled,
    ratio::Spread,
    report::{Bar, Figure, Section, grouped},
};

const BACK: Bar = Bar::AtMost(2.0);
const READS: Bar = Bar::AtMost(32.0);
const AWAY: Duration = Duration::from_secs(4);
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two attempts of one visitor.
const AGAIN: Duration = Duration::from_millis(500);

pub(super) fn measure(bench: &Bench) -> Result<Section> {
    let sessions = bench.either(100_000, 10_000);
    let runtime = tokio::runtime::Runtime::new()?;
    let rounds: Vec<_> = (0..bench.either(3, 1))
        .map(|_| runtime.block_on(round(sessions)))
        .collect::<Result<_>>()?;
    let of = |value: fn(&Round) -> f64| Spread::of(rounds.iter().map(value));
    let method = format!(
        "In process: {} sessions of as many accounts in the cache of one node on PostgreSQL. PostgreSQL is stopped (SIGSTOP) \
         for {AWAY:?}, and goes on. Meanwhile every session is asked for at once, by a task of its own that asks again half a \
         second after each 'unavailable'. Back is when the cache is believed; served is when each visitor was let in. Reads at \
         once are what PostgreSQL itself saw active (`pg_stat_activity`, every 2 ms).",
        grouped(sessions)
    );
    Ok(Section {
        part: "herd",
        title: "A herd when the database comes back",
        method,
        figures: vec![
            Figure::held_to(BACK, "Back to believing its cache", "s", of(|it| it.back)),
            Figure::held_to(READS, "Reads at once", "", of(|it| it.reads_at_once)),
            Figure::plain("Everybody served", "s", of(|it| it.served)),
            Figure::plain("Sessions read again", "", of(|it| it.reads)),
            Figure::plain("Told 'unavailable' meanwhile", "", of(|it| it.unavailable)),
            Figure::plain(
                "PostgreSQL, an account with its indexes",
                "bytes",
                of(|it| it.bytes_a_user),
            ),
            Figure::plain(
                "PostgreSQL, a session with its indexes",
                "bytes",
                of(|it| it.bytes_a_session),
            ),
        ],
        chart: None,
    })
}

struct Round {
    back: f64,
    served: f64,
    reads: f64,
    reads_at_once: f64,
    unavailable: f64,
    bytes_a_user: f64,
    bytes_a_session: f64,
}

async fn round(sessions: usize) -> Result<Round> {
    let postgres = Arc::new(Postgres::start());
    let tokens = filled::postgres(&postgres.url(), sessions).await?;
    let auth = Auth::open(&postgres.url(), "http://localhost:8000").await?;
    warm(&auth, &tokens).await?;
    let (unavailable, over) = (
        Arc::new(AtomicU64::new(0)),
        Arc::new(AtomicBool::new(false)),
    );
    let most = tokio::spawn(watch(postgres.url(), Arc::clone(&over)));
    tokio::time::sleep(Duration::from_millis(200)).await;
    postgres.freeze();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    ensure!(
        !auth.health().cache_trusted,
        "the cache is believed for too long"
    );
    let read = auth.health().reads;
    let asking: Vec<_> = tokens
        .into_iter()
        .map(|token| tokio::spawn(visit(auth.clone(), token, Arc::clone(&unavailable))))
        .collect();
    tokio::time::sleep(AWAY).await;
    postgres.thaw();
    let thawed = Instant::now();
    while !auth.health().cache_trusted {
        ensure!(thawed.elapsed() < PATIENCE, "the node does not come back");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let back = thawed.elapsed().as_secs_f64();
    for visitor in asking {
        visitor.await??;
    }
    let served = thawed.elapsed().as_secs_f64();
    over.store(true, Ordering::SeqCst);
    let health = auth.health();
    auth.close().await;
    Ok(Round {
        bytes_a_user: bytes_a_row(&postgres, "users")?,
        bytes_a_session: bytes_a_row(&postgres, "sessions")?,
        back,
        served,
        reads: (health.reads - read) as f64,
        reads_at_once: most.await?? as f64,
        unavailable: unavailable.load(Ordering::SeqCst) as f64,
    })
}

fn bytes_a_row(postgres: &Postgres, table: &str) -> Result<f64> {
    let sql = format!(
        "SELECT pg_total_relation_size('lockjar.{table}')::float8 / count(*) FROM lockjar.{table}"
    );
    Ok(postgres.query("lockjar", &sql).trim().parse()?)
}

async fn warm(auth: &Auth, tokens: &[String]) -> Result<()> {
    let next = Arc::new(AtomicUsize::new(0));
    let tokens: Arc<[String]> = tokens.into();
    let warming: Vec<_> = (0..32)
        .map(|_| {
            let (auth, next, tokens) = (auth.clone(), Arc::clone(&next), Arc::clone(&tokens));
            tokio::spawn(async move {
                while let Some(token) = tokens.get(next.fetch_add(1, Ordering::SeqCst)) {
                    auth.authenticate(token).await?;
                }
                Ok::<_, Error>(())
            })
        })
        .collect();
    for task in warming {
        task.await??;
    }
    Ok(())
}

/// Asks until let in. Whoever is told 'not logged in' ends the run.
async fn visit(auth: Auth, token: String, unavailable: Arc<AtomicU64>) -> Result<()> {
    loop {
        match auth.authenticate(&token).await {
            Ok(_) => return Ok(()),
            Err(Error::Unavailable(_)) => {
                unavailable.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(AGAIN).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// The most transactions of the node that the server saw at once, the change feed's left out.
async fn watch(url: String, over: Arc<AtomicBool>) -> Result<i64> {
    use sqlx::Connection;
    let mut connection = sqlx::PgConnection::connect(&url).await?;
    let mut most = 0;
    while !over.load(Ordering::SeqCst) {
        let (active,): (i64,) = sqlx::query_as(
            "SELECT count(*) FROM pg_stat_activity
             WHERE application_name = 'lockjar' AND xact_start IS NOT NULL AND query NOT LIKE '%lockjar.store%'",
        )
        .fetch_one(&mut connection)
        .await?;
        most = most.max(active);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(most)
}
