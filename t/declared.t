#!/usr/bin/perl

# Users, projects, members and robots in nginx.conf: what a reload makes of
# them, what it leaves alone, when it waits for the operator, and what the
# configuration test says of mistakes.

use warnings;
use strict;

use JSON::PP ();
use Test::More;

use lib 't/lib';
use Test::Registry;

my $t = Test::Registry->new();
my $dir = $t->dir();
my $secret = 's3cr3t-' x 6;

sub secret_file {
    my ($name, $text) = @_;
    $t->write_file("secrets/$name", "$text\n");
    chmod 0600, "$dir/secrets/$name";
    return;
}

secret_file('ops', 'Declared-12345');
secret_file('weak', 'short');
secret_file('ci', $secret);

my $declared = <<'END';
user ops { admin on; password_file secrets/ops; }
user dev { }
user eve { }
project pay {
    public off;
    quota  10g;
    member dev developer;
    member eve guest;
    robot  ci pull push secret_file=secrets/ci;
}
project pub { public on; }
END

# Writes nginx.conf with these declarations.
sub conf {
    my ($text) = @_;
    $t->write_conf(undef, extra => $text);
    return;
}

# Reloads, and waits for the line of worker 0 about it.
sub reload_with {
    my ($text, $line) = @_;
    my $before = () = $t->error_log() =~ /$line/g;
    conf($text);
    $t->reload();
    wait_until { (() = $t->error_log() =~ /$line/g) > $before } 10, $line;
    return;
}

sub config_json {
    my ($verb) = @_;
    my $r = $t->jobrunner('config', $verb, '-o', 'json');
    my $json = JSON::PP->new->utf8->decode($r->{out});
    return wantarray ? ($json, $r->{status}) : $json;
}

my $applied = qr/registry "main": what it declares is applied/;

conf($declared);
is($t->test_conf()->{status}, 0, 'nginx -t') or diag($t->test_conf()->{err});
is($t->jobrunner('config', 'status')->{status}, 6, 'no database yet');
$t->run();
$t->wait_log($applied);

subtest 'what is declared is there' => sub {
    my ($status, $exit) = config_json('status');
    is($exit, 0, 'config status');
    is($status->{state}, 'applied', 'state');
    is($status->{instance}, 'main', 'instance');

    is($t->get('/v2/', auth => ['ops', 'Declared-12345'])->status, 200,
        'a password from a file');
    is($t->get('/v2/', auth => ['ops', 'Declared-12346'])->status, 401,
        'and no other');
    is($t->get('/v2/', auth => ['dev', ''])->status, 401,
        'a user without a password has none');

    my $robot = ['robot$pay+ci', $secret];
    my $image = $t->push_image('pay/app', 'v1', auth => $robot);
    is($t->get('/v2/pay/app/manifests/v1', auth => $robot)->status, 200,
        'a robot pushes and pulls');
    is($t->get('/v2/pay/app/manifests/v1')->status, 401, 'private');
    is($t->delete("/v2/pay/app/manifests/$image->{digest}",
        auth => $robot)->status, 403, 'no right to delete');

    $t->push_image('pub/app', 'v1', auth => ['ops', 'Declared-12345']);
    is($t->get('/v2/pub/app/manifests/v1')->status, 200, 'public');

    my ($row) = $t->sql(q{SELECT declared FROM project WHERE name = 'pay'});
    like($row->{declared}, qr/^nginx\.conf:\d+$/, 'the place, without a path');
};

subtest 'no secret is anywhere' => sub {
    my $dump = join '', map { $t->read_file("data/$_") }
        qw/ registry.db registry.db-wal /;
    unlike($dump, qr/Declared-12345|\Q$secret\E/, 'the database');
    unlike($t->error_log(), qr/Declared-12345|\Q$secret\E/, 'the log');
    my @key = stat "$dir/data/registry.db.key";
    is($key[2] & 07777, 0600, 'the key beside the database: mode');
    is((getpwuid $key[4])[0], $t->user(), 'its owner');
};

