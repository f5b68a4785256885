-- MovieLens 100k: ratings, and attributes of users and movies.

CREATE TABLE ratings (user_id bigint NOT NULL, item_id bigint NOT NULL, rating real NOT NULL, rated_at bigint NOT NULL);
CREATE TABLE held_out (LIKE ratings);
CREATE INDEX ON ratings (user_id);
CREATE TABLE people (user_id bigint PRIMARY KEY, age int, gender text, occupation text, zip text);
CREATE TABLE movies (item_id bigint PRIMARY KEY, year int);
SELECT format('ALTER TABLE movies ADD genre_%s boolean', genre) FROM generate_series(0, 18) AS genre \gexec

-- The predictions of a model and the held-out ratings. If there is no prediction, the mean rating is taken.
CREATE FUNCTION predicted(model text) RETURNS TABLE (predicted float8, given float8) LANGUAGE sql AS $$
    SELECT COALESCE(segrec_predict(user_id, item_id, model), (SELECT avg(rating) FROM ratings)), rating FROM held_out
$$;
