#!/usr/bin/env bash
#
# run.sh: what "make run" does once the programs are built. It prepares DATA,
# starts nginx and the job runner, and stays in the foreground until both are
# gone. Nothing it starts leaves its process group.
#
# From the environment:
#
#   BUILD_DIR       where jobrunner and the module are
#   PORT LISTEN     where to listen
#   DATA            everything that is kept: database, blobs, logs, password
#   RUN_AS          the service user, when started by root
#   ADMIN_PASSWORD  optional: else made at the first start
#   NGINX NGINX_ENV optional: another nginx, and NAME=VALUE for it
#
# Exit status: 0 after SIGINT or SIGTERM, 1 when something failed to start,
# else that of the program that ended by itself (1 if that was 0).

set -euo pipefail
umask 027
export LC_ALL=C

here=$(cd "$(dirname "$0")" && pwd)
nginx=${NGINX:-$(command -v nginx || echo /usr/sbin/nginx)}
jobrunner=$BUILD_DIR/jobrunner
module=$BUILD_DIR/ngx_http_registry_module.so

die()
{
    echo "run: $*" >&2
    exit 1
}

# --- what was asked for ----------------------------------------------------

[[ $PORT =~ ^[0-9]{1,5}$ ]] && (( 10#$PORT >= 1 && 10#$PORT <= 65535 )) \
    || die "PORT=$PORT is not a port number"

case $LISTEN in
    \[*\])   host=$LISTEN ;;
    *:*)     host="[$LISTEN]" ;;
    '')      die "LISTEN is empty" ;;
    *)       host=$LISTEN ;;
esac

case $host in
    0.0.0.0) reach=127.0.0.1 ;;
    '[::]')  reach='[::1]' ;;
    *)       reach=$host ;;
esac

[[ -n $DATA ]] || die "DATA is empty"
[[ $DATA =~ ^[-A-Za-z0-9_./+,@%=:]+$ ]] \
    || die "DATA=$DATA: use a path without blanks and quotes"

if [[ -e $DATA && ! -d $DATA ]]; then
    die "DATA=$DATA is not a folder"
fi

if [[ -d $DATA && ! -e $DATA/run.lock && -n $(ls -A "$DATA") ]]; then
    die "DATA=$DATA has other files in it; give an empty or a new folder"
fi

(umask 022; mkdir -p "$(dirname "$DATA")")
DATA=$(cd "$(dirname "$DATA")" && pwd -P)/$(basename "$DATA")

# --- who runs the services -------------------------------------------------

# 0 if the service user can come as far as the folder $1.
can_reach()
{
    setpriv --reuid="$RUN_AS" --regid="$(id -g "$RUN_AS")" --init-groups \
        test -x "$1" 2>/dev/null
}

owner=$(id -un)
user_line=

if [[ $(id -u) == 0 ]]; then
    id "$RUN_AS" >/dev/null 2>&1 || die "RUN_AS=$RUN_AS: no such user"

    if can_reach "$(dirname "$DATA")"; then
        owner=$RUN_AS
    else
        echo "run: user $RUN_AS cannot reach $(dirname "$DATA");" \
             "the services run as $owner"
    fi

    user_line="user $owner $(id -gn "$owner");"
fi

group=$(id -gn "$owner")

# --- one run a DATA; the lock goes with the last process that holds it -----

make_folder()
{
    mkdir -p "$1"
    chmod 0750 "$1"
    if [[ $(id -u) == 0 ]]; then
        chown "$owner:$group" "$1"
    fi
}

make_folder "$DATA"

exec 9>>"$DATA/run.lock"
flock -n 9 || die "DATA=$DATA is in use by another run"

if [[ $(id -u) == 0 && -e $DATA/registry.db \
      && $(stat -c %U "$DATA/registry.db") != "$owner" ]]
then
    echo "run: giving the files in $DATA to $owner"
    chown -R "$owner:$group" "$DATA"
fi

for folder in blobs logs tmp; do
    make_folder "$DATA/$folder"
done

# --- is the port free? nginx itself would try for seconds ------------------

if (exec 3<>"/dev/tcp/${reach//[\[\]]/}/$PORT") 2>/dev/null; then
    die "port $PORT of $reach is taken; choose another: make run PORT=..."
fi

# --- nginx.conf ------------------------------------------------------------

sed -e "s|@USER_LINE@|$user_line|" -e "s|@DATA@|$DATA|g" \
    -e "s|@MODULE@|$module|" -e "s|@LISTEN@|$host|" -e "s|@PORT@|$PORT|" \
    "$here/run.conf.in" > "$DATA/nginx.conf"

