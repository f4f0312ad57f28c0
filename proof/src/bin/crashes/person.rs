//! Somebody with a password and sessions, as they know it from what they were told.

use std::time::Instant;

use crate::door::{Answer, Door};
use crate::told::{Act, Heard, Told};

/// What is known of something from the answers alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    There,
    Gone,
}

/// A session whose cookies somebody was given.
#[derive(Debug, Clone)]
pub(crate) struct Visit {
    pub(crate) cookies: Vec<String>,
    pub(crate) known: Known,
}

/// An act that got no answer: it is done, or it is not, and which of both is found out by the next look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Doubt {
    pub(crate) act: Act,
    /// By which session it was asked.
    pub(crate) by: Option<usize>,
}

/// A person.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) name: String,
    pub(crate) known: Known,
    /// Raised by each change of the password.
    pub(crate) version: u32,
    pub(crate) visits: Vec<Visit>,
    pub(crate) doubt: Option<Doubt>,
    /// Something was asked since the last look.
    pub(crate) moved: bool,
}

impl Visit {
    /// As a browser sends them.
    pub(crate) fn header(&self) -> String {
        self.cookies.join("; ")
    }
}

impl Person {
    pub(crate) fn new(name: String) -> Self {
        Self {
            name,
            known: Known::Gone,
            version: 0,
            visits: Vec::new(),
            doubt: None,
            moved: false,
        }
    }

    pub(crate) fn password(version: u32) -> String {
        format!("gravel+umbrella+seventeen+{version}")
    }

    /// The form that signs up and logs in.
    pub(crate) fn form(&self, version: u32) -> String {
        let (name, password) = (&self.name, Self::password(version));
        format!("username={name}&password={password}")
    }

    /// The sessions that are open, as far as anybody knows.
    pub(crate) fn open(&self) -> Vec<usize> {
        let visits = self.visits.iter().enumerate();
        let open = visits.filter(|(_, visit)| visit.known == Known::There);
        open.map(|(index, _)| index).collect()
    }

    /// Asks for something, by one of the sessions where that takes one. The status of the answer, if one came.
    pub(crate) fn ask(
        &mut self,
        act: Act,
        by: Option<usize>,
        door: &Door,
        told: &Told,
    ) -> Option<u16> {
        self.moved = true;
        let visit = by.and_then(|by| self.visits.get(by));
        let cookies = visit.map(Visit::header).unwrap_or_default();
        let form = match act {
            Act::SignUp | Act::LogIn => self.form(self.version),
            Act::ChangePassword => format!(
                "current_password={}&new_password={}",
                Self::password(self.version),
                Self::password(self.version + 1)
            ),
            Act::LogOut | Act::LogOutEverywhere | Act::Refresh => String::new(),
        };
        let begin = Instant::now();
        let Some(answer) = door.post(act.path(), &cookies, &form) else {
            self.doubt = Some(Doubt { act, by });
            return None;
        };
        let heard = Heard {
            act,
            name: self.name.clone(),
            request: answer.request.clone(),
            cookies,
            begin,
            end: Instant::now(),
        };
        let status = answer.status;
        if told.hear(heard, &answer) {
            self.apply(act, by, answer);
        }
        Some(status)
    }

    /// What was acknowledged is so.
    fn apply(&mut self, act: Act, by: Option<usize>, answer: Answer) {
        let by = by.and_then(|by| self.visits.get_mut(by));
        match (act, by) {
            (Act::Refresh, Some(visit)) => visit.cookies = answer.cookies,
            (Act::LogOut, Some(visit)) => visit.known = Known::Gone,
            (Act::LogOutEverywhere, _) => self.end_all(),
            (Act::ChangePassword, _) => {
                self.end_all();
                self.version += 1;
                self.enter(answer);
            }
            _ => {
                self.known = Known::There;
                self.enter(answer);
            }
        }
    }

    pub(crate) fn end_all(&mut self) {
        for visit in &mut self.visits {
            visit.known = Known::Gone;
        }
    }

    fn enter(&mut self, answer: Answer) {
        self.visits.push(Visit {
            cookies: answer.cookies,
            known: Known::There,
        });
    }
}
