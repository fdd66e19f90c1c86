# Push of manifests: what is taken, what is refused and with which code
# (distribution-spec "Pushing Manifests", image-spec).

use warnings;
use strict;

use lib 't/lib';
use Test::More;
use Test::Registry;

my $t = Test::Registry->new();
$t->write_conf();
$t->run();

my @a = (auth => 'admin');
my $repo = 'library/man';
my $oci = 'application/vnd.oci.image.manifest.v1+json';
my $index = 'application/vnd.oci.image.index.v1+json';
my $docker = 'application/vnd.docker.distribution.manifest.v2+json';
my $list = 'application/vnd.docker.distribution.manifest.list.v2+json';

my $config = '{"architecture":"amd64","os":"linux"}';
my $layer = 'a layer';
$t->push_blob($repo, $_) for $config, $layer;

sub image {
    my (%more) = @_;
    return {
        schemaVersion => 2, mediaType => $oci,
        config => $t->descriptor('application/vnd.oci.image.config.v1+json',
            $config),
        layers => [ $t->descriptor('application/vnd.oci.image.layer.v1.tar',
            $layer) ],
        %more,
    };
}

sub put {
    my ($ref, $body, $type, %opt) = @_;
    $body = $t->json_bytes($body) if ref $body;
    my @type = defined $type ? (headers => ['Content-Type' => $type]) : ();
    return $t->put("/v2/$repo/manifests/$ref", @a, body => $body, @type,
        %opt);
}

sub taken {
    my ($ref, $body, $type, $what) = @_;
    my $bytes = ref $body ? $t->json_bytes($body) : $body;
    my $r = put($ref, $bytes, $type);
    is($r->status, 201, "$what: 201") or diag $r->body;
    is($r->header('Docker-Content-Digest'), sha256($bytes), "$what: digest");
    is($t->location($r), "/v2/$repo/manifests/" . sha256($bytes),
        "$what: Location");
    my $g = $t->get("/v2/$repo/manifests/$ref", @a);
    is($g->body, $bytes, "$what: exact bytes");
    return $r;
}

