//! Log lines on standard error; standard output has the URL alone.

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt;

use crate::config::Config;
use crate::settings::{LogFormat, LogLevel};

/// Starts logging. Times are UTC, as RFC 3339.
pub(crate) fn start(config: &Config) {
    let level = match config.log_level() {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let lines = fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .with_ansi(false);
    match config.log_format() {
        LogFormat::Text => lines.init(),
        LogFormat::Json => lines.json().flatten_event(true).init(),
    }
}
