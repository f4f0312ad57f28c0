//! A PgBouncer of a test's own, in the mode in which it shares connections most.

use crate::daemon::{Daemon, Probe, program};
use crate::folder::{Folder, User};
use crate::port::free_port;
use crate::postgres::Postgres;

/// A pooler in transaction mode before a [`Postgres`]: every transaction may get another connection, so whatever a client
/// leaves on one (a prepared statement, a setting, `LISTEN`, a lock of its session) is lost or somebody else's.
#[derive(Debug)]
pub struct PgBouncer {
    daemon: Daemon,
    port: u16,
}

impl PgBouncer {
    /// A pooler before every database of the cluster.
    ///
    /// # Panics
    /// When PgBouncer is not installed or does not start.
    #[must_use]
    pub fn start(postgres: &Postgres) -> Self {
        let folder = Folder::new("pgbouncer", User::unprivileged());
        let (port, behind) = (free_port(), postgres.port());
        let settings = format!(
            "[databases]\n* = host=127.0.0.1 port={behind} user=postgres\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
             auth_type = any\npool_mode = transaction\nignore_startup_parameters = extra_float_digits\n"
        );
        let file = folder.path().join("pgbouncer.ini");
        std::fs::write(&file, settings).unwrap_or_else(|error| panic!("{error}"));
        // Length 8, code 80877103: a request for TLS, which is answered by one byte before any log-in.
        let probe = Probe::Talk(port, b"\0\0\0\x08\x04\xd2\x16\x2f", b"N");
        let arguments = vec![file.display().to_string()];
        Self {
            daemon: Daemon::start(folder, program("pgbouncer"), arguments, probe),
            port,
        }
    }

    /// The port of 127.0.0.1 on which it listens, before and after a [`restart`](Self::restart).
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL of the database `lockjar`, through the pooler.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_of("lockjar")
    }

    /// The URL of another database, which [`Postgres::database`] made.
    #[must_use]
    pub fn url_of(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// Kills it, and with it every connection through it.
    pub fn kill_9(&self) {
        self.daemon.kill_9();
    }

    /// Starts it again on the same port where it does not run.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn restart(&self) {
        self.daemon.restart();
    }

    /// What it has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.daemon.log()
    }
}
