//! Whether a history keeps the promises: a pure function of it.
//!
//! What was asked and not answered, or answered by 503, may have been done, may never be done, or may be done later, when
//! a frozen node wakes with the request in its hands. So it excuses whatever it could have caused, from its begin to the
//! end of the run, and proves nothing.

mod health;
mod known;
mod log_ins;

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use crate::history::{Answer, Asked, Event, Exit, Fault, History, Moment, Node, Session};
use known::{Known, Reach};

/// What the promises are measured by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// For so long after a revocation was acknowledged may another node still accept.
    pub(crate) staleness: Duration,
    /// So soon after the last fault was lifted is every node healthy.
    pub(crate) recovery: Duration,
}

/// A promise that was broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Rule {
    /// A check was accepted that began later than `staleness` after a revocation was acknowledged.
    AcceptedTooLate,
    /// The node that acknowledged a revocation accepted a check that began after that.
    AcceptedWhereAcknowledged,
    /// A session that had been refused was accepted again.
    CameBack,
    /// Something acknowledged was not there at the end, or an account not when somebody logged in to it.
    Lost,
    /// A session was refused although nothing had ended it.
    RefusedWithoutCause,
    /// A node did not serve in time after the last fault, or stopped serving without one.
    Unhealthy,
    /// A node ended although nobody had killed it.
    Ended,
    /// An answer that nobody should see.
    Unexpected,
}

/// A broken promise with what shows it.
#[derive(Debug, Clone)]
pub(crate) struct Violation {
    pub(crate) rule: Rule,
    pub(crate) evidence: Vec<Evidence>,
}

/// A part of the history.
#[derive(Debug, Clone)]
pub(crate) enum Evidence {
    Event(Event),
    Fault(Fault),
    Exit(Exit),
}

/// What comes of a history.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) violations: Vec<Violation>,
    /// How long after the acknowledgement of its session's revocation the latest accepted check began.
    pub(crate) lag: Duration,
    /// The same where no fault was near.
    pub(crate) healthy_lag: Duration,
    /// What shows it: the revocation and the check.
    pub(crate) healthy_latest: Option<(Event, Event)>,
    /// Accepted checks that began after such an acknowledgement.
    pub(crate) stale: usize,
}

/// Holds the history against every promise.
pub(crate) fn check(history: &History, bounds: &Bounds) -> Verdict {
    let known = Known::of(history);
    let mut verdict = Verdict::default();
    check_sessions(history, &known, bounds, &mut verdict);
    verdict.violations.extend(log_ins::check(history, &known));
    verdict.violations.extend(health::check(history, bounds));
    let unexpected = |event: &&Event| matches!(event.answer, Answer::Other(_));
    let unexpected = history.events.iter().filter(unexpected);
    verdict
        .violations
        .extend(unexpected.map(|event| Violation::of(Rule::Unexpected, [*event])));
    let exits = history.exits.iter().map(|exit| Violation {
        rule: Rule::Ended,
        evidence: vec![Evidence::Exit(*exit)],
    });
    verdict.violations.extend(exits);
    verdict
}

/// For so long a fault has consequences.
const AFTERMATH: Duration = Duration::from_secs(2);

/// The first refusals of a session: anywhere, and by each node.
#[derive(Default)]
struct Refusals {
    anywhere: Option<Event>,
    by_node: HashMap<Node, Event>,
}

fn check_sessions(history: &History, known: &Known<'_>, bounds: &Bounds, verdict: &mut Verdict) {
    let refusals = refusals(history);
    for event in &history.events {
        let Some(session) = checked(event) else {
            continue;
        };
        let final_look = event.begin >= history.sweep;
        let violation = match event.answer {
            Answer::Yes(_) => {
                measure(event, session, known, history, verdict);
                accepted_too_late(event, session, known, bounds, final_look)
                    .or_else(|| came_back(event, session, known, refusals.get(&session), bounds))
            }
            Answer::Refused => refused_without_cause(event, session, known, final_look),
            _ => None,
        };
        verdict.violations.extend(violation);
    }
}

/// The session that a node had to look for before it could answer.
fn checked(event: &Event) -> Option<Session> {
    match event.asked {
        Asked::Check(session)
        | Asked::LogOutEverywhere(_, session)
        | Asked::ChangePassword(_, session) => Some(session),
        _ => None,
    }
}

fn refusals(history: &History) -> HashMap<Session, Refusals> {
    let mut refusals: HashMap<Session, Refusals> = HashMap::new();
    let mut refused: Vec<&Event> = history.events.iter().collect();
    refused.retain(|event| event.answer == Answer::Refused);
    refused.sort_by_key(|event| event.end);
    for event in refused {
        if let (Some(session), Some(node)) = (checked(event), event.node) {
            let of_session = refusals.entry(session).or_default();
            of_session.anywhere.get_or_insert(*event);
            of_session.by_node.entry(node).or_insert(*event);
        }
    }
    refusals
}

