#!/usr/bin/env bash
# What it costs a recommendation to verify that its items may be shown: the default model on Gowalla with a table of its
# items, all lists as `serving` measures them. Runs inside benches/cluster.sh.
set -euo pipefail
source benches/table.sh
source benches/database.sh
export PGOPTIONS='-c client_min_messages=warning'

fill
sql -c "CREATE TABLE places AS SELECT item_id, true AS open, item_id / 5 AS city FROM (SELECT DISTINCT item_id FROM events) AS item" \
    -c 'ALTER TABLE places ADD PRIMARY KEY (item_id)' -c ANALYZE
sql -c "SELECT segrec_create_model('gowalla', events => 'events', items => 'places', options => '{\"items\": {\"features\": [\"open\"]}}')" >/dev/null
sql -c "SELECT FROM segrec_train('gowalla')"
users=$(sql -c 'SELECT max(user_id) FROM events')

list='SELECT * FROM segrec_recommend(:u::bigint'
# Two rounds, of which the means are taken, so that a slow period of the machine affects all.
for _ in 1 2; do
    sql -c "SELECT segrec_alter_model('gowalla', '{\"items\": {\"available\": null, \"group_column\": null}}')" >/dev/null
    latency 10 "$users" "$list)" >>"$work/plain"
    latency 10 "$users" "$list, exclude => ARRAY[17]::bigint[])" >>"$work/excluding"
    # A thousand rules of an item each: every other one blocks, and the rest boost and bury.
    sql -c "SELECT count(segrec_add_rule('gowalla', CASE WHEN item_id % 2 = 0 THEN 'block' WHEN item_id % 4 = 1 THEN 'boost' ELSE 'bury' END,
                ARRAY[item_id::text], value => CASE WHEN item_id % 2 = 0 THEN NULL WHEN item_id % 4 = 1 THEN 1.5 ELSE 0.5 END))
            FROM (SELECT item_id FROM places ORDER BY hashint8(item_id) LIMIT 1000) AS item" >/dev/null
    latency 10 "$users" "$list)" >>"$work/ruled"
    sql -c "SELECT segrec_drop_rule('gowalla', id) FROM segrec.rules" >/dev/null
    sql -c "SELECT segrec_add_rule('gowalla', 'boost', condition => '{\"city\": {\"to\": 820}}', value => 1.5)" >/dev/null
    latency 10 "$users" "$list)" >>"$work/conditional"
    sql -c "SELECT segrec_drop_rule('gowalla', id) FROM segrec.rules" >/dev/null
    sql -c "SELECT segrec_alter_model('gowalla', '{\"items\": {\"available\": \"open\", \"group_column\": \"city\"}}')" >/dev/null
    latency 10 "$users" "$list)" >>"$work/all"
    latency 10 "$users" "$list, max_per_group => 1)" >>"$work/grouped"
    sql -c 'UPDATE places SET open = item_id % 5 > 0' -c 'VACUUM ANALYZE places'
    latency 10 "$users" "$list)" >>"$work/some"
    sql -c 'UPDATE places SET open = item_id % 5 = 0' -c 'VACUUM ANALYZE places'
    latency 10 "$users" "$list)" >>"$work/few"
    sql -c 'UPDATE places SET open = true' -c 'VACUUM ANALYZE places'
done
median_of() { awk '{ sum += $2 } END { printf "%.3f", sum / NR }' "$work/$1"; }
plain=$(median_of plain)
title "Ten items for one of Gowalla's users, median ms; what is more than without"
row "without" "$plain" "" ""
added() { # added WHAT FILE [MOST]
    local own more
    own=$(median_of "$2")
    more=$(calculate 3 "$own - $plain")
    row "$1" "$own" "$more" "${3:+$(target "$more" '<' "$3")}"
}
added "one item excluded" excluding .05
added "a thousand rules: blocks, boosts and buries" ruled .1
added "a boost by a condition, for every tenth item" conditional
added "items.available, all may be shown" all .1
added "a fifth may not be shown" some .1
added "a fifth may be shown" few
added "max_per_group" grouped .1
