//! `lockjar session …`

use std::process::ExitCode;

use lockjar::{Auth, ConfigError, Error, SessionId};

use super::{Result, find, open_existing};
use crate::Outcome;
use crate::cli::SessionCommand;
use crate::config::Config;
use crate::output::say;

pub(crate) async fn session(config: &Config, command: SessionCommand) -> Outcome {
    let auth = open_existing(config).await?;
    let done = run(&auth, command).await;
    auth.close().await;
    done.map(|()| ExitCode::SUCCESS)
}

async fn run(auth: &Auth, command: SessionCommand) -> Result<()> {
    match command {
        SessionCommand::List { name } => list(auth, &name).await,
        SessionCommand::Revoke { id } => revoke(auth, &id).await,
        SessionCommand::RevokeAll { name } => {
            let user = find(auth, &name).await?;
            auth.operator().revoke_all(user.id).await?;
            Ok(say(format_args!("ended all sessions of {name}"))?)
        }
    }
}

async fn list(auth: &Auth, name: &str) -> Result<()> {
    let user = find(auth, name).await?;
    for session in auth.operator().sessions(user.id).await? {
        let agent = session.user_agent.as_deref().unwrap_or("-");
        say(format_args!(
            "{}\t{}\t{}\t{agent}",
            session.id, session.created_at, session.last_seen_at
        ))?;
    }
    Ok(())
}

async fn revoke(auth: &Auth, id: &str) -> Result<()> {
    let session: SessionId = id
        .parse()
        .map_err(|error| ConfigError::new(format!("{id:?} is {error}")))?;
    match auth.operator().revoke(session).await {
        Err(Error::NotFound) => Err(ConfigError::new(format!("there is no session {id}")).into()),
        Err(error) => Err(error.into()),
        Ok(()) => Ok(say(format_args!("ended {id}"))?),
    }
}
