#!/usr/bin/env bash
# k-means compared with linfa's and scikit-learn's, with the same number of starts and two threads each.
set -euo pipefail
source benches/table.sh

iterations=300 seeds=5
points=$work/points labels=$work/labels

# measure METHOD…: clusters $points by each method and records seconds, inertia and the same by direction
measure() {
    local method command seconds
    for method in "$@"; do
        case $method in
            sklearn) command=(peer sklearn_kmeans) ;;
            *) command=("$programs/kmeans" "$method") ;;
        esac
        seconds=$("${command[@]}" "$points" "$columns" "$clusters" "$starts" "$iterations" "$seed" "$labels")
        echo "$seconds $("$programs/kmeans" fit "$points" "$columns" "$labels")" >>"$work/$clusters.$starts.$method"
    done
}

# each COMMAND…: runs the command with $clusters and $starts set to each case
each() {
    for clusters in 8 64; do
        for starts in 1 10; do "$@"; done
    done
}

# rounds METHOD…: linfa runs only with one start, because ten take minutes without adding information
rounds() {
    rm -f "$work/$clusters.$starts".*
    for seed in $(seq $seeds); do
        measure "$@" sklearn
        if [ "$starts" = 1 ]; then measure linfa; fi
    done
}

# column METHOD NUMBER: a column of the results: seconds, inertia or inertia by direction
column() { cut -d ' ' -f "$2" "$work/$clusters.$starts.$1"; }
mean() { awk '{ sum += $1 } END { print sum / NR }'; }

# figures OURS QUANTITY…: prints rows of a table; the second and later quantities have no target
figures() {
    local ours=$1 peer name ratio quantity number
    for peer in sklearn linfa; do
        [ -f "$work/$clusters.$starts.$peer" ] || continue
        name="$clusters clusters, best of $starts, $peer"
        ratio=$(number 3 "$(ratios <(column "$ours" 1) <(column $peer 1))")
        row "$name: seconds" "$(number 4 "$(column "$ours" 1 | median)")" \
            "$(number 4 "$(column $peer 1 | median)")" "$ratio, target $(target "$ratio" "<=" 1)"
        for quantity in "${@:2}"; do
            number=2
            if [ "$quantity" = "by direction" ]; then number=3; fi
            ratio=$(calculate 4 "$(column "$ours" $number | mean) / $(column $peer $number | mean)")
            row "$quantity" "$(number 1 "$(column "$ours" $number | mean)")" \
                "$(number 1 "$(column $peer $number | mean)")" \
                "$ratio$(if [ "$quantity" = "$2" ]; then echo ", target $(target "$ratio" "<=" 1.01)"; fi)"
        done
    done
}

columns=128
"$programs/kmeans" factors "$work/events.csv" $columns "$points"
each rounds spherical euclidean
title "Spherical k-means of 29,858 directions of user factors, $columns columns, $seeds seeds"
each figures spherical "by direction" inertia
title "Euclidean k-means of the same"
each figures euclidean inertia

columns=3
gunzip -c "${SEGREC_DATA:-../shared/data}/online-retail/transactions.csv.gz" >"$work/transactions.csv"
"$programs/kmeans" customers "$work/transactions.csv" "$points"
each rounds euclidean
title "Euclidean k-means of 4,338 customers, $columns columns, $seeds seeds"
each figures euclidean inertia
