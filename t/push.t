# Push of blobs: every way the specification and the clients know, and every
# way it goes wrong (distribution-spec "Push").

use warnings;
use strict;

use lib 't/lib';
use Test::More;
use Test::Registry;

my $t = Test::Registry->new();
$t->write_conf();
$t->run();

my @a = (auth => 'admin');
my $repo = 'library/push';
my $n = 0;
my $uuid = qr/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/;

sub bytes { return sprintf("content %d ", ++$n) . 'x' x ($_[0] // 10) }

sub stored {
    my ($digest, $bytes, $what) = @_;
    my $r = $t->get("/v2/$repo/blobs/$digest", @a);
    is($r->status, 200, "$what: there");
    is($r->body, $bytes, "$what: the bytes");
    return;
}

sub created {
    my ($r, $digest, $what) = @_;
    is($r->status, 201, "$what: 201") or diag $r->body;
    is($t->location($r), "/v2/$repo/blobs/$digest", "$what: Location");
    is($r->header('Docker-Content-Digest'), $digest, "$what: digest");
    return;
}

sub session {
    my ($r, $what, $size) = @_;
    like($t->location($r), qr{^/v2/\Q$repo\E/blobs/uploads/$uuid$},
        "$what: Location without a query");
    like($r->header('Docker-Upload-UUID'), qr/^$uuid$/, "$what: id");
    is($r->header('Range'), '0-' . ($size > 0 ? $size - 1 : 0),
        "$what: Range");
    return $t->location($r);
}

sub finish_upload {
    my ($location, $digest, %opt) = @_;
    return $t->put($t->with_query($location, 'digest', $digest), @a, %opt);
}

subtest 'POST, PUT' => sub {
    my $data = bytes(100_000);
    my $r = $t->post("/v2/$repo/blobs/uploads/", @a);
    is($r->status, 202, 'POST: 202');
    is($r->header('Content-Length'), 0, 'empty');
    my $location = session($r, 'POST', 0);
    created(finish_upload($location, sha256($data), body => $data),
        sha256($data), 'PUT');
    stored(sha256($data), $data, 'PUT');
    is($t->get($location, @a)->status, 404, 'the session is over');
    is($t->get($location, @a)->code, 'BLOB_UPLOAD_UNKNOWN', 'and said so');
};

subtest 'POST, PATCH of one stream, PUT' => sub {
    my $data = bytes(700_000);
    for my $how (['length', body => $data],
        ['chunked', chunks => [unpack '(a65000)*', $data]])
    {
        my ($what, @body) = @$how;
        my $location = session($t->post("/v2/$repo/blobs/uploads/", @a),
            'POST', 0);
        my $r = $t->patch($location, @a, @body);
        is($r->status, 202, "PATCH $what: 202");
        session($r, "PATCH $what", length $data);
        $r = $t->get($location, @a);
        is($r->status, 204, 'status: 204');
        is($r->header('Content-Length'), undef, 'status: no length');
        session($r, 'status', length $data);
        created(finish_upload($location, sha256($data)), sha256($data),
            "PUT after $what");
        stored(sha256($data), $data, $what);
    }
};

subtest 'several chunks, the last one in PUT' => sub {
    my @part = map { bytes($_) } 1000, 300_000, 1, 5000;
    my $all = join '', @part;
    my $location = session($t->post("/v2/$repo/blobs/uploads/", @a), 'POST',
        0);
    my $at = 0;
    my $range = sub {
        my $size = length $_[0];
        my $value = $at . '-' . ($at + $size - 1);
        $at += $size;
        return [ 'Content-Range' => $value ];
    };
    for my $part (@part[0 .. 2]) {
        my $r = $t->patch($location, @a, body => $part,
            headers => $range->($part));
        is($r->status, 202, 'PATCH: 202');
        session($r, 'PATCH', $at);
    }
    created(finish_upload($location, sha256($all), body => $part[3],
        headers => $range->($part[3])), sha256($all), 'PUT');
    stored(sha256($all), $all, 'chunks');
};

subtest 'chunks out of order' => sub {
    my $location = session($t->post("/v2/$repo/blobs/uploads/", @a), 'POST',
        0);
    my $data = bytes(1000);
    my $size = length $data;
    my $check = sub {
        my ($r, $what, $have) = @_;
        is($r->status, 416, "$what: 416");
        session($r, $what, $have);
    };
    $check->($t->patch($location, @a, body => $data, headers =>
        ['Content-Range' => '5-' . ($size + 4)]), 'not from 0', 0);
    is($t->patch($location, @a, body => $data, headers =>
        ['Content-Range' => '0-' . ($size - 1)])->status, 202, 'in order');
    $check->($t->patch($location, @a, body => $data, headers =>
        ['Content-Range' => '0-' . ($size - 1)]), 'again', $size);
    $check->($t->patch($location, @a, body => 'x', headers =>
        ['Content-Range' => ($size + 1) . '-' . ($size + 1)]), 'a gap',
        $size);
    $check->(finish_upload($location, sha256($data), body => 'x',
        headers => ['Content-Range' => '0-0']), 'the last one', $size);
    is($t->patch($location, @a, body => 'x', headers =>
        ['Content-Range' => "$size-" . ($size + 4)])->status, 400,
        'Content-Range and Content-Length that disagree');
    for my $bad ('5', 'a-b', '3-1', '0-99999999999999999999', '-5', '') {
        my $r = $t->patch($location, @a, body => 'x', headers =>
            ['Content-Range' => $bad]);
        ok($r->status == 416 || $r->status == 400,
            "Content-Range \"$bad\": " . $r->status);
    }
    created(finish_upload($location, sha256($data)), sha256($data),
        'the session is intact');
    stored(sha256($data), $data, 'in the end');
};

subtest 'a single POST' => sub {
    my $data = bytes(50_000);
    created($t->post("/v2/$repo/blobs/uploads/?digest=" . sha256($data), @a,
        body => $data), sha256($data), 'POST');
    stored(sha256($data), $data, 'single POST');
};

subtest 'sha512, announced or not' => sub {
    for my $query ('', '?digest-algorithm=sha512') {
        for my $patch (0, 1) {
            my $data = bytes(20_000);
            my $location = session($t->post(
                "/v2/$repo/blobs/uploads/$query", @a), 'POST', 0);
            my @body = (body => $data);
            if ($patch) {
                is($t->patch($location, @a, @body)->status, 202, 'PATCH');
                @body = ();
            }
            created(finish_upload($location, sha512($data), @body),
                sha512($data), "sha512 \"$query\" patch $patch");
            stored(sha512($data), $data, 'sha512');
        }
    }
    my $data = bytes(1000);
    my $location = $t->location($t->post(
        "/v2/$repo/blobs/uploads/?digest-algorithm=sha512", @a));
    created(finish_upload($location, sha256($data), body => $data),
        sha256($data), 'sha512 announced, sha256 in the end');
    is($t->post("/v2/$repo/blobs/uploads/?digest-algorithm=md5", @a)->status,
        400, 'an unknown algorithm');
};

subtest 'mount' => sub {
    my $data = bytes();
    my $digest = $t->push_blob('library/source', $data);
    my $target = "/v2/$repo/blobs/uploads/?mount=$digest";
    created($t->post("$target&from=library/source", @a), $digest, 'mount');
    stored($digest, $data, 'mount');

    $data = bytes();
    $digest = $t->push_blob('library/source', $data);
    created($t->post("/v2/$repo/blobs/uploads/?mount=$digest", @a), $digest,
        'mount without from');
    my $none = sha256('never pushed');
    for my $query ("mount=$none&from=library/source", "mount=$none",
        "mount=$digest&from=library/nowhere", "mount=$digest&from=nowhere/x",
        "mount=$digest&from=BAD/none", "mount=$digest&from=library/../source",
        "mount=$digest&from=")
    {
        my $r = $t->post("/v2/library/target/blobs/uploads/?$query", @a);
        ok($r->status == 202 || $query =~ /from=$/, "$query: a session");
    }
    is($t->post("/v2/$repo/blobs/uploads/?mount=sha256:zz&from=a/b", @a)
        ->status, 400, 'a bad digest');
};

subtest 'digest mismatch' => sub {
    my $data = bytes();
    my $wrong = sha256('something else');
    my $check = sub {
        my ($r, $what) = @_;
        is($r->status, 400, "$what: 400");
        is($r->code, 'DIGEST_INVALID', "$what: code");
        is($t->head("/v2/$repo/blobs/$wrong", @a)->status, 404,
            "$what: nothing under the wrong digest");
        is($t->head("/v2/$repo/blobs/" . sha256($data), @a)->status, 404,
            "$what: nothing under the right one");
    };
    my $start = sub { $t->start_upload($repo) };
    $check->(finish_upload($start->(), $wrong, body => $data), 'POST PUT');
    my $l = $start->();
    $t->patch($l, @a, body => $data);
    $check->(finish_upload($l, $wrong), 'POST PATCH PUT');
    $l = $start->();
    $t->patch($l, @a, body => substr($data, 0, 5), headers =>
        ['Content-Range' => '0-4']);
    $check->(finish_upload($l, $wrong, body => substr($data, 5)), 'chunks');
    $check->($t->post("/v2/$repo/blobs/uploads/?digest=$wrong", @a,
        body => $data), 'single POST');
    $check->(finish_upload($start->(), sha512('other'), body => $data),
        'sha512');
    for my $bad ('', 'sha256:', 'sha256:abc', 'md5:' . 'a' x 32,
        uc sha256($data), 'sha256:../../etc', "$wrong&digest=$wrong")
    {
        my $r = $t->put($start->() . "?digest=$bad", @a, body => $data);
        is($r->status, 400, "digest \"$bad\": 400");
    }
    is($t->put($start->(), @a, body => $data)->status, 400, 'no digest');
};

subtest 'cancel' => sub {
    my $l = $t->start_upload($repo);
    $t->patch($l, @a, body => 'abc');
    my $r = $t->delete($l, @a);
    is($r->status, 204, 'DELETE: 204');
    is($t->get($l, @a)->status, 404, 'gone');
    is($t->delete($l, @a)->status, 404, 'twice');
    is($t->patch($l, @a, body => 'd')->status, 404, 'no more chunks');
};

subtest 'ids' => sub {
    my $l = $t->start_upload($repo);
    my ($id) = $l =~ /($uuid)$/;
    for my $bad ('x', '..', '0' x 36, uc $id, "$id-", substr($id, 1),
        'ffffffff-ffff-7fff-bfff-ffffffffffff')
    {
        my $r = $t->get("/v2/$repo/blobs/uploads/$bad", @a);
        like($r->status, qr/^40[04]$/, "id \"$bad\": " . $r->status);
    }
    is($t->get("/v2/library/other/blobs/uploads/$id", @a)->status, 404,
        'the session belongs to its repository');
    is($t->get($l, @a)->status, 204, 'and is untouched');
};

subtest 'client gone, session goes on' => sub {
    my $data = bytes(600_000);
    my $l = $t->start_upload($repo);
    my $c = $t->connect();
    my $size = length $data;
    $c->send("PATCH $l HTTP/1.1\r\nHost: x\r\nAuthorization: "
        . $t->authorization('admin') . "\r\nContent-Length: $size\r\n\r\n"
        . substr($data, 0, 400_000));
    $c->close();
    my $have;
    wait_until(sub {
        my $r = $t->get($l, @a);
        ($have) = $r->header('Range') =~ /^0-(\d+)$/;
        return $have > 0;
    }, 20, 'the bytes to be acknowledged');
    $have++;
    cmp_ok($have, '<=', 400_000, "kept $have bytes");
    my $r = $t->patch($l, @a, body => substr($data, $have),
        headers => ['Content-Range' => "$have-" . ($size - 1)]);
    is($r->status, 202, 'goes on from there');
    created(finish_upload($l, sha256($data)), sha256($data), 'PUT');
    stored(sha256($data), $data, 'resumed');
};

subtest 'restart of nginx between chunks' => sub {
    my $data = bytes(300_000);
    my $l = $t->start_upload($repo);
    is($t->patch($l, @a, body => substr($data, 0, 100_001))->status, 202,
        'first chunk');
    $t->kill_nginx();
    $t->start_nginx();
    session($t->get($l, @a), 'after kill -9', 100_001);
    is($t->patch($l, @a, body => substr($data, 100_001))->status, 202,
        'second chunk');
    created(finish_upload($l, sha256($data)), sha256($data), 'PUT');
    stored(sha256($data), $data, 'over a restart');
};

subtest 'two writers of one session' => sub {
    my $first = bytes(500_000);
    my $l = $t->start_upload($repo);
    my @c = map { $t->connect() } 1 .. 2;
    my $size = length $first;
    my $head = "PATCH $l HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        . 'Authorization: ' . $t->authorization('admin')
        . "\r\nContent-Length: $size\r\n\r\n";
    $_->send($head . substr($first, 0, 100_000)) for @c;
    $_->send(substr($first, 100_000)) for @c;
    my @status = sort map { my $r = $_->response('PATCH');
        $r ? $r->status : 0 } @c;
    is($status[0], 202, 'one of them wins');
    like($status[1], qr/^(?:409|416)$/, 'the other is told');
    session($t->get($l, @a), 'status', $size);
    created(finish_upload($l, sha256($first)), sha256($first), 'PUT');
    stored(sha256($first), $first, 'two writers');
};

# What frames the chunks fills the end of a read buffer, while a thread still
# writes what stands before it: the buffer must not be used again yet.
subtest 'chunk framing at the end of a buffer' => sub {
    my ($first, $second) = (0x1ff0, 0x1000);
    my $bad = 0;
    for my $n (1 .. 150) {
        my $data = join '', map { chr(33 + ($n * 7 + $_ * $_ / 97) % 90) }
            1 .. $first + $second;
        my $l = $t->start_upload($repo);
        my $c = $t->connect();
        setsockopt($c->socket(), 6, 1, 1);
        $c->send("PATCH $l HTTP/1.1\r\nHost: x\r\nAuthorization: "
            . $t->authorization('admin')
            . "\r\nTransfer-Encoding: chunked\r\n\r\n");
        # 8192 bytes in all up to the second size.
        $c->send(sprintf("%x\r\n", $first) . substr($data, 0, $first));
        $c->send(sprintf("\r\n%06x\r\n", $second));
        $c->send(substr($data, $first) . "\r\n0\r\n\r\n");
        my $r = $c->response('PATCH');
        $c->close();
        $bad++ if $r->status != 202
            || finish_upload($l, sha256($data))->status != 201;
    }
    is($bad, 0, 'every digest is right');
};

subtest 'an empty blob' => sub {
    my $l = $t->start_upload($repo);
    created(finish_upload($l, sha256('')), sha256(''), 'PUT');
    my $r = $t->get("/v2/$repo/blobs/" . sha256(''), @a);
    is($r->status, 200, 'pulled');
    is($r->body, '', 'empty');
    $l = $t->start_upload($repo);
    is($t->patch($l, @a)->status, 202, 'PATCH of nothing');
    created(finish_upload($l, sha256('')), sha256(''), 'again');
};

subtest 'the same content twice' => sub {
    my $data = bytes(1000);
    $t->push_blob($repo, $data) for 1 .. 2;
    stored(sha256($data), $data, 'twice');
    is(scalar($t->sql("SELECT id FROM blob WHERE digest = '"
        . sha256($data) . "'")), 1, 'one row');
};

$t->finish();
