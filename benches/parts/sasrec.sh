#!/usr/bin/env bash
# The transformer alone, beside the same network in PyTorch: the loss and the gradient of the same weights, and trainings on
# MovieLens 100k with the last two items of each user left out, of which the last but one stops them. Without PostgreSQL.
# Each training draws its own weights, so seeds differ by more than the standard error over users.
set -euo pipefail
source benches/table.sh
data=${SEGREC_DATA:-../shared/data}
[ -f "$data/ml-100k/u.data.gz" ] || die "no $data/ml-100k/u.data.gz: SEGREC_DATA names the folder with ml-100k/"
zcat "$data/ml-100k/u.data.gz" >"$work/u.data"
python=$(scripts/python benches/peers/torch)/bin/python
torch() { "$python" benches/peers/torch/sasrec.py "$@"; }

"$programs/sasrec" export "$work/sasrec.json" >/dev/null
torch check "$work/sasrec.json" >"$work/sasrec.check"
loss=$(awk '$1 == "torch.float64:" { print $3 }' "$work/sasrec.check")
gradient=$(awk '$1 == "torch.float32:" { exit } $1 != "torch.float64:" { print $2 }' "$work/sasrec.check" | sort -g | tail -1)
title "SASRec beside PyTorch: the same weights, relative differences"
row "loss" "$loss" "" "$(target "$loss" '<=' 1e-5)"
row "gradient, the tensor that differs most" "$gradient" "" "$(target "$gradient" '<=' 1e-5)"

title "SASRec beside PyTorch: MovieLens 100k, last item, one thread"
for seed in ${SASREC_SEEDS:-1 2}; do
    RAYON_NUM_THREADS=1 "$programs/sasrec" train "$work/u.data" "seed=$seed" >"$work/ours"
    torch train "$work/u.data" "$seed" 1 >"$work/theirs"
    seconds=$(awk '/CPU s/ { print $1 }' "$work/ours")
    tokens=$(awk '/CPU s/ { print $4 }' "$work/ours")
    of_peer() { grep -oP "(?<=$1 )[0-9.]+" "$work/theirs"; }
    row "seed $seed: test ndcg@10" "$(awk '/^test/ { print $3 }' "$work/ours")" "$(of_peer test)" "± $(awk '/^test/ { print $4 }' "$work/ours" | tr -d '()')"
    row "  epochs" "$(awk '/^epochs/ { print $2 }' "$work/ours")" "$(of_peer epochs)" ""
    row "  CPU seconds" "$seconds" "$(of_peer cpu)" "$(target "$(calculate 2 "$seconds / $(of_peer cpu)")" '<=' .7)"
    row "  microseconds of a token" "$tokens" "$(grep -oP '[0-9.]+(?= us/token)' "$work/theirs")" ""
done
