#!/usr/bin/env bash
# The whole path through SQL on Gowalla: load, train, list, measure; with segments, without, and
# implicit's ALS measured by the same statement. Runs inside benches/cluster.sh.
set -euo pipefail
source benches/table.sh
source benches/database.sh

fill

# train MODEL: sets `training`: segments, seconds by its own account, seconds before writing, and
# seconds of the statement with its commit.
train() {
    local output=$work/train.$1
    sql -v VERBOSITY=terse -c '\timing on' -c "SELECT segments, round(seconds::numeric, 2) FROM segrec_train('$1')" \
        >"$output" 2>"$output.notices"
    read -r -a training <"$output"
    training+=("$(sed -nE 's/^.*NOTICE: +([0-9.]+) s: writing the version$/\1/p' "$output.notices")")
    training+=("$(awk '/^Time: / { print $2 / 1000 }' "$output")")
}
sql -c "SELECT segrec_create_model('gowalla', events => 'events')" >/dev/null
sql -c "SELECT segrec_create_model('backbone', events => 'events', options => '{\"segmentation\": {\"method\": \"none\"}}')" >/dev/null
train gowalla && on=("${training[@]}")
train backbone && off=("${training[@]}")

all_on=$(timed "SELECT count(*) FROM segrec_recommend_all('gowalla', 20)")
all_off=$(timed "SELECT count(*) FROM segrec_recommend_all('backbone', 20)")
for model in gowalla backbone; do
    sql -c "INSERT INTO lists SELECT '$model', user_id::bigint, rank, item_id::bigint FROM segrec_recommend_all('$model', 20)"
done
peer=$(peer implicit_lists "$work/events.csv" 64 20 "$work/lists.csv")
read -r peer_train peer_all <<<"$peer"
sed 's/^/implicit,/' "$work/lists.csv" | sql -c '\copy lists FROM STDIN CSV'

sql -f benches/sql/check_lists.sql
sql -c 'CREATE TABLE measured AS SELECT * FROM scores'
mean() { # mean METHOD METRIC
    sql -c "SELECT round(avg($2)::numeric, 4) FROM measured WHERE method = '$1'"
}
recall_on=$(mean gowalla recall) ndcg_on=$(mean gowalla ndcg)
recall_off=$(mean backbone recall) ndcg_off=$(mean backbone ndcg)
recall_peer=$(mean implicit recall) ndcg_peer=$(mean implicit ndcg)
paired=$(sql -f benches/sql/paired.sql)
read -r recall_gain recall_error ndcg_gain ndcg_error <<<"$paired"

title "Gowalla through SQL, 64 factors; the peer is implicit's ALS, alpha 40, otherwise untuned, 15 sweeps"
row "recall@20" "$recall_on" "$recall_peer" "$(target "$recall_on" ">=" .158)"
row "ndcg@20" "$ndcg_on" "$ndcg_peer" "$(target "$ndcg_on" ">=" .127)"
row "recall@20 without segments" "$recall_off" "" "with: $(target "$recall_on" ">" "$recall_off")"
row "ndcg@20 without segments" "$ndcg_off" "" "with: $(target "$ndcg_on" ">" "$ndcg_off")"
row "recall@20, what segments add, paired" "$recall_gain" "" "standard error $recall_error"
row "ndcg@20, what segments add, paired" "$ndcg_gain" "" "standard error $ndcg_error"
row "segments with factors of their own" "$(sql -c "SELECT count(*) FILTER (WHERE own_factors) FROM segrec.segments WHERE model = 'gowalla'")" "" "of ${on[0]}"
row "segrec_train, seconds (peer: fit alone)" "${on[1]}" "$(number 2 "$peer_train")" "$(target "${on[1]}" "<=" 20)"
row "the statement with its commit, seconds" "$(number 2 "${on[3]}")" "" ""
row "of segrec_train, writing" "$(calculate 0 "100 * (${on[1]} - ${on[2]}) / ${on[1]}") %" "" ""
row "segrec_train without segments, seconds" "${off[1]}" "$(number 2 "$peer_train")" ""
row "of that, writing" "$(calculate 0 "100 * (${off[1]} - ${off[2]}) / ${off[1]}") %" "" ""
ratio=$(calculate 2 "$all_on / 1000 / $peer_all")
row "every user's top 20, seconds" "$(calculate 2 "$all_on / 1000")" "$(number 2 "$peer_all")" "$ratio, target $(target "$ratio" "<=" .5)"
ratio=$(calculate 2 "$all_off / 1000 / $peer_all")
row "the same without segments, seconds" "$(calculate 2 "$all_off / 1000")" "$(number 2 "$peer_all")" "$ratio"
