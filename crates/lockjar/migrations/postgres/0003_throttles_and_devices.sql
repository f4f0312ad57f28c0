-- What names and networks are keyed by: 256 random bits, from the first node that needs them.
ALTER TABLE store ADD COLUMN throttle_key BYTEA CHECK (octet_length(throttle_key) = 32);

-- Attempts, by an HMAC of the account's name or of the network that they came from.
CREATE TABLE throttles (
    key        BYTEA   NOT NULL PRIMARY KEY CHECK (octet_length(key) = 16),
    of_account BOOLEAN NOT NULL,
    -- Whether an account had the name when it was last counted. What is counted of others makes way when there is too much.
    is_known   BOOLEAN NOT NULL,
    -- Consecutive failures of strangers at an account.
    failures   BIGINT  NOT NULL,
    -- Of an account: when the next attempt may come. Of a network: when all of its allowance is there again.
    at         BIGINT  NOT NULL
);
CREATE INDEX throttles_by_time ON throttles (at) WHERE NOT of_account;
CREATE INDEX throttles_by_failures ON throttles (failures, at) WHERE of_account AND NOT is_known;

-- Browsers on which somebody has logged in to an account.
CREATE TABLE devices (
    id       BYTEA  NOT NULL PRIMARY KEY CHECK (octet_length(id) = 16),
    -- SHA-256 of what the browser shows.
    token    BYTEA  NOT NULL CHECK (octet_length(token) = 32),
    user_id  BYTEA  NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- Consecutive failures since the last log-in.
    failures BIGINT NOT NULL,
    seen_at  BIGINT NOT NULL,
    UNIQUE (token, user_id)
);
CREATE INDEX devices_of_user ON devices (user_id);