subtest 'the same set is no change' => sub {
    my ($before) = $t->sql(
        q{SELECT max(id) AS id FROM audit WHERE actor = 'config'});
    my ($hash) = $t->sql(
        q{SELECT password_hash, epoch FROM users WHERE name = 'ops'});
    my $count = () = $t->error_log() =~ /$applied/g;
    my $token = $t->token('repository:pay/app:pull', ['ops',
        'Declared-12345']);
    conf($declared);
    $t->reload();
    $t->wait_old_workers();
    is($t->get('/v2/pay/app/manifests/v1', auth => "Bearer $token")->status,
        200, 'tokens stay good');
    my ($after) = $t->sql(
        q{SELECT max(id) AS id FROM audit WHERE actor = 'config'});
    is_deeply($after, $before, 'no audit row');
    is_deeply([$t->sql(
        q{SELECT password_hash, epoch FROM users WHERE name = 'ops'})],
        [$hash], 'the password is not hashed again');
    is(scalar(() = $t->error_log() =~ /$applied/g), $count, 'no line');
};

subtest 'changes' => sub {
    secret_file('ops', 'Changed-12345');
    my $token = $t->token('repository:pay/app:pull', ['ops',
        'Declared-12345']);
    (my $text = $declared) =~ s/dev developer/dev maintainer/;
    $text =~ s/^.*member eve.*\n//m;
    $text =~ s/ pull push / pull /;
    reload_with($text, $applied);

    is($t->get('/v2/', auth => ['ops', 'Changed-12345'])->status, 200,
        'the new password');
    is($t->get('/v2/', auth => ['ops', 'Declared-12345'])->status, 401,
        'the old one is gone');
    is($t->get('/v2/pay/app/manifests/v1', auth => "Bearer $token")->status,
        401, 'with its tokens');
    is($t->post('/v2/pay/app/blobs/uploads/',
        auth => ['robot$pay+ci', $secret])->status, 403,
        'the robot may not push any more');
    is_deeply([map { "$_->{name} $_->{role}" } $t->sql(
        'SELECT name, role FROM member JOIN users ON users.id = user_id')],
        ['dev 4'], 'one member went, one has another role');
    my ($n) = $t->sql(
        q{SELECT member_count AS n FROM project WHERE name = 'pay'});
    is($n->{n}, 1, 'the counter');
    my ($audit) = $t->sql(q{SELECT count(*) AS n FROM audit WHERE actor =
        'config' AND operation = 'delete' AND resource_type LIKE '%member'});
    is($audit->{n}, 1, 'the audit log has it');
};

my $less = <<'END';
user ops { admin on; password_file secrets/ops; }
project pub { public on; }
END

subtest 'what disappears' => sub {
    reload_with($declared, $applied);
    my $count = () = $t->error_log() =~ /is held/g;
    conf($less);
    $t->reload();
    $t->wait_log(qr/what it declares is held: it would remove 6 of 8/);

    is($t->get('/v2/pay/app/manifests/v1',
        auth => ['robot$pay+ci', $secret])->status, 200,
        'held: nothing is revoked');
    my ($status, $exit) = config_json('status');
    is($exit, 5, 'config status: 5');
    is($status->{state}, 'held', 'state');
    like($status->{waiting}{reason}, qr/remove 6 of 8/, 'reason');

    my $diff = config_json('diff');
    is(scalar(grep { $_->{action} eq 'remove' } @$diff), 6, 'config diff');

    my $r = $t->jobrunner('config', 'apply');
    is($r->{status}, 0, 'config apply') or diag($r->{err});
    is(config_json('status')->{state}, 'applied', 'applied');
    is($t->jobrunner('config', 'apply')->{status}, 0, 'again: nothing waits');

    is($t->get('/v2/pay/app/manifests/v1',
        auth => ['robot$pay+ci', $secret])->status, 401, 'robot revoked');
    is($t->get('/v2/pay/app/manifests/v1', auth => 'admin')->status, 200,
        'the project and its tags stay');
    is_deeply([map { $_->{name} } $t->sql(
        'SELECT name FROM users WHERE disabled = 1 ORDER BY name')],
        [qw/ dev eve /], 'users are disabled');

    is($t->jobrunner('config', 'prune', '--dry-run', '-o', 'name')->{out},
        "dev\neve\n", 'prune --dry-run');
    is($t->jobrunner('config', 'prune', '-o', 'name')->{out}, "dev\neve\n",
        'prune');
    is($t->jobrunner('config', 'prune', '-o', 'name')->{out}, '',
        'prune again');

    $count = () = $t->error_log() =~ /is held/g;
    conf('');
    $t->reload();
    wait_until { (() = $t->error_log() =~ /is held/g) > $count } 10, 'held';
    like(config_json('status')->{waiting}{reason}, qr/it is empty/,
        'an empty set is held');
    reload_with($less, $applied);
    is(config_json('status')->{state}, 'applied', 'until it is not empty');
};

