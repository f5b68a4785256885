#!/usr/bin/env bash
# The seconds until a model ranks Gowalla's validation items as well as implicit's ALS at its best: reading the table
# and one fit. implicit's settings and number of iterations are chosen for that. The whole call of segrec_train is also
# shown, which first fits without the holdout, measures, and writes the version. Runs inside benches/cluster.sh.
set -euo pipefail
source benches/table.sh
source benches/database.sh

data=${SEGREC_DATA:-../shared/data}/gowalla
gunzip -c "$data/train.csv.gz" >"$work/train.csv"
gunzip -c "$data/validation.csv.gz" >"$work/validation.csv"
sql -f benches/sql/tables.sql
sql -c '\copy events FROM STDIN CSV HEADER' <"$work/train.csv"
sql -c '\copy test FROM STDIN CSV HEADER' <"$work/validation.csv"
sql -f benches/sql/indexes.sql

peer=$(peer implicit_best "$work/train.csv" "$work/validation.csv" 128)
read -r wanted fit iterations alpha regularization <<<"$peer"
copied=$(timed "\\copy (SELECT * FROM events) TO '$work/copied.csv' CSV HEADER")
peer_seconds=$(calculate 2 "$fit + $copied / 1000")

# fitted: from the phases of a training with the seconds at which they began, the seconds of reading and of the final
# fit on all events, which follows the measurement.
fitted() {
    phases "$work/notices" | awk '
        read == "" && combined { read = $1 }
        / combining / { combined = 1 }
        measured && begun == "" { begun = $1 }
        / measuring$/ { measured = 1 }
        begun != "" && /profiles|rules|writing/ { printf "%.1f\n", read + $1 - begun; exit }'
}
# reach OPTIONS: trains a model with these options and sets `seconds` to the time of reading and fitting, `whole` to
# that of the whole call, and `recall` to the result.
reach() {
    sql -c "SELECT segrec_create_model('model', events => 'events', options => '$1')" >/dev/null
    whole=$(calculate 2 "$(timed "SELECT FROM segrec_train('model')" 2>"$work/notices") / 1000")
    seconds=$(fitted)
    sql -c 'TRUNCATE lists' \
        -c "INSERT INTO lists SELECT 'model', user_id::bigint, rank, item_id::bigint FROM segrec_recommend_all('model', 20)" \
        -c "SELECT segrec_drop_model('model')" >/dev/null
    recall=$(sql -c 'SELECT round(avg(recall)::numeric, 4) FROM scores')
}
rows() { # rows NAME: what `reach` found beside the peer
    row "$1: recall@20 on the validation file" "$recall" "$wanted" "$(target "$recall" ">=" "$wanted")"
    row "$1: seconds, reading the table and fitting" "$seconds" "$peer_seconds" \
        "$(calculate 2 "$seconds / $peer_seconds"), target $(target "$seconds" "<=" "$(calculate 2 "$peer_seconds / 2")")"
    row "$1: seconds, the whole call" "$whole" "$peer_seconds" "$(calculate 2 "$whole / $peer_seconds")"
}

title "Gowalla, train to validation: seconds to the best recall of implicit's ALS with 128 factors"
reach '{"algorithm": "neighbours", "neighbours": {"method": "filter"}, "segmentation": {"method": "none"}}'
rows "neighbours (filter)"
# The smallest number of sweeps that reaches it, with the regularization that is best for recall; both are given, not
# searched for.
for sweeps in 2 3 4 5 6 8; do
    reach '{"algorithm": "als", "segmentation": {"method": "none"}, "als": {"factors": 128, "sweeps": '$sweeps',
            "regularization": 0.0017, "unobserved_weight": 0.01}}'
    [[ $(target "$recall" ">=" "$wanted") == *met ]] && break
done
rows "factors (128)"
row "sweeps; the peer's with its reading by COPY" "$sweeps" "$iterations" "alpha $alpha, regularization $regularization"
