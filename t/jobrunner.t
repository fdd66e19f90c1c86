#!/usr/bin/perl

# The daemon and its jobs, without nginx: the test writes what nginx would.

use warnings;
use strict;

use Test::More;
use Time::HiRes qw/ time /;

use lib 't/lib';
use Test::Registry;

my $t = Test::Registry->new();
my $dir = $t->dir();
my $blobs = "$dir/data/blobs";

$t->prepare_database();

sub one {
    my ($statement) = @_;
    my @rows = $t->sql($statement);
    return @rows ? (values %{ $rows[0] })[0] : undef;
}

sub set {
    my ($name, $value) = @_;
    $t->sql("INSERT INTO setting (name, value, updated_at)
        VALUES ('$name', '$value', 1)
        ON CONFLICT (name) DO UPDATE SET value = excluded.value");
    return;
}

# Makes a job due.
sub due {
    my ($kind) = @_;
    $t->sql("UPDATE job SET run_at = 1, ended_at = NULL
        WHERE kind = '$kind'");
    return;
}

sub wait_done {
    my ($kind, $timeout) = @_;
    wait_until(sub {
        one("SELECT ended_at FROM job WHERE kind = '$kind'
            AND state = 'pending' AND error IS NULL");
    }, $timeout // 10, "$kind to be done");
    return;
}

sub log_text { return $t->read_file('logs/jobrunner.log') }

# A stored file without a row, of the year 2022.
my $made = 0;
sub old_file {
    my ($text) = @_;
    my $tail = sprintf '%012x', ++$made;
    my $shard = substr $tail, -2;
    mkdir "$blobs/$shard";
    $t->give("$blobs/$shard");
    my $locator = "$shard/01800000-0000-7000-8000-$tail";
    $t->write_file("data/blobs/$locator", $text);
    return $locator;
}

# --- jobs by hand ----------------------------------------------------------

my $r = $t->jobrunner(qw/ job run reclaim /);
is($r->{status}, 6, 'no content yet');
like($r->{err}, qr/nginx writes it when it starts/, 'says why');

mkdir $blobs;
$t->give($blobs);
set('storage_url', "filesystem:$blobs");

$t->sql("
    INSERT INTO repository (id, project_id, name, public, created_at,
        updated_at) VALUES (1, 1, 'library/app', 1, 1, 1);
    INSERT INTO upload (id, repository_id, owner, size, hash_alg, segments,
        boot_id, created_at, updated_at, expires_at) VALUES
        ('01800000-0000-7000-8000-000000000099', 1, 'user:1', 4, 1,
         'aa/01800000-0000-7000-8000-0000000000aa:4
', 'x', 1, 1, 1)");
is($t->jobrunner_ok(qw/ job run upload-expire -o json /) =~ /"expired":1/,
    1, 'an upload that is over');
is(one('SELECT count(*) FROM upload'), 0, 'its row is gone');
is(one('SELECT reason FROM orphan'), 'expired', 'its bytes are an orphan');

my $lost = old_file('lost');
like($t->jobrunner_ok(qw/ job run orphan-sweep /),
    qr/"files":1,"orphaned":1,"bytes":4/, 'a file without a row is found');
ok(-e "$blobs/$lost", 'and stays for a while');
like($t->jobrunner_ok(qw/ job run orphan-sweep /), qr/"orphaned":0/,
    'it is found once');

# The other orphan is due and has no file: that is no failure.
like($t->jobrunner_ok(qw/ job run reclaim /), qr/"files":1,/,
    'what is due is removed');
ok(-e "$blobs/$lost", 'what is not due stays');
$t->sql('UPDATE orphan SET not_before = 1');
like($t->jobrunner_ok(qw/ job run reclaim /), qr/"files":1,"bytes":4/,
    'then it is removed');
ok(!-e "$blobs/$lost", 'its bytes are gone');

# A file that cannot be removed: the others are, and the status tells.
my @pair = map { old_file('four') } 1 .. 2;
$t->jobrunner_ok(qw/ job run orphan-sweep /);
$t->sql('UPDATE orphan SET not_before = 1');
my ($shard) = $pair[0] =~ m{^(..)/};
chmod 0555, "$blobs/$shard";
$r = $t->jobrunner(qw/ job run reclaim /);

if ($t->user() eq 'root') {
    is($r->{status}, 0, 'root may remove anything');

} else {
    is($r->{status}, 7, 'partial failure');
    like($r->{err}, qr/level=error.*locator=\Q$pair[0]\E/, 'names the file');
    ok(-e "$blobs/$pair[0]" && !-e "$blobs/$pair[1]", 'the other one went');
    chmod 0755, "$blobs/$shard";
    is($t->jobrunner(qw/ job run reclaim /)->{status}, 0, 'then it goes');
}

# --- the daemon waits for nginx --------------------------------------------

$t->sql("DELETE FROM setting WHERE name = 'storage_url'");
$t->start_jobrunner('--verbose');
$t->wait_log(qr/msg="ready"/, 10, 'jobrunner.log');
$t->wait_log(qr/waiting for nginx/, 10, 'jobrunner.log');
is(one('SELECT count(*) FROM job'), 5, 'the periodic jobs have rows');

due('upload-expire');
set('storage_url', "filesystem:$blobs");
wait_done('upload-expire');
is(() = log_text() =~ /waiting for nginx/g, 1, 'it says so once');

# --- it notices work at once -----------------------------------------------

my @took;
for (1 .. 5) {
    $t->sql("DELETE FROM setting WHERE name = 'x'");
    my $from = time();
    due('reclaim');
    wait_done('reclaim');
    push @took, time() - $from;
}
@took = sort { $a <=> $b } @took;
diag(sprintf 'work is done %.0f ms after it was queued (median, with two'
    . ' calls of sqlite3)', 1000 * $took[2]);
cmp_ok($took[2], '<', 1 * Test::Registry::scale(),
    'work is noticed, not waited for');

# --- it keeps the write-ahead log short ------------------------------------

my $marker = 'marker-' . $$ . '-' . time();
set('x', $marker);
wait_until(sub {
    index($t->read_file('data/registry.db'), $marker) >= 0;
}, 10, 'the checkpoint');
pass('what was written is in the database within seconds');

# --- signals ---------------------------------------------------------------

kill 'HUP', $t->{jobrunner};
$t->wait_log(qr/settings read again/, 10, 'jobrunner.log');

my $from = time();
is($t->stop_jobrunner('TERM'), 0, 'SIGTERM: status 0');
cmp_ok(time() - $from, '<', 2 * Test::Registry::scale(), 'within 2 s');

$t->start_jobrunner();
$t->wait_log(qr/ready.*ready/s, 10, 'jobrunner.log');
is($t->stop_jobrunner('INT'), 0, 'SIGINT: status 0');

# --- kill -9 in the middle of a job ----------------------------------------

# The daemon is stopped while it holds a claim: a lease in its row.
$t->start_jobrunner('--verbose');
$t->wait_log(qr/(?:ready.*){3}/s, 10, 'jobrunner.log');
kill 'KILL', $t->{jobrunner};
$t->stop_jobrunner('KILL');
$t->sql("UPDATE job SET state = 'running', epoch = epoch + 1, attempts = 1,
    worker = 'killed', ended_at = NULL,
    lease_until = (SELECT CAST(strftime('%s') AS INTEGER)) * 1000000
        + 1500000 WHERE kind = 'reclaim'");
$t->start_jobrunner('--verbose');
$t->wait_log(qr/(?:ready.*){4}/s, 10, 'jobrunner.log');
is(one("SELECT state FROM job WHERE kind = 'reclaim'"), 'running',
    'a lease that runs is respected');
wait_done('reclaim', 20);
pass('a lease that ran out is taken over');

# --- kill -9 while it removes files ----------------------------------------

$t->stop_jobrunner();

my @orphans = map { old_file('orphan') } 1 .. 1500;
my $kept = old_file('kept');
$t->sql(join '', 'BEGIN;', "INSERT INTO blob
    (digest, size, locator, created_at)
    VALUES ('sha256:' || hex(zeroblob(32)), 4, '$kept', 1);", (map {
    "INSERT INTO orphan (locator, size, not_before, reason)
     VALUES ('$_', 6, 1, 'test');" } @orphans), 'COMMIT;');

sub rows_left  { return one('SELECT count(*) FROM orphan') }
sub files_left { return scalar grep { -e "$blobs/$_" } @orphans }

my $killed = 0;
for my $round (1 .. 6) {
    my $left = rows_left();
    last if $left == 0;

    # A lease of the killed one would keep the next waiting.
    $t->sql("UPDATE job SET lease_until = 1 WHERE state = 'running'");
    due('reclaim');
    $t->start_jobrunner();
    wait_until(sub { files_left() < $left }, 20, 'the first file to go');
    $t->stop_jobrunner('KILL');
    $killed++ if rows_left() > 0;

    # Bytes go before the row: never a file that no row names.
    my %named = map { $_->{locator} => 1 }
        $t->sql('SELECT locator FROM orphan');
    is(scalar(grep { -e "$blobs/$_" && !$named{$_} } @orphans), 0,
        "round $round: no file without a row");
}

cmp_ok($killed, '>', 0, 'it was killed in the middle');
$t->jobrunner_ok(qw/ job run reclaim /);
is(rows_left(), 0, 'no orphan is left');
is(files_left(), 0, 'and none of their files');
ok(-e "$blobs/$kept", 'content with a row stays');

$t->sql("UPDATE job SET lease_until = 1 WHERE state = 'running'");
my $starts = () = log_text() =~ /msg="ready"/g;
$t->start_jobrunner('--verbose');
wait_until(sub { (() = log_text() =~ /msg="ready"/g) > $starts }, 10,
    'the daemon');

# --- two daemons, one job --------------------------------------------------

my $second = Test::Registry::_spawn([Test::Registry::build_dir()
    . '/jobrunner', '--database', $t->database(), qw/ serve --verbose /],
    "$dir/logs/second.log", "$dir/logs/second.log", user => $t->user(),
    dir => '/', env => $t->_sanitizer_env());
$t->{groups}{second} = $second;
$t->wait_log(qr/msg="ready"/, 10, 'second.log');

sub runs {
    my $text = log_text() . $t->read_file('logs/second.log');
    return scalar(() = $text =~ /msg="job done" kind=orphan-sweep/g);
}

my $count = runs();
for my $n (1 .. 10) {
    due('orphan-sweep');
    wait_done('orphan-sweep');
    wait_until(sub { runs() >= $count + $n }, 10, 'the line in the log');
}
is(runs(), $count + 10, 'each job was done by one of the two');

kill 'TERM', $second;
wait_until(sub { waitpid($second, POSIX::WNOHANG()) == $second }, 10,
    'the second daemon to end');
is($?, 0, 'the second one ends with 0');

# --- a job that fails ------------------------------------------------------

set('storage_url', "filesystem:/dev/null/blobs");
due('reclaim');
wait_until(sub {
    one("SELECT error FROM job WHERE kind = 'reclaim'");
}, 10, 'the failure');
$t->wait_log(qr/level=error msg="job failed" kind=reclaim/, 10,
    'jobrunner.log');
cmp_ok(one("SELECT run_at FROM job WHERE kind = 'reclaim'"), '>', 1,
    'and tried again later');
like($t->jobrunner_ok('status'), qr/^reclaim .* failed /m, 'status shows it');
set('storage_url', "filesystem:$blobs");
due('reclaim');
wait_done('reclaim');
is(one("SELECT attempts FROM job WHERE kind = 'reclaim'"), 0, 'it recovers');

# --- migrated under its feet -----------------------------------------------

$t->sql("INSERT INTO schema_migration
    (version, name, compatible_from, applied_at)
    VALUES (900, 'later', 900, 1)");
due('reclaim');
ok($t->_wait_end('jobrunner', 10), 'the daemon ends');
is($t->{jobrunner_status} >> 8, 5, 'with the status of a conflict');
like(log_text(), qr/needs a newer jobrunner/, 'and says why');
is(one("SELECT run_at FROM job WHERE kind = 'reclaim'"), 1,
    'it touched nothing any more');

$t->finish();
