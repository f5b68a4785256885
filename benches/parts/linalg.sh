#!/usr/bin/env bash
# Compares our Gramian, rank update and Cholesky with faer's, at the sizes of a training.
set -euo pipefail
source benches/table.sh

title "Linear algebra, nanoseconds a call"
"$programs/linalg" 21 | while IFS=$'\t' read -r name ours theirs ratio; do
    row "$name" "$ours" "$theirs" "$ratio"
done
