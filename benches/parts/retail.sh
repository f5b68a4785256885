#!/usr/bin/env bash
# Online Retail through SQL, with the latest tenth of purchases held out: the default model compared with neighbours,
# factors and popularity, with 95 % intervals. Runs inside benches/cluster.sh.
set -euo pipefail
source benches/table.sh
source benches/database.sh
export PGOPTIONS='-c client_min_messages=warning'
data=${SEGREC_DATA:-../shared/data}/online-retail/transactions.csv.gz
[ -f "$data" ] || die "no $data: SEGREC_DATA names the folder with online-retail/transactions.csv.gz"

sql -c 'CREATE EXTENSION pg_segrec' -f benches/sql/online_retail.sql
gunzip -c "$data" | sql -c '\copy transactions FROM STDIN CSV HEADER'
sql -c 'CREATE TABLE purchases AS SELECT customer_id, stock_code, invoiced_at FROM transactions
        WHERE customer_id IS NOT NULL AND quantity > 0'

title "Online Retail, split by time: the value and its 95 % interval"
for algorithm in hybrid neighbours als popularity; do
    sql -c "SELECT segrec_create_model('$algorithm', 'purchases', user_column => 'customer_id', item_column => 'stock_code',
                time_column => 'invoiced_at', options => '{\"algorithm\": \"$algorithm\"}')" >/dev/null
    sql -c "SELECT round(seconds::numeric, 1) FROM segrec_train('$algorithm')" >"$work/seconds"
    for metric in recall ndcg; do
        read -r value low high users <<<"$(sql -c "SELECT round(value::numeric, 4), round(ci_low::numeric, 4), round(ci_high::numeric, 4), users
            FROM segrec.metrics WHERE model = '$algorithm' AND metric = '$metric' AND k = 20 AND segment IS NULL AND history IS NULL")"
        row "$metric@20, $algorithm" "$value" "" "$low … $high, $users users"
    done
    row "segrec_train, seconds, $algorithm" "$(cat "$work/seconds")" "" ""
done
