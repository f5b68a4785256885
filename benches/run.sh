#!/usr/bin/env bash
# Measures the extension and the engine, compares them with their peers and prints tables.
#   benches/run.sh [PART…]    all of them by default, but for sasrec, whose peer takes gigabytes; benches/README.md lists them
# The data are in the folder $SEGREC_DATA.
set -euo pipefail
source "$(dirname "$0")/../scripts/environment"
cd "$root"

engine=(linalg sweep kmeans hierarchical mixture density candidates content repeat) # without PostgreSQL
all=("${engine[@]}" gowalla movielens retail order arrivals serving shown new_items pgvector million large described sessions memory aggregate off_policy segments time_to_recall)
asked=(sasrec)
parts=("$@")
if [ $# = 0 ]; then parts=("${all[@]}"); fi
for part in "${parts[@]}"; do
    [ -x "benches/parts/$part.sh" ] || die "there is no part '$part'; the parts are: ${all[*]} ${asked[*]}"
done

data=${SEGREC_DATA:-$root/../shared/data}
for file in train validation test; do
    [ -f "$data/gowalla/$file.csv.gz" ] ||
        die "no $data/gowalla/$file.csv.gz: SEGREC_DATA names the folder with gowalla/{train,validation,test}.csv.gz, lines of user_id,item_id after a header"
done

say "engine" && cargo build --release --quiet --package segrec-benches
needs_server() { [[ " ${engine[*]} ${asked[*]} " != *" $1 "* ]]; }
for part in "${parts[@]}"; do
    if needs_server "$part"; then
        scripts/install 15
        break
    fi
done

scripts/python benches/peers >/dev/null

work=$(mktemp -d "${TMPDIR:-/tmp}/segrec-bench-XXXXXX")
trap 'rm -rf "$work"' EXIT
export work # for the parts
gunzip -c "$data/gowalla/train.csv.gz" >"$work/events.csv"
gunzip -c "$data/gowalla/validation.csv.gz" | tail -n +2 >>"$work/events.csv"
gunzip -c "$data/gowalla/test.csv.gz" >"$work/test.csv"

for part in "${parts[@]}"; do
    say "$part"
    if needs_server "$part"; then benches/cluster.sh "benches/parts/$part.sh"; else "benches/parts/$part.sh"; fi
done
