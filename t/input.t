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
            # No request line for nginx: it answers before any location.
            my $nginx = $name =~ / |%00/;
            refused($r, $nginx ? '400' : '400|404', $nginx ? 'BAD_REQUEST'
                : 'NAME_INVALID|NAME_UNKNOWN|NOT_FOUND|UNSUPPORTED', $shown);
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
        my $r = $t->put("/v2/library/app/manifests/$tag", @a,
            body => $i->{bytes}, headers => ['Content-Type' =>
                'application/vnd.oci.image.manifest.v1+json']);
        like($r->status, qr/^40[04]$/, "tag \"$tag\": " . $r->status);
        is($r->header('Content-Type'), 'application/json', 'JSON');
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

# What nginx itself refuses, most of it before it looks for a location.
subtest 'what nginx refuses' => sub {
    my $auth = 'Authorization: Basic YTpi';
    my @cases = (
        ['two Authorization', 'GET', '', 400, 'BAD_REQUEST', $auth, $auth],
        ['two Host', 'GET', '', 400, 'BAD_REQUEST', 'Host: y'],
        ['a bad Host', 'GET', '', 400, 'BAD_REQUEST', 'Host: /'],
        ['a long header', 'GET', '', 400, 'BAD_REQUEST',
            'A: ' . 'a' x 9000],
        ['a long head', 'GET', '', 400, 'BAD_REQUEST',
            map { "A$_: " . 'a' x 7000 } 1 .. 5],
        ['length and chunks', 'PUT', '', 400, 'BAD_REQUEST',
            'Content-Length: 1', 'Transfer-Encoding: chunked'],
        ['two lengths', 'PUT', '', 400, 'BAD_REQUEST',
            'Content-Length: 1', 'Content-Length: 1'],
        ['a negative length', 'PUT', '', 400, 'BAD_REQUEST',
            'Content-Length: -1'],
        ['gzip', 'PUT', '', 501, 'UNSUPPORTED', 'Transfer-Encoding: gzip'],
        ['TRACE', 'TRACE', '', 405, 'UNSUPPORTED'],
        ['CONNECT', 'CONNECT', '', 405, 'UNSUPPORTED'],
        ['a zero byte', 'GET', '%00', 400, 'BAD_REQUEST'],
        ['a bad escape', 'GET', '%zz', 400, 'BAD_REQUEST'],
        ['out of the root', 'GET', '../../..', 400, 'BAD_REQUEST'],
        ['a space', 'GET', 'a b', 400, 'BAD_REQUEST'],
        ['a control character', 'GET', "a\x01b", 400, 'BAD_REQUEST'],
        ['a long target', 'GET', 'a' x 9000, 414, 'NAME_INVALID'],
        ['a long query', 'GET', '?a=' . 'a' x 9000, 414, 'NAME_INVALID'],
    );
    my %harbor = (UNSUPPORTED => 'METHOD_NOT_ALLOWED');
    my $ask = sub {
        my ($line, @headers) = @_;
        my $c = $t->connect();
        $c->send(join("\r\n", $line, @headers, '', ''));
        return $c->response($line =~ /^(\w+)/);
    };
    for my $case (@cases, ['no Host', 'GET', '', 400, 'BAD_REQUEST'],
        ['HTTP/3.1', 'GET', '', 505, 'UNSUPPORTED'])
    {
        my ($what, $method, $rest, $status, $code, @headers) = @$case;
        unshift @headers, 'Host: x' if $what ne 'no Host';
        my $version = $what =~ /^HTTP/ ? $what : 'HTTP/1.1';
        my $r = $ask->("$method /v2/$rest $version", @headers);
        refused($r, $status, $code, $what);
        is($r->header('Docker-Distribution-Api-Version'), 'registry/2.0',
            "$what: api version");
        is($r->header('X-Content-Type-Options'), 'nosniff', 'nosniff');
        like($r->header('X-Request-Id'), qr/^[0-9a-f-]{36}$/, 'an id');

        $r = $ask->("$method /api/v2.0/$rest $version", @headers);
        is($r->status, $status, "$what: API");
        is($r->header('Content-Type'), 'application/json; charset=utf-8',
            'type');
        is_deeply([ sort keys %{ $r->json()->{errors}[0] } ],
            [qw/ code message /], 'as Harbor writes it');
        is($r->code, $harbor{$code} // $code, 'code');
        is($r->header('Docker-Distribution-Api-Version'), undef,
            'and no api version of /v2');

        $r = $ask->("$method /other/$rest $version", @headers);
        is($r->status, $status, "$what: elsewhere");
        is($r->header('Content-Type'), 'text/html', "a page of the site's");
    }
    for my $target ('/v2', 'http://x/v2/', '/v2/?a=b') {
        my $r = $ask->("TRACE $target HTTP/1.1", 'Host: x');
        refused($r, 405, 'UNSUPPORTED', "TRACE $target");
    }
    for my $target ('/v2x', '/', '/x/v2/', '*', 'x:1', 'http://x/v2x') {
        my $r = $ask->("TRACE $target HTTP/1.1", 'Host: x');
        like($r->status, qr/^40[05]$/, "TRACE $target");
        is($r->header('Content-Type'), 'text/html', 'not of the registry');
    }
    is($ask->('A' x 9000)->header('Content-Type'), 'text/html',
        'a method without an end');
    my $r = $ask->('PUT /v2/library/app/manifests/x HTTP/1.1', 'Host: x',
        'Authorization: ' . $t->authorization('admin'),
        'Content-Type: application/vnd.oci.image.manifest.v1+json',
        'Transfer-Encoding: chunked', '', 'zz');
    refused($r, 400, 'BAD_REQUEST', 'a bad chunk');
    is($r->header('X-Content-Type-Options'), 'nosniff', 'nosniff');

    $r = $ask->('HEAD /v2/ HTTP/1.1', 'Host: x', $auth, $auth);
    is($r->status, 400, 'HEAD');
    cmp_ok($r->header('Content-Length'), '>', 40, 'has the length');
    is($ask->('GET /v2/ HTTP/1.1', 'Host: x', 'X-Request-Id: abc', $auth,
        $auth)->header('X-Request-Id'), 'abc', "the client's own id");
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
