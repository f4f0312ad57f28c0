//! `lockjar check`: what is wrong with this deployment, numbered. A number keeps its meaning for good.

mod certificate;
mod database;
mod files;
mod probe;
mod settings;

use std::fmt;
use std::process::ExitCode;

use crate::Outcome;
use crate::config::Config;
use crate::output::say;

/// Something to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// Stable.
    number: &'static str,
    severity: Severity,
    /// One sentence: what is wrong.
    what: String,
    /// One sentence: what to change.
    remedy: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Severity {
    /// Somebody may get at what is not theirs, or it does not work.
    Serious,
    /// One of several defences is missing.
    Slight,
}

impl Finding {
    fn serious(number: &'static str, what: impl Into<String>, remedy: &'static str) -> Self {
        Self {
            number,
            severity: Severity::Serious,
            what: what.into(),
            remedy,
        }
    }

    fn slight(number: &'static str, what: impl Into<String>, remedy: &'static str) -> Self {
        Self {
            severity: Severity::Slight,
            ..Self::serious(number, what, remedy)
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Serious => "serious",
            Severity::Slight => "slight",
        };
        write!(
            f,
            "{} {severity}: {}.\n     {}.",
            self.number, self.what, self.remedy
        )
    }
}

/// Prints the findings; exit code 1 if there are any.
pub(crate) async fn check(config: &Config, url: Option<&str>) -> Outcome {
    let mut findings = settings::findings(config);
    findings.extend(files::findings(config));
    findings.extend(certificate::findings(config));
    findings.extend(database::findings(config).await);
    if let Some(url) = url {
        let url = url.trim_end_matches('/').to_owned();
        findings.extend(tokio::task::spawn_blocking(move || probe::findings(&url)).await?);
    }
    for finding in &findings {
        say(finding)?;
    }
    if url.is_some() {
        say("not seen: the cookie's flags, since this check has no account to log in with")?;
    }
    match findings.len() {
        0 => say("nothing found")?,
        count => say(format_args!("{count} found"))?,
    }
    Ok(if findings.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}
