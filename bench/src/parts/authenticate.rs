//! What the session check costs in process: by the cache, and by the store.

use std::{
    fs::File,
    hint::black_box,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use lockjar::{Auth, PlainToken};
use rustix::fs::{Advice, fadvise};

use super::Bench;
use crate::{
    filled::Filled,
    ratio::Spread,
    report::{Bar, Figure, Section, grouped},
};

const CACHED: Bar = Bar::AtMost(2.0);
const COLD: Bar = Bar::AtMost(2.0);
const LIVE: usize = 100_000;
const FEW: usize = 1_000;
const COLD_CALLS: usize = 1_000;

pub(super) fn measure(bench: &Bench) -> Result<Section> {
    let runtime = tokio::runtime::Runtime::new()?;
    let mut figures = runtime.block_on(cached(bench))?;
    figures.extend(runtime.block_on(cold(bench))?);
    let method = format!(
        "`Auth::authenticate` called in process, one call after the other, each timed by itself; the figures are medians (reading the clock is a part \
         of each time: {clock:.0} ns here, not subtracted). Cached: {live} sessions, each of an account of its own, every \
         one called once a round in random order. Cold: {calls} different sessions after a fresh start, none in \
         Lockjar's cache and none in SQLite's, in turns on a file with {many} sessions and on one with {few}; the file is in \
         the operating system's cache, and in the last rows not even there.",
        clock = clock_nanoseconds()?,
        live = grouped(LIVE),
        calls = grouped(COLD_CALLS),
        many = grouped(many(bench)),
        few = grouped(FEW),
    );
    Ok(Section {
        part: "authenticate",
        title: "The session check in process",
        method,
        figures,
        chart: None,
    })
}

fn many(bench: &Bench) -> usize {
    bench.either(1_000_000, 100_000)
}

async fn cached(bench: &Bench) -> Result<Vec<Figure>> {
    let folder = bench.folder()?;
    let mut filled = Filled::new(folder.path(), LIVE).await?;
    let auth = filled.open().await?;
    call_each(&auth, &filled.tokens).await?;
    // The cache was filled in the order of the list, and its memory with it. The order by random text is another.
    filled.tokens.sort_unstable();
    let (mut medians, mut tails) = (Vec::new(), Vec::new());
    for _ in 0..bench.either(15, 3) {
        let times = call_each(&auth, &filled.tokens).await?;
        medians.push(microseconds(&times, 0.5));
        tails.push(microseconds(&times, 0.99));
    }
    auth.close().await;
    Ok(vec![
        Figure::held_to(
            CACHED,
            format!("Cached, {} live sessions", grouped(LIVE)),
            "µs",
            Spread::of(medians),
        ),
        Figure::plain(
            format!("Cached, {} live sessions, p99", grouped(LIVE)),
            "µs",
            Spread::of(tails),
        ),
    ])
}

async fn cold(bench: &Bench) -> Result<Vec<Figure>> {
    let folder = bench.folder()?;
    let large = Filled::new(folder.path(), many(bench)).await?;
    let small = Filled::new(folder.path(), FEW).await?;
    let rounds = bench.either(15, 3);
    let (many, few) = in_turns(&large, &small, rounds, |_| Ok(())).await?;
    let (many_evicted, few_evicted) = in_turns(&large, &small, rounds, evict).await?;
    let [many_text, few_text] = [large.tokens.len(), FEW].map(grouped);
    Ok(vec![
        Figure::held_to(
            COLD,
            format!("Cold, {many_text} sessions ÷ {few_text}"),
            "",
            Spread::of_ratios(&many, &few),
        ),
        Figure::plain(
            format!("Cold, {many_text} sessions"),
            "µs",
            Spread::of(many),
        ),
        Figure::plain(format!("Cold, {few_text} sessions"), "µs", Spread::of(few)),
        Figure::plain(
            format!("Cold, {many_text} sessions, file not in memory"),
            "µs",
            Spread::of(many_evicted),
        ),
        Figure::plain(
            format!("Cold, {few_text} sessions, file not in memory"),
            "µs",
            Spread::of(few_evicted),
        ),
    ])
}

/// The median of each round on either file, A B A B.
async fn in_turns(
    a: &Filled,
    b: &Filled,
    rounds: usize,
    prepare: fn(&Filled) -> Result<()>,
) -> Result<(Vec<f64>, Vec<f64>)> {
    let (mut of_a, mut of_b) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        for (filled, medians) in [(a, &mut of_a), (b, &mut of_b)] {
            prepare(filled)?;
            medians.push(microseconds(&cold_calls(filled, round).await?, 0.5));
        }
    }
    Ok((of_a, of_b))
}

async fn cold_calls(filled: &Filled, round: usize) -> Result<Histogram<u64>> {
    let auth = filled.open().await?;
    // The first statement of a connection is prepared, which no later one has to wait for.
    let unknown = auth
        .authenticate(PlainToken::generate().reveal().as_bytes())
        .await;
    anyhow::ensure!(
        unknown.is_err(),
        "a session that nobody opened was accepted"
    );
    let first = round * COLD_CALLS % filled.tokens.len();
    let tokens = filled
        .tokens
        .get(first..first + COLD_CALLS)
        .context("too few sessions for a round")?;
    let times = call_each(&auth, tokens).await?;
    auth.close().await;
    Ok(times)
}

/// Asks the operating system to drop the file from memory.
fn evict(filled: &Filled) -> Result<()> {
    let file = File::open(filled.file())?;
    Ok(fadvise(&file, 0, None, Advice::DontNeed)?)
}

async fn call_each(auth: &Auth, tokens: &[String]) -> Result<Histogram<u64>> {
    let mut times = Histogram::new(3)?;
    for token in tokens {
        let start = Instant::now();
        let user = auth.authenticate(token).await;
        let taken = start.elapsed();
        black_box(user?);
        times.record(nanoseconds(taken)?)?;
    }
    Ok(times)
}

fn clock_nanoseconds() -> Result<f64> {
    let mut times: Histogram<u64> = Histogram::new(3)?;
    for _ in 0..100_000 {
        let start = Instant::now();
        times.record(nanoseconds(start.elapsed())?)?;
    }
    Ok(times.value_at_quantile(0.5) as f64)
}

fn nanoseconds(time: Duration) -> Result<u64> {
    Ok(u64::try_from(time.as_nanos())?)
}

fn microseconds(times: &Histogram<u64>, quantile: f64) -> f64 {
    times.value_at_quantile(quantile) as f64 / 1e3
}
