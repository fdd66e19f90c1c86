#!/usr/bin/perl

# Robot accounts: Basic and tokens, what they may do and where, expiry,
# disabling, rotation.

use warnings;
use strict;

use JSON::PP ();
use Test::More;

use lib 't/lib';
use Test::Registry;

my $t = Test::Registry->new();
$t->write_conf();
$t->run();

sub robot {
    my (@args) = @_;
    my $made = JSON::PP::decode_json($t->jobrunner_ok(qw/ robot create /,
        @args, qw/ -o json /));
    return [@$made{qw/ name secret /}];
}

sub status {
    my ($method, $target, $auth) = @_;
    return $t->http($method, $target, auth => $auth)->status;
}

$t->jobrunner_ok(qw/ project create team /);
$t->jobrunner_ok(qw/ project create other /);
$t->push_image('team/app', 'v1');
$t->push_image('other/app', 'v1');
$t->push_image('library/app', 'v1');

my $ci = robot(qw/ ci --project team --allow /, 'pull,push');
my $reader = robot(qw/ reader /);

subtest 'names and secrets' => sub {
    is($ci->[0], 'robot$team+ci', 'of a project');
    is($reader->[0], 'robot$reader', 'of the registry');
    like($ci->[1], qr/^[\w-]{40}$/, 'a secret');
    isnt($ci->[1], $reader->[1], 'its own');
    is($t->jobrunner(qw/ robot create ci --project team /)->{status}, 5,
        'taken');
    is($t->jobrunner(qw/ robot create Ci --project team /)->{status}, 2,
        'no name');
    is($t->jobrunner(qw/ robot create x --project team --allow fly /)
        ->{status}, 2, 'no permission');
    is($t->jobrunner(qw/ robot create x --project team --allow /,
        'system:user:list')->{status}, 2, 'a project has no system rights');
    unlike($t->jobrunner_ok(qw/ robot list -o json /), qr/secret/,
        'a secret is not shown again');
    my ($row) = $t->sql("SELECT count(*) AS n FROM robot
        WHERE hex(secret_hash) LIKE '%" . unpack('H*', $ci->[1]) . "%'");
    is($row->{n}, 0, 'nor stored');
};

subtest 'a robot of a project' => sub {
    is(status(GET => '/v2/', $ci), 200, 'comes in');
    is(status(GET => '/v2/team/app/manifests/v1', $ci), 200, 'pulls');
    is(status(POST => '/v2/team/app/blobs/uploads/', $ci), 202, 'pushes');
    is(status(DELETE => '/v2/team/app/manifests/v1', $ci), 403,
        'does not delete');
    is(status(GET => '/v2/other/app/manifests/v1', $ci), 403,
        'not in another project');
    is(status(GET => '/v2/library/app/manifests/v1', $ci), 200,
        'but what is public');
    is(status(POST => '/v2/library/app/blobs/uploads/', $ci), 403,
        'pushes there no more than anybody');
    is(status(GET => '/metrics', $ci), 200, 'from this machine');
    is($t->get('/metrics', auth => $ci, headers =>
        ['X-Forwarded-For' => '192.0.2.1'])->status, 403,
        'no administrator');
};

subtest 'its tokens' => sub {
    my $token = $t->token(['repository:team/app:pull,push,delete',
        'repository:other/app:pull'], $ci);
    is(status(GET => '/v2/team/app/manifests/v1', "Bearer $token"), 200,
        'pulls');
    is(status(POST => '/v2/team/app/blobs/uploads/', "Bearer $token"), 202,
        'pushes');
    is(status(DELETE => '/v2/team/app/manifests/v1', "Bearer $token"), 401,
        'does not delete');
    is(status(GET => '/v2/other/app/manifests/v1', "Bearer $token"), 401,
        'not in another project');
    my $r = $t->get('/service/token?service=nginx-registry'
        . '&offline_token=true', auth => $ci);
    is($r->status, 200, 'docker login');
    is($r->json()->{refresh_token}, undef, 'no refresh token for robots');
};

subtest 'a robot of the registry' => sub {
    for my $project (qw/ team other library /) {
        is(status(GET => "/v2/$project/app/manifests/v1", $reader), 200,
            "pulls from $project");
        is(status(POST => "/v2/$project/app/blobs/uploads/", $reader), 403,
            "does not push to $project");
    }
    my $list = $t->get('/v2/_catalog', auth => $reader)->json();
    is_deeply($list->{repositories}, [qw{ library/app other/app team/app }],
        'sees all repositories');
    $list = $t->get('/v2/_catalog', auth => $ci)->json();
    is_deeply($list->{repositories}, [qw{ library/app team/app }],
        'one of a project sees its own');
};

subtest 'who is no robot' => sub {
    is(status(GET => '/v2/', [$ci->[0], 'x' x 40]), 401, 'another secret');
    is(status(GET => '/v2/', [$ci->[0], '']), 401, 'no secret');
    is(status(GET => '/v2/', ['robot$team+none', $ci->[1]]), 401,
        'another name');
    is(status(GET => '/v2/', ['robot$reader', $ci->[1]]), 401,
        'the secret of another');
    is($t->jobrunner('user', 'create', 'robot$team+ci')->{status}, 2,
        'a user has no such name');
};

subtest 'rotation and disabling void everything at once' => sub {
    my $bearer = 'Bearer ' . $t->token('repository:team/app:pull', $ci);
    my $pull = sub { status(GET => '/v2/team/app/manifests/v1', $_[0]) };

    is($pull->($bearer), 200, 'before');
    my $new = JSON::PP::decode_json($t->jobrunner_ok(qw/ robot rotate /,
        $ci->[0], qw/ -o json /));
    is($pull->($bearer), 401, 'a token of before');
    is($pull->($ci), 401, 'the secret of before');
    $ci->[1] = $new->{secret};
    is($pull->($ci), 200, 'the new secret');

    $bearer = 'Bearer ' . $t->token('repository:team/app:pull', $ci);
    $t->jobrunner_ok(qw/ robot disable /, $ci->[0]);
    is($pull->($ci), 401, 'disabled');
    is($pull->($bearer), 401, 'its token too');
    $t->jobrunner_ok(qw/ robot enable /, $ci->[0]);
    is($pull->($ci), 200, 'enabled');
    is($pull->($bearer), 401, 'the old token stays void');

    $bearer = 'Bearer ' . $t->token('repository:team/app:pull', $ci);
    $t->sql("UPDATE robot SET expires_at = 1 WHERE name = '$ci->[0]'");
    is($pull->($ci), 401, 'ended');
    is($pull->($bearer), 401, 'its token too');
    $t->sql("UPDATE robot SET expires_at = NULL WHERE name = '$ci->[0]'");

    $bearer = 'Bearer ' . $t->token('repository:team/app:pull', $ci);
    is($pull->($bearer), 200, 'without an end');
    $t->jobrunner_ok(qw/ robot delete /, $ci->[0]);
    is($pull->($ci), 401, 'deleted');
    is($pull->($bearer), 401, 'its token too');
};

subtest 'failed logins are in the audit log' => sub {
    my ($last) = $t->sql('SELECT max(id) AS id FROM audit');
    my $rows = sub {
        return map { "$_->{resource} $_->{success} $_->{client}" } $t->sql(
            "SELECT * FROM audit WHERE operation = 'login'
            AND resource_type = 'robot' AND username = resource
            AND id > $last->{id} ORDER BY id");
    };
    is(status('GET', '/v2/', ['robot$reader', 'wrong']), 401, 'at /v2/');
    is(status('GET', '/service/token?scope=repository:team/app:pull',
        ['robot$reader', 'wrong']), 401, 'at the token service');
    is($t->post('/service/token', body => 'grant_type=password&client_id=x'
        . '&service=nginx-registry&username=robot%24reader&password=wrong',
        headers => ['Content-Type' => 'application/x-www-form-urlencoded'])
        ->status, 401, 'there by POST');
    is($t->post('/c/login', body => 'principal=robot%24reader&password=wrong',
        headers => ['Content-Type' => 'application/x-www-form-urlencoded'])
        ->status, 401, 'at the portal');
    is(status('GET', '/api/v2.0/users/current', ['robot$ghost', 'wrong']),
        401, 'in the API, of a robot that there is not');
    is_deeply([$rows->()], [('robot$reader 0 127.0.0.1') x 4,
        'robot$ghost 0 127.0.0.1'],
        'one row each');
    ($last) = $t->sql('SELECT max(id) AS id FROM audit');
    is(status('GET', '/v2/', robot(qw/ good /)), 200, 'a right secret');
    is_deeply([$rows->()], [], 'writes none: that is each request');
};

subtest 'with the project goes its robot' => sub {
    $t->jobrunner_ok(qw/ project create gone /);
    my $r = robot(qw/ ci --project gone /);
    is(status(GET => '/v2/', $r), 200, 'in');
    $t->jobrunner_ok(qw/ project delete gone /);
    is(status(GET => '/v2/', $r), 401, 'out');
    $t->jobrunner_ok(qw/ project create gone /);
    is(status(GET => '/v2/', $r), 401, 'a project of the same name');
};

$t->finish();
