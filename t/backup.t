#!/usr/bin/perl

# Backups, by hand and by schedule, while pushes go on; restore: who may, what
# it leaves, what it refuses, and that nothing is deleted after it.

use warnings;
use strict;

use Test::More;

use lib 't/lib';
use Test::Registry;

my $t = Test::Registry->new();
my $dir = $t->dir();
my $db = "$dir/data/registry.db";

$t->write_conf(undef, extra => 'backup  interval=60s keep=3;');
$t->run();

sub one {
    my ($statement, %opt) = @_;
    my @rows = $t->sql($statement, %opt);
    return @rows ? (values %{ $rows[0] })[0] : undef;
}

sub setting { return one("SELECT value FROM setting WHERE name = '$_[0]'") }

sub names {
    return map { s{.*/}{}r } sort glob "$_[0]/*";
}

sub pulls {
    my ($image, $repository, $what) = @_;
    my $r = $t->get("/v2/$repository/manifests/$image->{digest}",
        auth => 'admin');
    my $good = $r->status == 200 && $r->body eq $image->{bytes};
    for my $layer (@{ $image->{layers} }, $image->{config}) {
        $r = $t->get("/v2/$repository/blobs/" . sha256($layer),
            auth => 'admin');
        $good &&= $r->status == 200 && $r->body eq $layer;
    }
    ok($good, $what);
    return;
}

sub refused {
    my ($status, $pattern, $what, @command) = @_;
    my $r = $t->jobrunner(@command);
    is($r->{status}, $status, "$what: status");
    like($r->{err}, $pattern, "$what: says why");
    return;
}

# --- the schedule ----------------------------------------------------------

my $before = $t->push_image('library/app', 'before');

wait_until(sub { setting('backup_keep') }, 10, 'nginx to write settings');
is(setting('backup_interval_us'), 60000000, 'interval as configured');
is(setting('backup_keep'), 3, 'number as configured');
is(setting('backup_path'), '', 'the folder is the default one');

mkdir "$db.backups" or die "mkdir: $!\n";
$t->give("$db.backups");
for my $year (2001 .. 2004) {
    $t->write_file("data/registry.db.backups/"
        . "registry.db-${year}0102T030405.678Z", $year);
}
my @others = map { "registry.db-20010102T030405.678Z$_" } '.kept', '.part-1';
push @others, 'registry.dbx-20010102T030405.678Z', 'notes';
my $stale = 'registry.db-20020102T030405.678Z.part-0011aabb';
my $fresh = 'registry.db-20030102T030405.678Z.part-0011aabb';
$t->write_file("data/registry.db.backups/$_", 'x')
    for @others, $stale, $fresh;
$t->give(glob "$db.backups/*");
utime 1, 1, "$db.backups/$stale";

$t->sql("UPDATE job SET run_at = 1, ended_at = NULL WHERE kind = 'backup'");
wait_until(sub {
    one("SELECT ended_at FROM job WHERE kind = 'backup' AND error IS NULL");
}, 20, 'the scheduled backup');

sub copies {
    return grep { /^registry\.db-\d{8}T\d{6}\.\d{3}Z$/ }
        names("$db.backups");
}

my @names = names("$db.backups");
my @copies = copies();
is(scalar @copies, 3, 'as many copies as configured');
like($copies[0], qr/2003/, 'the oldest went');
is(one('PRAGMA integrity_check', path => "$db.backups/$copies[2]"), 'ok',
    'the newest is sound');
is(one("SELECT count(*) FROM tag", path => "$db.backups/$copies[2]"), 1,
    'and has what there was');
my %is = map { $_ => 1 } @names;
ok($is{$_}, "$_ is not touched") for @others;
ok(!$is{$stale}, 'what a killed run left goes');
ok($is{$fresh}, 'what may be in the making stays');
is(one("SELECT interval_us FROM job WHERE kind = 'backup'"), 60000000,
    'the next one comes after the configured interval');
is((stat "$db.backups/$copies[2]")[2] & 07777, 0640, 'its mode');

# Switched off: the row looks, and does nothing.
$t->write_conf(undef, extra => 'backup  off;');
$t->reload();
wait_until(sub { setting('backup_interval_us') eq '0' }, 10, 'the setting');
$t->sql("UPDATE job SET run_at = 1, ended_at = NULL WHERE kind = 'backup'");
wait_until(sub {
    one("SELECT ended_at FROM job WHERE kind = 'backup' AND error IS NULL");
}, 20, 'the job that does nothing');
is(one("SELECT result FROM job WHERE kind = 'backup'"), '{"off":true}',
    'off: no backup');
is(scalar(copies()), 3, 'no new copy');
like($t->jobrunner_ok(qw/ job run backup /), qr/"kept":4,"removed":0/,
    'by hand it makes one');

