#!/usr/bin/env bash
# The memory of a backend that trains Gowalla at 64 factors: the kernel's own peak of all that is
# resident, and the sampled peak of what is the backend's alone. Runs inside benches/cluster.sh.
set -euo pipefail
source benches/table.sh
source benches/database.sh

fill
sql -c "SELECT segrec_create_model('gowalla', events => 'events')" >/dev/null

# The backend waits a moment after the training, so that its last state is seen.
sql >"$work/training" 2>/dev/null <<END &
SELECT pg_backend_pid() \g $work/backend
SELECT version, deployed FROM segrec_train('gowalla');
SELECT pg_sleep(0.3);
END
client=$!
until [ -s "$work/backend" ]; do
    kill -0 "$client" || die "the session did not begin"
    sleep 0.05
done
status=/proc/$(cat "$work/backend")/status

private=0 shared=0 peak=0
while [ -r "$status" ]; do
    while read -r name value _; do
        case $name in
            VmHWM:) peak=$value ;;
            RssAnon:) private=$((value > private ? value : private)) ;;
            RssShmem:) shared=$((value > shared ? value : shared)) ;;
        esac
    done 2>/dev/null <"$status" || break
    sleep 0.02
done
wait "$client"

title "Memory of a training of Gowalla, 64 factors"
private=$(calculate 0 "$private / 1024")
row "private memory of the backend, peak, MB" "$private" "" "$(target "$private" "<" 500)"
row "all resident memory, peak, MB" "$(calculate 0 "$peak / 1024")" "" ""
row "of that, shared buffers it has touched, MB" "$(calculate 0 "$shared / 1024")" "" "of 512"
