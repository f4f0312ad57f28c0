//! The file as the source of a copy: what is in it, what is written to it meanwhile, and the fence after which nobody
//! serves from it.
//!
//! Triggers note every row that any process on the file writes, in the writer's own transaction.

use std::collections::HashSet;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection as _, FromRow, Sqlite, Transaction};

use super::fence::{self, look_behind, moved_to, refuse_moved};
use super::rows::bytes;
use super::{Doing, MIGRATIONS, SqliteStore, migration_error, options, query, query_as};
use crate::error::StoreError;
use crate::store::Result;
use crate::store::travel::{Rows, Table};

/// Rows of one page.
const PAGE: i64 = 1_000;
/// Rows of the log that are read at once.
const BATCH: usize = 500;
/// The copy writes little, and may wait for a server that writes much.
const PATIENCE: Duration = Duration::from_secs(30);

/// What was written since, row by row as it is now.
pub(crate) struct Batch {
    pub(crate) rows: Vec<Rows>,
    pub(crate) gone: Vec<(Table, Vec<Vec<u8>>)>,
    entries: Vec<(i64, Vec<u8>, i64)>,
}

impl Batch {
    pub(crate) const fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether more was waiting than is read at once.
    pub(crate) const fn is_full(&self) -> bool {
        self.len() == BATCH
    }
}

/// A file that is being copied.
pub(crate) struct Source {
    connection: SqliteConnection,
    id: [u8; 16],
    moved_to: Option<String>,
    moved: bool,
}

impl Source {
    pub(crate) async fn open(url: &str) -> Result<Self> {
        let path = SqliteStore::file(url).map_err(|e| StoreError::unavailable(e.to_string()))?;
        if !path.exists() {
            let path = path.display();
            return Err(StoreError::unavailable(format!(
                "there is no database at {path}"
            )));
        }
        let options = options(&path)
            .create_if_missing(false)
            .busy_timeout(PATIENCE);
        let mut connection = options.connect().doing("opening the database file").await?;
        let moved_to = moved_to(&mut connection).await?;
        match moved_to {
            None => {
                let migrated = MIGRATIONS.run(&mut connection).await;
                migrated.map_err(migration_error)?;
            }
            Some(_) => look_behind(&mut connection).await?,
        }
        let (id, moved): (Vec<u8>, bool) = query_as("SELECT id, moved FROM store")
            .fetch_one(&mut connection)
            .doing("reading which store this is")
            .await?;
        Ok(Self {
            connection,
            id: bytes(&id)?,
            moved_to,
            moved,
        })
    }

    pub(crate) const fn id(&self) -> [u8; 16] {
        self.id
    }

    /// Where it was fenced for, if it was.
    pub(crate) fn moved_to(&self) -> Option<&str> {
        self.moved_to.as_deref()
    }

    /// Whether the store that it was moved to may have opened.
    pub(crate) const fn moved(&self) -> bool {
        self.moved
    }

    /// Which store the log is kept for.
    pub(crate) async fn copying_to(&mut self) -> Result<Option<Vec<u8>>> {
        let (target,) = query_as("SELECT copying_to FROM store")
            .fetch_one(&mut self.connection)
            .doing("asking for whom changes are noted")
            .await?;
        Ok(target)
    }

    /// From here on every change is noted for this target. What was noted for another is forgotten.
    pub(crate) async fn watch(&mut self, target: [u8; 16]) -> Result<()> {
        const DOING: &str = "beginning to note changes";
        let fenced = self.moved_to.is_some();
        let mut tx = self.begin(DOING).await?;
        query("DELETE FROM copy_log WHERE (SELECT copying_to FROM store) IS NOT $1")
            .bind(target.as_slice())
            .execute(&mut *tx)
            .doing(DOING)
            .await?;
        query("UPDATE store SET copying_to = $1")
            .bind(target.as_slice())
            .execute(&mut *tx)
            .doing(DOING)
            .await?;
        if !fenced {
            execute(&mut tx, triggers(), DOING).await?;
        }
        tx.commit().doing(DOING).await
    }

