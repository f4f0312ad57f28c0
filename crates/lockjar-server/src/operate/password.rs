//! A password from whoever types the command.

use std::io::{IsTerminal, Read};

use lockjar::ConfigError;
use lockjar::password::Password;

/// A password that is longer than this is no password.
const MAX_BYTES: u64 = 16 * 1024;

pub(super) fn read(from_stdin: bool) -> Result<Password, ConfigError> {
    if from_stdin {
        return read_stdin();
    }
    if std::io::stdin().is_terminal() {
        return ask_twice();
    }
    Err(ConfigError::new(
        "there is no terminal to ask for the password: pass it with --password-stdin",
    ))
}

/// A password that is not going to be set, asked for once.
pub(super) fn read_once() -> Result<Password, ConfigError> {
    if !std::io::stdin().is_terminal() {
        return read_stdin();
    }
    let typed = rpassword::prompt_password("Password: ").map_err(unread)?;
    Ok(Password::from(typed))
}

fn read_stdin() -> Result<Password, ConfigError> {
    line_of_stdin().map(|line| Password::new(&line))
}

/// The end of the line that `echo` adds is no part of it.
pub(crate) fn line_of_stdin() -> Result<String, ConfigError> {
    let mut text = String::new();
    std::io::stdin()
        .take(MAX_BYTES)
        .read_to_string(&mut text)
        .map_err(unread)?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
}

/// Without echo, and twice, since nobody sees what is typed.
fn ask_twice() -> Result<Password, ConfigError> {
    let first = rpassword::prompt_password("Password: ").map_err(unread)?;
    let again = rpassword::prompt_password("Again: ").map_err(unread)?;
    if first != again {
        return Err(ConfigError::new(
            "the two passwords differ; nothing was changed",
        ));
    }
    Ok(Password::new(&first))
}

#[allow(
    clippy::needless_pass_by_value,
    reason = "it is what `map_err` hands over"
)]
fn unread(error: std::io::Error) -> ConfigError {
    ConfigError::new(format!("the password could not be read: {error}"))
}
