# The management API: repositories, artifacts, tags, accessories, copies,
# labels on artifacts.

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

my $index_type = 'application/vnd.oci.image.index.v1+json';
my $image_type = 'application/vnd.oci.image.manifest.v1+json';
my $r = '/projects/library/repositories/team%252Fapp';
my $repo = 'library/team/app';

my $one = $t->push_image($repo, 'v1', layers => ['one' x 100], config => {
    architecture => 'arm64', os => 'linux', created => '2020-01-01T00:00:00Z',
    author => 'me', config => { Env => ['A=b'] },
    history => [ { created_by => 'RUN x' } ],
    rootfs => { type => 'layers', diff_ids => [] } });
$t->push_manifest($repo, 'latest', $one->{bytes});
my $two = $t->push_image($repo, 'v2');

subtest 'repositories' => sub {
    my $l = $api->get('/projects/library/repositories');
    is($l->header('X-Total-Count'), 1, 'one');
    is($l->json()->[0]{name}, $repo, 'with its project');
    is($l->json()->[0]{artifact_count}, 2, 'artifacts');
    for my $name ('team%252Fapp', 'team%2Fapp') {
        is($api->get("/projects/library/repositories/$name")->status, 200,
            $name);
    }
    is($api->get('/projects/library/repositories/team/app')->status, 404,
        'not as two components');
    is($api->put($r, { description => "two\nlines" })->status, 200,
        'described');
    is($api->get($r)->json()->{description}, "two\nlines", 'so');
    is($api->put($r, { description => 1 })->status, 400, 'a number');
    is($api->put($r, { description => 'x' x 20_000 })->status, 400, 'long');
    is($api->get('/projects/library/repositories/none')->status, 404,
        'no such');
    is($api->get('/projects/library/repositories/..%252Fapp')->status, 400,
        'no name');
    $t->push_image('library/other', 'v1');
    is_deeply([ map { $_->{name} } @{ $api->get(
        '/projects/library/repositories?q=name%3D~team')->json() } ],
        [$repo], 'by name');
    is_deeply([ map { $_->{name} } @{ $api->get(
        '/projects/library/repositories?sort=-name')->json() } ],
        [$repo, 'library/other'], 'sorted');
    my $layer = sha256('one' x 100);
    is_deeply([ map { $_->{name} } @{ $api->get(
        "/repositories?q=blob_digest%3D$layer")->json() } ], [$repo],
        'by blob');
    is(scalar @{ $api->get("/repositories", as => undef)->json() }, 2,
        'public: for anybody');

    $api->add_project('hidden');
    $api->add_user('outsider');
    $t->push_image('hidden/app', 'v1', layers => ['h' x 100]);
    my $find = sub {
        my ($query, $as) = @_;
        my $l = $api->get("/repositories$query", as => $as);
        return join ' ', $l->header('X-Total-Count'),
            map { $_->{name} } @{ $l->json() };
    };
    my $blob = '?q=blob_digest%3D' . sha256('h' x 100);
    is($find->($blob, 'admin'), '1 hidden/app', 'private: an administrator');
    for my $as ('outsider', undef) {
        my $who = $as // 'nobody';
        is($find->('?q=name%3D~hidden', $as), '0', "private: not $who");
        is($find->($blob, $as), '0', 'nor by what is in it');
        is($find->('?sort=-name', $as), "2 $repo library/other",
            'nor in the total');
    }
};

