//! `lockjar check`: what is wrong with this deployment, numbered. A number keeps its meaning for good.

mod certificate;
mod files;
mod probe;
mod settings;

use std::fmt;
use std::process::ExitCode;

use crate::Outcome;
use crate::config::Config;

/// Something to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// Stable.
    number: &'static str,
    /// One sentence: what is wrong.
    what: String,
    /// One sentence: what to change.
    mend: &'static str,
}

impl Finding {
    fn new(number: &'static str, what: impl Into<String>, mend: &'static str) -> Self {
        Self {
            number,
            what: what.into(),
            mend,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  {}.\n      {}.", self.number, self.what, self.mend)
    }
}

/// Prints the findings; exit code 1 if there are any.
pub(crate) async fn check(config: &Config, url: Option<&str>) -> Outcome {
    let mut findings = settings::findings(config);
    findings.extend(files::findings(config));
    findings.extend(certificate::findings(config));
    if let Some(url) = url {
        let url = url.trim_end_matches('/').to_owned();
        findings.extend(tokio::task::spawn_blocking(move || probe::findings(&url)).await?);
    }
    for finding in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => println!("nothing found"),
        count => println!("{count} found"),
    }
    Ok(if findings.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}
