-- A walk through pg_segrec on the shop of examples/shop.sql, for psql: define, train, recommend,
-- read the segments, and see how good it is.

\pset linestyle unicode
\pset border 1
\pset footer off
\pset null ''
\timing off

CREATE EXTENSION IF NOT EXISTS pg_segrec;

\echo
\echo '━━ Three statements ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━'
\echo
\pset tuples_only on
SELECT format('The shop has %s customers, %s products and %s order lines. This makes it a recommender:',
              (SELECT count(*) FROM customers), (SELECT count(*) FROM products), (SELECT count(*) FROM orders));
\pset tuples_only off

\set ECHO queries
\o /dev/null
SELECT segrec_create_model('shop', events => 'orders', user_column => 'customer_id',
                           item_column => 'product_id', time_column => 'ordered_at');
\o
\echo
SELECT version, users, items, events, segments, metric, round(value::numeric, 3) AS value,
       round(baseline::numeric, 3) AS popularity, deployed, round(seconds::numeric, 1) AS seconds
FROM segrec_train('shop');

SELECT rank, item_id, score, source FROM segrec_recommend(42, n => 3);
\set ECHO none

\echo '━━ One customer ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━'
\echo
-- Somebody who is neither new nor a collector.
SELECT id AS customer, name, taste
FROM customers
JOIN hidden_tastes ON customer_id = id
WHERE taste = 'weekend hikers' AND (SELECT count(*) FROM orders WHERE orders.customer_id = customers.id) BETWEEN 14 AND 20
ORDER BY id
LIMIT 1
\gset
\echo 'What' :name '(customer' :customer') bought last, and what pg_segrec recommends:'
\echo
SELECT bought AS "bought last", recommended, category, round(score::numeric, 3) AS score, source
FROM (
    SELECT row_number() OVER (ORDER BY last DESC, name) AS rank, name AS bought
    FROM (SELECT product_id AS id, max(ordered_at) AS last FROM orders WHERE customer_id = :customer GROUP BY 1) AS own
    JOIN products USING (id)
    LIMIT 8
) AS past
FULL JOIN (
    SELECT rank, name AS recommended, category, score, source
    FROM segrec_recommend(:customer, n => 8)
    JOIN products ON id = item_id
) AS future USING (rank)
ORDER BY rank;

\echo '━━ Segments ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━'
\echo
\echo 'Groups that pg_segrec found in the orders alone, what sells in each far above the average, and'
\echo 'the hidden taste that most of its members were given when the shop was made:'
\echo
SELECT segment, users, round(100 * share::numeric) || ' %' AS share, sells, hidden.taste AS "hidden taste",
       round(100.0 * hidden.members / users) || ' %' AS "have it"
FROM segrec.segments AS segments
LEFT JOIN LATERAL (
    SELECT string_agg(name, E'\n' ORDER BY rank) AS sells
    FROM segrec.segment_items AS items
    JOIN products ON id::text = item_id
    WHERE (items.model, items.segment) = (segments.model, segments.segment) AND rank <= 3
) AS best ON true
LEFT JOIN LATERAL (
    SELECT taste, count(*) AS members
    FROM segrec.segment_members AS members
    JOIN hidden_tastes ON customer_id::text = user_id
    WHERE (members.model, members.segment) = (segments.model, segments.segment)
    GROUP BY taste
    ORDER BY members DESC
    LIMIT 1
) AS hidden ON true
WHERE model = 'shop'
ORDER BY users DESC;

\echo '━━ How good is it? ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━'
\echo
\echo 'Measured on orders that the training did not see, against always showing what sells best:'
\echo
SELECT meaning AS "of lists of ten", round(value::numeric, 3) AS "pg_segrec",
       format('%s to %s', round(ci_low::numeric, 3), round(ci_high::numeric, 3)) AS "95 % within",
       round(baseline::numeric, 3) AS "bestsellers"
FROM segrec.metrics
JOIN (VALUES (1, 'hit_rate', 'share of customers who bought something of it'),
             (2, 'recall', 'share of their purchases that it held'),
             (3, 'ndcg', 'the same, worth more in higher places')) AS words (place, metric, meaning) USING (metric)
WHERE model = 'shop' AND k = 10 AND segment IS NULL AND history IS NULL
ORDER BY place;

SELECT clock_timestamp() AS started \gset
SELECT count(DISTINCT customer) AS lists FROM generate_series(1, 1000) AS customer, segrec_recommend(customer) \gset
SELECT round(1000 * extract(epoch FROM clock_timestamp() - :'started')::numeric / :lists, 2) AS milliseconds \gset
\echo 'A list of ten takes' :milliseconds 'milliseconds, measured over' :lists 'customers.'
