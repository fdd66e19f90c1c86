#!/usr/bin/perl

# Slow clients and floods of connections against the limits of the shipped
# conf/nginx.conf: its time-outs cut to a second or two and its number of
# connections to six, nothing else is changed.

use warnings;
use strict;

use IO::Socket::INET;
use Test::More;

use lib 't/lib';
use Test::Registry;

my $t = Test::Registry->new();
$t->load_conf('nginx.conf', 'registry.example.com' => 'localhost',
    'client_header_timeout        30s' => 'client_header_timeout 1s',
    'client_body_timeout          60s' => 'client_body_timeout 2s',
    'send_timeout                 60s' => 'send_timeout 1s',
    'keepalive_timeout            75s' => 'keepalive_timeout 1s',
    'registry_conn 256' => 'registry_conn 6');
$t->run();

my $repo = 'library/slow';
my @tls = (tls => 1, sni => 'localhost');
my @a = (@tls, auth => 'admin');
my $data = join '', map { chr 65 + rand 26 } 1 .. 20_000;

sub in_flight {
    my ($n, $what) = @_;
    wait_until(sub {
        $t->get('/metrics', @tls)->body
            =~ /^registry_uploads_in_progress $n$/m
    }, 10, $what // "$n uploads in progress");
    return;
}

sub lease {
    return ($t->sql('SELECT count(*) AS n FROM upload
        WHERE lease_until <> 0'))[0]{n};
}

# Sends a byte now and then, for as long as the server listens.
sub drip {
    my ($c, $what) = @_;
    my $n = 0;
    while (!$c->readable(0.2) && $n++ < 100) {
        $c->send('x') or last;
    }
    cmp_ok($n, '<', 100, $what);
    return;
}

subtest 'connections that say nothing' => sub {
    my $raw = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $t->port(0)) or die;
    my $c = $t->connect(@tls);
    my $idle = $t->connect(@tls);
    $idle->send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    is($idle->response('GET')->status, 200, 'one that asked');
    ok(IO::Select->new($raw)->can_read(15) && !sysread($raw, my $byte, 1),
        'without TLS: closed');
    ok($c->closed(15), 'without a request: closed');
    ok($idle->closed(15), 'without another request: closed');
};

subtest 'slow headers' => sub {
    my $c = $t->connect(@tls);
    $c->send("GET /v2/ HTTP/1.1\r\nHost: localhost\r\nX-Slow: ");
    drip($c, 'a header byte by byte is cut off');
    my $r = eval { $c->response('GET') };
    ok(!$r || $r->status == 408, 'without an answer, or 408');
};

subtest 'slow bodies' => sub {
    my $location = $t->start_upload($repo, @tls);
    my $c = $t->connect(@tls);
    $c->send($t->request_bytes('PATCH', $location, @a, headers =>
        ['Content-Length' => 50_000]), $data);
    ok($c->closed(15), 'PATCH: cut off');
    in_flight(0, 'its end');
    is($t->get($location, @a)->header('Range'), '0-19999', 'what came is kept');
    is(lease(), 0, 'for the next writer');

    $c = $t->connect(@tls);
    $c->send($t->request_bytes('PUT', $t->with_query($location, 'digest',
        sha256("${data}end")), @a, headers => ['Content-Length' => 50_000]),
        'end');
    ok($c->closed(15), 'PUT: cut off');
    in_flight(0, 'its end');
    is($t->get($location, @a)->header('Range'), '0-19999', 'as it was');
    is(lease(), 0, 'no lease stays');
    is($t->put($t->with_query($location, 'digest', sha256("${data}end")), @a,
        body => 'end')->status, 201, 'it can be finished');

    $c = $t->connect(@tls);
    $c->send($t->request_bytes('PUT', "/v2/$repo/manifests/x", @a, headers =>
        ['Content-Length' => 500, 'Content-Type' =>
            'application/vnd.oci.image.manifest.v1+json']), '{');
    ok($c->closed(15), 'manifest: cut off');
};

subtest 'slow readers' => sub {
    my $big = $data x 1500;
    my $digest = $t->push_blob($repo, $big, @tls);
    my $c = $t->connect(@tls);
    $c->send($t->request_bytes('GET', "/v2/$repo/blobs/$digest", @a));
    ok($c->readable(10), 'a download begins');
    wait_until(sub {
        $t->get('/metrics', @tls)->body
            =~ /^\w+_in_flight_requests\{handler="blob"\} 0$/m
    }, 15, 'the download to be cut off');
    my $got = eval { length $c->response('GET')->body } // 0;
    cmp_ok($got, '<', length $big, 'one that is not read is cut off');
    is($t->get("/v2/$repo/blobs/$digest", @a)->body, $big, 'others are not');
};

subtest 'a flood of requests at once' => sub {
    my @location = map { $t->start_upload($repo, @tls) } 1 .. 6;
    my @flood = map {
        my $c = $t->connect(@tls);
        $c->send($t->request_bytes('PATCH', $_, @a, headers =>
            ['Content-Length' => 1000]), 'x' x 500);
        $c;
    } @location;

    # A byte now and then keeps them within client_body_timeout.
    my $sent = 500;
    my $r = wait_until(sub {
        $_->send('x') for @flood;
        $sent++;
        my $r = $t->get('/v2/', @a);
        return $r->status == 429 ? $r : undef;
    }, 10, 'the limit');
    is($r->code, 'TOOMANYREQUESTS', 'the seventh: 429 with JSON');
    my $more = $t->connect(@tls);
    $more->send($t->request_bytes('POST', "/v2/$repo/blobs/uploads/", @a,
        body => 'x' x 1000));
    is($more->response()->status, 429, 'a push too');

    $_->send('x' x (1000 - $sent)) for @flood;
    is(join(' ', map { my $r = $_->response(); $r ? $r->status : 'cut' }
        @flood), '202 202 202 202 202 202', 'the six go on');
    in_flight(0, 'the flood to end');
    is($t->get('/v2/', @a)->status, 200, 'then all is well');
};

subtest 'a flood of streams on one HTTP/2 connection' => sub {
    my $digest = $t->push_blob($repo, $data x 100, @tls);
    my $dir = $t->dir();
    my $r = run_command(['curl', '-sS', '--http2', '--parallel',
        '--parallel-max', 30, '--limit-rate', '4m', '--cacert',
        "$dir/conf/registry.crt", '-u', 'admin:' . $t->password(),
        '-w', '%{http_version}:%{http_code} ',
        map { ('-o', '/dev/null', 'https://localhost:' . $t->port(0)
            . "/v2/$repo/blobs/$digest") } 1 .. 30], timeout => 60);
    my %seen;
    $seen{$_}++ for split ' ', $r->{out};
    note(join ' ', map { "$_=$seen{$_}" } sort keys %seen);
    ok($seen{'2:200'}, 'some are served') or diag $r->{err};
    ok($seen{'2:429'}, 'more than six at once are not');
    is($t->get('/v2/', @a)->status, 200, 'then all is well');
};

subtest 'connections by the hundred' => sub {
    my @raw = map { IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $t->port(0)) } 1 .. 600;
    is(scalar(grep { defined } @raw), 600, 'all are taken');
    is($t->get('/v2/', @a)->status, 200, 'others are served meanwhile');
    my $open = IO::Select->new(@raw);
    ok(eval {
        wait_until(sub {
            for ($open->can_read(0.1)) {
                sysread($_, my $byte, 100) or $open->remove($_);
            }
            return !$open->count();
        }, 15, 'all of them to be closed')
    }, 'the silent ones are closed');
};

$t->finish();
