//! The database as PostgreSQL keeps it: transactions, what a statement sees of them, and the change feed.

/// Numbers are given when a transaction begins; when it commits has nothing to do with them.
pub(crate) type Xid = u8;

pub(crate) const FIRST_XID: Xid = 1;

/// A transaction that writes one row of the feed, whose id grows with the transaction's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Transaction {
    NotBegun,
    /// Nobody else sees what it wrote.
    Open(Xid),
    Committed(Xid),
    RolledBack,
}

impl Transaction {
    const fn open(self) -> Option<Xid> {
        match self {
            Self::Open(xid) => Some(xid),
            _ => None,
        }
    }

    pub(crate) const fn committed(self) -> Option<Xid> {
        match self {
            Self::Committed(xid) => Some(xid),
            _ => None,
        }
    }
}

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// It ends the session, or all sessions of its user.
    Revocation,
    /// Its row is about somebody else. It is there to be overtaken by, and to overtake.
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Store {
    pub(crate) revocation: Transaction,
    pub(crate) other: Transaction,
}

/// What one statement that reads the feed answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Answer {
    /// Where the next reading goes on.
    pub(crate) cursor: Xid,
    /// Whether the revocation's row is among those that came.
    pub(crate) revoked: bool,
}

impl Store {
    pub(crate) const fn new() -> Self {
        Self {
            revocation: Transaction::NotBegun,
            other: Transaction::NotBegun,
        }
    }

    pub(crate) const fn transaction(&mut self, which: Which) -> &mut Transaction {
        match which {
            Which::Revocation => &mut self.revocation,
            Which::Other => &mut self.other,
        }
    }

    pub(crate) const fn commit(&mut self, which: Which) {
        let transaction = self.transaction(which);
        if let Transaction::Open(xid) = *transaction {
            *transaction = Transaction::Committed(xid);
        }
    }

    pub(crate) const fn is_revoked(&self) -> bool {
        self.revocation.committed().is_some()
    }

    /// The number that the next transaction to begin is given.
    pub(crate) fn next_xid(&self) -> Xid {
        let begun = |transaction| Xid::from(transaction != Transaction::NotBegun);
        FIRST_XID + begun(self.revocation) + begun(self.other)
    }

    fn horizon(&self) -> Xid {
        let open = [self.revocation.open(), self.other.open()];
        (open.into_iter().flatten())
            .min()
            .unwrap_or_else(|| self.next_xid())
    }

    /// The rows from `cursor` on and where to go on, as of one moment. No transaction before the horizon, PostgreSQL's
    /// `xmin`, will ever show anything new; before the greatest id that was seen, one may (a mutant).
    pub(crate) fn read(&self, cursor: Xid, by_greatest_id: bool) -> Answer {
        let visible =
            |transaction: Transaction| transaction.committed().filter(|xid| *xid >= cursor);
        let (revocation, other) = (visible(self.revocation), visible(self.other));
        let after_greatest = revocation
            .max(other)
            .map_or(cursor, |greatest| greatest + 1);
        Answer {
            cursor: if by_greatest_id {
                after_greatest
            } else {
                self.horizon()
            },
            revoked: revocation.is_some(),
        }
    }

    /// Whether the transaction that began first has let the other one commit before it.
    pub(crate) fn is_out_of_order(&self) -> bool {
        let overtaken = |open: Option<Xid>, committed: Option<Xid>| {
            open.zip(committed)
                .is_some_and(|(open, committed)| open < committed)
        };
        overtaken(self.revocation.open(), self.other.committed())
            || overtaken(self.other.open(), self.revocation.committed())
    }
}
