//! Brings the schema up to date, by however many nodes at once, and says whether this program can live with it.
//!
//! All of it is one transaction under an advisory lock of that transaction, which works through a pooler as well. A newer
//! Lockjar's schema is no reason to refuse: migrations first *expand*, so that nodes of both versions work on it, and a later
//! release *contracts*, raising `store.requires` to the version that a program must know of by then.

use std::sync::Arc;

use sqlx::migrate::Migrator;

use super::pool::{Pool, Tx, execute};
use super::{Doing, query, query_as};
use crate::error::StoreError;
use crate::store::Result;

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

/// Any number that no other program on the database uses.
const LOCK: &str = "SELECT pg_advisory_xact_lock(7237120445012)";
const TABLE: &str = "CREATE SCHEMA IF NOT EXISTS lockjar;
                     CREATE TABLE IF NOT EXISTS lockjar.migrations (version BIGINT PRIMARY KEY, checksum BYTEA NOT NULL)";
const DOING: &str = "bringing the database's schema up to date";

pub(super) const FILLING: &str =
    "the database is being filled by `lockjar copy`: let that end first, by the same command";

/// What to think of a database that is being filled by a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filling {
    IsRefused,
    /// By the copy itself.
    IsFine,
}

/// Whether [`run`] would succeed, without changing anything.
pub(super) async fn check(tx: &mut Tx) -> Result<()> {
    check_server(tx).await?;
    let (is_there,): (bool,) = query_as("SELECT to_regclass('lockjar.migrations') IS NOT NULL")
        .fetch_one(&mut **tx)
        .doing(DOING)
        .await?;
    match is_there {
        true => missing(tx, Filling::IsRefused).await.map(drop),
        false => Ok(()),
    }
}

pub(super) async fn run(pool: &Arc<Pool>, filling: Filling) -> Result<()> {
    let mut tx = pool.begin("connecting to the database").await?;
    check_server(&mut tx).await?;
    // Ten nodes wait for the one that was first, and a migration may take its time.
    execute(&mut tx, "SET LOCAL statement_timeout = 0")
        .doing(DOING)
        .await?;
    tokio::time::timeout(
        std::time::Duration::from_secs(600),
        migrate(&mut tx, filling),
    )
    .await
    .map_err(|_| StoreError::new(DOING, "it took longer than ten minutes"))??;
    tx.commit().doing(DOING).await
}

async fn migrate(tx: &mut Tx, filling: Filling) -> Result<()> {
    let failed = |error| StoreError::new(DOING, error);
    execute(tx, LOCK).await.map_err(failed)?;
    execute(tx, TABLE).await.map_err(failed)?;
    for migration in missing(tx, filling).await? {
        apply(tx, migration).await?;
    }
    Ok(())
}

/// What has to be applied still, if this program can live with what has been.
async fn missing(tx: &mut Tx, filling: Filling) -> Result<Vec<&'static sqlx::migrate::Migration>> {
    let applied: Vec<(i64, Vec<u8>)> =
        query_as("SELECT version, checksum FROM migrations ORDER BY version")
            .fetch_all(&mut **tx)
            .doing(DOING)
            .await?;
    let (requires, is_filling) = state(tx, !applied.is_empty()).await?;
    check_version(requires)?;
    if is_filling && filling == Filling::IsRefused {
        return Err(StoreError::unavailable(FILLING));
    }
    let mut missing = Vec::new();
    for migration in MIGRATIONS.iter() {
        match applied
            .iter()
            .find(|(version, _)| *version == migration.version)
        {
            // Its tables have other names.
            None if is_filling => {
                return Err(StoreError::unavailable(
                    "the database is being filled by an older Lockjar: end the copy with that, or begin with an empty database",
                ));
            }
            None => missing.push(migration),
            Some((_, checksum)) if *checksum == *migration.checksum => {}
            Some((version, _)) => {
                return Err(StoreError::unavailable(format!(
                    "migration {version} of the database is not the one that this Lockjar knows"
                )));
            }
        }
    }
    Ok(missing)
}

/// The version that it requires, and whether it is being filled.
async fn state(tx: &mut Tx, is_there: bool) -> Result<(i64, bool)> {
    if !is_there {
        return Ok((0, false));
    }
    let row = query_as("SELECT requires, filling FROM store")
        .fetch_optional(&mut **tx)
        .doing(DOING)
        .await?;
    Ok(row.unwrap_or((0, false)))
}

async fn apply(tx: &mut Tx, migration: &sqlx::migrate::Migration) -> Result<()> {
    let failed = |error| StoreError::new(DOING, error);
    execute(tx, migration.sql.as_str()).await.map_err(failed)?;
    query("INSERT INTO migrations (version, checksum) VALUES ($1, $2)")
        .bind(migration.version)
        .bind(migration.checksum.to_vec())
        .execute(&mut **tx)
        .doing(DOING)
        .await
        .map(drop)
}

/// Whether this program knows the schema version that the database requires.
pub(super) fn check_version(requires: i64) -> Result<()> {
    let known = MIGRATIONS.iter().map(|migration| migration.version).max();
    match known.is_some_and(|known| requires <= known) {
        true => Ok(()),
        false => Err(StoreError::unavailable(format!(
            "the database needs a Lockjar that knows schema version {requires}: run a newer one"
        ))),
    }
}

/// A server that may forget what it acknowledged, or is told by another what is true, is none for us.
pub(super) async fn check_server(tx: &mut Tx) -> Result<()> {
    let (fsync, commit, replica): (String, String, bool) = query_as(
        "SELECT current_setting('fsync'), current_setting('synchronous_commit'), pg_is_in_recovery()",
    )
    .fetch_one(&mut **tx)
    .doing("asking the database how it keeps what it is told")
    .await?;
    let refuse = |why: &str| Err(StoreError::unavailable(why));
    if replica {
        return refuse("the database is a replica: name the primary");
    }
    if fsync != "on" {
        return refuse("the database has fsync off and may lose what it acknowledged: turn it on");
    }
    if commit == "off" {
        return refuse(
            "the database has synchronous_commit off and may lose what it acknowledged: turn it on",
        );
    }
    Ok(())
}
