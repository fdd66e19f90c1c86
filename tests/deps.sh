#!/bin/sh
#
# deps.sh: installs the Debian packages that are missing, and says which.
#
#   tests/deps.sh build         what building and running needs
#   tests/deps.sh build test    the same, and what the tests need
#   tests/deps.sh -n SET...     only names what is missing; exit status 1
#                               when something is
#
# With everything in place it makes one dpkg-query and no other call.
# Services of the packages are not started: a site's port 80 stays as it is.

set -eu

set_build='
    gcc libc6-dev binutils make perl
    nginx nginx-dev
    libsqlite3-dev libjansson-dev libssl-dev libcurl4-openssl-dev
    libpcre2-dev libcrypt-dev zlib1g-dev
'

set_test='
    clang-14 clang-format-14 clang-tidy-14 libclang-rt-14-dev
    libcmocka-dev cppcheck valgrind
    sqlite3 curl jq unzip openssl procps git ca-certificates
    libio-socket-ssl-perl
    libnginx-mod-http-lua libnginx-mod-http-js libnginx-mod-http-modsecurity
    libnginx-mod-http-brotli-filter libnginx-mod-http-brotli-static
    libnginx-mod-http-headers-more-filter libnginx-mod-http-subs-filter
    apache2-utils wrk docker-registry
    docker.io containerd runc crun podman buildah skopeo umoci
'

only_name=no
packages=

# helm comes in an npm package. An npm that is there, from wherever, will do.
if ! command -v npm >/dev/null; then
    set_test="$set_test npm"
fi

for arg in "$@"; do
    case $arg in
        -n)    only_name=yes ;;
        build) packages="$packages $set_build" ;;
        test)  packages="$packages $set_test" ;;
        *)     echo "$0: unknown set \"$arg\"" >&2; exit 2 ;;
    esac
done

if ! command -v dpkg-query >/dev/null; then
    cat >&2 <<END
deps: this is not a Debian system. Install the equivalents of these packages
deps: by hand and set DEPS=no for make:
$(echo $packages | fold -s -w 72 | sed 's/^/deps:     /')
END
    exit 1
fi

# dpkg-query fails when it does not know one of the names: that is an answer
# too, so only its output counts.
installed=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' $packages \
            2>/dev/null | sed -n 's/^installed //p') || true

missing=
for package in $packages; do
    if ! printf '%s\n' "$installed" | grep -qxF -- "$package"; then
        missing="$missing $package"
    fi
done

if [ -z "$missing" ]; then
    exit 0
fi

if [ $only_name = yes ]; then
    echo "deps: missing:$missing"
    exit 1
fi

if [ "$(id -u)" != 0 ]; then
    cat >&2 <<END
deps: these Debian packages are missing, and only root may install them:
$(echo $missing | fold -s -w 72 | sed 's/^/deps:     /')
deps: run as root:
deps:     apt-get install --no-install-recommends$missing
END
    exit 1
fi

echo "deps: installing:$missing"

# Keep apt from starting what it installs (nginx would take port 80, docker
# would start its daemon). A policy that the site has put there stays.
policy=/usr/sbin/policy-rc.d
made_policy=no

drop_policy()
{
    if [ $made_policy = yes ]; then
        rm -f $policy
        made_policy=no
    fi
}

trap drop_policy EXIT
trap 'drop_policy; exit 130' INT
trap 'drop_policy; exit 143' TERM

if [ ! -e $policy ] && [ ! -L $policy ]; then
    made_policy=yes
    printf '#!/bin/sh\nexit 101\n' > $policy
    chmod 755 $policy
fi

export DEBIAN_FRONTEND=noninteractive

# One source that does not answer must not stop the others; what is really
# missing shows in the installation below.
apt-get update -q >/dev/null 2>&1 \
    || echo "deps: apt-get update reported errors; trying all the same" >&2

if ! apt-get install -q -y --no-install-recommends \
         -o Dpkg::Use-Pty=0 $missing </dev/null
then
    echo "deps: apt-get could not install:$missing" >&2
    exit 1
fi
