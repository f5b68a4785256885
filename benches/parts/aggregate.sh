#!/usr/bin/env bash
# Compares segrec_kmeans over a million rows in a table, with and without parallel workers, with scikit-learn's KMeans
# over all rows in memory: time, inertia of all rows, private memory. Runs inside benches/cluster.sh.
set -euo pipefail
source benches/table.sh
source benches/database.sh

points=$work/points
peer sklearn_aggregate points "$points" "$work/points.copy"
sql -c 'CREATE EXTENSION pg_segrec' -c 'CREATE TABLE points (features real[] NOT NULL)'
sql -c '\copy points FROM STDIN (FORMAT binary)' <"$work/points.copy"
sql -c 'VACUUM ANALYZE points'
rm "$work/points.copy"

# private PID: the kilobytes that belong only to the backend and its parallel workers.
private() {
    local process
    for process in "$1" $(pgrep -f "parallel worker for PID $1( |\$)" || true); do
        cat "/proc/$process/status" 2>/dev/null || true # it may have ended
    done | awk '/^RssAnon:/ { sum += $2 } END { print sum + 0 }'
}

# gather WORKERS CLUSTERS: runs the aggregate in a session of its own, and records seconds, inertia, and its peak memory
# in megabytes.
gather() {
    local backend base now peak=0
    rm -f "$work/backend"
    sql >"$work/gathered" <<END &
SET max_parallel_workers_per_gather = $1;
SELECT pg_backend_pid() \g $work/backend
SELECT pg_sleep(0.2);
\timing on
SELECT segrec_kmeans(features, $2) FROM points \g $work/clusters
END
    client=$!
    until [ -s "$work/backend" ]; do sleep 0.01; done
    backend=$(cat "$work/backend")
    base=$(private "$backend")
    while kill -0 "$client" 2>/dev/null; do
        now=$(private "$backend")
        peak=$((now > peak ? now : peak))
        sleep 0.03
    done
    wait "$client"
    awk '/^Time: / { print $2 / 1000 }' "$work/gathered" >>"$work/seconds.$1.$2"
    peer sklearn_aggregate inertia "$points" "$work/clusters" >>"$work/inertia.$1.$2"
    echo $(((peak - base) / 1024)) >>"$work/memory.$1.$2"
}

for clusters in 8 64; do
    for seed in 1 2 3; do
        for workers in 0 2; do gather "$workers" "$clusters"; done
        output=$(peer sklearn_aggregate kmeans "$points" "$clusters" "$seed")
        echo "${output% *}" >>"$work/seconds.peer.$clusters"
        echo "${output#* }" >>"$work/inertia.peer.$clusters"
    done
done
plan=$(sql -c 'SET max_parallel_workers_per_gather = 2' -c 'EXPLAIN SELECT segrec_kmeans(features, 8) FROM points')
[[ $plan == *"Partial Aggregate"* ]] || die "the aggregate is not parallel: $plan"

title "segrec_kmeans over 1,000,000 rows of 16 features, medians of 3, beside scikit-learn on all rows in memory"
for clusters in 8 64; do
    for workers in 0 2; do
        of() { median <"$work/$1.$workers.$clusters"; }
        what="k = $clusters, $workers workers:"
        row "$what seconds" "$(number 2 "$(of seconds)")" "$(number 2 "$(median <"$work/seconds.peer.$clusters")")" \
            "$(number 3 "$(ratios "$work/seconds.$workers.$clusters" "$work/seconds.peer.$clusters")")"
        ratio=$(calculate 3 "$(of inertia) / $(median <"$work/inertia.peer.$clusters")")
        row "$what inertia of all rows" "$(number 0 "$(of inertia)")" \
            "$(number 0 "$(median <"$work/inertia.peer.$clusters")")" "$ratio, target $(target "$ratio" "<=" 1.05)"
        row "$what private memory, MB" "$(of memory)" "" "$(target "$(of memory)" "<" 64)"
    done
done