sub refused {
    my ($body, $type, $what, $status, $code) = @_;
    my $r = put('refused', $body, $type);
    is($r->status, $status // 400, "$what: " . ($status // 400))
        or diag $r->body;
    is($r->code, $code // 'MANIFEST_INVALID', "$what: code");
    is($t->get("/v2/$repo/manifests/refused", @a)->status, 404,
        "$what: nothing stored");
    return $r;
}

subtest 'what is taken' => sub {
    taken('oci', image(), $oci, 'OCI image');
    taken('params', image(annotations => { n => '1' }),
        "$oci; charset=utf-8", 'parameters of the type');
    is($t->get("/v2/$repo/manifests/params", @a)->header('Content-Type'),
        $oci, 'served without them');
    taken('docker', image(mediaType => $docker), $docker, 'Docker schema 2');
    my $bytes = $t->json_bytes(image());
    taken('space', "\n  $bytes \n", $oci, 'white space around');
    my $plain = image();
    delete $plain->{mediaType};
    taken('plain', $plain, $oci, 'no mediaType in the body');
    taken('artifact', image(artifactType => 'application/x.sbom',
        config => $t->descriptor('application/vnd.oci.empty.v1+json', '{}')),
        $oci, 'an artifact') if $t->push_blob($repo, '{}');
    taken('helm', image(config => $t->descriptor(
        'application/vnd.cncf.helm.config.v1+json', $config)), $oci, 'helm');
    taken('foreign', image(layers => [{ size => 12, digest =>
        sha256('elsewhere'), urls => ['https://example.com/l'], mediaType =>
        'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip' }]),
        $oci, 'a missing non-distributable layer');
    taken('empty', image(layers => []), $oci, 'no layers');

    my $child = $t->json_bytes(image());
    my %entry = (mediaType => $oci, digest => sha256($child),
        size => length $child);
    taken('index', { schemaVersion => 2, mediaType => $index,
        manifests => [ \%entry ] }, $index, 'OCI index');
    taken('list', { schemaVersion => 2, mediaType => $list, manifests =>
        [{ %entry, platform => { os => 'linux', architecture => 'amd64' } }]
        }, $list, 'Docker list');
    taken('none', { schemaVersion => 2, mediaType => $index,
        manifests => [] }, $index, 'an empty index');
};

subtest 'subject' => sub {
    my $missing = sha256('not pushed yet');
    my $r = taken('sub', image(subject => { mediaType => $oci, size => 3,
        digest => $missing }), $oci, 'subject that is missing');
    is($r->header('OCI-Subject'), $missing, 'OCI-Subject');
};

subtest 'by digest, with tags' => sub {
    my $bytes = $t->json_bytes(image(annotations => { tags => '1' }));
    my $digest = sha256($bytes);
    my $r = put("$digest?tag=a&tag=b.c&tag=D_1", $bytes, $oci);
    is($r->status, 201, 'created');
    is_deeply([ $r->headers('OCI-Tag') ], [qw/ a b.c D_1 /], 'OCI-Tag');
    is($t->head("/v2/$repo/manifests/$_", @a)->header(
        'Docker-Content-Digest'), $digest, "tag $_") for qw/ a b.c D_1 /;

    is(put(sha256('x'), $bytes, $oci)->code, 'DIGEST_INVALID',
        'another digest');
    is(put("$digest?tag=-bad", $bytes, $oci)->status, 400, 'a bad tag');
    is(put("t?tag=a", $bytes, $oci)->status, 400,
        'tags go with a digest only');
    is(put("$digest?" . join('&', map { "tag=t$_" } 1 .. 200), $bytes, $oci)
        ->status, 414, 'too many tags');
};

subtest 'what is refused' => sub {
    my $bytes = $t->json_bytes(image());
    refused('', $oci, 'empty');
    refused('{', $oci, 'no JSON');
    refused('[]', $oci, 'an array');
    refused("$bytes x", $oci, 'trailing garbage');
    refused("\xef\xbb\xbf$bytes", $oci, 'BOM');
    refused($bytes =~ s/"schemaVersion"/"a\\u0000b":1,"schemaVersion"/r,
        $oci, 'NUL');
    refused($bytes =~ s/amd64/\xff/r, $oci, 'bad UTF-8')
        if $bytes =~ /amd64/;
    refused('[' x 100_000, $oci, 'deep nesting');
    refused($bytes =~ s/^\{/{"config":{},/r, $oci, 'a duplicate key');
    refused($bytes =~ s/"layers"/"Layers"/r, $oci, 'a case variant');
    refused(image(manifests => []), $oci, 'image and index at once');
    refused({ schemaVersion => 2, mediaType => $index, manifests => [],
        layers => [] }, $index, 'index and image at once');
    refused({ schemaVersion => 2, mediaType => $index, manifests => [],
        config => {} }, $index, 'index with config');
    refused(image(mediaType => $docker), $oci, 'another mediaType');
    refused(image(), $index, 'an image as index');
    refused(image(schemaVersion => 1), $oci, 'schemaVersion 1');
    refused(image(), 'text/html', 'an unknown type');
    refused(image(), 'application/json; x', 'application/json')
        if put('json', image(), 'application/json')->status != 201;
    my $r = refused({ schemaVersion => 1, name => $repo, tag => 'x',
        fsLayers => [], history => [] },
        'application/vnd.docker.distribution.manifest.v1+prettyjws',
        'schema 1');
    like($r->body, qr/schema 1/i, 'and said so');
    for my $size (-1, 1.5, '7', 1e30) {
        my $m = image();
        $m->{layers}[0]{size} = $size;
        refused($m, $oci, "size $size");
    }
    for my $digest ('', 'sha256:abc', 'x', 5, sha256('x') . '0') {
        my $m = image();
        $m->{layers}[0]{digest} = $digest;
        refused($m, $oci, "digest \"$digest\"");
    }
    my $m = image();
    $m->{config}{size}++;
    refused($m, $oci, 'a size that is not that of the blob');
    $m = image();
    delete $m->{config};
    refused($m, $oci, 'no config');
    refused(image(layers => {}), $oci, 'layers that are no array');
    refused(image(annotations => { a => 1 }), $oci,
        'annotations that are no strings');
    refused(image(subject => 'x'), $oci, 'a subject that is no descriptor');
};

subtest 'what is missing' => sub {
    my $none = $t->descriptor('application/vnd.oci.image.layer.v1.tar',
        'never pushed');
    my $r = refused(image(layers => [$none]), $oci, 'a layer', 404,
        'MANIFEST_BLOB_UNKNOWN');
    like($r->body, qr/\Q$none->{digest}\E/, 'names it');
    refused(image(config => $none), $oci, 'the config', 404,
        'MANIFEST_BLOB_UNKNOWN');
    refused({ schemaVersion => 2, mediaType => $index, manifests =>
        [{ %$none, mediaType => $oci }] }, $index, 'a child', 404,
        'MANIFEST_BLOB_UNKNOWN');

    # A blob that another repository has is not here.
    $t->push_blob('library/elsewhere', 'of another');
    refused(image(layers => [ $t->descriptor(
        'application/vnd.oci.image.layer.v1.tar', 'of another') ]), $oci,
        'a blob of another repository', 404, 'MANIFEST_BLOB_UNKNOWN');
};

subtest 'size' => sub {
    my $room = 4 * 1024 * 1024 - length $t->json_bytes(
        image(annotations => { n => '' }));
    taken('limit', image(annotations => { n => 'x' x $room }), $oci,
        '4 MiB');
    my $big = $t->json_bytes(image(annotations => { n => 'x' x ($room + 1) }));
    is(put('big', $big, $oci)->status, 413, 'one byte more');
    is(put('big', undef, $oci, chunks => [unpack '(a65536)*', $big])
        ->status, 413, 'chunked');
    is($t->get("/v2/$repo/manifests/big", @a)->status, 404, 'not stored');
};

subtest 'a tag moves' => sub {
    my @d = map { my $b = $t->json_bytes(image(annotations => { v => "$_" }));
        put('moving', $b, $oci); sha256($b) } 1, 2;
    is($t->head("/v2/$repo/manifests/moving", @a)->header(
        'Docker-Content-Digest'), $d[1], 'to the newest');
    is($t->head("/v2/$repo/manifests/$d[0]", @a)->status, 200,
        'the old manifest stays');
    my @h = $t->sql("SELECT digest FROM tag_history WHERE tag = 'moving'
        ORDER BY id");
    is_deeply([ map { $_->{digest} } @h ], \@d, 'history keeps both');
};

subtest 'the change log' => sub {
    my ($before) = $t->sql("SELECT value FROM counter WHERE name = 'change'");
    my $b = $t->json_bytes(image(annotations => { change => '1' }));
    put('change', $b, $oci);
    my ($row) = $t->sql("SELECT seq, digest, hlc FROM change
        WHERE reference = 'change'");
    is($row->{digest}, sha256($b), 'a row for the tag');
    cmp_ok($row->{seq}, '>', $before->{value}, 'with a new seq');
    put('change', $b, $oci);
    is_deeply([ $t->sql("SELECT seq FROM change WHERE reference = 'change'") ],
        [{ seq => $row->{seq} }], 'the same push again changes nothing');
};

subtest 'sparse_index' => sub {
    my $late = $t->json_bytes(image(annotations => { late => '1' }));
    my $d = $t->descriptor($oci, $late);
    my $sparse = { schemaVersion => 2, mediaType => $index,
        manifests => [ $d ] };

    refused($sparse, $index, 'off', 404, 'MANIFEST_BLOB_UNKNOWN');
    $t->write_conf(undef, extra => 'sparse_index on;');
    $t->reload();
    taken('sparse', $sparse, $index, 'on');
    is($t->get("/v2/$repo/manifests/$d->{digest}", @a)->status, 404,
        'the child is not there');
    refused(image(layers => [ $t->descriptor(
        'application/vnd.oci.image.layer.v1.tar', 'no such layer') ]), $oci,
        'a layer', 404, 'MANIFEST_BLOB_UNKNOWN');
    $t->check_invariants('what is stored', args => ['--sparse']);
    taken($d->{digest}, $late, $oci, 'it comes later');
    $t->write_conf();
    $t->reload();
    is($t->get("/v2/$repo/manifests/sparse", @a)->status, 200,
        'off again: what was taken stays');
    $t->check_invariants('all is there now');
};

$t->finish();
