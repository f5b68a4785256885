-- A marketplace to try things on, as applications have them: 50 shops, 1,500 products in variants, 3,000 customers with
-- uuids, orders with lines, and pages that were looked at: some 100,000 events in three seconds.
--
-- Customers have two favourite categories that the market does not know. They look at more than they buy; groceries and
-- coffee they buy again, each at a rhythm. Products are sold out at times, and some are new. Every draw is a hash of its
-- name: the same rows on every machine and every PostgreSQL version. docs/recipes.md works on it.

CREATE TABLE shops (
    id   int PRIMARY KEY,
    name text NOT NULL
);

CREATE TABLE customers (
    id         uuid PRIMARY KEY,
    name       text NOT NULL,
    country    text NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);

CREATE TABLE products (
    id         bigint PRIMARY KEY,
    shop_id    int NOT NULL REFERENCES shops,
    parent_id  bigint NOT NULL, -- the same for all sizes of a product
    name       text NOT NULL,
    category   text NOT NULL,
    price      numeric(8, 2) NOT NULL,
    in_stock   boolean NOT NULL,
    created_at timestamptz NOT NULL
);

CREATE TABLE orders (
    id          bigint PRIMARY KEY,
    customer_id uuid NOT NULL REFERENCES customers,
    ordered_at  timestamptz NOT NULL
);

CREATE TABLE order_items (
    order_id   bigint NOT NULL REFERENCES orders,
    product_id bigint NOT NULL REFERENCES products,
    quantity   int NOT NULL,
    PRIMARY KEY (order_id, product_id)
);

CREATE TABLE page_views (
    id          bigint PRIMARY KEY,
    customer_id uuid NOT NULL REFERENCES customers,
    product_id  bigint NOT NULL REFERENCES products,
    viewed_at   timestamptz NOT NULL
);

-- A number in (0, 1) that is a pure function of its key.
CREATE FUNCTION pg_temp.draw(key text) RETURNS float8 IMMUTABLE LANGUAGE sql
    RETURN (('x' || left(md5(key), 8))::bit(32)::bigint + 0.5) / 4294967296.0;

CREATE TEMP TABLE kinds (number int PRIMARY KEY, category text, thing text, price float8, rhythm interval);
INSERT INTO kinds VALUES
(0, 'Groceries', 'Organic Pasta', 4, '21 days'), (1, 'Coffee', 'Espresso Beans', 12, '28 days'),
(2, 'Running', 'Road Shoes', 95, NULL), (3, 'Cycling', 'Jersey', 60, NULL), (4, 'Camping', 'Sleeping Bag', 110, NULL),
(5, 'Garden', 'Watering Can', 18, NULL), (6, 'Board Games', 'Strategy Game', 35, NULL), (7, 'Books', 'Novel', 13, NULL),
(8, 'Photography', 'Camera Strap', 40, NULL), (9, 'Kids', 'Rain Boots', 24, NULL);

INSERT INTO shops SELECT number, 'Shop ' || to_char(number, 'FM00') FROM generate_series(1, 50) AS number;

-- Products: each shop sells things of two kinds, most of them in some sizes ------------------------------------------

INSERT INTO products
SELECT row_number() OVER (ORDER BY parent, size), shop, parent,
       format('%s no. %s, size %s', thing, parent, (ARRAY['S', 'M', 'L', 'XL'])[size]), category,
       greatest(2, round((price * (0.6 + 0.8 * pg_temp.draw('price ' || parent)))::numeric)) - 0.10,
       pg_temp.draw('stock ' || parent || size) < 0.93,
       -- two thirds are older than all orders
       timestamptz '2025-01-01 00:00 UTC' + interval '540 days' * greatest(0, pg_temp.draw('since ' || parent) * 3 - 2)
FROM generate_series(1, 600) AS parent
CROSS JOIN LATERAL (SELECT 1 + parent % 50 AS shop) AS sold
JOIN kinds ON number = (shop + parent / 50 % 2 * 3) % 10
CROSS JOIN LATERAL generate_series(1, 1 + floor(4 * pg_temp.draw('sizes ' || parent))::int) AS size;

-- The products of each kind in the order of a number in (0, 1), by which a draw finds one: a long tail.
CREATE TEMP TABLE chances AS
SELECT number AS kind, id AS product_id,
       sum(weight) OVER (PARTITION BY number ORDER BY id) / sum(weight) OVER (PARTITION BY number) AS up_to
FROM (SELECT number, id, least(12, pg_temp.draw('popularity ' || parent_id) ^ -0.7) * pg_temp.draw('size ' || id) AS weight
      FROM products JOIN kinds USING (category)) AS weighted;
