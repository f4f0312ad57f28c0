//! The parts of the report, each in a file that holds its bars, its method and its figures.

mod authenticate;
mod fanout;
mod flood;
mod herd;
mod logins;
mod nodes;
mod protected;
mod quiet;
mod revocation;
mod runner;
mod start;
mod tokens;

use std::{
    path::{Path, PathBuf},
    thread,
};

use anyhow::Result;
use clap::ValueEnum;

use crate::{report::Section, servers::Placement};

/// The parts, by the name that `--only` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// A protected route, beside the same handler without authentication.
    Protected,
    /// The session check in process.
    Authenticate,
    /// JWTs, beside session tokens and raw signatures.
    Tokens,
    /// Log-ins, beside raw Argon2id.
    Logins,
    /// A protected route while others log in.
    Flood,
    /// Start and memory.
    Start,
    /// A protected route on PostgreSQL and on Redis, beside SQLite.
    Nodes,
    /// How soon what ends on one node is refused on another.
    Revocation,
    /// What the database hears of a node when nothing ends.
    Quiet,
    /// A node with many sessions whose database comes back.
    Herd,
    /// How the change feed reaches many nodes.
    Fanout,
}

impl Part {
    /// Measures it.
    ///
    /// # Errors
    /// When something that is measured fails: no figure is better than a wrong one.
    pub fn measure(self, bench: &Bench) -> Result<Section> {
        match self {
            Self::Protected => protected::measure(bench),
            Self::Authenticate => authenticate::measure(bench),
            Self::Tokens => tokens::measure(bench),
            Self::Logins => logins::measure(bench),
            Self::Flood => flood::measure(bench),
            Self::Start => start::measure(bench),
            Self::Nodes => nodes::measure(bench),
            Self::Revocation => revocation::measure(bench),
            Self::Quiet => quiet::measure(bench),
            Self::Herd => herd::measure(bench),
            Self::Fanout => fanout::measure(bench),
        }
    }
}

/// What all parts share.
#[derive(Debug)]
pub struct Bench {
    /// Fewer and shorter rounds, to see that it works: not for the record.
    pub quick: bool,
    folder: PathBuf,
}

impl Bench {
    /// Keeps its databases in `folder`, which must be on a real disk: a sync must cost what it costs.
    #[must_use]
    pub fn new(folder: &Path, quick: bool) -> Self {
        Self {
            quick,
            folder: folder.to_owned(),
        }
    }

    /// An empty folder that is removed when dropped.
    fn folder(&self) -> Result<tempfile::TempDir> {
        Ok(tempfile::tempdir_in(&self.folder)?)
    }

    /// One of two numbers.
    fn either(&self, full: usize, quick: usize) -> usize {
        if self.quick { quick } else { full }
    }
}

/// A core for the server and another for the client, where there are two.
fn apart() -> (Placement, Placement) {
    if cores() < 2 {
        (Placement::Anywhere, Placement::Anywhere)
    } else {
        (Placement::Core(0), Placement::Core(1))
    }
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}
