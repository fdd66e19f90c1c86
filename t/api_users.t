# The management API: users, robots, configuration; bodies that are wrong.

use warnings;
use strict;

use lib 't/lib';
use Test::More;
use Test::Registry;
use Test::Registry::API;

my $t = Test::Registry->new();
$t->write_conf();
$t->run(jobrunner => 0);
my $api = Test::Registry::API->new($t);
my $pass = $Test::Registry::API::password;

my $alice = $api->add_user('alice');
my $bob = $api->add_user('bob');

subtest 'users' => sub {
    my $new = sub { return $api->post('/users', { username => 'x',
        password => $pass, @_ }) };
    is($new->(username => $_)->status, 400, "no name: '$_'")
        for '', 'a,b', 'a#b', 'a"b', "a\nb", 'a:b', 'x' x 256;
    is($new->(password => $_)->status, 400, "no password: $_")
        for '', 'Short1', 'alllower1', 'ALLUPPER1', 'NoDigits', 'Aa1' x 50;
    is($new->(username => 'alice')->status, 409, 'taken');
    is($new->(email => 'alice@example.com')->status, 409, 'email taken');
    is($api->post('/users', { username => 'me', password => $pass },
        as => undef)->status, 401, 'no self-registration');
    is($api->post('/users', { username => 'me', password => $pass },
        as => 'bob')->status, 403, 'not by a user');

    my $r = $api->get('/users?sort=-username');
    is($r->header('X-Total-Count'), 3, 'three');
    is_deeply([ map { $_->{username} } @{ $r->json() } ],
        [qw/ bob alice admin /], 'sorted');
    unlike($r->body, qr/hash|\$y\$|password/i, 'no secrets');
    is($api->get('/users?q=username%3D~ali')->header('X-Total-Count'), 1,
        'found');
    is($api->get('/users', as => 'bob')->status, 403, 'not for users');
    is_deeply($api->get('/users/search?username=al', as => 'bob')->json(),
        [ { user_id => $alice, username => 'alice' } ], 'by prefix');
    is($api->get('/users/search', as => 'bob')->status, 422,
        'of everybody: no');
    is($api->get('/users/search?username=al', as => undef)->status, 401,
        'nor by nobody');

    $r = $api->get('/users/current', as => 'bob')->json();
    is($r->{username}, 'bob', 'who am I');
    ok(!$r->{sysadmin_flag}, 'no administrator');
    is($api->get('/users/current', as => undef)->status, 401, 'nobody');
    is($api->get("/users/$bob", as => 'bob')->status, 200, 'oneself');
    is($api->get("/users/$alice", as => 'bob')->status, 403, 'not others');
    is($api->get('/users/99999', as => 'bob')->status, 403,
        'nor what does not exist');
    is($api->get('/users/99999')->status, 404, 'the administrator sees');
    is($api->get('/users/x')->status, 422, 'no id');

    is($api->put("/users/$bob", { realname => 'Bob', email => 'b@x.org',
        comment => 'hi' }, as => 'bob')->status, 200, 'profile');
    is($api->get("/users/$bob")->json()->{realname}, 'Bob', 'kept');
    is($api->put("/users/$bob", { comment => 'x' x 31 }, as => 'bob')
        ->status, 400, 'a long comment');
    is($api->put("/users/$alice", { realname => 'x' }, as => 'bob')->status,
        403, 'not of others');
    is($api->put("/users/$bob", { email => 'alice@example.com' },
        as => 'bob')->status, 409, 'a taken address');
};

