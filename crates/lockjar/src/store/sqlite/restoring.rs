//! A database that was put back from a backup, in which sessions are alive that were ended after it was made.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use sqlx::ConnectOptions as _;
use sqlx::sqlite::SqliteConnectOptions;

use super::moving::{execute, no_triggers};
use super::{Doing, SqliteStore, file, query, query_as};
use crate::clock::Timestamp;
use crate::error::StoreError;
use crate::store::{Restored, Result, Store as _};

const DOING: &str = "restoring the database";

impl SqliteStore {
    /// Makes another store of a database that came from a backup: every session and every signing key ends, so that nothing
    /// comes back that was revoked since. A node that serves from it forgets what it knew.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn restore(&self, now: Timestamp) -> Result<Restored> {
        let mut tx = self.begin(DOING).await?;
        // What a copy that was under way when the backup was made had noted is nobody's any longer.
        execute(&mut tx, no_triggers(), DOING).await?;
        execute(&mut tx, ANOTHER_STORE.to_owned(), DOING).await?;
        let sessions = query("DELETE FROM sessions")
            .execute(&mut *tx)
            .doing(DOING)
            .await?;
        query("UPDATE keys SET revoked_at = $1 WHERE revoked_at IS NULL")
            .bind(now.as_millis())
            .execute(&mut *tx)
            .doing(DOING)
            .await?;
        // Above every epoch that there was after the backup, under which sessions may be kept elsewhere.
        let users = query("UPDATE users SET epoch = max(epoch + 1, $1)")
            .bind(now.as_millis())
            .execute(&mut *tx)
            .doing(DOING)
            .await?;
        tx.commit().doing(DOING).await?;
        Ok(Restored {
            users: users.rows_affected(),
            sessions: sessions.rows_affected(),
        })
    }

    /// Puts a backup in the place of `sqlite://FILE`, where no file is, [restored](Self::restore). The file is there when all
    /// of that is done, and not before.
    ///
    /// # Errors
    /// When there is a database already, or the backup is none.
    pub async fn restore_file(backup: &Path, url: &str, now: Timestamp) -> Result<Restored> {
        let path = Self::file(url).map_err(|error| StoreError::unavailable(error.to_string()))?;
        refuse_to_overwrite(&path)?;
        let unfinished = beside(&path, ".restoring");
        // What one that was killed has left.
        remove_database(&unfinished);
        let done = restore_as(&unfinished, backup, &path, now).await;
        remove_database(&unfinished);
        done
    }
}

/// A gap in the feed, wherever a node that runs has read up to.
const ANOTHER_STORE: &str = "
    UPDATE store SET id = randomblob(16), copying_to = NULL;
    DELETE FROM devices;
    DELETE FROM one_time_tokens;
    DELETE FROM throttles;
    DELETE FROM copy_log;
    DELETE FROM changes;
    INSERT INTO sqlite_sequence (name, seq) SELECT 'changes', 0
        WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'changes');
    UPDATE sqlite_sequence SET seq = seq + 1 + abs(random() % 1000000000000) WHERE name = 'changes';";

/// A log that lies there would be taken for the new file's own.
fn refuse_to_overwrite(path: &Path) -> Result<()> {
    let names = ["", "-wal", "-shm", "-journal"].map(|end| beside(path, end));
    match names.iter().find(|name| name.exists()) {
        None => Ok(()),
        Some(name) => Err(StoreError::unavailable(format!(
            "there is a file {} already: stop what serves from it and put it away, or name another place with --database",
            name.display()
        ))),
    }
}

/// With its log, which would be taken for that of the next file of this name.
fn remove_database(path: &Path) {
    for end in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(beside(path, end));
    }
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

async fn restore_as(
    unfinished: &Path,
    backup: &Path,
    path: &Path,
    now: Timestamp,
) -> Result<Restored> {
    read_backup(backup, unfinished).await?;
    let store = SqliteStore::open_file(unfinished.to_owned()).await?;
    let restored = store.restore(now).await;
    // With the last connection the log goes into the file.
    store.close().await;
    let restored = restored?;
    let put = fs::hard_link(unfinished, path).and_then(|()| sync_folder(path));
    put.map_err(|error| StoreError::new(format!("making {}", path.display()), error))?;
    Ok(restored)
}

/// A consistent copy of it, without writing to it.
async fn read_backup(backup: &Path, target: &Path) -> Result<()> {
    let doing = || format!("reading the backup {}", backup.display());
    let failed = |error: sqlx::Error| StoreError::new(doing(), error);
    let made = file::create_new_private(target);
    made.map_err(|error| StoreError::new(format!("making {}", target.display()), error))?;
    let target = std::path::absolute(target).map_err(|error| StoreError::new(doing(), error))?;
    let name = target
        .to_str()
        .ok_or_else(|| StoreError::new(doing(), "the path is not UTF-8"))?;
    let options = SqliteConnectOptions::new()
        .filename(backup)
        .read_only(true)
        .disable_statement_logging();
    let mut connection = options.connect().await.map_err(failed)?;
    let ours: Option<(i64,)> =
        query_as("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = '_sqlx_migrations'")
            .fetch_optional(&mut connection)
            .await
            .map_err(failed)?;
    if ours.is_none() {
        return Err(StoreError::new(doing(), "it is no database of Lockjar's"));
    }
    query("VACUUM INTO ?")
        .bind(name.to_owned())
        .execute(&mut connection)
        .await
        .map(drop)
        .map_err(failed)
}

/// The file's new name is on disk as well.
fn sync_folder(path: &Path) -> std::io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}
