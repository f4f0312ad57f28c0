//! The write-ahead log cut off or garbled, as by a disk that lied about a sync. That loses what was acknowledged, and no program
//! could help it; what is left has to be a moment that there was: whole acts, none without all that were acknowledged before it.
//!
//! It is tried on a copy, and only where nothing of the log was written into the file yet: SQLite does not claim to survive
//! the loss of a log of which it has written a part.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;

use anyhow::Result;
use fastrand::Rng;

use crate::records::Records;
use crate::site::{DATABASE, LOG, Site};
use crate::told::{Act, Heard, Notes, Violation};

/// So many log-outs are tried on what is left.
const TRIED: usize = 40;

/// What is found on a damaged copy of a site whose server was killed, and how many of the acts were left.
pub(crate) fn try_on_a_copy(
    site: &Site,
    notes: &Notes,
    rng: &mut Rng,
) -> Result<(Vec<Violation>, usize)> {
    let copy = site.copied()?;
    damage(&copy, rng)?;
    let mut found = Vec::new();
    if let Err(error) = copy.integrity() {
        let what = format!("after its log was cut: {error}");
        found.push(Violation::Damaged(what));
    }
    let server = match copy.start() {
        Ok(server) => server,
        Err(error) => {
            found.push(Violation::Damaged(format!("with its log cut, {error}")));
            return Ok((found, 0));
        }
    };
    let records = Records::of(&copy)?;
    let (left, gone): (Vec<_>, Vec<_>) = notes
        .acknowledged
        .iter()
        .partition(|heard| records.has(heard));
    found.extend(not_a_moment(&left, &gone));
    let names = copy.names()?;
    let sign_ups = left.iter().filter(|heard| heard.act == Act::SignUp);
    let halves = sign_ups.filter(|heard| !names.contains(&heard.name));
    found.extend(halves.map(|heard| Violation::Torn(format!("the sign-up of {}", heard.name))));
    let log_outs = left.iter().filter(|heard| heard.act == Act::LogOut);
    for heard in log_outs.rev().take(TRIED) {
        let answer = server.door.get("/protected", &heard.cookies);
        if answer.is_none_or(|answer| answer.status != 401) {
            found.push(Violation::Torn(format!("a log-out by {}", heard.name)));
        }
    }
    let left = left.len();
    server.kill()?;
    Ok((found, left))
}

/// Anywhere in the log, by its end or by some bytes.
fn damage(site: &Site, rng: &mut Rng) -> Result<()> {
    let log = OpenOptions::new().write(true).open(site.file(LOG))?;
    let length = log.metadata()?.len();
    let at = rng.u64(0..length.max(1));
    match rng.bool() {
        true => log.set_len(at)?,
        false => garble(&log, at, rng)?,
    }
    Ok(())
}

fn garble(log: &File, at: u64, rng: &mut Rng) -> Result<()> {
    let mut noise = [0; 64];
    rng.fill(&mut noise);
    Ok(log.write_all_at(&noise, at)?)
}

/// An act that is gone although one that was asked for after its acknowledgement is left.
fn not_a_moment(left: &[&Heard], gone: &[&Heard]) -> Option<Violation> {
    let latest = left.iter().filter(|heard| heard.act.event().is_some());
    let latest = latest.max_by_key(|heard| heard.begin)?;
    let skipped = gone.iter().find(|heard| heard.end < latest.begin)?;
    let (left, gone) = (&latest.request, &skipped.request);
    let what = format!("{left} is there without {gone}, which had been acknowledged before");
    Some(Violation::Torn(what))
}

/// What tells whether anything was written into the file since.
pub(crate) fn contents(site: &Site) -> Result<Vec<u8>> {
    Ok(fs::read(site.file(DATABASE))?)
}
