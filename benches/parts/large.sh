#!/usr/bin/env bash
# Twenty million generated events of a million users on 200,000 items, 64 factors, trained in the background: its memory
# compared with segrec_estimate, the version's bytes on disk, and whether it blocks the vacuum of another table
# meanwhile. Runs inside benches/cluster.sh.
set -euo pipefail
source benches/table.sh
source benches/database.sh
export PGOPTIONS='-c client_min_messages=warning' # a training tells its phases

users=1000000 items=200000 events=${LARGE_EVENTS:-20000000}
"$programs/catalogue" "$users" "$items" "$events" "$work/catalogue.csv"
sql -f benches/sql/tables.sql
sql -c '\copy events FROM STDIN CSV HEADER' <"$work/catalogue.csv"
rm "$work/catalogue.csv"
sql -c "SELECT segrec_create_model('large', events => 'events', options => '{\"als\": {\"factors\": 64}}')" >/dev/null
read -r estimated disk <<<"$(sql -c "SELECT memory / 1000000, disk / 1000000 FROM segrec_estimate('large')")"

# Every row of this table is dead. A vacuum removes them all, unless another session may still see them.
sql -c 'CREATE TABLE other (number int) WITH (autovacuum_enabled = off)'
export PGOPTIONS="$PGOPTIONS -c segrec.training_memory=20GB"
job=$(sql -c "SELECT segrec_train_in_background('large')")
job_is() { sql -c "SELECT $1 FROM segrec.jobs WHERE job = $job"; } # job_is COLUMN
pid=
until [ -n "$pid" ] || [ "$(job_is state)" != running ]; do
    sleep 0.1
    pid=$(sql -c "SELECT pid FROM segrec.training_progress WHERE job = $job")
done
held "$pid" >"$work/held" &
while [ "$(job_is state)" = running ]; do
    phase=$(job_is phase)
    sql -c 'INSERT INTO other SELECT generate_series(1, 1000)' -c 'DELETE FROM other' -c 'VACUUM other'
    sql -c "SELECT '$phase', pg_relation_size('other') > 0" >>"$work/vacuums"
    sleep 1
done
wait
[ "$(job_is state)" = finished ] || die "$(job_is error)"
read -r private _ <"$work/held"
private=$(calculate 0 "$private * 1024 / 1000000")
tables=$(sql -c "SELECT (sum(pg_total_relation_size(oid)) / 1000000)::bigint FROM pg_class
                 WHERE relkind = 'r' AND relname ~ '^version_[a-z_]+_[0-9]+\$'")
sql -c "SELECT FROM segrec_recommend(4711::bigint)"
file=$(du -c --apparent-size --block-size=1000000 "$PGHOST"/data/base/pgsql_tmp/pgsql_tmp_segrec.* | tail -1 | cut -f 1)

title "$events events of $users users on $items items, 64 factors: megabytes"
row "private memory of the training, peak" "$private" "$estimated" "$(calculate 2 "$private / $estimated") of the estimate, asked .85 to 1.15"
row "the version's tables" "$tables" "" ""
row "the file that sessions share" "$file" "" ""
row "both" "$((tables + file))" "$disk" "$(calculate 2 "($tables + $file) / $disk") of the estimate"
row "segrec_train, seconds" "$(sql -c "SELECT round(extract(epoch FROM finished_at - started_at)) FROM segrec.versions")" "" ""
awk '{ name = $1; for (i = 2; i < NF; i++) name = name " " $i; all[name]++; back[name] += $NF == "t" }
     END { for (name in all) print name "\t" back[name] + 0 "\t" all[name] }' "$work/vacuums" |
    while IFS=$'\t' read -r phase back all; do row "vacuums of another table held back, $phase" "$back" "" "of $all"; done
