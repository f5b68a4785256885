#!/usr/bin/env bash
# The time of one recommendation when there are items that nobody has chosen: some that were inserted after the training,
# which the session describes by itself, and a hundred thousand that a refresh has given rows. Gowalla's places get two
# planted categories each, since the data describe none. Runs inside benches/cluster.sh.
set -euo pipefail
source benches/table.sh
source benches/database.sh
export PGOPTIONS='-c client_min_messages=warning'

fill
sql <<'END'
CREATE TABLE places AS
SELECT item_id AS id, ARRAY['area ' || item_id % 97, 'kind ' || hashint8(item_id) % 31] AS tags
FROM (SELECT DISTINCT item_id::bigint FROM events) AS items;
ALTER TABLE places ADD PRIMARY KEY (id);
SELECT segrec_create_model('gowalla', 'events', items => 'places', items_key => 'id',
                           options => '{"items": {"new_items": 1}, "neighbours": {"content": 0}}');
SELECT FROM segrec_train('gowalla');
END
users=$(sql -c 'SELECT max(user_id) FROM events')
median() { latency 10 "$users" 'SELECT * FROM segrec_recommend(:u::bigint)' | cut -d ' ' -f 2; }
insert() { # insert COUNT
    sql -c "INSERT INTO places SELECT last + n, ARRAY['area ' || n % 97, 'kind ' || hashint8(n) % 31]
            FROM (SELECT max(id) FROM places) AS newest (last), generate_series(1, $1::bigint) AS n"
    sql -c 'ANALYZE places'
}
without=$(median)
insert 100
hundred=$(median)
insert 900
thousand=$(median)
insert 99000
refresh=$(timed "SELECT * FROM segrec_refresh_items('gowalla')")
refreshed=$(median)
listed=$(sql -c "SELECT count(*) FROM generate_series(1, 200) AS u, segrec_recommend(u) WHERE source = 'new_item'")

title "Ten items for one of Gowalla's users, hybrid, when there are items without events: median of a call, ms"
row "without new items" "$without" "" ""
row "100 inserted after the training" "$hundred" "$without" ""
row "1,000 inserted after the training" "$thousand" "$without" ""
row "100,000 with rows of their own" "$refreshed" "$without" "$(target "$(calculate 3 "$refreshed - $without")" "<=" .1)"
row "the refresh, seconds" "$(calculate 1 "$refresh / 1000")" "" ""
row "new items in 200 lists" "$listed" "" ""
