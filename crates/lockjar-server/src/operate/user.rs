//! `lockjar user …`

use std::process::ExitCode;
use std::time::Duration;

use lockjar::Auth;

use super::{Result, find, open, open_existing, password};
use crate::Outcome;
use crate::cli::UserCommand;
use crate::config::Config;
use crate::output::say;

pub(crate) async fn user(config: &Config, command: UserCommand) -> Outcome {
    // A password may be set although nobody could say whether it was stolen.
    let auth = match command {
        // The first account may come before the first start.
        UserCommand::Add { .. } => open(config).await?,
        _ => open_existing(config).await?,
    };
    let done = run(&auth, command).await;
    auth.close().await;
    done.map(|()| ExitCode::SUCCESS)
}

async fn run(auth: &Auth, command: UserCommand) -> Result<()> {
    let operator = auth.operator();
    match command {
        UserCommand::Add {
            name,
            email,
            password_stdin,
        } => {
            let password = password::read(password_stdin)?;
            let id = operator.add_user(&name, password, email).await?;
            say(format_args!("added {name} ({id})"))?;
        }
        UserCommand::List => list(auth).await?,
        UserCommand::Show { name } => show(auth, &name).await?,
        UserCommand::Disable { name } => {
            operator.disable(find(auth, &name).await?.id).await?;
            say(format_args!("disabled {name}; its sessions have ended"))?;
        }
        UserCommand::Enable { name } => {
            operator.enable(find(auth, &name).await?.id).await?;
            say(format_args!("enabled {name}"))?;
        }
        UserCommand::Recover { name, lasts } => recover(auth, &name, lasts.0).await?,
        UserCommand::Unlock { name } => {
            let name = find(auth, &name).await?.username;
            operator.unlock(&name).await?;
            say(format_args!(
                "unlocked {name}: earlier failures at it no longer count"
            ))?;
        }
        UserCommand::Delete { name } => {
            operator.delete(find(auth, &name).await?.id).await?;
            say(format_args!("deleted {name}"))?;
        }
        UserCommand::Password {
            name,
            password_stdin,
        } => {
            let user = find(auth, &name).await?;
            let password = password::read(password_stdin)?;
            operator.set_password(&user, password).await?;
            say(format_args!(
                "changed the password of {name}; its sessions have ended"
            ))?;
        }
    }
    Ok(())
}

/// For whom the operator knows to be the owner.
async fn recover(auth: &Auth, name: &str, lasts: Duration) -> Result<()> {
    let name = find(auth, name).await?.username;
    let token = auth.operator().issue_recovery(&name, lasts).await?;
    Ok(say(auth.recovery_url(&token))?)
}

async fn list(auth: &Auth) -> Result<()> {
    for user in auth.operator().users().await? {
        let disabled = user.disabled_at.map_or("", |_| "disabled");
        say(format_args!(
            "{}\t{}\t{}\t{disabled}",
            user.username, user.id, user.created_at
        ))?;
    }
    Ok(())
}

async fn show(auth: &Auth, name: &str) -> Result<()> {
    let user = find(auth, name).await?;
    let disabled = user
        .disabled_at
        .map_or("no".to_owned(), |at| at.to_string());
    say(format_args!("username\t{}", user.username))?;
    say(format_args!("id\t{}", user.id))?;
    say(format_args!(
        "email\t{}",
        user.email.as_deref().unwrap_or("-")
    ))?;
    say(format_args!("created\t{}", user.created_at))?;
    say(format_args!("disabled\t{disabled}"))?;
    let sessions = auth.operator().sessions(user.id).await?.len();
    Ok(say(format_args!("sessions\t{sessions}"))?)
}
