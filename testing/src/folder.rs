//! A folder of a server's own, and the user whom that server runs as.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use rustix::fs::{Gid, Uid, chown};
use tempfile::TempDir;

/// Whom a server runs as, where it matters.
#[derive(Debug, Clone, Copy)]
pub(crate) enum User {
    /// Whoever runs the tests.
    Whoever,
    /// The user `postgres` where the tests are run by root, as whom neither PostgreSQL nor PgBouncer runs.
    Unprivileged { uid: u32, gid: u32 },
}

impl User {
    pub(crate) fn unprivileged() -> Self {
        if !rustix::process::geteuid().is_root() {
            return Self::Whoever;
        }
        let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let Some((uid, gid)) = users.lines().find_map(postgres) else {
            panic!("there is no user postgres: install Debian's package postgresql");
        };
        Self::Unprivileged { uid, gid }
    }

    /// The command, to be run as this user.
    pub(crate) fn run(self, command: &mut Command) -> &mut Command {
        match self {
            Self::Whoever => command,
            Self::Unprivileged { uid, gid } => command.uid(uid).gid(gid),
        }
    }
}

/// The ids in the line of `/etc/passwd` that is about `postgres`.
fn postgres(line: &str) -> Option<(u32, u32)> {
    let mut fields = line.strip_prefix("postgres:")?.split(':').skip(1);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

/// An empty folder that belongs to the user, and goes when this is dropped.
#[derive(Debug)]
pub(crate) struct Folder {
    folder: TempDir,
    user: User,
}

impl Folder {
    pub(crate) fn new(name: &str, user: User) -> Self {
        let folder = tempfile::Builder::new()
            .prefix(&format!("lockjar-{name}-"))
            .tempdir()
            .unwrap_or_else(|error| panic!("no temporary folder: {error}"));
        if let User::Unprivileged { uid, gid } = user {
            let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
            chown(folder.path(), Some(uid), Some(gid))
                .unwrap_or_else(|error| panic!("the folder cannot be given away: {error}"));
        }
        Self { folder, user }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A program that runs in this folder as its user, deaf to what is typed at the terminal: Ctrl-C ends the tests, and
    /// with them what they started, but in order.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.path())
            .stdin(std::process::Stdio::null())
            .process_group(0);
        self.user.run(&mut command);
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ids_are_those_of_postgres() {
        let line = "postgres:x:105:110:PostgreSQL administrator,,,:/var/lib/postgresql:/bin/bash";
        assert_eq!(postgres(line), Some((105, 110)));
        assert_eq!(postgres("postgres2:x:1:1::/:/bin/sh"), None);
    }
}
