#!/usr/bin/perl

# Nobody gets more than they have: robots that manage robots and users,
# project admins and the robots of replication, guesses of the old password,
# pages of other sites that ride on a browser's password, names that leak
# through an error.

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
my $pass = $Test::Registry::API::password;

$api->add_user($_) for qw/ alice bob eve /;
my $team = $api->add_project('team');
$api->add_project('secret');
$api->add_members('team', alice => 1);

# resource:action, of a namespace ("/" is the registry).
sub rights {
    my ($namespace, @rights) = @_;
    return { kind => $namespace eq '/' ? 'system' : 'project',
        namespace => $namespace, access => [ map { my ($r, $a) = split /:/;
            { resource => $r, action => $a } } @rights ] };
}

# A robot: its id, and its credential.
sub robot {
    my ($name, $level, $rights, %more) = @_;
    my $r = $api->post('/robots', { name => $name, level => $level,
        duration => 10, permissions => $rights, %more });
    my $id = $api->made($r);
    return ($id, [ @{ $r->json() }{qw/ name secret /} ]);
}

subtest 'a robot is not the user of the same number' => sub {
    my $eve = $api->get('/users/current', as => 'eve')->json()->{user_id};
    my ($id, $self, $n) = (0);
    while ($id < $eve) {
        ($id, $self) = robot('r' . ++$n, 'project',
            [ rights('team', 'repository:pull') ]);
    }
    is($id, $eve, 'the same number');
    is($api->get("/users/$eve", as => $self)->status, 403, 'reads nothing');
    is($api->put("/users/$eve", { comment => 'x' }, as => $self)->status, 403,
        'changes nothing');
    is($api->put("/users/$eve/password", { new_password => 'Other1pass' },
        as => $self)->status, 403, 'sets no password');
    is($api->get('/users/current', as => 'eve')->status, 200,
        'which is as it was');
};

subtest 'what nobody may, a robot of a project may not' => sub {
    for my $right ('metadata:list', 'project:create') {
        my $make = sub { return $api->post('/robots', { name => 'more',
            level => 'project', duration => 1, permissions => [
            rights('team', $right) ] }, as => $_[0])->status };
        is($make->('alice'), 400, "$right: not by a project admin");
        is($make->('admin'), 400, "$right: nor by an administrator");
    }
};

subtest 'what a body says beside what it may' => sub {
    is($api->put('/configurations', { self_registration => JSON::PP::true })
        ->status, 200, 'anybody may register');
    my %new = (username => 'mallory', password => $pass, sysadmin_flag =>
        JSON::PP::true, admin => JSON::PP::true, user_id => 1);
    $api->made($api->post('/users', \%new, as => undef));
    my $me = $api->get('/users/current', as => 'mallory')->json();
    ok(!$me->{sysadmin_flag}, 'but no administrator');
    isnt($me->{user_id}, 1, 'nor somebody else');
    is($api->get('/users', as => 'mallory')->status, 403, 'at all');
    is($api->put('/configurations', { self_registration => JSON::PP::false })
        ->status, 200, 'not any more');
    is($api->post('/users', { %new, username => 'other' }, as => undef)
        ->status, 401, 'nobody may');

    $api->made($api->post('/projects', { project_name => 'mallorys',
        storage_limit => 1 << 50, owner_name => 'admin' }, as => 'mallory'));
    my $s = $api->get('/projects/mallorys/summary', as => 'mallory')->json();
    is($s->{quota}{hard}{storage}, -1, 'a limit is for administrators');
    is($api->get('/projects/mallorys')->json()->{owner_name}, 'mallory',
        'and so is an owner');
};

subtest 'who is out gets no token either' => sub {
    my $ask = sub {
        # Of every worker, some of which know the password.
        return join ' ', sort { $a <=> $b } keys %{ { map { $t->get(
            '/service/token?service=nginx-registry', auth => $_[0])->status
            => 1 } 1 .. 8 } };
    };
    my $out = $api->add_user('out');
    is($ask->([ 'out', $pass ]), '200', 'a user');
    $t->jobrunner_ok(qw/ user disable out /);
    like($ask->([ 'out', $pass ]), qr/^401(?: 429)?$/, 'disabled');

    my ($id, $robot) = robot('ends', 'project',
        [ rights('team', 'repository:pull') ]);
    is($ask->($robot), '200', 'a robot');
    $t->sql("UPDATE robot SET expires_at = 1 WHERE id = $id");
    like($ask->($robot), qr/^401(?: 429)?$/, 'that has ended');
};

