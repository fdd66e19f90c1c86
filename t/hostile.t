#!/usr/bin/perl

# Clients that mean harm, or vanish: gone at any byte, two writers at once,
# links planted in the storage, hash states altered in the database, header
# injection by what was stored, floods of ranges, sessions and tiny chunks.

use warnings;
use strict;

use POSIX ();
use Test::More;
use Time::HiRes qw/ time /;

use lib 't/lib';
use Test::Registry;

my $t = Test::Registry->new();
my $dir = $t->dir();
my $blobs = "$dir/data/blobs";
my $repo = 'library/hostile';
my @a = (auth => 'admin');
my $type = 'application/vnd.oci.image.manifest.v1+json';

$t->write_conf(undef, extra => 'uploads_max  40;');
$t->run();

sub bytes {
    my ($size) = @_;
    my $line = join ' ', rand, rand, "\n";
    return substr $line x (1 + $size / length $line), 0, $size;
}

sub path_of {
    my ($digest) = @_;
    my ($row) = $t->sql("SELECT locator FROM blob WHERE digest = '$digest'");
    return "$blobs/$row->{locator}";
}

sub segment_of {
    my ($location) = @_;
    my ($id) = $location =~ m{([^/]+)$};
    my ($row) = $t->sql("SELECT segments FROM upload WHERE id = '$id'");
    $row->{segments} =~ /^([^:]+):/ or die "no segment: $row->{segments}\n";
    return "$blobs/$1";
}

sub pulls {
    my ($digest, $data, $what) = @_;
    my $r = $t->get("/v2/$repo/blobs/$digest", @a);
    is($r->status, 200, "$what: there");
    ok($r->body eq $data, "$what: right");
    return;
}

