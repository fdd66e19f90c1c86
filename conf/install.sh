#!/bin/sh
#
# install.sh: "make install". Puts the programs where Debian's nginx expects
# them. It loads the module; it enables no site and starts no service.

set -eu
umask 022

dest=$DESTDIR
top=$(cd "$(dirname "$0")/.." && pwd)

put()
{
    mkdir -p "$dest$(dirname "$3")"
    install -m "$1" "$2" "$dest$3"
    echo "  $3"
}

# A configuration file that was edited stays; the new one lies beside it.
put_conf()
{
    if [ -e "$dest$2" ] && ! cmp -s "$1" "$dest$2"; then
        put 0644 "$1" "$2.new"
    else
        put 0644 "$1" "$2"
    fi
}

put 0644 "$BUILD_DIR/ngx_http_registry_module.so" \
    /usr/lib/nginx/modules/ngx_http_registry_module.so
put 0755 "$BUILD_DIR/jobrunner" /usr/sbin/jobrunner

available=/usr/share/nginx/modules-available/mod-http-registry.conf
enabled=/etc/nginx/modules-enabled/50-mod-http-registry.conf

mkdir -p "$dest$(dirname $available)" "$dest$(dirname $enabled)"
echo 'load_module modules/ngx_http_registry_module.so;' > "$dest$available"
echo "  $available"
ln -sfn $available "$dest$enabled"
echo "  $enabled"

put_conf "$top/conf/registry-instance.conf" \
    /etc/nginx/snippets/registry-instance.conf
put_conf "$top/conf/registry-site.conf" \
    /etc/nginx/snippets/registry-site.conf
put 0644 "$top/conf/jobrunner.service" \
    /usr/lib/systemd/system/jobrunner.service
put 0644 "$top/conf/tmpfiles.conf" /usr/lib/tmpfiles.d/nginx-registry.conf

documents=/usr/share/doc/nginx-registry
for file in README.md CHANGES LICENSE; do
    put 0644 "$top/$file" $documents/$file
done
for file in "$top"/docs/*.md; do
    if [ -e "$file" ]; then
        put 0644 "$file" "$documents/$(basename "$file")"
    fi
done
for file in "$top"/docs/*.[58]; do
    if [ -e "$file" ]; then
        section=${file##*.}
        put 0644 "$file" "/usr/share/man/man$section/$(basename "$file")"
    fi
done

# The shell looks it up by the name of the command.
completions=/usr/share/bash-completion/completions
mkdir -p "$dest$completions"
"$BUILD_DIR/jobrunner" completion bash > "$dest$completions/jobrunner"
echo "  $completions/jobrunner"

for file in nginx.conf registry-client-certificate.conf \
    registry-auth-request.conf
do
    put 0644 "$top/conf/$file" "$documents/examples/$file"
done

if [ -z "$dest" ]; then
    install -d -o www-data -g www-data -m 0750 /var/lib/nginx-registry
    echo "  /var/lib/nginx-registry"
fi

cat <<'END'

Next, as root:

  1. in the http block of nginx.conf:
         include /etc/nginx/snippets/registry-instance.conf;
     in a server block:
         include /etc/nginx/snippets/registry-site.conf;
  2. jobrunner db migrate
     jobrunner user passwd admin --password-file FILE
  3. nginx -t && systemctl reload nginx
     systemctl enable --now jobrunner
END
