-- One row where this database was, or is being, filled by `lockjar copy`.
CREATE TABLE copying (
    one      BOOLEAN NOT NULL PRIMARY KEY DEFAULT true CHECK (one),
    -- The store that is copied.
    source   BYTEA   NOT NULL CHECK (octet_length(source) = 16),
    -- The process that copies: one that another took over from writes nothing more.
    run      BYTEA   NOT NULL CHECK (octet_length(run) = 16),
    -- The table being copied (1 accounts, 2 sessions, 3 refresh chains, 4 keys, 5: all were), and the last row that came.
    kind     BIGINT  NOT NULL DEFAULT 1,
    last     BYTEA   NOT NULL DEFAULT '',
    finished BOOLEAN NOT NULL DEFAULT false
);
