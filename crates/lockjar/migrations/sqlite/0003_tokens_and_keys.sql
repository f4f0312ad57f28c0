-- The refresh tokens of one session: a chain that ends with it. Its family is in the session's secret_hash.
CREATE TABLE refreshes (
    session_id   BLOB    NOT NULL PRIMARY KEY REFERENCES sessions (id) ON DELETE CASCADE,
    generation   INTEGER NOT NULL,
    -- SHA-256 of the secrets of this generation's token and of the one before.
    current      BLOB    NOT NULL CHECK (length(current) = 32),
    previous     BLOB    CHECK (length(previous) = 32),
    -- With it, and only with the token before, this generation's secret can be computed again.
    salt         BLOB    NOT NULL CHECK (length(salt) = 32),
    issued_at    INTEGER NOT NULL,
    confirmed_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE keys (
    kid        TEXT    NOT NULL PRIMARY KEY,
    algorithm  TEXT    NOT NULL,
    -- The private part, encrypted under a key that is not in this database.
    sealed     BLOB    NOT NULL,
    created_at INTEGER NOT NULL,
    signs_from INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT, WITHOUT ROWID;

-- The change feed also says that the keys are others.
CREATE TABLE changes_of_three_kinds (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    session_id BLOB,
    user_id    BLOB,
    keys       INTEGER,
    at         INTEGER NOT NULL,
    CHECK ((session_id IS NOT NULL) + (user_id IS NOT NULL) + (keys IS NOT NULL) = 1)
) STRICT;
INSERT INTO changes_of_three_kinds (id, session_id, user_id, at) SELECT id, session_id, user_id, at FROM changes;
DROP TABLE changes;
ALTER TABLE changes_of_three_kinds RENAME TO changes;
CREATE INDEX changes_by_time ON changes (at);
