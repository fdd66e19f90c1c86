# The module inside nginx: several instances, faults that stay where they are,
# bodies on every way they can come, what nginx's own directives do to us,
# reload and end of workers, variables, counters.

use warnings;
use strict;

use lib 't/lib';
use Test::More;
use Test::Registry;

my $t = Test::Registry->new();
my $dir = $t->dir();
my $repo = 'library/module';
my @a = (auth => 'admin');

$t->write_conf(<<'END');
%%GLOBALS%%
worker_processes  2;

events {
    worker_connections  512;
}

http {
    %%HTTP%%
    log_format  registry  '$request_method $status p=$registry_project '
                          'r=$registry_repository ref=$registry_reference '
                          'd=$registry_digest a=$registry_action '
                          'u=$registry_user e=$registry_error';
    access_log  %%DIR%%/logs/access-registry.log  registry;

    gzip             on;
    gzip_min_length  0;
    gzip_types       *;

    client_max_body_size  10;
    open_file_cache       max=100;
    limit_req_zone        $server_port zone=once:32k rate=1r/m;

    server {
        listen  127.0.0.1:%%PORT_0%%;

        error_page  401 403 404 413 416 500 503  /plain;

        %%LOCATIONS%%
        location = /plain { return 200 "plain\n"; }
    }

    # Any order, a relative path, a file that is included.
    registry_instance main {
        %%INSTANCE%%
        include %%DIR%%/conf/more.conf;
        gc {
            trash  1d;
            grace  1h;
        }
    }

    registry_instance second {
        database  sqlite:data/second.db;
        storage   filesystem:data/second;
        delete    off;
        threads   bulk=1 db=1;
    }

    registry_instance missing {
        database  sqlite:%%DIR%%/data/missing.db;
        storage   filesystem:%%DIR%%/data/missing;
    }

    registry_instance foreign {
        database  sqlite:%%DIR%%/data/foreign.db;
        storage   filesystem:%%DIR%%/data/foreign;
    }

    server {
        listen  127.0.0.1:%%PORT_1%%;
        location ^~ /v2/    { registry second; }
        location = /metrics { registry second; }
    }

    server {
        listen  127.0.0.1:%%PORT_2%%;
        location ^~ /v2/     { registry missing; }
        location = /readyz   { registry missing; }
        location = /healthz  { registry missing; }
        location ^~ /foreign { registry foreign; }
        location = /plain    { return 200 "plain\n"; }
    }

    server {
        listen  127.0.0.1:%%PORT_3%%;

        client_body_buffer_size  8k;

        location ^~ /v2/ {
            registry  main;
            mirror    /mirror;
        }

        location = /mirror {
            internal;
            proxy_pass  http://127.0.0.1:%%PORT_4%%;
        }
    }

    server {
        listen  127.0.0.1:%%PORT_4%%;
        client_max_body_size  0;
        location / { return 204; }
    }

    server {
        listen  127.0.0.1:%%PORT_5%%;

        location ^~ /v2/ {
            registry              main;
            client_max_body_size  1k;

            limit_except GET HEAD POST PUT { deny all; }
        }

        location ^~ /v2/library/module/blobs/uploads/open/ {
            registry      main;
            limit_except  GET { allow 127.0.0.1; deny all; }
        }

        location ^~ /v2/library/once/ {
            registry   main;
            limit_req  zone=once;
        }
    }

    server {
        listen  127.0.0.1:%%PORT_6%% http2;
        location ^~ /v2/ { registry main; }
    }
}
END

$t->write_file('conf/more.conf', "service module-test;\nmanifest_max 64k;\n");

sub migrate {
    my ($name) = @_;
    my $r = run_command([Test::Registry::build_dir() . '/jobrunner',
        '--database', "sqlite:$dir/data/$name.db", 'db', 'migrate'],
        user => $t->user(), dir => '/');
    $r->{status} == 0 or die "migrate: $r->{err}\n";
    return;
}

sub bytes {
    my ($size) = @_;
    my $line = join ' ', rand, rand, "\n";
    return substr $line x (1 + $size / length $line), 0, $size;
}

