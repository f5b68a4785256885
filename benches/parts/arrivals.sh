#!/usr/bin/env bash
# What lists of the whole catalogue gain by items that nobody has bought yet: Online Retail trained on what came before a
# day and measured on the new pairs from that day on, for several days, by default and with the new items left out.
# Runs inside benches/cluster.sh.
set -euo pipefail
source benches/table.sh
source benches/database.sh
export PGOPTIONS='-c client_min_messages=warning'
data=${SEGREC_DATA:-../shared/data}/online-retail
for file in transactions online-retail-texts online-retail-embeddings; do
    [ -f "$data/$file.csv.gz" ] || die "no $data/$file.csv.gz: SEGREC_DATA names the folder with online-retail/"
done

sql -f benches/sql/tables.sql -f benches/sql/online_retail.sql \
    -c 'CREATE TABLE texts (id text, text text)' -c 'CREATE TABLE vectors (id text, embedding real[])'
gunzip -c "$data/transactions.csv.gz" | sql -c '\copy transactions FROM STDIN CSV HEADER'
gunzip -c "$data/online-retail-texts.csv.gz" | sql -c '\copy texts FROM STDIN CSV HEADER'
gunzip -c "$data/online-retail-embeddings.csv.gz" | sed 's/,/,"{/; s/$/}"/' | sql -c '\copy vectors FROM STDIN CSV'
sql -f benches/sql/arrivals.sql

title "Online Retail, whole catalogue, ndcg@20 from a day on: with items without events beside without them"
for day in ${ARRIVALS_DAYS:-2011-06-01 2011-07-01 2011-08-01 2011-09-01 2011-10-01 2011-11-01}; do
    sql <<END
CREATE TABLE before AS SELECT * FROM purchases WHERE bought_at < '$day';
TRUNCATE lists, test;
INSERT INTO test SELECT user_id, item_id FROM purchases
WHERE bought_at >= '$day' AND user_id IN (SELECT user_id FROM before);
END
    for method in with without; do
        items='{"added_column": "added"}'
        if [ "$method" = without ]; then items='{"new_items": 0}'; fi
        sql <<END
SELECT FROM segrec_create_model('$method', 'before', time_column => 'bought_at', items => 'articles', items_key => 'id',
                                options => '{"items": $items}');
SELECT FROM segrec_train('$method');
INSERT INTO lists SELECT '$method', user_id::bigint, rank, item_id::bigint FROM segrec_recommend_all('$method', 20);
END
    done
    read -r with without gain error < <(sql <<'END'
SELECT round(avg(a.ndcg)::numeric, 4), round(avg(b.ndcg)::numeric, 4), round(avg(a.ndcg - b.ndcg)::numeric, 4),
       round((stddev_samp(a.ndcg - b.ndcg) / sqrt(count(*)))::numeric, 4)
FROM scores AS a JOIN scores AS b USING (user_id) WHERE a.method = 'with' AND b.method = 'without'
END
    )
    boost=$(sql -c "SELECT decided ->> 'new_items' FROM segrec.versions WHERE model = 'with'")
    share=$(sql -c "SELECT round(100.0 * count(*) FILTER (WHERE item_id NOT IN (SELECT item_id FROM before)) / count(*), 1)
                    FROM lists WHERE method = 'with'")
    row "from $day" "$with" "$without" "$gain ± $error"
    row "its boost; new items, % of places" "$boost" "" "$share"
    sql -c "SELECT segrec_drop_model('with'), segrec_drop_model('without')" -c 'DROP TABLE before' >/dev/null
done
