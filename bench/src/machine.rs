//! The machine that the figures come from.

use std::{fs, process::Command, thread};

/// One line a property, as Markdown list items.
#[must_use]
pub fn describe() -> String {
    let cores = thread::available_parallelism().map_or(0, usize::from);
    format!(
        "- CPU: {cores} × {}\n- Kernel: {}\n- Memory: {}\n- Compiler: {}\n",
        field("/proc/cpuinfo", "model name"),
        command("uname", &["-sr"]),
        field("/proc/meminfo", "MemTotal"),
        command("rustc", &["--version"]),
    )
}

/// How many processes want the CPU, over the last minute: over 2 or so, others were measured too.
#[must_use]
pub fn busyness() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or("unknown").to_owned()
}

fn field(file: &str, name: &str) -> String {
    let text = fs::read_to_string(file).unwrap_or_default();
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.split_once(':'));
    value.map_or_else(
        || "unknown".to_owned(),
        |(_, value)| value.trim().to_owned(),
    )
}

fn command(program: &str, arguments: &[&str]) -> String {
    match Command::new(program).args(arguments).output() {
        Ok(output) => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        Err(_) => "unknown".to_owned(),
    }
}
