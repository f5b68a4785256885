#!/usr/bin/env bash
# DBSCAN of rows with planted groups and noise: ours compared with linfa's, with the radius that ours found, and ours
# alone on many rows.
set -euo pipefail
source benches/table.sh

neighbours=16 groups=8
points=$work/density.points planted=$work/density.planted
ours() { "$programs/density" ours "$points" "$columns" "$neighbours" "$1" "$work/density.ours"; }
agreement() { "$programs/hierarchical" agreement "$work/density.ours" "$planted"; }

columns=8
for seed in 1 2 3 4 5; do
    "$programs/density" points 5000 "$columns" "$groups" "$seed" "$points" "$planted"
    read -r _ radius _ <<<"$(ours auto)"
    agreement >>"$work/density.agreement"
    ours "$radius" >"$work/density.output"
    cut -d ' ' -f 1 "$work/density.output" >>"$work/density.seconds.ours"
    "$programs/density" linfa "$points" "$columns" "$neighbours" "$radius" "$work/density.linfa" >"$work/density.output"
    cut -d ' ' -f 1 "$work/density.output" >>"$work/density.seconds.linfa"
    "$programs/density" cores "$points" "$columns" "$neighbours" "$radius" "$work/density.ours" "$work/density.linfa" >>"$work/density.cores"
done

of() { number "$1" "$(median <"$work/density.$2")"; } # of DIGITS FIGURE
title "DBSCAN of 5,000 rows of 8 columns, $groups planted groups and 10 % noise, medians of 5 seeds"
ratio=$(number 3 "$(ratios "$work/density.seconds.ours" "$work/density.seconds.linfa")")
row "seconds, radius given, beside linfa" "$(of 3 seconds.ours)" "$(of 3 seconds.linfa)" "$ratio, target $(target "$ratio" "<=" 1)"
row "clusters of core rows, and what is noise" "$(sort "$work/density.cores" | uniq -c | xargs)" "" "as linfa's"
agreed=$(of 3 agreement)
row "agreement with the planted groups, radius auto" "$agreed" "" "$(target "$agreed" ">=" 0.95)"

columns=64
"$programs/density" points 30000 "$columns" "$groups" 1 "$points" "$planted"
read -r seconds _ memory <<<"$(ours auto)"
row "seconds, 30000 rows of 64 columns, radius auto" "$(number 2 "$seconds")" "" ""
row "the same, peak memory, MB" "$memory" "" ""
agreed=$(agreement)
row "the same, agreement with the planted groups" "$agreed" "" "$(target "$agreed" ">=" 0.95)"
