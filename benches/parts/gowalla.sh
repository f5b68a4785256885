#!/usr/bin/env bash
# The whole path through SQL on Gowalla: load, train, list, measure. The models are the default one, factors with and
# without segments, and neighbours; implicit's ALS is measured by the same statement. Runs inside benches/cluster.sh.
set -euo pipefail
source benches/table.sh
source benches/database.sh

fill

# train MODEL: sets `training` to the number of segments, the seconds that the training reports, its seconds before
# writing, and the seconds of the statement with its commit.
train() {
    local output=$work/train.$1
    sql -v VERBOSITY=terse -c '\timing on' -c "SELECT segments, round(seconds::numeric, 2) FROM segrec_train('$1')" \
        >"$output" 2>"$output.notices"
    read -r -a training <"$output"
    training+=("$(phases "$output.notices" | awk '/ writing the version$/ { print $1 }')")
    training+=("$(awk '/^Time: / { print $2 / 1000 }' "$output")")
}
# model NAME OPTIONS: creates and trains a model, and stores the lists of all users.
model() {
    sql -c "SELECT segrec_create_model('$1', events => 'events', options => '$2')" >/dev/null
    train "$1"
    listed=$(timed "SELECT count(*) FROM segrec_recommend_all('$1', 20)")
    sql -c "INSERT INTO lists SELECT '$1', user_id::bigint, rank, item_id::bigint FROM segrec_recommend_all('$1', 20)"
}
model hybrid '{}' && hybrid=("${training[@]}") hybrid_all=$listed
model gowalla '{"algorithm": "als", "als": {"factors": 64}}' && on=("${training[@]}") all_on=$listed
model backbone '{"algorithm": "als", "als": {"factors": 64}, "segmentation": {"method": "none"}}' && off=("${training[@]}") all_off=$listed
model neighbours '{"algorithm": "neighbours", "neighbours": {"kept": 50}}' && neighbours=("${training[@]}")
peer=$(peer implicit_lists "$work/events.csv" 64 20 "$work/lists.csv")
read -r peer_train peer_all <<<"$peer"
sed 's/^/implicit,/' "$work/lists.csv" | sql -c '\copy lists FROM STDIN CSV'

sql -f benches/sql/check_lists.sql
sql -c 'CREATE TABLE measured AS SELECT * FROM scores'
mean() { # mean METHOD METRIC
    sql -c "SELECT round(avg($2)::numeric, 4) FROM measured WHERE method = '$1'"
}
paired=$(sql -f benches/sql/paired.sql)
read -r recall_gain recall_error ndcg_gain ndcg_error <<<"$paired"
recall_peer=$(mean implicit recall) ndcg_peer=$(mean implicit ndcg)

title "Gowalla through SQL; the peer is implicit's ALS, 64 factors, alpha 40, otherwise untuned, 15 sweeps"
both() { # both METHOD WHAT RECALL NDCG
    local recall ndcg
    recall=$(mean "$1" recall) ndcg=$(mean "$1" ndcg)
    row "recall@20, $2" "$recall" "$recall_peer" "$(target "$recall" ">=" "$3")"
    row "ndcg@20, $2" "$ndcg" "$ndcg_peer" "$(target "$ndcg" ">=" "$4")"
}
both hybrid "hybrid, all defaults" .196 .163
both gowalla "als, 64 factors, segments" .161 .129
both backbone "als, 64 factors, without segments" .150 .126
both neighbours "neighbours, 50 kept" .182 .150
row "recall@20, what segments add to als, paired" "$recall_gain" "" "standard error $recall_error"
row "ndcg@20, what segments add to als, paired" "$ndcg_gain" "" "standard error $ndcg_error"
own() { sql -c "SELECT count(*) FILTER (WHERE own_factors) FROM segrec.segments WHERE model = '$1'"; }
row "segments with factors of their own, hybrid" "$(own hybrid)" "" "of ${hybrid[0]}"
row "segments with factors of their own, als" "$(own gowalla)" "" "of ${on[0]}"
took() { # took WHAT SECONDS BEFORE-WRITING BOUND
    row "segrec_train, $1, seconds (peer: fit alone)" "$2" "$(number 2 "$peer_train")" "${4:+$(target "$2" "<=" "$4")}"
    row "of that, writing" "$(calculate 0 "100 * ($2 - $3) / $2") %" "" ""
}
took "hybrid, 128 factors" "${hybrid[1]}" "${hybrid[2]}" 60
took "als with segments" "${on[1]}" "${on[2]}" 20
took "als without segments" "${off[1]}" "${off[2]}" ""
took "neighbours" "${neighbours[1]}" "${neighbours[2]}" 10
lists() { # lists WHAT MILLISECONDS
    local ratio
    ratio=$(calculate 2 "$2 / 1000 / $peer_all")
    row "every user's top 20, $1, seconds" "$(calculate 2 "$2 / 1000")" "$(number 2 "$peer_all")" "$ratio"
}
lists "hybrid" "$hybrid_all"
lists "als with segments" "$all_on"
lists "als without segments" "$all_off"
