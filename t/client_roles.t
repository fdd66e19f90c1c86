#!/usr/bin/perl

# docker, podman and containerd with each role, in a private and in a public
# project; what happens to a client that is logged in when its user, its
# membership or its robot's secret goes; and two registries, in which the same
# people are not the same members.

use warnings;
use strict;

use JSON::PP ();
use Test::More;

use lib 't/lib';
use Test::Registry;
use Test::Registry::Clients;

my $t = Test::Registry->new();
$t->write_conf();
$t->run();

my $password = 'Correct1horse';
my @roles = qw/ projectAdmin maintainer developer guest limitedGuest /;
my %pushes = map { $_ => 1 } qw/ projectAdmin maintainer developer /;

sub prepare {
    my ($r) = @_;
    for my $name (map { lc } @roles, 'stranger') {
        $r->jobrunner_ok(qw/ user create /, $name, '--password-stdin',
            { input => "$password\n" });
    }
    $r->jobrunner_ok(qw/ project create team /);
    $r->jobrunner_ok(qw/ project create open --public /);
    return;
}

prepare($t);
for my $project (qw/ team open /) {
    $t->jobrunner_ok(qw/ member add /, $project, lc $_, $_) for @roles;
}

my $host = $t->address();
my $c = Test::Registry::Clients->new($t);
$c->start_dockerd();
$c->start_containerd();

$t->write_file('clients/context/Dockerfile', "FROM scratch\nCOPY a /a\n");
$t->write_file('clients/context/a', 'hello');
my ($private, $public) = map { "$host/$_/app:1" } qw/ team open /;
$c->docker('build', '-t', $private, $c->dir() . '/context');
$c->docker('tag', $private, $public);

sub docker_login {
    my ($name, $secret) = @_;
    return $c->try_docker('login', '-u', $name, '--password-stdin', $host,
        { input => $secret })->{status};
}

docker_login('admin', $t->password());
$c->docker('push', $_) for $private, $public;
$c->docker('logout', $host);

