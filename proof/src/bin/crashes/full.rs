//! A disk that is full in the middle of things: files may not grow, which needs no privilege and no disk of its own. The kernel
//! says EFBIG where a disk would say ENOSPC; to SQLite both are a write that failed.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use fastrand::Rng;

use crate::crowd::Crowd;
use crate::records::Records;
use crate::site::{LOG, Server, Site};
use crate::told::{Told, Violation};

/// So many acts are refused before there is room again.
const REFUSALS: usize = 12;
const FULL_LIMIT: Duration = Duration::from_secs(20);
/// What had to wait for room is written down by then.
const WRITTEN_LIMIT: Duration = Duration::from_secs(10);

/// Fills the disk under load and makes room again, on a server that goes on.
pub(crate) fn fill(
    site: &Site,
    server: &Server,
    crowd: &mut Crowd,
    told: &Told,
    rng: &mut Rng,
) -> Result<()> {
    let refused = || told.notes().refused.len();
    let before = refused();
    let (warm_up, room) = (rng.u64(100..500), rng.u64(0..40_000));
    crowd.live(&server.door, told, || {
        std::thread::sleep(Duration::from_millis(warm_up));
        let limit = size(site) + room;
        server.limit_files(Some(limit))?;
        let start = Instant::now();
        while refused() < before + REFUSALS {
            let (waiting, log) = (start.elapsed() < FULL_LIMIT, size(site));
            ensure!(waiting, "no disk full at {limit} bytes: the log has {log}");
            std::thread::sleep(Duration::from_millis(5));
        }
        anyhow::Ok(())
    })?;
    let live = server.door.get("/health/live", "");
    if live.is_none_or(|answer| answer.status != 200) {
        let what = "the server does not live on a full disk".to_owned();
        told.violation(Violation::Unexpected(what));
    }
    server.limit_files(None)?;
    wait_for_the_records(site, told)
}

/// The log only grows here: the server before was stopped in order, which removed it.
fn size(site: &Site) -> u64 {
    let about = fs::metadata(site.file(LOG));
    about.map(|about| about.len()).unwrap_or_default()
}

/// Records that could not be written wait in memory until there is room, which a crash before that would lose: so it is waited
/// for. That they come is checked afterwards, as always.
fn wait_for_the_records(site: &Site, told: &Told) -> Result<()> {
    let start = Instant::now();
    loop {
        let records = Records::of(site)?;
        let missing = !told.notes().acknowledged.iter().all(|it| records.has(it));
        if !missing || start.elapsed() > WRITTEN_LIMIT {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}
