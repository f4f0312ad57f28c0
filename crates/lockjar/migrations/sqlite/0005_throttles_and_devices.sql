-- What names and networks are keyed by: 256 random bits, from the first process that needs them.
ALTER TABLE store ADD COLUMN throttle_key BLOB CHECK (length(throttle_key) = 32);

-- Attempts, by an HMAC of the account's name or of the network that they came from.
CREATE TABLE throttles (
    key        BLOB    NOT NULL PRIMARY KEY CHECK (length(key) = 16),
    of_account INTEGER NOT NULL,
    -- Whether an account had the name when it was last counted. What is counted of others makes way when there is too much.
    is_known   INTEGER NOT NULL,
    -- Consecutive failures of strangers at an account.
    failures   INTEGER NOT NULL,
    -- Of an account: when the next attempt may come. Of a network: when all of its allowance is there again.
    at         INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX throttles_by_time ON throttles (at) WHERE NOT of_account;
CREATE INDEX throttles_by_failures ON throttles (failures, at) WHERE of_account AND NOT is_known;

-- Browsers on which somebody has logged in to an account.
CREATE TABLE devices (
    id       BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    -- SHA-256 of what the browser shows.
    token    BLOB    NOT NULL CHECK (length(token) = 32),
    user_id  BLOB    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- Consecutive failures since the last log-in.
    failures INTEGER NOT NULL,
    seen_at  INTEGER NOT NULL,
    UNIQUE (token, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX devices_of_user ON devices (user_id);
