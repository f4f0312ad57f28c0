-- Who did what. Accounts and sessions come and go; what is written here of them stays until it is old.
CREATE TABLE audit (
    id          BIGINT  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          BIGINT  NOT NULL,
    event       TEXT    NOT NULL,
    by_operator BOOLEAN NOT NULL,
    user_id     BYTEA,
    session_id  BYTEA,
    address     TEXT,
    request     TEXT,
    detail      TEXT,
    -- Refusals of one kind, account and address within a moment are one row.
    times       BIGINT  NOT NULL
);
CREATE INDEX audit_by_time ON audit (at);
CREATE INDEX audit_of_user ON audit (user_id, id);
CREATE INDEX audit_by_event ON audit (event, id);
