//! Log lines on standard error; standard output has the URL alone.

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::Config;
use crate::settings::{LogFormat, LogLevel};

/// At finer levels they write the addresses that are asked, which end in five digits of a password's hash.
const LEAKS_URLS: [&str; 2] = ["ureq", "ureq_proto"];
/// Where the audit log is told of. Whoever types a command knows what they do.
const AUDIT: &str = "lockjar::audit";

/// Starts logging. Times are UTC, as RFC 3339.
pub(crate) fn start(config: &Config) {
    start_at(config.log_level(), config.log_format(), &LEAKS_URLS);
}

/// For whoever types a command: what went wrong beside it, and nothing else.
pub(crate) fn warnings(config: &Config) {
    let level = config.log_level().min(LogLevel::Warn);
    let quiet = [&LEAKS_URLS[..], &[AUDIT]].concat();
    start_at(level, config.log_format(), &quiet);
}

fn start_at(level: LogLevel, format: LogFormat, quiet: &[&str]) {
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let quiet = quiet.iter().map(|target| (*target, LevelFilter::ERROR));
    let targets = Targets::new().with_default(level).with_targets(quiet);
    let lines = fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        // It would be told on standard error that standard error cannot be written, which is a panic: no answer to whoever asked.
        .log_internal_errors(false)
        .with_ansi(false);
    match format {
        LogFormat::Text => lines.finish().with(targets).init(),
        LogFormat::Json => {
            let lines = lines.json().flatten_event(true);
            lines.finish().with(targets).init();
        }
    }
}