# What each client does with an image: as a user, or (undef) as nobody.
my @plain = '--tls-verify=false';
my @http = '--plain-http';
my %client = (
    docker => sub {
        my ($verb, $image, $name) = @_;
        docker_login($name, $password) if defined $name;
        my $status = $c->try_docker($verb, $image)->{status};
        $c->docker('logout', $host) if defined $name;
        return $status;
    },
    podman => sub {
        my ($verb, $image, $name) = @_;
        return $c->try_podman($verb, @plain,
            defined $name ? ('--creds', "$name:$password") : (), $image)
            ->{status};
    },
    containerd => sub {
        my ($verb, $image, $name) = @_;
        if ($verb eq 'push') {
            # What has its tag already is not pushed, whoever asks.
            my $tag = "$image-" . ($name // 'nobody');
            $c->ctr('images', 'tag', $image, $tag);
            $image = $tag;
        }
        return $c->try_ctr('images', $verb, @http,
            $verb eq 'pull' ? ('--snapshotter', 'native') : (),
            defined $name ? ('--user', "$name:$password") : (), $image,
            { timeout => 60 })->{status};
    },
);

$t->write_file('clients/auth.json', "{}\n"); # podman: nobody is logged in

# The images are there to be pushed.
$c->podman('pull', @plain, '--creds', "guest:$password", $_)
    for $private, $public;
$c->ctr('images', 'pull', @http, '--snapshotter', 'native', '--user',
    "guest:$password", $_) for $private, $public;

for my $name (sort keys %client) {
    subtest $name => sub {
        my $does = $client{$name};
        my $may = sub {
            my ($status, $allowed, $what) = @_;
            $allowed ? is($status, 0, $what) : isnt($status, 0, $what);
        };

        for my $role (@roles, 'stranger', undef) {
            my $who = $role // 'nobody';
            my $user = defined $role ? lc $role : undef;
            my $member = $who ne 'stranger' && $who ne 'nobody';

            $may->($does->('pull', $private, $user), $member,
                "$who pulls, private");
            $may->($does->('pull', $public, $user), 1, "$who pulls, public");
            $may->($does->('push', $private, $user), $pushes{$who},
                "$who pushes, private");
            $may->($does->('push', $public, $user), $pushes{$who},
                "$who pushes, public");
        }
    };
}

# docker keeps what it got at login, and asks for tokens with that.
subtest 'who is logged in and loses the right' => sub {
    is(docker_login('developer', $password), 0, 'logged in');
    is($c->try_docker('push', $private)->{status}, 0, 'pushes');

    $t->jobrunner_ok(qw/ member set team developer guest /);
    isnt($c->try_docker('push', $private)->{status}, 0, 'a guest now');
    is($c->try_docker('pull', $private)->{status}, 0, 'who pulls');
    $t->jobrunner_ok(qw/ member remove team developer /);
    isnt($c->try_docker('pull', $private)->{status}, 0, 'no member');
    is($c->try_docker('pull', $public)->{status}, 0, 'public');
    $t->jobrunner_ok(qw/ member add team developer developer /);
    is($c->try_docker('push', $private)->{status}, 0, 'a member again');

    $t->jobrunner_ok(qw/ user disable developer /);
    isnt($c->try_docker('pull', $private)->{status}, 0, 'disabled');
    $t->jobrunner_ok(qw/ user enable developer /);
    isnt($c->try_docker('pull', $private)->{status}, 0,
        'enabled: what was issued before stays void');
    is(docker_login('developer', $password), 0, 'but the password is good');
    is($c->try_docker('pull', $private)->{status}, 0, 'pulls');

    $t->jobrunner_ok(qw/ user passwd developer --password-stdin /,
        { input => "Another1horse\n" });
    isnt($c->try_docker('pull', $private)->{status}, 0, 'another password');
    $c->docker('logout', $host);
};

subtest 'a robot whose secret is rotated' => sub {
    my $make = sub { return JSON::PP::decode_json($t->jobrunner_ok(@_,
        qw/ -o json /)) };
    my $robot = $make->(qw/ robot create ci --project team --allow /,
        'pull,push');
    my ($name, $secret) = @$robot{qw/ name secret /};
    is($name, 'robot$team+ci', 'a name that needs care');

    is(docker_login($name, $secret), 0, 'docker');
    is($c->try_docker('push', $private)->{status}, 0, 'docker pushes');
    is($c->try_podman('pull', @plain, '--creds', "$name:$secret", $private)
        ->{status}, 0, 'podman pulls');
    $c->ctr('images', 'tag', $private, "$private-$_") for qw/ old new /;
    is($c->try_ctr('images', 'push', @http, '--user', "$name:$secret",
        "$private-old")->{status}, 0, 'containerd pushes');

    my $new = $make->(qw/ robot rotate /, $name)->{secret};
    isnt($new, $secret, 'another secret');
    isnt($c->try_docker('push', $private)->{status}, 0, 'docker');
    isnt($c->try_podman('pull', @plain, '--creds', "$name:$secret", $private)
        ->{status}, 0, 'podman');
    isnt($c->try_ctr('images', 'push', @http, '--user', "$name:$secret",
        "$private-new")->{status}, 0, 'containerd');
    wait_until(sub {
        # Each of them tried more than once: the name has to wait a little.
        $c->try_podman('pull', @plain, '--creds', "$name:$new", $private)
            ->{status} == 0;
    }, 60, 'the new one');
    is($c->try_ctr('images', 'push', @http, '--user', "$name:$new",
        "$private-new")->{status}, 0, 'the new one');
    $c->docker('logout', $host);
};

is_deeply([$c->stop()], [], 'the clients end');

subtest 'a member\'s role may differ from one registry to another' => sub {
    my $other = Test::Registry->new();
    $other->write_conf();
    $other->run();
    prepare($other);
    $other->jobrunner_ok(qw/ member add team guest maintainer /);
    $other->jobrunner_ok(qw/ member add team maintainer guest /);

    my $push = sub {
        my ($r, $auth) = @_;
        return $r->post('/v2/team/app/blobs/uploads/', auth => $auth)->status;
    };
    my %auth = map { $_ => [ $_, $password ] } qw/ guest maintainer /;
    is($push->($t, $auth{maintainer}), 202, 'a maintainer here');
    is($push->($other, $auth{maintainer}), 403, 'is a guest there');
    is($push->($t, $auth{guest}), 403, 'a guest here');
    is($push->($other, $auth{guest}), 202, 'is a maintainer there');

    my $token = $t->token('repository:team/app:pull,push', $auth{maintainer});
    is($push->($t, "Bearer $token"), 202, 'a token of here');
    is($push->($other, "Bearer $token"), 401, 'is nothing there');
    is($other->post('/service/token', body => 'grant_type=refresh_token'
        . '&service=nginx-registry&refresh_token='
        . $t->get('/service/token?service=nginx-registry&offline_token=true',
            auth => $auth{maintainer})->json()->{refresh_token},
        headers => [ 'Content-Type' => 'application/x-www-form-urlencoded' ])
        ->status, 401, 'nor a refresh token');
    my $login = sub {
        my ($r) = @_;
        my ($sid) = $r->post('/c/login', body => 'principal=maintainer'
            . "&password=$password", headers => [ 'Content-Type' =>
            'application/x-www-form-urlencoded' ])->header('Set-Cookie')
            =~ /^(sid=[^;]+)/;
        return $sid;
    };
    my $sid = $login->($t);
    my $who = sub { return $_[0]->get('/api/v2.0/users/current',
        headers => [ Cookie => $sid ])->status };
    is($who->($t), 200, 'a session of here');
    is($who->($other), 401, 'nor a session');
};

$t->finish();
