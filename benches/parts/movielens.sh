#!/usr/bin/env bash
# MovieLens 100k through SQL: ratings on the five official folds and on the latest tenth, with and without attributes of
# users and movies, and implicit feedback on the first fold. Runs inside benches/cluster.sh.
set -euo pipefail
source benches/table.sh
source benches/database.sh
export PGOPTIONS='-c client_min_messages=warning'
data=${SEGREC_DATA:-../shared/data}/ml-100k
[ -f "$data/u1.base.gz" ] || die "no $data/u1.base.gz: SEGREC_DATA names the folder with ml-100k/*.gz"

mkdir -p "$work/movielens"
work=$work/movielens # this part has events of its own
pairs() { echo user_id,item_id && gunzip -c "$1" | awk -F '\t' '{ print $1 "," $2 }'; }
pairs "$data/u1.base.gz" >"$work/events.csv"
pairs "$data/u1.test.gz" >"$work/test.csv"
fill
sql -f benches/sql/movielens.sql
gunzip -c "$data/u.user.gz" | sql -c "\\copy people FROM STDIN (DELIMITER '|')"
gunzip -c "$data/u.item.gz" | iconv -f latin1 -t utf8 |
    awk -F '|' '{ year = substr($3, 8); printf "%s,%s", $1, year; for (g = 6; g <= 24; g++) printf ",%s", $g == 1 ? "t" : "f"; print "" }' |
    sql -c '\copy movies FROM STDIN CSV'

settings='"algorithm": "rating", "segmentation": {"method": "none"}'
sql -c "SELECT segrec_create_model('plain', 'ratings', weight_column => 'rating', options => '{$settings}')" \
    -c "SELECT segrec_create_model('described', 'ratings', weight_column => 'rating', users => 'people', items => 'movies', items_key => 'item_id', options => '{$settings}')" >/dev/null
# rated NAME: trains both models on the loaded ratings, and appends the errors of each to its file.
rated() {
    local model
    for model in plain described; do
        sql -c "SELECT seconds FROM segrec_train('$model', 'always')" >>"$work/seconds"
        sql -c "SELECT segrec_rmse(predicted, given), segrec_mae(predicted, given) FROM predicted('$model')" >>"$work/$1.$model"
    done
}
for fold in 1 2 3 4 5; do
    sql -c 'TRUNCATE ratings, held_out'
    gunzip -c "$data/u$fold.base.gz" | sql -c '\copy ratings FROM STDIN'
    gunzip -c "$data/u$fold.test.gz" | sql -c '\copy held_out FROM STDIN'
    rated folds
done
sql -c 'TRUNCATE ratings, held_out'
gunzip -c "$data/u.data.gz" | sql -c '\copy ratings FROM STDIN'
sql -c 'WITH latest AS (DELETE FROM ratings WHERE rated_at > (SELECT percentile_disc(.9) WITHIN GROUP (ORDER BY rated_at) FROM ratings) RETURNING *)
        INSERT INTO held_out SELECT * FROM latest'
rated time
mean() { awk -v column="$2" '{ sum += $column } END { printf "%.4f", sum / NR }' "$work/$1"; }

title "Ratings of MovieLens 100k through SQL"
errors() { # errors WHAT FILE RMSE MAE
    local rmse mae
    rmse=$(mean "$2" 1) mae=$(mean "$2" 2)
    row "RMSE, $1" "$rmse" "" "${3:+$(target "$rmse" "<=" "$3")}"
    row "MAE, $1" "$mae" "" "${4:+$(target "$mae" "<=" "$4")}"
}
errors "five folds, users and movies described" folds.described .885 .695
errors "five folds" folds.plain .89 ""
errors "the latest tenth, users and movies described" time.described "" ""
errors "the latest tenth" time.plain "" ""
row "segrec_train, seconds" "$(mean seconds 1)" "" ""

for algorithm in ease als hybrid; do
    sql -c "SELECT segrec_create_model('$algorithm', 'events', options => '{\"algorithm\": \"$algorithm\"}')" \
        -c "SELECT segrec_train('$algorithm')" >/dev/null
    sql -c "INSERT INTO lists SELECT '$algorithm', user_id::bigint, rank, item_id::bigint FROM segrec_recommend_all('$algorithm', 20)"
done
sql -f benches/sql/check_lists.sql
sql -c 'CREATE TABLE measured AS SELECT * FROM scores'
reached() { sql -c "SELECT round(avg(recall)::numeric, 4), round(avg(ndcg)::numeric, 4) FROM measured WHERE method = '$1'"; }
title "MovieLens 100k as implicit feedback, first fold: recall@20, ndcg@20, all movies ranked"
for algorithm in ease als hybrid; do
    read -r recall ndcg <<<"$(reached "$algorithm")"
    row "$algorithm" "$recall" "" "ndcg $ndcg"
done
for other in ease als; do
    read -r difference error <<<"$(sql -c "
        SELECT round(avg(a.ndcg - b.ndcg)::numeric, 4), round((stddev_samp(a.ndcg - b.ndcg) / sqrt(count(*)))::numeric, 4)
        FROM measured a JOIN measured b USING (user_id) WHERE a.method = 'hybrid' AND b.method = '$other'")"
    row "ndcg@20, hybrid against $other, paired" "$difference" "" "$(target "$difference" ">=" "-$error"), standard error"
done
