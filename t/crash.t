# kill -9 at each named point (CR_CRASH in the sources) of pushes, deletions
# and jobs: of one worker, of nginx as a whole, of the job runner. A client
# then goes on where it was, what was acknowledged is there, the invariants
# hold, and what the crash left is swept. Needs the build "crash"; a point in
# the sources that no case here reaches fails the test.

use warnings;
use strict;

BEGIN { $ENV{TEST_REGISTRY_BUILD} = 'crash' }

use lib 't/lib';
use File::Find ();
use Test::More;
use Test::Registry;
use Test::Registry::Clients;

my $t = Test::Registry->new();
my $dir = $t->dir();
my $arm = "$dir/crash/at";

mkdir "$dir/crash";
$t->give("$dir/crash");
$ENV{CR_CRASH_AT} = $arm;

$t->write_conf(<<'END');
%%GLOBALS%%
env CR_CRASH_AT;
worker_processes  2;

events {
    worker_connections  512;
}

http {
    %%HTTP%%
    registry_instance main {
        %%INSTANCE%%
        gc { trash 0s; grace 0s; }
    }

    server {
        listen  127.0.0.1:%%PORT_0%%;

        %%LOCATIONS%%
    }
}
END
# The master is no other user than its workers: one of them kills them all.
$t->give($dir);
$t->{nginx_user} = $t->user();
$t->run(jobrunner => 0);
$t->allow_log(qr/worker process \d+ exited on signal 9/);

my %reached;        # points where something was killed
my @expect;         # what was acknowledged

# --- arming ----------------------------------------------------------------

my $victim = 'self';

sub arm {
    my ($point, $n, $who) = @_;
    $victim = $who;
    unlink "$arm.hits";
    $t->write_file('crash/new', "$point $n $victim\n");
    $t->give("$dir/crash/new");
    rename "$dir/crash/new", $arm or die "rename: $!\n";
    return;
}

sub armed { return -e $arm }

# --- a client that does not give up ----------------------------------------

sub sql_one {
    my ($row) = $t->sql(@_);
    return $row ? (values %$row)[0] : undef;
}

# One request; undef when the server died under it, which then runs again.
sub try_http {
    my ($method, $target, @opt) = @_;

    my $was = armed();
    my $r = eval { $t->http($method, $target, auth => 'admin', @opt) };
    return $r if defined $r;

    my $error = $@;
    die "$method $target: $error" if armed() || !$was;
    revive();
    return;
}

sub revive {
    return if $victim ne 'group';
    $t->{nginx} or return;
    $t->killed_nginx();
    $t->start_nginx();
    return;
}

# The same until there is an answer.
sub insist {
    for (1 .. 5) {
        my $r = try_http(@_);
        return $r if $r;
    }
    die "no answer to @_[0 .. 1]\n";
}

# A dead one's lease keeps nobody waiting, once it is gone.
sub busy {
    my ($r) = @_;
    ok($r->header('Retry-After'), 'busy: told when to come again');
    wait_until(sub {
        !grep { kill 0, (split / /, $_->{holder})[2] }
            $t->sql('SELECT holder FROM upload WHERE lease_until > 1')
    }, 20, 'the holder to be gone');
    return;
}

# try_http, and once more when the session is busy.
sub go_on {
    my $r = try_http(@_);
    return $r if !$r || $r->status != 409;
    busy($r);
    return try_http(@_);
}

sub has_blob {
    my ($repo, $digest) = @_;
    return insist('HEAD', "/v2/$repo/blobs/$digest")->status == 200;
}

