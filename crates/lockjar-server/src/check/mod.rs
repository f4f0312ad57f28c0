//! `lockjar check`: what is wrong with this deployment, numbered. A number keeps its meaning for good.

mod certificate;
mod database;
mod files;
mod probe;
mod report;
mod settings;

use std::fmt;
use std::process::ExitCode;

use lockjar::ConfigError;
use serde::Serialize;
use url::Url;

use crate::Outcome;
use crate::cli::CheckOptions;
use crate::config::Config;
use crate::operate::line_of_stdin;
use probe::{Account, Roots, Sight, Target};

/// Something to change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// Stable.
    number: &'static str,
    severity: Severity,
    /// One sentence: what is wrong.
    what: String,
    /// One sentence: what to change.
    remedy: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
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

/// Prints the findings. Exit code 1 if there are any, 2 if the site could not be asked.
pub(crate) async fn check(config: &Config, options: CheckOptions) -> Outcome {
    let target = target(&options)?;
    let mut findings = settings::findings(config);
    findings.extend(files::findings(config));
    findings.extend(certificate::findings(config));
    findings.extend(database::findings(config).await);
    let sight = match target {
        Some(target) => tokio::task::spawn_blocking(move || probe::look(&target)).await?,
        None => Sight::default(),
    };
    findings.extend(sight.findings);
    report::Report {
        url: options.url.as_deref(),
        findings: &findings,
        asked: &sight.asked,
        not_seen: &sight.unseen,
    }
    .print(options.json)?;
    Ok(exit_code(&findings))
}

fn exit_code(findings: &[Finding]) -> ExitCode {
    let silent = findings
        .iter()
        .any(|finding| finding.number == probe::UNREACHABLE);
    match (silent, findings.is_empty()) {
        (true, _) => ExitCode::from(2),
        (false, true) => ExitCode::SUCCESS,
        (false, false) => ExitCode::from(1),
    }
}

fn target(options: &CheckOptions) -> Result<Option<Target>, ConfigError> {
    let Some(text) = &options.url else {
        return Ok(None);
    };
    let url = site(text)?;
    let roots = Roots::read(options.ca.as_deref())?;
    let account = match &options.username {
        Some(name) => Some(Account {
            name: name.clone(),
            password: line_of_stdin()?,
        }),
        None => None,
    };
    Ok(Some(Target {
        url,
        roots,
        account,
    }))
}

/// The address of a site. What stands before an @ would be sent to it, and be told in the report.
fn site(text: &str) -> Result<Url, ConfigError> {
    let wrong = |why: &str| {
        ConfigError::new(format!(
            "--url {why}: give an address such as https://example.com/login"
        ))
    };
    let mut url = Url::parse(text).map_err(|_| wrong("is not a URL"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(wrong("is neither http:// nor https://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("must not hold a name or a password"));
    }
    url.set_fragment(None);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    /// What the program is made of: a number that only a test names is none of its findings.
    fn sources(folder: &Path) -> String {
        let files = std::fs::read_dir(folder).unwrap();
        let read = |path: &Path| match path.is_dir() {
            true => sources(path),
            false => without_tests(&std::fs::read_to_string(path).unwrap()).to_owned(),
        };
        files.map(|file| read(&file.unwrap().path())).collect()
    }

    fn without_tests(source: &str) -> &str {
        source.split("#[cfg(test)]").next().unwrap()
    }

    #[test]
    fn a_number_that_only_a_test_names_is_not_counted() {
        let source = concat!("f(\"L050\")\n#[cfg", "(test)]\nmod tests { \"L999\" }");
        let found = numbers(without_tests(source), "\"");
        assert_eq!(found, BTreeSet::from(["L050".to_owned()]));
    }

    /// `L` and three digits behind this mark.
    fn numbers(text: &str, mark: &str) -> BTreeSet<String> {
        let found = text.match_indices(mark).filter_map(|(at, _)| {
            let number = text[at + mark.len()..].get(..4)?;
            let digits = number.strip_prefix('L')?;
            digits
                .bytes()
                .all(|byte| byte.is_ascii_digit())
                .then(|| number.to_owned())
        });
        found.collect()
    }

    #[test]
    fn every_number_is_in_the_documentation_and_every_documented_one_in_the_code() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let table = std::fs::read_to_string(root.join("../../docs/check.md")).unwrap();
        let sources = sources(&root.join("src/check"));
        let code = numbers(&sources, "\"");
        assert!(code.len() > 60, "{code:?}");
        assert_eq!(code, numbers(&table, "\n| "));
        let unspaced: String = sources.split_whitespace().collect();
        for row in table.lines().filter(|line| line.starts_with("| L")) {
            let cells: Vec<_> = row.split('|').map(str::trim).collect();
            assert_eq!(cells.len(), 6, "{row}");
            let other = match cells[2] {
                "serious" => "slight",
                "slight" => "serious",
                _ => panic!("{row}"),
            };
            let made = format!("Finding::{other}(\"{}\"", cells[1]);
            assert!(!unspaced.contains(&made), "{row}");
        }
    }

    #[test]
    fn the_exit_code_tells_findings_from_a_site_that_did_not_answer() {
        let found = |number| vec![Finding::slight(number, "what", "remedy")];
        assert_eq!(exit_code(&[]), ExitCode::SUCCESS);
        assert_eq!(exit_code(&found("L054")), ExitCode::from(1));
        assert_eq!(exit_code(&found("L050")), ExitCode::from(2));
    }

    #[test]
    fn an_address_with_a_password_in_it_is_refused_and_not_repeated() {
        let refused = site("https://alice:hunter2@a.example")
            .unwrap_err()
            .to_string();
        assert!(!refused.contains("hunter2"), "{refused}");
        assert!(site("ftp://a.example").is_err() && site("a.example").is_err());
        assert_eq!(
            site("https://a.example/login#top").unwrap().as_str(),
            "https://a.example/login"
        );
    }
}
