-- What lets its holder set a new password, once.
CREATE TABLE one_time_tokens (
    -- SHA-256 of the token.
    token      BLOB    NOT NULL PRIMARY KEY CHECK (length(token) = 32),
    user_id    BLOB    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- The account's when it was made: under another it is worth nothing.
    epoch      INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX one_time_tokens_of_user ON one_time_tokens (user_id);
CREATE INDEX one_time_tokens_by_end ON one_time_tokens (expires_at);
