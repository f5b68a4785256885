#!/usr/bin/env bash
# What is known about items: lists of items without any event, and what content adds where there are events. Without
# PostgreSQL. The targets are what a prototype of the same mathematics reached. The items of the shop that are new from a
# day on are also ranked by LightFM.
set -euo pipefail
source benches/table.sh
data=${SEGREC_DATA:-../shared/data}

unpack() { # unpack FOLDER FILE…
    mkdir -p "$work/content/$1"
    local file
    for file in "${@:2}"; do
        [ -f "$data/$1/$file.gz" ] || die "no $data/$1/$file.gz: SEGREC_DATA names the folder with $1/"
        zcat "$data/$1/$file.gz" >"$work/content/$1/$file"
    done
}
unpack ml-100k u.data u.user ml-100k-texts.csv ml-100k-embeddings.csv ml-100k-item-folds.csv
unpack online-retail transactions.csv online-retail-texts.csv online-retail-embeddings.csv online-retail-item-folds.csv

declare -A wanted=(
    ["movies, without embeddings: cold, both, share .35"]=.33
    ["movies, with embeddings: cold, both, share .35"]=.362
    ["movies, with embeddings: cold, both, share .5"]=.355
    ["shop, without embeddings: cold, both, share .5"]=.355
    ["shop, with embeddings: cold, both, share .5"]=.37
    ["movies, with embeddings: warm, all items, what content adds with β = 1"]=.0028
    ["shop, with embeddings: warm, all items, what content adds with β = 1"]=.0041
    ["shop, with embeddings: warm, rare items, what content adds with β = 1"]=.084
    ["shop by time, with embeddings: new, both, share .35"]=.235
    ["movies, new users: attributes against what is popular"]=.0155
)
"$programs/content" "$work/content" >"$work/content.lines" 2>"$work/content.notes"
title "What is known about items and users: ndcg@20, its standard error as peer"
while IFS='|' read -r what value error; do
    row "$what" "$value" "$error" "${wanted[$what]:+$(target "$value" ">=" "${wanted[$what]}")}"
done <"$work/content.lines"

read -r value error seconds tuning < <(peer lightfm_new_items "$work/content/online-retail" 2>>"$work/content.notes")
ours=$(awk -F '|' '$1 == "shop by time, with embeddings: new, both, share .35" { print $2 }' "$work/content.lines")
title "The items of the shop that are new by time, ndcg@20: ours beside LightFM"
row "both, share .35" "$ours" "$value" "$(target "$ours" ">" "$value")"
row "standard error over users; seconds to fit, to tune" "" "$error" "$seconds, $tuning"
