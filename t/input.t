# Bad input: names, digests, tags, ids, targets, methods, headers. The
# specified 4xx with the OCI code, JSON always, nothing changed.

use warnings;
use strict;

use lib 't/lib';
use Test::More;
use Test::Registry;

my $t = Test::Registry->new();
$t->write_conf();
$t->run();

my @a = (auth => 'admin');
my $i = $t->push_image('library/app', 'v1');
my ($before) = $t->sql('SELECT (SELECT count(*) FROM repository) AS r,
    (SELECT count(*) FROM manifest) AS m, (SELECT count(*) FROM tag) AS t');

# No refusal may be HTML, empty, or without a code.
sub refused {
    my ($r, $status, $code, $what) = @_;
    like($r->status, qr/^(?:$status)$/, "$what: " . $r->status);
    like($r->code, qr/^(?:$code)$/, "$what: code " . $r->code);
    is($r->header('Content-Type'), 'application/json', "$what: JSON");
    return;
}

subtest 'names' => sub {
    my @bad = ('library/App', 'library/-a', 'library/a-', 'library/a..b',
        'library/a___b', 'library/.a', 'library/a_', 'library/_a',
        'library/a._b', 'Library/app', 'library//app', '/library/app',
        'library/app/', './library/app', 'library/../app',
        'library/%61pp', 'library%2fapp', 'library/a%00b', 'library/a%2e%2e',
        'library/' . 'a' x 250, 'library/a b', 'library/a\\b',
        "library/\xc3\xa9", "library/\xc0\xaf", 'a' x 300 . '/b');
    for my $name (@bad) {
        my $shown = substr $name, 0, 30;
        for my $target ("/v2/$name/manifests/v1", "/v2/$name/tags/list",
            "/v2/$name/blobs/$i->{digest}")
        {
            my $c = $t->connect();
            $c->send("GET $target HTTP/1.1\r\nHost: x\r\nAuthorization: "
                . $t->authorization('admin')
                . "\r\nConnection: close\r\n\r\n");
            my $r = $c->response('GET');
            if ($name =~ / |%00/) {
                # No request line for nginx: it answers before any location.
                is($r->status, 400, "\"$shown\"");
                next;
            }
            refused($r, '400|404',
                'NAME_INVALID|NAME_UNKNOWN|NOT_FOUND|UNSUPPORTED', $shown);
        }
        my $r = $t->post("/v2/$name/blobs/uploads/", @a) if $name !~ / /;
        like($r->status, qr/^40[045]$/, "POST $shown") if $r;
    }
    for my $good (qw{ library/a library/a/b/c/d/e library/a--b library/a__b
        library/a.b-c_d library/0 library/blobs/uploads/manifests/x
        library/manifests library/tags/list library/referrers/tags },
        'library/' . 'a' x 247)
    {
        my $r = $t->get("/v2/$good/manifests/v1", @a);
        is($r->code, 'NAME_UNKNOWN', 'grammatical: ' . substr $good, 0, 40);
        is($t->push_image($good, 'v1')->{digest}, $t->get(
            "/v2/$good/manifests/v1", @a)->header('Docker-Content-Digest'),
            'and usable');
    }
    my $r = $t->get('/v2/app/manifests/v1', @a);
    refused($r, 400, 'NAME_INVALID', 'one component');
    like($r->body, qr{library/app}, 'names library/app');
    $r = $t->post('/v2/app/blobs/uploads/', @a);
    refused($r, 400, 'NAME_INVALID', 'one component, push');
    like($r->body, qr{library/app}, 'names library/app');
};

subtest 'tags and digests' => sub {
    for my $tag ('-a', '.a', 'a' x 129, 'a+b', 'a~b', 'a,b', '@', 'a%2fb',
        "a\x7f", '*')
    {
        my $nginx = $tag =~ /\x7f/;    # refused before any location
        my $r = $t->put("/v2/library/app/manifests/$tag", @a,
            body => $i->{bytes}, headers => ['Content-Type' =>
                'application/vnd.oci.image.manifest.v1+json']);
        like($r->status, qr/^40[04]$/, "tag \"$tag\": " . $r->status);
        is($r->header('Content-Type'), 'application/json', 'JSON')
            if !$nginx;
        $r = $t->get("/v2/library/app/manifests/$tag", @a);
        like($r->status, qr/^40[04]$/, 'GET');
    }
    is($t->push_manifest('library/app', 'a' x 128, $i->{bytes}),
        $i->{digest}, '128 characters');
    my $hex = substr $i->{digest}, 7;
    for my $digest ('sha256:', 'sha256:' . uc $hex, "sha256:${hex}0",
        'sha256:' . substr($hex, 1), "md5:$hex", "sha512:$hex",
        'sha256:../../x', "SHA256:$hex", "sha256:$hex:x", ":$hex")
    {
        for my $what (qw/ manifests blobs referrers /) {
            my $r = $t->get("/v2/library/app/$what/$digest", @a);
            refused($r, '400|404', 'DIGEST_INVALID|NOT_FOUND|NAME_INVALID',
                "$what/$digest");
        }
    }
};

subtest 'targets and methods' => sub {
    for my $target ('/v2/library/app', '/v2/library/app/', '/v2/x',
        '/v2/library/app/manifests', '/v2/library/app/manifests/',
        '/v2/library/app/blobs/', '/v2/library/app/unknown/v1',
        '/v2/library/app/manifests/v1/', '/v2//', '/v2/_unknown',
        '/v2/library/app/tags/', '/v2/library/app/tags/list/',
        '/v2/.', '/v2/library/app/_other/x')
    {
        my $r = $t->get($target, @a);
        like($r->status, qr/^40[04]$/, "$target: " . $r->status);
        is($r->header('Content-Type'), 'application/json', 'JSON');
    }
    for (['PUT', '/v2/'], ['POST', '/v2/library/app/manifests/v1'],
        ['PATCH', '/v2/library/app/manifests/v1'],
        ['PUT', '/v2/library/app/tags/list'], ['DELETE', '/v2/_catalog'],
        ['POST', "/v2/library/app/blobs/$i->{digest}"],
        ['OPTIONS', '/v2/'], ['PROPFIND', '/v2/'], ['FOO', '/v2/'],
        ['HEAD', '/v2/library/app/blobs/uploads/'])
    {
        my ($method, $target) = @$_;
        my $r = $t->http($method, $target, @a);
        is($r->status, 405, "$method $target: 405");
        ok($r->header('Allow'), 'Allow');
        is($r->code, 'UNSUPPORTED', 'code') if $method ne 'HEAD';
    }
    is($t->get('/v2/', @a, headers => ['X-HTTP-Method-Override' => 'DELETE'])
        ->status, 200, 'no method override');
    is($t->get('/v2/library/app/manifests/v1', headers =>
        ['X-Original-URL' => '/v2/secret/app/manifests/v1'])->body,
        $i->{bytes}, 'X-Original-URL is nothing to us');
    is($t->get('http://other.example/v2/library/app/manifests/v1')->body,
        $i->{bytes}, 'absolute form');
    is($t->get('/v2/library/app/manifests/v1', version => '1.0')->body,
        $i->{bytes}, 'HTTP/1.0');
};

subtest 'headers and queries' => sub {
    my $type = "application/vnd.oci.image.manifest.v1+json\r\n X: y";
    my $r = $t->get('/v2/library/app/tags/list?last='
        . $t->escape("a\r\nX-Injected: 1") . '&n=1', @a);
    is($r->header('X-Injected'), undef, 'no header by query');
    $r = $t->get("/v2/library/app/referrers/$i->{digest}?artifactType="
        . $t->escape("a\r\nX-Injected: 1"), @a);
    is($r->header('X-Injected'), undef, 'no header by artifactType');
    like($r->status, qr/^(?:200|400)$/, 'artifactType');
    is($t->get('/v2/library/app/tags/list?n=%zz', @a)->status, 400,
        'a bad escape');
    like($t->get('/v2/library/app/tags/list?' . join('&',
        map { "a$_=1" } 1 .. 500), @a)->status, qr/^4(?:00|14)$/,
        'too many parameters');
    like($t->get('/v2/library/app/tags/list?last=' . 'a' x 3000, @a)->status,
        qr/^(?:200|400)$/, 'a long last');
    like($t->get('/v2/library/app/manifests/' . 'a' x 7000, @a)->status,
        qr/^4(?:00|04|14)$/, 'a long target');
};

my ($after) = $t->sql("SELECT (SELECT count(*) FROM repository
    WHERE name = 'library/app') AS r, (SELECT count(*) FROM tag
    WHERE name NOT IN ('v1') AND length(name) < 128) AS t");
is($after->{r}, 1, 'no repository came of it');
is($after->{t}, 0, 'no tag either');
is(($t->sql("SELECT count(*) AS n FROM repository WHERE name = 'library/App'
    OR instr(name, '..') OR instr(name, '%')"))[0]{n}, 0,
    'no bad name is stored');

$t->finish();
