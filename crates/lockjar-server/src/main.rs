//! `lockjar`: HttpOnly-cookie authentication in one binary, on an embedded SQLite file or PostgreSQL.

mod alarm;
mod breaches;
mod check;
mod cli;
mod config;
mod database;
mod front;
mod keyfile;
mod listen;
mod logging;
mod operate;
mod output;
mod serve;
mod settings;
mod tls;

use std::process::ExitCode;

use cli::{Cli, Command};
use config::Config;

/// What a subcommand answers: an exit code, or one sentence for stderr.
type Outcome = Result<ExitCode, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    match Cli::read(std::env::args_os())
        .map_err(Into::into)
        .and_then(run)
    {
        Ok(code) => code,
        Err(error) => {
            eprintln!("lockjar: {}", sentence(&*error));
            ExitCode::from(2)
        }
    }
}

#[tokio::main]
async fn run(cli: Cli) -> Outcome {
    let command = cli.command.unwrap_or(Command::Serve);
    let config = Config::load(cli.settings)?;
    match command {
        Command::Serve => serve::serve(config).await,
        Command::User { command } => operate::user(&config, command).await,
        Command::Session { command } => operate::session(&config, command).await,
        Command::Check(options) => check::check(&config, options).await,
        Command::Backup { file } => operate::backup(&config, &file).await,
        Command::Restore { file } => operate::restore(&config, file.as_deref()).await,
        Command::Copy { from, to } => operate::copy(&config, &from, &to).await,
        Command::Import(arguments) => operate::import(&config, arguments).await,
        Command::Keys { command } => operate::keys(&config, command).await,
        Command::Audit(arguments) => operate::audit(&config, arguments).await,
        Command::Blocklist { command } => operate::blocklist(command).await,
        Command::Openapi => {
            output::say(lockjar::web::openapi_json(config.strategy()))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// The error with its causes, on one line.
fn sentence(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text.replace('\n', " ")
}
