-- One row: what this database is.
CREATE TABLE store (
    one        INTEGER NOT NULL PRIMARY KEY DEFAULT 1 CHECK (one = 1),
    -- Another id is another store, whatever its name.
    id         BLOB    NOT NULL CHECK (length(id) = 16),
    -- The store that `copy_log` is kept for.
    copying_to BLOB    CHECK (length(copying_to) = 16),
    -- Where it went. From then on it serves nobody: the tables of accounts, sessions and keys have other names, so that
    -- no statement of a program that does not know of this finds them either.
    moved_to   TEXT,
    -- The other store may have opened, so that nothing here is the truth any longer.
    moved      INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO store (id) VALUES (randomblob(16));

-- Rows that were written since a copy began: 1 accounts, 2 sessions, 3 refresh chains, 4 the keys, all of them. Filled by
-- triggers, which `lockjar copy` makes.
CREATE TABLE copy_log (
    kind INTEGER NOT NULL,
    id   BLOB    NOT NULL,
    -- Another one with each change: what was written again since it was read stays.
    mark INTEGER NOT NULL,
    PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;
