-- Run after loading, so that tables are in the state of those in production.

CREATE INDEX ON events (user_id);
VACUUM ANALYZE events;
VACUUM ANALYZE test;
CHECKPOINT;