# Pushes in pieces, and after a crash asks where to go on.
sub push_pieces {
    my ($repo, $bytes, $piece) = @_;

    my $digest = sha256($bytes);
    my ($location, $acked);

    for (1 .. 20) {
        if (!defined $location) {
            my $r = try_http('POST', "/v2/$repo/blobs/uploads/") or next;
            $r->status == 202 or die "POST: " . $r->status . $r->body;
            $location = $t->location($r);
            $acked = 0;
        }

        my $r = insist('GET', $location);
        if ($r->status == 404) {
            last if has_blob($repo, $digest);
            fail("a session with $acked bytes was lost") if $acked > 0;
            $location = undef;
            next;
        }

        my ($last) = $r->header('Range') =~ /^0-(\d+)$/;
        my $at = $last == 0 ? 0 : $last + 1;
        cmp_ok($at, '>=', $acked, 'acknowledged bytes stay') if $at < $acked;

        if ($at < length $bytes) {
            my $part = substr $bytes, $at, $piece;
            my $end = $at + length($part) - 1;
            $r = try_http('PATCH', $location, body => $part,
                headers => ['Content-Range' => "$at-$end",
                    'Content-Type' => 'application/octet-stream']);
        } else {
            $r = try_http('PUT', $t->with_query($location, 'digest',
                $digest), body => '');
        }

        next if !$r;
        if ($r->status == 409) {
            busy($r);
            next;
        }
        $acked = $at + $piece if $r->status == 202;
        $acked = length $bytes if defined $acked && $acked > length $bytes;
        last if $r->status == 201;
        die "upload: status " . $r->status . ": " . $r->body
            if $r->status != 202;
    }

    ok(has_blob($repo, $digest), "$repo: the blob is pushed")
        or die "no blob\n";
    push @expect, "blob $repo $digest";
    return $digest;
}

sub push_whole {
    my ($repo, $bytes) = @_;
    my $digest = sha256($bytes);
    my $r;

    for (1 .. 5) {
        $r = try_http('POST', "/v2/$repo/blobs/uploads/?digest=$digest",
            body => $bytes) and last;
    }
    $r && $r->status == 201 or die "POST: no blob\n";
    push @expect, "blob $repo $digest";
    return $digest;
}

sub push_all {
    my ($repo, $tag) = @_;

    my $layer = join '', map { chr(int rand 256) } 1 .. 30_000;
    my $config = $t->json_bytes({ architecture => 'amd64', os => 'linux',
        author => "$repo:$tag" });
    push_pieces($repo, $layer, 12_000);
    push_whole($repo, $config);

    my $bytes = $t->json_bytes({
        schemaVersion => 2,
        mediaType => $Test::Registry::OCI::media_manifest,
        config => $t->descriptor($Test::Registry::OCI::media_config, $config),
        layers => [
            $t->descriptor($Test::Registry::OCI::media_layer, $layer) ],
    });
    my $r = insist('PUT', "/v2/$repo/manifests/$tag", body => $bytes,
        headers => ['Content-Type' => $Test::Registry::OCI::media_manifest]);
    is($r->status, 201, "$repo: the manifest is pushed");
    push @expect, "tag $repo $tag " . sha256($bytes);
    return { digest => sha256($bytes), layer => sha256($layer),
        bytes => $bytes };
}

# A deletion whose answer was lost is done, or is done again.
sub delete_it {
    my ($target) = @_;
    my $r = try_http('DELETE', $target);
    return is($r->status, 202, "DELETE $target") if $r;
    $r = insist('DELETE', $target);
    return like($r->status, qr/^(?:202|404)$/, "DELETE $target again");
}

sub forget { my ($line) = @_; @expect = grep { $_ ne $line } @expect }

# --- nginx: each point, each victim ----------------------------------------

my $round = 0;

sub repo { return "library/crash-$round" }

