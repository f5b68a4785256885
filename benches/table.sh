# shellcheck shell=bash disable=SC2034
# Tables, numbers and peers, for the parts. Source this file; it only defines functions. The parts run in the root of
# the checkout; $work is a folder with events.csv, test.csv and the files that the parts write.

source scripts/environment
programs=${CARGO_TARGET_DIR:-target}/release # the programs of benches/src/bin
peers=$tools/python/benches-peers            # a virtual environment with the peers in Python

# title TEXT: begins a table. If the load is not close to 0, something else was running.
title() {
    printf '\n%s (%s processors, load %s)\n\n' "$1" "$(nproc)" "$(cut -d ' ' -f 1 /proc/loadavg)"
    row what ours peer "ratio or target"
    row --- --- --- ---
}

row() { printf '| %-46s | %10s | %10s | %-30s |\n' "$@"; } # row WHAT OURS PEER RATIO-OR-TARGET

median() { sort -g | awk '{ value[NR] = $1 } END { print (value[int((NR + 1) / 2)] + value[int(NR / 2) + 1]) / 2 }'; }

number() { printf "%.${1}f" "$2"; }                              # number DIGITS NUMBER
calculate() { awk "BEGIN { printf \"%.${1}f\", $2 }"; }           # calculate DIGITS EXPRESSION
target() { # target NUMBER RELATION BOUND: what was wanted, and whether it was reached
    echo "$2 $3: $(awk "BEGIN { print ($1 $2 $3) ? \"met\" : \"missed\" }")"
}

# ratios A B: the median ratio of the lines of two files. The two measurements of a line were made in turn, so a slow
# period of the machine does not affect the ratio.
ratios() { paste -d ' ' "$1" "$2" | awk '{ print $1 / $2 }' | median; }

# peer SCRIPT ARGUMENT…: runs a Python peer as its authors recommend: with BLAS on one thread, because the peer has
# threads of its own, and without settings of BLAS that are meant for other work on the machine.
peer() {
    env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE OPENBLAS_NUM_THREADS="${blas_threads:-1}" \
        "$peers/bin/python" "benches/peers/$1.py" "${@:2}"
}
