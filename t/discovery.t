# Discovery: tags, catalogue, referrers, extensions; order, paging, filters
# (distribution-spec "Content Discovery").

use warnings;
use strict;

use lib 't/lib';
use Test::More;
use Test::Registry;

my $t = Test::Registry->new();
$t->write_conf();
$t->run();

my @a = (auth => 'admin');
my $oci = 'application/vnd.oci.image.manifest.v1+json';
my $index = 'application/vnd.oci.image.index.v1+json';

my $image = $t->push_image('library/tags', 'seed');
my @names = qw/ 1 10 2 A B Z _x a a.b a-b ab b z /;
my @sorted = sort @names, 'seed';
$t->push_manifest('library/tags', $_, $image->{bytes}) for reverse @names;

sub pages {
    my ($target, $key, %opt) = @_;
    my (@all, $count);
    while (defined $target) {
        my $r = $t->get($target, @a, %opt);
        is($r->status, 200, $target) or return;
        push @all, @{ $r->json()->{$key} };
        my $link = $r->header('Link');
        undef $target;
        if (defined $link) {
            like($link, qr/^<[^>]+>; ?rel="?next"?$/, "Link: $link");
            ($target) = $link =~ m{^<(?:https?://[^/]+)?([^>]+)>};
        }
        die 'endless' if $count++ > 100;
    }
    return @all;
}

subtest 'tags' => sub {
    my $r = $t->get('/v2/library/tags/tags/list');
    is($r->status, 200, 'anonymous on a public project');
    is($r->json()->{name}, 'library/tags', 'name');
    is_deeply($r->json()->{tags}, \@sorted, 'ASCII order');
    is($r->header('Content-Type'), 'application/json', 'JSON');
    is($r->header('Link'), undef, 'all: no Link');
    for my $n (1, 3, 5, 14) {
        is_deeply([ pages("/v2/library/tags/tags/list?n=$n", 'tags') ],
            \@sorted, "pages of $n");
    }
    $r = $t->get('/v2/library/tags/tags/list?n=0');
    is_deeply($r->json()->{tags}, [], 'n=0: empty');
    is($r->header('Link'), undef, 'n=0: no Link');
    is_deeply($t->get('/v2/library/tags/tags/list?last=Z')->json()->{tags},
        [ grep { $_ gt 'Z' } @sorted ], 'last');
    is_deeply($t->get('/v2/library/tags/tags/list?last=a.&n=2')->json()
        ->{tags}, [ (grep { $_ gt 'a.' } @sorted)[0, 1] ],
        'a last that is no tag');
    is_deeply($t->get('/v2/library/tags/tags/list?last=zzz')->json()->{tags},
        [], 'last behind the end');
    for my $n ('-1', 'abc', '1.5', '99999999999999999999', '') {
        my $e = $t->get("/v2/library/tags/tags/list?n=$n");
        is($e->status, 400, "n=$n");
        is($e->code, 'PAGINATION_NUMBER_INVALID', 'code');
    }
    is($t->get('/v2/library/tags/tags/list?n=2147483647')->status, 200,
        'a huge n');
    is($t->get('/v2/library/none/tags/list', @a)->code, 'NAME_UNKNOWN',
        'no such repository');
    $t->delete('/v2/library/tags/manifests/seed', @a);
    $t->delete("/v2/library/tags/manifests/$_", @a) for @names;
    $r = $t->get('/v2/library/tags/tags/list');
    is($r->status, 200, 'no tags left: still there');
    is_deeply($r->json()->{tags}, [], 'and empty');
};

subtest 'catalogue' => sub {
    $t->push_image("library/cat-$_", 'x') for 1 .. 5;
    $t->push_image("private/cat-$_", 'x') for 1 .. 5;
    my @public = map { "library/cat-$_" } 1 .. 5;
    my @all = pages('/v2/_catalog', 'repositories');
    is_deeply([ grep { /cat-/ } @all ], [ @public,
        map { "private/cat-$_" } 1 .. 5 ], 'the administrator sees all');
    is_deeply([ sort @all ], \@all, 'in order');
    is_deeply([ pages('/v2/_catalog?n=3', 'repositories') ], \@all, 'paged');

    is($t->get('/v2/_catalog')->status, 401, 'not without credentials');
    my $token = $t->token('registry:catalog:*');
    my $r = $t->get('/v2/_catalog', auth => "Bearer $token");
    if ($r->status == 200) {
        ok(!(grep { /^private/ } @{ $r->json()->{repositories} }),
            'anonymous: nothing private');
    } else {
        is($r->status, 401, 'anonymous: refused');
    }
    $token = $t->token('registry:catalog:*', 'admin');
    is_deeply($t->get('/v2/_catalog', auth => "Bearer $token")->json(),
        { repositories => \@all }, 'by token');
    is($t->get('/v2/_catalog?n=-1', @a)->status, 400, 'n=-1');
    is_deeply($t->get('/v2/_catalog?n=0', @a)->json()->{repositories}, [],
        'n=0');
};

sub refer {
    my ($repo, $type, $subject, %more) = @_;
    $t->push_blob($repo, '{}');
    my $bytes = $t->json_bytes({ schemaVersion => 2, mediaType => $oci,
        artifactType => $type, layers => [],
        config => $t->descriptor('application/vnd.oci.empty.v1+json', '{}'),
        subject => $subject, %more });
    my $r = $t->put("/v2/$repo/manifests/" . sha256($bytes), @a,
        body => $bytes, headers => ['Content-Type' => $oci]);
    is($r->status, 201, "referrer $type") or diag $r->body;
    is($r->header('OCI-Subject'), $subject->{digest}, 'OCI-Subject');
    return { mediaType => $oci, digest => sha256($bytes),
        size => length $bytes, artifactType => $type,
        $more{annotations} ? (annotations => $more{annotations}) : () };
}

subtest 'referrers' => sub {
    my $repo = 'library/ref';
    my $image = $t->push_image($repo, 'v1');
    my $subject = { mediaType => $oci, digest => $image->{digest},
        size => length $image->{bytes} };
    my $target = "/v2/$repo/referrers/$image->{digest}";

    my $r = $t->get($target);
    is($r->status, 200, 'none yet: 200');
    is_deeply($r->json()->{manifests}, [], 'an empty list');
    is($r->header('Content-Type'), $index, 'exactly the index type');
    is($r->json()->{mediaType}, $index, 'in the body too');
    is($r->json()->{schemaVersion}, 2, 'schemaVersion');

    my @sbom = map { refer($repo, 'application/x.sbom', $subject,
        annotations => { n => "$_" }) } 1 .. 3;
    my $sig = refer($repo, 'application/x.sig+json', $subject);
    my @by = sub { sort { $a->{digest} cmp $b->{digest} } @_ }->(@sbom, $sig);
    is_deeply([ sort { $a->{digest} cmp $b->{digest} }
        @{ $t->get($target)->json()->{manifests} } ], \@by,
        'descriptors with type and annotations');
    my @paged = pages("$target?n=1", 'manifests');
    is(scalar @paged, 4, 'paged') if @paged;

    $r = $t->get("$target?artifactType=application/x.sig%2Bjson");
    is($r->header('OCI-Filters-Applied'), 'artifactType', 'filter said');
    is_deeply($r->json()->{manifests}, [ $sig ], 'filtered');
    is_deeply($t->get("$target?artifactType=none/x")->json()->{manifests},
        [], 'nothing of that type');

    # config.mediaType stands in for a missing artifactType.
    $t->push_blob($repo, '{"c":1}');
    my $old = $t->json_bytes({ schemaVersion => 2, mediaType => $oci,
        layers => [], subject => $subject, config =>
        $t->descriptor('application/x.config', '{"c":1}') });
    $t->push_manifest($repo, undef, $old);
    my ($d) = grep { $_->{digest} eq sha256($old) }
        @{ $t->get($target)->json()->{manifests} };
    is($d->{artifactType}, 'application/x.config', 'config type');

    $t->delete("/v2/$repo/manifests/$sig->{digest}", @a);
    ok(!(grep { $_->{digest} eq $sig->{digest} }
        @{ $t->get($target)->json()->{manifests} }), 'deleted: gone');

    is($t->get("/v2/$repo/referrers/sha256:bad")->status, 400, 'bad digest');
    is($t->get('/v2/library/never/referrers/sha256:' . '0' x 64, @a)->status,
        200, 'never seen repository: 200');

    # An index uploaded under the fallback tag is folded in: of its entries
    # one names this subject itself, the other is known by the index alone.
    my $other = $t->push_image($repo, 'v2', layers => ['v2']);
    my $alone = $t->push_image($repo, 'alone', layers => ['alone']);
    my $fallback = { mediaType => $oci, digest => $alone->{digest},
        size => length $alone->{bytes}, annotations => { by => 'another' },
        artifactType => 'application/x.fallback' };
    my $early = refer($repo, 'application/x.both', { mediaType => $oci,
        digest => $other->{digest}, size => length $other->{bytes} });
    my ($hex) = $other->{digest} =~ /:(.*)/;
    my $r2 = $t->put("/v2/$repo/manifests/sha256-$hex", @a,
        headers => ['Content-Type' => $index],
        body => $t->json_bytes({ schemaVersion => 2, mediaType => $index,
            manifests => [ $early, $fallback ] }));
    is($r2->status, 201, 'the fallback tag is a tag like any other');
    $target = "/v2/$repo/referrers/$other->{digest}";
    is_deeply($t->get($target)->json()->{manifests}, [ $early, $fallback ],
        'folded in without doubles');
    is_deeply([ pages("$target?n=1", 'manifests') ], [ $early, $fallback ],
        'page by page, too');
    is_deeply($t->get("$target?artifactType=application/x.fallback")->json()
        ->{manifests}, [ $fallback ], 'and filtered');
    $t->delete("/v2/$repo/manifests/sha256-$hex", @a);
    is_deeply($t->get($target)->json()->{manifests}, [ $early ],
        'without the tag it is gone');
};

subtest 'extensions' => sub {
    for my $target ('/v2/_oci/ext/discover',
        '/v2/library/tags/_oci/ext/discover')
    {
        my $r = $t->get($target, @a);
        is($r->status, 200, $target);
        is(ref $r->json()->{extensions}, 'ARRAY', 'a list');
    }
};

$t->finish();
