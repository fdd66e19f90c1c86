#!/bin/sh
#
# nginx_source.sh FOLDER: puts the sources of nginx, of the version that is
# installed, into FOLDER/nginx.
#
# They are Debian's, by apt, with a list of sources and a state of its own in
# FOLDER/apt: the system's stay as they are. apt verifies the signatures. Where
# that is not possible (another system, no network) it says so and fails; then
# unpack the sources by hand into FOLDER/nginx.

set -eu

if [ $# != 1 ]; then
    echo "usage: $0 FOLDER" >&2
    exit 2
fi

if [ -x "$1/nginx/configure" ]; then
    exit 0
fi

mkdir -p "$1/apt/lists/partial" "$1/apt/cache/archives/partial" "$1/get"
folder=$(cd "$1" && pwd)

version=$(nginx -v 2>&1 | sed -n 's,^nginx version: nginx/\([0-9.]*\).*,\1,p')
key=/usr/share/keyrings/debian-archive-keyring.gpg
release=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")

if [ -z "$version" ] || [ -z "$release" ] || [ ! -e $key ]; then
    echo "nginx_source: needs nginx and a Debian system" >&2
    exit 1
fi

cat > "$folder/apt/sources.list" <<END
deb-src [signed-by=$key] http://deb.debian.org/debian $release main
deb-src [signed-by=$key] http://deb.debian.org/debian-security $release-security main
END

get()
{
    timeout 300 apt-get -q -o APT::Sandbox::User=root \
        -o Dir::Etc::sourcelist="$folder/apt/sources.list" \
        -o Dir::Etc::sourceparts=/dev/null \
        -o Dir::State::lists="$folder/apt/lists" \
        -o Dir::Cache="$folder/apt/cache" "$@" </dev/null
}

if ! { get update && cd "$folder/get" \
       && get source --download-only --tar-only nginx; } >"$folder/get.log" 2>&1
then
    tail -n 4 "$folder/get.log" | sed 's/^/nginx_source: /' >&2
    echo "nginx_source: apt has no sources for nginx" >&2
    exit 1
fi

tar -x -f "nginx_$version.orig.tar.gz"

# The thread sanitizer knows a lock by its atomics; the plain store in which
# nginx ends one is as good on the machines it runs on.
sed -i 's/^\(#define ngx_unlock(lock)  *\)\*(lock) = 0$/\1__sync_lock_release(lock)/' \
    "nginx-$version/src/os/unix/ngx_atomic.h"

mv "nginx-$version" "$folder/nginx"
rm -rf "$folder/get" "$folder/apt"
