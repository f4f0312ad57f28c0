//! Starting another program and telling in one line how it failed.

use std::process::{Command, Output, Stdio};

/// Nothing, or the one line that says what is wrong.
pub(crate) type Outcome = Result<(), String>;

/// Runs a program to its end with its output shown.
pub(crate) fn run(command: &mut Command) -> Outcome {
    let status = command.stdin(Stdio::null()).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{}`: {status}", words(command))),
        Err(error) => Err(format!("`{}` does not start: {error}", words(command))),
    }
}

/// Runs a program to its end and returns what it printed.
pub(crate) fn output(command: &mut Command) -> Result<String, String> {
    let Output {
        status,
        stdout,
        stderr,
    } = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("`{}` does not start: {error}", words(command)))?;
    if !status.success() {
        let reason = String::from_utf8_lossy(&stderr);
        return Err(format!("`{}`: {status}: {}", words(command), reason.trim()));
    }
    Ok(String::from_utf8_lossy(&stdout).into_owned())
}

/// The cargo that runs this program, with these arguments.
pub(crate) fn cargo(arguments: &str) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments.split_whitespace());
    command
}

fn words(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let name = program.file_name().unwrap_or(command.get_program());
    std::iter::once(name)
        .chain(command.get_args())
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}
