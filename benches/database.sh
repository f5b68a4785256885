# shellcheck shell=bash
# The database of the parts that speak SQL, inside benches/cluster.sh; source it, it does no work.

sql() { psql -XqAt -F ' ' -v ON_ERROR_STOP=1 "$@"; }

# fill: the extension, the events with an index on the user, the test users' items.
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
