#!/usr/bin/env bash
# The memory of a backend that trains Gowalla at 64 factors: the kernel's own peak of all that is
# resident, and the sampled peak of what is the backend's alone. Runs inside benches/cluster.sh.
set -euo pipefail
source benches/table.sh
source benches/database.sh

fill
sql -c "SELECT segrec_create_model('gowalla', events => 'events')" >/dev/null

read -r private shared peak <<<"$(peaks "SELECT version, deployed FROM segrec_train('gowalla')")"

title "Memory of a training of Gowalla, 64 factors"
private=$(calculate 0 "$private / 1024")
row "private memory of the backend, peak, MB" "$private" "" "$(target "$private" "<" 500)"
row "all resident memory, peak, MB" "$(calculate 0 "$peak / 1024")" "" ""
row "of that, shared buffers it has touched, MB" "$(calculate 0 "$shared / 1024")" "" "of 512"
