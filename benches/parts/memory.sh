#!/usr/bin/env bash
# The memory of a backend that trains Gowalla: the sampled peak of its private memory, compared with segrec_estimate,
# and the kernel's own peak of all resident memory. Runs inside benches/cluster.sh.
set -euo pipefail
source benches/table.sh
source benches/database.sh
export PGOPTIONS='-c client_min_messages=warning' # a training tells its phases

fill
title "Memory of a training of Gowalla, MB; the peer is what segrec_estimate says"
memory() { # memory WHAT OPTIONS BOUND
    local estimated private shared peak
    sql -c "SELECT segrec_create_model('gowalla', events => 'events', options => '$2')" >/dev/null
    estimated=$(sql -c "SELECT memory / 1000000 FROM segrec_estimate('gowalla')")
    read -r private shared peak <<<"$(peaks "SELECT FROM segrec_train('gowalla')")"
    private=$(calculate 0 "$private * 1024 / 1000000")
    row "$1: private memory, peak" "$private" "$estimated" "$(calculate 2 "$private / $estimated"), $(target "$private" "<=" "$3")"
    row "all resident, and of that shared buffers" "$(calculate 0 "$peak * 1024 / 1000000")" "" "$(calculate 0 "$shared * 1024 / 1000000")"
    sql -c "SELECT segrec_drop_model('gowalla')" >/dev/null
}
memory "hybrid, 128 factors (all defaults)" '{}' 2000
memory "als, 64 factors" '{"algorithm": "als", "als": {"factors": 64}}' 500
memory "neighbours, 50 kept" '{"algorithm": "neighbours", "neighbours": {"kept": 50}}' 1000
