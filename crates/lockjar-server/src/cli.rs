//! The command line. `--help` is made of the comments here.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::settings::Settings;

/// HttpOnly-cookie authentication in one binary with an embedded SQLite file.
///
/// Without a command it serves. Every setting is a flag, an environment variable and a key in lockjar.toml (the flag's
/// name with underscores), in that order of strength.
#[derive(Parser)]
#[command(name = "lockjar", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) settings: Settings,
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
    /// Say what is wrong with this deployment, numbered; exit 1 if anything is
    Check {
        /// Also ask the running site at this address
        #[arg(long, value_name = "URL")]
        url: Option<String>,
    },
    /// Write a consistent copy of the database to a new file; works while the server runs
    Backup {
        /// The file to make
        file: PathBuf,
    },
    /// Print the OpenAPI document
    Openapi,
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
    /// Delete an account and its sessions
    Delete {
        /// The username
        name: String,
    },
    /// Set a password; the account is logged out everywhere
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
        id: String,
    },
    /// End all of an account's sessions
    RevokeAll {
        /// The username
        name: String,
    },
}
