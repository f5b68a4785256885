#!/usr/bin/env bash
# How long one recommendation takes through SQL, in a session that stays and in a new one, beside
# implicit's `recommend` for one user in process. Runs inside benches/cluster.sh.
set -euo pipefail
source benches/table.sh
source benches/database.sh

fill
sql -c "SELECT segrec_create_model('gowalla', events => 'events')" >/dev/null
sql -c "SELECT FROM segrec_train('gowalla')" 2>/dev/null
users=$(sql -c 'SELECT max(user_id) FROM events')

# latency SECONDS QUERY: `mean median p99` in milliseconds over one session with random users `:u`;
# its first 5 seconds warm it up and are left out.
latency() {
    rm -f "$work"/latency.*
    printf '\\set u random(0, %s)\n%s;\n' "$users" "$2" |
        pgbench --no-vacuum --protocol=prepared --client=1 --time="$(($1 + 5))" --random-seed=42 \
            --log --log-prefix="$work/latency" --file=- >"$work/pgbench" 2>&1 || die "$(cat "$work/pgbench")"
    # A line is: client, number, microseconds, script, and the time of its end in seconds and microseconds.
    awk '{ end = $5 + $6 / 1e6; if (NR == 1) first = end; if (end >= first + 5) print $3 / 1000 }' "$work"/latency.* |
        sort -g | awk '
            { value[NR] = $1; sum += $1 }
            END { printf "%.3f %.3f %.3f\n", sum / NR, value[int(NR * .5) + 1], value[int(NR * .99) + 1] }'
}
ours=$(latency 20 'SELECT * FROM segrec_recommend(:u::bigint)')
empty=$(latency 5 'SELECT :u::bigint')
peer=$(peer implicit_recommend "$work/events.csv" 64 10)
read -r mean median p99 <<<"$ours"
read -r empty_mean _ empty_p99 <<<"$empty"
read -r peer_mean peer_median peer_p99 <<<"$peer"

for user in 17 4242 12345 20001 7 29000 1500 9999 26543; do
    timed "SELECT * FROM segrec_recommend($user)"
done >"$work/first"

title "Ten items for one of Gowalla's users, 64 factors: through SQL, and implicit's recommend in process"
row "mean, ms" "$mean" "$peer_mean" "$(calculate 2 "$mean / $peer_mean"), target $(target "$mean" "<" 1)"
row "median, ms" "$median" "$peer_median" "$(calculate 2 "$median / $peer_median")"
row "p99, ms" "$p99" "$peer_p99" "$(calculate 2 "$p99 / $peer_p99"), target $(target "$p99" "<" 1)"
row "of that, an empty round trip: mean, ms" "$empty_mean" "" "p99 $empty_p99"
row "first call of a new session, median of 9, ms" "$(number 1 "$(median <"$work/first")")" "" \
    "from $(number 1 "$(sort -g "$work/first" | head -n 1)") to $(number 1 "$(sort -g "$work/first" | tail -n 1)")"
