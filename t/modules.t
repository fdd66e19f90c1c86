#!/usr/bin/perl

# Beside the other modules of a site: Lua, njs, ModSecurity, Brotli, filters
# that rewrite responses, auth_request, mirror, limit_req. Each of them may
# read the body first, delay the request, or sit in the way of the response;
# pushes and pulls stay right, and no filter touches content. Then TLS and
# HTTP/2 with large bodies both ways.

use warnings;
use strict;

use Test::More;

use lib 't/lib';
use Test::Registry;

my $modules = '/usr/lib/nginx/modules';
my @modules = map { "$modules/$_.so" } qw/ ndk_http_module
    ngx_http_lua_module ngx_http_js_module ngx_http_modsecurity_module
    ngx_http_brotli_filter_module ngx_http_brotli_static_module
    ngx_http_headers_more_filter_module ngx_http_subs_filter_module /;
-e $_ or die "$_ is missing: run tests/deps.sh build test\n" for @modules;

my @servers = qw/ filters lua njs modsecurity auth_request tls proxy /;

my $t = Test::Registry->new();
my $dir = $t->dir();
my @a = (auth => 'admin');
$t->make_certificate('registry');

# What nginx reads in the order of its lines decides in which order filters
# run, so both orders are tried.
sub conf {
    my ($ours) = @_;

    my $globals = $t->expand('%%GLOBALS%%');
    my $others = join '', map { "load_module  $_;\n" } @modules;

    if ($ours eq 'last') {
        $globals =~ s/(load_module.*\n)/$others$1/;
    } else {
        $globals .= $others;
    }

    $t->write_file_expand('conf/rules.conf', <<'END');
SecRuleEngine On
SecRequestBodyAccess On
SecRequestBodyLimit 104857600
SecRequestBodyNoFilesLimit 104857600
SecResponseBodyAccess On
SecResponseBodyMimeType application/octet-stream
SecResponseBodyLimit 524288
SecResponseBodyLimitAction ProcessPartial
SecAuditEngine Off
SecTmpDir %%DIR%%/tmp
SecDataDir %%DIR%%/tmp
SecRule REQUEST_HEADERS:X-Attack "@streq yes" "id:1,phase:1,deny,status:403"
SecRule REQUEST_HEADERS:X-Late "@streq yes" "id:2,phase:2,deny,status:403"
END

    $t->write_file('conf/site.js', <<'END');
function header(r) { r.headersOut['X-Njs'] = r.method; }
function body(r, data, flags) { r.sendBuffer(data, flags); }
function seen(r) { return r.uri.length.toString(); }
function allow(r) {
    r.return(r.headersIn['X-Attack'] == 'yes' ? 403 : 204);
}
export default { header, body, seen, allow };
END

    $t->write_conf($globals . <<'END');
worker_processes  2;

events {
    worker_connections  512;
}

http {
    %%HTTP%%
    registry_instance main { %%INSTANCE%% }

    js_path    %%DIR%%/conf;
    js_import  site from site.js;
    js_set     $seen site.seen;

    limit_req_zone  $server_port zone=all:32k rate=1000r/s;

    lua_shared_dict  counters 64k;

    gzip             on;
    gzip_static      on;
    gzip_min_length  0;
    gzip_types       *;
    brotli           on;
    brotli_static    on;
    brotli_min_length 0;
    brotli_types     *;

    server {
        listen  127.0.0.1:%%PORT_0%%;

        sub_filter        secret public;
        sub_filter_once   off;
        sub_filter_types  *;
        subs_filter       secret public;
        subs_filter_types application/octet-stream;
        ssi               on;
        ssi_types         *;
        add_before_body   /before;
        addition_types    *;
        charset           koi8-r;
        charset_types     *;
        more_set_headers  "X-More: yes";
        more_clear_headers Server;
        expires           1h;
        gunzip            on;

        %%LOCATIONS%%
        location = /other  { return 200 "secret secret secret\n"; }
        location = /before { return 200 "before "; }
    }

    server {
        listen  127.0.0.1:%%PORT_1%%;

        client_body_buffer_size  16k;

        rewrite_by_lua_block {
            ngx.req.set_header("X-From-Lua", "1")
        }
        access_by_lua_block {
            if ngx.var.http_x_attack == "yes" then
                return ngx.exit(403)
            end
            ngx.sleep(0.002)
            if ngx.var.http_x_read ~= "no" then
                ngx.req.read_body()
            end
            ngx.sleep(0.002)
        }
        header_filter_by_lua_block { ngx.header["X-Lua"] = ngx.status }
        body_filter_by_lua_block {
            ngx.shared.counters:incr("bytes", #ngx.arg[1], 0)
        }
        log_by_lua_block { ngx.shared.counters:incr("log", 1, 0) }

        %%LOCATIONS%%
    }

    server {
        listen  127.0.0.1:%%PORT_2%%;

        location ^~ /v2/ {
            registry          main;
            auth_request      /allow;
            js_header_filter  site.header;
            js_body_filter    site.body buffer_type=buffer;
            add_header        X-Seen $seen always;
        }
        # nginx holds the size of a body against the location of a subrequest.
        location = /allow {
            internal;
            client_max_body_size  0;
            js_content            site.allow;
        }
        location ^~ /service/token { registry main; }
    }

    server {
        listen  127.0.0.1:%%PORT_3%%;

        modsecurity             on;
        modsecurity_rules_file  %%DIR%%/conf/rules.conf;

        %%LOCATIONS%%
    }

    server {
        listen  127.0.0.1:%%PORT_4%%;

        location ^~ /v2/ {
            registry      main;
            auth_request  /allow;
            mirror        /mirror;
            limit_req     zone=all burst=1000;
            limit_rate    200m;
            satisfy       all;
            allow         127.0.0.0/8;
        }
        location = /allow {
            internal;
            client_max_body_size     0;
            proxy_pass               http://127.0.0.1:%%PORT_7%%/allow;
            proxy_pass_request_body  off;
            proxy_set_header         Content-Length "";
        }
        location = /mirror {
            internal;
            proxy_pass  http://127.0.0.1:%%PORT_7%%/mirror;
        }
    }

    server {
        listen  127.0.0.1:%%PORT_5%% ssl http2;

        ssl_certificate      %%DIR%%/conf/registry.crt;
        ssl_certificate_key  %%DIR%%/conf/registry.key;

        %%LOCATIONS%%
    }

    server {
        listen  127.0.0.1:%%PORT_6%%;
        client_max_body_size  0;
        gzip                  off;
        brotli                off;

        location / {
            proxy_pass               http://127.0.0.1:%%PORT_0%%;
            proxy_http_version       1.1;
            proxy_buffering          off;
            proxy_request_buffering  off;
            proxy_set_header         Host $http_host;
        }
    }

    server {
        listen  127.0.0.1:%%PORT_7%%;
        client_max_body_size  0;

        location = /allow {
            if ($http_x_attack) { return 403; }
            return 204;
        }
        location = /mirror { return 204; }
    }
}
END
}

# Text that each rewriting filter would like to change.
sub bytes {
    my ($size) = @_;
    my $line = join ' ', rand, 'secret <html></head><!--# echo var="uri" -->',
        "\xc3\xa9\n";
    return substr $line x (1 + $size / length $line), 0, $size;
}

sub content {
    my ($r, $bytes, $what) = @_;
    is($r->status, 200, "$what: 200") or diag $r->body;
    ok($r->body eq $bytes && !$r->truncated, "$what: the bytes")
        or diag length($r->body) . ' of ' . length $bytes;
    is($r->header('Content-Encoding'), undef, "$what: no coding");
    is($r->header('Content-Length'), length $bytes, "$what: length")
        if defined $r->header('Content-Length');
    unlike($r->header('ETag') // '', qr{^W/}, "$what: its ETag is strong");
    return;
}

# Pushes every way and pulls every way on one port.
sub sound {
    my ($name, %opt) = @_;

    my $repo = "library/$name";
    my @accept = (headers => ['Accept-Encoding' => 'gzip, br']);

    for my $size (1, 20_000, 1_500_000) {
        my $data = bytes($size);
        my $digest = $t->push_blob($repo, $data, %opt);
        content($t->get("/v2/$repo/blobs/$digest", @a, %opt, @accept), $data,
            "$size bytes");
        is($t->head("/v2/$repo/blobs/$digest", @a, %opt)
            ->header('Content-Length'), $size, 'HEAD');

        my $location = $t->start_upload($repo, %opt);
        my @chunks = unpack '(a7001)*', $data . 'x';
        my $r = $t->patch($location, @a, %opt, chunks => \@chunks);
        is($r->status, 202, "$size bytes in chunks") or diag $r->body;
        is($r->header('Range'), "0-$size", 'all of them');
        $r = $t->put($t->with_query($location, 'digest', sha256($data . 'xy')),
            @a, %opt, body => 'y');
        is($r->status, 201, 'the last one in PUT') or diag $r->body;

        $r = $t->post("/v2/$repo/blobs/uploads/?digest=" . sha256("z$data"),
            @a, %opt, body => "z$data");
        is($r->status, 201, 'in one POST') or diag $r->body;

        $location = $t->start_upload($repo, %opt);
        $r = $t->put($t->with_query($location, 'digest', sha256("a$data")),
            @a, %opt, body => $data);
        is($r->code, 'DIGEST_INVALID', 'a wrong digest');
    }

    my $image = $t->push_image($repo, 'v1', layers => [ bytes(3000) ],
        manifest => { annotations => { text => 'secret ' x 3000 } }, %opt);
    content($t->get("/v2/$repo/manifests/v1", @a, %opt, @accept),
        $image->{bytes}, 'manifest');

    my $range = $t->get("/v2/$repo/blobs/" . sha256($image->{layers}[0]), @a,
        %opt, headers => [Range => 'bytes=100-199']);
    is($range->status, 206, 'a range');
    is($range->body, substr($image->{layers}[0], 100, 100), 'its bytes');

    my $r = $t->get("/v2/$repo/manifests/none", @a, %opt);
    is($r->status, 404, 'what is not there');
    is($r->code, 'MANIFEST_UNKNOWN', 'with JSON');
    is($t->get('/v2/', %opt)->status, 401, 'without credentials');

    return;
}

sub attack {
    my ($port, $header) = @_;
    my $location = $t->start_upload('library/attack', port => $t->port($port));
    for (['GET', '/v2/'], ['PATCH', $location, body => 'x' x 70_000]) {
        my ($method, $target, @body) = @$_;
        my $r = $t->http($method, $target, @a, port => $t->port($port),
            headers => [$header => 'yes'], @body);
        is($r->status, 403, "$method with $header: refused");
        is($r->code, 'DENIED', 'with JSON');
    }
    is($t->get($location, @a)->header('Range'), '0-0', 'nothing was taken');
    return;
}

for my $ours (qw/ first last /) {
    conf($ours);
    my $check = $t->test_conf();
    is($check->{status}, 0, "nginx -t, our module $ours")
        or diag $check->{err};
    $ours eq 'first' ? $t->run() : $t->start_nginx();

    for my $i (0 .. $#servers) {
        subtest "$servers[$i], our module $ours" => sub {
            sound($servers[$i], port => $t->port($i),
                ($servers[$i] eq 'tls' ? (tls => 1) : ()));
        };
    }

    subtest "the others are at work, our module $ours" => sub {
        my @br = (headers => ['Accept-Encoding' => 'br']);
        my $r = $t->get('/other', @br);
        is($r->header('Content-Encoding'), 'br', 'Brotli');
        is($t->get('/other')->body, "before public public public\n",
            'addition, sub_filter');
        is($t->get('/v2/')->header('X-More'), 'yes', 'headers-more');
        is($t->get('/v2/', port => $t->port(1))->header('X-Lua'), 401, 'Lua');
        is($t->get('/v2/', port => $t->port(2), @a)->header('X-Njs'), 'GET',
            'njs');
        is($t->get('/v2/', port => $t->port(2), @a)->header('X-Seen'), 4,
            'js_set');
        attack(1, 'X-Attack');
        attack(2, 'X-Attack');
        attack(3, 'X-Attack');
        attack(3, 'X-Late');
        attack(4, 'X-Attack');
    };

    is($t->stop_nginx(), 0, 'the end') if $ours eq 'first';
}

subtest 'Lua that leaves the body alone' => sub {
    my $data = bytes(900_000);
    my $location = $t->start_upload('library/lua');
    my $c = $t->connect(port => $t->port(1));
    $c->send($t->request_bytes('PATCH', $location, @a, headers =>
        ['X-Read' => 'no', 'Content-Length' => length $data]),
        substr $data, 0, 400_000);
    wait_until(sub {
        $t->get('/metrics')->body =~ /^registry_uploads_in_progress 1$/m
    }, 10, 'the upload to begin before its end came');
    $c->send(substr $data, 400_000);
    is($c->response()->status, 202, 'taken');
    is($t->put($t->with_query($location, 'digest', sha256($data)), @a)
        ->status, 201, 'and right');
};

# --- large bodies over TLS and HTTP/2 --------------------------------------

sub curl {
    my (@args) = @_;
    return run_command(['curl', '-sS', '-m', 100, '--cacert',
        "$dir/conf/registry.crt", '-u', 'admin:' . $t->password(), '-w',
        '%{http_version} %{http_code}', @args], timeout => 120);
}

for my $version ('--http1.1', '--http2') {
    subtest "TLS, $version" => sub {
        my $number = $version =~ /2/ ? '2' : '1.1';
        my $base = 'https://localhost:' . $t->port(5);
        my $repo = 'library/tls';
        my $size = 48_000_017;
        my $random = run_command(['head', '-c', $size, '/dev/urandom'])->{out};
        my $digest = sha256($random);
        my $file = $t->write_file('large', $random);

        my $location = $t->start_upload($repo);
        my $r = curl($version, '-X', 'PATCH', '-T', $file, '-o',
            "$dir/answer", $base . $location);
        is($r->{out}, "$number 202", 'PATCH') or diag $r->{err};
        is($t->get($location, @a)->header('Range'), '0-' . ($size - 1),
            'all of it');
        is($t->put($t->with_query($location, 'digest', $digest), @a)->status,
            201, 'PUT');

        # Of unknown length, from a pipe.
        $location = $t->start_upload($repo);
        $r = run_command(['sh', '-c',
            'cat "$1" - </dev/null | curl -sS -m 100 "$2" --cacert "$3" -u'
            . ' "$4" -w "%{http_version} %{http_code}" -X PUT -T - -o "$5"'
            . ' "$6"', 'sh', $file, $version, "$dir/conf/registry.crt",
            'admin:' . $t->password(), "$dir/answer",
            $base . $t->with_query($location, 'digest', $digest)],
            timeout => 120);
        is($r->{out}, "$number 201", 'PUT of unknown length')
            or diag $r->{err} . $t->read_file('answer');

        my $url = "$base/v2/$repo/blobs/$digest";
        $r = curl($version, '--compressed', '-o', "$dir/down", $url);
        is($r->{out}, "$number 200", 'GET') or diag $r->{err};
        ok($t->read_file('down') eq $random, 'the bytes');

        $r = curl($version, '-r', '47999000-', '-o', "$dir/down", $url);
        is($r->{out}, "$number 206", 'a range') or diag $r->{err};
        ok($t->read_file('down') eq substr($random, 47_999_000), 'its bytes');

        # Many at once; with HTTP/2 on one connection.
        $r = run_command(['curl', '-sS', '-m', 100, $version, '--cacert',
            "$dir/conf/registry.crt", '-u', 'admin:' . $t->password(),
            '--parallel', map { ('-o', "$dir/down.$_", $url) } 1 .. 4],
            timeout => 120);
        is($r->{status}, 0, 'four at once') or diag $r->{err};
        is(scalar(grep { $t->read_file("down.$_") eq $random } 1 .. 4), 4,
            'all of them right');
        unlink map { "$dir/down.$_" } 1 .. 4;
    };
}

$t->finish();
