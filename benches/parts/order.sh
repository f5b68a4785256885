#!/usr/bin/env bash
# What the order of events brings, through SQL with all defaults: MovieLens 100k with the last item of each user held out,
# Online Retail with the latest tenth of events and with the last basket of each user held out. Runs inside
# benches/cluster.sh.
set -euo pipefail
source benches/table.sh
source benches/database.sh
export PGOPTIONS='-c client_min_messages=warning'
data=${SEGREC_DATA:-../shared/data}
for file in ml-100k/u.data online-retail/transactions; do
    [ -f "$data/$file.gz" ] || [ -f "$data/$file.csv.gz" ] || die "no $data/$file.gz: SEGREC_DATA names the folder with it"
done
sql -f benches/sql/tables.sql -f benches/sql/online_retail.sql -f benches/sql/order.sql

# measured NAME K LEAST [OPTIONS]: both models on what is held out; the ndcg@K of the default should be LEAST. OPTIONS are
# those of both, without braces.
measured() {
    local method settings with without gain error seconds
    for method in default equal; do
        settings=${4:-}
        if [ "$method" = equal ]; then settings="\"order\": {\"weight\": 0, \"distance\": 0}${settings:+, }$settings"; fi
        sql -c "SELECT segrec_create_model('$method', 'train', time_column => 'happened_at', options => '{$settings}')" >/dev/null
        sql -c "SELECT round(seconds::numeric, 1) FROM segrec_train('$method')" >"$work/$method"
        sql -c "INSERT INTO lists SELECT '$method', user_id::bigint, rank, item_id::bigint FROM segrec_recommend_all('$method', $2)"
    done
    sql -c ANALYZE
    read -r with without gain error < <(sql -c "
        SELECT round(avg(a.ndcg)::numeric, 4), round(avg(b.ndcg)::numeric, 4), round(avg(a.ndcg - b.ndcg)::numeric, 4),
               round((stddev_samp(a.ndcg - b.ndcg) / sqrt(count(*)))::numeric, 4)
        FROM ndcg($2) AS a JOIN ndcg($2) AS b USING (user_id) WHERE a.method = 'default' AND b.method = 'equal'")
    row "$1, ndcg@$2" "$with" "$without" "$(target "$with" '>=' "$3")"
    row "  gain ± standard error; users" "$gain" "$(sql -c 'SELECT count(DISTINCT user_id) FROM test')" "± $error"
    row "  decided" "" "" "$(sql -c "SELECT decided -> 'order', (SELECT string_agg((own ->> 'scorer') || ' ' || round((own ->> 'share')::numeric, 2), ', ') FROM jsonb_array_elements(decided -> 'blend') own) FROM segrec.versions WHERE model = 'default'")"
    row "  segrec_train, seconds" "$(cat "$work/default")" "$(cat "$work/equal")" ""
    sql -c "SELECT segrec_drop_model('default'), segrec_drop_model('equal')" >/dev/null
}

title "the order of events: the default beside the same model without order"
sql -c 'CREATE TABLE rated (user_id bigint, item_id bigint, rating real, seconds bigint,
                          line bigint GENERATED ALWAYS AS IDENTITY)'
gunzip -c "$data/ml-100k/u.data.gz" | sql -c '\copy rated (user_id, item_id, rating, seconds) FROM STDIN'
sql -c 'INSERT INTO ordered (user_id, item_id, happened_at)
        SELECT user_id, item_id, to_timestamp(seconds) FROM rated ORDER BY line'
sql -c 'CALL hold_out_last()'
measured "MovieLens 100k, last item" 10 .135


gunzip -c "$data/online-retail/transactions.csv.gz" | sql -c '\copy transactions FROM STDIN CSV HEADER'
sql -c "TRUNCATE ordered" -c "INSERT INTO ordered (user_id, item_id, happened_at)
    SELECT customer_id, dense_rank() OVER (ORDER BY stock_code), invoiced_at FROM transactions
    WHERE customer_id IS NOT NULL AND quantity > 0 AND unit_price > 0"
sql -c 'CALL hold_out_tenth()' -c 'CALL keep_new_pairs()'
measured "Online Retail, latest tenth" 20 .120
sql -c 'CALL hold_out_basket()' -c 'CALL keep_new_pairs()'
# What comes next for each user, whenever that is, and not what comes last of all.
measured "Online Retail, last basket" 20 .088 '"holdout": {"split": "last"}'
