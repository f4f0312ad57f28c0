-- Times are milliseconds since the Unix epoch; ids are 16 random bytes.

CREATE TABLE users (
    id            BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    username      TEXT    NOT NULL,
    -- Width-mapped, lower case, Unicode form C: names that differ only by these are one name.
    username_key  TEXT    NOT NULL UNIQUE,
    -- Nobody has confirmed it, so it identifies no one and need not be unique.
    email         TEXT,
    password_hash TEXT    NOT NULL,
    -- A session of an older epoch is dead. One write here ends all of a user's sessions and log-ins in flight.
    epoch         INTEGER NOT NULL DEFAULT 0,
    created_at    INTEGER NOT NULL,
    disabled_at   INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    id           BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    user_id      BLOB    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    epoch        INTEGER NOT NULL,
    -- SHA-256 of the secret half of the cookie's value.
    secret_hash  BLOB    NOT NULL CHECK (length(secret_hash) = 32),
    created_at   INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    remember     INTEGER NOT NULL,
    user_agent   TEXT
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_by_user ON sessions (user_id, created_at);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

-- What other processes on this file must forget, written in the transaction that made it so. AUTOINCREMENT: a number
-- is never given twice, so 'after n' misses nothing.
CREATE TABLE changes (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    session_id BLOB,
    user_id    BLOB,
    at         INTEGER NOT NULL,
    CHECK ((session_id IS NULL) <> (user_id IS NULL))
) STRICT;
