//! A PostgreSQL cluster of a test's own.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::daemon::{Daemon, Probe};
use crate::folder::{Folder, User};
use crate::port::free_port;

/// What differs from a cluster as Debian makes it: where it listens, and that a hundred tests may share it. That commits
/// are synced is the default, but it is what tests of durability stand on, so it is said. Before it recovers from a crash, it
/// syncs every file of the cluster one by one, which takes seconds; the file system can do that at once.
const SETTINGS: &[&str] = &[
    "listen_addresses=127.0.0.1",
    "max_connections=300",
    "fsync=on",
    "synchronous_commit=on",
    "recovery_init_sync_method=syncfs",
    "log_line_prefix=%m [%p] %u@%d ",
];

/// A cluster that runs, with the database `lockjar` in it. Whoever comes from this machine may do everything.
#[derive(Debug)]
pub struct Postgres {
    daemon: Daemon,
    bin: PathBuf,
    port: u16,
}

impl Postgres {
    /// A new cluster, made by the newest PostgreSQL that is installed. This takes a second or two.
    ///
    /// # Panics
    /// When PostgreSQL is not installed or does not start.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same with settings of `postgresql.conf`, each as `name=value`.
    ///
    /// # Panics
    /// When PostgreSQL is not installed or does not start.
    #[must_use]
    pub fn start_with(settings: &[&str]) -> Self {
        let bin = newest().unwrap_or_else(|| {
            panic!("PostgreSQL is missing: install Debian's package postgresql")
        });
        let folder = Folder::new("postgres", User::unprivileged());
        make_cluster(&bin, &folder);
        let port = free_port();
        let postgres = Self {
            daemon: daemon(folder, &bin, port, settings),
            bin,
            port,
        };
        postgres.query("postgres", "CREATE DATABASE lockjar");
        postgres
    }

    /// The port of 127.0.0.1 on which it listens, before and after a [`restart`](Self::restart).
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL of the database `lockjar`.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_of("lockjar")
    }

    /// A fresh, empty database of this name, by its URL. One that had the name is gone.
    ///
    /// # Panics
    /// When the database cannot be made.
    #[must_use]
    pub fn database(&self, name: &str) -> String {
        let drop = format!("DROP DATABASE IF EXISTS \"{name}\" WITH (FORCE)");
        self.query("postgres", &drop);
        self.query("postgres", &format!("CREATE DATABASE \"{name}\""));
        self.url_of(name)
    }

    fn url_of(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// What a statement answers in a database, by `psql`: rows by lines, columns by `|`.
    ///
    /// # Panics
    /// When the statement fails.
    pub fn query(&self, database: &str, statement: &str) -> String {
        let mut psql = Command::new(self.bin.join("psql"));
        psql.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"])
            .args(["--set", "ON_ERROR_STOP=1", "--command", statement])
            .arg(self.url_of(database));
        said(&mut psql)
    }

    /// Kills the postmaster and all of its children at once, as a power cut would end them.
    pub fn kill_9(&self) {
        self.daemon.kill_9();
    }

    /// Asks it to end at once (`SIGQUIT`: no checkpoint, no farewell), and waits until it has.
    pub fn stop(&self) {
        self.daemon.stop();
    }

    /// Starts it again on the same port where it does not run, and returns when it has recovered and serves.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn restart(&self) {
        self.daemon.restart();
    }

    /// Stops the clock of the postmaster and all of its children: connections stay open, and nobody answers.
    ///
    /// # Panics
    /// When it does not run.
    pub fn freeze(&self) {
        self.daemon.freeze();
    }

    /// Lets those that were frozen go on.
    ///
    /// # Panics
    /// When it does not run.
    pub fn thaw(&self) {
        self.daemon.thaw();
    }

    /// The postmaster's process.
    ///
    /// # Panics
    /// When it does not run.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.daemon.pid()
    }

    /// What the server has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.daemon.log()
    }
}

fn daemon(folder: Folder, bin: &Path, port: u16, settings: &[&str]) -> Daemon {
    let path = folder.path().display().to_string();
    let mut arguments = vec!["-D".into(), format!("{path}/data"), "-k".into(), path];
    arguments.extend(["-p".into(), port.to_string()]);
    for setting in SETTINGS.iter().chain(settings) {
        arguments.extend(["-c".to_owned(), (*setting).to_owned()]);
    }
    let server = format!("postgres://postgres@127.0.0.1:{port}/postgres");
    let probe = ["-q", "-d", &server].map(str::to_owned);
    let probe = Probe::Command(bin.join("pg_isready"), probe.into());
    Daemon::start(folder, bin.join("postgres"), arguments, probe)
}

/// Syncing the files of a new cluster would guard them against the machine's end, not against the server's.
fn make_cluster(bin: &Path, folder: &Folder) {
    let mut initdb = folder.command(&bin.join("initdb"));
    initdb
        .args(["--pgdata", "data", "--username", "postgres"])
        .args(["--auth", "trust", "--encoding", "UTF8"])
        .args(["--locale", "C", "--no-sync", "--no-instructions"]);
    said(&mut initdb);
}

/// Debian installs the versions side by side, each with its programs in a folder of its own.
fn newest() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let numbered = versions.filter_map(|entry| {
        let name = entry.ok()?.file_name().into_string().ok()?;
        let bin = Path::new("/usr/lib/postgresql").join(&name).join("bin");
        let number = name.parse::<u32>().ok()?;
        bin.join("postgres").is_file().then_some((number, bin))
    });
    numbered.max().map(|(_, bin)| bin)
}

fn said(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {complaint}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
