-- Subscribers of a film service, to find segments in: 1,200 rows with a column of every kind and no
-- events.
--
-- Three groups are hidden in them: students, families and retired people. The table survey knows it of
-- every ninth, who were asked; the table hidden_groups knows it of all, so that what is found can be held
-- against what was planted. Every draw is a hash: the same rows on every machine.

CREATE TABLE subscribers AS
SELECT id,
       CASE hidden WHEN 1 THEN 22 WHEN 2 THEN 39 ELSE 69 END + ((a + b - 1) * 7)::int AS age,
       CASE WHEN c < 0.1 THEN 'Austria' WHEN c < 0.5 THEN 'Germany' ELSE 'France' END AS country,
       CASE WHEN d < 0.85 THEN (ARRAY['basic', 'family', 'standard'])[hidden] ELSE 'standard' END AS plan,
       CASE hidden WHEN 1 THEN 34 WHEN 2 THEN 18 ELSE 55 END + ((b + c - 1) * 16)::int AS hours,
       round((CASE hidden WHEN 2 THEN 0.6 ELSE 0.1 END + (a - 0.5) * 0.2)::numeric, 2) AS kids_share,
       CASE WHEN a < 0.1 THEN NULL ELSE (hidden = 3) <> (d < 0.2) END AS newsletter,
       date '2026-06-30' - (CASE hidden WHEN 1 THEN 200 ELSE 900 END + (d * 180)::int) AS joined
FROM (SELECT id, CASE WHEN id % 20 < 9 THEN 1 WHEN id % 20 < 16 THEN 2 ELSE 3 END AS hidden,
             ('x' || substr(md5('a' || id), 1, 6))::bit(24)::int / 16777216.0 AS a,
             ('x' || substr(md5('b' || id), 1, 6))::bit(24)::int / 16777216.0 AS b,
             ('x' || substr(md5('c' || id), 1, 6))::bit(24)::int / 16777216.0 AS c,
             ('x' || substr(md5('d' || id), 1, 6))::bit(24)::int / 16777216.0 AS d
      FROM generate_series(1::bigint, 1200) AS id) AS drawn;

ALTER TABLE subscribers ADD PRIMARY KEY (id);

CREATE TABLE hidden_groups AS
SELECT id, CASE WHEN id % 20 < 9 THEN 'student' WHEN id % 20 < 16 THEN 'family' ELSE 'retired' END AS hidden
FROM subscribers;

CREATE TABLE survey AS SELECT id, hidden AS answer FROM hidden_groups WHERE id % 9 = 0;
ALTER TABLE survey ADD PRIMARY KEY (id);

ANALYZE subscribers;