# --- database and the first password ---------------------------------------

database=sqlite:$DATA/registry.db

"$jobrunner" --database "$database" db migrate 9>&- \
    || die "the database could not be prepared"

set_password()
{
    local new=$DATA/admin-password.new

    rm -f "$new"
    (umask 077; printf '%s\n' "$1" > "$new")
    if [[ $(id -u) == 0 ]]; then
        chown "$owner:$group" "$new"
    fi

    "$jobrunner" --database "$database" user passwd admin \
        --password-file "$new" 9>&- \
        || die "the administrator's password could not be set"

    # Only now: a start that failed half-way sets it again.
    mv "$new" "$DATA/admin-password"
}

random_password()
{
    local bytes

    bytes=$(od -An -N 64 -tx1 /dev/urandom | tr -d ' \n' \
            | sha256sum | cut -c 1-32)
    printf '%s' "$bytes"
}

password=${ADMIN_PASSWORD:-}
unset ADMIN_PASSWORD

if [[ ! -s $DATA/admin-password ]]; then
    set_password "${password:-$(random_password)}"

elif [[ -n $password && $password != "$(cat "$DATA/admin-password")" ]]; then
    set_password "$password"
    echo "run: the administrator's password is now the one you gave"
fi

unset password

# --- start -----------------------------------------------------------------

ulimit -n "$(ulimit -Hn)" 2>/dev/null || true

nginx_pid=
jobrunner_pid=
stopping=no

# Processes that hold the lock: nginx's workers too, should their master be
# killed. Prints their ids.
holders()
{
    local link

    for link in /proc/[0-9]*/fd/9; do
        if [[ $link != "/proc/$$/fd/9" && $link != "/proc/$BASHPID/fd/9" \
              && $(readlink "$link" 2>/dev/null) == "$DATA/run.lock" ]]
        then
            link=${link#/proc/}
            echo "${link%%/*}"
        fi
    done
}

signal_all()
{
    local pid

    for pid in $nginx_pid $jobrunner_pid $(holders); do
        kill -s "$1" "$pid" 2>/dev/null || true
    done
}

stop_all()
{
    local i

    stopping=yes
    trap '' INT TERM HUP
    signal_all TERM

    for (( i = 0; i < 300; i++ )); do
        if [[ -z $(holders) ]]; then
            break
        fi
        sleep 0.1
    done

    if [[ -n $(holders) ]]; then
        echo "run: something did not end within 30 s and is killed" >&2
        signal_all KILL
    fi

    wait
}

trap 'stop_all; exit 0' INT TERM HUP

env ${NGINX_ENV:-} "$nginx" -p "$DATA/" -c "$DATA/nginx.conf" \
    -e "$DATA/logs/error.log" &
nginx_pid=$!

"$jobrunner" --database "$database" serve &
jobrunner_pid=$!

# Ready when the registry says so: /readyz looks at database and storage.
is_ready()
{
    local line

    exec 3<>"/dev/tcp/${reach//[\[\]]/}/$PORT" || return 1
    printf 'GET /readyz HTTP/1.0\r\nHost: %s\r\n\r\n' "$reach:$PORT" >&3
    read -r -t 5 line <&3 || return 1
    [[ $line == *' 200 '* ]]
}

for (( i = 0; i < 300; i++ )); do
    if (is_ready) 2>/dev/null; then
        break
    fi
    kill -0 "$nginx_pid" 2>/dev/null || break
    kill -0 "$jobrunner_pid" 2>/dev/null || break
    sleep 0.1
done

if kill -0 "$nginx_pid" 2>/dev/null && kill -0 "$jobrunner_pid" 2>/dev/null
then
    if (( i == 300 )); then
        echo "run: not ready after 30 s: see $DATA/logs/error.log" >&2
    fi

    cat <<END

  registry        http://$reach:$PORT/
  administrator   admin; the password is in
                  $DATA/admin-password
  data            $DATA (run as $owner)

  docker login -u admin --password-stdin $reach:$PORT \\
      < $DATA/admin-password
  docker tag alpine $reach:$PORT/library/alpine
  docker push $reach:$PORT/library/alpine
  docker pull $reach:$PORT/library/alpine

  stop            Ctrl-C; the data stays for the next run

END
fi

# Either of the two ends: so does the other, and the status tells.
ended=
status=0
wait -n -p ended "$nginx_pid" "$jobrunner_pid" || status=$?

if [[ $ended == "$nginx_pid" ]]; then
    echo "run: nginx ended (status $status); stopping" >&2
else
    echo "run: the job runner ended (status $status); stopping" >&2
fi

stop_all
exit $(( status == 0 ? 1 : status ))
