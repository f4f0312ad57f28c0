//! `lockjar keys …`

use std::process::ExitCode;

use lockjar::{Auth, ConfigError, Error, KeyInfo, Strategy};

use super::{Result, must_exist};
use crate::Outcome;
use crate::cli::KeysCommand;
use crate::config::Config;
use crate::keyfile;
use crate::logging;
use crate::output::say;

pub(crate) async fn keys(config: &Config, command: KeysCommand) -> Outcome {
    if config.strategy() == Strategy::Session {
        return Err(ConfigError::new(
            "there are no signing keys with the session strategy: set --token jwt",
        )
        .into());
    }
    must_exist(config)?;
    let file = config.key_file();
    let master = match &command {
        // A new beginning: the old file is lost, or known to others and put away.
        KeysCommand::Revoke { all: true, .. } => keyfile::read_or_make(file)?,
        _ => keyfile::read(file)?,
    };
    logging::warnings(config);
    let builder = config
        .builder_with(master, config.listen_port())?
        .without_sweeping();
    let builder = match &command {
        // What one file has sealed another must not add to.
        KeysCommand::Rotate => builder,
        KeysCommand::List | KeysCommand::Revoke { .. } => builder.with_unreadable_keys(),
    };
    let auth = builder.open_with(config.database.open().await?).await?;
    let done = run(&auth, command).await;
    auth.close().await;
    done.map(|()| ExitCode::SUCCESS)
}

async fn run(auth: &Auth, command: KeysCommand) -> Result<()> {
    let operator = auth.operator();
    match command {
        KeysCommand::List => list(auth).await,
        KeysCommand::Rotate => {
            operator.rotate_keys().await?;
            list(auth).await
        }
        KeysCommand::Revoke { kid: Some(kid), .. } => revoke(auth, &kid).await,
        KeysCommand::Revoke { kid: None, .. } => {
            operator.revoke_all_keys().await?;
            Ok(say("revoked every key; a new one signs")?)
        }
    }
}

/// By a key file that opens none of the keys, the replacement would be one that nobody else opens.
async fn revoke(auth: &Auth, kid: &str) -> Result<()> {
    let keys = auth.operator().keys().await?;
    let mut unrevoked = keys
        .iter()
        .filter(|key| key.revoked_at.is_none())
        .peekable();
    if unrevoked.peek().is_some() && !unrevoked.any(|key| key.opens) {
        return Err(ConfigError::new(
            "the key file opens none of the keys: name the right one with --jwt-key-file, or revoke them all with --all",
        )
        .into());
    }
    match auth.operator().revoke_key(kid).await {
        Err(Error::NotFound) => Err(ConfigError::new(format!(
            "there is no key {kid:?}; see `lockjar keys list`"
        ))
        .into()),
        Err(error) => Err(error.into()),
        Ok(()) => Ok(say(format_args!("revoked {kid}; its tokens are refused"))?),
    }
}

/// A line for each key: name, algorithm, since when, and what it does.
async fn list(auth: &Auth) -> Result<()> {
    for key in auth.operator().keys().await? {
        let (kid, algorithm, since) = (&key.kid, &key.algorithm, key.created_at);
        say(format_args!("{kid}\t{algorithm}\t{since}\t{}", does(&key)))?;
    }
    Ok(())
}

fn does(key: &KeyInfo) -> String {
    match (key.revoked_at, key.retired_at) {
        (Some(at), _) => format!("revoked {at}"),
        (None, _) if !key.opens => "nothing: the key file does not open it".to_owned(),
        (None, _) if key.signs => "signs".to_owned(),
        (None, Some(at)) => format!("verifies; retired {at}"),
        (None, None) => format!("published; signs from {}", key.signs_from),
    }
}