CREATE UNIQUE INDEX ON chances (kind, up_to) INCLUDE (product_id);
ANALYZE chances;

-- Customers, with their favourite kinds --------------------------------------------------------------------------------

INSERT INTO customers
SELECT md5('customer ' || number)::uuid, 'Customer ' || number,
       (ARRAY['Germany', 'France', 'Netherlands', 'Spain'])[1 + floor(4 * pg_temp.draw('country ' || number))::int],
       created_at, created_at + interval '30 days' * pg_temp.draw('updated ' || number)
FROM generate_series(1, 3000) AS number
CROSS JOIN LATERAL (SELECT timestamptz '2025-01-01 00:00 UTC' + interval '400 days' * pg_temp.draw('joined ' || number) ^ 2
                    AS created_at) AS joined;

-- What they look at: a favourite kind, the other, or any -------------------------------------------------------------

CREATE TEMP TABLE looks AS
SELECT row_number() OVER (ORDER BY viewed_at, customer_id, look) AS id, customer_id, product_id, viewed_at,
       pg_temp.draw('buys ' || key) < 0.3 AS buys, rhythm, key
FROM (SELECT id AS customer_id, created_at, floor(6 + 14 * -ln(pg_temp.draw('looks ' || id)))::int AS looks,
             floor(10 * pg_temp.draw('first ' || id))::int AS first, floor(10 * pg_temp.draw('second ' || id))::int AS second
      FROM customers) AS habits
CROSS JOIN LATERAL generate_series(1, looks) AS look
CROSS JOIN LATERAL (SELECT customer_id || '/' || look AS key) AS named
CROSS JOIN LATERAL (SELECT pg_temp.draw('why ' || key) AS why, pg_temp.draw('what ' || key) AS what) AS drawn
CROSS JOIN LATERAL (SELECT CASE WHEN why < 0.55 THEN first WHEN why < 0.8 THEN second ELSE floor(10 * what)::int END AS kind)
    AS chosen
JOIN kinds ON number = kind
CROSS JOIN LATERAL (SELECT product_id FROM chances WHERE chances.kind = chosen.kind AND up_to >= what
                    ORDER BY up_to LIMIT 1) AS found
CROSS JOIN LATERAL (SELECT date_trunc('minute', created_at + (timestamptz '2026-07-01 00:00 UTC' - created_at)
                                                            * pg_temp.draw('when ' || key)) AS viewed_at) AS moment;
-- Nobody looks at what is not there yet.
DELETE FROM looks USING products WHERE product_id = products.id AND viewed_at < products.created_at;

INSERT INTO page_views SELECT id, customer_id, product_id, viewed_at FROM looks;

-- What they buy, some of it again and again: one order a day -----------------------------------------------------------

CREATE TEMP TABLE buys AS
SELECT customer_id, product_id, date_trunc('day', viewed_at) + again * coalesce(rhythm, '0 days')
       * (0.8 + 0.4 * pg_temp.draw('late ' || key || again)) AS bought_at
FROM looks
CROSS JOIN LATERAL generate_series(0, CASE WHEN rhythm IS NULL THEN 0 ELSE floor(6 * pg_temp.draw('again ' || key))::int END)
    AS again
WHERE buys;
DELETE FROM buys WHERE bought_at >= '2026-07-01 00:00 UTC';

INSERT INTO orders
SELECT row_number() OVER (ORDER BY ordered_on, customer_id), customer_id, ordered_on + interval '18 hours'
FROM (SELECT DISTINCT customer_id, date_trunc('day', bought_at) AS ordered_on FROM buys) AS days;

INSERT INTO order_items
SELECT DISTINCT orders.id, product_id, 1
FROM buys
JOIN orders ON orders.customer_id = buys.customer_id AND ordered_at = date_trunc('day', bought_at) + interval '18 hours';

CREATE INDEX ON orders (customer_id);
CREATE INDEX ON page_views (customer_id);
CREATE INDEX ON products (created_at);

-- What applications ask: who bought what, and who did what.
CREATE VIEW purchases AS
SELECT customer_id, product_id, quantity, ordered_at FROM orders JOIN order_items ON order_id = orders.id;

CREATE VIEW activity AS
SELECT customer_id, product_id, 'purchase' AS type, ordered_at AS happened_at FROM purchases
UNION ALL
SELECT customer_id, product_id, 'view', viewed_at FROM page_views;

DROP TABLE kinds, chances, looks, buys;
DROP FUNCTION pg_temp.draw(text);
ANALYZE shops, customers, products, orders, order_items, page_views;