    /// How many rows there are.
    pub(crate) async fn count(&mut self, table: Table) -> Result<u64> {
        let sql = format!("SELECT count(*) FROM {}", table.name());
        let (count,): (i64,) = sqlx::query_as(AssertSqlSafe(sql))
            .fetch_one(&mut self.connection)
            .doing("counting what is to be copied")
            .await?;
        Ok(count.unsigned_abs())
    }

    /// The next rows after the one with this key; from the first on, where it is empty.
    pub(crate) async fn page(&mut self, table: Table, after: &[u8]) -> Result<Rows> {
        let (columns, name, key) = (table.columns(), table.name(), table.key());
        // A text is greater than all bytes here, and the keys are few: they come at once.
        let from = match table {
            Table::Keys | Table::HashSchemes => "$1 = x''".to_owned(),
            _ => format!("{key} > $1"),
        };
        let sql = format!("SELECT {columns} FROM {name} WHERE {from} ORDER BY {key} LIMIT {PAGE}");
        rows(&mut self.connection, table, sql, Some(after)).await
    }

    /// What was written to rows that were copied already, or never, in one snapshot.
    pub(crate) async fn changes(&mut self) -> Result<Batch> {
        const DOING: &str = "reading what changed meanwhile";
        let mut tx = self.connection.begin().doing(DOING).await?;
        let log = format!("SELECT kind, id, mark FROM copy_log ORDER BY kind, id LIMIT {BATCH}");
        let entries: Vec<(i64, Vec<u8>, i64)> = sqlx::query_as(AssertSqlSafe(log.clone()))
            .fetch_all(&mut *tx)
            .doing(DOING)
            .await?;
        let mut batch = Batch {
            rows: Vec::new(),
            gone: Vec::new(),
            entries,
        };
        for table in Table::ALL {
            let (columns, name, key, kind) =
                (table.columns(), table.name(), table.key(), table.kind());
            let noted: Vec<_> = ids_of(&batch.entries, kind).collect();
            if noted.is_empty() {
                continue;
            }
            let these = match table {
                Table::Keys | Table::HashSchemes => String::new(),
                _ => format!("WHERE {key} IN (SELECT id FROM ({log}) WHERE kind = {kind})"),
            };
            let sql = format!("SELECT {columns} FROM {name} {these} ORDER BY {key}");
            let rows = rows(&mut tx, table, sql, None).await?;
            let there: HashSet<_> = rows.ids().into_iter().collect();
            let gone = noted.into_iter().filter(|id| !there.contains(id)).collect();
            batch.gone.push((table, gone));
            batch.rows.push(rows);
        }
        tx.commit().doing(DOING).await?;
        Ok(batch)
    }

    /// Strikes out what has arrived, but for what changed again.
    pub(crate) async fn arrived(&mut self, batch: &Batch, target: [u8; 16]) -> Result<()> {
        const DOING: &str = "striking out what was copied";
        let mut tx = self.begin(DOING).await?;
        check_target(&mut tx, target).await?;
        for (kind, id, mark) in &batch.entries {
            query("DELETE FROM copy_log WHERE kind = $1 AND id = $2 AND mark = $3")
                .bind(*kind)
                .bind(id.as_slice())
                .bind(*mark)
                .execute(&mut *tx)
                .doing(DOING)
                .await?;
        }
        tx.commit().doing(DOING).await
    }

    /// Ends all service from this file, for good.
    pub(crate) async fn fence(&mut self, target: [u8; 16], address: &str) -> Result<()> {
        const DOING: &str = "fencing the database";
        let mut tx = self.begin(DOING).await?;
        check_target(&mut tx, target).await?;
        refuse_moved(&mut tx).await?;
        query("UPDATE store SET moved_to = $1")
            .bind(address)
            .execute(&mut *tx)
            .doing(DOING)
            .await?;
        let fence = no_triggers() + &fence::raise();
        execute(&mut tx, fence, DOING).await?;
        tx.commit().doing(DOING).await?;
        self.moved_to = Some(address.to_owned());
        // So that a copy of the file without its log is fenced too. Readers may be in the way, which does not matter.
        let _ = query("PRAGMA wal_checkpoint(TRUNCATE)")
            .execute(&mut self.connection)
            .await;
        look_behind(&mut self.connection).await
    }