subtest 'a robot rotates no stronger robot' => sub {
    my (undef, $manager) = robot('manager', 'system',
        [ rights('/', 'robot:update', 'robot:read') ]);
    my ($strong, $secret) = robot('strong', 'system',
        [ rights('*', 'repository:push', 'repository:pull') ]);
    my ($equal) = robot('equal', 'system', [ rights('/', 'robot:read') ],
        duration => 9);

    is($api->patch("/robots/$strong", {}, as => $manager)->status, 403,
        'of the registry');
    is($t->get('/v2/', auth => $secret)->status, 200, 'its secret stays');
    is($api->patch("/robots/$equal", {}, as => $manager)->status, 200,
        'one with no more rights');

    my ($id, $self) = robot('keeper', 'project',
        [ rights('team', 'robot:update', 'robot:create') ]);
    my ($pusher) = robot('pusher', 'project',
        [ rights('team', 'repository:push', 'repository:pull') ]);
    is($api->patch("/robots/$pusher", {}, as => $self)->status, 403,
        'of a project');
    is($api->patch("/robots/$pusher", { secret => 'Chosen-Secret-12345' },
        as => $self)->status, 403, 'nor with a secret of its own');
    is($api->put("/robots/$pusher", { permissions => [ rights('team',
        'repository:delete') ] }, as => $self)->status, 403,
        'nor gives it what it has not');
    is($api->patch("/robots/$pusher", {}, as => 'alice')->status, 200,
        'an administrator of the project does');
    is($api->patch("/robots/$id", {}, as => $self)->status, 200, 'oneself');
};

subtest 'a robot with an end makes none without' => sub {
    my (undef, $self) = robot('short', 'project',
        [ rights('team', 'robot:create', 'robot:update') ]);
    my $child = sub { return $api->post('/robots', { name => $_[0],
        level => 'project', duration => $_[1], permissions => [
        rights('team', 'robot:update') ] }, as => $self) };
    is($child->('never', -1)->status, 403, 'never ends');
    is($child->('later', 11)->status, 403, 'ends later');
    my $id = $api->made($child->('sooner', 9));
    is($api->put("/robots/$id", { duration => -1 }, as => $self)->status, 403,
        'nor makes it longer');
    is($api->put("/robots/$id", { duration => 8 }, as => $self)->status, 200,
        'shorter');
};

subtest 'the robots of replication are the administrators\'' => sub {
    my ($id, $auth) = robot('mirror', 'project',
        [ rights('team', 'repository:push', 'repository:pull') ],
        x_replication => JSON::PP::true);
    is($api->patch("/robots/$id", {}, as => 'alice')->status, 403,
        'a project admin does not learn its secret');
    is($t->get('/v2/', auth => $auth)->status, 200, 'which stays');
    is($api->post('/robots', { name => 'own', level => 'project',
        duration => 1, x_replication => JSON::PP::true, permissions => [
        rights('team', 'repository:push') ] }, as => 'alice')->status, 403,
        'nor makes one');
    is($api->put("/robots/$id", { x_replication => JSON::PP::false },
        as => 'alice')->status, 403, 'nor takes the mark away');
    is($api->patch("/robots/$id", {})->status, 200, 'an administrator');
};

subtest 'a robot does not touch administrators' => sub {
    my $root = $api->add_user('root');
    is($api->put("/users/$root/sysadmin", { sysadmin_flag =>
        JSON::PP::true })->status, 200, 'an administrator');
    my $gone = $api->add_user('gone');
    my (undef, $self) = robot('people', 'system', [ rights('/',
        map { "user:$_" } qw/ create read list update delete /) ]);
    my $set = sub { return $api->put("/users/$_[0]/password",
        { new_password => 'Other1pass' }, as => $self)->status };

    is($set->(1), 403, 'no password of the first');
    is($set->($root), 403, 'nor of another');
    is($api->put("/users/$root", { email => 'e@evil.example' },
        as => $self)->status, 403, 'no profile');
    is($api->delete("/users/$root", as => $self)->status, 403, 'not deleted');
    is($api->put("/users/$gone/sysadmin", { sysadmin_flag =>
        JSON::PP::true }, as => $self)->status, 403, 'nor is one made');
    is($set->($gone), 200, 'but users');
    is($api->delete("/users/$gone", as => $self)->status, 200, 'deleted');
    is($api->get('/users/current', as => 'root')->status, 200,
        'the password is as it was');
    is($api->delete('/users/1', as => 'root')->status, 403,
        'the first user is not deleted by another administrator');
    is($api->delete("/users/$root", as => 'root')->status, 403,
        'nor anybody by oneself');
};

