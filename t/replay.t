# Clients that no package brings, replayed request by request as they are on
# the wire: crane, kaniko, cosign (go-containerregistry), oras, regclient,
# containerd 2 and buildkit.

use warnings;
use strict;

use lib 't/lib';
use Test::More;
use Test::Registry;

my $t = Test::Registry->new();
$t->write_conf();
$t->run();

my $oci = 'application/vnd.oci.image.manifest.v1+json';
my $index = 'application/vnd.oci.image.index.v1+json';
my $stream = ['Content-Type' => 'application/octet-stream'];

sub bearer {
    my (@scope) = @_;
    return (auth => 'Bearer ' . $t->token([@scope], 'admin'));
}

sub ok_status {
    my ($r, $status, $what) = @_;
    is($r->status, $status, $what) or diag $r->body;
    return $r;
}

sub small_image {
    my ($name, %more) = @_;
    my $config = $t->json_bytes({ architecture => 'amd64', os => 'linux',
        author => $name });
    my $layer = "layer of $name";
    my $m = $t->json_bytes({ schemaVersion => 2, mediaType => $oci,
        config => $t->descriptor('application/vnd.oci.image.config.v1+json',
            $config),
        layers => [ $t->descriptor('application/vnd.oci.image.layer.v1.tar',
            $layer) ], %more });
    return ($config, $layer, $m);
}

# go-containerregistry: ping, token, HEAD, POST with a JSON type, one PATCH
# stream of unknown length, empty PUT, manifest.
sub ggcr_push {
    my ($repo, $ref, @blobs) = @_;
    my $m = pop @blobs;
    ok_status($t->get('/v2/'), 401, 'ping');
    my @auth = bearer("repository:$repo:push,pull");
    for my $blob (@blobs) {
        my $d = sha256($blob);
        ok_status($t->head("/v2/$repo/blobs/$d", @auth), 404, 'HEAD blob');
        my $l = $t->location(ok_status($t->post("/v2/$repo/blobs/uploads/",
            @auth, headers => ['Content-Type' => 'application/json']), 202,
            'POST'));
        $l = $t->location(ok_status($t->patch($l, @auth,
            chunks => [$blob]), 202, 'PATCH'));
        ok_status($t->put("$l?digest=$d", @auth, headers => $stream), 201,
            'PUT');
    }
    ok_status($t->put("/v2/$repo/manifests/$ref", @auth, body => $m,
        headers => ['Content-Type' => $oci]), 201, 'manifest');
    return sha256($m);
}

subtest 'crane push, cross-repository copy, ls, delete' => sub {
    my ($config, $layer, $m) = small_image('crane');
    my $d = ggcr_push('library/crane', 'v1', $layer, $config, $m);

    my @auth = bearer('repository:library/crane2:push,pull',
        'repository:library/crane:pull');
    for my $blob ($layer, $config) {
        ok_status($t->post('/v2/library/crane2/blobs/uploads/?from='
            . $t->escape('library/crane') . '&mount='
            . $t->escape(sha256($blob)) . '&origin=127.0.0.1', @auth,
            headers => ['Content-Type' => 'application/json']), 201,
            'mount');
    }
    ok_status($t->put('/v2/library/crane2/manifests/v1', @auth, body => $m,
        headers => ['Content-Type' => $oci]), 201, 'manifest');
    is_deeply($t->get('/v2/library/crane2/tags/list?n=1000', @auth)->json()
        ->{tags}, ['v1'], 'ls');
    ok_status($t->delete("/v2/library/crane2/manifests/$d",
        bearer('repository:library/crane2:delete')), 202, 'delete');
};

subtest 'kaniko checks push by opening and cancelling a session' => sub {
    my @auth = bearer('repository:library/kaniko:push,pull');
    my $l = $t->location(ok_status($t->post(
        '/v2/library/kaniko/blobs/uploads/', @auth, headers =>
        ['Content-Type' => 'application/json']), 202, 'POST'));
    ok_status($t->delete($l, @auth), 204, 'DELETE');
    ggcr_push('library/kaniko', 'latest', reverse((small_image('kaniko'))
        [0, 1]), (small_image('kaniko'))[2]);
};

subtest 'cosign sign: signature tag, then referrers' => sub {
    my ($config, $layer, $m) = small_image('cosign');
    my $d = ggcr_push('library/cosign', 'v1', $layer, $config, $m);
    my ($hex) = $d =~ /:(.*)/;
    my @auth = bearer('repository:library/cosign:pull,push');

    ok_status($t->get("/v2/library/cosign/manifests/sha256-$hex.sig",
        @auth), 404, 'no signature yet');
    my ($sconfig, $slayer, $sm) = small_image('sig', annotations =>
        { 'dev.cosignproject.cosign/signature' => 'abc' });
    ggcr_push('library/cosign', "sha256-$hex.sig", $slayer, $sconfig, $sm);
    is($t->get("/v2/library/cosign/manifests/sha256-$hex.sig", @auth)->body,
        $sm, 'the signature by tag');

    $t->push_blob('library/cosign', '{}');
    my $bundle = $t->json_bytes({ schemaVersion => 2, mediaType => $oci,
        artifactType => 'application/vnd.dev.sigstore.bundle.v0.3+json',
        config => $t->descriptor('application/vnd.oci.empty.v1+json', '{}'),
        layers => [ $t->descriptor('application/x', $slayer) ],
        subject => { mediaType => $oci, digest => $d, size => length $m } });
    ok_status($t->put('/v2/library/cosign/manifests/' . sha256($bundle),
        @auth, body => $bundle, headers => ['Content-Type' => $oci]), 201,
        'bundle');
    my $r = $t->get("/v2/library/cosign/referrers/$d?artifactType="
        . $t->escape('application/vnd.dev.sigstore.bundle.v0.3+json'), @auth);
    is($r->json()->{manifests}[0]{digest}, sha256($bundle), 'found');
};

