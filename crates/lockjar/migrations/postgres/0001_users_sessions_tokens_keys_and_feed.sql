-- Times are milliseconds since the Unix epoch; ids are 16 random bytes. Everything is in the schema `lockjar`, so that an
-- application's own tables can live beside it.

-- One row: what this database is.
CREATE TABLE store (
    one      BOOLEAN NOT NULL PRIMARY KEY DEFAULT true CHECK (one),
    -- Another id is another store, whatever its address.
    id       BYTEA   NOT NULL CHECK (octet_length(id) = 16),
    -- The schema version that a program must know of. A migration that programs before it cannot live with raises it.
    requires BIGINT  NOT NULL DEFAULT 1,
    -- While a copy into it is under way it serves nobody.
    filling  BOOLEAN NOT NULL DEFAULT false,
    -- Rows of the feed up to this transaction may have been deleted.
    swept    XID8    NOT NULL DEFAULT '0'
);
INSERT INTO store (id) VALUES (decode(replace(gen_random_uuid()::text, '-', ''), 'hex'));

CREATE TABLE users (
    id            BYTEA  NOT NULL PRIMARY KEY CHECK (octet_length(id) = 16),
    username      TEXT   NOT NULL,
    -- Width-mapped, lower case, Unicode form C: names that differ only by these are one name. Compared by bytes.
    username_key  TEXT   COLLATE "C" NOT NULL UNIQUE,
    -- Nobody has confirmed it, so it identifies no one and need not be unique.
    email         TEXT,
    password_hash TEXT   NOT NULL,
    -- A session of an older epoch is dead. One write here ends all of a user's sessions and log-ins in flight.
    epoch         BIGINT NOT NULL DEFAULT 0,
    created_at    BIGINT NOT NULL,
    disabled_at   BIGINT
);

CREATE TABLE sessions (
    id           BYTEA   NOT NULL PRIMARY KEY CHECK (octet_length(id) = 16),
    user_id      BYTEA   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    epoch        BIGINT  NOT NULL,
    -- SHA-256 of the secret half of the cookie's value.
    secret_hash  BYTEA   NOT NULL CHECK (octet_length(secret_hash) = 32),
    created_at   BIGINT  NOT NULL,
    last_seen_at BIGINT  NOT NULL,
    expires_at   BIGINT  NOT NULL,
    remember     BOOLEAN NOT NULL,
    user_agent   TEXT
);
CREATE INDEX sessions_by_user ON sessions (user_id, created_at);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);
CREATE INDEX sessions_by_last_use ON sessions (last_seen_at);

-- What is to be said of sessions that are kept elsewhere, such as in Redis: it holds whatever is lost or restored there.
CREATE TABLE elsewhere (
    session_id BYTEA  NOT NULL PRIMARY KEY CHECK (octet_length(session_id) = 16),
    -- A session that outlived the others of its user has moved to this epoch. Without one it has ended: a tombstone.
    epoch      BIGINT,
    -- When the session would have ended by itself, and this row may go.
    expires_at BIGINT NOT NULL
);
CREATE INDEX elsewhere_by_expiry ON elsewhere (expires_at);

-- The refresh tokens of one session: a chain that ends with it. Its family is in the session's secret_hash.
CREATE TABLE refreshes (
    session_id   BYTEA  NOT NULL PRIMARY KEY REFERENCES sessions (id) ON DELETE CASCADE,
    generation   BIGINT NOT NULL,
    -- SHA-256 of the secrets of this generation's token and of the one before.
    current      BYTEA  NOT NULL CHECK (octet_length(current) = 32),
    previous     BYTEA  CHECK (octet_length(previous) = 32),
    -- With it, and only with the token before, this generation's secret can be computed again.
    salt         BYTEA  NOT NULL CHECK (octet_length(salt) = 32),
    issued_at    BIGINT NOT NULL,
    confirmed_at BIGINT
);

CREATE TABLE keys (
    kid        TEXT   COLLATE "C" NOT NULL PRIMARY KEY,
    algorithm  TEXT   NOT NULL,
    -- The private part, encrypted under a key that is not in this database.
    sealed     BYTEA  NOT NULL,
    created_at BIGINT NOT NULL,
    signs_from BIGINT NOT NULL,
    revoked_at BIGINT
);

-- What other nodes must forget, written in the transaction that made it so. Ids say which row is which, and nothing about
-- the order in which transactions commit: for that there is `xid`.
CREATE TABLE changes (
    id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    xid        XID8   NOT NULL DEFAULT pg_current_xact_id(),
    session_id BYTEA,
    user_id    BYTEA,
    keys       BIGINT,
    at         BIGINT NOT NULL,
    CHECK (num_nonnulls(session_id, user_id, keys) = 1)
);
CREATE INDEX changes_by_transaction ON changes (xid);
CREATE INDEX changes_by_time ON changes (at);