sub there {
    my ($digest, $bytes, $what) = @_;
    my $r = $t->get("/v2/$repo/blobs/$digest", @a);
    is($r->status, 200, "$what: there");
    ok($r->body eq $bytes, "$what: the bytes");
    return;
}

# What each answer of the registry has, also one that nginx has made; once.
sub marked {
    my ($r, $what) = @_;
    my %want = ('docker-distribution-api-version' => qr{^registry/2\.0$},
        'x-content-type-options' => qr/^nosniff$/,
        'x-request-id' => qr/^[0-9a-f-]{36}$/);
    for my $name (sort keys %want) {
        my @values = $r->headers($name);
        ok(@values == 1 && $values[0] =~ $want{$name}, "$what: $name")
            or diag(explain(\@values));
    }
    return;
}

my $check = $t->test_conf();
is($check->{status}, 0, 'nginx -t without any database') or diag $check->{err};
like($check->{err}, qr/warn.*"missing".*jobrunner --database \S+ db migrate/,
    'nginx -t says what to run');
ok(!-e "$dir/data/missing.db", 'nginx -t made no database');

migrate($_) for qw/ second foreign /;
$t->sql('UPDATE schema_migration SET version = 999, compatible_from = 999
    WHERE version = (SELECT max(version) FROM schema_migration)',
    path => "$dir/data/foreign.db");
$t->run();

subtest 'several instances' => sub {
    my $digest = $t->push_blob($repo, 'of main');
    is($t->get("/v2/$repo/blobs/$digest", @a)->status, 200, 'main has it');
    is($t->get("/v2/$repo/blobs/$digest", port => $t->port(1))->status, 404,
        'the second has not');
    is($t->get('/v2/', port => $t->port(1), @a)->status, 401,
        'nor the password');
    like($t->get('/v2/')->header('WWW-Authenticate'),
        qr/service="module-test"/, 'an included setting');
};

subtest 'a fault stays where it is' => sub {
    my $r = $t->get('/v2/', port => $t->port(2), @a);
    is($r->status, 503, 'missing database: 503');
    is($r->code, 'UNAVAILABLE', 'with JSON');
    ok($r->header('Retry-After'), 'and Retry-After');
    $t->wait_log(qr/\[error\].*registry "missing".*jobrunner .* db migrate/);
    pass('the log says what to run');
    ok(!-e "$dir/data/missing.db", 'no database was made by the way');
    is($t->get('/readyz', port => $t->port(2))->status, 503, '/readyz');
    is($t->get('/healthz', port => $t->port(2))->status, 200, '/healthz');

    is($t->get('/plain', port => $t->port(2))->body, "plain\n",
        'other locations go on');
    $t->wait_log(qr/\[error\].*registry "foreign".*jobrunner .* db /);
    pass('another schema: the log says what to run');
    is($t->get('/v2/', @a)->status, 200, 'other instances too');

    migrate('missing');
    wait_until(sub {
        $t->get('/readyz', port => $t->port(2))->status == 200
    }, 10, 'the database to be found');
    pass('made later, it is found without a reload');
};

subtest 'the locked database' => sub {
    my $path = "$dir/data/second.db";
    my $lock = run_command(['sqlite3', $path], user => $t->user(), dir => '/',
        input => "BEGIN EXCLUSIVE;\n"
            . ".shell curl -s -m 5 -o $dir/data/locked -w '%{http_code}' "
            . 'http://' . $t->address(0) . "/plain > $dir/data/plain\n"
            . ".shell curl -s -m 5 http://" . $t->address(0)
            . "/v2/ -o /dev/null -w '%{http_code}' > $dir/data/other\n"
            . "ROLLBACK;\n");
    is($lock->{status}, 0, 'sqlite3') or diag $lock->{err};
    is($t->read_file('data/plain'), '200', 'other locations go on');
    is($t->read_file('data/other'), '401', 'other instances too');
};

subtest 'bodies of many sizes and shapes' => sub {
    for my $size (0, 1, 1000, 16384, 16385, 262144, 262145, 1_300_000) {
        my $data = bytes($size);
        my $digest = $t->push_blob($repo, $data);
        there($digest, $data, "$size bytes") if $size;

        my @chunks;
        my $step = $size < 2000 ? 1 : $size < 300_000 ? 37 : 33_333;
        for (my $i = 0; $i < $size; $i += $step) {
            push @chunks, substr $data, $i, $step;
        }
        my $location = $t->start_upload($repo);
        is($t->patch($location, @a, chunks => \@chunks)->header('Range'),
            '0-' . ($size ? $size - 1 : 0), "$size bytes in chunks of $step");
        is($t->put($t->with_query($location, 'digest', $digest), @a)->status,
            201, 'the digest is right');
    }
};

