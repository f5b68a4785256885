#!/usr/bin/env bash
# k-means of user factors: ours beside linfa's and scikit-learn's, one start, two threads each.
set -euo pipefail
source benches/table.sh

factors=64 clusters=64 iterations=50
points=$work/points labels=$work/labels
"$programs/kmeans" points "$work/events.csv" "$factors" "$points"

cluster() { # cluster METHOD COMMAND…: runs it and notes seconds, iterations and inertia
    local output
    output=$("${@:2}" "$points" "$factors" "$clusters" "$iterations" "$seed" "$labels")
    echo "${output% *}" >>"$work/kmeans.seconds.$1"
    echo "${output#* }" >>"$work/kmeans.iterations.$1"
    "$programs/kmeans" inertia "$points" "$factors" "$labels" >>"$work/kmeans.inertia.$1"
}
for seed in 1 2 3 4 5 6 7 8 9; do
    cluster ours "$programs/kmeans" ours
    cluster linfa "$programs/kmeans" linfa
    cluster sklearn peer sklearn_kmeans
done

title "k-means of 29,858 directions of user factors, $factors factors, $clusters clusters, medians of 9 seeds"
of() { median <"$work/kmeans.$1.$2"; }
for method in linfa sklearn; do
    ratio=$(number 3 "$(ratios "$work/kmeans.seconds.ours" "$work/kmeans.seconds.$method")")
    row "seconds, beside $method" "$(number 2 "$(of seconds ours)")" "$(number 2 "$(of seconds $method)")" \
        "$ratio, target $(target "$ratio" "<=" 1)"
    ratio=$(calculate 3 "$(of inertia ours) / $(of inertia $method)")
    row "inertia, beside $method" "$(number 0 "$(of inertia ours)")" "$(number 0 "$(of inertia $method)")" \
        "$ratio, target $(target "$ratio" "<=" 1.01)"
done
row "iterations, beside sklearn" "$(number 0 "$(of iterations ours)")" "$(number 0 "$(of iterations sklearn)")" "at most $iterations"
