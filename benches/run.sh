#!/usr/bin/env bash
# Measures the extension and the engine beside their peers and prints tables.
#   benches/run.sh [PART…]    parts: sweep kmeans hierarchical mixture density gowalla serving memory aggregate segments; all of them by default
# The data is in the folder $SEGREC_DATA. Read next: benches/README.md.
set -euo pipefail
source "$(dirname "$0")/../scripts/environment"
cd "$root"

all=(sweep kmeans hierarchical mixture density gowalla movielens retail serving memory aggregate segments)
parts=("$@")
if [ $# = 0 ]; then parts=("${all[@]}"); fi
for part in "${parts[@]}"; do
    [ -x "benches/parts/$part.sh" ] || die "there is no part '$part'; the parts are: ${all[*]}"
done

data=${SEGREC_DATA:-$root/../shared/data}
for file in train validation test; do
    [ -f "$data/gowalla/$file.csv.gz" ] ||
        die "no $data/gowalla/$file.csv.gz: SEGREC_DATA names the folder with gowalla/{train,validation,test}.csv.gz, lines of user_id,item_id after a header"
done

say "engine" && cargo build --release --quiet --package segrec-benches
case " ${parts[*]} " in *" gowalla "* | *" movielens "* | *" retail "* | *" serving "* | *" memory "* | *" aggregate "* | *" segments "*) scripts/install 15 ;; esac

requirements=benches/peers/requirements.txt
peers=$tools/peers
if ! cmp -s "$requirements" "$peers/requirements.txt"; then
    say "peers, once"
    rm -rf "$peers"
    python3 -m venv "$peers"
    "$peers/bin/pip" install --quiet --disable-pip-version-check -r "$requirements"
    cp "$requirements" "$peers/"
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/segrec-bench-XXXXXX")
trap 'rm -rf "$work"' EXIT
export work # for the parts
gunzip -c "$data/gowalla/train.csv.gz" >"$work/events.csv"
gunzip -c "$data/gowalla/validation.csv.gz" | tail -n +2 >>"$work/events.csv"
gunzip -c "$data/gowalla/test.csv.gz" >"$work/test.csv"

for part in "${parts[@]}"; do
    say "$part"
    case $part in
        sweep | kmeans | hierarchical | mixture | density) "benches/parts/$part.sh" ;;
        *) benches/cluster.sh "benches/parts/$part.sh" ;;
    esac
done
