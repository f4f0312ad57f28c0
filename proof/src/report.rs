//! What a run comes to, in a screenful.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::checker::Verdict;
use crate::history::{Answer, Asked, Event, History};

/// So many violations are shown; the rest is counted.
const SHOWN: usize = 12;

/// What is printed at the end.
pub(crate) struct Report<'a> {
    pub(crate) seed: u64,
    pub(crate) history: &'a History,
    pub(crate) verdict: &'a Verdict,
    /// The alterations that were refused, and those that were not; only a good history is altered.
    pub(crate) altered: Option<(Vec<&'static str>, Vec<&'static str>)>,
}

impl Report<'_> {
    pub(crate) fn is_good(&self) -> bool {
        let altered = self.altered.as_ref();
        altered.is_some_and(|(_, passed)| passed.is_empty())
    }

    fn count(&self, wanted: impl Fn(&Event) -> bool) -> usize {
        let events = self.history.events.iter();
        events.filter(|event| wanted(event)).count()
    }

    fn acknowledged(&self, wanted: fn(&Asked) -> bool) -> usize {
        self.count(|event| event.is_acknowledged() && wanted(&event.asked))
    }

    fn events(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let acknowledged = |wanted: fn(&Asked) -> bool| self.acknowledged(wanted);
        let seconds = self.history.end.as_secs();
        writeln!(
            f,
            "history          {} events in {seconds} s",
            self.history.events.len()
        )?;
        writeln!(
            f,
            "registrations    {}",
            acknowledged(|asked| matches!(asked, Asked::Register(_)))
        )?;
        writeln!(
            f,
            "log-ins          {}",
            acknowledged(|asked| matches!(asked, Asked::LogIn(_)))
        )?;
        writeln!(
            f,
            "checks           {} accepted, {} refused, {} unavailable, {} without an answer",
            self.count(|event| is_check(event) && event.is_acknowledged()),
            self.count(|event| is_check(event) && event.answer == Answer::Refused),
            self.count(|event| is_check(event) && event.answer == Answer::Unavailable),
            self.count(|event| is_check(event) && event.answer == Answer::Silent),
        )
    }

    fn revocations(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let acknowledged = |wanted: fn(&Asked) -> bool| self.acknowledged(wanted);
        writeln!(
            f,
            "revocations      {}: {} log-outs, {} everywhere, {} passwords changed, {} accounts disabled",
            self.count(|event| event.is_acknowledged() && event.is_revocation()),
            acknowledged(|asked| matches!(asked, Asked::LogOut(_))),
            acknowledged(|asked| matches!(asked, Asked::LogOutEverywhere(..))),
            acknowledged(|asked| matches!(asked, Asked::ChangePassword(..))),
            acknowledged(|asked| matches!(asked, Asked::Disable(_))),
        )?;
        let changes = |event: &Event| !is_check(event) && event.asked != Asked::Ready;
        writeln!(
            f,
            "in doubt         {} ({} of them revocations); {} overloaded",
            self.count(|event| changes(event) && event.is_in_doubt()),
            self.count(|event| event.is_revocation() && event.is_in_doubt()),
            self.count(|event| event.answer == Answer::Overloaded),
        )?;
        writeln!(
            f,
            "503s             {}",
            self.count(|event| matches!(event.answer, Answer::Unavailable | Answer::Overloaded))
        )
    }

    fn faults(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut kinds: BTreeMap<&str, (usize, f64)> = BTreeMap::new();
        for fault in &self.history.faults {
            let (count, seconds) = kinds.entry(fault.kind).or_default();
            *count += 1;
            *seconds += (fault.end - fault.begin).as_secs_f64();
        }
        writeln!(f, "faults           {}", self.history.faults.len())?;
        for (kind, (count, seconds)) in kinds {
            writeln!(f, "  {kind:<26} {count:>3} in {seconds:.1} s")?;
        }
        Ok(())
    }

    fn violations(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let violations = &self.verdict.violations;
        writeln!(f, "violations       {}", violations.len())?;
        let mut rules: BTreeMap<String, usize> = BTreeMap::new();
        for violation in violations {
            *rules.entry(format!("{:?}", violation.rule)).or_default() += 1;
        }
        for (rule, count) in rules {
            writeln!(f, "  {rule:<26} {count:>3}")?;
        }
        let mut in_order: Vec<_> = violations.iter().collect();
        in_order.sort_by_key(|violation| violation.at());
        for violation in in_order.iter().take(SHOWN) {
            writeln!(f, "{violation}")?;
        }
        Ok(())
    }
}

fn is_check(event: &Event) -> bool {
    matches!(event.asked, Asked::Check(_))
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed             {}", self.seed)?;
        self.events(f)?;
        self.revocations(f)?;
        self.faults(f)?;
        let millis = |lag: Duration| lag.as_secs_f64() * 1000.0;
        let (lag, healthy) = (millis(self.verdict.lag), millis(self.verdict.healthy_lag));
        let stale = self.verdict.stale;
        writeln!(
            f,
            "maximum lag      {lag:.1} ms, {healthy:.1} ms where no fault was near; {stale} checks accepted after an acknowledgement"
        )?;
        if let Some((revocation, check)) = &self.verdict.healthy_latest {
            writeln!(f, "  without a fault: {revocation}")?;
            writeln!(f, "                   {check}")?;
        }
        if let Some((refused, passed)) = &self.altered {
            let all = refused.len() + passed.len();
            let refused = refused.len();
            writeln!(
                f,
                "altered          {refused} of {all} altered histories refused"
            )?;
            for name in passed {
                writeln!(f, "  not refused: {name}")?;
            }
        }
        self.violations(f)
    }
}
