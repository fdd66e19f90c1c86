# Pull: manifests and blobs, GET and HEAD, by tag and digest, exact bytes,
# ranges, conditions (distribution-spec "Pull", RFC 9110).

use warnings;
use strict;

use lib 't/lib';
use Test::More;
use Test::Registry;

my $t = Test::Registry->new();
$t->write_conf();
$t->run();

my $layer = join '', map { chr($_ * 7 % 256) } 1 .. 5000;
my $image = $t->push_image('library/app', 'v1', layers => [$layer]);
my $blob = sha256($layer);
my $m = '/v2/library/app/manifests';
my $b = '/v2/library/app/blobs';

sub same_headers {
    my ($r, $digest, $type, $size, $what) = @_;
    is($r->status, 200, "$what: 200");
    is($r->header('Docker-Content-Digest'), $digest, "$what: digest");
    is($r->header('Content-Type'), $type, "$what: type");
    is($r->header('Content-Length'), $size, "$what: length");
    is($r->header('ETag'), "\"$digest\"", "$what: etag");
    is($r->header('Docker-Distribution-Api-Version'), 'registry/2.0',
        "$what: api version");
    is($r->header('X-Content-Type-Options'), 'nosniff', "$what: nosniff");
    is($r->header('Content-Encoding'), undef, "$what: not encoded");
    return;
}

for my $ref ('v1', $image->{digest}) {
    my $type = 'application/vnd.oci.image.manifest.v1+json';
    my $size = length $image->{bytes};
    my $r = $t->get("$m/$ref", headers => ['Accept-Encoding' => 'gzip']);
    same_headers($r, $image->{digest}, $type, $size, "GET $ref");
    is($r->body, $image->{bytes}, 'the exact bytes');
    same_headers($t->head("$m/$ref"), $image->{digest}, $type, $size,
        "HEAD $ref");
    for my $accept ('application/json', 'text/html',
        'application/vnd.docker.distribution.manifest.v2+json')
    {
        is($t->get("$m/$ref", headers => [Accept => $accept])->status, 200,
            "Accept: $accept is no filter");
    }
    for my $tag ("\"$image->{digest}\"", $image->{digest},
        "\"x\", W/\"$image->{digest}\"", '*')
    {
        my $n = $t->get("$m/$ref", headers => ['If-None-Match' => $tag]);
        is($n->status, 304, "If-None-Match: $tag");
        is($n->body, '', 'no body');
        is($n->header('Content-Length'), undef, 'and no length of one');
        is($t->head("$m/$ref", headers => ['If-None-Match' => $tag])
            ->header('Content-Length'), undef, 'HEAD: nor');
    }
    is($t->get("$m/$ref", headers => ['If-None-Match' => '"sha256:0"'])
        ->status, 200, 'another etag');
}

same_headers($t->get("$b/$blob"), $blob, 'application/octet-stream', 5000,
    'GET blob');
is($t->get("$b/$blob")->body, $layer, 'the bytes of the blob');
same_headers($t->head("$b/$blob", auth => 'admin'), $blob,
    'application/octet-stream', 5000, 'HEAD blob');
is($t->get("$b/$blob")->header('Accept-Ranges'), 'bytes', 'ranges offered');
for my $method (qw/ GET HEAD /) {
    my $n = $t->http($method, "$b/$blob", auth => 'admin',
        headers => ['If-None-Match' => "\"$blob\""]);
    is($n->status, 304, "$method: blob not modified");
    is($n->header('Content-Length'), undef, 'no length');
}
is($t->get("$b/$blob?ns=docker.io")->status, 200, '?ns= does no harm');

my @ranges = (
    ['bytes=0-0', 0, 1], ['bytes=0-99', 0, 100], ['bytes=4990-', 4990, 10],
    ['bytes=-7', 4993, 7], ['bytes=100-9999999', 100, 4900],
);

for my $range (@ranges) {
    my ($value, $from, $size) = @$range;
    my $r = $t->get("$b/$blob", headers => [Range => $value]);
    is($r->status, 206, "$value: 206");
    is($r->header('Content-Range'),
        sprintf('bytes %d-%d/5000', $from, $from + $size - 1),
        "$value: Content-Range");
    is($r->body, substr($layer, $from, $size), "$value: the bytes");
}

