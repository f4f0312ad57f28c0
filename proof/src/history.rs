//! What happened, as clients saw it, on one monotonic clock: that of this process.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The time since the run began.
pub(crate) type Moment = Duration;

/// A node, counted from nought.
pub(crate) type Node = usize;

/// An account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct User(pub(crate) u32);

/// A session whose cookie a client was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Session(pub(crate) u32);

/// What was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    Register(User),
    LogIn(User),
    Check(Session),
    LogOut(Session),
    /// By this session of the user, which ends with all others.
    LogOutEverywhere(User, Session),
    /// By this session of the user, which is replaced; all others end.
    ChangePassword(User, Session),
    Disable(User),
    Enable(User),
    /// Whether the node is ready.
    Ready,
}

/// What came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Accepted or acknowledged, with the session that came along.
    Yes(Option<Session>),
    /// 401.
    Refused,
    /// 503: whether it was done is not known.
    Unavailable,
    /// 503 before anything was looked at: it was not done.
    Overloaded,
    /// Nothing, in the client's patience.
    Silent,
    /// What no client should ever see.
    Other(u16),
}

/// One question and its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) begin: Moment,
    pub(crate) end: Moment,
    /// Nobody's where the operator asked by the command line.
    pub(crate) node: Option<Node>,
    pub(crate) asked: Asked,
    pub(crate) answer: Answer,
}

/// A fault, from before it was brought about until it had been lifted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) kind: &'static str,
    /// All of them, or the database, where there is none.
    pub(crate) node: Option<Node>,
    pub(crate) begin: Moment,
    pub(crate) end: Moment,
}

/// A node that ended although nobody had killed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exit {
    pub(crate) at: Moment,
    pub(crate) node: Node,
}

/// A whole run.
#[derive(Debug, Clone, Default)]
pub(crate) struct History {
    pub(crate) nodes: usize,
    pub(crate) events: Vec<Event>,
    pub(crate) faults: Vec<Fault>,
    pub(crate) exits: Vec<Exit>,
    /// When the last look at everything began, after the last fault.
    pub(crate) sweep: Moment,
    pub(crate) end: Moment,
}

impl Event {
    /// Whether it was done, as far as whoever asked can know.
    pub(crate) fn is_acknowledged(&self) -> bool {
        matches!(self.answer, Answer::Yes(_))
    }

    /// Whether it may have been done, or may still come to be done.
    pub(crate) fn is_in_doubt(&self) -> bool {
        matches!(
            self.answer,
            Answer::Unavailable | Answer::Silent | Answer::Other(_)
        )
    }

    /// The session that came with the answer.
    pub(crate) fn opened(&self) -> Option<Session> {
        match self.answer {
            Answer::Yes(session) => session,
            _ => None,
        }
    }

    /// Whether it asks for sessions to end.
    pub(crate) fn is_revocation(&self) -> bool {
        matches!(
            self.asked,
            Asked::LogOut(_)
                | Asked::LogOutEverywhere(..)
                | Asked::ChangePassword(..)
                | Asked::Disable(_)
        )
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (begin, end) = (self.begin.as_secs_f64(), self.end.as_secs_f64());
        write!(f, "{begin:.4} to {end:.4} s, ")?;
        match self.node {
            Some(node) => write!(f, "node {node}: ")?,
            None => write!(f, "operator: ")?,
        }
        write!(f, "{:?} -> {:?}", self.asked, self.answer)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (begin, end) = (self.begin.as_secs_f64(), self.end.as_secs_f64());
        write!(f, "{begin:.4} to {end:.4} s, {}", self.kind)?;
        self.node.map_or(Ok(()), |node| write!(f, ", node {node}"))
    }
}

/// Takes down what happens, from many tasks.
#[derive(Debug)]
pub(crate) struct Recorder {
    start: Instant,
    history: Mutex<History>,
}

impl Recorder {
    pub(crate) fn new(nodes: usize) -> Self {
        let history = History {
            nodes,
            ..History::default()
        };
        Self {
            start: Instant::now(),
            history: Mutex::new(history),
        }
    }

    pub(crate) fn now(&self) -> Moment {
        self.start.elapsed()
    }

    pub(crate) fn event(&self, event: Event) {
        self.history().events.push(event);
    }

    pub(crate) fn fault(&self, fault: Fault) {
        self.history().faults.push(fault);
    }

    pub(crate) fn exit(&self, node: Node) {
        let at = self.now();
        self.history().exits.push(Exit { at, node });
    }

    /// How many revocations have been acknowledged so far.
    pub(crate) fn revocations(&self) -> usize {
        let history = self.history();
        let events = history.events.iter();
        events
            .filter(|event| event.is_acknowledged() && event.is_revocation())
            .count()
    }

    pub(crate) fn sweep_begins(&self) {
        let now = self.now();
        self.history().sweep = now;
    }

    /// The run up to now, in the order in which things began.
    pub(crate) fn finish(&self) -> History {
        let mut history = std::mem::take(&mut *self.history());
        history.end = self.now();
        history.events.sort_by_key(|event| event.begin);
        history.faults.sort_by_key(|fault| fault.begin);
        history
    }

    fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