# PUT of the rest, as a client does that lost its connection: where the
# session stands is asked each time.
sub finish_upload {
    my ($location, $data, $what) = @_;
    my $last;
    my $try = 0;
    my $ok = eval {
        wait_until(sub {
            my $r = $t->get($location, @a);
            my ($had) = ($r->header('Range') // '') =~ /^0-(\d+)$/;
            return 0 if !defined $had;
            # "0-0" stands for nothing, and for one byte.
            $had = $had ? $had + 1 : $try++ % 2;
            my $rest = substr $data, $had;
            $last = $t->put($t->with_query($location, 'digest',
                sha256($data)), @a, body => $rest, headers => [length $rest
                    ? ('Content-Range' => "$had-" . (length($data) - 1))
                    : ()]);
            return $last->status == 201;
        }, 15, 'the session to be finished')
    };
    ok($ok, "$what: goes on to its end")
        or diag $last ? $last->status . $last->body : 'no session';
    return;
}

# Nothing hangs, nothing is leased, each file has a row.
sub settled {
    my ($what) = @_;

    my @loose;
    my $ok = eval {
        wait_until(sub {
            my $m = $t->get('/metrics')->body;
            return 0 if $m !~ /^registry_uploads_in_progress 0$/m
                || $m =~ /in_flight_requests\{handler="blob\w*"\} [1-9]/;
            my ($row) = $t->sql('SELECT count(*) AS n FROM upload
                WHERE lease_until > 1');
            return 0 if $row->{n};
            my %named = map { $_->{l} => 1 } $t->sql('SELECT locator AS l
                FROM blob UNION ALL SELECT locator FROM orphan');
            $named{$_} = 1 for map { $_->{segments} =~ /^([^:]+):/mg }
                $t->sql('SELECT segments FROM upload');
            @loose = grep { -f "$blobs/$_" && !$named{$_} }
                map { substr $_, length "$blobs/" } glob "$blobs/??/*";
            return !@loose;
        }, 15, 'everything to settle')
    };
    ok($ok, "$what: no lease, no file without a row") or diag "$@ @loose";
    return;
}

# --- gone at any byte ------------------------------------------------------

# Offsets at which a request of so many bytes of head and body is cut.
sub cuts {
    my ($head, $body) = @_;
    my %at = map { $_ => 1 } (map { $_ * 29 } 0 .. $head / 29),
        $head - 3 .. $head + 3, map { $head + $_ } grep { $_ <= $body }
            63, 64, 65, 1023, 4096, 16383, 16384, 65536, 131071, 262143,
            262144, 262145, 300_000, $body - 1, $body;
    return sort { $a <=> $b } keys %at;
}

# Sends the first bytes of a request and vanishes: politely, or by a reset.
my $vanished = 0;

sub vanish {
    my ($request, $at) = @_;
    my $c = $t->connect();
    $c->send(substr $request, 0, $at) if $at;
    $vanished++ % 2 ? $c->abort() : $c->close();
    return;
}

subtest 'gone at any byte of a PATCH' => sub {
    my $size = 350_000;
    my $probe = $t->request_bytes('PATCH', $t->start_upload($repo), @a,
        body => 'x' x $size);

    for my $at (cuts(length($probe) - $size, $size)) {
        my $data = bytes($size);
        my $location = $t->start_upload($repo);
        vanish($t->request_bytes('PATCH', $location, @a, body => $data), $at);
        finish_upload($location, $data, "at $at");
    }
    settled('PATCH');
};

subtest 'gone at any byte of a PUT' => sub {
    my $size = 300_001;
    my $data = bytes($size);
    my $first = substr $data, 0, 1000;
    my $location = $t->start_upload($repo);
    my $target = $t->with_query($location, 'digest', sha256($data));
    my $probe = $t->request_bytes('PUT', $target, @a, body => 'x' x $size);

    for my $at (cuts(length($probe) - $size, $size - 1)) {
        my $body = $data . $at;
        my $l = $t->start_upload($repo);
        $t->patch($l, @a, body => $first)->status == 202 or die 'PATCH';
        my $put = $t->request_bytes('PUT', $t->with_query($l, 'digest',
            sha256($body)), @a, body => substr $body, 1000);
        next if $at >= length $put;
        vanish($put, $at);
        finish_upload($l, $body, "at $at");
    }
    settled('PUT');
};

subtest 'gone at any byte of a POST, of a manifest, of a download' => sub {
    my $size = 300_001;
    my $data = bytes($size);
    my $digest = sha256($data);
    my $post = $t->request_bytes('POST',
        "/v2/$repo/blobs/uploads/?digest=$digest", @a, body => $data);
    vanish($post, $_) for cuts(length($post) - $size, $size - 1);
    settled('POST');
    is($t->get("/v2/$repo/blobs/$digest", @a)->status, 404, 'no blob of it');

    my $config = $t->push_blob($repo, "{}\n");
    my $manifest = $t->json_bytes({ schemaVersion => 2, mediaType => $type,
        config => $t->descriptor('application/x-config', "{}\n"),
        layers => [] });
    my $put = $t->request_bytes('PUT', "/v2/$repo/manifests/cut", @a,
        headers => ['Content-Type' => $type], body => $manifest);
    vanish($put, $_) for 1 .. length($put) - 1;
    settled('manifest');
    is($t->get("/v2/$repo/manifests/cut", @a)->status, 404, 'no manifest');
    is($t->push_manifest($repo, 'cut', $manifest), sha256($manifest),
        'until all of it came');

    $t->push_blob($repo, $data);
    for my $take (0, 1, 10, 100, 1000, 100_000, $size) {
        my $c = $t->connect();
        $c->send($t->request_bytes('GET', "/v2/$repo/blobs/$digest", @a));
        my $had = 0;
        while ($had < $take && sysread $c->socket(), my $piece,
            $take - $had < 4096 ? $take - $had : 4096)
        {
            $had += length $piece;
        }
        $c->abort();
    }
    settled('download');
    pulls($digest, $data, 'after all that');
};

# --- two at once -----------------------------------------------------------

subtest 'PATCH, PUT and DELETE during a PUT' => sub {
    my $data = bytes(500_000);
    my $location = $t->start_upload($repo);
    my $target = $t->with_query($location, 'digest', sha256($data));
    $t->patch($location, @a, body => substr $data, 0, 1000);

    my $c = $t->connect();
    $c->send($t->request_bytes('PUT', $target, @a, headers =>
        ['Content-Length' => length($data) - 1000]),
        substr $data, 1000, 300_000);
    wait_until(sub {
        ($t->sql('SELECT count(*) AS n FROM upload WHERE lease_until <> 0'))
            [0]{n}
    }, 10, 'the lease');
    is($t->patch($location, @a, body => 'evil')->status, 409, 'PATCH');
    is($t->put($target, @a, body => 'evil')->status, 409, 'another PUT');
    $c->send(substr $data, 301_000);
    is($c->response()->status, 201, 'the PUT is not disturbed');
    pulls(sha256($data), $data, 'PUT');

    # Two first writers: whoever commits, commits its own bytes.
    $location = $t->start_upload($repo);
    my $mine = bytes(400_000);
    $c = $t->connect();
    $c->send($t->request_bytes('PUT', $t->with_query($location, 'digest',
        sha256($mine)), @a, headers => ['Content-Length' => length $mine]),
        substr $mine, 0, 200_000);
    wait_until(sub {
        $t->get('/metrics')->body =~ /^registry_uploads_in_progress 1$/m
    }, 10, 'the PUT to begin');
    is($t->patch($location, @a, body => 'evil' x 1000)->status, 202,
        'a PATCH overtakes a first PUT');
    $c->send(substr $mine, 200_000);
    like($c->response()->status, qr/^4(?:09|16)$/, 'which is told so');
    is($t->get("/v2/$repo/blobs/" . sha256($mine), @a)->status, 404,
        'no blob of it');
    is($t->put($t->with_query($location, 'digest', sha256('evil' x 1000)), @a)
        ->status, 201, 'the PATCH counts');

    $location = $t->start_upload($repo);
    $target = $t->with_query($location, 'digest', sha256($mine));
    $t->patch($location, @a, body => substr $mine, 0, 1000);
    $c = $t->connect();
    $c->send($t->request_bytes('PUT', $target, @a, headers =>
        ['Content-Length' => length($mine) - 1000]),
        substr $mine, 1000, 200_000);
    wait_until(sub {
        ($t->sql('SELECT count(*) AS n FROM upload WHERE lease_until <> 0'))
            [0]{n}
    }, 10, 'the lease');
    my $cancelled = $t->delete($location, @a)->status;
    $c->send(substr $mine, 201_000);
    my $r = $c->response();
    is("$cancelled " . $r->status, $cancelled == 204 ? '204 404' : '409 201',
        'DELETE during a PUT: one of them counts');
    is($t->get("/v2/$repo/blobs/" . sha256($mine), @a)->status,
        $cancelled == 204 ? 404 : 200, 'and no half');
    settled('two at once');
};

# --- what is planted below the root ----------------------------------------

subtest 'links and others in place of a blob' => sub {
    my $data = bytes(5000);
    my $secret = 's' x 5000;
    $t->write_file('outside/secret', $secret);

    my $check = sub {
        my ($digest, $what) = @_;
        my $r = $t->get("/v2/$repo/blobs/$digest", @a, timeout => 5);
        is($r->status, 503, "$what: 503");
        unlike($r->body, qr/sss/, 'and no secret');
        return;
    };

    my $digest = $t->push_blob($repo, $data);
    my $path = path_of($digest);
    rename $path, "$path.kept" or die;
    symlink "$dir/outside/secret", $path or die;
    $check->($digest, 'a link to a file');
    unlink $path;
    symlink "$path.kept", $path or die;
    $check->($digest, 'a link even to a file below the root');
    unlink $path;
    POSIX::mkfifo($path, 0666) or die;
    chmod 0666, $path;
    $check->($digest, 'a FIFO');
    unlink $path;
    mkdir $path or die;
    $check->($digest, 'a folder');
    rmdir $path;
    rename "$path.kept", $path or die;
    pulls($digest, $data, 'the file again');

    my ($shard) = $path =~ m{^(.*)/};
    my ($name) = $path =~ m{([^/]+)$};
    rename $shard, "$dir/outside/shard" or die;
    symlink "$dir/outside/shard", $shard or die;
    $check->($digest, 'a link in place of the folder');
    unlink $shard;
    rename "$dir/outside/shard", $shard or die;
    pulls($digest, $data, 'the folder again');
};

subtest 'links in place of an upload' => sub {
    for my $kind ('symbolic', 'hard', 'FIFO') {
        my $location = $t->start_upload($repo);
        $t->patch($location, @a, body => 'x' x 100)->status == 202 or die;
        my $victim = $t->write_file("data/victim", 'v' x 100);
        $t->give($victim);
        my $path = segment_of($location);
        unlink $path or die;
        my $made = $kind eq 'symbolic' ? symlink $victim, $path
            : $kind eq 'hard' ? link $victim, $path
            : POSIX::mkfifo($path, 0666);
        $made or die "cannot make $path: $!\n";
        $t->give($path) if $kind eq 'FIFO';

        my $r = $t->patch($location, @a, body => 'y' x 100, timeout => 5);
        is($r->status, 404, "$kind: the session is lost");
        $r = $t->put($t->with_query($location, 'digest',
            sha256('v' x 100)), @a, timeout => 5);
        is($r->status, 404, 'nor can it be committed');
        is($t->read_file('data/victim'), 'v' x 100, 'nothing was written');
        is($t->get("/v2/$repo/blobs/" . sha256('v' x 100), @a)->status, 404,
            'nothing was read');
        unlink $path;
    }
};

# --- what is altered in the database ---------------------------------------

subtest 'hash states' => sub {
    my $session = sub {
        my ($data) = @_;
        my $location = $t->start_upload($repo);
        $t->patch($location, @a, body => $data)->status == 202 or die;
        return ($location, $location =~ m{([^/]+)$});
    };
    my $bad = bytes(10_000);
    my ($other, $other_id) = $session->($bad);

    my %change = (
        'altered' => "substr(hash_state, 1, 5) || x'55' ||
            substr(hash_state, 7)",
        'of a later version' => "x'7f' || substr(hash_state, 2)",
        'of version 0' => "x'00' || substr(hash_state, 2)",
        'cut off' => 'substr(hash_state, 1, 20)',
        'too long' => 'hash_state || hash_state',
        'empty' => "x''",
        'gone' => 'NULL',
        'of another session' =>
            "(SELECT hash_state FROM upload WHERE id = '$other_id')",
    );

    for (sort keys %change) {
        my $data = bytes(10_000);
        my ($location, $id) = $session->($data);
        $t->sql("UPDATE upload SET hash_state = CAST($change{$_} AS BLOB)
            WHERE id = '$id'");
        my $r = $t->patch($location, @a, body => 'more');
        is($r->status, 202, "$_: PATCH goes on") or diag $r->body;
        $r = $t->put($t->with_query($location, 'digest',
            sha256("${data}more")), @a);
        is($r->status, 201, 'hashed again, and right') or diag $r->body;
        pulls(sha256("${data}more"), "${data}more", $_);
    }

    my $data = bytes(10_000);
    my ($location, $id) = $session->($data);
    $t->sql("UPDATE upload SET hash_state =
        (SELECT hash_state FROM upload WHERE id = '$other_id')
        WHERE id = '$id'");
    is($t->put($t->with_query($location, 'digest', sha256($bad)), @a)->code,
        'DIGEST_INVALID', 'content under the digest of another session');
    is($t->get("/v2/$repo/blobs/" . sha256($bad), @a)->status, 404,
        'is not published');

    ($location, $id) = $session->($data);
    $t->sql("UPDATE upload SET size = 20000, segments =
        replace(segments, ':10000', ':20000') WHERE id = '$id'");
    is($t->put($t->with_query($location, 'digest', sha256($data)), @a)
        ->status, 404, 'an offset beyond the file: the session is lost');
    ($location, $id) = $session->($data);
    unlink segment_of($location);
    $t->sql("UPDATE upload SET segments = '../../../etc/passwd:10000' ||
        char(10) WHERE id = '$id'");
    my $r = $t->put($t->with_query($location, 'digest', sha256($data)), @a);
    cmp_ok($r->status, '>=', 400, 'a segment elsewhere: ' . $r->status);
    $t->sql("DELETE FROM upload WHERE id = '$id'");
    $t->delete($other, @a);
};

# --- headers ---------------------------------------------------------------

subtest 'header injection by what was stored' => sub {
    my $subject = $t->push_image($repo, 'subject');
    my $config = $t->push_blob($repo, "{}\n");
    my $n = 0;

    for my $evil ("a/b\r\nX-Injected: 1", "a/b\nX-Injected: 1", "a/b\0c",
        'a/b>; rel="next", <http://evil', 'a/b&n=1', "a/\xc3\xa9")
    {
        my @pushed;
        for (1 .. 3) {
            my $manifest = { schemaVersion => 2, mediaType => $type,
                artifactType => $evil,
                config => $t->descriptor('application/x-config', "{}\n"),
                layers => [], subject => $t->descriptor($type,
                    $subject->{bytes}),
                annotations => { "k\r\nX-Injected: 1" => "v\r\n", n => $n++ },
            };
            my $bytes = $t->json_bytes($manifest);
            my $r = $t->put("/v2/$repo/manifests/" . sha256($bytes), @a,
                body => $bytes, headers => ['Content-Type' => $type]);
            is($r->header('X-Injected'), undef, 'push');
            push @pushed, sha256($bytes) if $r->status == 201;
        }
        for my $target ("/v2/$repo/referrers/$subject->{digest}?n=1",
            "/v2/$repo/referrers/$subject->{digest}?n=1&artifactType="
                . $t->escape($evil),
            map { "/v2/$repo/manifests/$_" } @pushed)
        {
            my $r = $t->get($target, @a);
            is($r->header('X-Injected'), undef, 'no header came of it');
            my @links = $r->headers('Link');
            cmp_ok(scalar @links, '<=', 1, 'one Link at most');
            like($links[0],
                qr{^</v2/[\x21\x23-\x3b\x3d\x3f-\x7e]*>;\ rel="next"$}x,
                'of our own making') if @links;
        }
    }

    my $html = '<html><script>alert(1)</script></html>';
    my $r = $t->get("/v2/$repo/blobs/" . $t->push_blob($repo, $html), @a);
    is($r->header('Content-Type'), 'application/octet-stream', 'no HTML');
    is($r->header('X-Content-Type-Options'), 'nosniff', 'nor a guess at it');
};

# --- floods ----------------------------------------------------------------

subtest 'tiny chunks' => sub {
    my $location = $t->start_upload($repo);
    my ($id) = $location =~ m{([^/]+)$};
    my $c = $t->connect();
    my ($data, @seconds) = ('');

    for my $round (0 .. 4) {
        my $begin = time();
        for (1 .. 150) {
            my $byte = chr 65 + rand 26;
            $data .= $byte;
            $c->send($t->request_bytes('PATCH', $location, @a,
                headers => [Connection => 'keep-alive'], body => $byte));
            $c->response()->status == 202 or die "PATCH\n";
        }
        push @seconds, time() - $begin;
    }

    note(sprintf '150 PATCHes of a byte: %s s',
        join ' ', map { sprintf '%.2f', $_ } @seconds);
    # The quickest of the last ones: another program may take a round's time.
    my ($last) = sort { $a <=> $b } @seconds[2 .. 4];
    cmp_ok($last, '<', 4 * $seconds[0] + 0.5,
        'the last cost what the first did');
    my ($row) = $t->sql("SELECT length(segments) AS s, length(hash_state)
        AS h FROM upload WHERE id = '$id'");
    cmp_ok($row->{s}, '<', 64, 'one segment');
    cmp_ok($row->{h}, '<', 256, 'one state');
    is($t->put($t->with_query($location, 'digest', sha256($data)), @a)
        ->status, 201, 'and right');

    # A hundred thousand chunks in one body.
    $data = bytes(100_000);
    $location = $t->start_upload($repo);
    my $r = $t->patch($location, @a, chunks => [split //, $data]);
    is($r->header('Range'), '0-99999', 'chunks of a byte');
    is($t->put($t->with_query($location, 'digest', sha256($data)), @a)
        ->status, 201, 'and right');
};

# Refused before anything was written: nothing of it is kept.
subtest 'a database that is busy for long' => sub {
    my $data = bytes(1_000_000);
    my $digest = sha256($data);
    my @first = map { $t->start_upload($repo) } 1 .. 2;
    my $session = $t->start_upload($repo);
    $t->patch($session, @a, body => 'kept')->status == 202 or die 'PATCH';
    my @before = glob "$blobs/??/*";

    my @as = $> != 0 ? () : ('setpriv', '--reuid=' . getpwnam($t->user()),
        '--regid=' . (getpwnam $t->user())[3], '--init-groups', '--');
    open(my $lock, '|-', @as, 'sqlite3', '-batch', "$dir/data/registry.db")
        or die "sqlite3: $!\n";
    $lock->autoflush(1);
    print {$lock} "BEGIN IMMEDIATE;\n.output $dir/data/locked\nSELECT 1;\n"
        . ".output stdout\n";
    wait_until(sub { -s "$dir/data/locked" }, 20, 'the lock');

    my @waiting = map {
        my $c = $t->connect(timeout => 60);
        $c->send($t->request_bytes(@$_, @a, body => $data));
        $c;
    } ['POST', "/v2/$repo/blobs/uploads/?digest=$digest"],
        ['PUT', $t->with_query($first[0], 'digest', $digest)],
        ['PATCH', $first[1]], ['PATCH', $session];
    is($_->response()->status, 503, 'busy') for @waiting;
    print {$lock} "ROLLBACK;\n.quit\n";
    close $lock;

    settled('busy');
    is(scalar(() = glob "$blobs/??/*"), scalar(@before), 'no file more');
    is($t->patch($session, @a, body => 'more')->header('Range'), '0-7',
        'the session goes on');
    is($t->put($t->with_query($first[0], 'digest', $digest), @a,
        body => $data)->status, 201, 'and so does the other');
    pulls($digest, $data, 'afterwards');
};

subtest 'sessions' => sub {
    my $many = 'library/many';
    my @open = map { $t->start_upload($many) } 1 .. 40;
    my $r = $t->post("/v2/$many/blobs/uploads/", @a);
    is($r->status, 429, 'one more than uploads_max');
    is($r->code, 'TOOMANYREQUESTS', 'with JSON');
    $r = $t->post("/v2/$many/blobs/uploads/?mount=" . sha256('no')
        . "&from=$repo", @a);
    is($r->status, 429, 'nor by a mount that finds nothing');
    is($t->post("/v2/$many/blobs/uploads/?digest=" . sha256('one'), @a,
        body => 'one')->status, 201, 'a push without a session goes on');
    is($t->put($t->with_query($open[0], 'digest', sha256('two')), @a,
        body => 'two')->status, 201, 'one is finished');
    is($t->post("/v2/$many/blobs/uploads/", @a)->status, 202, 'room again');
    is(($t->sql('SELECT count(*) AS n FROM upload u JOIN repository r
        ON r.id = u.repository_id WHERE r.name = ' . "'$many'"))[0]{n}, 40,
        'no more rows than that');
    $t->delete($_, @a) for @open;

    # In very many repositories: the tenfold, and nothing stays of them.
    my $count = sub {
        return ($t->sql("SELECT count(*) AS n FROM $_[0]"))[0]{n};
    };
    my ($had, $repositories) = map { $count->($_) } qw/ upload repository /;
    @open = ();
    my $i = 0;
    while ($i++ < 401) {
        $r = $t->post("/v2/library/flood$i/blobs/uploads/", @a);
        last if $r->status != 202;
        push @open, $t->location($r);
    }
    is($r->status, 429, 'one more than ten times uploads_max');
    is(@open + $had, 400, 'in all');
    is($count->('repository'), $repositories + @open, 'one of each');
    is($t->post("/v2/library/flood1/blobs/uploads/?digest=" . sha256('kept'),
        @a, body => 'kept')->status, 201, 'one gets content');
    my $last = pop @open;
    $t->delete($_, @a) for @open;
    $t->sql("UPDATE upload SET expires_at = 1 WHERE id = '"
        . ($last =~ s{.*/}{}r) . "'");
    $t->jobrunner_ok(qw/ job run upload-expire /);
    is($count->('repository'), $repositories + 1, 'which stays alone');
};

# An index in an index in an index: nothing here may call itself for each.
subtest 'nested indexes' => sub {
    my $deep = 'library/deep';
    my $media = $Test::Registry::OCI::media_index;
    my $levels = 1001;
    my $put = sub {
        my ($reference, @children) = @_;
        my $bytes = $t->json_bytes({ schemaVersion => 2, mediaType => $media,
            annotations => { level => $reference },
            manifests => [ map { { mediaType => $media, digest => sha256($_),
                size => length $_ } } @children ] });
        my $r = $t->put("/v2/$deep/manifests/"
            . ($reference eq 'child' ? sha256($bytes) : $reference), @a,
            headers => ['Content-Type' => $media], body => $bytes);
        return ($r, $bytes);
    };

    my ($r, $child) = $put->('child');
    for my $level (2 .. $levels - 1) {
        ($r, $child) = $put->('child', $child);
        last if $r->status != 201;
    }
    is($r->status, 201, 'pushed by digest, level by level');
    ($r, my $top) = $put->('top', $child);
    is($r->status, 201, 'and the top with a tag');
    ok($t->get("/v2/$deep/manifests/top", @a)->body eq $top, 'pulled');
    is($t->get("/api/v2.0/projects/library/repositories/deep/artifacts/top",
        @a)->status, 200, 'as an artifact');
    is($t->get("/api/v2.0/projects/library/repositories/deep/artifacts",
        @a)->header('X-Total-Count'), 1, 'children are not listed');

    # One child very often; a child that is not there, as the index itself
    # cannot be when it is pushed.
    ($r) = $put->('often', ($child) x 1000);
    is($r->status, 201, 'a thousand times the same child');
    my $no = $t->json_bytes({ schemaVersion => 2, mediaType => $media,
        manifests => [ { mediaType => $media, size => 7,
            digest => sha256('itself') } ] });
    is($t->put("/v2/$deep/manifests/self", @a, body => $no,
        headers => ['Content-Type' => $media])->status, 404,
        'a child that is unknown');

    is($t->delete("/v2/$deep/manifests/$_", @a)->status, 202, 'deleted')
        for 'often', sha256($top);
    is($t->get("/v2/$deep/manifests/top", @a)->status, 404, 'and gone');
    is($t->get("/v2/$deep/manifests/" . sha256($child), @a)->status, 200,
        'its child stays');
    $t->sql("UPDATE manifest SET trash_until = 1
        WHERE trash_until IS NOT NULL");
    $t->jobrunner_ok(qw/ job run reclaim /);
    $t->check_invariants('all is well');
};

subtest 'ranges' => sub {
    my $data = bytes(100_000);
    my $url = "/v2/$repo/blobs/" . $t->push_blob($repo, $data);
    my $ask = sub {
        return $t->get($url, @a, headers => [Range => 'bytes='
            . join ',', map { $_[0]->($_) } 1 .. 1000]);
    };
    my $r = $ask->(sub { '0-' });
    is($r->status, 200, 'a thousand times the whole: once');
    ok($r->body eq $data, 'the bytes');
    $r = $ask->(sub { '0-99998' });
    is($r->status, 200, 'overlapping: once');
    is(length $r->body, 100_000, 'and no more');
    $r = $ask->(sub { $_[0] . '-' . $_[0] });
    like($r->status, qr/^20[06]$/, 'a thousand single bytes');
    cmp_ok(length $r->body, '<', 300_000, 'are no flood');
    like($t->get($url, @a, headers => [Range => 'bytes='
        . '0-1,' x 9000])->status, qr/^4\d\d$/, 'more than a header holds');
};

subtest 'numbers' => sub {
    for my $list ("/v2/$repo/tags/list", '/v2/_catalog') {
        for my $n ('2147483647', '9223372036854775807',
            '18446744073709551616', '9' x 300, '-1', 'abc', '1e9', '0x10')
        {
            my $r = $t->get("$list?n=$n", @a);
            like($r->status, qr/^(?:200|400)$/, "$list?n=" . substr $n, 0, 30);
        }
    }
};

settled('in the end');
is($t->get('/v2/', @a)->status, 200, 'the registry is well');
$t->finish();
