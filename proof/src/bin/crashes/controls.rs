//! What shows that the checker can fail: after a good run something is made wrong, and has to be found.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::crowd::Crowd;
use crate::records::Records;
use crate::site::{LOG, Site};
use crate::told::{Act, Heard, Told, Violation};

/// What is made wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Control {
    /// The checker is told of a log-out that never was.
    NeverHappened,
    /// The write-ahead log is thrown away after a kill, as if it had never been synced.
    NeverSynced,
}

impl Control {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::NeverHappened => "an acknowledged log-out that never happened",
            Self::NeverSynced => "a write-ahead log that was never synced",
        }
    }
}

/// Which controls there were, and whether each was found out.
pub(crate) fn try_all(site: &Site, crowd: &mut Crowd, told: &Told) -> Result<Vec<(Control, bool)>> {
    let happened = never_happened(site, crowd, told)?;
    let synced = never_synced(site, crowd, told)?;
    Ok(vec![
        (Control::NeverHappened, happened),
        (Control::NeverSynced, synced),
    ])
}

fn never_happened(site: &Site, crowd: &mut Crowd, told: &Told) -> Result<bool> {
    let open = |person: &&mut crate::person::Person| !person.open().is_empty();
    let person = crowd.people_mut().find(open).context("nobody is in")?;
    let index = person.open()[0];
    let before = person.clone();
    person.visits[index].known = crate::person::Known::Gone;
    person.moved = true;
    let now = Instant::now();
    told.notes().acknowledged.push(Heard {
        act: Act::LogOut,
        name: person.name.clone(),
        request: "0000000000000000".to_owned(),
        cookies: person.visits[index].header(),
        begin: now,
        end: now,
    });
    let found = look(site, crowd, told)?;
    told.notes().acknowledged.retain(|heard| heard.begin != now);
    let person = crowd.people_mut().find(|it| it.name == before.name);
    *person.context("somebody is gone")? = before;
    let undone = found.iter().any(|it| matches!(it, Violation::CameBack(_)));
    let missing = found
        .iter()
        .any(|it| matches!(it, Violation::NotRecorded(_)));
    Ok(undone && missing)
}

fn never_synced(site: &Site, crowd: &mut Crowd, told: &Told) -> Result<bool> {
    site.start()?.stop()?;
    let server = site.start()?;
    crowd.live(&server.door, told, || {
        std::thread::sleep(Duration::from_millis(700));
    });
    server.kill()?;
    fs::remove_file(site.file(LOG))?;
    let found = look(site, crowd, told)?;
    let lost = found.iter().any(|it| matches!(it, Violation::Lost(_)));
    let missing = found
        .iter()
        .any(|it| matches!(it, Violation::NotRecorded(_)));
    Ok(lost && missing)
}

/// What a look at a good site finds. It is not held against the site.
fn look(site: &Site, crowd: &mut Crowd, told: &Told) -> Result<Vec<Violation>> {
    let server = site.start()?;
    crowd.look(&server.door, told, false);
    let records = Records::of(site)?.check(&told.notes().clone(), crowd.people());
    server.kill()?;
    let mut found = std::mem::take(&mut told.notes().violations);
    found.extend(records);
    Ok(found)
}
