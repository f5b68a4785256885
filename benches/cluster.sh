#!/usr/bin/env bash
# Starts a throwaway server, runs a command that can connect to it, and stops it however the command ends.
#   benches/cluster.sh psql -c 'SELECT version()'
# Its settings are PostgreSQL's defaults, except 512 MB of shared buffers and 250 connections; it flushes writes to
# disk. CLUSTER_PROGRAMS names the folder with the programs of another server.
set -euo pipefail
source "$(dirname "$0")/../scripts/environment"

programs=${CLUSTER_PROGRAMS:-$(server_programs 15)}
directory=$(mktemp -d "${TMPDIR:-/tmp}/segrec-bench-XXXXXX")
as_owner() { # as_owner PROGRAM…: run a server program as the owner of the data
    (cd "$directory" && env -u RUST_BACKTRACE PGPORT=5432 "${as_server_user[@]}" "$programs/$1" "${@:2}")
}
stop() {
    if [ -f "$directory/data/postmaster.pid" ]; then
        as_owner pg_ctl stop --silent --mode=immediate -D "$directory/data" || true
    fi
    rm -rf "$directory"
}
trap stop EXIT

if [ ${#as_server_user[@]} -gt 0 ]; then chown "$server_user" "$directory"; fi
as_owner initdb --auth=trust --encoding=UTF8 --locale=C.UTF-8 -U postgres -D "$directory/data" >/dev/null
cat >>"$directory/data/postgresql.conf" <<END
listen_addresses = ''
unix_socket_directories = '$directory'
shared_buffers = '512MB'
max_connections = '250'
END
as_owner pg_ctl start --silent --wait -D "$directory/data" -l "$directory/log" >/dev/null ||
    die "the server did not start: $(cat "$directory/log")"

env PGHOST="$directory" PGPORT=5432 PGUSER=postgres PGDATABASE=postgres PGOPTIONS='' PSQL_PAGER=cat \
    PATH="$programs:$PATH" "$@"