subtest 'what a change does not name stays' => sub {
    my ($id) = robot('quiet', 'project', [ rights('team',
        'repository:pull') ]);
    is($api->put("/robots/$id", { description => 'x' })->status, 200, 'text');
    my ($row) = $t->sql("SELECT description AS d FROM audit WHERE
        resource = 'robot\$team+quiet' AND operation = 'update'");
    is($row->{d}, '', 'neither enabled nor disabled');
};

subtest 'the name of a private project does not leak' => sub {
    $api->made($api->post('/projects', { project_name => 'eves' },
        as => 'eve'));
    my $ask = sub { return $api->post('/robots', { name => 'spy',
        level => $_[0], duration => 1, permissions => [ map {
        rights($_, 'repository:pull') } @_[1 .. $#_] ] }, as => 'eve') };
    for my $case ([ 'project', 'eves' ], [ 'project' ], [ 'system' ],
        [ 'system', 'eves' ])
    {
        my ($there, $not) = map { $ask->(@$case, $_) } qw/ secret none /;
        is($there->status, $not->status, "@$case: status");
        is($there->json()->{errors}[0]{message},
            $not->json()->{errors}[0]{message}, "@$case: message");
    }
};

subtest 'the old password is not to be guessed' => sub {
    my $bob = $api->get('/users/current', as => 'bob')->json()->{user_id};
    my $r = $t->post('/c/login', body => "principal=bob&password=$pass",
        headers => [ 'Content-Type' => 'application/x-www-form-urlencoded' ]);
    my ($sid) = $r->header('Set-Cookie') =~ /^(sid=[^;]+)/;
    my @session = (as => undef, headers => [ Cookie => $sid,
        'X-Harbor-CSRF-Token' => $r->header('X-Harbor-CSRF-Token') ]);
    my $set = sub { return $api->put("/users/$bob/password", {
        old_password => $_[0], new_password => $_[1] }, @session)->status };

    is(join(' ', map { $set->("Guess$_", 'New1passwd') } 1 .. 6),
        '403 403 403 403 403 429', 'with a session of others');
    is($set->($pass, 'New1passwd'), 429, 'the right one waits as well');
    is($t->get('/v2/', auth => [ 'bob', $pass ])->status, 429,
        'as at the other doors');
};

subtest 'of changes at once one counts' => sub {
    my $eve = $api->get('/users/current', as => 'eve')->json()->{user_id};
    my @sockets = map {
        my $s = $t->connect();
        $s->send($t->request_bytes('PUT', "/api/v2.0/users/$eve/password",
            auth => [ 'eve', $pass ], body => JSON::PP::encode_json({
            old_password => $pass, new_password => "New${_}passwd" })));
        $s;
    } 1 .. 6;
    my @status = sort map { $_->response('PUT')->status } @sockets;
    is(scalar(grep { $_ == 200 } @status), 1, "one: @status");
};

subtest 'a browser\'s password is not for pages of others' => sub {
    my $make = sub {
        my ($name, @headers) = @_;
        return $api->post('/projects', { project_name => $name },
            headers => \@headers)->status;
    };
    is($make->('csrf1', Origin => 'https://evil.example', 'Content-Type' =>
        'text/plain'), 403, 'a form of another site');
    is($make->('csrf2', Origin => 'null'), 403, 'a sandboxed page');
    is($make->('csrf3', 'Sec-Fetch-Site' => 'cross-site'), 403, 'named so');
    is($api->get("/projects/csrf$_")->status, 404, 'nothing was made')
        for 1 .. 3;
    is($make->('own', Origin => 'http://' . $t->address()), 201,
        'a page of this site');
    is($api->get('/projects', headers => [ Origin => 'https://evil.example' ])
        ->status, 200, 'reading changes nothing');
};

$t->finish();