    /// Notes that the other store may have opened: from here on this one is not copied again.
    pub(crate) async fn leave(&mut self, target: [u8; 16]) -> Result<()> {
        const DOING: &str = "noting that the database has moved";
        let mut tx = self.begin(DOING).await?;
        check_target(&mut tx, target).await?;
        query("UPDATE store SET moved = 1")
            .execute(&mut *tx)
            .doing(DOING)
            .await?;
        tx.commit().doing(DOING).await?;
        self.moved = true;
        Ok(())
    }

    /// Lets go of the file.
    pub(crate) async fn close(self) {
        let _ = self.connection.close().await;
    }

    async fn begin(&mut self, doing: &'static str) -> Result<Transaction<'_, Sqlite>> {
        self.connection
            .begin_with("BEGIN IMMEDIATE")
            .doing(doing)
            .await
    }
}

/// Another copy, to another target, may have begun: the log is its own then.
async fn check_target(connection: &mut SqliteConnection, target: [u8; 16]) -> Result<()> {
    let ours: Option<(i64,)> = query_as("SELECT 1 FROM store WHERE copying_to = $1")
        .bind(target.as_slice())
        .fetch_optional(connection)
        .doing("asking for whom changes are noted")
        .await?;
    ours.map(drop).ok_or_else(|| {
        StoreError::unavailable(
            "another `lockjar copy` of this database has begun: let only one run",
        )
    })
}

/// One for each table and each way of writing to it. What is noted twice is noted once, under another mark.
fn triggers() -> String {
    let mut sql = String::new();
    for table in Table::ALL {
        let (name, kind, key) = (table.name(), table.kind(), table.key());
        for (event, row) in [("INSERT", "NEW"), ("UPDATE", "NEW"), ("DELETE", "OLD")] {
            let id = match table {
                Table::Keys | Table::HashSchemes => "x''".to_owned(),
                _ => format!("{row}.{key}"),
            };
            sql.push_str(&format!(
                "CREATE TRIGGER IF NOT EXISTS copy_{name}_{event} AFTER {event} ON {name} BEGIN
                     DELETE FROM copy_log WHERE kind = {kind} AND id = {id};
                     INSERT INTO copy_log (kind, id, mark) VALUES ({kind}, {id}, random());
                 END;\n"
            ));
        }
    }
    sql
}

/// The end of them.
pub(super) fn no_triggers() -> String {
    let names = Table::ALL.map(Table::name);
    let each = |name: &str| {
        ["INSERT", "UPDATE", "DELETE"]
            .map(|event| format!("DROP TRIGGER IF EXISTS copy_{name}_{event};\n"))
            .concat()
    };
    names.map(each).concat()
}

fn ids_of(entries: &[(i64, Vec<u8>, i64)], kind: i64) -> impl Iterator<Item = Vec<u8>> {
    let these = entries.iter().filter(move |(of, ..)| *of == kind);
    these.map(|(_, id, _)| id.clone())
}

pub(super) async fn execute(
    connection: &mut SqliteConnection,
    sql: String,
    doing: &'static str,
) -> Result<()> {
    // It is made of the constants of this folder.
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(connection)
        .doing(doing)
        .await
        .map(drop)
}

async fn rows(
    connection: &mut SqliteConnection,
    table: Table,
    sql: String,
    after: Option<&[u8]>,
) -> Result<Rows> {
    Ok(match table {
        Table::Users => Rows::Users(fetch(connection, sql, after).await?),
        Table::Sessions => Rows::Sessions(fetch(connection, sql, after).await?),
        Table::Refreshes => Rows::Refreshes(fetch(connection, sql, after).await?),
        Table::Keys => Rows::Keys(fetch(connection, sql, after).await?),
        Table::Devices => Rows::Devices(fetch(connection, sql, after).await?),
        Table::HashSchemes => Rows::HashSchemes(fetch(connection, sql, after).await?),
    })
}

async fn fetch<R: for<'r> FromRow<'r, SqliteRow> + Send + Unpin>(
    connection: &mut SqliteConnection,
    sql: String,
    after: Option<&[u8]>,
) -> Result<Vec<R>> {
    // As above.
    let asked = sqlx::query_as(AssertSqlSafe(sql));
    let asked = match after {
        Some(after) => asked.bind(after.to_vec()),
        None => asked,
    };
    asked
        .fetch_all(connection)
        .doing("reading what is to be copied")
        .await
}
