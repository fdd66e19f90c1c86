# Lists of the management API: which rows q picks and sort orders. A key that a
# list does not know is refused: who deletes what it found must not be shown
# everything.

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

my %user = map { $_ => $api->add_user($_) } qw/ alice bob /;
my $pay = $api->made($api->post('/projects', { project_name => 'pay' },
    as => 'alice'));
my $web = $api->made($api->post('/projects', { project_name => 'web' },
    as => 'bob'));
my $image = $t->push_image('pay/app', 'v1', layers => ['one', 'shared']);
$t->push_image('pay/app', $_) for qw/ v2 v3 /;
$t->push_image('pay/db', 'v1', layers => ['two']);
$t->push_image('web/site', 'v1', layers => ['three', 'shared']);

# The values of a member, of the rows of a list.
sub rows {
    my ($path, $member, @as) = @_;
    my $r = $api->get($path, @as);
    return 'status ' . $r->status if $r->status != 200;
    my @all = map { $_->{$member} // 'none' } @{ $r->json() };
    return 'total ' . $r->header('X-Total-Count')
        if $path !~ /page=/ && $r->header('X-Total-Count') != @all;
    return join ' ', @all;
}

sub q_ {
    my ($q) = @_;
    $q =~ s/([^A-Za-z0-9])/sprintf '%%%02X', ord $1/ge;
    return "?q=$q";
}

my $app = '/projects/pay/repositories/app/artifacts';

subtest 'a key that the list does not know' => sub {
    for my $list ('/projects', '/users', '/repositories', $app,
        '/projects/pay/repositories', '/robots', '/labels?scope=g',
        '/audit-logs', '/auditlog-exts', '/projects/pay/logs',
        '/projects/pay/auditlog-exts', "$app/v1/tags", "$app/v1/accessories",
        '/projects/pay/artifacts')
    {
        (my $q = q_('nothing=1')) =~ s/^\?/&/ if $list =~ /\?/;
        $q //= q_('nothing=1');
        my $r = $api->get($list . $q);
        is($r->status, 400, $list);
        is($r->code, 'BAD_REQUEST', 'code') if $r->status == 400;
    }
    for my $both ('/projects?name=b&q=name%3D~a', '/projects?public=true&'
        . 'q=public%3Dfalse', '/projects?owner=bob&q=owner%3Dalice',
        '/labels?scope=g&name=b&q=name%3D~a')
    {
        is($api->get($both)->status, 400, "in q, too: $both");
    }
    for my $row ('/projects creation_time=[2001-01-01~]', '/users realname=x',
        '/projects name=pay,nme=x', '/projects name=pay,name=web',
        "$app size=[1~2]", "$app artifact_type=x", '/robots level=project',
        '/robots ProjectID=1', '/auditlog-exts project_id=2',
        '/users user_id=x', '/projects project_id={1 2}')
    {
        my ($list, $q) = split / /, $row, 2;
        is($api->get($list . q_($q))->status, 400, $row);
    }
};

subtest 'projects' => sub {
    is(rows('/projects' . q_("project_id=$web"), 'name'), 'web', 'by id');
    is(rows('/projects' . q_('project_id=0'), 'name'), '', 'no id');
    is(rows('/projects' . q_("project_id=$web"), 'name', as => 'alice'), '',
        'not seen');
    is(rows('/projects' . q_("project_id=$web,name=pay"), 'name'), '',
        'both');
    is(rows('/projects' . q_("project_id=$web,name={pay web}"), 'name'),
        'web', 'both, any of');
    is(rows('/projects' . q_("owner_id=$user{alice}"), 'name'), 'pay',
        'by owner_id');
    is(rows('/projects' . q_("owner_id=$user{alice}"), 'name',
        as => 'bob'), '', 'not seen');
    is(rows('/projects' . q_("owner_id=$user{bob},name={pay web}"), 'name'),
        'web', 'and by name');
    is(rows('/projects' . q_('owner_id=0'), 'name'), '', 'of nobody');
};

subtest 'users' => sub {
    is(rows('/users' . q_("user_id=$user{bob}"), 'username'), 'bob', 'by id');
    is(rows('/users' . q_("user_id=$user{bob},username=alice"), 'username'),
        '', 'both');
    is(rows('/users' . q_('user_id=0'), 'username'), '', 'no id');
};

subtest 'repositories' => sub {
    my ($id) = map { $_->{id} } grep { $_->{name} eq 'pay/app' }
        @{ $api->get('/repositories')->json() };
    for my $all ('/repositories', '/projects/pay/repositories') {
        my $q = sub { return rows($all . q_($_[0]), 'name', @_[1 .. $#_]) };
        is($q->('name={pay/app pay/db none}'), 'pay/app pay/db', 'any of');
        is($q->("repository_id=$id"), 'pay/app', 'by id');
        is($q->("repository_id=$id,name=pay/db"), '', 'both');
        is($q->('repository_id=0'), '', 'no id');
        is($q->("project_id=$pay"), 'pay/app pay/db', 'by project');
        is($q->("project_id=$pay,name=~app"), 'pay/app', 'and by name');
        is($q->("project_id=$pay", as => 'alice'), 'pay/app pay/db',
            'of a member');
        is($q->('project_id=0'), '', 'no project');
        is($q->("blob_digest=" . sha256('shared') . ',name=pay/db'), '',
            'blob and name');
    }
    is(rows('/repositories' . q_("project_id=$pay"), 'name', as => 'bob'), '',
        'not seen');
    is(rows('/projects/pay/repositories' . q_("project_id=$web"), 'name'), '',
        'another project');
    my $blob = q_('blob_digest=' . sha256('shared'));
    is(rows("/repositories$blob", 'name'), 'pay/app web/site', 'by blob');
    is(rows("/projects/pay/repositories$blob", 'name', as => 'alice'),
        'pay/app', 'a blob in this project only');
    is(rows('/repositories' . q_('name={pay/app web/site}'), 'name',
        as => 'bob'), 'web/site', 'any of what is seen');
};

subtest 'artifacts' => sub {
    my ($one) = grep { $_->{digest} eq $image->{digest} }
        @{ $api->get($app)->json() };
    is(rows($app . q_("id=$one->{id}"), 'digest'), $image->{digest}, 'by id');
    is(rows($app . q_("id=$one->{id},tags=v2"), 'digest'), '', 'and by tag');
    is(rows($app . q_('id=0'), 'digest'), '', 'no id');
    is(rows("/projects/pay/repositories/db/artifacts" . q_("id=$one->{id}"),
        'digest'), '', 'of another repository');
};

subtest 'the log' => sub {
    for my $all ('/auditlog-exts', '/projects/pay/auditlog-exts') {
        my $made = rows($all . q_('operation=create,resource_type=project,'
            . 'resource=pay'), 'resource');
        is($made, 'pay', 'exact');
        is(rows($all . q_('operation=~creat,resource_type=~oject,'
            . 'resource=pay'), 'resource'), 'pay', 'a part');
        is(rows($all . q_('operation={create delete},resource_type={project '
            . 'user},resource=pay'), 'resource'), 'pay', 'any of');
        is(rows($all . q_('operation={delete update},resource=pay'),
            'resource'), '', 'none of');
    }
    my $by = sub { return rows("/auditlog-exts?page_size=$_[0]&sort=$_[1]"
        . ($_[2] // ''), 'id', @_[3 .. $#_]) };
    for my $as ('admin', 'alice') {
        my @down = split / /, $by->(100, '-op_time', '', as => $as);
        cmp_ok(scalar @down, '>', 4, "$as: entries");
        is_deeply(\@down, [ sort { $b <=> $a } @down ], 'newest first');
        is($by->(100, 'op_time', '', as => $as), join(' ', reverse @down),
            'oldest first');
        is($by->(100, 'id', '', as => $as), join(' ', reverse @down), 'id');
        is($by->(100, 'nothing', '', as => $as), "@down", 'by default');
        my $like = '&q=operation%3Dcreate';
        is($by->(100, 'op_time', $like, as => $as), join(' ', reverse split
            / /, $by->(100, '-op_time', $like, as => $as)), 'filtered');
        my @up = reverse @down;
        is($by->(2, 'op_time', '&page=2', as => $as), "@up[2, 3]", 'a page');
    }
    my @p = split / /, rows('/projects/pay/auditlog-exts?page_size=100', 'id');
    is(rows('/projects/pay/auditlog-exts?page_size=100&sort=op_time', 'id'),
        join(' ', reverse @p), 'of a project');
    is(rows('/projects/pay/logs?page_size=100&sort=op_time', 'id'),
        join(' ', reverse @p), 'in the old shape');
};

subtest 'robots' => sub {
    my $add = sub {
        my ($name, $level) = @_;
        return $api->made($api->post('/robots', { name => $name,
            level => $level, duration => 9, permissions => [ $level eq
            'project' ? { kind => 'project', namespace => 'pay', access =>
            [{ resource => 'repository', action => 'pull' }] }
            : { kind => 'project', namespace => '*', access =>
            [{ resource => 'repository', action => 'pull' }] } ] }));
    };
    $add->($_, 'project') for qw/ lbl abc ci /;
    $add->($_, 'system') for qw/ lbl zz /;
    my $of = "?q=Level%3Dproject%2CProjectID%3D$pay";
    my $exact = sub { return rows("/robots$of%2Cname%3D$_[0]", 'name') };
    my $pre = 'robot$';
    is($exact->('robot%2524pay%252Blbl'), $pre . 'pay+lbl', 'the whole name');
    is($exact->('pay%252Blbl'), $pre . 'pay+lbl', 'without the prefix');
    is($exact->('lbl'), $pre . 'pay+lbl', 'the short name');
    is($exact->('lb'), '', 'not a part of it');
    is($exact->('~lb'), $pre . 'pay+lbl', 'a part');
    is($exact->('~robo'), '', 'not of the prefix');
    is($exact->('~robot%2524pay%252Bl'), $pre . 'pay+lbl', 'with it');
    is(rows('/robots' . q_('name=lbl'), 'name'), $pre . 'lbl',
        'of the system');
    is(rows("/robots$of&sort=name", 'name'), join(' ', map { $pre . "pay+$_" }
        qw/ abc ci lbl /), 'by name');
    is(rows("/robots$of&sort=-name", 'name'), join(' ', map { $pre
        . "pay+$_" } qw/ lbl ci abc /), 'descending');
    is(rows("/robots$of&sort=-creation_time", 'name'), join(' ', map { $pre
        . "pay+$_" } qw/ ci abc lbl /), 'newest first');
    is(rows("/robots$of&sort=-id", 'name'), join(' ', map { $pre . "pay+$_" }
        qw/ ci abc lbl /), 'by id');
    is(rows("/robots$of%2Cname%3D~b&sort=-id", 'name'), join(' ', map { $pre
        . "pay+$_" } qw/ abc lbl /), 'filtered');
};

subtest 'labels' => sub {
    $api->made($api->post('/labels', { name => $_, scope => 'g' }))
        for qw/ b c a ab /;
    my $l = sub { return rows("/labels?scope=g$_[0]", 'name') };
    is($l->(''), 'a ab b c', 'by name');
    is($l->('&sort=-name'), 'c b ab a', 'descending');
    is($l->('&sort=creation_time'), 'b c a ab', 'as they were made');
    is($l->('&sort=-id'), 'ab a c b', 'newest first');
    is($l->('&sort=-id&page=2&page_size=3'), 'b', 'a page');
    is($l->('&name=a&sort=-name'), 'ab a', 'a part of the name');
    is($l->('&q=name%3Da'), 'a', 'exact');
    is($l->('&q=name%3D~a'), 'a ab', 'fuzzy');
};

subtest 'tags' => sub {
    my $digest = $image->{digest};
    $api->post("$app/$digest/tags", { name => $_ }) for qw/ x a m /;
    my $tags = sub { return rows("$app/$digest/tags?$_[0]", 'name') };
    is($tags->(''), 'a m v1 x', 'by name');
    is($tags->('sort=-name'), 'x v1 m a', 'descending');
    is($tags->('sort=-name&q=name%3D~1'), 'v1', 'filtered');
    my $page = $api->get("$app/$digest/tags?sort=-name&page=2&page_size=3");
    is_deeply([ map { $_->{name} } @{ $page->json() } ], ['a'], 'a page');
};

subtest 'quotas' => sub {
    my $q = sub { return join ' ', map { $_->{ref}{name} }
        @{ $api->get("/quotas?sort=$_[0]")->json() } };
    is($q->('id'), 'library pay web', 'by id');
    is($q->('-creation_time'), 'web pay library', 'newest first');
    is($api->put("/quotas/$web", { hard => { storage => 1 << 30 } })->status,
        200, 'a limit');
    is($q->('-hard.storage'), 'web pay library', 'by limit');
    is($q->('used.storage'), 'library web pay', 'by use');
    is($q->('-used.storage'), 'pay web library', 'most first');
};

$t->finish();
