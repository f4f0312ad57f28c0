//! How far a long command is: a bar on a terminal, and a line for each stage elsewhere.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use lockjar::store::copying::{Step, Table};

pub(super) struct Progress {
    /// On a terminal.
    bar: Option<ProgressBar>,
    /// The stage that is under way.
    stage: String,
}

impl Progress {
    pub(super) fn new() -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        Self {
            bar: is_terminal.then(bar),
            stage: String::new(),
        }
    }

    pub(super) fn show(&mut self, step: Step) {
        match step {
            Step::Copied(table, rows, of) => self.at(doing("copying", table), rows, of),
            Step::Followed(changes) => {
                self.at("following what changed meanwhile".into(), changes, changes);
            }
            Step::Fenced => self.at("the source is fenced: nobody serves from it".into(), 1, 1),
            Step::Compared(table, rows, of) => self.at(doing("comparing", table), rows, of),
            Step::Waits(rest) => {
                let rest = humantime::format_duration(rest);
                self.at(
                    format!("waiting {rest} for those who remember the source"),
                    0,
                    1,
                );
            }
            _ => {}
        }
    }

    /// So much is done of a stage.
    pub(super) fn at(&mut self, stage: String, done: u64, of: u64) {
        let is_new = stage != self.stage;
        match &self.bar {
            Some(bar) => {
                if is_new {
                    bar.set_message(stage.clone());
                }
                bar.set_length(of);
                bar.set_position(done);
            }
            None if is_new => eprintln!("{stage}"),
            None => {}
        }
        self.stage = stage;
    }

    /// Leaves the terminal as it was.
    pub(super) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// How much of a file was read: a bar on a terminal, and nothing elsewhere.
pub(super) struct Reading(Option<ProgressBar>);

impl Reading {
    pub(super) fn new(bytes: u64) -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        Self(is_terminal.then(|| {
            let bar = styled("{bar:30} {bytes}/{total_bytes} ({elapsed})");
            bar.set_length(bytes);
            bar
        }))
    }

    pub(super) fn at(&self, bytes: u64) {
        if let Some(bar) = &self.0 {
            bar.set_position(bytes);
        }
    }

    /// A line above the bar.
    pub(super) fn say(&self, line: &str) {
        match &self.0 {
            Some(bar) => bar.suspend(|| eprintln!("{line}")),
            None => eprintln!("{line}"),
        }
    }

    /// Leaves the terminal as it was.
    pub(super) fn end(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

fn doing(what: &str, table: Table) -> String {
    format!("{what} {}", table.name())
}

fn bar() -> ProgressBar {
    styled("{bar:30} {human_pos}/{human_len} {msg} ({per_sec}, {elapsed})")
}

fn styled(template: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
