#!/usr/bin/env bash
# The time of one recommendation of the default model through SQL, with the current events of the user, in an existing
# session and in a new one, compared with implicit's `recommend` for one user in process; and the memory of a session
# that lists all users. Runs inside benches/cluster.sh.
set -euo pipefail
source benches/table.sh
source benches/database.sh
export PGOPTIONS='-c client_min_messages=warning' # a training tells its phases

fill
sql -c "SELECT segrec_create_model('gowalla', events => 'events')" >/dev/null
sql -c "SELECT FROM segrec_train('gowalla')"
users=$(sql -c 'SELECT max(user_id) FROM events')

# There are two alternating rounds, whose means are taken, so that a slow period of the machine affects both sides.
for _ in 1 2; do
    latency 10 "$users" 'SELECT * FROM segrec_recommend(:u::bigint)' >>"$work/ours"
    peer implicit_recommend "$work/events.csv" 128 10 >>"$work/peer"
done
means() { awk '{ a += $1; b += $2; c += $3 } END { printf "%.3f %.3f %.3f\n", a / NR, b / NR, c / NR }' "$1"; }
read -r mean median p99 <<<"$(means "$work/ours")"
read -r peer_mean peer_median peer_p99 <<<"$(means "$work/peer")"
# Each query has one step more than the previous one; the difference of their medians is the time of the step.
step() { # step QUERY: sets `step` to its median
    step=$(latency 5 "$users" "$1" | cut -d ' ' -f 2)
}
step 'SELECT :u::bigint' && empty=$step
step 'SELECT segrec_segment_of(:u::bigint)' && known=$step
step 'SELECT * FROM segrec_recommend(:u::bigint, candidates => ARRAY[17]::bigint[])' && folded=$step

for user in 17 4242 12345 20001 7 29000 1500 9999 26543; do
    timed "SELECT * FROM segrec_recommend($user)"
done >"$work/first"

everybody="SELECT count(*) FROM segrec_recommend_all('gowalla', 20)"
listed=$(timed "$everybody")
read -r private _ _ <<<"$(peaks "$everybody")"

title "Ten items for one of Gowalla's users, hybrid, 128 factors: through SQL, and implicit's recommend in process"
ratio=$(calculate 2 "$median / $peer_median")
row "median, ms" "$median" "$peer_median" "$(target "$median" "<" .3)"
row "median, ratio" "$ratio" "" "$(target "$ratio" "<=" .25)"
row "mean, ms" "$mean" "$peer_mean" "$(calculate 2 "$mean / $peer_mean")"
row "p99, ms" "$p99" "$peer_p99" "$(calculate 2 "$p99 / $peer_p99"), target $(target "$p99" "<" 1)"
row "of the median: an empty round trip" "$empty" "" ""
row "the model and the user (segrec_segment_of)" "$(calculate 3 "$known - $empty")" "" ""
row "the user's events, fold-in, one candidate" "$(calculate 3 "$folded - $known")" "" ""
row "candidates, their scores, the best ten" "$(calculate 3 "$median - $folded")" "" ""
row "first call of a new session, median of 9, ms" "$(number 1 "$(median <"$work/first")")" "" \
    "from $(number 1 "$(sort -g "$work/first" | head -n 1)") to $(number 1 "$(sort -g "$work/first" | tail -n 1)")"
row "every user's top 20, seconds" "$(calculate 2 "$listed / 1000")" "" ""
private=$(calculate 0 "$private / 1024")
row "of that session, private memory, peak, MB" "$private" "" "$(target "$private" "<" 200)"
