#!/usr/bin/perl

# Members of projects: what a role may do on /v2, at once, also with tokens
# that were issued before; and real clients against a private, a public and a
# mixed set of projects.

use warnings;
use strict;

use Test::More;

use lib 't/lib';
use Test::Registry;
use Test::Registry::Clients;

my $t = Test::Registry->new();
$t->write_conf();
$t->run();

my $password = 'Correct1horse';
my @roles = qw/ projectAdmin maintainer developer guest limitedGuest /;

sub user {
    my ($name, @more) = @_;
    $t->jobrunner_ok(qw/ user create /, $name, '--password-stdin', @more,
        { input => "$password\n" });
    return [$name, $password];
}

my %auth = map { $_ => user(lc $_) } @roles, 'stranger';
$t->jobrunner_ok(qw/ project create team /);
$t->jobrunner_ok(qw/ project create open --public /);
for my $project (qw/ team open /) {
    $t->jobrunner_ok(qw/ member add /, $project, lc $_, $_) for @roles;
}
$t->push_image('team/app', 'v1');
$t->push_image('open/app', 'v1');
$t->push_image('library/app', 'v1');

# What harbor.md's matrix says of the three rights of /v2.
my %rights = (
    projectAdmin => 'pull,push,delete', maintainer => 'pull,push,delete',
    developer => 'pull,push', guest => 'pull', limitedGuest => 'pull',
    stranger => '',
);

