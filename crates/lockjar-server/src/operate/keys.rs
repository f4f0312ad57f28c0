//! `lockjar keys …`

use std::process::ExitCode;

use lockjar::{Auth, ConfigError, Error};

use super::{Result, must_exist};
use crate::Outcome;
use crate::cli::KeysCommand;
use crate::config::Config;
use crate::output::say;

pub(crate) async fn keys(config: &Config, command: KeysCommand) -> Outcome {
    must_exist(config)?;
    let builder = config.builder_with_tokens(config.listen_port())?;
    let auth = builder.open(config.database()).await?;
    let done = run(&auth, command).await;
    auth.close().await;
    done.map(|()| ExitCode::SUCCESS)
}

async fn run(auth: &Auth, command: KeysCommand) -> Result<()> {
    match command {
        KeysCommand::List => list(auth).await,
        KeysCommand::Rotate => {
            told(auth.operator().rotate_keys().await)?;
            list(auth).await
        }
        KeysCommand::Revoke { kid } => match auth.operator().revoke_key(&kid).await {
            Err(Error::NotFound) => Err(ConfigError::new(format!(
                "there is no key {kid:?}; see `lockjar keys list`"
            ))
            .into()),
            Err(error) => Err(error.into()),
            Ok(()) => Ok(say(format_args!("revoked {kid}; its tokens are refused"))?),
        },
    }
}

fn told(outcome: std::result::Result<(), Error>) -> Result<()> {
    match outcome {
        Err(Error::NotFound) => Err(ConfigError::new(
            "there are no signing keys with the session strategy: set --token jwt",
        )
        .into()),
        other => Ok(other?),
    }
}

/// A line for each key: name, algorithm, since when, and what it does.
async fn list(auth: &Auth) -> Result<()> {
    let keys = auth.operator().keys().await?;
    for key in keys {
        let does = match (key.revoked_at, key.signs, key.retired_at) {
            (Some(at), ..) => format!("revoked {at}"),
            (None, true, _) => "signs".to_owned(),
            (None, false, Some(at)) => format!("verifies; retired {at}"),
            (None, false, None) => format!("published; signs from {}", key.signs_from),
        };
        say(format_args!(
            "{}\t{}\t{}\t{does}",
            key.kid, key.algorithm, key.created_at
        ))?;
    }
    Ok(())
}
