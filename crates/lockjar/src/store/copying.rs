//! A SQLite file moves to PostgreSQL while it serves, and nobody is logged out.
//!
//! Rows are copied page by page, while triggers note what is written meanwhile; that is followed until little of it is left.
//! Then the file is fenced: no process writes to it or reads from it any longer. The rest of the notes is followed, both
//! sides are compared, and when nobody can believe any longer what they remember of the file, the database opens.
//!
//! Started again after whatever end, [`Copy::run`] goes on where it was. Three notes make that safe: the target says of which
//! store it is a copy and how far it got, the source says for which target it notes changes, and that the target may have
//! opened, before it does.

use std::fmt;
use std::time::Duration;

use super::Result;
use super::postgres::PostgresSettings;
use super::postgres::filling::{Standing, Target};
use super::sqlite::moving::Source;
use super::travel::Tally;
use crate::error::StoreError;

pub use super::travel::Table;

/// A read of the store that a request waits for ends by then; with some more for what is slow to wake.
const LAST_READS: Duration = Duration::from_secs(3);

/// What a copy is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// So many rows of the table came, of about so many.
    Copied(Table, u64, u64),
    /// So many changes that were made meanwhile were followed.
    Followed(u64),
    /// From here on nobody serves from the source.
    Fenced,
    /// So many rows of the table are alike on both sides, of so many.
    Compared(Table, u64, u64),
    /// For so long somebody might still believe what they remember of the source.
    Waits(Duration),
}

/// What is in the target, by [`Table::ALL`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts([u64; 6]);

impl Counts {
    /// Signing keys among it.
    #[must_use]
    pub const fn keys(&self) -> u64 {
        self.0[3]
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [users, sessions, refreshes, keys, devices, _] = self.0;
        write!(
            f,
            "{users} accounts, {sessions} sessions, {refreshes} refresh chains, {keys} signing keys and {devices} known devices"
        )
    }
}

/// How a copy ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copied {
    /// The target has opened, with these rows.
    All(Counts),
    /// It had opened before.
    Before,
    /// This table is not the same on both sides. The target stays closed.
    Differs(Table),
}

type Watch<'a> = &'a mut (dyn FnMut(Step) + Send);

/// A copy from a file to a database.
pub struct Copy {
    source: Source,
    target: Target,
}

impl Copy {
    /// Opens `sqlite://FILE` and the database, and changes neither but for bringing their schemas up to date.
    ///
    /// # Errors
    /// When one of them cannot be opened.
    pub async fn open(from: &str, to: PostgresSettings) -> Result<Self> {
        let source = Source::open(from).await?;
        let target = Target::open(to, source.id()).await?;
        Ok(Self { source, target })
    }

    /// Copies, fences, compares and opens. `staleness` is that of the nodes that serve from the source; `watch` hears of
    /// each step.
    ///
    /// # Errors
    /// When the target is not empty and was not begun from this source, or one of both cannot be written. The same again
    /// goes on.
    pub async fn run(&mut self, staleness: Duration, watch: Watch<'_>) -> Result<Copied> {
        if !self.begin().await? {
            return Ok(Copied::Before);
        }
        self.copy(watch).await?;
        self.fence(watch).await?;
        let counts = match self.compare(watch).await? {
            Ok(counts) => counts,
            Err(table) => return Ok(Copied::Differs(table)),
        };
        let rest = staleness + LAST_READS;
        watch(Step::Waits(rest));
        tokio::time::sleep(rest).await;
        self.finish().await?;
        Ok(Copied::All(counts))
    }

    /// Lets go of both.
    pub async fn close(self) {
        self.source.close().await;
        self.target.close().await;
    }

    /// Takes the target and has changes noted for it. `false` where all was done before.
    async fn begin(&mut self) -> Result<bool> {
        let standing = self.target.standing().await?;
        match (standing, self.source.moved_to(), self.source.moved()) {
            (Standing::Filled, Some(_), true) => return Ok(false),
            (Standing::Filled, ..) => {
                return Err(StoreError::unavailable(
                    "the target was filled from this database before, which has come back since: serve from the target",
                ));
            }
            // The only copy may be there, or one that has gone on.
            (Standing::Empty, Some(to), true) => return Err(gone_to(to)),
            (Standing::Empty, Some(to), false) if to != self.target.address() => {
                return Err(gone_to(to));
            }
            _ => {}
        }
        self.target.claim().await?;
        let target = self.target.id().await?;
        if self.source.copying_to().await?.as_deref() != Some(&target) {
            self.target.wipe().await?;
        }
        self.source.watch(target).await?;
        Ok(true)
    }

    /// All rows as they are, each at its own time.
    async fn copy(&mut self, watch: Watch<'_>) -> Result<()> {
        let place = self.target.place().await?;
        for table in Table::ALL {
            let Some(mut after) = place.after(table) else {
                continue;
            };
            let (mut came, all) = (0, self.source.count(table).await?);
            loop {
                let rows = self.source.page(table, &after).await?;
                self.target.put(table, &rows).await?;
                let Some(last) = rows.last() else { break };
                after = last;
                came += rows.len() as u64;
                watch(Step::Copied(table, came, all.max(came)));
            }
        }
        Ok(())
    }

    /// Follows until little is left, fences, and follows to the end.
    async fn fence(&mut self, watch: Watch<'_>) -> Result<()> {
        let target = self.target.id().await?;
        let mut followed = 0;
        while self.follow(target, &mut followed, watch).await? {}
        if self.source.moved_to().is_none() {
            self.source.fence(target, self.target.address()).await?;
        }
        watch(Step::Fenced);
        while self.follow(target, &mut followed, watch).await? {}
        Ok(())
    }

    /// One batch. Whether there is more.
    async fn follow(
        &mut self,
        target: [u8; 16],
        followed: &mut u64,
        watch: Watch<'_>,
    ) -> Result<bool> {
        let batch = self.source.changes().await?;
        if batch.len() == 0 {
            return Ok(false);
        }
        self.target.follow(&batch.gone, &batch.rows).await?;
        self.source.arrived(&batch, target).await?;
        *followed += batch.len() as u64;
        watch(Step::Followed(*followed));
        Ok(batch.is_full())
    }

    /// Every row of both sides in one form: how many there are, or where they differ.
    async fn compare(&mut self, watch: Watch<'_>) -> Result<std::result::Result<Counts, Table>> {
        let mut counts = Counts::default();
        for (table, count) in Table::ALL.into_iter().zip(&mut counts.0) {
            let all = self.source.count(table).await?;
            let (mut here, mut there) = (Tally::default(), Tally::default());
            let (mut after_here, mut after_there) = (Some(Vec::new()), Some(Vec::new()));
            while after_here.is_some() || after_there.is_some() {
                if let Some(after) = after_here {
                    let rows = self.source.page(table, &after).await?;
                    here.add(&rows);
                    after_here = rows.last();
                }
                if let Some(after) = after_there {
                    let rows = self.target.page(table, &after).await?;
                    there.add(&rows);
                    after_there = rows.last();
                }
                watch(Step::Compared(table, here.rows(), all));
            }
            if here != there {
                return Ok(Err(table));
            }
            *count = here.rows();
        }
        Ok(Ok(counts))
    }

    /// The source first: were the target lost in between, an old source is better than two stores.
    async fn finish(&mut self) -> Result<()> {
        let target = self.target.id().await?;
        self.source.leave(target).await?;
        self.target.finish().await
    }
}

fn gone_to(to: &str) -> StoreError {
    StoreError::unavailable(format!(
        "this database was moved to {to} and is copied nowhere else"
    ))
}

#[cfg(test)]
mod tests;