subtest 'body already read, by mirror' => sub {
    for my $size (100, 100_000, 3_000_000) {
        my $data = bytes($size);
        my $location = $t->start_upload($repo, port => $t->port(3));
        my $r = $t->put($t->with_query($location, 'digest', sha256($data)),
            @a, port => $t->port(3), body => $data);
        is($r->status, 201, "$size bytes") or diag $r->body;
        there(sha256($data), $data, "$size bytes");
    }

    my $image = $t->push_image($repo, 'first');
    my $bytes = $image->{bytes} . ' ' x 20_000;
    my $r = $t->put("/v2/$repo/manifests/mirrored", @a, body => $bytes,
        port => $t->port(3), headers => ['Content-Type' =>
            'application/vnd.oci.image.manifest.v1+json']);
    is($r->status, 201, 'a manifest from a temporary file') or diag $r->body;
    ok($t->get("/v2/$repo/manifests/mirrored")->body eq $bytes, 'the bytes');
    $r = $t->put("/v2/$repo/manifests/big", @a, body => 'x' x 70_000,
        port => $t->port(3), headers => ['Content-Type' =>
            'application/vnd.oci.image.manifest.v1+json']);
    is($r->status, 413, 'too large a manifest');
};

subtest 'HTTP/2' => sub {
    for my $size (1000, 100_000, 5_000_000) {
        my $data = bytes($size);
        $t->write_file('h2', $data);
        my $location = $t->start_upload($repo);
        my $r = run_command(['curl', '-sS', '--http2-prior-knowledge', '-u',
            'admin:' . $t->password(), '-X', 'PUT', '-T', "$dir/h2", '-o',
            "$dir/h2.out", '-w', '%{http_version} %{http_code}',
            'http://' . $t->address(6)
                . $t->with_query($location, 'digest', sha256($data))]);
        is($r->{out}, '2 201', "$size bytes") or diag $r->{err};
        there(sha256($data), $data, "$size bytes");
    }
    my $r = run_command(['curl', '-sS', '--http2-prior-knowledge', '-X',
        'TRACE', '-w', ' %{http_version} %{http_code}',
        'http://' . $t->address(6) . '/v2/']);
    like($r->{out}, qr/^\{"errors":\[\{"code":"UNSUPPORTED".* 2 405$/s,
        'refused by nginx: JSON') or diag $r->{err};
};

subtest 'Expect' => sub {
    my $c = $t->connect();
    $c->send($t->request_bytes('POST', "/v2/$repo/blobs/uploads/",
        headers => ['Expect' => '100-continue', 'Content-Length' => 1000,
            'Connection' => 'keep-alive']));
    my $r = $c->response();
    is($r->status, 401, 'refused');
    is_deeply($r->interim, [], 'the body is not invited');
    is($r->header('Connection'), 'close', 'the connection ends');

    my $location = $t->start_upload($repo);
    $c = $t->connect();
    $c->send($t->request_bytes('PATCH', $location, @a,
        headers => ['Expect' => '100-continue', 'Content-Length' => 5]));
    ok($c->readable(10), 'an answer before the body');
    $c->send('hello');
    $r = $c->response();
    is_deeply($r->interim, [100], 'taken: 100');
    is($r->header('Range'), '0-4', 'and the body');
};

subtest 'an unread body is no request' => sub {
    my $inner = "GET /plain HTTP/1.1\r\nHost: a\r\n\r\n";

    for my $head ("Content-Length: " . length($inner),
        'Transfer-Encoding: chunked')
    {
        my $body = $head =~ /chunked/
            ? sprintf("%x\r\n%s\r\n0\r\n\r\n", length $inner, $inner) : $inner;
        my $c = $t->connect();
        $c->send("POST /v2/$repo/blobs/uploads/ HTTP/1.1\r\nHost: a\r\n"
            . "$head\r\n\r\n$body"
            . "GET /v2/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        is($c->response()->status, 401, "$head: refused");
        is($c->response()->status, 401, 'what follows is the next request');
        ok($c->closed(), 'and nothing more');
    }
};

subtest 'truncated and malformed bodies' => sub {
    my $location = $t->start_upload($repo);
    my $c = $t->connect();
    my $data = bytes(600_000);
    $c->send($t->request_bytes('PATCH', $location, @a,
        headers => ['Content-Length' => 1_000_000]), $data);
    $c->close();
    wait_until(sub {
        my $r = $t->get($location, @a);
        $r->status == 204 && $r->header('Range') eq '0-599999';
    }, 10, 'the session to keep what came');
    pass('the session keeps what came');
    my $rest = bytes(1000);
    my $r = $t->put($t->with_query($location, 'digest',
        sha256($data . $rest)), @a, body => $rest);
    is($r->status, 201, 'and goes on there') or diag $r->body;
    there(sha256($data . $rest), $data . $rest, 'both parts');

    $location = $t->start_upload($repo);
    $c = $t->connect();
    my $bad = $t->request_bytes('PATCH', $location, @a,
        headers => ['Transfer-Encoding' => 'chunked']);
    $bad =~ s/Content-Length: 0\r\n//;
    $c->send($bad, "4\r\nabcd\r\nnonsense\r\n");
    $r = $c->response();
    is($r->status, 400, 'malformed chunks');
    is($r->code, 'BAD_REQUEST', 'with JSON');
    ok($c->closed(), 'and the end of the connection');
};

subtest 'HTTP/1.0, HEAD, ranges' => sub {
    my $data = bytes(50_000);
    my $digest = $t->push_blob($repo, $data);
    my $url = "/v2/$repo/blobs/$digest";

    my $r = $t->get($url, version => '1.0', headers => ['Range' => 'bytes=5-']);
    is($r->status, 206, '1.0, Range');
    ok($r->body eq substr($data, 5), 'the bytes');
    $r = $t->head($url, @a);
    is($r->header('Content-Length'), 50_000, 'HEAD: length');
    is($r->header('ETag'), qq{"$digest"}, 'ETag');
    $r = $t->get($url, headers => ['Range' => 'bytes=0-1,10-11']);
    like($r->header('Content-Type'), qr{^multipart/byteranges}, 'several');
    $r = $t->get($url, headers => ['Range' => 'bytes=99999-']);
    is($r->status, 416, 'out of range');
    is($r->header('Content-Range'), 'bytes */50000', 'Content-Range');
    is($r->code, 'SIZE_INVALID', 'with JSON, whatever error_page says');
    marked($r, 'out of range');
    is($t->get($url, headers => ['If-None-Match' => qq{"$digest"}])->status,
        304, 'If-None-Match');
    $r = $t->get($url, headers => ['If-Match' => '"other"']);
    is($r->status, 412, 'If-Match');
    marked($r, 'If-Match');
};

subtest 'gzip, error_page, limits of nginx' => sub {
    my $image = $t->push_image($repo, 'plain');
    for my $url ("/v2/$repo/manifests/plain",
        "/v2/$repo/blobs/" . sha256($image->{layers}[0]), '/v2/')
    {
        my $r = $t->get($url, headers => ['Accept-Encoding' => 'gzip'], @a);
        is($r->header('Content-Encoding'), undef, "$url is never encoded");
        ok(!defined $r->header('ETag') || $r->header('ETag') !~ m{^W/},
            'its ETag stays strong');
    }
    is($t->get('/plain', headers => ['Accept-Encoding' => 'gzip'])
        ->header('Content-Encoding'), 'gzip', 'others are');

    my $r = $t->get("/v2/$repo/manifests/none");
    is($r->status, 404, 'error_page does not change our status');
    is($r->code, 'MANIFEST_UNKNOWN', 'nor our body');

    my $p5 = $t->port(5);
    $r = $t->put("/v2/$repo/blobs/uploads/x", @a, port => $p5,
        body => 'x' x 2000);
    is($r->status, 413, 'client_max_body_size of the location');
    is($r->code, 'REQUEST_ENTITY_TOO_LARGE', 'with JSON');
    marked($r, 'too large');
    $r = $t->delete("/v2/$repo/manifests/x", @a, port => $p5);
    is($r->status, 403, 'limit_except');
    is($r->code, 'DENIED', 'with JSON');
    is($t->get('/v2/', port => $p5, @a)->status, 200, 'what it lets through');
    $r = $t->put("/v2/$repo/blobs/uploads/open/x", @a, port => $p5,
        body => 'x' x 2000);
    is($r->status, 404, 'within limit_except no limit of the body');
    $r = $t->put("/v2/$repo/blobs/uploads/y", @a, port => $p5,
        body => 'x' x 2000);
    is($r->status, 413, 'but the one of its location');
    my $once = '/v2/library/once/tags/list';
    $t->get($once, port => $p5);
    $r = $t->head($once, port => $p5);
    is($r->status, 503, 'limit_req, HEAD');
    is($r->header('Content-Type'), 'application/json', 'its type');
    marked($r, 'limit_req');
    $r = $t->get($once, port => $p5);
    is($r->code, 'UNAVAILABLE', 'with JSON');
};

subtest 'a lost file, behind the cache of open files' => sub {
    my $file_of = sub {
        my ($row) = $t->sql("SELECT locator FROM blob
            WHERE digest = '$_[0]'");
        return "$dir/data/blobs/$row->{locator}";
    };

    my @again = (
        'POST with ?digest=' => sub { $t->push_blob($repo, $_[0]) },
        'POST and PUT' => sub {
            my $l = $t->start_upload($repo);
            my $r = $t->put($t->with_query($l, 'digest', sha256($_[0])), @a,
                body => $_[0]);
            is($r->status, 201, 'pushed again');
        },
        'POST, PATCH and PUT' => sub {
            my $l = $t->start_upload($repo);
            $t->patch($l, @a, body => $_[0])->status == 202 or die 'PATCH';
            my $r = $t->put($t->with_query($l, 'digest', sha256($_[0])), @a);
            is($r->status, 201, 'pushed again');
        },
        'a mount that fails' => sub {
            my $r = $t->post('/v2/library/mounts/blobs/uploads/?mount='
                . sha256($_[0]) . "&from=$repo", @a);
            is($r->status, 202, 'not mounted');
            $r = $t->put($t->with_query($t->location($r), 'digest',
                sha256($_[0])), @a, body => $_[0]);
            is($r->status, 201, 'pushed again');
        });

    while (my ($way, $push) = splice @again, 0, 2) {
        for my $how ('gone', 'short') {
            my $data = bytes(1234);
            my $digest = $t->push_blob($repo, $data);
            my $file = $file_of->($digest);
            ok(-f $file, 'its file') or return;
            $how eq 'gone' ? unlink $file : truncate $file, 1000;
            my $r = $t->get("/v2/$repo/blobs/$digest");
            is($r->status, 503, "$how: GET is 503");
            is($r->code, 'UNAVAILABLE', 'with JSON');
            $t->wait_log($how eq 'gone'
                ? qr/\[crit\].*open(?:at)?\(\) ".*" failed/
                : qr/\[crit\].*has 1000 bytes, not 1234/);
            is($t->head("/v2/$repo/blobs/$digest", @a)->status, 404,
                'HEAD is 404: push it');
            $push->($data);
            isnt($file_of->($digest), $file, "$way: another file");
            is($t->head("/v2/$repo/blobs/$digest", @a)->status, 200,
                'HEAD is 200');
            $r = $t->get("/v2/$repo/blobs/$digest");
            is($r->status, 200, 'GET is 200');
            ok($r->body eq $data, 'and right');
        }
    }

    # What is whole stays where it is.
    my $data = bytes(4321);
    my $digest = $t->push_blob($repo, $data);
    my $file = $file_of->($digest);
    $t->push_blob($repo, $data);
    is($file_of->($digest), $file, 'pushed again: the same file');
    is($t->get("/v2/$repo/blobs/$digest")->status, 200, 'cached');
    is($t->delete("/v2/$repo/blobs/$digest", @a)->status, 202, 'deleted');
    is($t->get("/v2/$repo/blobs/$digest")->status, 404, 'gone at once');
};

# An upload of which the first half is there when $event happens.
sub upload_during {
    my ($event, $what) = @_;

    my $data = bytes(2_000_000);
    my $location = $t->start_upload($repo);
    my $c = $t->connect();
    $c->send($t->request_bytes('PATCH', $location, @a,
        headers => ['Content-Length' => length $data]),
        substr $data, 0, 1_000_000);
    wait_until(sub {
        $t->get('/metrics')->body =~ /^registry_uploads_in_progress 1$/m
    }, 10, 'the upload to begin');
    like($t->get('/metrics')->body,
        qr/^\w+_in_flight_requests\{handler="blob_upload_chunk"\} 1$/m,
        "$what: in flight");
    $event->();
    $c->send(substr $data, 1_000_000);
    my $r = $c->response();
    is($r && $r->status, 202, "$what: the upload goes on to its end");
    return ($location, sha256($data));
}

subtest 'reload during an upload' => sub {
    my $before = () = $t->get('/metrics')->body =~ /method="PATCH"/g;
    my ($location, $digest) = upload_during(sub { $t->reload() }, 'HUP');
    is($t->put($t->with_query($location, 'digest', $digest), @a)->status, 201,
        'a new worker commits it');
    $t->wait_old_workers();
    my $metrics = $t->get('/metrics')->body;
    ok($before > 0 && (() = $metrics =~ /method="PATCH"/g) >= $before,
        'counters survive');
    like($metrics, qr/^registry_uploads_in_progress 0$/m, 'no upload left');
};

subtest 'a worker is killed during an upload' => sub {
    my $location = $t->start_upload($repo);
    my $c = $t->connect();
    $c->send($t->request_bytes('PATCH', $location, @a,
        headers => ['Content-Length' => 2_000_000]), 'x' x 1_000_000);
    wait_until(sub {
        $t->get('/metrics')->body =~ /^registry_uploads_in_progress 1$/m
    }, 10, 'the upload to begin');
    $t->kill_worker('KILL', $_) for $t->workers();
    like($t->get('/metrics')->body, qr/^registry_uploads_in_progress 0$/m,
        'it does not count for ever');
    is($t->get($location, @a)->status, 204, 'the session is still there');

    # A lease of the dead: whoever comes next need not wait for its end.
    my $data = bytes(2_000_000);
    is($t->patch($location, @a, body => substr $data, 0, 1000)->status, 202,
        'bytes');
    $c = $t->connect();
    $c->send($t->request_bytes('PATCH', $location, @a,
        headers => ['Content-Length' => 2_000_000]), 'x' x 1_000_000);
    wait_until(sub {
        ($t->sql('SELECT count(*) AS n FROM upload WHERE lease_until > 1'))
            [0]{n}
    }, 10, 'the lease');
    my $r = $t->patch($location, @a, body => 'y');
    is($r->status, 409, 'it is busy');
    is($r->header('Retry-After'), 5, 'for a while');
    $t->kill_worker('KILL', $_) for $t->workers();
    $r = $t->patch($location, @a, body => substr $data, 1000);
    is($r->status, 202, 'goes on at once when its holder is dead');
    is($t->put($t->with_query($location, 'digest', sha256($data)), @a)
        ->status, 201, 'to its end');
    $r = $t->get("/v2/$repo/blobs/" . sha256($data), @a);
    ok($r->body eq $data, 'and right');
};

subtest 'variables' => sub {
    my $image = $t->push_image($repo, 'logged');
    $t->get("/v2/$repo/manifests/logged", @a);
    $t->get("/v2/$repo/manifests/nothing");
    $t->get('/plain');
    wait_until(sub {
        my $log = $t->read_file('logs/access-registry.log');
        $log =~ m{^GET\ 200\ p=library\ r=\S*module\ ref=logged
            \ d=\Q$image->{digest}\E\ a=pull\ u=admin\ e=-$}mx
            && $log =~ m{^GET\ 404\ p=library\ r=\S*module\ ref=nothing
            \ d=-\ a=pull\ u=\S*\ e=MANIFEST_UNKNOWN$}mx
            && $log =~ /^GET 200 p=- r=- ref=- d=- a=- u=- e=-$/m
    }, 10, 'the lines of the access log')
        and pass('in the access log');
};

subtest 'metrics' => sub {
    my $r = $t->get('/metrics');
    is($r->status, 200, 'from this machine');
    like($r->header('Content-Type'), qr{^text/plain; version=0\.0\.4},
        'its type');
    like($r->body, qr/^registry_http_requests_total\{
        handler="blob_upload_chunk",method="PATCH",code="202"\}\ [1-9]/mx,
        'requests');
    like($r->body, qr/^registry_http_request_duration_seconds_bucket\{
        handler="blob",method="GET",le="0\.005"\}\ [1-9]/mx, 'duration');
    like($r->body, qr/^\w+_in_flight_requests\{handler="blob"\} 0$/m,
        'in flight: none of the many before');
    my ($received) = $r->body
        =~ /^\w+_received_bytes_total\{handler="blob_upload_chunk"\} (\d+)$/m;
    cmp_ok($received, '>', 2_000_000, 'bytes received');
    unlike($t->get('/metrics', port => $t->port(1))->body, qr/"PATCH"/,
        'another instance counts for itself');
};

subtest 'fast end during an upload' => sub {
    my $location = $t->start_upload($repo);
    my $c = $t->connect();
    $c->send($t->request_bytes('PATCH', $location, @a,
        headers => ['Content-Length' => 2_000_000]), 'x' x 700_000);
    wait_until(sub {
        $t->get('/metrics')->body =~ /^registry_uploads_in_progress 1$/m
    }, 10, 'the upload to begin');
    is($t->stop_nginx('TERM'), 0, 'TERM');
    $t->start_nginx();
    my $r = $t->get($location, @a);
    is($r->status, 204, 'the session is there');
    my $range = $r->header('Range');
    like($range, qr/^0-\d+$/, 'with what came');
    my $had = $range =~ /^0-(\d+)$/ && $1 ? $1 + 1 : 0;
    my $rest = bytes(100);
    is($t->put($t->with_query($location, 'digest',
        sha256('x' x $had . $rest)), @a, body => $rest)->status, 201,
        'at once open to the next writer');
};

subtest 'mistakes in the configuration' => sub {
    my @inst = ('database sqlite:/x/db;', 'storage filesystem:/x/blobs;');
    my @cases = (
        ['registry_instance a { @ } registry_instance a { @ }',
            qr/duplicate registry_instance "a"/],
        ['registry_instance a { storage filesystem:/x; }',
            qr/registry_instance "a" has no "database"/],
        ['registry_instance a { database sqlite:/x; }', qr/no "storage"/],
        ['registry_instance a { @ threads db=0; }', qr/from 1 to/],
        ['registry_instance a { @ token_ttl 5s; }', qr/at least 60s/],
        ['registry_instance a { @ manifest_max 0; }', qr/from 1 to 4m/],
        ['registry_instance a { @ manifest_max 4097k; }', qr/from 1 to 4m/],
        ['registry_instance a { @ public_url hub; }', qr/not of the form/],
        ['registry_instance a { database mysql:/x; }', qr/"sqlite:PATH"/],
        ['registry_instance a { @ gc { trash 1x; } }', qr/invalid value/],
        ['registry_instance a { @ trash 1d; }', qr/not allowed here/],
        ['registry_instance a { @ gzip on; }', qr/not allowed here/],
        ['database sqlite:/x;', qr/not allowed here/],
        ['server { location / { registry none; } }',
            qr/no registry_instance "none".*:\d+/],
    );

    for (@cases) {
        my ($text, $error) = @$_;
        $text =~ s/\@/@inst/g;
        $t->write_file_expand('nginx.conf',
            "%%GLOBALS%%\nevents { }\nhttp { %%HTTP%%\n$text }\n");
        my $r = $t->test_conf();
        ok($r->{status} != 0 && $r->{err} =~ $error, $text) or diag $r->{err};
    }
};

subtest 'quit during an upload' => sub {
    my $quit = sub {
        kill 'QUIT', $t->{nginx};
        wait_until(sub { !$t->workers() }, 10, 'the workers to shut down');
    };
    upload_during($quit, 'QUIT');
    is($t->stop_nginx(), 0, 'then nginx ends');
};

$t->finish();
