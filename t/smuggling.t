#!/usr/bin/perl

# Requests whose end two parsers may see in different places, and requests
# that come in each other's wake: the bytes of a body never become a request,
# also behind a proxy that keeps its connections.

use warnings;
use strict;

use Test::More;

use lib 't/lib';
use Test::Registry;

my $t = Test::Registry->new();
my $repo = 'library/smuggle';
my @a = (auth => 'admin');

$t->write_conf(<<'END');
%%GLOBALS%%
worker_processes  1;

events {
    worker_connections  512;
}

http {
    %%HTTP%%
    client_max_body_size  0;

    registry_instance main { %%INSTANCE%% }

    server {
        listen  127.0.0.1:%%PORT_0%%;
        %%LOCATIONS%%
        location = /trap { return 200 "trapped\n"; }
    }

    upstream back {
        server     127.0.0.1:%%PORT_0%%;
        keepalive  1;
    }

    server {
        listen  127.0.0.1:%%PORT_1%%;

        location / {
            proxy_pass               http://back;
            proxy_http_version       1.1;
            proxy_request_buffering  off;
            proxy_set_header         Connection "";
            proxy_set_header         Host $http_host;
        }
    }
}
END
$t->run();

my $trap = "GET /trap HTTP/1.1\r\nHost: a\r\n\r\n";
my $basic = 'Authorization: ' . $t->authorization('admin') . "\r\n";

# Sends bytes, closes the sending side, returns all that comes.
sub talk {
    my ($bytes, %opt) = @_;
    my $c = $t->connect(%opt);
    $c->send($bytes);
    shutdown $c->socket(), 1;
    return $c->read_all();
}

sub statuses {
    my ($bytes) = @_;
    return join ' ', $bytes =~ m{^HTTP/1\.1 (\d{3}) }mg;
}

subtest 'framing that is in doubt' => sub {
    my $location = $t->start_upload($repo);
    my $size = length $trap;
    my $chunked = "0\r\n\r\n$trap";

    my %head = (
        'Content-Length and Transfer-Encoding' =>
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        'the other way round' =>
            "Transfer-Encoding: chunked\r\nContent-Length: $size\r\n",
        'two lengths' => "Content-Length: 0\r\nContent-Length: $size\r\n",
        'two equal lengths' => "Content-Length: 0\r\nContent-Length: 0\r\n",
        'a list of lengths' => "Content-Length: 0, $size\r\n",
        'a signed length' => "Content-Length: +5\r\n",
        'a negative length' => "Content-Length: -1\r\n",
        'a length beyond all' => 'Content-Length: ' . '9' x 30 . "\r\n",
        'an unknown coding' => "Transfer-Encoding: xchunked\r\n",
        'two codings' => "Transfer-Encoding: chunked, identity\r\n",
        'a coding twice' =>
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    );

    for my $what (sort keys %head) {
        for my $method (qw/ PATCH PUT POST DELETE GET /) {
            my $target = $method eq 'POST' ? "/v2/$repo/blobs/uploads/"
                : $method eq 'GET' ? '/v2/' : $location;
            my $out = talk("$method $target HTTP/1.1\r\nHost: a\r\n$basic"
                . "$head{$what}\r\n" . $chunked);
            unlike($out, qr/trapped/, "$what, $method")
                or diag $out;
            like(statuses($out), qr/^(?:4\d\d|501)$/, 'refused, once')
                or diag $out;
        }
    }
    is($t->get($location, @a)->header('Range'), '0-0', 'nothing was taken');

    for my $bad ("Content-Length : 5\r\n", " Content-Length: 5\r\n",
        "X: y\r\n Content-Length: 5\r\n", "X\0: y\r\n", "X: \0\r\n")
    {
        my $out = talk("PATCH $location HTTP/1.1\r\nHost: a\r\n$basic$bad"
            . "\r\n$trap");
        my $seen = $bad;
        $seen =~ s/([^ -~])/sprintf '\\x%02x', ord $1/ge;
        like(statuses($out), qr/^(?:4\d\d(?: 200)?|202 200)$/, $seen);
    }
};

subtest 'bodies that nobody reads' => sub {
    my $size = length $trap;

    for (['GET', '/v2/', 401], ['GET', '/healthz', 200],
        ['HEAD', "/v2/$repo/blobs/" . sha256('x'), 401],
        ['POST', "/v2/$repo/blobs/uploads/", 401],
        ['PUT', "/v2/$repo/manifests/x", 401],
        ['DELETE', "/v2/$repo/manifests/x", 401],
        ['PATCH', '/v2/x', '40[14]'], ['FOO', '/v2/', '40[15]'])
    {
        my ($method, $target, $status) = @$_;
        for (["Content-Length: $size\r\n", $trap],
            ["Transfer-Encoding: chunked\r\n",
                sprintf("%x\r\n%s\r\n0\r\n\r\n", $size, $trap)])
        {
            my ($head, $body) = @$_;
            my $out = talk("$method $target HTTP/1.1\r\nHost: a\r\n"
                . "$head\r\n$body"
                . "GET /healthz HTTP/1.1\r\nHost: a\r\n"
                . "Connection: close\r\n\r\n");
            unlike($out, qr/trapped/, "$method $target");
            like(statuses($out), qr/^$status(?: 200)?$/,
                'its answer, and that to the next request');
        }
    }
};

subtest 'one after the other on one connection' => sub {
    my $data = join '', map { chr 65 + rand 26 } 1 .. 100_000;
    my $location = $t->start_upload($repo);
    my $c = $t->connect();
    my @keep = (headers => [Connection => 'keep-alive']);

    # A whole push without waiting for a single answer.
    $c->send($t->request_bytes('PATCH', $location, @a, @keep, body => $data)
        . $t->request_bytes('PATCH', $location, @a, @keep, chunks => ['a'])
        . $t->request_bytes('PUT', $t->with_query($location, 'digest',
            sha256("${data}a$trap")), @a, @keep, body => $trap)
        . $t->request_bytes('GET', "/v2/$repo/blobs/"
            . sha256("${data}a$trap"), @a));
    is($c->response('PATCH')->status, 202, 'PATCH');
    is($c->response('PATCH')->status, 202, 'PATCH in chunks');
    is($c->response('PUT')->status, 201, 'PUT');
    my $r = $c->response('GET');
    ok($r->body eq "${data}a$trap", 'GET of just that');
    ok($c->closed(), 'and nothing more');
};

subtest 'behind a proxy that keeps its connections' => sub {
    my $p = $t->port(1);
    for my $round (1 .. 5) {
        my $location = $t->start_upload($repo, port => $p);

        # The client promises more than it sends; the next one is another's.
        my $c = $t->connect(port => $p);
        $c->send($t->request_bytes('PATCH', $location, @a, headers =>
            ['Content-Length' => 100_000]), 'x' x 5000);
        $c->abort();

        my $other = $t->post("/v2/$repo/blobs/uploads/", port => $p,
            body => $trap);
        is($other->status, 401, 'refused with an unread body');
        unlike($other->body, qr/trapped/, 'and no answer of another');
        is($t->get('/healthz', port => $p)->status, 200, 'the next request');
        my $r = $t->get("/v2/$repo/blobs/" . sha256($round), @a, port => $p);
        is($r->status, 404, 'and the next') or diag $r->body;
        my $digest = $t->push_blob($repo, "$round$trap", port => $p);
        is($t->get("/v2/$repo/blobs/$digest", @a, port => $p)->body,
            "$round$trap", 'a push');
    }
};

$t->finish();
