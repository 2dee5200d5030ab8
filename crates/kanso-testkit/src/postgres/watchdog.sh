# Runs a PostgreSQL server of its own for as long as somebody holds the other end of standard input,
# and leaves nothing behind, however that somebody ends.
#
# Arguments: the folder of the programs, a free port, a password. Says `ready`, and after each order
# `done`; orders are `crash` and `start`.
set -eu
programs=$1 port=$2 password=$3
umask 077
folder=$(mktemp -d "${TMPDIR:-/tmp}/kanso-postgres-XXXXXX")

start() {
    "$programs/pg_ctl" start -w -s -t 60 -D "$folder/data" -l "$folder/log" -o "-p $port -k $folder \
        -c listen_addresses=127.0.0.1 -c max_connections=300 -c shared_buffers=64MB \
        -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c log_statement=none" \
        >>"$folder/output" 2>&1 || { cat "$folder/output" "$folder/log" >&2; return 1; }
}

stop() {
    "$programs/pg_ctl" stop -s -m immediate -D "$folder/data" >>"$folder/output" 2>&1 || true
}

clean() {
    stop
    rm -rf "$folder"
}
trap clean EXIT
# The test process is told by other means when somebody interrupts it.
trap '' INT HUP

printf '%s' "$password" >"$folder/password"
"$programs/initdb" -D "$folder/data" -U kanso -E UTF8 --locale=C --no-sync \
    --auth=scram-sha-256 --pwfile="$folder/password" >"$folder/output" 2>&1 ||
    { cat "$folder/output" >&2; exit 1; }
start
echo ready
while read -r order; do
    case $order in
    crash) stop ;;
    start) start ;;
    esac
    echo done
done
