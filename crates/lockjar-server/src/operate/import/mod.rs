//! `lockjar import FILE`
//!
//! The file is read line by line and written batch by batch, each in one transaction. Killed at any moment, the same command
//! again finds what is there already and goes on; a row that is refused stops no other.

mod lines;
mod report;
mod rows;

use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use lockjar::password::FirebaseParameters;
use lockjar::{Auth, ConfigError, ImportUser, Imported};

use super::{Result, open_existing};
use crate::Outcome;
use crate::config::Config;
use crate::output::say;
use lines::Lines;
use report::Report;
use rows::Rows;

/// Accounts of one transaction.
const BATCH: usize = 500;

#[derive(Args)]
pub(crate) struct ImportArguments {
    /// The accounts: a row each, with username and password_hash, and where they are known email, created_at (RFC 3339) and
    /// disabled
    file: PathBuf,
    /// How the rows are written [default: by the file's name]
    #[arg(long)]
    format: Option<Format>,
    /// The 'Password hash parameters' of a Firebase project, as its console shows them
    #[arg(long, value_name = "FILE")]
    firebase_parameters: Option<PathBuf>,
    /// Read and check everything, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Write the numbers of rejected lines, and why, to this file instead of the standard error
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A JSON object a line
    Jsonl,
    /// Comma-separated values below a line with their names; no value holds a line break
    Csv,
}

pub(crate) async fn import(config: &Config, arguments: ImportArguments) -> Outcome {
    let path = &arguments.file;
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    let bytes = file.metadata().map_or(0, |file| file.len());
    let mut lines = Lines::new(BufReader::new(file));
    let rows = Rows::begin(format(&arguments)?, &mut lines, firebase(&arguments)?)?;
    let mut report = Report::new(bytes, arguments.rejects.as_deref(), path)?;
    let auth = open_existing(config).await?;
    let done = run(&auth, &mut lines, &rows, &mut report, arguments.dry_run).await;
    auth.close().await;
    let counts = report.end()?;
    say(counts.sentence(arguments.dry_run))?;
    done?;
    Ok(match counts.rejected {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

async fn run(
    auth: &Auth,
    lines: &mut Lines<BufReader<File>>,
    rows: &Rows,
    report: &mut Report,
    dry_run: bool,
) -> Result<()> {
    let (mut numbers, mut batch) = (Vec::with_capacity(BATCH), Vec::with_capacity(BATCH));
    while let Some(line) = lines.next()? {
        match line.text.and_then(|text| rows.read(&text)) {
            Ok(Some(user)) => {
                numbers.push(line.number);
                batch.push(user);
            }
            Ok(None) => {}
            Err(reason) => report.rejected(line.number, &reason)?,
        }
        report.at(lines.bytes());
        if batch.len() == BATCH {
            write(auth, &numbers, &batch, report, dry_run).await?;
            numbers.clear();
            batch.clear();
        }
    }
    write(auth, &numbers, &batch, report, dry_run).await
}

async fn write(
    auth: &Auth,
    numbers: &[u64],
    batch: &[ImportUser],
    report: &mut Report,
    dry_run: bool,
) -> Result<()> {
    let outcomes = match dry_run {
        true => auth.operator().try_import(batch).await?,
        false => auth.operator().import(batch).await?,
    };
    for (number, outcome) in numbers.iter().zip(outcomes) {
        match outcome {
            Imported::Made => report.counts.made += 1,
            Imported::AlreadyThere => report.counts.there += 1,
            Imported::Refused(reason) => report.rejected(*number, &reason)?,
        }
    }
    Ok(())
}

fn format(arguments: &ImportArguments) -> Result<Format> {
    let extension = arguments.file.extension().and_then(|end| end.to_str());
    match (arguments.format, extension) {
        (Some(format), _) => Ok(format),
        (None, Some("csv")) => Ok(Format::Csv),
        (None, Some("jsonl" | "ndjson" | "json")) => Ok(Format::Jsonl),
        (None, _) => Err(ConfigError::new(
            "the file's name does not say how its rows are written: add --format jsonl or --format csv",
        )
        .into()),
    }
}

fn firebase(arguments: &ImportArguments) -> Result<Option<FirebaseParameters>> {
    let Some(path) = &arguments.firebase_parameters else {
        return Ok(None);
    };
    let text = fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
    Ok(Some(FirebaseParameters::parse(&text)?))
}

fn unreadable(path: &Path, error: &std::io::Error) -> ConfigError {
    ConfigError::new(format!("{} cannot be read: {error}", path.display()))
}
