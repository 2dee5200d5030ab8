#!/bin/sh
# Lays out a root folder for a container: the program, the libraries it links, certificate
# authorities, and one user. There is no shell in it and nothing that can be written to but /data.
#
#     deploy/layout.sh PROGRAM FOLDER
set -eu

program=$1
root=$2
if [ -e "$root" ]; then
    echo "layout: $root is already there" >&2
    exit 2
fi

mkdir -p "$root/usr/bin" "$root/etc/ssl/certs"
install -m 0755 "$program" "$root/usr/bin/kanso-server"
# What tells addresses of code apart is of use to a debugger, and ten times the rest.
strip --strip-debug "$root/usr/bin/kanso-server"

# The dynamic linker prints each library with where it found it; the kernel's own has no file.
ldd "$program" | grep -o '/[^ ]*' | sort -u | while read -r library; do
    mkdir -p "$root$(dirname "$library")"
    cp -L "$library" "$root$library"
done

# For TLS to a database or a cache whose certificate a public authority signed.
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"

echo 'kanso:x:65532:65532:kanso:/data:/usr/sbin/nologin' >"$root/etc/passwd"
echo 'kanso:x:65532:' >"$root/etc/group"
# Names of this machine's own before those of the network.
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"

mkdir "$root/data"
chmod 0700 "$root/data"
# Only root can give a folder away; for anybody else the folder is made by whoever runs the image.
if [ "$(id -u)" -eq 0 ]; then
    chown 65532:65532 "$root/data"
fi