subtest 'artifacts' => sub {
    my $l = $api->get("$r/artifacts");
    is($l->header('X-Total-Count'), 2, 'two');
    my ($b, $a) = @{ $l->json() };
    is($a->{digest}, $one->{digest}, 'the newest first');
    is($a->{type}, 'IMAGE', 'type');
    is($a->{repository_name}, $repo, 'repository');
    is($a->{size}, length($one->{bytes}) + length($one->{config}) + 300,
        'size');
    is_deeply([ sort map { $_->{name} } @{ $a->{tags} } ],
        ['latest', 'v1'], 'tags');
    ok(!exists $a->{labels}, 'no labels unless asked for');
    is($api->get("$r/artifacts?with_tag=false")->json()->[0]{tags}, undef,
        'without tags');

    for my $ref ('v1', $one->{digest}, $one->{digest} =~ s/:/%3A/r) {
        my $x = $api->get("$r/artifacts/$ref");
        is($x->status, 200, $ref);
        is($x->json()->{digest}, $one->{digest}, 'it');
    }
    my $x = $api->get("$r/artifacts/v1?with_label=true&with_accessory=true")
        ->json();
    is($x->{extra_attrs}{architecture}, 'arm64', 'from the config');
    is_deeply($x->{extra_attrs}{config}, { Env => ['A=b'] }, 'all of it');
    is($x->{labels}, undef, 'no labels');
    is($x->{accessories}, undef, 'no accessories');
    my $h = $api->get($x->{addition_links}{build_history}{href});
    is_deeply($h->json(), [ { created_by => 'RUN x' } ], 'build history');
    is_deeply($api->get("$r/artifacts/v1/additions/vulnerabilities")->json(),
        {}, 'no scanner');
    is($api->get("$r/artifacts/v1/additions/none")->status, 404,
        'no such addition');
    is($api->get("$r/artifacts/$_")->status, 404, "not there: $_")
        for 'none', 'sha256:' . '0' x 64, 'sha256:x', '.bad';
    is($api->get("$r/artifacts?with_tag=maybe")->status, 422, 'no boolean');

    my $q = sub { return join ' ', sort map { $_->{digest} }
        @{ $api->get("$r/artifacts?$_[0]")->json() } };
    is($q->('q=tags%3Dv1'), $one->{digest}, 'by tag');
    is($q->('q=tags%3D~v'), join(' ', sort $one->{digest}, $two->{digest}),
        'by part of a tag');
    is($q->('q=tags%3Dnil'), '', 'untagged');
    is($q->("q=digest%3D$two->{digest}"), $two->{digest}, 'by digest');
    is($q->('q=type%3DCHART'), '', 'by type');
    is($q->('q=type%3DIMAGE%2Ctags%3Dlatest'), $one->{digest}, 'both');
    is($q->('q=push_time%3D[2001-01-01T00:00:00~2001-01-02T00:00:00]'), '',
        'by time');
    is($api->get("$r/artifacts?sort=push_time")->json()->[0]{digest},
        $one->{digest}, 'the oldest first');
    is($api->get("$r/artifacts?sort=-size&page_size=1")->json()->[0]{digest},
        length $one->{bytes} >= length $two->{bytes} ? $one->{digest}
        : $two->{digest}, 'by size');
};

subtest 'an index' => sub {
    my @child = map { $t->push_image('library/multi', undef, layers => [$_])
        } 'a', 'b';
    my $index = { schemaVersion => 2, mediaType => $index_type, manifests =>
        [ map { { %{ $t->descriptor($image_type, $child[$_]{bytes}) },
            platform => { os => 'linux', architecture => "m$_" } } } 0, 1 ] };
    my $m = '/projects/library/repositories/multi';
    is($api->get("$m/artifacts")->header('X-Total-Count'), 2, 'two images');
    my $digest = $t->push_manifest('library/multi', 'v1', $index);
    my $l = $api->get("$m/artifacts");
    is($l->header('X-Total-Count'), 1, 'children are not listed');
    my $a = $l->json()->[0];
    is($a->{digest}, $digest, 'the index is');
    is($a->{references}[1]{platform}{architecture}, 'm1', 'references');
    is($a->{references}[0]{child_digest}, $child[0]{digest}, 'a child');
    is($api->get("$m/artifacts/$child[0]{digest}")->json()->{id},
        $a->{references}[0]{child_id}, 'which can be got');
    is($api->get("$m/artifacts?q=base%3D*")->header('X-Total-Count'), 3,
        'with children');
    $t->push_manifest('library/multi', 'child', $child[0]{bytes});
    is($api->get("$m/artifacts")->header('X-Total-Count'), 2,
        'a child with a tag is listed');

    my $d = $api->delete("$m/artifacts/$child[1]{digest}");
    is($d->status, 412, 'a child is not deleted');
    is($d->code, 'VIOLATE_FOREIGN_KEY_CONSTRAINT', 'code');
    is($api->delete("$m/artifacts/v1")->status, 200, 'the index is');
    is($api->get("$m/artifacts/$child[1]{digest}")->status, 404,
        'with the child that nothing else needs');
    is($api->get("$m/artifacts/child")->status, 200, 'not with the other');
    is($t->get("/v2/library/multi/manifests/$digest", auth => 'admin')
        ->status, 404, 'gone below /v2 as well');
    is($api->get("$m/artifacts")->header('X-Total-Count'), 1, 'one is left');
};

