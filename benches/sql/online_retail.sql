-- UCI Online Retail as it is published, and attributes of its customers.

CREATE TABLE transactions (
    invoice_no text,
    stock_code text,
    description text,
    quantity integer,
    invoiced_at timestamp,
    unit_price numeric,
    customer_id bigint,
    country text
);

CREATE MATERIALIZED VIEW customers AS
SELECT customer_id,
       mode() WITHIN GROUP (ORDER BY country) AS country,
       min(invoiced_at) AS first_order,
       max(invoiced_at) AS last_order,
       count(DISTINCT invoice_no) AS orders,
       sum(quantity * unit_price) FILTER (WHERE quantity > 0) AS spent,
       count(DISTINCT stock_code) AS articles,
       (count(*) FILTER (WHERE quantity < 0))::float8 / count(*) AS returned
FROM transactions
WHERE customer_id IS NOT NULL
GROUP BY customer_id;