for my $bad ('interval=5', 'interval=x', 'keep=0', 'keep=x', 'path=', 'on') {
    $t->write_conf(undef, extra => "backup $bad;");
    my $r = $t->test_conf();
    isnt($r->{status}, 0, "backup $bad: refused");
    like($r->{err}, qr/"\Q$bad\E": a backup is/, 'and says why');
}
$t->write_conf();

# --- a backup under pushes -------------------------------------------------

my $child = fork() // die "fork: $!\n";
if ($child == 0) {
    $SIG{TERM} = 'DEFAULT';
    my $n = 0;
    while (1) {
        eval { $t->push_image('library/load', 't' . $n++, layers => ["x$n"]) };
    }
}

my $ok = eval {
    for my $n (1 .. 5) {
        my $from = one('SELECT count(*) FROM manifest');
        wait_until(sub { one('SELECT count(*) FROM manifest') > $from + 2 },
            20, 'pushes to go on');
        $t->jobrunner_ok(qw/ db backup /, "$dir/data/copy-$n.db");
    }
    1;
};
my $error = $@;
kill 'KILL', $child;
waitpid $child, 0;
$ok or die $error;

my $last = 0;
for my $n (1 .. 5) {
    my %opt = (path => "$dir/data/copy-$n.db");
    is(one('PRAGMA integrity_check', %opt), 'ok', "copy $n is sound");
    is(one('SELECT count(*) FROM pragma_foreign_key_check', %opt), 0,
        "copy $n: every reference leads somewhere");
    is(one('SELECT count(*) FROM manifest_reference m
        WHERE NOT EXISTS (SELECT 1 FROM blob b WHERE b.digest = m.digest)',
        %opt), 0, "copy $n: no manifest without its blobs");
    my $count = one('SELECT count(*) FROM manifest', %opt);
    cmp_ok($count, '>', $last, "copy $n has what came meanwhile");
    $last = $count;
}

# --- restore: who is there -------------------------------------------------

my $file = "$dir/data/backup.db";
$t->jobrunner_ok(qw/ db backup /, $file);

# What a killed one left goes with the next of that name.
my $left = 'data/again.db.part-0011aabb';
$t->write_file($_, 'x') for $left, "$left-journal", 'data/other.part-0011aabb';
$t->give(glob "$dir/data/*.part-*");
$t->jobrunner_ok(qw/ db backup /, "$dir/data/again.db");
ok(!-e "$dir/$_", "$_ is gone") for $left, "$left-journal";
ok(unlink("$dir/data/other.part-0011aabb"), 'another file is not');

my $image = $t->push_image('library/app', 'after');
my $location = $t->start_upload('library/app');
is($t->patch($location, auth => 'admin', body => 'half')->status, 202,
    'an upload in the making');
my @blobs = $t->sql('SELECT locator FROM blob');

my @present = names("$dir/data");
refused(5, qr/in use, by process \d+: stop nginx/, 'all runs',
    qw/ db restore /, $file);
$t->stop_jobrunner();
refused(5, qr/in use, by process \d+: stop nginx/, 'nginx runs',
    qw/ db restore /, $file);
$t->stop_nginx();
$t->start_jobrunner();
$t->wait_log(qr/(?:ready.*){2}/s, 10, 'jobrunner.log');
refused(5, qr/in use, by process $t->{jobrunner}:/, 'the job runner runs',
    qw/ db restore /, $file);
is(one('SELECT count(*) FROM tag WHERE name = \'after\''), 1,
    'nothing has changed');

# Everything is killed: a log is left beside the database.
kill 'KILL', $t->{jobrunner};
$t->stop_jobrunner('KILL');
my $log = $t->read_file('data/registry.db-wal');
cmp_ok(length $log, '>', 4096, 'the log of who was killed');
my $incarnation = setting('incarnation');

# --- restore: what it refuses ----------------------------------------------