subtest 'declared rows are read-only for others' => sub {
    my $r = $t->jobrunner('project', 'set-public', 'pub', 'off');
    is($r->{status}, 5, 'project: conflict');
    like($r->{err}, qr/project pub is declared in nginx\.conf:\d+/,
        'it names the place');
    $r = $t->jobrunner(qw/ user passwd ops --password-file /,
        "$dir/admin-password");
    is($r->{status}, 5, 'user: conflict');
    like($r->{err}, qr/declared in nginx\.conf:\d+/, 'it names the place');
};

# A call of the management API as the administrator.
sub api {
    my ($method, $path, $body) = @_;
    return $t->http($method, "/api/v2.0$path", auth => 'admin',
        defined $body ? (body => JSON::PP->new->encode($body),
            headers => ['Content-Type' => 'application/json']) : ());
}

# Under "declared exclusive": the member ops and the robot early of pay, which
# the file does not know, get nothing that they have not.
sub exclusive_left_overs {
    my ($m) = $t->sql(q{SELECT m.id FROM member m JOIN users u
        ON u.id = m.user_id WHERE u.name = 'ops'});
    my ($robot) = $t->sql(q{SELECT id, hex(secret_hash) AS hash FROM robot
        WHERE name = 'robot$pay+early'});
    my $r = api('PUT', "/projects/pay/members/$m->{id}", { role_id => 1 });
    is($r->status, 409, 'no other role');
    like($r->body, qr/declared exclusive.*nginx\.conf:\d+/, 'and why');
    is($t->jobrunner(qw/ member set pay ops maintainer /)->{status}, 5,
        'nor by the command line');
    my $rights = sub {
        return permissions => [ { kind => 'project', namespace => 'pay',
            access => [ map { { resource => 'repository', action => $_ } }
            @_ ] } ];
    };
    my $path = "/robots/$robot->{id}";
    is(api('PUT', $path, { $rights->('pull', 'push') })->status, 409,
        'no right more');
    is(api('PUT', $path, { duration => -1 })->status, 409, 'no longer life');
    is(api('PATCH', $path, { })->status, 409, 'no new secret');
    is(api('PUT', $path, { disable => JSON::PP::true, $rights->('pull') })
        ->status, 200, 'it can be disabled');
    is(api('PUT', $path, { disable => JSON::PP::false })->status, 409,
        'but not enabled');
    is($t->jobrunner('robot', 'rotate', 'robot$pay+early')->{status}, 5,
        'nor by the command line');
    is_deeply([$t->sql(qq{SELECT p.action, hex(r.secret_hash) AS hash
        FROM robot r JOIN robot_permission p ON p.robot_id = r.id
        WHERE r.id = $robot->{id}})],
        [{ action => 'pull', hash => $robot->{hash} }], 'it is as it was');
    is(api('DELETE', $path)->status, 200, 'it can be deleted');
    return;
}

