//! `lockjar copy FROM TO`

use std::path::Path;
use std::process::ExitCode;

use lockjar::ConfigError;
use lockjar::audit::Event;
use lockjar::store::Store as _;
use lockjar::store::copying::{Copied, Copy, Counts};
use lockjar::store::postgres::{PostgresSettings, PostgresStore};

use super::note;
use super::progress::Progress;
use crate::Outcome;
use crate::config::Config;
use crate::output::say;

pub(crate) async fn copy(config: &Config, from: &str, to: &str) -> Outcome {
    check_kinds(from, to)?;
    let to = PostgresSettings::new(to)?;
    let (target, opened) = (to.to_string(), to.clone());
    let mut copy = Copy::open(from, to).await?;
    let mut progress = Progress::new();
    let copied = copy
        .run(config.staleness(), &mut |step| progress.show(step))
        .await;
    progress.end();
    copy.close().await;
    match copied? {
        Copied::All(counts) => {
            let store = PostgresStore::open(opened).await?;
            note(&store, Event::MovedHere).await;
            store.close().await;
            tell(counts, &target, config.key_file())?;
        }
        Copied::Before => say(format_args!(
            "this database was copied before: serve from {target}"
        ))?,
        Copied::Differs(table) => {
            eprintln!(
                "lockjar: {} in the target are not those of the source; the target stays closed: empty it, and the same \
                 command begins again",
                table.name()
            );
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn check_kinds(from: &str, to: &str) -> Result<(), ConfigError> {
    if !from.starts_with("sqlite:") {
        return Err(ConfigError::new(
            "copy goes from sqlite://FILE; PostgreSQL is copied by its own pg_dump and pg_restore, and `lockjar restore` after \
             them",
        ));
    }
    if to.starts_with("redis") {
        return Err(ConfigError::new(
            "copy goes to postgres://USER@HOST/DATABASE; serve from there with --sessions, and new sessions go to Redis",
        ));
    }
    if !to.starts_with("postgres") {
        return Err(ConfigError::new(
            "copy goes to postgres://USER@HOST/DATABASE; for another file use `lockjar backup`",
        ));
    }
    Ok(())
}

fn tell(counts: Counts, target: &str, key_file: &Path) -> std::io::Result<()> {
    if counts.keys() > 0 {
        eprintln!(
            "The signing keys are encrypted by the key file, which is in no database: bring {} along.",
            key_file.display()
        );
    }
    say(format_args!(
        "copied {counts}; the source serves no longer: start `lockjar serve --database {target}` with user and password"
    ))
}