subtest 'passwords' => sub {
    my $set = sub { my ($who, $old, $new, @as) = @_;
        return $api->put("/users/$who/password", { defined $old
            ? (old_password => $old) : (), new_password => $new }, @as) };
    is($set->($bob, 'Wrong0000', 'Newpass11', as => 'bob')->status, 403,
        'the old one is asked for');
    is($set->($bob, undef, 'Newpass11', as => 'bob')->status, 403, 'always');
    is($set->($bob, $pass, 'weak', as => 'bob')->status, 400, 'rules');
    is($set->($bob, $pass, $pass, as => 'bob')->status, 400, 'another one');
    is($set->($alice, $pass, 'Newpass11', as => 'bob')->status, 403,
        'not of others');
    my $token = $t->token(undef, [ 'bob', $pass ]);
    is($t->get('/v2/', auth => "Bearer $token")->status, 200, 'a token');
    is($set->($bob, $pass, 'Newpass11', as => 'bob')->status, 200, 'changed');
    is($t->get('/v2/', auth => "Bearer $token")->status, 401,
        'the token is void');
    is($api->get('/users/current', as => 'bob')->status, 401, 'the old one');
    is($api->get('/users/current', as => [ 'bob', 'Newpass11' ])->status,
        200, 'the new one');
    is($set->($bob, undef, $pass)->status, 200, 'by the administrator');
    is($api->get('/users/current', as => 'bob')->status, 200, 'so');
    is($set->(99999, undef, $pass)->status, 404, 'no such user');
    my ($row) = $t->sql("SELECT password_hash AS h FROM users
        WHERE name = 'bob'");
    like($row->{h}, qr/^\$y\$/, 'hashed');
};

subtest 'disabling' => sub {
    my ($true, $false) = (JSON::PP::true, JSON::PP::false);
    my $carol = $api->add_user('carol');
    my $set = sub { my ($who, $on, %more) = @_;
        return $api->put("/users/$who", { x_disabled => $on }, %more) };
    my $is = sub { return $api->get("/users/$carol")->json()->{x_disabled} };
    my $token = $t->token(undef, [ 'carol', $pass ]);

    is($set->($carol, $false, as => 'carol')->status, 200,
        'oneself: what is sent back as it was read');
    is($set->($carol, $true, as => 'carol')->status, 403, 'not oneself');
    is($set->($carol, $true, as => 'bob')->status, 403, 'not by a user');
    is($set->($carol, 'true')->status, 400, 'a boolean');
    ok(!$is->(), 'not yet');
    is($api->put("/users/$carol", { x_disabled => $true,
        email => 'alice@example.com' })->status, 409, 'with a taken address');
    ok(!$is->(), 'nothing was done');

    my $before = $api->get("/users/$carol")->json();
    is($set->($carol, $true)->status, 200, 'by an administrator');
    my $after = $api->get("/users/$carol")->json();
    ok($after->{x_disabled}, 'so');
    is($after->{email}, $before->{email}, 'the profile stays');
    is($api->get('/users/current', as => 'carol')->status, 401, 'no login');
    is($t->get('/v2/', auth => "Bearer $token")->status, 401,
        'the token is void');
    is(($t->sql('SELECT description FROM audit WHERE resource_type = \'user\'
        ORDER BY id DESC LIMIT 1'))[0]{description}, 'disabled', 'in the log');
    is($set->($carol, $false)->status, 200, 'enabled');
    is($api->get('/users/current', as => 'carol')->status, 200, 'login');

    is($set->(1, $true)->status, 403, 'the first user: never');
    is($api->put("/users/$carol/sysadmin", { sysadmin_flag => $true })
        ->status, 200, 'an administrator');
    is($set->($carol, $true, as => 'carol')->status, 403,
        'does not disable herself');
    is($api->delete("/users/$carol")->status, 200, 'deleted');
};

subtest 'administrators' => sub {
    is($api->put("/users/$bob/sysadmin", { sysadmin_flag => JSON::PP::true },
        as => 'bob')->status, 403, 'not by oneself');
    is($api->put("/users/$bob/sysadmin", {})->status, 400, 'no flag');
    is($api->put("/users/$bob/sysadmin", { sysadmin_flag =>
        JSON::PP::true })->status, 200, 'made one');
    is($api->get('/users', as => 'bob')->status, 200, 'at once');
    is($api->put("/users/$bob/sysadmin", { sysadmin_flag =>
        JSON::PP::false })->status, 200, 'and no more');
    is($api->get('/users', as => 'bob')->status, 403, 'at once');
    is($api->put('/users/1/sysadmin', { sysadmin_flag => JSON::PP::false })
        ->status, 412, 'not the last one');
    is($api->delete('/users/1')->status, 403, 'nor deleted');
    my $gone = $api->add_user('gone');
    is($api->delete("/users/$gone", as => 'bob')->status, 403,
        'not by a user');
    is($api->delete("/users/$gone")->status, 200, 'deleted');
    is($api->get('/users/current', as => 'gone')->status, 401, 'gone');
    is($api->delete("/users/$gone")->status, 404, 'twice');
    isnt($api->add_user('gone'), $gone, 'the name is free, the id is not');
    is($api->put("/users/$bob/cli_secret", { secret => 'x' })->status, 412,
        'no CLI secrets');
};

subtest 'permissions' => sub {
    my $pay = $api->add_project('pay', 0);
    $api->add_members('pay', bob => 3);
    my $p = $api->get("/users/current/permissions?scope=/project/$pay"
        . '&relative=true', as => 'bob')->json();
    my %has = map { ("$_->{resource}:$_->{action}" => 1) } @$p;
    ok($has{'repository:pull'}, 'a guest pulls');
    ok(!$has{'repository:push'}, 'and does not push');
    ok($has{'.:read'}, 'the project itself');
    $p = $api->get("/users/current/permissions?scope=/project/$pay",
        as => 'bob')->json();
    ok((grep { $_->{resource} eq "/project/$pay/repository" } @$p),
        'not relative');
    is($api->get("/users/current/permissions?scope=/project/$pay",
        as => 'alice')->status, 403, 'of others');
    is_deeply($api->get('/users/current/permissions', as => 'bob')->json(),
        [], 'none of the registry');
    ok(@{ $api->get('/users/current/permissions')->json() } > 50,
        'but all for the administrator');
    my $all = $api->get('/permissions', as => 'bob')->json();
    ok((grep { $_->{resource} eq 'repository' && $_->{action} eq 'pull' }
        @{ $all->{project} }), 'the catalogue');
};

subtest 'robots' => sub {
    my $perms = sub { return [ { kind => 'project', namespace => $_[0],
        access => [ map { { resource => 'repository', action => $_ } }
            @_[1 .. $#_] ] } ] };
    my $r = $api->post('/robots', { name => 'ci', level => 'project',
        duration => 10, permissions => $perms->('pay', 'pull', 'push') });
    is($r->status, 201, 'made');
    my $id = $api->made($r);
    my $made = $r->json();
    is($made->{name}, 'robot$pay+ci', 'name');
    ok(length $made->{secret} >= 32, 'a secret');
    is($r->header('Cache-Control'), 'no-store', 'not kept');
    ok($made->{expires_at} > time() + 9 * 86400, 'expires');
    is($api->get("/robots/$id")->json()->{secret}, undef, 'shown once');
    my @auth = (as => [ $made->{name}, $made->{secret} ]);

    $t->push_image('pay/app', 'v1', auth => [ $made->{name},
        $made->{secret} ]);
    pass('it pushes');
    is($api->get('/projects/pay/members', @auth)->status, 403,
        'and does no more');
    is($api->get('/users/current', @auth)->status, 412, 'it is no user');
    is($t->get('/v2/library/app/tags/list', auth => [ $made->{name},
        $made->{secret} ])->status, 404, 'public ones as anybody');

    is($api->post('/robots', { name => 'ci', level => 'project', duration =>
        10, permissions => $perms->('pay', 'pull') })->status, 409, 'twice');
    for my $bad ({ level => 'x' }, { name => 'A B' }, { name => '' },
        { duration => 0 }, { duration => 'x' }, { permissions => [] },
        { permissions => 1 }, { permissions => [1] },
        { permissions => $perms->('pay', 'fly') },
        { permissions => [ { kind => 'x', namespace => 'pay' } ] },
        { permissions => [ { kind => 'project', namespace => 'pay',
            access => 1 } ] })
    {
        is($api->post('/robots', { name => 'bad', level => 'project',
            duration => 10, permissions => $perms->('pay', 'pull'), %$bad })
            ->status, 400, 'bad: ' . join ',', %$bad);
    }
    is($api->post('/robots', { name => 'r', level => 'project', permissions
        => $perms->('none', 'pull') })->status, 404, 'no such project');
    is($api->post('/robots', { name => 'r', level => 'project', permissions
        => $perms->('none', 'pull') }, as => 'bob')->status, 403,
        'which a user does not learn');
    is($api->post('/robots', { name => 'r', level => 'project', permissions
        => $perms->('pay', 'pull') }, as => 'bob')->status, 403,
        'nor makes one');

    my $l = $api->get("/robots?q=Level%3Dproject%2CProjectID%3D"
        . $api->get('/projects/pay')->json()->{project_id}, as => 'bob');
    is($l->header('X-Total-Count'), 1, 'a guest sees it, as in Harbor');
    is($api->get('/robots', as => 'bob')->status, 403,
        'not those of the registry');
    is($api->get("/robots/99999", as => 'bob')->status, 403,
        'what does not exist looks the same');

    is($api->put("/robots/$id", { disable => JSON::PP::true })->status, 200,
        'disabled');
    is($api->get('/projects/pay', @auth)->status, 401, 'at once');
    is($api->put("/robots/$id", { disable => JSON::PP::false,
        permissions => $perms->('pay', 'pull') })->status, 200, 'enabled');
    is($t->post('/v2/pay/app/blobs/uploads/', auth => [ $made->{name},
        $made->{secret} ])->status, 403, 'with fewer rights');

    for my $n ($made->{name}, 'pay+ci', 'ci') {
        is($api->put("/robots/$id", { name => $n, level => 'project' })
            ->status, 200, "the same name: $n");
    }
    for my $bad ({ name => 'i' }, { name => 'robot$pay+cd' }, { name => '' },
        { level => 'system' }, { level => '' }, { name => '+ci' })
    {
        is($api->put("/robots/$id", { %$bad, description => 'x' })->status,
            400, join ' ', 'stays:', %$bad);
    }
    isnt($api->get("/robots/$id")->json()->{description}, 'x', 'all of it');

    $r = $api->patch("/robots/$id", {});
    is($r->status, 200, 'a new secret');
    my $new = $r->json()->{secret};
    is($api->get('/projects', @auth)->status, 401, 'the old one');
    is($api->get('/projects', as => [ $made->{name}, $new ])->status, 200,
        'the new one');
    is($api->patch("/robots/$id", { secret => 'Chosen-Secret-1234567890' })
        ->json()->{secret}, '', 'a chosen one is not told');
    is($api->put("/robots/$id", { x_replication => JSON::PP::true })
        ->status, 200, 'for replication');

    my $s = $api->made($api->post('/robots', { name => 'all', level =>
        'system', duration => -1, permissions => [ { kind => 'project',
        namespace => '*', access => [ { resource => 'repository', action =>
        'pull' } ] }, { kind => 'system', namespace => '/', access => [
        { resource => 'user', action => 'list' } ] } ] }));
    my $j = $api->get("/robots/$s")->json();
    is($j->{name}, 'robot$all', 'of the registry');
    is_deeply([ map { $_->{namespace} } @{ $j->{permissions} } ],
        ['/', '*'], 'its rights');
    is($j->{expires_at}, -1, 'never ends');
    is($api->delete("/robots/$_")->status, 200, 'deleted') for $s, $id;
    is($api->get('/projects', as => [ $made->{name},
        'Chosen-Secret-1234567890' ])->status, 401, 'gone');
};

subtest 'ids that are no numbers' => sub {
    my $bob = $api->get('/users/current', as => 'bob')->json()->{user_id};
    for my $path ('/users/abc', '/users/1x', '/users/99999999999999999999',
        '/robots/x', '/labels/x', '/quotas/x', '/projects/pay/members/x')
    {
        is($api->get($path)->status, 422, $path);
        is($api->get($path, as => undef)->status, 401, 'not to nobody');
    }
    is($api->put('/users/x/sysadmin', { sysadmin_flag => JSON::PP::true })
        ->status, 422, 'PUT');
    is($api->delete("/$_/x")->status, 422, "DELETE $_")
        for qw{ users robots labels projects/pay/members };
    is($api->get("/$_")->status, 404, $_) for qw{ users/0 users/-1 robots/-1
        labels/0 quotas/-7 projects/pay/members/0 };
    is($api->get('/users/abc', as => 'bob')->status, 403, 'as any other user');
    is($api->get("/users/$bob", as => 'bob')->status, 200, 'oneself');
};

subtest 'configuration' => sub {
    my $c = $api->get('/configurations')->json();
    is_deeply($c->{auth_mode}, { value => 'db_auth', editable =>
        JSON::PP::false }, 'fixed');
    ok($c->{self_registration}{editable}, 'editable');
    is($api->put('/configurations', { self_registration => JSON::PP::true,
        banner_message => '<b>hi</b>', unknown => 1 })->status, 200, 'set');
    is($api->get('/systeminfo', as => undef)->json()->{banner_message},
        '<b>hi</b>', 'seen by all');
    is($api->post('/users', { username => 'self', password => $pass },
        as => undef)->status, 201, 'registered');
    is($api->put('/configurations', { auth_mode => 'ldap_auth' })->status,
        400, 'not this');
    is($api->put('/configurations', { auth_mode => 'db_auth' })->status,
        200, 'the same value is');
    for my $bad ({ self_registration => 'true' }, { banner_message => 1 },
        { robot_token_duration => 0 },
        { project_creation_restriction => 'nobody' })
    {
        my $r = $api->put('/configurations', $bad);
        is($r->status, 400, (keys %$bad)[0]);
        like($r->json()->{errors}[0]{message}, qr/^\Q@{[ keys %$bad ]}\E/,
            'named');
    }
    is($api->put('/configurations', { project_creation_restriction =>
        'adminonly', self_registration => JSON::PP::false })->status, 200,
        'closed');
    is($api->post('/projects', { project_name => 'mine' }, as => 'bob')
        ->status, 403, 'users make none');
    is($api->post('/projects', { project_name => 'ours' })->status, 201,
        'administrators do');
    ok(!exists $api->get('/systeminfo', as => undef)->json()
        ->{harbor_version}, 'the version is not for everybody');
    like($api->get('/systeminfo')->json()->{harbor_version}, qr/^v2\./,
        'but for who is logged in');
    ok($api->get('/systeminfo/volumes')->json()->{storage}[0]{total} > 0,
        'volumes');
};

subtest 'bodies' => sub {
    my $raw = sub { return $api->post('/projects', undef, raw => $_[0]) };
    is($raw->($_)->status, 400, 'body: ' . substr($_, 0, 20))
        for '', '{', '[]', '"x"', 'null', '{"project_name":1}',
        '{"project_name":"a1","project_name":"a2"}',
        '{"project_name":"a1"} x', "{\"project_name\":\"\xff\"}",
        '{"project_name":"a1","metadata":[]}',
        '{"project_name":"a1","metadata":{"public":true}}',
        '{"project_name":"a1","storage_limit":"x"}',
        ('[' x 100) . (']' x 100);
    my $r = $raw->('{"project_name":true}');
    is($r->json()->{errors}[0]{message}, 'project_name: string expected',
        'the member is named');
    is($raw->('{"project_name":"' . 'x' x 1_100_000 . '"}')->status, 413,
        'too large');
    is($api->get('/projects/a1')->status, 404, 'nothing was made');
    is($raw->('{"project_name":"a1","registry_id":null}')->status, 201,
        'null is missing');
};

subtest 'requests' => sub {
    my $id = sub { return $api->get('/ping', headers => [
        'X-Request-Id' => $_[0] ])->header('X-Request-Id') };
    is($id->('abc-123'), 'abc-123', 'X-Request-Id comes back');
    isnt($id->('x' x 200), 'x' x 200, 'but not a long one');
    isnt($id->('a b'), 'a b', 'or a strange one');
    is($api->request('POST', '/ping')->status, 405, 'method');
    is($api->request('POST', '/ping')->header('Allow'), 'GET, HEAD', 'Allow');
    is($api->get($_)->status, 404, $_) for '/none', '/projects/1/none',
        '/projects//members', '/api/v1.0/projects';
    is($api->get('/projects/%ff')->status, 400, 'not UTF-8');
    is($t->get('/api/v2.0/projects/a%00b')->status, 400, 'NUL: to nginx');
    is($t->get('/api/v2.0/../../etc/passwd')->status, 404, 'nor here');
    is($api->get('/projects/%2e%2e%2f')->status, 404, 'no path');
    is($api->get("/users/1'--")->status, 422, 'no SQL');
    my $token = $t->token('repository:pay/app:pull', 'admin');
    is($api->get('/users', auth => "Bearer $token")->status, 403,
        'a token gives no rights of the registry');
    is($api->get('/projects/pay/members', auth => "Bearer $token")->status,
        403, 'nor in a project');
    ok(!(grep { $_->{name} eq 'pay' } @{ $api->get('/projects',
        auth => "Bearer $token")->json() }), 'nor shows what is private');
    is($api->get('/projects', as => [ 'bob', 'wrong' ])->status, 401,
        'a wrong password is told');
    like($api->get('/openapi.yaml', as => undef)->body, qr/^openapi: 3\.0/m,
        'openapi.yaml');
};

$t->finish();
