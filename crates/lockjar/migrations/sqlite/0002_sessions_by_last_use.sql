-- What has been idle for too long is found without reading the whole table while the writer is held.
CREATE INDEX sessions_by_last_use ON sessions (last_seen_at);
CREATE INDEX changes_by_time ON changes (at);
