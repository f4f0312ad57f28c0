//! `lockjar restore [FILE]`

use std::path::Path;
use std::process::ExitCode;

use lockjar::ConfigError;
use lockjar::audit::Event;
use lockjar::clock::{Clock as _, SystemClock};
use lockjar::store::postgres::PostgresStore;
use lockjar::store::sqlite::SqliteStore;
use lockjar::store::{Restored, Store};

use super::{Result, must_exist, note};
use crate::Outcome;
use crate::config::Config;
use crate::database::Database;
use crate::output::say;

pub(crate) async fn restore(config: &Config, backup: Option<&Path>) -> Outcome {
    let Restored { users, sessions } = match (&config.database, backup) {
        (Database::Sqlite { url, .. }, Some(backup)) => {
            let restored = SqliteStore::restore_file(backup, url, SystemClock.now()).await?;
            let store = SqliteStore::open(url).await?;
            note(&store, Event::Restored).await;
            store.close().await;
            restored
        }
        (Database::Sqlite { url, .. }, None) => {
            must_exist(config)?;
            let store = SqliteStore::open(url).await?;
            let restored = store.restore(SystemClock.now()).await;
            note_if(&restored, &store).await;
            store.close().await;
            restored?
        }
        (Database::Postgres { settings, .. }, None) => {
            let store = PostgresStore::open((**settings).clone()).await?;
            let restored = store.restore(SystemClock.now()).await;
            note_if(&restored, &store).await;
            store.close().await;
            restored?
        }
        (Database::Postgres { .. }, Some(_)) => return no_file(),
    };
    say(format_args!(
        "restored {} with {users} accounts; {sessions} sessions and every signing key have ended: everybody logs in again",
        config.database
    ))?;
    Ok(ExitCode::SUCCESS)
}

async fn note_if<E>(restored: &std::result::Result<Restored, E>, store: &dyn Store) {
    if restored.is_ok() {
        note(store, Event::Restored).await;
    }
}

fn no_file() -> Result<ExitCode> {
    Err(ConfigError::new(
        "PostgreSQL is put back by its own pg_restore: do that first, and then `lockjar restore` without a file",
    )
    .into())
}
