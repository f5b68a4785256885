-- After loading: what a table that has been in use for a while has.

CREATE INDEX ON events (user_id);
VACUUM ANALYZE events;
VACUUM ANALYZE test;
CHECKPOINT;
