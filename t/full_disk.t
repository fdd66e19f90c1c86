# A full disk, on a small file system of its own: uploads answer 507 before
# and after, pulls go on, deletions work and give space back. Needs root, to
# mount; skipped where that is not possible.

use warnings;
use strict;

use lib 't/lib';
use Test::More;
use Test::Registry;

my ($t, $data);

# Before the END of the harness, which removes the folder.
END { system('umount', '-l', $data) if defined $data }

plan skip_all => 'only root can mount' if $> != 0;

$t = Test::Registry->new();
my $dir = $t->dir();

my $mounted = run_command(['mount', '-t', 'tmpfs', '-o', 'size=96m,mode=0755',
    'registry-test', "$dir/data"]);

plan skip_all => "cannot mount a tmpfs: $mounted->{err}"
    if $mounted->{status} != 0;

$data = "$dir/data";
$t->give($data);

sub conf {
    my ($min_free) = @_;
    return $t->write_conf(undef,
        extra => "min_free $min_free; gc { trash 0s; grace 0s; }");
}

conf('8m');
$t->run();

sub mib { return 1024 * 1024 * $_[0] }

sub free_bytes {
    my ($line) = grep { m{^\d} } split /\n/,
        run_command(['stat', '-f', '-c', '%a %S', $data])->{out};
    my ($blocks, $size) = split / /, $line;
    return $blocks * $size;
}

my $seed = 0;
sub bytes {
    my ($size) = @_;
    $seed++;
    return substr(join('', map { sprintf '%08x%08x', $seed, $_ }
        1 .. $size / 16 + 1), 0, $size);
}

# Another program takes all that is left.
sub fill {
    run_command(['dd', 'if=/dev/zero', "of=$data/filler", 'bs=4096',
        'oflag=append', 'conv=notrunc', 'status=none']);
    cmp_ok(free_bytes(), '<', 4096, 'the disk is full to the last block');
    return;
}

sub is_full {
    my ($r, $what) = @_;
    is($r->status, 507, "$what: 507") or diag($r->body);
    is(eval { $r->json()->{errors}[0]{code} }, 'DENIED', 'and says why');
    return;
}

sub ready {
    my ($status, $storage, $all, $what) = @_;
    # Each worker looks once a second.
    my $r = wait_until(sub {
        my $r = $t->get('/readyz');
        $r->body =~ /"name":"storage","status":"$storage"/ ? $r : undef;
    }, 20, "$what: storage $storage");
    is($r->status, $status, "$what: /readyz is $status");
    is($r->json()->{status}, $all, "$what: $all");
    return;
}

# --- min_free --------------------------------------------------------------

my $keep = $t->push_image('library/keep', 'v1', layers => [bytes(mib(1))]);
my $image = $t->push_image('library/big', 'v1',
    layers => [map { bytes(mib(10)) } 1 .. 3]);
my $ballast = "$data/registry.db.ballast";
wait_until(sub { -e $ballast }, 20, 'the ballast');
cmp_ok((stat $ballast)[12] * 512, '>=', mib(1), 'it has real blocks');

run_command(['fallocate', '-l', free_bytes() - mib(12), "$data/filler"]);
my $five = bytes(mib(5));
is_full($t->post('/v2/library/more/blobs/uploads/?digest=' . sha256($five),
    auth => 'admin', body => $five), 'an upload that leaves less than that');
cmp_ok(free_bytes(), '>', mib(10), 'the disk is not full');
ready(200, 'healthy', 'healthy', 'before');

# Below it the instance stays in the rotation of a load balancer: pulls go on.
# A backup is not made, and told of: it would fill the disk.
run_command(['fallocate', '-l', free_bytes() - mib(5), "$data/filler2"]);
ready(200, 'full', 'degraded', 'below min_free');
my @copies = glob "$data/registry.db.backups/*";
$t->sql("UPDATE job SET run_at = 1, ended_at = NULL WHERE kind = 'backup'");
$t->wait_log(qr/level=warn msg="backup skipped: no space"/, 20,
    'jobrunner.log');
