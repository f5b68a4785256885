#!/usr/bin/env bash
# The memory of an idle session that has recommended once: the pages that no other process maps (Private_Clean +
# Private_Dirty of smaps_rollup), compared with sessions that did nothing. Runs inside benches/cluster.sh.
set -euo pipefail
source benches/table.sh
source benches/database.sh
export PGOPTIONS='-c client_min_messages=warning' # a training tells its phases

sessions=200
fill
sql -c "SELECT segrec_create_model('gowalla', events => 'events')" >/dev/null
sql -c "SELECT FROM segrec_train('gowalla')"
users=$(sql -c 'SELECT max(user_id) FROM events')

# idle QUERY: lets every session run the query once for some user, and prints `private, anonymous, shared`: the mean
# kilobytes while all sessions wait.
idle() {
    printf '\\set u random(0, %s)\n%s;\n\\sleep 600 s\n' "$users" "$1" |
        PGAPPNAME=idle pgbench --no-vacuum --client=$sessions --jobs=2 --transactions=1 --random-seed=42 --file=- \
            >"$work/pgbench" 2>&1 &
    local client=$! processes=()
    until [ ${#processes[@]} = $sessions ]; do
        sleep 1
        kill -0 $client || die "$(cat "$work/pgbench")"
        mapfile -t processes < <(sql -c "SELECT pid FROM pg_stat_activity
            WHERE application_name = 'idle' AND state = 'idle' AND query LIKE 'SELECT%'")
    done
    for process in "${processes[@]}"; do cat "/proc/$process/smaps_rollup"; done | awk -v sessions=$sessions '
        /^Private_(Clean|Dirty):/ { private += $2 }
        /^Anonymous:/ { anonymous += $2 }
        /^Shared_(Clean|Dirty):/ { shared += $2 }
        END { print private / sessions, anonymous / sessions, shared / sessions }'
    kill $client
    wait $client 2>/dev/null || true
    until [ "$(sql -c "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'idle'")" = 0 ]; do sleep 0.2; done
}
plain=$(idle 'SELECT 1')
recommended=$(idle 'SELECT * FROM segrec_recommend(:u::bigint)')
read -r plain_private plain_anonymous _ <<<"$plain"
read -r private anonymous shared <<<"$recommended"

title "Memory of $sessions idle sessions, MB each; the peer is a session that ran SELECT 1"
megabytes() { calculate 2 "($1) / 1024"; }
above=$(megabytes "$private - $plain_private")
row "private, above a plain session's" "$above" "" "$(target "$above" "<" 5)"
row "private" "$(megabytes "$private")" "$(megabytes "$plain_private")" ""
row "of that, anonymous (heap)" "$(megabytes "$anonymous")" "$(megabytes "$plain_anonymous")" ""
row "shared with other sessions" "$(megabytes "$shared")" "" ""
