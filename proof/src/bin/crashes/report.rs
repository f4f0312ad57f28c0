//! What a run on one site comes to, in half a screenful.

use std::fmt;

use crate::controls::Control;
use crate::rounds::Count;
use crate::site::Strategy;
use crate::told::{Act, Notes};

/// So many violations are shown; the rest is counted.
const SHOWN: usize = 12;

/// What is printed at the end.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) strategy: Strategy,
    pub(crate) count: Count,
    pub(crate) notes: Notes,
    /// Which were tried, and whether each was found out.
    pub(crate) controls: Vec<(Control, bool)>,
}

impl Report {
    /// Without a control nothing is shown, so there has to be one.
    pub(crate) fn is_good(&self) -> bool {
        let found = self.controls.iter().all(|(_, found)| *found);
        self.notes.violations.is_empty() && !self.controls.is_empty() && found
    }

    fn acts(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let acknowledged = &self.notes.acknowledged;
        write!(f, "acknowledged          {}:", acknowledged.len())?;
        for (place, act) in Act::ALL.into_iter().enumerate() {
            let count = acknowledged.iter().filter(|heard| heard.act == act).count();
            let comma = if place == 0 { "" } else { "," };
            write!(f, "{comma} {count} {}", act.plural())?;
        }
        writeln!(f)?;
        let (done, not_done) = (self.notes.done, self.notes.not_done);
        writeln!(
            f,
            "without an answer     {done} were done, {not_done} were not"
        )?;
        let (sessions, passwords) = (self.notes.sessions, self.notes.passwords);
        let records = self.count.records;
        writeln!(
            f,
            "looked at             {sessions} times a session, {passwords} times a password that should not do; {records} records"
        )
    }

    fn faults(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = &self.count;
        let (kills, starts) = (count.kills, count.killed_starts);
        writeln!(f, "kills under load      {kills}, and {starts} of a start")?;
        let (cuts, unfair) = (count.cuts, count.unfair_cuts);
        let (left, all) = (count.left, count.before_cuts);
        writeln!(
            f,
            "log cut or garbled    {cuts} times, {left} of {all} acts left; {unfair} times not tried"
        )?;
        let (fulls, refused) = (count.fulls, self.notes.refused.len());
        writeln!(f, "full disks            {fulls}; {refused} acts refused")
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nstrategy              {:?}", self.strategy)?;
        self.acts(f)?;
        self.faults(f)?;
        for (control, found) in &self.controls {
            let found = if *found { "found" } else { "NOT FOUND" };
            writeln!(f, "control               {found}: {}", control.name())?;
        }
        let violations = &self.notes.violations;
        write!(f, "violations            {}", violations.len())?;
        for violation in violations.iter().take(SHOWN) {
            write!(f, "\n  {violation}")?;
        }
        Ok(())
    }
}