wait_until(sub {
    $t->jobrunner_ok('status') =~ /^backup +\S+ skipped \{"skipped"/m
}, 20, 'the status to say so');
like($t->jobrunner_ok('status'), qr/^NOT BACKED UP +1$/m, 'and how often');
like($t->get('/metrics')->body, qr/^registry_backups_skipped_total 1$/m,
    'the metrics say so, too');
is_deeply([glob "$data/registry.db.backups/*"], \@copies, 'nothing is left');
unlink "$data/filler2";
ready(200, 'healthy', 'healthy', 'with space again');

# What is too much shows while it comes, when the length is not told, too.
my $much = bytes(mib(12));
my $before = free_bytes();
my $session = $t->start_upload('library/more');
is_full($t->patch($session, auth => 'admin', chunks => [map {
    substr $much, $_ * mib(1), mib(1) } 0 .. 11]), 'a chunked upload');
wait_until(sub { free_bytes() > $before - mib(1) }, 10,
    'the space of it to be back');
pass('its space is given back');
is($t->get($session, auth => 'admin')->header('Range'), '0-0',
    'the session is where it was');

# The same in a session that has bytes.
is($t->patch($session, auth => 'admin', body => bytes(mib(1)))->status, 202,
    'a piece that fits');
$before = free_bytes();
is_full($t->patch($session, auth => 'admin', chunks => [$much]),
    'one that does not');
wait_until(sub { free_bytes() > $before - mib(1) }, 10,
    'the space of it to be back');
is($t->get($session, auth => 'admin')->header('Range'), '0-' . (mib(1) - 1),
    'the first piece is still there');

$t->push_image('library/small', 'v1');
is($t->get('/v2/library/small/manifests/v1', auth => 'admin')->status, 200,
    'a small image still fits');

# --- full ------------------------------------------------------------------

# Its minute may come meanwhile, and what it writes has the ballast.
$t->stop_jobrunner();
fill();
is_full($t->post('/v2/library/more/blobs/uploads/', auth => 'admin'),
    'a new session');
is_full($t->patch($session, auth => 'admin', body => 'x'), 'a byte more');

sub pulls {
    my ($what) = @_;
    my $m = $t->get('/v2/library/keep/manifests/v1', auth => 'admin');
    is($m->status, 200, "$what: a manifest");
    my $b = $t->get('/v2/library/keep/blobs/' . sha256($keep->{layers}[0]),
        auth => 'admin');
    is(sha256($b->body), sha256($keep->{layers}[0]), "$what: a blob");
    ok(defined $t->token('repository:library/keep:pull', 'admin'),
        "$what: a token");
    return;
}

pulls('full');

# It stays in the rotation of a load balancer: pulls go on.
ready(200, 'full', 'degraded', 'full');

# Programs that start on a full disk need files beside the database.
$t->stop_nginx();
ok(-e $ballast, 'logins and pulls have left the ballast');
fill();
$t->start_nginx();
pulls('started on a full disk');

# --- deletions work --------------------------------------------------------

my $deleted = $t->delete("/v2/library/big/manifests/$image->{digest}",
    auth => 'admin');
is($deleted->status, 202, 'a deletion works at once');
is($t->get('/v2/library/big/manifests/v1', auth => 'admin')->status, 404,
    'and shows');

# The log may have had room for that one. There is an end to it.
my $writes = 0;
while (-e $ballast && $writes < 500) {
    $writes++;
    my $r = $t->post('/api/v2.0/labels', auth => 'admin',
        headers => ['Content-Type' => 'application/json'],
        body => sprintf('{"name":"l%d","scope":"g","description":"%s"}',
            $writes, 'x' x 200));
    is($r->status, 201, "label $writes") or last if $r->status != 201;
}
ok(!-e $ballast, 'the ballast made room');
$t->start_jobrunner();
$t->wait_log(qr/no room for a reserve/, 20, 'jobrunner.log');

$t->jobrunner_ok(qw/ job run reclaim /);
$t->jobrunner_ok(qw/ job run reclaim /);
cmp_ok(free_bytes(), '>', mib(25), 'its bytes are given back');
$t->wait_log(qr/a reserve for a full disk again/, 20, 'jobrunner.log');
ok(-e $ballast, 'the ballast is there again');
$t->push_image('library/after', 'v1', layers => [bytes(mib(2))]);
pulls('after');
ready(200, 'healthy', 'healthy', 'after');

# --- without min_free: the disk itself says no -----------------------------

conf(0);
$t->reload();
unlink "$data/filler";
my $fill = free_bytes() - mib(4);
run_command(['fallocate', '-l', $fill, "$data/filler"]);

# A worker that is ending may still hold its old limit: new connections go to
# the new ones.
$t->wait_old_workers();
$before = free_bytes();
my $body = bytes(mib(6));
is_full($t->post('/v2/library/raw/blobs/uploads/?digest=' . sha256($body),
    auth => 'admin', body => $body), 'one POST');
my $raw = $t->start_upload('library/raw');
is_full($t->put("$raw?digest=" . sha256($body), auth => 'admin',
    body => $body), 'POST and PUT');
is_full($t->patch($raw, auth => 'admin', body => $body), 'PATCH');
is($t->patch($raw, auth => 'admin', body => 'abc')->status, 202,
    'the session takes less');
is_full($t->patch($raw, auth => 'admin', body => $body), 'PATCH once more');
is($t->put("$raw?digest=" . sha256('abcdef'), auth => 'admin',
    body => 'def')->status, 201, 'and what fits');
wait_until(sub { free_bytes() > $before - mib(1) }, 10, 'the space');
pass('the space of all of them is given back');

unlink "$data/filler";
$t->check_invariants('all is well',
    expect => ["tag library/keep v1 $keep->{digest}",
        'blob library/raw ' . sha256('abcdef'), 'no-tag library/big v1']);

# --- no inode left, and many blocks ------------------------------------------

# As many inodes as there are files, and some.
sub more_inodes {
    my ($some) = @_;
    my ($total, $free) = split / /,
        run_command(['stat', '-f', '-c', '%c %d', $data])->{out};
    my $r = run_command(['mount', '-o',
        'remount,nr_inodes=' . ($total - $free + $some), $data]);
    is($r->{status}, 0, "inodes: $some more") or diag($r->{err});
    return;
}

my $open = $t->start_upload('library/inodes');
is($t->patch($open, auth => 'admin', body => 'abc')->status, 202,
    'a session with bytes');
more_inodes(0);
cmp_ok(free_bytes(), '>', mib(20), 'but space');
my $blob = bytes(1000);
for (1 .. 20) {     # as many as there are folders that exist, or more
    is_full($t->post('/v2/library/inodes/blobs/uploads/?digest='
        . sha256($blob), auth => 'admin', body => $blob), "POST $_");
}
my $empty = $t->start_upload('library/inodes');
is_full($t->put("$empty?digest=" . sha256($blob), auth => 'admin',
    body => $blob), 'PUT');
is_full($t->patch($empty, auth => 'admin', body => $blob), 'PATCH');
is($t->head('/v2/library/inodes/blobs/' . sha256($blob), auth => 'admin')
    ->status, 404, 'nothing of it is there');
pulls('no inode');
ready(200, 'full', 'degraded', 'no inode');
is($t->patch($open, auth => 'admin', body => 'def')->status, 202,
    'a file that is there takes more');
is($t->put("$open?digest=" . sha256('abcdef'), auth => 'admin')->status, 201,
    'and is committed');
is($t->delete("/v2/library/after/manifests/v1", auth => 'admin')->status, 202,
    'a tag is deleted');

more_inodes(1000);
is($t->put("$empty?digest=" . sha256($blob), auth => 'admin', body => $blob)
    ->status, 201, 'the session goes on with inodes again');
$t->push_image('library/inodes', 'v1');
pulls('inodes again');
ready(200, 'healthy', 'healthy', 'inodes again');
$t->check_invariants('all is well after that',
    expect => ["tag library/keep v1 $keep->{digest}",
        'blob library/inodes ' . sha256('abcdef'),
        'blob library/inodes ' . sha256($blob), 'no-tag library/after v1']);

$t->stop_nginx();
$t->stop_jobrunner();
system('umount', '-l', $data);
undef $data;
$t->finish();
