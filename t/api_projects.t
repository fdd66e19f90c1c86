# The management API: projects, members, metadata, summary, search,
# statistics, quotas, labels, the log; and the conventions of all lists.

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

my %id = map { $_ => $api->add_user($_) } qw/ alice bob carol /;

subtest 'a project' => sub {
    my $r = $api->post('/projects', { project_name => 'pay', metadata =>
        { public => 'false', severity => 'high' }, unknown => 1 },
        as => 'alice');
    is($r->status, 201, 'made by a user');
    like($r->header('Location'), qr{^/api/v2\.0/projects/\d+$}, 'Location');
    is($r->body, '', 'no body');
    my $p = $api->get($r->header('Location'), as => 'alice')->json();
    is($p->{name}, 'pay', 'name');
    is($p->{owner_name}, 'alice', 'owner');
    is($p->{current_user_role_id}, 1, 'its projectAdmin');
    is_deeply($p->{metadata}, { public => 'false', severity => 'high' },
        'metadata');
    is($api->get("/projects/$p->{project_id}", as => 'alice',
        headers => ['X-Is-Resource-Name' => 'true'])->status, 403,
        'a number as a name');
    is($api->get('/projects/pay', as => 'bob')->status, 403, 'not for bob');
    is($api->get('/projects/pay', as => undef)->status, 401, 'nobody');

    $r = $api->post('/projects', { project_name => 'pay' });
    is($r->status, 409, 'twice');
    is($r->code, 'CONFLICT', 'code');
    is($api->post('/projects', { project_name => $_ })->status, 400,
        "no name: '$_'") for 'Pay', '', 'a/b', '-a', 'a' x 256;
    is($api->post('/projects', { project_name => 'x1', metadata =>
        { public => 'maybe' } })->status, 400, 'public');
    $r = $api->post('/projects', { project_name => 'named' },
        headers => ['X-Resource-Name-In-Location' => 'true']);
    is($r->header('Location'), '/api/v2.0/projects/named', 'by name');
    is($api->post('/projects', { project_name => 'x' }, as => undef)->status,
        401, 'not by nobody');
};

# Metadata that cannot be kept: nothing is done at all.
subtest 'all or nothing' => sub {
    my $long = { public => 'true', auto_scan => 'true', severity => 'x' x 5000,
        prevent_vul => 'true' };
    my $audit = sub { ($t->sql('SELECT count(*) AS n FROM audit
        WHERE resource_type = \'project\''))[0]{n} };
    my $n = $audit->();
    my $r = $api->post('/projects', { project_name => 'whole',
        metadata => $long });
    is($r->status, 400, 'made with a long value');
    like($r->body, qr/severity/, 'which is named');
    is($api->head('/projects?project_name=whole')->status, 404,
        'there is no project');
    $r = $api->put('/projects/pay', { metadata => $long }, as => 'alice');
    is($r->status, 400, 'changed to a long value');
    is_deeply($api->get('/projects/pay')->json()->{metadata},
        { public => 'false', severity => 'high' }, 'all is as it was');
    is($audit->(), $n, 'and nothing is in the log');

    $r = $api->put('/projects/pay', { metadata => { public => 'true',
        severity => 'low', auto_scan => 'true' } }, as => 'alice');
    is($r->status, 200, 'several at once');
    is_deeply($api->get('/projects/pay')->json()->{metadata},
        { public => 'true', severity => 'low', auto_scan => 'true' },
        'are kept');
    is($audit->(), $n + 1, 'one line in the log');
    like(($t->sql('SELECT description FROM audit
        WHERE resource_type = \'project\' ORDER BY id DESC LIMIT 1'))[0]
        {description}, qr/^public metadata (?=.*auto_scan).*severity/,
        'which says so');
    $api->put('/projects/pay', { metadata => { public => 'false',
        severity => 'high' } }, as => 'alice');
    $api->delete('/projects/pay/metadatas/auto_scan', as => 'alice');
};

