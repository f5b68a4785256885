-- The purchases of Online Retail and what is known about its articles, which get numbers as ids. That an article was added
-- when it was first sold is all that the data say about it.

CREATE TABLE articles (stock_code text PRIMARY KEY, id bigint GENERATED ALWAYS AS IDENTITY UNIQUE, description text,
                       price float8, embedding real[], added timestamp);
INSERT INTO articles (stock_code, description, price, embedding, added)
SELECT stock_code, texts.text, sold.price, vectors.embedding, sold.added
FROM (SELECT stock_code, min(invoiced_at) AS added, percentile_disc(0.5) WITHIN GROUP (ORDER BY unit_price) AS price FROM transactions
      WHERE customer_id IS NOT NULL AND quantity > 0 AND unit_price > 0 AND stock_code ~ '^\d{5}'
      GROUP BY stock_code) AS sold
LEFT JOIN texts ON texts.id = stock_code
LEFT JOIN vectors ON vectors.id = stock_code
ORDER BY stock_code;

CREATE TABLE purchases AS
SELECT customer_id AS user_id, articles.id AS item_id, min(invoiced_at) AS bought_at
FROM transactions JOIN articles USING (stock_code)
WHERE customer_id IS NOT NULL AND quantity > 0 AND unit_price > 0
GROUP BY 1, 2;
