# Runs a PostgreSQL server until standard input is closed, and then removes it. The test process holds
# the other end of the pipe, so the server also ends when that process is killed.
#
# Arguments: the folder of the programs, a free port, a password, `on`, `v1` or `off` for TLS (`v1` has
# a certificate of X.509 version 1), `on` or `off` for flushing commits to the disk, and for a standby
# the URL of its primary, otherwise nothing. Prints its folder when the server is ready, and `done` after
# each order. Orders are `crash`, `kill`, `stop`, `start`, `revive` and `promote`.
set -eu
programs=$1 port=$2 password=$3 tls=$4 durable=$5 primary=$6
umask 077
case $tls in
off) ssl='-c ssl=off' ;;
# The authority of the clients' certificates, which a client need not show.
*) ssl='-c ssl=on -c ssl_ca_file=authority.crt' ;;
esac
folder=$(mktemp -d "${TMPDIR:-/tmp}/kanso-postgres-XXXXXX")

start() {
    "$programs/pg_ctl" start -w -s -t 60 -D "$folder/data" -l "$folder/log" -o "-p $port -k $folder \
        -c listen_addresses=127.0.0.1 -c max_connections=300 -c shared_buffers=64MB \
        $ssl -c fsync=$durable -c synchronous_commit=$durable -c full_page_writes=$durable \
        -c log_statement=none" \
        >>"$folder/output" 2>&1 || { cat "$folder/output" "$folder/log" >&2; return 1; }
}

stop() {
    "$programs/pg_ctl" stop -s -m immediate -D "$folder/data" >>"$folder/output" 2>&1 || true
}

# Starts the server if it has ended on its own. A server that is still shutting down does not answer
# pg_isready, so it is not mistaken for a running one.
revive() {
    tries=0
    until "$programs/pg_isready" -q -h "$folder" -p "$port"; do
        "$programs/pg_ctl" status -D "$folder/data" >>"$folder/output" 2>&1 || { start; return; }
        tries=$((tries + 1))
        [ "$tries" -lt 600 ] || return 1
        sleep 0.1
    done
}

# Kills all processes of the server before any of them can react. The postmaster is stopped first, so
# that it forks no further process during the search.
kill_all() {
    first=$(head -n 1 "$folder/data/postmaster.pid")
    kill -STOP "$first"
    others=
    for stat in /proc/[0-9]*/stat; do
        { read -r pid _ _ parent _ <"$stat"; } 2>>"$folder/output" || continue
        [ "$parent" = "$first" ] && others="$others $pid"
    done
    # shellcheck disable=SC2086
    kill -KILL "$first" $others 2>>"$folder/output" || true
    for pid in $first $others; do
        while kill -0 "$pid" 2>>"$folder/output"; do sleep 0.01; done
    done
}

clean() {
    stop
    rm -rf "$folder"
}
trap clean EXIT
# Ctrl-C goes to the test process; the server stays until the pipe closes.
trap '' INT HUP

printf '%s' "$password" >"$folder/password"
if [ -n "$primary" ]; then
    "$programs/pg_basebackup" -D "$folder/data" -d "$primary" -R -X stream -c fast --no-sync \
        >"$folder/output" 2>&1 || { cat "$folder/output" >&2; exit 1; }
else
    "$programs/initdb" -D "$folder/data" -U kanso -E UTF8 --locale=C --no-sync \
        --auth=scram-sha-256 --pwfile="$folder/password" >"$folder/output" 2>&1 ||
        { cat "$folder/output" >&2; exit 1; }
fi
if [ "$tls" != off ]; then
    # A certificate authority, and a certificate that it signed for the address.
    cd "$folder"
    key='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'
    # shellcheck disable=SC2086
    {
        openssl req -x509 $key -keyout authority.key -out authority.crt -days 2 -subj /CN=authority
        openssl req $key -keyout data/server.key -out server.csr -subj /CN=server
        case $tls in
        on)
            echo subjectAltName=IP:127.0.0.1 >names
            openssl x509 -req -in server.csr -CA authority.crt -CAkey authority.key -CAcreateserial \
                -days 2 -extfile names -out data/server.crt
            ;;
        # Without extensions, it is of version 1.
        v1)
            openssl x509 -req -in server.csr -CA authority.crt -CAkey authority.key -CAcreateserial \
                -days 2 -out data/server.crt
            ;;
        esac
        openssl req $key -keyout client.key -out client.csr -subj /CN=kanso-server
        openssl x509 -req -in client.csr -CA authority.crt -CAkey authority.key -CAcreateserial \
            -days 2 -out client.crt -extfile /dev/stdin <<'END'
extendedKeyUsage=clientAuth
END
        cp authority.crt data/
    } >output 2>&1 || { cat output >&2; exit 1; }
fi
start
echo "$folder"
while read -r order; do
    case $order in
    crash) stop ;;
    kill) kill_all ;;
    stop) "$programs/pg_ctl" stop -s -w -t 60 -m fast -D "$folder/data" >>"$folder/output" 2>&1 ;;
    start) start ;;
    revive) revive ;;
    promote) "$programs/pg_ctl" promote -s -w -t 60 -D "$folder/data" >>"$folder/output" 2>&1 ;;
    esac
    echo done
done
