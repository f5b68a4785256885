#!/usr/bin/env bash
# Gaussian mixtures: ours compared with scikit-learn's from the same start, and with linfa's after the same k-means.
set -euo pipefail
source benches/table.sh

rows=30000 columns=16 groups=12
points=$work/points truth=$work/truth labels=$work/labels found=$work/found
mixture=$programs/mixture
"$mixture" planted $rows $columns $groups "$points" "$truth"

note() { # note METHOD SECONDS LIKELIHOOD: with the agreement of what it found
    echo "$2" >>"$work/mixture.seconds.$1"
    echo "$3" >>"$work/mixture.likelihood.$1"
    "$mixture" agreement "$truth" "$found" >>"$work/mixture.agreement.$1"
}
for seed in 1 2 3 4 5; do
    kmeans=$("$mixture" start "$points" $columns $groups $seed "$labels")
    read -r seconds _ likelihood < <("$mixture" ours "$points" $columns $groups "$labels" "$found")
    note ours "$seconds" "$likelihood"
    calculate 4 "$kmeans + $seconds" >>"$work/mixture.seconds.whole" && echo >>"$work/mixture.seconds.whole"
    read -r seconds _ likelihood < <(peer sklearn_mixture "$points" $columns $groups "$labels" "$found")
    note sklearn "$seconds" "$likelihood"
    note linfa "$("$mixture" linfa "$points" $columns $groups $seed "$found")" -
done

title "mixture of $groups groups of $rows rows, $columns columns, full covariances, medians of 5 starts"
of() { median <"$work/mixture.$1.$2"; }
compare() { # compare WHAT OURS PEER: seconds of two methods
    local ratio
    ratio=$(number 3 "$(ratios "$work/mixture.seconds.$2" "$work/mixture.seconds.$3")")
    row "$1" "$(number 2 "$(of seconds "$2")")" "$(number 2 "$(of seconds "$3")")" "$ratio, target $(target "$ratio" "<=" 1)"
}
compare "seconds from the same start, beside sklearn" ours sklearn
compare "seconds with the same k-means, beside linfa" whole linfa
difference=$(calculate 4 "$(of likelihood ours) - $(of likelihood sklearn)")
row "log-likelihood of a row, beside sklearn" "$(number 3 "$(of likelihood ours)")" \
    "$(number 3 "$(of likelihood sklearn)")" "$difference, target $(target "$difference" ">=" -0.01)"
for peer in sklearn linfa; do
    difference=$(calculate 4 "$(of agreement ours) - $(of agreement $peer)")
    row "adjusted Rand index, beside $peer" "$(number 3 "$(of agreement ours)")" \
        "$(number 3 "$(of agreement $peer)")" "$difference, target $(target "$difference" ">=" -0.01)"
done