my $r = $t->get("$b/$blob", headers => [Range => 'bytes=0-4,10-14,-3']);
is($r->status, 206, 'several ranges');
like($r->header('Content-Type'), qr{^multipart/byteranges}, 'multipart');
like($r->body, qr{Content-Range: bytes 10-14/5000}, 'each with its range');
ok(index($r->body, substr $layer, 10, 5) > 0, 'and its bytes');

$r = $t->get("$b/$blob", headers => [Range => 'bytes=5000-']);
is($r->status, 416, 'a range behind the end');
is($r->header('Content-Range'), 'bytes */5000', 'says the size');
is($t->get("$b/$blob", headers => [Range => 'bytes=0-9',
    'If-Range' => "\"$blob\""])->status, 206, 'If-Range with our etag');
is($t->get("$b/$blob", headers => [Range => 'bytes=0-9',
    'If-Range' => '"other"'])->status, 200, 'If-Range with another');

# A short blob comes out of the page cache, or from the disk when it is not
# there, a long one always from its file: the same bytes.
for my $size (1, 16_384, 16_385) {
    my $bytes = join '', map { chr(($_ * 31 + $size) % 256) } 1 .. $size;
    my $digest = $t->push_blob('library/app', $bytes);
    is($t->get("$b/$digest")->body, $bytes, "$size bytes");
    my ($row) = $t->sql("SELECT locator FROM blob WHERE digest = '$digest'");
    my ($path) = grep { index($_, $row->{locator}) >= 0 }
        split /\0/, run_command(['find', $t->dir() . '/data/blobs', '-type',
            'f', '-print0'])->{out};
    is(run_command(['dd', "if=$path", 'iflag=nocache', 'count=0'])->{status},
        0, 'out of the page cache');
    is($t->get("$b/$digest")->body, $bytes, "$size bytes, not cached");
    is($t->get("$b/$digest", headers => [Range => 'bytes=-1'])->body,
        substr($bytes, -1), "$size bytes, the last");
}

# What is not there, for the administrator: he may know.
my $none = 'sha256:' . '0' x 64;
for (["$m/none", 'MANIFEST_UNKNOWN'], ["$m/$none", 'MANIFEST_UNKNOWN'],
    ["$b/$none", 'BLOB_UNKNOWN'],
    ['/v2/library/none/manifests/v1', 'NAME_UNKNOWN'],
    ["/v2/library/none/blobs/$none", 'BLOB_UNKNOWN|NAME_UNKNOWN'])
{
    my ($target, $code) = @$_;
    for my $method (qw/ GET HEAD /) {
        my $e = $t->http($method, $target, auth => 'admin');
        is($e->status, 404, "$method $target: 404");
        like($e->code, qr/^(?:$code)$/, 'the code') if $method eq 'GET';
        is($e->body, '', 'no body') if $method eq 'HEAD';
        is($e->header('Content-Type'), 'application/json', 'JSON')
            if $method eq 'GET';
    }
}

# A manifest is no blob, a blob no manifest, and a blob of another
# repository is not here.
is($t->get("$b/$image->{digest}", auth => 'admin')->status, 404,
    'a manifest is not served as a blob');
is($t->get("$m/$blob", auth => 'admin')->status, 404,
    'a blob is not served as a manifest');
$t->push_image('library/other', 'v1', layers => ['other']);
is($t->get("/v2/library/other/blobs/$blob", auth => 'admin')->status, 404,
    'a blob of another repository is not here');

# sha512 throughout.
my $d512 = $t->push_blob('library/app', 'content', digest => sha512('content'));
same_headers($t->get("$b/$d512"), $d512, 'application/octet-stream', 7,
    'GET sha512 blob');
my $bytes = $image->{bytes};
$r = $t->put("$m/" . sha512($bytes), auth => 'admin', body => $bytes,
    headers => ['Content-Type' =>
        'application/vnd.oci.image.manifest.v1+json']);
is($r->status, 201, 'a manifest by sha512');
is($r->header('Docker-Content-Digest'), sha512($bytes), 'and its digest');
is($t->get("$m/" . sha512($bytes))->header('Docker-Content-Digest'),
    sha512($bytes), 'the algorithm asked for comes back');

$t->finish();
