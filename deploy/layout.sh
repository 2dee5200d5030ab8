#!/bin/sh
# Lays out a root folder for a container: the program, the libraries that it links, certificate
# authorities, and one user. The folder has no shell, and only /data is writable.
#
#     deploy/layout.sh PROGRAM FOLDER [DEBUG]
#
# DEBUG is a file for the debug info of the program; the program in the folder has none. A debugger finds
# the file by its name and its checksum.
set -eu

program=$1
root=$2
debug=${3:-}
if [ -e "$root" ]; then
    echo "layout: $root is already there" >&2
    exit 2
fi

mkdir -p "$root/usr/bin" "$root/etc/ssl/certs"
install -m 0755 "$program" "$root/usr/bin/kanso-server"
# Debug info is several times as large as the program, and only a debugger reads it.
strip --strip-all "$root/usr/bin/kanso-server"
if [ -n "$debug" ]; then
    mkdir -p "$(dirname "$debug")"
    objcopy --only-keep-debug "$program" "$debug"
    objcopy --add-gnu-debuglink="$debug" "$root/usr/bin/kanso-server"
fi

# The dynamic linker prints the path of each library; the kernel's own library has no file.
ldd "$program" | grep -o '/[^ ]*' | sort -u | while read -r library; do
    mkdir -p "$root$(dirname "$library")"
    cp -L "$library" "$root$library"
done

# For TLS to a database or a cache whose certificate a public authority signed.
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"

echo 'kanso:x:65532:65532:kanso:/data:/usr/sbin/nologin' >"$root/etc/passwd"
echo 'kanso:x:65532:' >"$root/etc/group"
# Look up names in /etc/hosts before DNS.
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"

mkdir "$root/data"
chmod 0700 "$root/data"
# Only root can change the owner of a folder. Without root, the folder belongs to the caller.
if [ "$(id -u)" -eq 0 ]; then
    chown 65532:65532 "$root/data"
fi
