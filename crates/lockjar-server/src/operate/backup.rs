//! `lockjar backup FILE`

use std::path::Path;
use std::process::ExitCode;

use lockjar::store::Store;
use lockjar::store::sqlite::SqliteStore;

use super::must_exist;
use crate::Outcome;
use crate::config::Config;
use crate::output::say;

pub(crate) async fn backup(config: &Config, target: &Path) -> Outcome {
    must_exist(config)?;
    let store = SqliteStore::open(config.database()).await?;
    let copied = store.backup(target).await;
    store.close().await;
    copied?;
    say(target.display())?;
    Ok(ExitCode::SUCCESS)
}
