//! One fault after another on one site, and a look at everything after each.

use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use anyhow::Result;
use fastrand::Rng;

use crate::controls::{self, Control};
use crate::crowd::Crowd;
use crate::report::Report;
use crate::site::{Server, Site, Strategy};
use crate::told::{Notes, Told, Violation};
use crate::{cut, full, records::Records, unfit};

/// How often each fault comes.
#[derive(Debug)]
pub(crate) struct Plan {
    kills: usize,
    /// In every so many rounds the log is cut on a copy, too.
    cuts_every: usize,
    fulls: usize,
}

/// One site from its first start to the report.
#[derive(Debug)]
pub(crate) struct Run {
    site: Site,
    crowd: Crowd,
    told: Told,
    rng: Rng,
    count: Count,
}

/// How often what was done.
#[derive(Debug, Default, Clone)]
pub(crate) struct Count {
    pub(crate) kills: usize,
    pub(crate) killed_starts: usize,
    pub(crate) cuts: usize,
    /// Acts that were left by the cuts, and all that there were before them.
    pub(crate) left: usize,
    pub(crate) before_cuts: usize,
    /// Cuts that would not have been fair.
    pub(crate) unfair_cuts: usize,
    pub(crate) fulls: usize,
    pub(crate) records: usize,
}

impl Plan {
    pub(crate) fn new(kills: usize, short: bool) -> Self {
        let (cuts_every, fulls) = if short { (3, 1) } else { (4, 8) };
        Self {
            kills,
            cuts_every,
            fulls,
        }
    }
}

impl Run {
    pub(crate) fn new(program: &Path, strategy: Strategy, rng: &mut Rng) -> Result<Self> {
        Ok(Self {
            site: Site::new(program, strategy)?,
            crowd: Crowd::new(strategy, rng),
            told: Told::default(),
            rng: rng.fork(),
            count: Count::default(),
        })
    }

    /// Everything that is planned, and then the controls if there is nothing wrong.
    pub(crate) fn all(mut self, plan: &Plan) -> Result<Report> {
        self.faults(plan)?;
        let notes = self.told.notes().clone();
        let controls = match notes.violations.is_empty() {
            true => controls::try_all(&self.site, &mut self.crowd, &self.told)?,
            false => {
                let kept = self.site.keep()?;
                eprintln!("the file and the log are in {}", kept.display());
                Vec::new()
            }
        };
        Ok(self.report(notes, controls))
    }

    /// Less of it if the server does not come back, which is a violation.
    fn faults(&mut self, plan: &Plan) -> Result<()> {
        for round in 0..plan.kills {
            let cut = round % plan.cuts_every == 1;
            if !self.kill(cut)? {
                return Ok(());
            }
        }
        for _ in 0..plan.fulls {
            if !self.fill()? {
                return Ok(());
            }
        }
        let unfit = unfit::try_on_copies(&self.site)?;
        self.told.notes().violations.extend(unfit);
        let Some(server) = self.start() else {
            return Ok(());
        };
        self.look(&server, true)?;
        server.kill()
    }

    /// What came of it, without what the controls did.
    fn report(&self, notes: Notes, controls: Vec<(Control, bool)>) -> Report {
        Report {
            strategy: self.site.strategy,
            count: self.count.clone(),
            notes,
            controls,
        }
    }

    /// One life of a server under load. Whether it came back.
    fn kill(&mut self, cut: bool) -> Result<bool> {
        if cut && !self.restart_the_log()? {
            return Ok(false);
        }
        let Some(server) = self.start() else {
            return Ok(false);
        };
        let file = cut.then(|| cut::contents(&self.site)).transpose()?;
        let life = Duration::from_millis(self.rng.u64(20..900));
        let door = server.door.clone();
        self.crowd.live(&door, &self.told, || {
            sleep(life);
            let killed = server.kill();
            // The crowd is not told to stop before it has seen for itself.
            sleep(Duration::from_millis(20));
            killed
        })?;
        self.count.kills += 1;
        if let Some(file) = file {
            self.cut(&file)?;
        }
        self.come_back()
    }

    fn cut(&mut self, before: &[u8]) -> Result<()> {
        if cut::contents(&self.site)? != before {
            self.count.unfair_cuts += 1;
            return Ok(());
        }
        let notes = self.told.notes().clone();
        let (found, left) = cut::try_on_a_copy(&self.site, &notes, &mut self.rng)?;
        self.count.cuts += 1;
        self.count.left += left;
        self.count.before_cuts += notes.acknowledged.len();
        self.told.notes().violations.extend(found);
        Ok(())
    }

    /// The file is whole, and the server starts again by itself, now and then killed while it does; then a look.
    fn come_back(&mut self) -> Result<bool> {
        if let Err(error) = self.site.integrity() {
            self.told.violation(Violation::Damaged(error.to_string()));
        }
        if self.rng.u8(0..5) == 0 {
            let server = self.site.spawn()?;
            sleep(Duration::from_millis(self.rng.u64(0..80)));
            server.kill()?;
            self.count.killed_starts += 1;
        }
        let Some(server) = self.start() else {
            return Ok(false);
        };
        self.look(&server, false)?;
        server.kill()?;
        Ok(true)
    }

    /// A server that is stopped in order has written the log into the file and removed it: nothing of the next is in it yet.
    fn restart_the_log(&self) -> Result<bool> {
        let Some(server) = self.start() else {
            return Ok(false);
        };
        server.stop()?;
        Ok(true)
    }

    fn fill(&mut self) -> Result<bool> {
        if !self.restart_the_log()? {
            return Ok(false);
        }
        let Some(server) = self.start() else {
            return Ok(false);
        };
        full::fill(
            &self.site,
            &server,
            &mut self.crowd,
            &self.told,
            &mut self.rng,
        )?;
        self.count.fulls += 1;
        // The same process serves on; and after a kill it is all there still.
        self.look(&server, false)?;
        server.kill()?;
        self.crowd.look_again();
        self.come_back()
    }

    /// A server that is ready; that it does not get ready is a violation.
    fn start(&self) -> Option<Server> {
        let started = self.site.start();
        let refused = |error: &anyhow::Error| {
            self.told.violation(Violation::Damaged(error.to_string()));
        };
        started.inspect_err(refused).ok()
    }

    fn look(&mut self, server: &Server, all: bool) -> Result<()> {
        self.crowd.look(&server.door, &self.told, all);
        let records = Records::of(&self.site)?;
        self.count.records = records.len();
        let notes = self.told.notes().clone();
        let found = records.check(&notes, self.crowd.people());
        self.told.notes().violations.extend(found);
        Ok(())
    }
}
