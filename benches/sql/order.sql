-- Events in their order, of which some are held out: `train` and `test`.

CREATE TABLE ordered (user_id bigint NOT NULL, item_id bigint NOT NULL, happened_at timestamptz NOT NULL,
                      line bigint NOT NULL GENERATED ALWAYS AS IDENTITY);
CREATE TABLE train (user_id bigint NOT NULL, item_id bigint NOT NULL, happened_at timestamptz NOT NULL);

-- The ndcg@k of each test user, by method: gains are binary, and a test user without a list counts as 0.
CREATE FUNCTION ndcg(k int) RETURNS TABLE (method text, user_id bigint, ndcg float8) LANGUAGE sql STABLE AS $$
    SELECT method, user_id, gain / (SELECT sum(1 / ln(place + 1::float8)) FROM generate_series(1, least(k, relevant)) AS place)
    FROM (
        SELECT method, user_id, count(*) AS relevant, COALESCE(sum(1 / ln(rank + 1::float8)), 0) AS gain
        FROM (SELECT DISTINCT method FROM lists) AS methods CROSS JOIN test
        LEFT JOIN (SELECT * FROM lists WHERE rank <= k) AS listed USING (method, user_id, item_id)
        GROUP BY method, user_id
    ) AS counted
$$;

-- All but the last item of each user are for training. Of items of one moment the last is that of the last line.
CREATE VIEW numbered AS
SELECT *, row_number() OVER (PARTITION BY user_id ORDER BY happened_at DESC, line DESC) AS number FROM ordered;
CREATE PROCEDURE hold_out_last() LANGUAGE sql AS $$
    TRUNCATE train, test, lists;
    INSERT INTO train SELECT user_id, item_id, happened_at FROM numbered WHERE number > 1;
    INSERT INTO test SELECT user_id, item_id FROM numbered WHERE number = 1
$$;

-- All but the last basket of each user: the events of the user's last moment.
CREATE VIEW baskets AS SELECT *, happened_at = max(happened_at) OVER (PARTITION BY user_id) AS is_last FROM ordered;
CREATE PROCEDURE hold_out_basket() LANGUAGE sql AS $$
    TRUNCATE train, test, lists;
    INSERT INTO train SELECT user_id, item_id, happened_at FROM baskets WHERE NOT is_last;
    INSERT INTO test SELECT DISTINCT user_id, item_id FROM baskets WHERE is_last
$$;

-- The first nine tenths of all events.
CREATE PROCEDURE hold_out_tenth() LANGUAGE sql AS $$
    TRUNCATE train, test, lists;
    INSERT INTO train SELECT user_id, item_id, happened_at FROM ordered
    WHERE happened_at < (SELECT percentile_disc(0.9) WITHIN GROUP (ORDER BY happened_at) FROM ordered);
    INSERT INTO test SELECT DISTINCT user_id, item_id FROM ordered
    WHERE happened_at >= (SELECT percentile_disc(0.9) WITHIN GROUP (ORDER BY happened_at) FROM ordered)
$$;

-- Only what a user of the training can be recommended: items of the training that the user does not have.
CREATE PROCEDURE keep_new_pairs() LANGUAGE sql AS $$
    DELETE FROM test WHERE EXISTS (SELECT FROM train WHERE train.user_id = test.user_id AND train.item_id = test.item_id);
    DELETE FROM test WHERE NOT EXISTS (SELECT FROM train WHERE train.user_id = test.user_id);
    DELETE FROM test WHERE NOT EXISTS (SELECT FROM train WHERE train.item_id = test.item_id)
$$;
