#!/usr/bin/env bash
# Off-policy evaluation: the estimators beside obp's on the same rows of the Open Bandit Dataset, whether each of its two
# policies is estimated from the log of the other, and the time of an estimate with its interval beside that of a plain
# average. Runs inside benches/cluster.sh.
set -euo pipefail
source benches/table.sh
source benches/database.sh
export PGOPTIONS='-c client_min_messages=warning'
data=${SEGREC_DATA:-../shared/data}/open-bandit
[ -f "$data/men-bts.csv.gz" ] || die "no $data/men-bts.csv.gz: SEGREC_DATA names the folder with open-bandit"

sql -c 'CREATE EXTENSION IF NOT EXISTS pg_segrec'
sql -c 'CREATE TABLE impressions (policy text, shown_at timestamptz, item int, place int, click int, propensity float8, a text, b text, c text, d text)'
for policy in bts random; do
    gunzip -c "$data/men-$policy.csv.gz" | tail -n +2 | awk -v policy="$policy" '{ print policy "," $0 }' |
        sql -c '\copy impressions FROM STDIN CSV'
done
# The uniform policy has one probability. The other does not look at the user: its probability of an item at a place is the mean
# of what it logged, and the rewards of an item at a place are predicted by their smoothed mean in the same log.
sql -c "CREATE TABLE probability AS
        SELECT item, place, chance / sum(chance) OVER (PARTITION BY place) AS chance
        FROM (SELECT item, place, avg(propensity) AS chance FROM impressions WHERE policy = 'bts' GROUP BY 1, 2) AS logged" \
    -c "CREATE TABLE predicted AS
        SELECT policy, item, place, (sum(click) + 1) / (count(*) + 200.0)::float8 AS click FROM impressions GROUP BY 1, 2, 3" \
    -c "CREATE TABLE log AS
        SELECT i.policy, i.click::float8 AS reward, i.propensity,
               CASE i.policy WHEN 'bts' THEN 1 / 34.0::float8 ELSE coalesce(own.chance, 0) END AS target,
               p.click AS prediction, e.expected
        FROM impressions i JOIN predicted p USING (policy, item, place)
        LEFT JOIN probability own USING (item, place)
        JOIN (SELECT policy, place, sum(click * CASE policy WHEN 'bts' THEN 1 / 34.0::float8 ELSE coalesce(chance, 0) END) AS expected
              FROM predicted LEFT JOIN probability USING (item, place) GROUP BY 1, 2) AS e ON e.policy = i.policy AND e.place = i.place"
sql -c "\copy (SELECT policy, reward, propensity, target, prediction, expected FROM log) TO '$work/log.csv' CSV"
sql -c "SELECT policy, 'ips', segrec_ips(reward, propensity, target) FROM log GROUP BY 1 UNION ALL
        SELECT policy, 'ips clip', segrec_ips(reward, propensity, target, 2) FROM log GROUP BY 1 UNION ALL
        SELECT policy, 'snips', segrec_snips(reward, propensity, target) FROM log GROUP BY 1 UNION ALL
        SELECT policy, 'dm', segrec_dm(expected) FROM log GROUP BY 1 UNION ALL
        SELECT policy, 'dr', segrec_dr(reward, propensity, target, prediction, expected) FROM log GROUP BY 1 UNION ALL
        SELECT policy, 'dr clip', segrec_dr(reward, propensity, target, prediction, expected, 2) FROM log GROUP BY 1 UNION ALL
        SELECT policy, 'sndr', segrec_sndr(reward, propensity, target, prediction, expected) FROM log GROUP BY 1 UNION ALL
        SELECT policy, 'switch', segrec_switch_dr(reward, propensity, target, prediction, expected, 2) FROM log GROUP BY 1
        ORDER BY 1, 2" >"$work/ours"
python=$(scripts/python benches/peers/off_policy)/bin
"$python/pip" install --quiet --disable-pip-version-check --no-deps obp==0.4.1 pyieoe==0.1.1
"$python/python" benches/peers/off_policy/estimate.py "$work/log.csv" | sort >"$work/theirs"

title "Off-policy estimates beside obp's, Open Bandit Dataset (men)"
while read -r policy name ours theirs; do
    row "$policy, $name" "$ours" "$theirs" "$(target "$(calculate 9 "sqrt(($ours - $theirs) ^ 2)")" '<' .000001)"
done < <(sort "$work/ours" | sed 's/ clip/-clip/' | paste -d' ' - <(sed 's/ clip/-clip/' "$work/theirs" | awk '{ print $NF }'))

title "the mean click of a policy, and its estimate from the log of the other"
for policy in bts random; do
    other=$([ $policy = bts ] && echo random || echo bts)
    read -r value low high bernstein_low bernstein_high mean inside size < <(sql -c "
        WITH estimate AS (SELECT segrec_snips(reward, propensity, target) AS value, segrec_snips_interval(reward, propensity, target) AS own,
                                 segrec_effective_sample_size(reward, propensity, target) AS size FROM log WHERE policy = '$policy')
        SELECT round(value::numeric, 5), round((own).low::numeric, 5), round((own).high::numeric, 5), round((own).bernstein_low::numeric, 4),
               round((own).bernstein_high::numeric, 4), mean, mean BETWEEN (own).low AND (own).high, round(size)
        FROM estimate, (SELECT round(avg(click), 5) AS mean FROM impressions WHERE policy = '$other') AS truth")
    row "$other from the log of $policy: SNIPS, mean click" "$value" "$mean" "$([ "$inside" = t ] && echo ok || echo MISSED)"
    row "  bootstrap; empirical Bernstein" "$low–$high" "$bernstein_low–$bernstein_high" "effective rows $size"
done

rows=${OFF_POLICY_ROWS:-10000000}
sql -c "CREATE UNLOGGED TABLE rows AS SELECT (g % 50 = 0)::int::float8 AS reward, .01 + .5 * (g * 7919 % 1000) / 1000 AS propensity,
        .01 + .5 * (g * 104729 % 997) / 997 AS target FROM generate_series(1, $rows::bigint) AS g" \
    -c 'ALTER TABLE rows ALTER propensity TYPE float8, ALTER target TYPE float8' -c 'VACUUM ANALYZE rows' 
set_workers='SET max_parallel_workers_per_gather = 2; SET min_parallel_table_scan_size = 0'
timed() { sql -c "$set_workers" -c '\timing on' -c "$1" | awk '/^Time:/ { time = $2 } END { print time }'; }
for _ in 1 2 3 4 5; do
    timed 'SELECT avg(reward) FROM rows' >>"$work/plain"
    timed 'SELECT segrec_ips(reward, propensity, target), segrec_snips(reward, propensity, target), segrec_snips_interval(reward, propensity, target) FROM rows' >>"$work/estimated"
done
median() { sort -n "$1" | sed -n 3p; }
title "$rows logged rows, two workers, ms: IPS, SNIPS and an interval beside avg(reward)"
row "estimates; avg" "$(median "$work/estimated")" "$(median "$work/plain")" "$(target "$(calculate 2 "$(median "$work/estimated") / $(median "$work/plain")")" '<' 1.5)"
