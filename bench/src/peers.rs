//! Lockjar beside what else does its job, each in the production configuration that its own documentation recommends.
//! `bench/peers/` has a folder for each, and its README the reasons.

mod account;
mod commands;
mod install;
mod measure;
mod process;
mod roster;
mod table;

use std::path::{Path, PathBuf};

pub use commands::{Commands, Site};
pub use install::install;
pub use measure::{Contender, Lengths, Series};
pub use roster::{PEERS, Peer};
pub use table::{charts, markdown};

/// Where what the peers need is kept: beside the folder of what was built, so that neither is committed.
#[must_use]
pub fn installed(programs: &Path) -> PathBuf {
    programs.with_file_name("peers")
}
