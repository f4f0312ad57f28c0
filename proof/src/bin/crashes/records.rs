//! Holds what was told against the audit log: every acknowledged act is in it, and nothing that was refused.

use std::collections::{HashMap, HashSet};

use anyhow::Result;
use serde::Deserialize;

use crate::person::{Known, Person};
use crate::site::Site;
use crate::told::{Heard, Notes, Violation};

/// A line of `lockjar audit --json`.
#[derive(Debug, Deserialize)]
struct Line {
    event: String,
    user: Option<String>,
    request: Option<String>,
    detail: Option<String>,
}

/// The audit log of a site.
#[derive(Debug)]
pub(crate) struct Records {
    lines: Vec<Line>,
    by_request: HashSet<(String, String)>,
}

impl Records {
    /// What the program says of its file, whether or not a server runs on it.
    pub(crate) fn of(site: &Site) -> Result<Self> {
        let text = site.operate(&["audit", "--json", "--limit", "0"])?;
        let lines = text.lines().map(serde_json::from_str);
        let lines = lines.collect::<Result<Vec<Line>, _>>()?;
        let by_request = lines.iter().filter_map(|line| {
            let request = line.request.clone()?;
            Some((request, line.event.clone()))
        });
        Ok(Self {
            by_request: by_request.collect(),
            lines,
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether an act is written down; one that never is counts as if it were.
    pub(crate) fn has(&self, heard: &Heard) -> bool {
        heard.act.event().is_none_or(|event| {
            let key = (heard.request.clone(), event.to_owned());
            self.by_request.contains(&key)
        })
    }

    /// What is missing, and what should not be there. An act without an answer may be there without its record, which is written
    /// before the answer and not with the act; never the other way round.
    pub(crate) fn check<'a>(
        &self,
        notes: &Notes,
        people: impl Iterator<Item = &'a Person>,
    ) -> Vec<Violation> {
        let named = |heard: &Heard| format!("{:?} by {}, {}", heard.act, heard.name, heard.request);
        let missing = notes.acknowledged.iter().filter(|heard| !self.has(heard));
        let mut found: Vec<_> = missing
            .map(|heard| Violation::NotRecorded(named(heard)))
            .collect();
        let refused = notes.refused.iter();
        let refused = refused.filter(|heard| heard.act.event().is_some() && self.has(heard));
        found.extend(refused.map(|heard| Violation::CameBack(named(heard))));
        let (ids, changes) = (self.ids(), self.changes());
        for person in people.filter(|person| person.doubt.is_none()) {
            let Some(id) = ids.get(person.name.as_str()) else {
                continue;
            };
            let changes = changes.get(id).copied().unwrap_or_default();
            if person.known == Known::Gone || changes > person.version {
                let what = format!("a record of {} without what it says", person.name);
                found.push(Violation::Torn(what));
            }
        }
        found
    }

    /// The id of each name that has signed up.
    fn ids(&self) -> HashMap<&str, &str> {
        let sign_ups = self.lines.iter().filter(|line| line.event == "sign_up");
        let pairs =
            sign_ups.filter_map(|line| Some((line.detail.as_deref()?, line.user.as_deref()?)));
        pairs.collect()
    }

    /// How often each account has changed its password.
    fn changes(&self) -> HashMap<&str, u32> {
        let mut changes = HashMap::new();
        for line in &self.lines {
            if let (Some(user), "password_changed") = (line.user.as_deref(), &*line.event) {
                *changes.entry(user).or_default() += 1;
            }
        }
        changes
    }
}