sub case {
    my ($point, $n, $who, $scenario) = @_;

    $round++;
    my $name = "$point passed $n times, $who killed";
    my $ready = $scenario->(undef);
    arm($point, $n, $who);
    $scenario->($ready // 1);

    if (ok(!armed(), "$name: it happened")) {
        $reached{$point}++;
    } else {
        unlink $arm;
    }

    $t->check_invariants("$name: invariants", args => ['--quick']);
    return;
}

sub push_case { return $_[0] ? push_all(repo(), 'v1') : undef }

# The last writer of the session is gone without a release.
sub join_case {
    my ($ready) = @_;
    my $bytes = "joined $round" x 1000;

    if (!$ready) {
        my $l = $t->location(insist('POST', '/v2/' . repo()
            . '/blobs/uploads/'));
        insist('PATCH', $l, body => substr $bytes, 0, 4000);
        arm('upload.claimed', 1, 'self');
        !try_http('PATCH', $l, body => 'lost') or die "PATCH: not killed\n";
        my $r = go_on('PATCH', $l, body => substr $bytes, 4000);
        is($r->status, 202, 'the next PATCH goes on at once');
        return $l;
    }

    my $digest = sha256($bytes);
    my $r;
    for (1 .. 5) {
        $r = go_on('PUT', "$ready?digest=$digest", body => '') and last;
    }
    # Gone with its session: the answer was lost, not the blob.
    ok($r && $r->status == 404 ? has_blob(repo(), $digest)
        : $r && $r->status == 201, 'segments are joined');
    push @expect, 'blob ' . repo() . " $digest";
    return;
}

sub mount_case {
    my ($ready) = @_;
    return push_whole('library/source', "source $round") if !$ready;
    my $to = repo();
    my $r = insist('POST',
        "/v2/$to/blobs/uploads/?mount=$ready&from=library/source");
    is($r->status, 201, 'mounted');
    push @expect, "blob $to $ready";
    return;
}

# Refused: its session ends, its file goes.
sub wrong_case {
    my ($ready) = @_;
    return if !$ready;
    my $r = insist('POST', '/v2/' . repo() . '/blobs/uploads/?digest='
        . sha256('other'), body => 'wrong');
    is($r->status, 400, 'a wrong digest');
    return;
}

sub delete_case {
    my ($ready) = @_;
    my $repo = repo();

    if (!$ready) {
        my $i = push_all($repo, 'v1');
        my $r = insist('PUT', "/v2/$repo/manifests/v2", body => $i->{bytes},
            headers => ['Content-Type' =>
                $Test::Registry::OCI::media_manifest]);
        is($r->status, 201, 'a second tag');
        return $i;
    }

    forget("tag $repo v1 $ready->{digest}");
    delete_it("/v2/$repo/manifests/v2");
    push @expect, "no-tag $repo v2";
    delete_it("/v2/$repo/manifests/$ready->{digest}");
    push @expect, "no-tag $repo v1", "no-manifest $repo $ready->{digest}";
    forget("blob $repo $ready->{layer}");
    delete_it("/v2/$repo/blobs/$ready->{layer}");
    push @expect, "no-blob $repo $ready->{layer}";
    return;
}

for my $who (qw/ self group /) {
    case('upload.started', 1, $who, \&push_case);
    case('storage.created', $_, $who, \&push_case) for 1, 2;
    case('storage.written', $_, $who, \&push_case) for 1 .. 4;
    case('upload.advance', $_, $who, \&push_case) for 1 .. 3;
    case('upload.advanced', $_, $who, \&push_case) for 1 .. 3;
    case('upload.claimed', $_, $who, \&push_case) for 1 .. 2;
    case('storage.sync', $_, $who, \&push_case) for 1, 2;
    case('upload.after_sync', $_, $who, \&push_case) for 1, 2;
    case('upload.committed', $_, $who, \&push_case) for 1, 2;
    case('manifest.put', 1, $who, \&push_case);
    case('db.commit', $_, $who, \&push_case) for 1 .. 10;
    case('db.committed', $_, $who, \&push_case) for 1 .. 10;
    case('upload.joined', 1, $who, \&join_case);
    case('upload.after_sync', 1, $who, \&join_case);
    case('upload.committed', 1, $who, \&join_case);
    case('upload.mounted', 1, $who, \&mount_case);
    case('upload.abandon', 1, $who, \&wrong_case);
    case('storage.removed', 1, $who, \&wrong_case);
    case('tag.delete', $_, $who, \&delete_case) for 1, 2;
    case('manifest.delete', 1, $who, \&delete_case);
    case('blob.delete', 1, $who, \&delete_case);
    case('db.commit', $_, $who, \&delete_case) for 1 .. 3;
    case('db.committed', $_, $who, \&delete_case) for 1 .. 3;
}

$t->check_invariants('all that was acknowledged is there',
    expect => \@expect);

# --- a real client ---------------------------------------------------------

my $clients = Test::Registry::Clients->new($t);
my @creds = ('--preserve-digests', '--dest-tls-verify=false', '--dest-creds',
    'admin:' . $t->password());

my $copy = 0;

for my $case (['upload.started', 2], ['storage.written', 3],
    ['upload.advance', 1], ['upload.advanced', 2], ['upload.after_sync', 3],
    ['upload.committed', 1], ['manifest.put', 1], ['db.committed', 4])
{
    $round++;
    $copy++;
    # Blobs that are there already would be mounted or skipped.
    my $layers = [ map { join '', map { chr(int rand 256) } 1 .. 200_000 }
        1 .. 2 ];
    my $name = "library/real-$copy";
    my $image = $t->push_image('library/source', "real-$copy",
        layers => $layers);
    my $from = "oci:$dir/clients/image-$copy:real";
    $clients->skopeo('copy', '--preserve-digests', '--src-tls-verify=false',
        'docker://' . $t->address() . "/library/source:real-$copy", $from);
    drop_source($copy);
    my $to = 'docker://' . $t->address() . "/$name:v1";

    arm(@$case, $copy % 2 ? 'self' : 'group');
    my $first = $clients->try_skopeo('copy', @creds, $from, $to);
    $reached{$case->[0]}++ if ok(!armed(), "skopeo: killed at @$case");
    revive() if $victim eq 'group';
    my $again = $first->{status} == 0 ? $first
        : $clients->try_skopeo('copy', @creds, $from, $to);
    is($again->{status}, 0, 'skopeo: pushes in the end')
        or diag($again->{err});

    my $back = $clients->skopeo('copy', '--src-tls-verify=false', $to,
        "dir:$dir/clients/back-$copy");
    my $digest = sha256($t->read_file("clients/back-$copy/manifest.json"));
    is($digest, $image->{digest}, 'and pulls the same bytes');
    push @expect, "tag $name v1 $digest";
    $t->check_invariants('skopeo: invariants', args => ['--quick']);
}

# The image is gone from here, so that the client must send its bytes.
sub drop_source {
    my ($n) = @_;
    my $r = $t->head("/v2/library/source/manifests/real-$n",
        auth => 'admin');
    is($t->delete('/v2/library/source/manifests/'
        . $r->header('Docker-Content-Digest'), auth => 'admin')->status, 202,
        'the source is deleted');
    $t->jobrunner_ok(qw/ job run reclaim /);
    $t->jobrunner_ok(qw/ job run reclaim /);
    return;
}

# --- jobs ------------------------------------------------------------------

# Work for the job: deleted images, sessions that expired, files of nobody.
sub prepare_jobs {
    $round++;
    my $repo = repo();
    my $i = push_all($repo, 'v1');
    forget($_) for "tag $repo v1 $i->{digest}", "blob $repo $i->{layer}";
    @expect = grep { !/^blob \Q$repo\E / } @expect;
    delete_it("/v2/$repo/manifests/$i->{digest}");
    my $l = $t->start_upload($repo);
    is($t->patch($l, auth => 'admin', body => 'expired')->status, 202,
        'a session');
    $t->sql('UPDATE upload SET expires_at = 1');
    stray("file of nobody $_") for 1 .. 3;
    return;
}

my $strays = 0;

sub stray {
    my ($bytes) = @_;
    my $name = sprintf 'ab/01890000-%04x-7000-8000-%010xab', $round & 0xffff,
        ++$strays;
    $t->write_file("data/blobs/$name", $bytes);
    $t->give("$dir/data/blobs/ab", "$dir/data/blobs/$name");
    return;
}

# The files of nobody are there on purpose.
sub look {
    my ($name) = @_;
    return $t->check_invariants($name,
        args => ['--quick', '--young', 10_000_000_000]);
}

sub due_now { $t->sql('UPDATE orphan SET not_before = 1') }

for my $case (['upload-expire', 'upload.expire', 1],
    ['upload-expire', 'db.commit', 1], ['upload-expire', 'db.committed', 1],
    ['orphan-sweep', 'sweep.orphaned', 2], ['orphan-sweep', 'db.commit', 2],
    ['reclaim', 'reclaim.manifest', 1], ['reclaim', 'reclaim.link', 2],
    ['reclaim', 'storage.removed', 2], ['reclaim', 'reclaim.forget', 1],
    ['reclaim', 'reclaim.forgotten', 1], ['reclaim', 'db.committed', 3],
    ['checkpoint', 'checkpoint.moved', 1])
{
    my ($job, $point, $n) = @$case;
    prepare_jobs();
    due_now();
    arm($point, $n, 'group');
    my $r = $t->jobrunner('job', 'run', $job);
    is($r->{status}, 137, "$job: killed at $point") or diag($r->{err});
    $reached{$point}++ if !armed();
    look("$job at $point: invariants");
    is($t->jobrunner('job', 'run', $job)->{status}, 0, "$job: runs again");
    look("$job at $point, again: invariants");
}

# The daemon, between a claim and its end.
for my $point (qw/ job.claimed job.run job.ended /) {
    prepare_jobs();
    arm($point, 1, 'group');
    $t->start_jobrunner();
    wait_until(sub { !armed() || $t->sql('UPDATE job SET run_at = 1
        RETURNING id') == 4 || !armed() }, 20, 'rows of the jobs');
    $t->_wait_end('jobrunner', 20) or die "jobrunner lives\n";
    is($t->{jobrunner_status} & 127, 9, "the daemon is killed at $point");
    $reached{$point}++ if !armed();
    delete $t->{jobrunner};
    look("$point: invariants");

    # Half a minute later.
    $t->sql("UPDATE job SET lease_until = 1 WHERE state = 'running'");
    $t->sql('UPDATE job SET run_at = 1');
    $t->start_jobrunner();
    wait_until(sub {
        !sql_one("SELECT count(*) AS n FROM job WHERE run_at = 1
            OR state = 'running'");
    }, 20, 'all jobs to be done');
    $t->stop_jobrunner();
    look("$point, again: invariants");
}

# --- what is left is swept -------------------------------------------------

# A day later: names without a row get an old time.
my %named = map { $_->{l} => 1 } $t->sql('SELECT locator AS l FROM blob
    UNION SELECT locator FROM orphan');
for my $row ($t->sql('SELECT segments AS s FROM upload')) {
    $named{$1} = 1 while $row->{s} =~ /^(.+):\d+$/mg;
}
my $left = 0;
File::Find::find({ no_chdir => 1, wanted => sub {
    my ($shard, $file) = m{/blobs/(..)/([^/]+)$} or return;
    return if $named{"$shard/$file"};
    $left++;
    (my $old = $file) =~ s/^.{8}-..../sprintf '018a%04x-%04x', $left, 1/e;
    rename "$dir/data/blobs/$shard/$file", "$dir/data/blobs/$shard/$old";
} }, "$dir/data/blobs");
cmp_ok($left, '>', 0, "$left files were left by the crashes");

$t->sql('UPDATE upload SET expires_at = 1, lease_until = 0');
$t->jobrunner_ok(qw/ job run upload-expire /);
$t->jobrunner_ok(qw/ job run orphan-sweep /);
due_now();
@expect = grep { !/^blob / } @expect;   # of a grace of nothing
for (1 .. 3) {
    $t->jobrunner_ok(qw/ job run reclaim /);
    due_now();
}
is(sql_one('SELECT count(*) AS n FROM orphan'), 0, 'no orphan is left');
is(sql_one('SELECT count(*) AS n FROM upload'), 0, 'no session is left');
$t->check_invariants('in the end: all bytes read, nothing astray',
    args => ['--young', 0], expect => \@expect);

my $r = $t->get("/v2/library/real-1/tags/list", auth => 'admin');
is($r->status, 200, 'and it answers');

# --- each point was reached ------------------------------------------------

my %points;
File::Find::find({ no_chdir => 1, wanted => sub {
    return if !/\.c$/;
    open(my $f, '<', $_) or die "$_: $!\n";
    while (<$f>) { $points{$1} = 1 while /CR_CRASH\("([^"]+)"\)/g }
} }, map { Test::Registry::top() . "/$_" } qw/ registry jobrunner /);
cmp_ok(scalar keys %points, '>', 20, 'there are points');
is_deeply([ grep { !$reached{$_} } sort keys %points ], [],
    'each point of the sources was reached');

$t->finish();