subtest 'and for the management API' => sub {
    my $text = "$less user dev { }\nproject pay { member dev developer; "
        . "robot ci pull secret_file=secrets/ci; }\n";
    reload_with($text, $applied);

    my $conflict = sub {
        my ($what, @call) = @_;
        my $r = api(@call);
        is($r->status, 409, "$what: 409");
        like($r->body, qr/declared in nginx\.conf:\d+: change it there/,
            'it names the place');
    };
    my ($dev) = $t->sql(q{SELECT id FROM users WHERE name = 'dev'});
    my ($member) = $t->sql('SELECT id FROM member');
    my ($robot) = $t->sql('SELECT id FROM robot');
    $conflict->('project', 'PUT', '/projects/pay',
        { metadata => { public => 'true' } });
    $conflict->('project', 'DELETE', '/projects/pub');
    $conflict->('member', 'PUT', "/projects/pay/members/$member->{id}",
        { role_id => 1 });
    $conflict->('member', 'DELETE', "/projects/pay/members/$member->{id}");
    $conflict->('user', 'PUT', "/users/$dev->{id}/sysadmin",
        { sysadmin_flag => JSON::PP::true });
    $conflict->('user', 'DELETE', "/users/$dev->{id}");
    $conflict->('robot', 'DELETE', "/robots/$robot->{id}");

    my %new = (role_id => 3, member_user => { username => 'ops' });
    is(api('POST', '/projects/pay/members', \%new)->status, 201,
        'rows beside them may be added');
    is(api('POST', '/robots', { name => 'early', level => 'project',
        duration => 1, permissions => [ { kind => 'project',
        namespace => 'pay', access => [ { resource => 'repository',
        action => 'pull' } ] } ] })->status, 201, 'a robot too');
    reload_with("declared exclusive;\n$text", $applied);
    my $r = api('POST', '/projects/pub/members', \%new);
    is($r->status, 409, 'not so when "declared exclusive"');
    like($r->body, qr/declared exclusive.*nginx\.conf:\d+/, 'which is named');
    $r = api('POST', '/robots', { name => 'own', level => 'project',
        duration => 1, permissions => [ { kind => 'project',
        namespace => 'pub', access => [ { resource => 'repository',
        action => 'pull' } ] } ] });
    is($r->status, 409, 'nor a robot');
    is(scalar(() = $t->sql('SELECT 1 FROM member')), 2,
        'what was added before stays');
    exclusive_left_overs();
    is($t->jobrunner('config', 'prune', '-o', 'name')->{out}, "ops\n",
        'until it is pruned');
    is(scalar(() = $t->sql('SELECT 1 FROM member')), 1, 'and then not');

    conf($less);
    $t->reload();
    $t->wait_log(qr/is held: it would remove 4 of 6/);
    $t->jobrunner_ok(qw/ config apply /);
};

subtest 'write replication' => sub {
    secret_file('sync', $secret . 'x');
    my $text = $less . <<'END';
project mirror {
    write  replication;
    public on;
    robot  ci   push secret_file=secrets/ci;
    robot  sync replication secret_file=secrets/sync;
}
END
    reload_with($text, $applied);
    for (['robot$mirror+ci', $secret], 'admin') {
        is($t->post('/v2/mirror/app/blobs/uploads/', auth => $_)->status, 403,
            'no push for ' . (ref $_ ? 'a robot without replication' : $_));
    }
    $t->push_image('mirror/app', 'v1',
        auth => ['robot$mirror+sync', $secret . 'x']);
    is($t->get('/v2/mirror/app/manifests/v1')->status, 200,
        'a replication robot pushes');
    reload_with($less, $applied);
};

subtest 'serial' => sub {
    reload_with("serial 7;\n$less", $applied);
    is(config_json('status')->{serial}, 7, 'serial 7');
    conf("serial 6;\nproject other { }\n$less");
    $t->reload();
    $t->wait_log(qr/serial 6 is below 7/);
    conf("serial 7;\nproject other { }\n$less");
    $t->reload();
    $t->wait_log(qr/serial 7 stands for another content already: raise it/);
    is(scalar(() = $t->sql("SELECT 1 FROM project WHERE name = 'other'")), 0,
        'neither is applied');
    is(config_json('status')->{state}, 'failed', 'and the status says so');
    reload_with("serial 8;\nproject other { }\n$less", $applied);
    is(scalar(() = $t->sql("SELECT 1 FROM project WHERE name = 'other'")), 1,
        'a higher one is');
};

