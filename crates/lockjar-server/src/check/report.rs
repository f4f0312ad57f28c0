//! What is printed: sentences for people, or one JSON document for programs.

use std::io;

use serde::Serialize;

use super::Finding;
use crate::output::say;

#[derive(Serialize)]
pub(super) struct Report<'a> {
    /// What `--url` named.
    pub(super) url: Option<&'a str>,
    pub(super) findings: &'a [Finding],
    /// Every request, as `GET https://…`.
    pub(super) asked: &'a [String],
    /// What could not be judged, and why: no promise that it is safe.
    pub(super) not_seen: &'a [String],
}

impl Report<'_> {
    pub(super) fn print(&self, json: bool) -> io::Result<()> {
        if json {
            return say(serde_json::to_string_pretty(self)?);
        }
        for finding in self.findings {
            say(finding)?;
        }
        for what in self.not_seen {
            say(format_args!("not seen: {what}"))?;
        }
        if self.url.is_some() {
            say(format_args!("{} requests were made", self.asked.len()))?;
        }
        match self.findings.len() {
            0 => say("nothing found"),
            count => say(format_args!("{count} found")),
        }
    }
}