/// Notes how long after an acknowledgement this check, which was accepted, began.
fn measure(
    event: &Event,
    session: Session,
    known: &Known<'_>,
    history: &History,
    verdict: &mut Verdict,
) {
    let before = acknowledged(session, known).filter(|revocation| revocation.end < event.begin);
    let Some(revocation) = before.min_by_key(|revocation| revocation.end) else {
        return;
    };
    let lag = event.begin - revocation.end;
    verdict.stale += 1;
    verdict.lag = verdict.lag.max(lag);
    let near =
        |fault: &Fault| fault.begin <= event.begin && fault.end + AFTERMATH >= revocation.end;
    if lag > verdict.healthy_lag && !history.faults.iter().any(near) {
        verdict.healthy_lag = lag;
        verdict.healthy_latest = Some((*revocation, *event));
    }
}

/// The revocations that are known to have ended the session.
fn acknowledged<'a>(session: Session, known: &'a Known<'a>) -> impl Iterator<Item = &'a Event> {
    let revocations = known.revocations_of(session);
    revocations.filter_map(|(revocation, reach)| (reach == Reach::Sure).then_some(revocation))
}

fn accepted_too_late(
    event: &Event,
    session: Session,
    known: &Known<'_>,
    bounds: &Bounds,
    final_look: bool,
) -> Option<Violation> {
    let late = |revocation: &&Event| event.begin > revocation.end + bounds.staleness;
    if let Some(revocation) = acknowledged(session, known).find(late) {
        let rule = match final_look {
            true => Rule::Lost,
            false => Rule::AcceptedTooLate,
        };
        return Some(Violation::of(rule, [*revocation, *event]));
    }
    let here = |revocation: &&Event| {
        revocation.node.is_some()
            && revocation.node == event.node
            && event.begin > revocation.end
            && *revocation != event
    };
    let revocation = acknowledged(session, known).find(here)?;
    Some(Violation::of(
        Rule::AcceptedWhereAcknowledged,
        [*revocation, *event],
    ))
}

fn came_back(
    event: &Event,
    session: Session,
    known: &Known<'_>,
    refusals: Option<&Refusals>,
    bounds: &Bounds,
) -> Option<Violation> {
    let refusals = refusals?;
    let anywhere = refusals
        .anywhere
        .filter(|refusal| event.begin > refusal.end + bounds.staleness);
    let here = event.node.and_then(|node| refusals.by_node.get(&node));
    let here = here.filter(|refusal| event.begin > refusal.end).copied();
    let refusal = anywhere.or(here)?;
    let revocations = known
        .revocations_of(session)
        .filter(|(_, reach)| *reach != Reach::Never);
    let events = revocations.map(|(revocation, _)| *revocation);
    let events = events.chain([refusal, *event]);
    Some(Violation::of(Rule::CameBack, events))
}

fn refused_without_cause(
    event: &Event,
    session: Session,
    known: &Known<'_>,
    final_look: bool,
) -> Option<Violation> {
    let excuse = |(revocation, reach): (&Event, Reach)| {
        reach != Reach::Never && revocation.begin <= event.end && revocation != event
    };
    if known.revocations_of(session).any(excuse) {
        return None;
    }
    let rule = match final_look {
        true => Rule::Lost,
        false => Rule::RefusedWithoutCause,
    };
    let opening = known.opening(session).copied();
    Some(Violation::of(rule, opening.into_iter().chain([*event])))
}

impl Violation {
    fn of(rule: Rule, events: impl IntoIterator<Item = Event>) -> Self {
        Self {
            rule,
            evidence: events.into_iter().map(Evidence::Event).collect(),
        }
    }

    /// When it showed.
    pub(crate) fn at(&self) -> Moment {
        let at = |evidence: &Evidence| match evidence {
            Evidence::Event(event) => event.end,
            Evidence::Fault(fault) => fault.end,
            Evidence::Exit(exit) => exit.at,
        };
        self.evidence.last().map(at).unwrap_or_default()
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.rule)?;
        for evidence in &self.evidence {
            match evidence {
                Evidence::Event(event) => write!(f, "\n    {event}")?,
                Evidence::Fault(fault) => write!(f, "\n    {fault}")?,
                Evidence::Exit(Exit { at, node }) => {
                    write!(f, "\n    {:.4} s, node {node} ended", at.as_secs_f64())?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