subtest 'lists' => sub {
    $api->add_project("list-$_", $_ % 2) for 1 .. 25;
    my $r = $api->get('/projects?q=name%3D~list&page_size=10');
    is($r->status, 200, 'a page');
    is($r->header('X-Total-Count'), 25, 'X-Total-Count');
    is(scalar @{ $r->json() }, 10, 'page_size');
    is($r->header('Link'), '</api/v2.0/projects?page=2&page_size=10'
        . '&q=name%3D~list>; rel="next"', 'next');
    $r = $api->get('/projects?q=name%3D~list&page=2&page_size=10');
    like($r->header('Link'), qr{page=1&.*rel="prev" , <.*page=3&.*"next"$},
        'both');

    my ($page, @seen) = '/api/v2.0/projects?q=name%3D~list&page_size=4';
    while ($page) {
        $r = $api->get($page);
        push @seen, map { $_->{name} } @{ $r->json() };
        ($page) = ($r->header('Link') // '') =~ /<([^>]*)>; rel="next"/;
    }
    is(scalar @seen, 25, 'all, by following Link');
    is_deeply(\@seen, [ sort @seen ], 'by name');

    is($api->get('/projects?page=9&page_size=100')->header('X-Total-Count'),
        28, 'the total beyond the end');
    is(scalar @{ $api->get('/projects')->json() }, 10, '10 by default');
    is(scalar @{ $api->get('/projects?page_size=0')->json() }, 28, '0: all');
    for my $bad (qw/ page_size=101 page_size=-1 page_size=x page=0 page=x
        page_size=1&page_size=2 /)
    {
        is($api->get("/projects?$bad")->status, 422, $bad);
    }

    my $names = sub { return join ' ', map { $_->{name} }
        @{ $api->get("/projects?$_[0]", as => $_[1] // 'admin')->json() } };
    is($names->('q=name%3Dlist-1'), 'list-1', 'exact');
    is($names->("q=name%3D%7B'list-1'%20'list-3'%20none%7D"),
        'list-1 list-3', 'any of');
    is($names->('name=list-2&sort=-name&page_size=2'), 'list-25 list-24',
        'sorted');
    is($names->('name=list-2&sort=nothing,-name&page_size=1'), 'list-25',
        'unknown fields are ignored');
    is($names->('name=list-2&public=true'), 'list-21 list-23 list-25',
        'public');
    is($names->('name=list-2&public=false', 'bob'), '', 'private: not bob\'s');
    is($names->('owner=alice'), 'pay', 'owner');
    is($names->('q=name%3D~PAY'), '', 'case');
    is($names->('name=%25'), '', 'no wildcards');
    for my $bad ('name', 'name%3D', '%3Dx', 'name%3D[a', 'name%3D{a',
        'name%3D()', 'public%3D~true', 'owner%3D[a~b]', 'name%3D{%27a}')
    {
        is($api->get("/projects?q=$bad")->status, 400, "q=$bad");
    }

    is($api->head('/projects?project_name=pay')->status, 200, 'HEAD');
    is($api->head('/projects?project_name=none')->status, 404, 'no such');
    is($api->head('/projects?project_name=pay', as => 'bob')->status, 404,
        'private: not for bob');
};

subtest 'members' => sub {
    my $add = sub { return $api->post('/projects/pay/members', $_[0],
        as => $_[1] // 'alice') };
    my $r = $add->({ role_id => 2, member_user => { username => 'bob' } });
    is($r->status, 201, 'by name');
    my $bob = $api->made($r);
    is($add->({ role_id => 3, member_user => { username => 'bob' } })
        ->status, 409, 'twice');
    is($add->({ role_id => $_, member_user => { username => 'carol' } })
        ->status, 400, "role $_") for 0, 6, -1;
    is($add->({ role_id => 2, member_user => { username => 'none' } })
        ->status, 404, 'no such user');
    is($add->({ role_id => 2, member_group => { id => 1 } })->status, 400,
        'groups');
    is($add->({ role_id => 2, member_user => { user_id => $id{carol} } },
        'bob')->status, 403, 'not by a developer');
    $r = $add->({ role_id => 3, member_user => { user_id => $id{carol} } });
    is($r->status, 201, 'by id');
    my $carol = $api->made($r);

    my $list = $api->get('/projects/pay/members', as => 'bob');
    is($list->header('X-Total-Count'), 3, 'three');
    is_deeply([ map { "$_->{entity_name} $_->{role_name}" }
        @{ $list->json() } ], ['alice projectAdmin', 'bob developer',
        'carol guest'], 'by name');
    is(scalar @{ $api->get('/projects/pay/members?entityname=ca')->json() },
        1, 'entityname');

    is($api->put("/projects/pay/members/$carol", { role_id => 4 },
        as => 'alice')->status, 200, 'changed');
    is($api->get("/projects/pay/members/$carol")->json()->{role_name},
        'maintainer', 'a maintainer');
    is($api->get("/projects/library/members/$carol")->status, 404,
        'not in another project');
    is($api->delete("/projects/library/members/$carol")->status, 404,
        'nor removed through it');
    is($api->put("/projects/library/members/$carol", { role_id => 1 })
        ->status, 404, 'nor changed');
    is($api->delete("/projects/pay/members/$carol", as => 'alice')->status,
        200, 'removed');
    is($api->delete("/projects/pay/members/$_", as => 'alice')->status, 404,
        "not there: $_") for $carol, '0';
    is($api->delete("/projects/pay/members/$_", as => 'alice')->status, 422,
        "no id: $_") for 'x', '99999999999999999999';

    my $s = $api->get('/projects/pay/summary', as => 'bob')->json();
    is($s->{project_admin_count}, 1, 'summary: administrators');
    is($s->{developer_count}, 1, 'developers');
    is($s->{quota}{hard}{storage}, -1, 'quota');
    is($api->get('/projects/library/summary', as => undef)->json()
        ->{project_admin_count}, undef, 'not for anybody');
};

subtest 'metadata' => sub {
    my $u = '/projects/pay/metadatas';
    is_deeply($api->get("$u/")->json(), { public => 'false',
        severity => 'high' }, 'all');
    is($api->get("$u/", as => 'alice')->status, 403,
        'all: for administrators, as in Harbor');
    is_deeply($api->get("$u/severity", as => 'alice')->json(),
        { severity => 'high' }, 'one');
    is($api->get("$u/auto_scan", as => 'alice')->status, 404, 'not set');
    is($api->post("$u/", { auto_scan => 'true' }, as => 'alice')->status,
        200, 'added');
    is($api->post("$u/", { auto_scan => 'true' }, as => 'alice')->status,
        409, 'twice');
    is($api->post("$u/", { other => 'true' }, as => 'alice')->status, 400,
        'unknown');
    is($api->post("$u/", { auto_scan => 1 }, as => 'alice')->status, 400,
        'no string');
    is($api->put("$u/auto_scan", { auto_scan => 'false' }, as => 'alice')
        ->status, 200, 'changed');
    is($api->put("$u/auto_scan", { severity => 'low' }, as => 'alice')
        ->status, 400, 'another name');
    is($api->delete("$u/auto_scan", as => 'alice')->status, 200, 'removed');
    is($api->delete("$u/auto_scan", as => 'alice')->status, 404, 'twice');
    is($api->put("$u/public", { public => 'true' }, as => 'alice')->status,
        200, 'public');
    is($api->get('/projects/pay', as => undef)->status, 200, 'for nobody');
    is($api->put('/projects/pay', { metadata => { public => 'false' } },
        as => 'alice')->status, 200, 'private again');
    is($api->get('/projects/pay', as => undef)->status, 401, 'not any more');
};

subtest 'deletion' => sub {
    $t->push_image('pay/app', 'v1');
    my $d = $api->get('/projects/pay/_deletable', as => 'alice')->json();
    ok(!$d->{deletable}, 'not while it has repositories');
    like($d->{message}, qr/repositor/, 'says why');
    my $r = $api->delete('/projects/pay', as => 'alice');
    is($r->status, 412, 'refused');
    is($r->code, 'PRECONDITION', 'code');
    is($api->delete('/projects/pay', as => 'bob')->status, 403,
        'not by a developer');
    is($api->delete('/projects/pay/repositories/app', as => 'alice')->status,
        200, 'the repository first');
    ok($api->get('/projects/pay/_deletable', as => 'alice')->json()
        ->{deletable}, 'now it is');
    is($api->delete('/projects/pay', as => 'alice')->status, 200, 'deleted');
    is($api->get('/projects/pay')->status, 404, 'gone');
    is($api->get('/projects/pay', as => 'alice')->status, 403,
        'as if it had never been');
    is($api->made($api->post('/projects', { project_name => 'pay' },
        as => 'bob')) > 0, 1, 'the name is free');
    is($api->get('/projects/pay/members', as => 'alice')->status, 403,
        'its members are not the old ones');
    is($api->get('/projects/pay/repositories', as => 'bob')
        ->header('X-Total-Count'), 0, 'nor its repositories');
};

subtest 'search and statistics' => sub {
    $t->push_image('list-2/hidden', 'v1');
    $t->push_image('list-1/shown', 'v1');
    my $find = sub {
        my $j = $api->get("/search?q=$_[0]", as => $_[1])->json();
        return join ' ', (map { $_->{name} } @{ $j->{project} }), '/',
            map { $_->{repository_name} } @{ $j->{repository} };
    };
    is($find->('hidden', 'admin'), '/ list-2/hidden', 'the administrator');
    is($find->('hidden', 'bob'), '/', 'private: not bob');
    is($find->('hidden', undef), '/', 'nor nobody');
    is($find->('shown', undef), '/ list-1/shown', 'public');
    is($find->('list-2', undef), 'list-21 list-23 list-25 /',
        'public projects only');
    is($find->('%25', 'admin'), '/', 'no wildcards');
    is($api->get('/search?q=pay')->json()->{project}[0]
        {current_user_role_id}, 1, 'an administrator is one everywhere');
    is($api->get('/search?q=list-1', as => 'bob')->json()->{project}[0]
        {current_user_role_id}, 0, 'others are what they are');

    my $s = $api->get('/statistics')->json();
    is($s->{total_project_count}, 28, 'projects');
    is($s->{total_repo_count}, 2, 'repositories');
    is($s->{private_repo_count}, 1, 'private ones');
    $s = $api->get('/statistics', as => 'bob')->json();
    is($s->{private_project_count}, 1, 'bob has one');
    is($s->{private_repo_count}, 0, 'with nothing in it');
    is($s->{public_repo_count}, 1, 'and sees the public one');
    is($s->{total_repo_count}, undef, 'no totals');
};

# One answer everywhere: what a list shows can be read.
subtest 'a robot sees the projects in which it may do something' => sub {
    my $robot = sub {
        my ($name, $level, $namespace, $resource, $kind) = @_;
        my $r = $api->post('/robots', { name => $name, level => $level,
            duration => -1, permissions => [ { kind => $kind // 'project',
            namespace => $namespace, access => [ { resource => $resource,
                action => 'list' } ] } ] })->json();
        return [ $r->{name}, $r->{secret} ];
    };
    my $sees = sub {
        my ($as, $name) = @_;
        my $private = $api->get('/statistics', as => $as)->json()
            ->{private_project_count};
        return join ' ', $api->get("/projects/$name", as => $as)->status,
            $api->get("/projects/$name/summary", as => $as)->status,
            $api->head("/projects?project_name=$name", as => $as)->status,
            scalar @{ $api->get("/projects?q=name%3D$name", as => $as)
                ->json() },
            scalar(grep { $_->{name} eq $name } @{ $api->get(
                "/search?q=$name", as => $as)->json()->{project} }),
            $private > 0 ? 1 : 0;
    };
    my $label = $robot->('label', 'project', 'pay', 'label');
    is($sees->($label, 'pay'), '200 200 200 1 1 1', 'a right in it');
    is($sees->($label, 'list-2'), '403 403 404 0 0 1', 'none in that one');
    is($api->get('/projects/pay/members', as => $label)->status, 403,
        'no other right comes with it');
    is($sees->($robot->('every', 'system', '*', 'label'), 'list-2'),
        '200 200 200 1 1 1', 'a right in every project');
    is($sees->($robot->('none', 'system', '/', 'user', 'system'), 'pay'),
        '403 403 404 0 0 0', 'one of the registry');
};

subtest 'quotas' => sub {
    my ($p) = @{ $api->get('/projects?q=name%3Dpay')->json() };
    my $q = $api->get("/quotas?reference=project&reference_id="
        . $p->{project_id});
    is($q->header('X-Total-Count'), 1, 'of one project');
    is($q->json()->[0]{ref}{name}, 'pay', 'it is that');
    is($api->put("/quotas/$p->{project_id}", { hard =>
        { storage => 1_000_000 } })->status, 200, 'set');
    is($api->get("/quotas/$p->{project_id}")->json()->{hard}{storage},
        1_000_000, 'kept');
    is($api->put("/quotas/$p->{project_id}", { hard => { storage => $_ } })
        ->status, 400, "not $_") for 0, -2, '"1"';
    is($api->get('/quotas/999999')->status, 404, 'no such');
};

subtest 'labels' => sub {
    my $pay = $api->get('/projects?q=name%3Dpay')->json()->[0]{project_id};
    my $g = $api->made($api->post('/labels', { name => 'prod', scope => 'g',
        color => '#ff0000', description => 'd' }));
    is($api->post('/labels', { name => 'prod', scope => 'g' })->status, 409,
        'twice');
    my $p = $api->made($api->post('/labels', { name => 'prod', scope => 'p',
        project_id => $pay }, as => 'bob'));
    is($api->post('/labels', { name => 'x', scope => 'p', project_id =>
        $pay }, as => 'carol')->status, 403, 'not by a stranger');
    is($api->post('/labels', $_)->status, 400, 'bad') for { name => 'x' },
        { name => 'x', scope => 'p' }, { scope => 'g' },
        { name => 'x' x 129, scope => 'g' };
    is_deeply([ map { $_->{id} } @{ $api->get('/labels?scope=g')->json() } ],
        [$g], 'global ones');
    is_deeply([ map { $_->{id} } @{ $api->get("/labels?scope=p&project_id="
        . $pay, as => 'bob')->json() } ], [$p], 'those of the project');
    is($api->get('/labels')->status, 400, 'scope is needed');
    is($api->get("/labels/$p", as => 'carol')->status, 403, 'private');
    is($api->get('/labels/99999', as => 'carol')->status, 403,
        'looks the same as none');
    is($api->put("/labels/$p", { name => 'test' }, as => 'bob')->status, 200,
        'renamed');
    is($api->get("/labels/$p", as => 'bob')->json()->{name}, 'test', 'so');
    is($api->delete("/labels/$g", as => 'bob')->status, 403,
        'a global one: not by a user');
    is($api->delete("/labels/$p", as => 'bob')->status, 200, 'deleted');
    is($api->delete("/labels/$p")->status, 404, 'twice');
};

subtest 'the log' => sub {
    my $all = $api->get('/auditlog-exts?page_size=100');
    is($all->status, 200, 'all');
    my @did = map { "$_->{username} $_->{operation} $_->{resource_type} "
        . $_->{resource} } @{ $all->json() };
    for my $line ('alice create project pay', 'alice delete project pay',
        'alice delete repository pay/app', 'admin create label prod',
        'bob delete label test', 'admin create artifact pay/app:v1')
    {
        ok((grep { $_ eq $line } @did), $line);
    }
    my ($e) = grep { $_->{operation} eq 'delete'
        && $_->{resource_type} eq 'project' } @{ $all->json() };
    is($e->{client_ip}, '127.0.0.1', 'from where');
    ok($e->{operation_result}, 'with which result');

    my $q = $api->get('/auditlog-exts?q=operation%3Ddelete%2C'
        . 'resource_type%3Dproject')->json();
    is(scalar @$q, 1, 'filtered');
    is(scalar @{ $api->get('/auditlog-exts?q=op_time%3D['
        . '2001-01-01T00:00:00~2001-01-02%2000:00:00]')->json() }, 0,
        'by time');
    is($api->get('/auditlog-exts?q=op_time%3D[yesterday~]')->status, 400,
        'a bad time');

    $q = $api->get('/auditlog-exts?page_size=100', as => 'bob')->json();
    ok(!(grep { $_->{resource} =~ /^list-/ } @$q), 'bob: only his project');
    ok((grep { $_->{resource} eq 'test' } @$q), 'his own');
    is(scalar @{ $api->get('/auditlog-exts', as => 'carol')->json() }, 0,
        'carol: nothing');
    is($api->get('/projects/pay/auditlog-exts', as => 'bob')->status, 200,
        'of the project');
    is($api->get('/projects/pay/logs', as => 'bob')->json()->[0]
        {operation_result}, undef, 'in the old shape');
    is($api->get('/audit-logs')->status, 200, 'of all');
    is($api->get('/auditlog-exts/events')->json()->[0]{event_type},
        'create_artifact', 'events');
};

$t->finish();
