//! The operator's commands. Each opens the database beside the server, which learns of every change within a second.

use std::io::{IsTerminal, Read};
use std::path::Path;
use std::process::ExitCode;

use lockjar::password::Password;
use lockjar::store::sqlite::SqliteStore;
use lockjar::{Auth, ConfigError, Error, SessionId};

use crate::Outcome;
use crate::cli::{SessionCommand, UserCommand};
use crate::config::Config;

/// A password that is longer than this is no password.
const MAX_PASSWORD_BYTES: u64 = 16 * 1024;

/// A command that looks for a database must not make one.
async fn open(config: &Config) -> Result<Auth, Box<dyn std::error::Error>> {
    let path = config.database_file();
    if !path.exists() {
        let path = path.display();
        return Err(ConfigError::new(format!(
            "there is no database at {path}: name it with --database, or serve first"
        ))
        .into());
    }
    Ok(config
        .builder(config.listen_port())?
        .open(config.database())
        .await?)
}

/// `lockjar user …`
pub(crate) async fn user(config: &Config, command: UserCommand) -> Outcome {
    let auth = match command {
        // The first account may come before the first start.
        UserCommand::Add { .. } => {
            config
                .builder(config.listen_port())?
                .open(config.database())
                .await?
        }
        _ => open(config).await?,
    };
    let done = user_command(&auth, command).await;
    auth.close().await;
    done
}

async fn user_command(auth: &Auth, command: UserCommand) -> Outcome {
    let operator = auth.operator();
    match command {
        UserCommand::Add {
            name,
            email,
            password_stdin,
        } => {
            let id = operator
                .add_user(&name, read_password(password_stdin)?, email)
                .await?;
            println!("added {name} ({id})");
        }
        UserCommand::List => list(auth).await?,
        UserCommand::Show { name } => show(auth, &name).await?,
        UserCommand::Disable { name } => {
            operator.disable(find(auth, &name).await?.id).await?;
            println!("disabled {name}; its sessions have ended");
        }
        UserCommand::Enable { name } => {
            operator.enable(find(auth, &name).await?.id).await?;
            println!("enabled {name}");
        }
        UserCommand::Delete { name } => {
            operator.delete(find(auth, &name).await?.id).await?;
            println!("deleted {name}");
        }
        UserCommand::Password {
            name,
            password_stdin,
        } => {
            let user = find(auth, &name).await?;
            operator
                .set_password(&user, read_password(password_stdin)?)
                .await?;
            println!("changed the password of {name}; its sessions have ended");
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(auth: &Auth) -> Result<(), Box<dyn std::error::Error>> {
    for user in auth.operator().users().await? {
        let disabled = if user.disabled_at.is_some() {
            "disabled"
        } else {
            ""
        };
        println!(
            "{}\t{}\t{}\t{disabled}",
            user.username, user.id, user.created_at
        );
    }
    Ok(())
}

async fn show(auth: &Auth, name: &str) -> Result<(), Box<dyn std::error::Error>> {
    let user = find(auth, name).await?;
    println!("username\t{}", user.username);
    println!("id\t{}", user.id);
    println!("email\t{}", user.email.as_deref().unwrap_or("-"));
    println!("created\t{}", user.created_at);
    println!(
        "disabled\t{}",
        user.disabled_at
            .map_or("no".to_owned(), |at| at.to_string())
    );
    println!(
        "sessions\t{}",
        auth.operator().sessions(user.id).await?.len()
    );
    Ok(())
}

async fn find(auth: &Auth, name: &str) -> Result<lockjar::User, Box<dyn std::error::Error>> {
    match auth.operator().user(name).await {
        Err(Error::NotFound) => Err(ConfigError::new(format!(
            "there is no account {name:?}; see `lockjar user list`"
        ))
        .into()),
        other => Ok(other?),
    }
}

/// `lockjar session …`
pub(crate) async fn session(config: &Config, command: SessionCommand) -> Outcome {
    let auth = open(config).await?;
    let done = session_command(&auth, command).await;
    auth.close().await;
    done
}

async fn session_command(auth: &Auth, command: SessionCommand) -> Outcome {
    let operator = auth.operator();
    match command {
        SessionCommand::List { name } => {
            for session in operator.sessions(find(auth, &name).await?.id).await? {
                let agent = session.user_agent.as_deref().unwrap_or("-");
                println!(
                    "{}\t{}\t{}\t{agent}",
                    session.id, session.created_at, session.last_seen_at
                );
            }
        }
        SessionCommand::Revoke { id } => {
            let session: SessionId = id
                .parse()
                .map_err(|error| ConfigError::new(format!("{id:?} is {error}")))?;
            match operator.revoke(session).await {
                Err(Error::NotFound) => {
                    return Err(ConfigError::new(format!("there is no session {id}")).into());
                }
                other => other?,
            }
            println!("ended {id}");
        }
        SessionCommand::RevokeAll { name } => {
            operator.revoke_all(find(auth, &name).await?.id).await?;
            println!("ended all sessions of {name}");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// `lockjar backup FILE`
pub(crate) async fn backup(config: &Config, target: &Path) -> Outcome {
    open(config).await?.close().await;
    let store = SqliteStore::open(config.database()).await?;
    store.backup(target).await?;
    println!("{}", target.display());
    Ok(ExitCode::SUCCESS)
}

/// From standard input, or twice from the terminal without echo.
fn read_password(from_stdin: bool) -> Result<Password, ConfigError> {
    let unread = |error: std::io::Error| {
        ConfigError::new(format!("the password could not be read: {error}"))
    };
    if from_stdin {
        let mut text = String::new();
        std::io::stdin()
            .take(MAX_PASSWORD_BYTES)
            .read_to_string(&mut text)
            .map_err(unread)?;
        return Ok(Password::new(text.strip_suffix('\n').unwrap_or(&text)));
    }
    if !std::io::stdin().is_terminal() {
        return Err(ConfigError::new(
            "there is no terminal to ask for the password: pass it with --password-stdin",
        ));
    }
    let first = rpassword::prompt_password("Password: ").map_err(unread)?;
    let again = rpassword::prompt_password("Again: ").map_err(unread)?;
    if first != again {
        return Err(ConfigError::new(
            "the two passwords differ; nothing was changed",
        ));
    }
    Ok(Password::new(&first))
}