sub scopes {
    my ($repository, $auth, $asked) = @_;
    my $token = $t->token("repository:$repository:" .
        ($asked // 'pull,push,delete'), $auth);
    my ($payload) = $token =~ /^[^.]+\.([^.]+)\./;
    $payload =~ tr{-_}{+/};
    require MIME::Base64;
    my $claims = JSON::PP::decode_json(MIME::Base64::decode_base64($payload));
    return join ',', map { @{ $_->{actions} } } @{ $claims->{access} };
}

subtest 'what a token gives' => sub {
    for my $role (sort keys %rights) {
        is(scopes('team/app', $auth{$role}), $rights{$role}, "$role, private");
        my $public = $rights{$role} eq '' ? 'pull' : $rights{$role};
        is(scopes('open/app', $auth{$role}), $public, "$role, public");
        is(scopes('missing/app', $auth{$role}), '', "$role, missing");
    }
    is(scopes('team/app', $auth{developer}, 'push'), 'push', 'only as asked');
    is(scopes('team/app', $auth{developer}, '*'), 'pull,push', 'star');
    is(scopes('team/app', undef), '', 'anonymous, private');
    is(scopes('open/app', undef), 'pull', 'anonymous, public');
};

sub status {
    my ($method, $target, $auth) = @_;
    return $t->http($method, $target, auth => $auth)->status;
}

subtest 'what Basic may do' => sub {
    my $absent = 'sha256:' . '0' x 64;
    for my $role (sort keys %rights) {
        my %may = map { $_ => 1 } split /,/, $rights{$role};
        my $auth = $auth{$role};
        is(status(GET => '/v2/team/app/manifests/v1', $auth),
            $may{pull} ? 200 : 403, "$role pulls");
        is(status(POST => '/v2/team/app/blobs/uploads/', $auth),
            $may{push} ? 202 : 403, "$role pushes");
        is(status(DELETE => "/v2/team/app/blobs/$absent", $auth),
            $may{delete} ? 404 : 403, "$role deletes");
        is(status(GET => '/v2/open/app/manifests/v1', $auth), 200,
            "$role pulls what is public");
        is(status(POST => '/v2/library/app/blobs/uploads/', $auth), 403,
            "$role pushes nowhere else");
        is(status(GET => '/v2/missing/app/manifests/v1', $auth), 403,
            "$role: private and missing look the same");
    }
};

subtest 'a change takes effect at once, also for tokens' => sub {
    my $bearer = 'Bearer ' . $t->token('repository:team/app:pull,push',
        $auth{developer});
    my $pull = sub { status(GET => '/v2/team/app/manifests/v1', $bearer) };
    my $push = sub { status(POST => '/v2/team/app/blobs/uploads/', $bearer) };

    is($pull->(), 200, 'pull');
    is($push->(), 202, 'push');
    $t->jobrunner_ok(qw/ member set team developer guest /);
    is($pull->(), 200, 'a guest pulls');
    is($push->(), 401, 'a guest does not push, whatever the token says');
    $t->jobrunner_ok(qw/ member remove team developer /);
    is($pull->(), 401, 'no member, no pull');
    $t->jobrunner_ok(qw/ member add team developer developer /);
    is($push->(), 202, 'back again');
    $t->jobrunner_ok(qw/ user disable developer /);
    is($pull->(), 401, 'disabled');
    $t->jobrunner_ok(qw/ user enable developer /);
    is($pull->(), 401, 'enabled, but that token is void');
    is(status(GET => '/v2/team/app/manifests/v1', $auth{developer}), 200,
        'the password is good again');
    $t->jobrunner_ok(qw/ project set-public team on /);
    is(status(GET => '/v2/team/app/manifests/v1', undef), 200,
        'public: without a token');
    $t->jobrunner_ok(qw/ project set-public team off /);
    is(status(GET => '/v2/team/app/manifests/v1', undef), 401, 'private');
};

subtest 'a token of one repository is none of another' => sub {
    $t->push_image('team/other', 'v1');
    my $bearer = 'Bearer ' . $t->token('repository:team/app:pull',
        $auth{guest});
    is(status(GET => '/v2/team/app/manifests/v1', $bearer), 200, 'its own');
    is(status(GET => '/v2/team/other/manifests/v1', $bearer), 401,
        'another of the same project');
};

subtest 'upload sessions belong to who opened them' => sub {
    my $location = $t->start_upload('team/app', auth => $auth{developer});
    is(status(GET => $location, $auth{developer}), 204, 'own');
    is(status(GET => $location, $auth{maintainer}), 404, 'of another pusher');
    is(status(PATCH => $location, $auth{maintainer}), 404, 'PATCH');
    is(status(DELETE => $location, $auth{maintainer}), 404, 'DELETE');
    is(status(DELETE => $location, $auth{developer}), 204, 'cancelled');
};

subtest 'mounting needs the right to pull there' => sub {
    my $digest = $t->push_blob('team/app', 'only in team');
    my $mount = sub {
        my ($to, $auth, $from) = @_;
        return $t->post("/v2/$to/blobs/uploads/?mount=$digest"
            . ($from ? "&from=$from" : ''), auth => $auth)->status;
    };
    $t->jobrunner_ok(qw/ project create mine /);
    $t->jobrunner_ok(qw/ member add mine stranger developer /);
    is($mount->('mine/x', $auth{stranger}, 'team/app'), 202, 'may not read');
    is($mount->('mine/x', $auth{stranger}), 202, 'found by nobody');
    is($t->head("/v2/mine/x/blobs/$digest", auth => $auth{stranger})->status,
        404, 'it did not get there');
    $t->jobrunner_ok(qw/ member add team stranger guest /);
    is($mount->('mine/x', $auth{stranger}, 'team/app'), 201, 'a guest may');
    $t->jobrunner_ok(qw/ member remove team stranger /);
};

subtest 'the catalogue shows what one may see' => sub {
    my $list = sub {
        my ($auth) = @_;
        my $token = $t->token('registry:catalog:*', $auth);
        return join ' ', @{ $t->get('/v2/_catalog', auth => "Bearer $token")
            ->json()->{repositories} };
    };
    is($list->($auth{guest}), 'library/app open/app team/app team/other',
        'a member');
    is($list->($auth{stranger}), 'library/app open/app', 'a stranger');
    is($list->('admin'), 'library/app open/app team/app team/other',
        'an administrator');
    my $r = $t->get('/v2/_catalog?n=1&last=open/app', auth => $auth{guest});
    is_deeply($r->json()->{repositories}, ['team/app'], 'page by page');
};

subtest 'projects that replication writes' => sub {
    $t->jobrunner_ok(qw/ project set-write team replication /);
    is(scopes('team/app', $auth{developer}), 'pull', 'a token without push');
    is(status(POST => '/v2/team/app/blobs/uploads/', $auth{projectAdmin}),
        403, 'a project admin does not push');
    is(status(POST => '/v2/team/app/blobs/uploads/', 'admin'), 403,
        'nor does an administrator');
    like($t->post('/v2/team/app/blobs/uploads/', auth => 'admin')->body,
        qr/pushes from replication only/, 'and is told why');
    my $made = JSON::PP::decode_json($t->jobrunner_ok(
        qw/ robot create mirror --project team --allow /, 'pull,push',
        qw/ --replication -o json /));
    is(status(POST => '/v2/team/app/blobs/uploads/',
        [@$made{qw/ name secret /}]), 202, 'its robot does');
    $t->jobrunner_ok(qw/ project set-write team all /);
};

# --- real clients ----------------------------------------------------------

my $host = $t->address();
my $c = Test::Registry::Clients->new($t);
my @plain = '--tls-verify=false';

$c->start_dockerd();
$t->write_file('clients/context/Dockerfile', "FROM scratch\nCOPY a /a\n");
$t->write_file('clients/context/a', 'hello');

my @images = map { "$host/$_/app:real" } qw/ team open library /;
$c->docker('build', '-t', $images[0], $c->dir() . '/context');
$c->docker('login', '-u', 'admin', '--password-stdin', $host,
    { input => $t->password() });
for my $image (@images) {
    $c->docker('tag', $images[0], $image);
    $c->docker('push', $image);
}
$c->docker('rmi', @images);
$c->docker('logout', $host);

subtest 'docker: private, public and mixed' => sub {
    isnt($c->try_docker('pull', "$host/team/app:real")->{status}, 0,
        'private, not logged in');
    is($c->try_docker('pull', "$host/open/app:real")->{status}, 0,
        'public, not logged in');
    isnt($c->try_docker('login', '-u', 'guest', '--password-stdin', $host,
        { input => 'wrong' })->{status}, 0, 'a wrong password');
    $c->docker('login', '-u', 'guest', '--password-stdin', $host,
        { input => $password });
    my ($row) = $t->sql('SELECT count(*) AS n FROM refresh_token');
    cmp_ok($row->{n}, '>', 0, 'docker keeps a refresh token');
    is($c->try_docker('pull', "$host/team/app:real")->{status}, 0,
        'private, logged in');
    is($c->try_docker('pull', "$host/library/app:real")->{status}, 0,
        'public, logged in');
    isnt($c->try_docker('push', "$host/team/app:real")->{status}, 0,
        'a guest does not push');
    $c->docker('logout', $host);

    $c->docker('login', '-u', 'developer', '--password-stdin', $host,
        { input => $password });
    is($c->try_docker('push', "$host/team/app:real")->{status}, 0,
        'a developer does');
    $t->jobrunner_ok(qw/ member remove team developer /);
    isnt($c->try_docker('push', "$host/team/app:real")->{status}, 0,
        'no more once he is out');
    $t->jobrunner_ok(qw/ member add team developer developer /);
    $c->docker('logout', $host);
};

subtest 'podman: private, public and mixed' => sub {
    $t->write_file('clients/auth.json', "{}\n"); # nobody is logged in
    my @creds = ('--creds', "guest:$password");
    isnt($c->try_podman('pull', @plain, "$host/team/app:real")->{status}, 0,
        'private, not logged in');
    is($c->try_podman('pull', @plain, "$host/open/app:real")->{status}, 0,
        'public, not logged in');
    is($c->try_podman('pull', @plain, @creds, "$host/team/app:real")->{status},
        0, 'private, a guest');
    isnt($c->try_podman('push', @plain, @creds, "$host/team/app:real")
        ->{status}, 0, 'a guest does not push');
    is($c->try_podman('push', @plain, '--creds', "developer:$password",
        "$host/team/app:real")->{status}, 0, 'a developer does');
    isnt($c->try_podman('push', @plain, '--creds', "developer:$password",
        "$host/open/app:real", "$host/library/app:real")->{status}, 0,
        'not where he is no member');
};

is_deeply([$c->stop()], [], 'the clients end');

$t->finish();
