# shellcheck shell=bash
# The database of the parts that use SQL, inside benches/cluster.sh. Source this file; it only defines functions.

sql() { psql -XqAt -F ' ' -v ON_ERROR_STOP=1 "$@"; }

# fill: creates the extension, the events with an index on the user, and the test users' items.
fill() {
    sql -f benches/sql/tables.sql
    sql -c '\copy events FROM STDIN CSV HEADER' <"$work/events.csv"
    sql -c '\copy test FROM STDIN CSV HEADER' <"$work/test.csv"
    sql -f benches/sql/indexes.sql
}

# timed COMMAND: runs one SQL command in a session of its own and prints its milliseconds.
timed() {
    sql -c '\timing on' -c "$1" | awk '/^Time: / { print $2 }'
}

# phases FILE: the phases of a training from its NOTICEs, each with the second at which it began.
phases() { sed -nE 's/^.*NOTICE: +([0-9.]+) s: (.*)$/\1 \2/p' "$1"; }

# restart: shuts the server down cleanly and starts it again, so that its processes hold no memory.
restart() {
    (cd "$PGHOST" && env -u RUST_BACKTRACE "${as_server_user[@]}" "$(server_programs 15)/pg_ctl" restart \
        --silent --wait --mode=fast -D "$PGHOST/data" -l "$PGHOST/log" >/dev/null)
}

# held PID: the most memory that a process holds until it ends, in kB: `private, shared, all`. Private memory and the
# shared buffers that it has touched are sampled; the peak of all resident memory is the kernel's own.
held() {
    local name value private=0 shared=0 peak=0
    while [ -r "/proc/$1/status" ]; do
        while read -r name value _; do
            case $name in
                VmHWM:) peak=$value ;;
                RssAnon:) private=$((value > private ? value : private)) ;;
                RssShmem:) shared=$((value > shared ? value : shared)) ;;
            esac
        done 2>/dev/null <"/proc/$1/status" || break
        sleep 0.02
    done
    echo "$private $shared $peak"
}

# peaks COMMAND: runs one SQL command in a session of its own and prints what that has `held`. The session waits a
# moment at its end, so that its last state is sampled.
peaks() {
    local client
    rm -f "$work/backend"
    sql >/dev/null 2>&1 <<END &
SELECT pg_backend_pid() \g $work/backend
$1;
SELECT pg_sleep(0.3);
END
    client=$!
    until [ -s "$work/backend" ]; do
        kill -0 "$client" || die "the session did not begin"
        sleep 0.05
    done
    held "$(cat "$work/backend")"
    wait "$client" || die "failed: $1"
}

# latency SECONDS USERS QUERY: `mean median p99` in milliseconds over one session with random users `:u` from 0 to
# USERS. The first 5 seconds are for warming up and are ignored.
latency() {
    rm -f "$work"/latency.*
    printf '\\set u random(0, %s)\n%s;\n' "$2" "$3" |
        pgbench --no-vacuum --protocol=prepared --client=1 --time="$(($1 + 5))" --random-seed=42 \
            --log --log-prefix="$work/latency" --file=- >"$work/pgbench" 2>&1 || die "$(cat "$work/pgbench")"
    # The fields of a line are client, number, microseconds, script, and the end time in seconds and microseconds.
    awk '{ end = $5 + $6 / 1e6; if (NR == 1) first = end; if (end >= first + 5) print $3 / 1000 }' "$work"/latency.* |
        sort -g | awk '
            { value[NR] = $1; sum += $1 }
            END { printf "%.3f %.3f %.3f\n", sum / NR, value[int(NR * .5) + 1], value[int(NR * .99) + 1] }'
}
