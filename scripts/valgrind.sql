-- A short session that exercises the whole extension, for scripts/valgrind.
CREATE EXTENSION pg_segrec;
CREATE TABLE events AS
    SELECT u AS user_id, (u * 7 + n * n * (u % 3 + 1)) % 40 AS item_id, 1 + n % 3 AS weight, timestamp '2026-01-01' + n * interval '1 day' AS at
    FROM generate_series(1::bigint, 60) u, generate_series(1::bigint, 8) n;
CREATE INDEX ON events (user_id);
CREATE TABLE people AS SELECT u AS user_id, u % 5 * 10 AS age, 'city ' || u % 3 AS city FROM generate_series(1::bigint, 60) u;
ALTER TABLE people ADD PRIMARY KEY (user_id);
SELECT segrec_create_model('shop', 'events', weight_column => 'weight', time_column => 'at', users => 'people',
    options => '{"als": {"factors": 4, "sweeps": 2}, "segmentation": {"segments": 2}}');
SELECT * FROM segrec_train('shop');
SELECT * FROM segrec_train('shop', 'always');
SELECT * FROM segrec_recommend(3::bigint, 5);
INSERT INTO events VALUES (3, 7, 1, '2026-02-01'), (1000, 7, 1, '2026-02-01');
SELECT * FROM segrec_recommend(3::bigint, 5, diversity => 0.5);
SELECT * FROM segrec_recommend(1000::bigint, 5, explore => 0.5);
SELECT * FROM segrec_recommend_for(ARRAY[1, 2]::bigint[], 5, candidates => ARRAY[3, 4, 5]::bigint[]);
SELECT count(*) FROM segrec_recommend_all('shop', 3);
SELECT * FROM segrec_similar_items(7::bigint);
SELECT * FROM segrec_explain(3::bigint, 8::bigint);
SELECT * FROM segrec_evaluate('shop');
SELECT segrec_create_model('people', users => 'people', options => '{"segmentation": {"method": "hierarchical", "segments": 3}}');
SELECT * FROM segrec_train('people');
SELECT segrec_assign(clusters, ARRAY[1, 2]::real[]), clusters::text
FROM (SELECT segrec_kmeans(ARRAY[user_id, item_id]::real[], 3) AS clusters FROM events) AS aggregated;
SELECT segrec_rollback('shop');
SELECT segrec_drop_model('shop');
