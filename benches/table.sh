# shellcheck shell=bash disable=SC2034
# Tables, numbers and peers, for the parts; source it, it does no work. The parts run in the root of
# the checkout; $work is a folder with events.csv, test.csv and room for what they write.

source scripts/environment
programs=${CARGO_TARGET_DIR:-target}/release # the programs of benches/src/bin
peers=$tools/peers                           # a virtual environment with the peers in Python

# title TEXT: begins a table. A load above nothing means that something else was running.
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

# ratios A B: the median ratio of the lines of two files. The work of a line ran side by side, so a
# slower hour of the machine does not show in it.
ratios() { paste -d ' ' "$1" "$2" | awk '{ print $1 / $2 }' | median; }

# peer SCRIPT ARGUMENT…: a peer in Python, as its authors advise to run it: BLAS on one thread, since
# the peer brings its own, and no tuning of BLAS that the machine may carry for other work.
peer() {
    env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE OPENBLAS_NUM_THREADS="${blas_threads:-1}" \
        "$peers/bin/python" "benches/peers/$1.py" "${@:2}"
}