subtest 'tags' => sub {
    my $u = "$r/artifacts/$two->{digest}/tags";
    my $c = $api->post($u, { name => 'stable' });
    is($c->status, 201, 'made');
    is($c->header('Location'), undef, 'no Location, as in Harbor');
    is($t->head("/v2/$repo/manifests/stable", auth => 'admin')
        ->header('Docker-Content-Digest'), $two->{digest}, 'it pulls');
    is($api->post($u, { name => 'stable' })->status, 409, 'twice');
    is($api->post($u, { name => 'v1' })->status, 409,
        'not away from another artifact');
    is($api->post($u, $_)->status, 400, 'bad') for {}, { name => '' },
        { name => '.x' }, { name => 'a/b' }, { name => 1 },
        { name => 'x' x 129 };
    is_deeply([ map { $_->{name} } @{ $api->get($u)->json() } ],
        ['stable', 'v2'], 'listed');
    is($api->get("$u?q=name%3D~sta")->header('X-Total-Count'), 1, 'filtered');
    is($api->delete("$r/artifacts/v1/tags/stable")->status, 404,
        'not a tag of that one');
    is($api->delete("$u/stable")->status, 200, 'removed');
    is($api->delete("$u/stable")->status, 404, 'twice');
    is($api->get("$r/artifacts/$two->{digest}")->status, 200,
        'the artifact stays');
    is($t->get("/v2/$repo/manifests/stable", auth => 'admin')->status, 404,
        'the tag does not');
    my ($row) = $t->sql("SELECT digest FROM change
        WHERE reference = 'stable'");
    is($row->{digest}, undef, 'a tombstone in the change log');

    # As a Harbor peer removes the last tag.
    is($api->delete("$r/artifacts/v2/tags/v2")->status, 200, 'the last one');
    my ($a) = grep { $_->{digest} eq $two->{digest} }
        @{ $api->get("$r/artifacts")->json() };
    ok($a, 'untagged, and still listed');
    is($a->{tags}, undef, 'without tags');
    is($api->get("$r/artifacts?q=tags%3Dnil")->header('X-Total-Count'), 1,
        'as untagged');
};

subtest 'accessories' => sub {
    my $subject = { mediaType => $image_type, digest => $one->{digest},
        size => length $one->{bytes} };
    my $sig = $t->push_image($repo, undef, layers => ['signature'],
        manifest => { subject => $subject, artifactType =>
            'application/vnd.dev.cosign.artifact.sig.v1+json' });
    is($api->get("$r/artifacts")->header('X-Total-Count'), 2,
        'they are not listed');
    my $l = $api->get("$r/artifacts/v1/accessories");
    is($l->header('X-Total-Count'), 1, 'but there');
    is($l->json()->[0]{type}, 'signature.cosign', 'type');
    is($l->json()->[0]{subject_artifact_digest}, $one->{digest}, 'subject');
    is($api->get("$r/artifacts/v1?with_accessory=true")->json()
        ->{accessories}[0]{digest}, $sig->{digest}, 'with the artifact');
};

subtest 'copies' => sub {
    $api->add_project('stage', 0);
    $api->add_user($_) for qw/ dev guest /;
    $api->add_members('stage', dev => 2, guest => 3);
    my $u = '/projects/stage/repositories/x%252Fapp/artifacts';
    my $c = $api->post("$u?from=$repo:v1", undef, as => 'dev');
    is($c->status, 201, 'copied by a developer from a public project');
    is($c->header('Location'), "/api/v2.0$u/$one->{digest}",
        'Location');
    is($api->get($c->header('Location'), as => 'dev')->status, 200, 'is it');
    my $a = $api->get("$u/v1", as => 'dev')->json();
    is($a->{digest}, $one->{digest}, 'with its tag');
    is($t->get('/v2/stage/x/app/blobs/' . sha256('one' x 100),
        auth => 'admin')->body, 'one' x 100, 'with its bytes');
    is($api->get("$u/v1/accessories", as => 'dev')->header('X-Total-Count'),
        1, 'with its signature');
    is($api->post("$u?from=$repo:v1", undef, as => 'dev')->status, 201,
        'twice is once');
    is($api->post("$u?from=$repo\@$two->{digest}", undef, as => 'dev')
        ->status, 201, 'by digest');
    is($api->post("$u?from=$repo:v1", undef, as => 'guest')->status, 403,
        'not by a guest');
    is($api->post("$u?from=$repo:none")->status, 404, 'no such');
    is($api->post("$u?from=$_")->status, 400, "from=$_")
        for '', 'x', 'library/app', 'app:v1', '@', ':v1';
    $api->add_project('secret', 0);
    $t->push_image('secret/app', 'v1');
    is($api->post("$u?from=secret/app:v1", undef, as => 'dev')->status, 403,
        'not from what one may not read');
    is($api->post("$u?from=none/app:v1", undef, as => 'dev')->status, 403,
        'and what does not exist looks the same');
    is($api->get('/projects/stage/repositories', as => 'dev')
        ->header('X-Total-Count'), 1, 'nothing was made by these');
};

subtest 'labels' => sub {
    my $label = $api->made($api->post('/labels', { name => 'ok',
        scope => 'g' }));
    my $u = "$r/artifacts/v1/labels";
    is($api->post($u, { id => $label })->status, 200, 'put on');
    is($api->post($u, { id => $label })->status, 409, 'twice');
    is($api->post($u, { id => 99999 })->status, 404, 'no such');
    is($api->post($u, { id => "$label" })->status, 400, 'a string');
    my $stage = $api->get('/projects/stage')->json()->{project_id};
    my $other = $api->made($api->post('/labels', { name => 'theirs',
        scope => 'p', project_id => $stage }));
    is($api->post($u, { id => $other })->status, 404,
        'not one of another project');
    is($api->get("$r/artifacts/v1?with_label=true")->json()->{labels}[0]
        {name}, 'ok', 'shown');
    is($api->get("$r/artifacts?q=labels%3D($label)")
        ->header('X-Total-Count'), 1, 'found by it');
    is($api->get("$r/artifacts?q=labels%3D($label%20$other)")
        ->header('X-Total-Count'), 0, 'all of them');
    is($api->delete("$u/$label")->status, 200, 'taken off');
    is($api->delete("$u/$label")->status, 404, 'twice');
    is($api->post($u, { id => $label })->status, 200, 'put on again');
};

subtest 'deletion' => sub {
    is($api->delete("$r/artifacts/v1")->status, 200, 'by tag');
    is($api->get("$r/artifacts/$_")->status, 404, "$_ is gone")
        for 'v1', 'latest', $one->{digest};
    is($t->get("/v2/$repo/referrers/$one->{digest}", auth => 'admin')
        ->json()->{manifests}[0], undef, 'with its signature');
    is($api->get($r)->json()->{artifact_count}, 1, 'counted');
    $t->jobrunner_ok(qw/ job run reclaim /);
    my ($n) = $t->sql('SELECT count(*) AS n FROM audit
        WHERE resource_type = \'artifact\' AND operation = \'delete\'');
    is($n->{n}, 4, 'in the log: 1 index, 1 child, 1 image, 1 signature');

    is($api->delete($r)->status, 200, 'the repository');
    is($api->get($r)->status, 404, 'gone');
    is($api->delete($r)->status, 404, 'twice');
    is($t->get("/v2/$repo/tags/list", auth => 'admin')->json()->{tags}[0],
        undef, 'no tags');
    is_deeply([ map { $_->{name} } @{ $api->get(
        '/projects/library/repositories')->json() } ],
        ['library/multi', 'library/other'], 'the others stay');
    $t->push_image($repo, 'again');
    is($api->get($r)->json()->{artifact_count}, 1, 'pushed again');
    is($api->get($r)->json()->{description}, undef, 'without the old text');
};

subtest 'below /v2 the log is written too' => sub {
    my $i = $t->push_image('library/log', 'v1');
    $t->push_manifest('library/log', undef, $i->{bytes});
    $t->delete('/v2/library/log/manifests/v1', auth => 'admin');
    $t->delete("/v2/library/log/manifests/$i->{digest}", auth => 'admin');
    my @log = map { "$_->{operation} $_->{resource_type} $_->{resource}" }
        reverse @{ $api->get('/projects/library/auditlog-exts?page_size=100'
            . '&q=resource%3D~library/log')->json() };
    is_deeply(\@log, [ 'create artifact library/log:v1',
        "create artifact library/log\@$i->{digest}",
        'delete tag library/log:v1',
        "delete artifact library/log\@$i->{digest}" ], 'all of it');
    is($t->delete('/v2/library/log/manifests/v1', auth => 'admin')->status,
        404, 'what failed');
    is(scalar @{ $api->get('/projects/library/auditlog-exts?page_size=100'
        . '&q=resource%3D~library/log')->json() }, 4, 'is not in it');
};

subtest 'many' => sub {
    # More than one step of a deletion.
    my $big = $t->push_image('library/big', 'v0');
    $t->sql('WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n
        WHERE i < 450)
        INSERT INTO manifest (repository_id, digest, kind, media_type, size,
            pushed_by, pushed_at, body)
        SELECT r.id, printf(\'sha256:%064d\', i), 1, \'x\', 1, \'user:1\', i,
            x\'00\' FROM n, repository r WHERE r.name = \'library/big\';
        INSERT INTO artifact SELECT repository_id, pushed_at, id
        FROM manifest WHERE media_type = \'x\';
        UPDATE repository SET live_manifests = 451, artifact_count = 451
        WHERE name = \'library/big\';');
    my $u = '/projects/library/repositories/big';
    is($api->get("$u/artifacts")->header('X-Total-Count'), 451, 'all of them');
    is($api->get("$u/artifacts?page=5&page_size=100")->json()->[50]{digest},
        'sha256:' . '0' x 63 . '1', 'the last one on the last page');
    is($api->delete($u)->status, 200, 'deleted');
    is($api->get($u)->status, 404, 'all');
    my ($row) = $t->sql("SELECT artifact_count, live_manifests
        FROM repository WHERE name = 'library/big'");
    is_deeply($row, { artifact_count => 0, live_manifests => 0 }, 'counters');
};

subtest 'of a whole project' => sub {
    $api->add_project('whole', 1);
    my $u = '/projects/whole/artifacts';
    is_deeply($api->get($u)->json(), [], 'none');
    is($api->get($u)->header('X-Total-Count'), 0, 'counted');
    for my $n (1 .. 3) {
        $t->push_image("whole/r$n", "v$_", layers => ["$n $_"]) for 1 .. 4;
    }
    my $names = sub {
        my $r = $api->get("$u?$_[0]", as => $_[1] // 'admin');
        return $r->header('X-Total-Count') . ': ' . join ' ', map {
            ($_->{repository_name} =~ s{^whole/}{}r) . $_->{tags}[0]{name} }
            @{ $r->json() };
    };
    is($names->('page_size=5'), '12: r3v4 r3v3 r3v2 r3v1 r2v4', 'newest');
    is($names->('page_size=5&page=3'), '12: r1v2 r1v1', 'the last page');
    is($names->('page=9'), '12: ', 'beyond the end');
    is($names->('sort=push_time&page_size=3'), '12: r1v1 r1v2 r1v3',
        'oldest');
    is($names->('latest_in_repository=true'), '3: r1v4 r2v4 r3v4',
        'of each repository');
    is($api->get("$u?page_size=1", as => undef)->status, 200, 'a public one');
    like($api->get("$u?page_size=5")->header('Link'), qr/rel="next"/, 'Link');
    ok(!exists $api->get("$u?with_tag=false")->json()->[0]{tags},
        'without tags');
    is($api->get("$u?q=tags%3Dv1")->status, 400, 'no filter');
    is($api->get("$u?latest_in_repository=maybe")->status, 422, 'no boolean');
    is($api->get("$u?page_size=101")->status, 422, 'page_size');

    is($api->delete('/projects/whole/repositories/r2')->status, 200,
        'a repository is deleted');
    is($api->delete('/projects/whole/repositories/r3/artifacts/v4')->status,
        200, 'an artifact too');
    is($names->('page_size=4'), '7: r3v3 r3v2 r3v1 r1v4', 'gone');
    is($names->('latest_in_repository=true'), '2: r1v4 r3v3', 'from each');
    $t->push_image('whole/r3', 'v4', layers => ['3 4']);
    is($names->('page_size=1'), '8: r3v4', 'pushed again');
    is($api->get('/projects/none/artifacts')->status, 404, 'no such project');
};

$t->finish();
