//! The fence of a database that was moved, after which nobody serves from it.
//!
//! It is one transaction that gives the tables other names: every statement of every process on the file that comes after it
//! fails, whatever its version, and however long it was frozen in between. So nothing that is acknowledged here is missing
//! there, and nobody is let in here who was logged out there.

use sqlx::sqlite::SqliteConnection;

use super::moving::execute;
use super::{Doing, query_as};
use crate::error::StoreError;
use crate::store::Result;
use crate::store::travel::Table;

const DOING: &str = "asking whether the database was moved";

/// Where a database went that must not be served from any longer. Its schema may be from before there was such a thing.
pub(super) async fn moved_to(connection: &mut SqliteConnection) -> Result<Option<String>> {
    let table: Option<(i64,)> =
        query_as("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'store'")
            .fetch_optional(&mut *connection)
            .doing(DOING)
            .await?;
    match table {
        None => Ok(None),
        Some(_) => note(connection).await,
    }
}

/// The same of a schema that is up to date.
async fn note(connection: &mut SqliteConnection) -> Result<Option<String>> {
    let row: Option<(Option<String>,)> = query_as("SELECT moved_to FROM store")
        .fetch_optional(connection)
        .doing(DOING)
        .await?;
    Ok(row.and_then(|(to,)| to))
}

/// Refuses a database that was moved, before its schema is brought up to date.
pub(super) async fn refuse_moved_of_any_schema(connection: &mut SqliteConnection) -> Result<()> {
    refuse(moved_to(connection).await?)
}

/// Refuses a database that was moved. Asked inside a transaction, it holds until that commits.
pub(super) async fn refuse_moved(connection: &mut SqliteConnection) -> Result<()> {
    refuse(note(connection).await?)
}

fn refuse(moved_to: Option<String>) -> Result<()> {
    moved_to.map_or(Ok(()), |to| Err(moved(&to)))
}

fn moved(to: &str) -> StoreError {
    StoreError::unavailable(format!(
        "this database was moved to {to}: serve from there, once `lockjar copy` has ended"
    ))
}

/// All that a server decides by, the change feed with it: who cannot read that believes no cache. The audit log stays where it is,
/// to be read by other means.
const TABLES: [&str; 9] = [
    "users",
    "sessions",
    "refreshes",
    "keys",
    "devices",
    "one_time_tokens",
    "hash_schemes",
    "throttles",
    "changes",
];

/// What gives them their other names.
pub(super) fn raise() -> String {
    TABLES
        .map(|name| format!("ALTER TABLE {name} RENAME TO moved_{name};\n"))
        .concat()
}

/// The tables under their old names, for this connection alone.
pub(super) async fn look_behind(connection: &mut SqliteConnection) -> Result<()> {
    let views = Table::ALL.map(|table| {
        let name = table.name();
        format!("CREATE TEMP VIEW {name} AS SELECT * FROM main.moved_{name};")
    });
    execute(connection, views.concat(), "looking behind the fence").await
}
