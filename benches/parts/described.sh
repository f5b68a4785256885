#!/usr/bin/env bash
# A catalogue of which each item is described, by a title or by an embedding of 768 numbers: what the search for the
# nearest items takes and finds, and the wall time and the peak memory of a training with five million events, compared
# with segrec_estimate. Runs inside benches/cluster.sh. DESCRIBED_ITEMS is the number of items.
set -euo pipefail
source benches/table.sh
source benches/database.sh
export PGOPTIONS='-c client_min_messages=warning -c segrec.training_memory=8GB'

items=${DESCRIBED_ITEMS:-1000000} users=200000 events=5000000
for described in "0 8" "768 0"; do
    # shellcheck disable=SC2086
    "$programs/nearest" "$items" $described
done

"$programs/catalogue" "$users" "$items" "$events" "$work/catalogue.csv"
sql -f benches/sql/tables.sql
sql -c '\copy events FROM STDIN CSV HEADER' <"$work/catalogue.csv"
rm "$work/catalogue.csv"
title "$items items, $events events of $users users, segrec.training_memory 8 GB"
training() { # training WHAT OPTIONS DIMENSIONS WORDS
    local estimated private seconds
    sql -c 'DROP TABLE IF EXISTS products' -c 'CREATE TABLE products (item_id bigint, title text, embedding real[])'
    "$programs/nearest" write "$items" "$3" "$4" | sql -c '\copy products FROM STDIN (FORMAT binary)'
    sql -c "SELECT segrec_create_model('described', events => 'events', items => 'products', items_key => 'item_id', options => '$2')" >/dev/null
    estimated=$(sql -c "SELECT memory / 1000000 FROM segrec_estimate('described')")
    read -r private _ <<<"$(peaks "SELECT FROM segrec_train('described')")"
    private=$(calculate 0 "$private * 1024 / 1000000")
    seconds=$(sql -c "SELECT round(extract(epoch FROM finished_at - started_at)) FROM segrec.versions")
    row "$1: private memory, peak, MB" "$private" "$estimated" "$(calculate 2 "$private / $estimated") of the estimate, $(target "$private" "<=" "$estimated")"
    row "seconds" "$seconds" "" ""
    sql -c "SELECT segrec_drop_model('described')" >/dev/null
}
content='"algorithm": "content", "als": {"factors": 64}, "segmentation": {"method": "none"}'
training "titles, content" "{$content}" 0 8
training "embeddings, content" "{$content}" 768 0
