#!/usr/bin/env bash
# Ward's clustering of rows with planted groups: ours compared with scikit-learn's, which is exact and stores all
# distances, on as many rows as it can cluster in reasonable time.
set -euo pipefail
source benches/table.sh

columns=64 groups=20 most=30000
points=$work/hierarchical.points planted=$work/hierarchical.planted
agreement() { "$programs/hierarchical" agreement "$1" "$2"; }

cluster() { # cluster METHOD ROWS COMMAND…: runs it and notes seconds and peak memory
    local output
    output=$("${@:3}")
    read -r seconds memory _ <<<"$output"
    echo "$seconds" >>"$work/hierarchical.seconds.$1.$2"
    echo "$memory" >>"$work/hierarchical.memory.$1.$2"
}
for seed in 1 2 3; do
    "$programs/hierarchical" points "$most" "$columns" "$groups" "$seed" "$points" "$planted"
    for rows in 3000 10000 "$most"; do
        head -c $((4 * rows * columns)) "$points" >"$points.$rows"
        cluster ours "$rows" "$programs/hierarchical" ours "$points.$rows" "$columns" "$groups" ward "$seed" "$work/ours.$rows"
        agreement "$work/ours.$rows" "$planted" >>"$work/hierarchical.planted.ours.$rows"
        if [ "$rows" != "$most" ]; then
            cluster sklearn "$rows" peer sklearn_ward "$points" "$columns" "$groups" ward "$rows" "$work/sklearn.$rows"
            agreement "$work/sklearn.$rows" "$planted" >>"$work/hierarchical.planted.sklearn.$rows"
        fi
    done
    agreement "$work/ours.3000" "$work/sklearn.3000" >>"$work/hierarchical.exact"
    agreement "$work/ours.$most" "$work/sklearn.3000" >>"$work/hierarchical.sample"
done

of() { number "$1" "$(median <"$work/hierarchical.$2")"; } # of DIGITS FIGURE
title "Ward's clustering, $columns columns, $groups planted groups, medians of 3 seeds"
for rows in 3000 10000; do
    ratio=$(number 3 "$(ratios "$work/hierarchical.seconds.ours.$rows" "$work/hierarchical.seconds.sklearn.$rows")")
    row "seconds, $rows rows" "$(of 2 seconds.ours.$rows)" "$(of 2 seconds.sklearn.$rows)" "$ratio, target $(target "$ratio" "<=" 1)"
    row "peak memory, $rows rows, MB" "$(of 0 memory.ours.$rows)" "$(of 0 memory.sklearn.$rows)" ""
    row "agreement with the planted groups, $rows rows" "$(of 3 planted.ours.$rows)" "$(of 3 planted.sklearn.$rows)" ""
done
seconds=$(of 2 "seconds.ours.$most") memory=$(of 0 "memory.ours.$most")
planted=$(of 3 "planted.ours.$most") exact=$(of 3 exact) sample=$(of 3 sample)
row "seconds, $most rows" "$seconds" "" "$(target "$seconds" "<" 10)"
row "peak memory, $most rows, MB" "$memory" "" "$(target "$memory" "<" 300)"
row "agreement with the planted groups, $most rows" "$planted" "" "$(target "$planted" ">=" 0.95)"
row "agreement with sklearn, 3000 rows" "$exact" "" "$(target "$exact" ">=" 0.95)"
row "the same, ours from $most rows" "$sample" "" "$(target "$sample" ">=" 0.95)"
