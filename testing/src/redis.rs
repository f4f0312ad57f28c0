//! A Redis of a test's own.

use crate::daemon::{Daemon, Probe, program};
use crate::folder::{Folder, User};
use crate::port::free_port;

/// A server that runs, configured as Lockjar asks for: an append-only file, and nothing evicted.
#[derive(Debug)]
pub struct Redis {
    daemon: Daemon,
    port: u16,
}

impl Redis {
    /// A new, empty server.
    ///
    /// # Panics
    /// When Redis is not installed or does not start.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same with more arguments, such as `["--maxmemory-policy", "allkeys-lru"]`; the last one of a name counts.
    ///
    /// # Panics
    /// When Redis is not installed or does not start.
    #[must_use]
    pub fn start_with(arguments: &[&str]) -> Self {
        let folder = Folder::new("redis", User::Whoever);
        let port = free_port();
        let (number, path) = (port.to_string(), folder.path().display().to_string());
        let own = [
            ["--bind", "127.0.0.1"],
            ["--port", &number],
            ["--dir", &path],
            ["--appendonly", "yes"],
            ["--save", ""],
            ["--maxmemory-policy", "noeviction"],
        ];
        let all = own.iter().flatten().chain(arguments);
        let all = all.map(|word| (*word).to_owned()).collect();
        let probe = Probe::Talk(port, b"PING\r\n", b"+PONG");
        Self {
            daemon: Daemon::start(folder, program("redis-server"), all, probe),
            port,
        }
    }

    /// The port of 127.0.0.1 on which it listens, before and after a [`restart`](Self::restart).
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Kills it. What it had written to its file is there after a [`restart`](Self::restart).
    pub fn kill_9(&self) {
        self.daemon.kill_9();
    }

    /// Starts it again on the same port where it does not run, and returns when it has loaded its file and serves.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn restart(&self) {
        self.daemon.restart();
    }

    /// Kills it and starts it again with nothing in it.
    ///
    /// # Panics
    /// When what it had cannot be removed, or it does not come up.
    pub fn restart_empty(&self) {
        self.kill_9();
        let files = self.daemon.folder().path().join("appendonlydir");
        std::fs::remove_dir_all(&files).unwrap_or_else(|error| panic!("{error}"));
        self.restart();
    }

    /// Stops its clock: connections stay open, and nobody answers.
    ///
    /// # Panics
    /// When it does not run.
    pub fn freeze(&self) {
        self.daemon.freeze();
    }

    /// Lets it go on.
    ///
    /// # Panics
    /// When it does not run.
    pub fn thaw(&self) {
        self.daemon.thaw();
    }

    /// What the server has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.daemon.log()
    }
}
