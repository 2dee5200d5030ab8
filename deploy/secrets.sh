#!/bin/sh
# Makes the secrets of docker-compose.yml in the folder `secrets`, which only its owner can enter.
#
#     deploy/secrets.sh [FOLDER]
#
# A secret that exists stays as it is. A file .env of release 0.1.0 gives its values to the new files.
set -eu
folder=${1:-secrets}
umask 077
mkdir -p "$folder"
chmod 700 "$folder"

old() {
    if [ -f .env ]; then sed -n "s/^$1=//p" .env; fi
}

# Hexadecimal digits need no escaping in a URL.
random() {
    od -An -v -tx1 -N32 /dev/urandom | tr -d ' \n'
}

# Writes standard input to a new file. The containers read it as a user of their own, and the folder
# keeps other users of this machine out.
store() {
    [ -e "$folder/$1" ] || { cat >"$folder/.new" && chmod 644 "$folder/.new" && mv "$folder/.new" "$folder/$1"; }
}

secret() {
    value=$(old "$2")
    printf '%s' "${value:-$(random)}" | store "$1"
}

secret postgres-password POSTGRES_PASSWORD
secret redis-password REDIS_PASSWORD
secret jwt-secret KANSO_JWT_SECRET
random | store owner-password
random | store server-password

# In clear text: these connections stay in the network of the containers.
place='postgres:5432/kanso?sslmode=disable'
printf 'postgres://kanso_owner:%s@%s' "$(cat "$folder/owner-password")" "$place" | store owner-database-url
printf 'postgres://kanso_server:%s@%s' "$(cat "$folder/server-password")" "$place" | store database-url
printf 'redis://:%s@redis:6379' "$(cat "$folder/redis-password")" | store redis-url