subtest 'oras push and discover' => sub {
    my $repo = 'library/oras';
    my @auth = bearer("repository:$repo:pull,push");
    my $r = ok_status($t->get("/v2/$repo/referrers/sha256:" . '0' x 64,
        @auth), 200, 'referrers probe');
    is($r->header('Content-Type'), $index, 'exactly this type');
    my ($config, $layer, $m) = small_image('oras');
    for my $blob ($layer, $config) {
        my $d = sha256($blob);
        ok_status($t->head("/v2/$repo/blobs/$d", @auth), 404, 'HEAD');
        my $l = $t->location(ok_status($t->post("/v2/$repo/blobs/uploads/",
            @auth), 202, 'POST'));
        ok_status($t->put("$l?digest=" . $t->escape($d), @auth,
            body => $blob, headers => $stream), 201, 'one PUT');
    }
    my $d = sha256($m);
    ok_status($t->head("/v2/$repo/manifests/$d", @auth), 404, 'HEAD');
    for my $ref ($d, 'v1') {
        $r = ok_status($t->put("/v2/$repo/manifests/$ref", @auth,
            body => $m, headers => ['Content-Type' => $oci]), 201, $ref);
        is($r->header('Docker-Content-Digest'), $d, 'digest');
    }
    $r = $t->get("/v2/$repo/blobs/" . sha256($layer), @auth);
    is($r->header('Accept-Ranges'), 'bytes', 'seekable');
};

subtest 'regclient: anonymous mount, announced algorithm, recovery' => sub {
    my $repo = 'library/regctl';
    my @auth = bearer("repository:$repo:pull,push");
    my $blob = 'regclient blob ' x 1000;
    my $d = sha512($blob);
    my $l = $t->location(ok_status($t->post(
        "/v2/$repo/blobs/uploads/?mount=$d&digest-algorithm=sha512", @auth),
        202, 'mount becomes a session'));
    my $size = length $blob;
    my $r = ok_status($t->patch($l, @auth, body => substr($blob, 0, 5000),
        headers => [@$stream, 'Content-Range' => '0-4999']), 202, 'chunk');
    # A lost response: the client sends the chunk again and learns where it
    # stands from the 416.
    $r = ok_status($t->patch($t->location($r), @auth,
        body => substr($blob, 0, 5000), headers => [@$stream,
        'Content-Range' => '0-4999']), 416, 'the same chunk again');
    is($r->header('Range'), '0-4999', 'Range on the 416');
    $r = ok_status($t->patch($t->location($r), @auth,
        body => substr($blob, 5000), headers => [@$stream,
        'Content-Range' => '5000-' . ($size - 1)]), 202, 'goes on');
    ok_status($t->put($t->location($r) . "?digest=$d", @auth), 201, 'PUT');
    ok_status($t->head("/v2/$repo/blobs/$d", @auth), 200, 'there');
};

subtest 'containerd 2 and buildkit: ns, ranges, attestations' => sub {
    my $repo = 'library/buildkit';
    my @auth = bearer("repository:$repo:pull,push");
    my ($config, $layer, $m) = small_image('buildkit');
    for my $blob ($layer, $config) {
        my $d = sha256($blob);
        ok_status($t->head("/v2/$repo/blobs/$d?ns=reg.example", @auth), 404,
            'HEAD');
        my $l = $t->location(ok_status($t->post(
            "/v2/$repo/blobs/uploads/?ns=reg.example", @auth), 202, 'POST'));
        ok_status($t->put("$l?digest=$d&ns=reg.example", @auth,
            body => $blob, headers => $stream), 201, 'PUT');
    }
    ok_status($t->head("/v2/$repo/manifests/" . sha256($m), @auth, headers =>
        [Accept => "$oci, */*"]), 404, 'HEAD manifest');
    ok_status($t->put("/v2/$repo/manifests/" . sha256($m) . '?ns=r', @auth,
        body => $m, headers => ['Content-Type' => $oci]), 201, 'by digest');

    my ($aconfig, $alayer, $am) = small_image('attest');
    $t->push_blob($repo, $_) for $aconfig, $alayer;
    ok_status($t->put("/v2/$repo/manifests/" . sha256($am), @auth,
        body => $am, headers => ['Content-Type' => $oci]), 201,
        'attestation');
    my $i = $t->json_bytes({ schemaVersion => 2, mediaType => $index,
        manifests => [
            { mediaType => $oci, digest => sha256($m), size => length $m,
                platform => { os => 'linux', architecture => 'amd64' } },
            { mediaType => $oci, digest => sha256($am),
                size => length $am, annotations =>
                { 'vnd.docker.reference.type' => 'attestation-manifest' },
                platform => { os => 'unknown', architecture => 'unknown' } },
        ] });
    ok_status($t->put("/v2/$repo/manifests/latest", @auth, body => $i,
        headers => ['Content-Type' => $index]), 201, 'index');

    # Parallel ranges that are closed early: cheap and silent.
    my $big = 'x' x 2_000_000;
    my $d = $t->push_blob($repo, $big);
    for my $at (0, 500_000, 1_000_000, 1_500_000) {
        my $c = $t->connect();
        $c->send("GET /v2/$repo/blobs/$d HTTP/1.1\r\nHost: x\r\n"
            . "Range: bytes=$at-\r\nAccept-Encoding: zstd, gzip\r\n\r\n");
        ok($c->readable(10), "range from $at");
        $c->abort();
    }
    is($t->get("/v2/$repo/blobs/$d")->body, $big, 'whole');
};

$t->finish();
