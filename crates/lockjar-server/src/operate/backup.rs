//! `lockjar backup FILE`

use std::path::Path;
use std::process::ExitCode;

use lockjar::ConfigError;
use lockjar::audit::Event;
use lockjar::store::Store;
use lockjar::store::sqlite::SqliteStore;

use super::{must_exist, note};
use crate::Outcome;
use crate::config::Config;
use crate::database::Database;
use crate::output::say;

pub(crate) async fn backup(config: &Config, target: &Path) -> Outcome {
    must_exist(config)?;
    let Database::Sqlite { url, .. } = &config.database else {
        return Err(ConfigError::new(
            "backup copies a SQLite file; for PostgreSQL use its own pg_dump or pg_basebackup, and `lockjar restore` after \
             restoring from it",
        )
        .into());
    };
    let store = SqliteStore::open(url).await?;
    let copied = store.backup(target).await;
    if copied.is_ok() {
        note(&store, Event::BackedUp).await;
    }
    store.close().await;
    copied?;
    say(target.display())?;
    Ok(ExitCode::SUCCESS)
}
