#!/usr/bin/env bash
# One sweep of alternating least squares: ours, which is exact, compared with implicit's, which iterates.
set -euo pipefail
source benches/table.sh

note() { awk -v file="$work/sweep.$1." '{ print $2 >> (file $1) }'; } # note WHO: lines of factors, seconds
for _ in 1 2 3 4 5; do
    "$programs/sweep" "$work/events.csv" 64 128 256 | note ours
    peer implicit_sweep "$work/events.csv" 64 128 256 | note peer
done

title "A sweep of ALS on Gowalla: exact, beside implicit's three steps of conjugate gradients"
for factors in 64 128 256; do
    ours=$work/sweep.ours.$factors peer=$work/sweep.peer.$factors
    ratio=$(number 2 "$(ratios "$ours" "$peer")")
    row "seconds, $factors factors" "$(number 3 "$(median <"$ours")")" "$(number 3 "$(median <"$peer")")" \
        "$ratio, target $(target "$ratio" "<=" 1)"
done
