-- What lets its holder set a new password, once.
CREATE TABLE one_time_tokens (
    -- SHA-256 of the token.
    token      BYTEA  NOT NULL PRIMARY KEY CHECK (octet_length(token) = 32),
    user_id    BYTEA  NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- The account's when it was made: under another it is worth nothing.
    epoch      BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX one_time_tokens_of_user ON one_time_tokens (user_id);
CREATE INDEX one_time_tokens_by_end ON one_time_tokens (expires_at);
