# The limit of a project's storage: kept by whatever brings content, counted
# once for each blob, changed at once, and switched off for all.

use warnings;
use strict;

use lib 't/lib';
use Test::More;
use Test::Registry;
use Test::Registry::API;

my $t = Test::Registry->new();
$t->write_conf(undef, extra => 'gc { grace 0s; trash 0s; }');
$t->run(jobrunner => 0);
my $api = Test::Registry::API->new($t);
my ($on, $off) = (JSON::PP::true, JSON::PP::false);

$api->add_user('dev');
my %id = map { $_ => $api->add_project($_) } qw/ pay free /;
$api->add_members('pay', dev => 2);
$api->add_members('free', dev => 2);
my @dev = (auth => ['dev', $Test::Registry::API::password]);

sub quota { return $api->get("/quotas/$id{$_[0]}")->json() }
sub used  { return quota($_[0])->{used}{storage} }

sub limit {
    my ($bytes) = @_;
    is($api->put("/quotas/$id{pay}", { hard => { storage => $bytes } })
        ->status, 200, "the limit is $bytes");
    return;
}

sub files {
    return 0 + split /\n/, run_command(['find', $t->dir() . '/data/blobs',
        '-type', 'f'])->{out};
}

# POST and PUT; the answer of what came last.
sub push_bytes {
    my ($repository, $bytes, @query) = @_;
    my $r = $t->post("/v2/$repository/blobs/uploads/", @dev);
    return $r if $r->status != 202;
    return $t->put($r->header('Location') . '?digest=' . sha256($bytes),
        body => $bytes, @dev);
}

sub refused {
    my ($r, $what) = @_;
    is($r->status, 403, "$what: refused");
    is($r->json()->{errors}[0]{code}, 'DENIED', 'code');
    like($r->json()->{errors}[0]{message},
        qr/exceed the configured upper limit of \d+ bytes/, 'says why');
    return;
}

my %bytes = map { $_ => $_ x 600 } 'a' .. 'f';

subtest 'a blob too many' => sub {
    limit(1000);
    is(push_bytes('pay/one', $bytes{a})->status, 201, '600 bytes of 1000');
    is(used('pay'), 600, 'counted');
    my $files = files();
    refused(push_bytes('pay/one', $bytes{b}), '600 more');
    is(used('pay'), 600, 'not counted');
    is(files(), $files, 'its file is gone');
    is($t->head('/v2/pay/one/blobs/' . sha256($bytes{b}), @dev)->status, 404,
        'it is not there');
    is($t->get('/v2/pay/one/blobs/' . sha256($bytes{a}), @dev)->body,
        $bytes{a}, 'the first one is');
    is(push_bytes('pay/one', 'x' x 400)->status, 201, 'what fits to the byte');
    is(used('pay'), 1000, 'full');
};

subtest 'what is there already is no more' => sub {
    refused($t->post('/v2/pay/one/blobs/uploads/', @dev),
        'a new session of a full project');
    is($t->post('/v2/pay/two/blobs/uploads/?mount=' . sha256($bytes{a})
        . '&from=pay/one', @dev)->status, 201, 'mounted in the project');
    is(used('pay'), 1000, 'it counts once');
    limit(1001);
    is(push_bytes('pay/three', $bytes{a})->status, 201,
        'pushed again: it was there');
    is(used('pay'), 1000, 'and counts once');
};

subtest 'other ways in' => sub {
    is(push_bytes('free/app', $bytes{c})->status, 201, 'a project without');
    refused($t->post('/v2/pay/one/blobs/uploads/?mount=' . sha256($bytes{c})
        . '&from=free/app', @dev), 'a mount');
    refused($t->post('/v2/pay/one/blobs/uploads/?digest='
        . sha256($bytes{d}), body => $bytes{d}, @dev), 'POST with the bytes');
    my $r = $t->post('/v2/pay/one/blobs/uploads/', @dev);
    my $where = $r->header('Location');
    is($t->patch($where, body => $bytes{e}, @dev)->status, 202,
        'a PATCH is acknowledged');
    refused($t->put("$where?digest=" . sha256($bytes{e}), @dev), 'its PUT');
    is($t->get($where, @dev)->status, 404, 'the session has ended');
    $t->push_image('free/img', 'v1', layers => [ $bytes{f} ]);
    refused($api->post('/projects/pay/repositories/img/artifacts?from='
        . 'free/img:v1', undef), 'a copy');
    is($api->get('/projects/pay/repositories/img')->status, 404,
        'nothing of it is there');
    is(used('pay'), 1000, 'nothing was counted');
};

subtest 'changed at once' => sub {
    limit(10_000);
    is(push_bytes('pay/one', $bytes{b})->status, 201, 'more');
    is(used('pay'), 1600, 'counted');
    $t->push_image('pay/one', 'v1', layers => [ $bytes{a} ]);
    limit(1);
    is($t->get('/v2/pay/one/manifests/v1', @dev)->status, 200,
        'pulls need no room');
    is($t->put('/v2/pay/one/manifests/v2', body =>
        $t->get('/v2/pay/one/manifests/v1', @dev)->body, headers =>
        ['Content-Type' => 'application/vnd.oci.image.manifest.v1+json'],
        @dev)->status, 201, 'nor a tag of what is there');
    refused($t->post('/v2/pay/one/blobs/uploads/', @dev), 'but a push does');
    is($api->put('/configurations', { quota_per_project_enable => $off })
        ->status, 200, 'switched off');
    is(push_bytes('pay/one', $bytes{d})->status, 201, 'no limit is kept');
    is($api->put('/configurations', { quota_per_project_enable => $on })
        ->status, 200, 'on again');
    refused($t->post('/v2/pay/one/blobs/uploads/', @dev), 'it is');
    limit(-1);
    is(push_bytes('pay/one', $bytes{e})->status, 201, 'no limit');
};

subtest 'space that was got back' => sub {
    my $before = used('pay');
    my $digest = sha256($bytes{e});
    is($t->delete("/v2/pay/one/blobs/$digest", auth => 'admin')->status, 202,
        'a blob is deleted');
    $t->jobrunner_ok(qw/ job run reclaim /) for 1 .. 2;
    wait_until { $t->jobrunner_ok(qw/ job run reclaim /);
        used('pay') <= $before - 600 } 20, 'its space to be got back';
    limit(used('pay') + 600);
    is(push_bytes('pay/one', $bytes{e})->status, 201, 'and used again');
};

subtest 'two at once get no more than one' => sub {
    limit(used('pay') + 1000);
    my @at = map { $t->post('/v2/pay/one/blobs/uploads/', @dev)
        ->header('Location') } 1 .. 6;
    my @body = map { "race $_ " x 100 } 1 .. 6;
    my @socket = map { my $s = $t->connect(); $s->send($t->request_bytes(
        'PUT', "$at[$_]?digest=" . sha256($body[$_]), body => $body[$_],
        @dev)); $s } 0 .. 5;
    my %status;
    $status{ $_->response('PUT')->status }++ for @socket;
    is_deeply(\%status, { 201 => 1, 403 => 5 }, 'one of six');
    cmp_ok(used('pay'), '<=', quota('pay')->{hard}{storage}, 'within it');
};

$t->check_invariants('the invariants hold');
$t->finish();
