-- Finds lists that violate the protocol and must not be measured: an item twice, a seen item, a rank twice, more than
-- 20 items.

CREATE UNIQUE INDEX ON lists (method, user_id, item_id);
CREATE UNIQUE INDEX ON lists (method, user_id, rank);
ALTER TABLE lists ADD CHECK (rank BETWEEN 1 AND 20);
ANALYZE lists;

DO $$
BEGIN
    IF EXISTS (SELECT FROM lists JOIN events USING (user_id, item_id)) THEN
        RAISE EXCEPTION 'a list has an item that its user has in the training data';
    END IF;
END
$$;