$t->write_file('data/no-backup', 'This is a text, and a long one.' x 100);
$t->write_file('data/empty', '');
$t->jobrunner_ok(qw/ db backup /, "$dir/data/cut");
truncate "$dir/data/cut", (-s "$dir/data/cut") - 20000 or die "truncate: $!\n";
$t->jobrunner_ok(qw/ db backup /, "$dir/data/bare");
$t->sql('DELETE FROM setting', path => "$dir/data/bare");
$t->jobrunner_ok(qw/ db backup /, "$dir/data/future");
$t->sql("INSERT INTO schema_migration
    (version, name, compatible_from, applied_at)
    VALUES (900, 'later', 900, 1)", path => "$dir/data/future");
$t->give(glob "$dir/data/*");

refused(3, qr/cannot read/, 'no file', qw/ db restore /, "$dir/data/none");
refused(1, qr/damaged, or no backup/, 'a text', qw/ db restore /,
    "$dir/data/no-backup");
refused(1, qr/no backup of a registry/, 'an empty file', qw/ db restore /,
    "$dir/data/empty");
refused(1, qr/damaged/, 'a backup cut short', qw/ db restore /,
    "$dir/data/cut");
refused(1, qr/installation id/, 'a database without settings',
    qw/ db restore /, "$dir/data/bare");
refused(5, qr/newer jobrunner/, 'a later schema', qw/ db restore /,
    "$dir/data/future");
is(scalar(grep { /restore-|replaced/ } names("$dir/data")), 0,
    'nothing of these tries is left');
is(setting('incarnation'), $incarnation, 'nor has anything changed');

# --- restore ---------------------------------------------------------------

my $killed = 'data/registry.db.restore-0011aabb';
$t->write_file($_, 'x') for $killed, "$killed-wal", "$killed-shm";
$t->give(glob "$dir/data/*.restore-*");
like($t->jobrunner_ok(qw/ db restore /, $file),
    qr/^REPLACED +\S+\.replaced-\d{8}T\d{6}\.\d{3}Z$/m,
    'it says where the former is');
is(scalar(grep { /restore-/ } names("$dir/data")), 0,
    'what a killed restore left is gone');
my ($replaced) = glob "$db.replaced-*";
ok(defined $replaced, 'which is there');
is(one("SELECT count(*) FROM tag WHERE name = 'after'", path => $replaced), 1,
    'as it was');
is(one("SELECT count(*) FROM tag WHERE name = 'after'"), 0,
    'the database is that of the backup');
isnt(setting('incarnation'), $incarnation, 'of a new incarnation');
is(setting('installation_id'), one("SELECT value FROM setting
    WHERE name = 'installation_id'", path => $replaced),
    'of the same installation');
is(setting('sweep_held'), '1', 'the sweep is held');
is(one('SELECT count(*) FROM upload'), 0, 'no upload goes on');
is((stat $db)[2] & 07777, 0640, 'its mode');
is(getpwuid((stat $db)[4]), $t->user(), 'its owner');

$t->start_nginx();
$t->start_jobrunner();
pulls($before, 'library/app', 'what the backup has can be pulled');
is($t->get('/v2/library/app/manifests/after', auth => 'admin')->status, 404,
    'what came after it is not there');
is($t->patch($location, auth => 'admin', body => 'more')->status, 404,
    'the upload has ended');

# --- nothing is deleted ----------------------------------------------------

# All that could be: old files without a row, trash, orphans that are due.
my $digest = $t->push_blob('library/app', 'an orphan in a moment');
my $orphan = one("SELECT locator FROM blob WHERE digest = '$digest'");
$t->sql("BEGIN;
    DELETE FROM repository_blob WHERE blob_id =
        (SELECT id FROM blob WHERE digest = '$digest');
    INSERT INTO orphan SELECT locator, size, 1, 'test' FROM blob
        WHERE digest = '$digest';
    DELETE FROM blob WHERE digest = '$digest';
    COMMIT");
for my $kind (qw/ reclaim orphan-sweep /) {
    like($t->jobrunner_ok(qw/ job run /, $kind), qr/"held":true/,
        "$kind does nothing");
}
ok(-e "$dir/data/blobs/$orphan", 'an orphan that is due stays');
is(scalar(grep { !-e "$dir/data/blobs/$_->{locator}" } @blobs), 0,
    'and so does all that came after the backup');

my $again = $t->push_image('library/app', 'after');
is($again->{digest}, $image->{digest}, 'what was lost is pushed again');
pulls($again, 'library/app', 'and pulled');

# --- restore over what cannot be read, and over nothing --------------------

$t->stop_nginx();
$t->stop_jobrunner();
my $bytes = $t->read_file('data/registry.db');
$t->write_file('data/registry.db', 'x' x length $bytes);
$t->write_file('data/registry.db-wal', $log);
$t->give(glob "$dir/data/registry.db*");
$t->jobrunner_ok(qw/ db restore /, $file);
is(one('PRAGMA integrity_check'), 'ok', 'over a damaged database');
is(one("SELECT count(*) FROM tag WHERE name = 'after'"), 0,
    'which is that of the backup');

# The log is a sound one, of a database that had the tag.
unlink $db or die "unlink: $!\n";
$t->write_file('data/registry.db-wal', $log);
$t->give("$db-wal");
$t->jobrunner_ok(qw/ db restore /, $file);
is(one('PRAGMA integrity_check'), 'ok', 'in the place of none');
is(one("SELECT count(*) FROM tag WHERE name = 'after'"), 0,
    'no log of another one came into it');
is(scalar(grep { /restore-/ } names("$dir/data")), 0, 'nothing is left');

$t->start_nginx();
pulls($before, 'library/app', 'and it serves');

$t->finish();
