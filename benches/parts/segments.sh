#!/usr/bin/env bash
# Segments through SQL: how many users keep their segment when a model is trained again with 5 % new rows (Gowalla by
# behaviour, Online Retail by attributes of customers), how well planted segments are found, and how long a segmentation
# of many rows takes. Runs inside benches/cluster.sh.
set -euo pipefail
source benches/table.sh
source benches/database.sh
export PGOPTIONS='-c client_min_messages=warning'

sql -f benches/sql/tables.sql
sql -c '\copy events FROM STDIN CSV HEADER' <"$work/events.csv"

# grown MODEL TABLE CREATE: trains on 95 of 100 rows of TABLE (chosen by a hash, through the view "grown"), then on all;
# prints the share of users of the first version that have the same segment in the second.
grown() {
    sql -c "CREATE OR REPLACE VIEW grown AS SELECT * FROM $2 AS row WHERE abs(hashtext(row::text)) % 100 < 95" \
        -c "$3" -c "SELECT segrec_train('$1')" \
        -c 'DROP TABLE IF EXISTS before' \
        -c "CREATE TABLE before AS SELECT user_id, segment FROM segrec.segment_members WHERE model = '$1'" \
        -c "CREATE OR REPLACE VIEW grown AS SELECT * FROM $2" -c "SELECT segrec_train('$1', 'always')" >/dev/null
    sql -c "SELECT round(avg((now.segment = before.segment)::int), 4)
            FROM before JOIN segrec.segment_members now ON now.model = '$1' AND now.user_id = before.user_id"
}
gowalla=$(grown gowalla events "SELECT segrec_create_model('gowalla', events => 'grown')")
segments=$(sql -c "SELECT count(*) FROM segrec.segments WHERE model = 'gowalla'")
sql -c "SELECT segrec_drop_model('gowalla')" >/dev/null
sql -c 'DROP VIEW grown'

sql -f benches/sql/online_retail.sql
gunzip -c "${SEGREC_DATA:-../shared/data}/online-retail/transactions.csv.gz" |
    sql -c '\copy transactions FROM STDIN CSV HEADER'
sql -c 'REFRESH MATERIALIZED VIEW customers'
retail=$(grown retail customers "SELECT segrec_create_model('retail', users => 'grown', users_key => 'customer_id')")
retail_segments=$(sql -c "SELECT count(*) FROM segrec.segments WHERE model = 'retail'")
sql -c "SELECT segrec_drop_model('retail')" >/dev/null

title "A training with 5 % new rows: the share of users that keep their segment"
row "Gowalla, behaviour, $segments segments" "$gowalla" "" "$(target "$gowalla" ">=" .95)"
row "Online Retail, attributes, $retail_segments segments" "$retail" "" "$(target "$retail" ">=" .95)"

sql -c "CREATE TABLE planted AS
        SELECT u AS user_id, u % 12 AS truth,
               ARRAY(SELECT cos((u % 12 + 1) * (d + 1))::real + (0.25 * sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random()))::real
                     FROM generate_series(1, 16) d) AS features
        FROM generate_series(1::bigint, 30000) u, setseed(0.5)" \
    -c 'CREATE VIEW seen AS SELECT user_id, features FROM planted'
title "30,000 planted rows of 16 features in 12 segments, through segrec_train"
for method in kmeans hierarchical mixture; do
    sql -c "SELECT segrec_create_model('planted', users => 'seen',
                options => '{\"segmentation\": {\"method\": \"$method\", \"segments\": 12}}')" >/dev/null
    seconds=$(sql -c "SELECT round(seconds::numeric, 2) FROM segrec_train('planted')" 2>/dev/null)
    agreement=$(sql -c "SELECT round(segrec_adjusted_rand(m.segment, p.truth::int)::numeric, 4)
                        FROM segrec.segment_members m JOIN planted p ON p.user_id::text = m.user_id")
    row "$method: adjusted Rand index" "$agreement" "" "$(target "$agreement" ">=" .95), $seconds s"
    sql -c "SELECT segrec_drop_model('planted')" >/dev/null
done
