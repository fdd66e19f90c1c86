#!/usr/bin/perl

# What a client writes stays what it is: no line in a log, no header, no
# address in a redirect comes of it, and no name that looks like another's.

use warnings;
use strict;

use Test::More;

use lib 't/lib';
use Test::Registry;
use Test::Registry::API;

my $t = Test::Registry->new();
$t->write_conf();
$t->run(jobrunner => 0);
my $api = Test::Registry::API->new($t);
$api->add_project("p$_") for 1 .. 3;

my @evil = ("eve\nFORGED 1", "eve\r\nFORGED: 1", "eve\x1b[2JFORGED",
    'eve" 200 0 "FORGED', "eve\xc2\x9b2JFORGED");

subtest 'logs' => sub {
    # A line is written after its response.
    wait_until { (() = $t->access_log() =~ m{"POST /api/v2.0/projects }g) == 3 }
        10, 'the lines of what was before';
    my $before = () = $t->access_log() =~ /\n/g;
    for my $name (@evil) {
        is($t->get('/v2/', auth => [ $name, 'x' ])->status, 401, 'a name');
        is($t->post('/c/login', headers => [ 'Content-Type' =>
            'application/x-www-form-urlencoded' ], body => 'principal='
            . $t->escape($name) . '&password=x')->status, 401, 'in a form');
    }
    for my $value ('FORGED" 200 "', "FORGED\x1b[2J", "FORGED\tx") {
        $t->get('/v2/', headers => [ 'User-Agent' => $value,
            Referer => $value, 'X-Forwarded-For' => $value ]);
    }

    wait_until { (() = $t->access_log() =~ /\n/g) >= $before + 13 } 10,
        'the lines';
    my $access = $t->access_log();
    is(scalar(() = $access =~ /\n/g), $before + 13, 'one for each request');
    for my $log ($access, $t->error_log()) {
        unlike($log, qr/^FORGED/m, 'no line of theirs');
        unlike($log, qr/[\x00-\x08\x0b-\x1f\x7f]|\xc2\x9b/, 'no control');
    }
    my $text = qr/"(?:[^"\\]|\\.)*"/;
    my $line = qr/^127\.0\.0\.1 - [^"]*\[[^\]]+\] $text \d+ \d+ $text $text$/;
    is_deeply([ grep { !/$line/ } split /\n/, $access ], [],
        'each of the form that it has');
};

subtest 'the audit log' => sub {
    my $r = $api->get('/auditlog-exts?q=operation%3Dlogin&page_size=100');
    cmp_ok($r->header('X-Total-Count'), '>=', 2 * @evil, 'failures');
    unlike($r->body =~ s/\n\z//r, qr/[\x00-\x1f\x7f]/, 'escaped');
    my %seen = map { utf8::encode(my $n = $_->{username}); ($n => 1) }
        @{ $r->json() };
    ok($seen{ $evil[0] }, 'as it was');
};

subtest 'headers' => sub {
    for my $host ('evil"x', 'a",error="x', 'a b', 'evil.example/x', 'a;b') {
        my $r = $t->get('/v2/', host => $host);
        like($r->header('WWW-Authenticate'), qr{^Bearer\ realm="http://[\w.:-]+
            /service/token",service="nginx-registry"$}x, "Host: $host")
            if $r->status == 401;
        like($r->status, qr/^40[01]$/, 'refused, or asked who is there');
    }
    like($t->get('/v2/', headers => [ 'X-Forwarded-Proto' => 'https',
        'X-Forwarded-Host' => 'evil.example', Forwarded =>
        'host=evil.example;proto=https' ])->header('WWW-Authenticate'),
        qr{^Bearer realm="http://127}, 'no proxy says where we are');

    my $crlf = $t->escape("\r\nX-Injected: 1");
    my $r = $api->get("/projects?page_size=1&x=$crlf&$crlf=1");
    is($r->status, 200, 'a query');
    is($r->header('X-Injected'), undef, 'no header came of it');
    like($r->header('Link'), qr{^<[\x21-\x3b=?-\x7e]+>;\ rel="next"$}x,
        'a Link of our own making');
    like($r->header('Link'), qr/%0D%0AX-Injected%3A%201/, 'encoded');
    for my $query ('q', 'sort', 'name', 'page') {
        $r = $api->get("/projects?$query=$crlf");
        is($r->header('X-Injected'), undef, $query);
        like($r->status, qr/^(?:200|400|422)$/, 'taken, or refused');
    }
    is($t->get('/service/token?service=nginx-registry&scope=repository:a/b'
        . "$crlf:pull")->status, 400, 'a scope');
};

subtest 'redirects' => sub {
    for my $target ('//evil.example/', '//evil.example/v2/', '/v2', '/api',
        '/v2//evil.example/', '/c/log_out?redirect=//evil.example',
        '/c/login?redirect_url=https://evil.example', '/service/token/',
        'http://evil.example/v2/', '/\\evil.example')
    {
        my $r = $t->get($target);
        unlike($r->header('Location') // '', qr/evil/, $target);
        unlike($r->status, qr/^3/, 'none') if $target ne '/v2'
            && $target ne '/api';
    }
};

subtest 'names that look like others' => sub {
    for my $name ("admin\xe2\x80\x8b", "adm\xe2\x80\x8din",
        "\xe2\x80\xaenimda", "ad\xe2\x81\xa0min", "\xef\xbb\xbfadmin",
        "admin\xc2\x85", "admin\xc2\x9b2J", "admin\xe2\x80\xa8")
    {
        utf8::decode(my $text = $name);
        is($api->post('/users', { username => $text, password =>
            $Test::Registry::API::password })->status, 400,
            sprintf 'U+%s', join ' ', map { sprintf '%04X', ord }
            grep { ord > 127 } split //, $text);
    }
    for my $name ("J\x{fc}rgen", "\x{5f20}\x{4e09}", "\x{3b1}\x{3b2}") {
        is($api->post('/users', { username => $name, password =>
            $Test::Registry::API::password })->status, 201, 'but a name');
    }
};

$t->finish();
