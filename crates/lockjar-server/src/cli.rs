//! The command line. `--help` is made of the comments here.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};
use lockjar::ConfigError;

use crate::operate::AuditArguments;
use crate::settings::Settings;

/// HttpOnly-cookie authentication in one binary, on an embedded SQLite file or PostgreSQL.
///
/// Without a command it serves. Every setting is a flag, an environment variable and a key in lockjar.toml, in that order
/// of strength. A key is the flag's name with underscores; those of the cookie, of sessions,
/// passwords, throttles and JWTs have a table each, so that --cookie-max-age is cookie.max_age, or max_age below [cookie].
#[derive(Parser)]
#[command(name = "lockjar", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) settings: Settings,
}

impl Cli {
    /// Reads these arguments and the environment. Help and the version are printed here, and end the program.
    pub(crate) fn read<I, T>(arguments: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator<Item = T>,
        T: Into<OsString> + Clone,
    {
        Self::try_parse_from(arguments).map_err(|error| match error.kind() {
            ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => error.exit(),
            _ => ConfigError::new(one_line(&error.render().to_string())),
        })
    }
}

/// A mistake in the form that all others have: one sentence, without the usage that clap puts below it.
fn one_line(text: &str) -> String {
    let told: Vec<_> = text
        .lines()
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"))
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let told = told.join(" ").replace(" tip: ", "; ");
    format!(
        "{}; see lockjar --help",
        told.strip_prefix("error: ").unwrap_or(&told)
    )
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Serve log-in, sign-up, log-out, accounts and pages (what `lockjar` alone does)
    Serve,
    /// Make, show, disable and delete accounts; works while the server runs
    User {
        #[command(subcommand)]
        command: UserCommand,
    },
    /// See and end sessions; works while the server runs
    Session {
        #[command(subcommand)]
        command: SessionCommand,
    },
    /// Say what is wrong with this deployment, numbered; exit 1 if anything is, 2 if the site did not answer
    ///
    /// The numbers are explained in docs/check.md. With --url a running site is asked as a browser would, Lockjar or not: some
    /// fifteen requests, with TLS handshakes 40 and a minute at the most, one failed log-in under a made-up name and the same again as
    /// another site would send it. Nothing is changed there.
    Check(CheckOptions),
    /// Write a consistent copy of a SQLite database to a new file; works while the server runs
    Backup {
        /// The file to make
        file: PathBuf,
    },
    /// Put a backup in the place of the database, or make another store of a database that was put back; everybody logs in
    /// again
    Restore {
        /// What `lockjar backup` wrote [default: the database itself, after pg_restore]
        file: Option<PathBuf>,
    },
    /// Move a SQLite database to PostgreSQL while it serves; nobody is logged out. Started again it goes on where it was
    ///
    /// Accounts, sessions, password hashes, keys and known devices are copied, counts of failures and recovery links not; what
    /// changes meanwhile is followed. Then the source is fenced: it never serves again. Both sides are compared, and the target opens. Start it with the settings that the
    /// source is served with: it waits for its --staleness.
    Copy {
        /// Where from: sqlite://FILE
        from: String,
        /// Where to: postgres://USER:PASSWORD@HOST/DATABASE, empty. In the environment the password is in no list of processes
        #[arg(env = "LOCKJAR_COPY_TO", hide_env_values = true)]
        to: String,
    },
    /// Bring accounts along from elsewhere, with the password hashes that were made there; works while the server runs
    ///
    /// Each owner logs in with the old password, and the first log-in renews the hash. An account that is there is never
    /// changed, so the same again goes on after whatever stopped it. A row that is rejected is told by its line and stops no
    /// other; exit 1 if there was one.
    Import(crate::operate::ImportArguments),
    /// See, rotate and revoke the keys that sign tokens; works while the server runs
    Keys {
        #[command(subcommand)]
        command: KeysCommand,
    },
    /// Say who did what, when and from where, the latest first
    Audit(AuditArguments),
    /// Make and ask a file of passwords that were stolen from other sites, for --password-blocklist
    Blocklist {
        #[command(subcommand)]
        command: BlocklistCommand,
    },
    /// Print the OpenAPI document
    Openapi,
}

#[derive(clap::Args)]
pub(crate) struct CheckOptions {
    /// Also ask the running site at this address: its root, or its log-in page
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// Print one JSON document: the findings, what was asked, and what could not be seen
    #[arg(long)]
    pub(crate) json: bool,
    /// Log in to the site too, twice, and out again where it is Lockjar, so that the session's cookie is seen
    #[arg(long, value_name = "NAME", requires_all = ["url", "password_stdin"])]
    pub(crate) username: Option<String>,
    /// Read that account's password from standard input. It is sent over https that browsers trust, or to this machine
    #[arg(long, requires = "username")]
    pub(crate) password_stdin: bool,
    /// Believe the authorities in this PEM file instead of those that browsers believe
    #[arg(long, value_name = "FILE", requires = "url")]
    pub(crate) ca: Option<PathBuf>,
}

#[derive(Subcommand)]
pub(crate) enum UserCommand {
    /// Make an account
    Add {
        /// The username
        name: String,
        /// An e-mail address, which identifies no one until it is confirmed
        #[arg(long)]
        email: Option<String>,
        /// Read the password from standard input instead of asking for it
        #[arg(long)]
        password_stdin: bool,
    },
    /// List all accounts
    List,
    /// Show an account
    Show {
        /// The username
        name: String,
    },
    /// Log an account out everywhere and keep it from logging in
    Disable {
        /// The username
        name: String,
    },
    /// Let a disabled account log in again
    Enable {
        /// The username
        name: String,
    },
    /// Print a link that sets a new password, once, for whoever has forgotten theirs: give it to nobody else
    Recover {
        /// The username
        name: String,
        /// How long it is good, at most a day
        #[arg(long, default_value = "1h", value_name = "DURATION")]
        lasts: crate::settings::HumanDuration,
    },
    /// Forget failed log-ins at an account, so that the next may come at once; what an address has used of its hour stays used
    Unlock {
        /// The username
        name: String,
    },
    /// Delete an account and its sessions
    Delete {
        /// The username
        name: String,
    },
    /// Set a password; the account is logged out everywhere, and failed log-ins and known devices are forgotten
    Password {
        /// The username
        name: String,
        /// Read the password from standard input instead of asking for it
        #[arg(long)]
        password_stdin: bool,
    },
}

#[derive(Subcommand)]
pub(crate) enum SessionCommand {
    /// List an account's sessions
    List {
        /// The username
        name: String,
    },
    /// End a session
    Revoke {
        /// The session's public id
        #[arg(allow_hyphen_values = true)]
        id: String,
    },
    /// End all of an account's sessions
    RevokeAll {
        /// The username
        name: String,
    },
}

#[derive(Subcommand)]
pub(crate) enum KeysCommand {
    /// List the keys
    List,
    /// Make a new key; it is published now and signs once everybody can know it, and nobody is logged out
    Rotate,
    /// Take all power from a key: its tokens are refused at once, and sessions live on by their refresh tokens
    Revoke {
        /// The key's name
        #[arg(allow_hyphen_values = true, required_unless_present = "all")]
        kid: Option<String>,
        /// Every key, for when the key file is lost or known to others: stop the server, put the old file away, and start
        /// again after this
        #[arg(long, conflicts_with = "kid")]
        all: bool,
    },
}

#[derive(Subcommand)]
pub(crate) enum BlocklistCommand {
    /// Make it of a download of Have I Been Pwned's passwords (SHA-1, in the order of the hashes)
    Build {
        /// The file with a hash, a colon and a count on each line, or the folder of 00000.txt to FFFFF.txt
        #[arg(long, value_name = "PATH")]
        from: PathBuf,
        /// Leave out what was found less often
        #[arg(long, value_name = "COUNT", default_value_t = 1)]
        min_count: u64,
        /// False positives: of passwords that are not in the list one in COUNT is refused as well; a larger COUNT makes a larger file
        #[arg(long, value_name = "COUNT", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(2..=1 << 30))]
        one_in: u32,
        /// The file to make, or to put a newer one in the place of
        file: PathBuf,
    },
    /// Say whether a password is in it, and exit 1 if it is; the password is asked for, or read from standard input
    Check {
        /// What `lockjar blocklist build` made
        file: PathBuf,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One in sixty-four begins so.
    #[test]
    fn an_id_may_begin_with_a_hyphen() {
        for words in [["session", "revoke"], ["keys", "revoke"]] {
            let arguments = [&["lockjar"], &words[..], &["-9GaUrdgu1mFqNHOHzPRAA"]].concat();
            assert!(Cli::read(arguments).is_ok(), "{words:?}");
        }
    }
}
