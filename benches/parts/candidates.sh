#!/usr/bin/env bash
# What the default model loses by scoring only the neighbours of a user's items, compared with scoring all items after
# the same training, without PostgreSQL.
set -euo pipefail
source benches/table.sh

"$programs/recipe" "$work/events.csv" "$work/test.csv" '{}' all-items >"$work/recipe"
reached() { sed -nE "s/^test $1: recall@20 ([0-9.]+) ndcg@20 ([0-9.]+) .*/\\$2/p" "$work/recipe"; } # reached LISTS 1|2
read -r count all_items < <(sed -nE 's/^candidates: mean ([0-9]+) of ([0-9]+) items$/\1 \2/p' "$work/recipe")

title "Gowalla, all defaults: the candidates of a user as served; the peer scores all items with the same parts"
metric() { # metric NAME 1|2
    local ours peer
    ours=$(reached gated "$2") peer=$(reached "all items" "$2")
    row "$1" "$ours" "$peer" "$(target "$(calculate 4 "$ours / $peer")" ">=" .995)"
}
metric recall@20 1
metric ndcg@20 2
row "candidates, mean" "$count" "$all_items" ""