subtest 'a held set is undone by the file' => sub {
    my $wide = $less . join '', map { "project wide$_ { }\n" } 1 .. 9;
    reload_with("serial 9;\n$wide", $applied);
    conf("serial 10;\n$less");
    $t->reload();
    $t->wait_log(qr/is held: it would remove 9 of /);
    is(config_json('status')->{state}, 'held', 'serial 10 waits');
    reload_with("serial 9;\n$wide", $applied);
    is_deeply([config_json('status')->@{qw/ state serial /}], ['applied', 9],
        'the file is as before, and nothing waits');
    $t->jobrunner_ok(qw/ config apply /);
    is(scalar(() = $t->sql(q{SELECT 1 FROM project WHERE name LIKE 'wide%'
        AND declared IS NOT NULL})), 9, 'so nothing can be let in');
    conf($wide);
    $t->reload();
    $t->wait_log(qr/is held: it has no serial, but the database knows serial/);
    reload_with("serial 10;\n$wide", $applied);
};

subtest 'the database comes later' => sub {
    my $late = Test::Registry->new();
    $late->write_conf(undef, extra => 'project early { }');
    $late->run(database => 0, jobrunner => 0);
    $late->wait_log(qr/registry "main": .*db migrate/);
    $late->prepare_database();
    $late->wait_log($applied, 40);
    is(scalar(() = $late->sql("SELECT 1 FROM project WHERE name = 'early'")),
        1, 'without a reload');
};

subtest 'mistakes' => sub {
    my @mistakes = (
        ['user x { admin maybe; }', qr/it must be "on" or "off".*:\d+/],
        ['user x { password_file secrets/none; }',
            qr/secrets\/none" failed .*No such file.*nginx\.conf:\d+/],
        ['user x { password_file secrets/weak; }',
            qr/nginx\.conf:\d+: user "x": a password has 8 to 511 bytes/],
        ['user x { } user x { }', qr/nginx\.conf:\d+: duplicate user "x"/],
        ['user a,b { }', qr/nginx\.conf:\d+: bad user name "a,b"/],
        ['user x { member a guest; }', qr/"member" directive is not allowed/],
        ['project P { }', qr/nginx\.conf:\d+: bad project name "P"/],
        ['project p { member a king; }',
            qr/nginx\.conf:\d+: no role "king"/],
        ['project p { member a; }', qr/invalid number of arguments/],
        ['project p { write some; }', qr/invalid value "some"/],
        ['project p { quota much; }', qr/invalid/],
        ['project p { quota 0; }', qr/a quota must not be 0/],
        ['project p { robot ci pull push; }', qr/has no secret_file=PATH/],
        ['project p { robot ci fly secret_file=secrets/ci; }',
            qr/nginx\.conf:\d+: no right "fly"/],
        ['project p { robot ci secret_file=secrets/ci x; }',
            qr/no right "x"/],
        ['project p { robot ci pull secret_file=secrets/ops; }',
            qr/less than 32 characters/],
        ['project p { robot ci pull secret_file=secrets/empty; }',
            qr/is no secret/],
        ['project p { immutable "v*"; }',
            qr/unknown directive "immutable"/],
        ['declared sometimes;', qr/is not "additive" or "exclusive"/],
        ['declared additive; declared exclusive;', qr/duplicate/],
        ['serial 0;', qr/"serial" directive is not a number/],
        ['serial x;', qr/"serial" directive is not a number/],
        ['token_key secrets/none;', qr/No such file/],
        ['token_key secrets/ci;', qr/token_key "secrets\/ci": \w/],
        ['token_key secrets/p521.pem;', qr/token_key "[^"]+": \w/],
    );
    secret_file('empty', '');
    run_command([qw/ openssl ecparam -genkey -noout -name secp521r1 -out /,
        "$dir/secrets/p521.pem"]);
    for (@mistakes) {
        my ($text, $message) = @$_;
        conf($text);
        my $r = $t->test_conf();
        isnt($r->{status}, 0, $text);
        like($r->{err}, $message, 'the message');
    }
    run_command([qw/ openssl ecparam -genkey -noout -name prime256v1 -out /,
        "$dir/secrets/p256.pem"]);
    conf('token_key secrets/p256.pem;');
    is($t->test_conf()->{status}, 0, 'a token_key that fits');

    conf('user x { password_file secrets/ops; }');
    chmod 0644, "$dir/secrets/ops";
    my $r = $t->test_conf();
    is($r->{status}, 0, 'a secret that all may read');
    like($r->{err}, qr/\[warn\].*everybody may read/, 'is worth a warning');
};

$t->finish();
