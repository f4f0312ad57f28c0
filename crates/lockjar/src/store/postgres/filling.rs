//! A database that is being filled by a copy, which serves nobody until it is whole.
//!
//! As long as that takes its tables of accounts, sessions and keys have other names, so that a node which was connected before
//! finds nothing to read and nowhere to write. Each page notes in its own transaction how far the copy got, and that it is
//! still this process that copies: one that another took over from writes nothing more.

use std::sync::Arc;

use super::migrations::{self, Filling};
use super::pool::{Pool, Tx, execute};
use super::rows::bytes;
use super::{Doing, PostgresSettings, pages, query, query_as};
use crate::error::StoreError;
use crate::store::Result;
use crate::store::travel::{Rows, Table};

/// All tables have arrived, in the numbering of [`Table::kind`].
const ALL_CAME: i64 = 7;
/// Two, of which one is enough: a copy does one thing after the other.
const CONNECTIONS: usize = 2;

/// How a database stands to a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// A store that has nothing in it.
    Empty,
    /// It is being filled from this source.
    Filling,
    /// It was filled from this source, and has opened.
    Filled,
}

/// How far a copy got: this table, up to this row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    kind: i64,
    last: Vec<u8>,
}

impl Place {
    /// After which row of the table to go on; none if all of it is there.
    pub(crate) fn after(&self, table: Table) -> Option<Vec<u8>> {
        match table.kind().cmp(&self.kind) {
            std::cmp::Ordering::Less => None,
            std::cmp::Ordering::Equal => Some(self.last.clone()),
            std::cmp::Ordering::Greater => Some(Vec::new()),
        }
    }
}

/// A database to be filled.
pub(crate) struct Target {
    pool: Arc<Pool>,
    address: String,
    source: [u8; 16],
    run: [u8; 16],
}

impl Target {
    /// Connects, and brings the schema up to date where it is no copy's.
    pub(crate) async fn open(settings: PostgresSettings, source: [u8; 16]) -> Result<Self> {
        let address = settings.to_string();
        let pool = Pool::new(settings.database, CONNECTIONS);
        migrations::run(&pool, Filling::IsFine).await?;
        Ok(Self {
            pool,
            address,
            source,
            run: crate::id::random(),
        })
    }

    /// Where it is, without user and password.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// What it is to this copy; an error for what is somebody else's.
    pub(crate) async fn standing(&self) -> Result<Standing> {
        let mut tx = self.begin("looking at the target").await?;
        let standing = self.standing_in(&mut tx).await?;
        tx.commit().doing("looking at the target").await?;
        Ok(standing)
    }

    async fn standing_in(&self, tx: &mut Tx) -> Result<Standing> {
        const DOING: &str = "looking at the target";
        let (filling,): (bool,) = query_as("SELECT filling FROM store FOR UPDATE")
            .fetch_one(&mut **tx)
            .doing(DOING)
            .await?;
        let ours: Option<(bool,)> = query_as("SELECT finished FROM copying WHERE source = $1")
            .bind(self.source.as_slice())
            .fetch_optional(&mut **tx)
            .doing(DOING)
            .await?;
        match (filling, ours) {
            (true, Some(_)) => Ok(Standing::Filling),
            (true, None) => Err(StoreError::unavailable(
                "the target is being filled from another database: name an empty one",
            )),
            (false, Some((true,))) => Ok(Standing::Filled),
            (false, _) => match pages::is_empty(tx).await? {
                true => Ok(Standing::Empty),
                false => Err(StoreError::unavailable(
                    "the target is not empty: name a database in which there are no accounts, sessions and keys",
                )),
            },
        }
    }

