-- The tables that the benchmarks read and write.

CREATE EXTENSION pg_segrec;

CREATE TABLE events (user_id bigint NOT NULL, item_id bigint NOT NULL);
CREATE TABLE test (user_id bigint NOT NULL, item_id bigint NOT NULL);

-- The best items of each user, by method.
CREATE TABLE lists (method text NOT NULL, user_id bigint NOT NULL, rank int NOT NULL, item_id bigint NOT NULL);

-- Recall@20 and ndcg@20 of each test user, by method: gains are binary, the ideal list has min(20, |test items|) hits,
-- and a test user without a list counts as 0.
CREATE VIEW scores AS
SELECT method, user_id, hits::float8 / relevant AS recall,
       gain / (SELECT sum(1 / ln(place + 1::float8)) FROM generate_series(1, least(20, relevant)) AS place) AS ndcg
FROM (
    SELECT method, user_id, count(*) AS relevant, count(rank) AS hits,
           COALESCE(sum(1 / ln(rank + 1::float8)), 0) AS gain
    FROM (SELECT DISTINCT method FROM lists) AS methods
    CROSS JOIN test
    LEFT JOIN lists USING (method, user_id, item_id)
    GROUP BY method, user_id
) AS counted;
