-- Factors as vectors, stored inline: the items once without an index and once with one. Eight clients keep two
-- processors busy, so parallel workers would only slow them down.

CREATE EXTENSION vector;
CREATE TABLE users (user_id bigint PRIMARY KEY, factors vector(128) NOT NULL);
CREATE TABLE items (item_id bigint PRIMARY KEY, factors vector(128) NOT NULL);
ALTER TABLE items ALTER factors SET STORAGE PLAIN;
ALTER TABLE users ALTER factors SET STORAGE PLAIN;
CREATE TABLE indexed (LIKE items INCLUDING ALL);
-- The items that users have, which are excluded from their lists.
CREATE TABLE seen (user_id bigint NOT NULL, item_id bigint NOT NULL, PRIMARY KEY (user_id, item_id));
ALTER SYSTEM SET max_parallel_workers_per_gather = 0;
ALTER SYSTEM SET hnsw.ef_search = 40;
ALTER SYSTEM SET hnsw.iterative_scan = relaxed_order;
SELECT pg_reload_conf() \g /dev/null

-- The exact best 20 of some users, and the share of them that the index finds.
CREATE VIEW sampled_lists AS
SELECT user_id, nearest.item_id
FROM (SELECT * FROM users WHERE user_id % 150 = 0) AS sampled
CROSS JOIN LATERAL (SELECT item_id FROM items ORDER BY items.factors <#> sampled.factors LIMIT 20) AS nearest;

CREATE VIEW recall AS
SELECT round(avg((found.item_id IS NOT NULL)::int), 4) AS recall
FROM sampled_lists
LEFT JOIN (
    SELECT user_id, nearest.item_id
    FROM (SELECT * FROM users WHERE user_id % 150 = 0) AS sampled
    CROSS JOIN LATERAL (SELECT item_id FROM indexed ORDER BY indexed.factors <#> sampled.factors LIMIT 20) AS nearest
) AS found USING (user_id, item_id);