    /// Takes an empty database, or one that an earlier process had begun to fill, and from now on alone.
    pub(crate) async fn claim(&self) -> Result<()> {
        const DOING: &str = "taking the target";
        let mut tx = self.begin(DOING).await?;
        match self.standing_in(&mut tx).await? {
            Standing::Filled => Ok(()),
            Standing::Filling => {
                query("UPDATE copying SET run = $1")
                    .bind(self.run.as_slice())
                    .execute(&mut *tx)
                    .doing(DOING)
                    .await?;
                tx.commit().doing(DOING).await
            }
            Standing::Empty => {
                // Whoever is writing is waited for, and what they have written is seen.
                execute(&mut tx, pages::HIDE).doing(DOING).await?;
                if !pages::is_empty_while_hidden(&mut tx).await? {
                    return Err(StoreError::unavailable(
                        "the target is not empty any longer",
                    ));
                }
                query("INSERT INTO copying (source, run) VALUES ($1, $2) ON CONFLICT (one) DO UPDATE
                       SET source = excluded.source, run = excluded.run, kind = 1, last = '', finished = false")
                    .bind(self.source.as_slice())
                    .bind(self.run.as_slice())
                    .execute(&mut *tx)
                    .doing(DOING)
                    .await?;
                execute(&mut tx, BEGIN_FILLING).doing(DOING).await?;
                tx.commit().doing(DOING).await
            }
        }
    }

    /// Which store this is.
    pub(crate) async fn id(&self) -> Result<[u8; 16]> {
        const DOING: &str = "asking which store the target is";
        let mut tx = self.begin(DOING).await?;
        let (id,): (Vec<u8>,) = query_as("SELECT id FROM store")
            .fetch_one(&mut *tx)
            .doing(DOING)
            .await?;
        tx.commit().doing(DOING).await?;
        bytes(&id)
    }

    /// Begins again: what has arrived was not followed by what changed since.
    pub(crate) async fn wipe(&self) -> Result<()> {
        const DOING: &str = "emptying the target";
        let mut tx = self.hold(DOING).await?;
        execute(&mut tx, pages::WIPE).doing(DOING).await?;
        query("UPDATE copying SET kind = 1, last = ''")
            .execute(&mut *tx)
            .doing(DOING)
            .await?;
        tx.commit().doing(DOING).await
    }

    /// How far it got.
    pub(crate) async fn place(&self) -> Result<Place> {
        const DOING: &str = "asking how far the copy got";
        let mut tx = self.begin(DOING).await?;
        let (kind, last) = query_as("SELECT kind, last FROM copying")
            .fetch_one(&mut *tx)
            .doing(DOING)
            .await?;
        tx.commit().doing(DOING).await?;
        Ok(Place { kind, last })
    }

    /// Writes a page, and that it came; an empty one says that all of the table did.
    pub(crate) async fn put(&self, table: Table, rows: &Rows) -> Result<()> {
        const DOING: &str = "writing to the target";
        let mut tx = self.hold(DOING).await?;
        let (kind, last) = match rows.last() {
            Some(last) => (table.kind(), last),
            None => (table.kind() + 1, Vec::new()),
        };
        if rows.len() > 0 {
            pages::put(&mut tx, rows).await?;
        }
        query("UPDATE copying SET kind = $1, last = $2")
            .bind(kind)
            .bind(last)
            .execute(&mut *tx)
            .doing(DOING)
            .await?;
        tx.commit().doing(DOING).await
    }

    /// Does to rows what was done to them at the source meanwhile. What went goes first: a new account may have the name of
    /// one that is gone.
    pub(crate) async fn follow(&self, gone: &[(Table, Vec<Vec<u8>>)], rows: &[Rows]) -> Result<()> {
        const DOING: &str = "writing to the target what changed meanwhile";
        let mut tx = self.hold(DOING).await?;
        for (table, ids) in gone {
            pages::delete(&mut tx, *table, ids).await?;
        }
        for rows in rows {
            pages::put(&mut tx, rows).await?;
        }
        tx.commit().doing(DOING).await
    }

    /// The next rows after the one with this key.
    pub(crate) async fn page(&self, table: Table, after: &[u8]) -> Result<Rows> {
        let mut tx = self.begin("reading what was copied").await?;
        let rows = pages::page(&mut tx, table, after).await?;
        tx.commit().doing("reading what was copied").await?;
        Ok(rows)
    }

    /// Lets it serve. It is another store than the empty one that it was: a node that knew that one forgets it.
    pub(crate) async fn finish(&self) -> Result<()> {
        const DOING: &str = "opening the target";
        let mut tx = self.hold(DOING).await?;
        execute(&mut tx, pages::SHOW).doing(DOING).await?;
        execute(&mut tx, END_FILLING).doing(DOING).await?;
        tx.commit().doing(DOING).await
    }

    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }

    async fn begin(&self, doing: &'static str) -> Result<Tx> {
        self.pool.begin(doing).await
    }

    /// A transaction in which nobody else fills this database.
    async fn hold(&self, doing: &'static str) -> Result<Tx> {
        let mut tx = self.begin(doing).await?;
        let held: Option<(bool,)> = query_as(
            "SELECT finished FROM copying WHERE source = $1 AND run = $2 AND kind <= $3 FOR UPDATE",
        )
        .bind(self.source.as_slice())
        .bind(self.run.as_slice())
        .bind(ALL_CAME)
        .fetch_optional(&mut *tx)
        .doing(doing)
        .await?;
        match held {
            Some((false,)) => Ok(tx),
            _ => Err(StoreError::unavailable(
                "another `lockjar copy` has taken over: let only one run",
            )),
        }
    }
}

const BEGIN_FILLING: &str = "UPDATE store SET filling = true, id = decode(replace(gen_random_uuid()::text, '-', ''), 'hex')";
const END_FILLING: &str = "UPDATE copying SET finished = true;
    UPDATE store SET filling = false, id = decode(replace(gen_random_uuid()::text, '-', ''), 'hex')";
