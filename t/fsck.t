#!/usr/bin/perl

# jobrunner fsck: finds each kind of fault and no other, repairs so that a
# client can push again, and lets go of what a restore held.

use warnings;
use strict;

use JSON::PP ();
use Test::More;

use lib 't/lib';
use Test::Registry;

my $t = Test::Registry->new();
my $dir = $t->dir();
my $blobs = "$dir/data/blobs";

$t->write_conf();
$t->run();

sub one {
    my ($statement) = @_;
    my @rows = $t->sql($statement);
    return @rows ? (values %{ $rows[0] })[0] : undef;
}

sub fsck {
    my ($status, @flags) = @_;
    my $r = $t->jobrunner('fsck', '-o', 'json', @flags);
    is($r->{status}, $status, "fsck @flags: status $status")
        or diag($r->{out}, $r->{err});
    return $r->{out} =~ /\S/ ? JSON::PP->new->decode($r->{out}) : $r->{err};
}

# The findings as "problem digest-or-locator", sorted.
sub found {
    my ($got) = @_;
    return join "\n", sort map {
        "$_->{problem} " . ($_->{digest} || $_->{locator})
    } @{ $got->{findings} };
}

sub locator { return one("SELECT locator FROM blob WHERE digest = '$_[0]'") }

# A stored file of the year 2022 without a row.
my $made = 0;
sub old_file {
    my $tail = sprintf '%012x', ++$made;
    my $shard = substr $tail, -2;
    mkdir "$blobs/$shard";
    my $locator = "$shard/01800000-0000-7000-8000-$tail";
    $t->write_file("data/blobs/$locator", 'left');
    $t->give("$blobs/$shard", "$blobs/$locator");
    return $locator;
}

# --- nothing is wrong ------------------------------------------------------

my %layer = map { $_ => "the $_ layer, " x 100 } qw/ good gone short long
    damaged /;
my %image = map {
    $_ => $t->push_image("library/$_", 'v1', layers => [$layer{$_}])
} sort keys %layer;
my $location = $t->start_upload('library/good');
is($t->patch($location, auth => 'admin', body => 'half')->status, 202,
    'an upload in the making');

my $got = fsck(0, '--content');
is($got->{blobs}, 10, 'every blob was looked at');
is($got->{files}, 11, 'and every file');
is(found($got), '', 'nothing is wrong');
is($got->{unnamed} + $got->{young}, 0, 'no file without a row');
is($got->{sweep}, 'runs', 'the sweep is not held');

# --- each kind of fault ----------------------------------------------------

my %digest = map { $_ => sha256($layer{$_}) } keys %layer;
my %file = map { $_ => "$blobs/" . locator($digest{$_}) } keys %digest;
my $size = -s $file{short};

unlink $file{gone} or die "unlink: $!\n";
truncate $file{short}, 7 or die "truncate: $!\n";
truncate $file{long}, 1 + -s $file{long} or die "truncate: $!\n";
open(my $f, '+<', $file{damaged}) or die "open: $!\n";
seek $f, 100, 0;
print {$f} 'X';
close $f or die "close: $!\n";
my $left = old_file();

# A file that a request may be writing, and an orphan.
my ($young) = locator($digest{good}) =~ m{^../(.*)..$};
$young = "aa/${young}aa";
$t->write_file("data/blobs/$young", 'young');
my $orphan = old_file();
$t->sql("INSERT INTO orphan (locator, size, not_before, reason)
    VALUES ('$orphan', 4, 9000000000000000, 'test')");

$got = fsck(7);
is(found($got), join("\n", sort "missing $digest{gone}",
    "wrong size $digest{short}", "wrong size $digest{long}",
    "no row $left"), 'what a look at the sizes finds');
is("@$got{qw/ missing wrong_size damaged unnamed unnamed_bytes young /}",
    '1 2 0 1 4 1', 'the numbers');
my ($short) = grep { $_->{digest} eq $digest{short} } @{ $got->{findings} };
is("$short->{found} of $short->{size}", "7 of $size", 'the sizes');
is_deeply($short->{images}, ['library/short:v1'], 'which image needs it');

$got = fsck(7, '--content');
like(found($got), qr/^damaged $digest{damaged}$/m, 'the content tells more');
is($got->{damaged}, 1, 'of one blob');

my $r = $t->jobrunner('fsck');
like($r->{out}, qr/^missing .*\Q$digest{gone}\E.*library\/gone:v1/m,
    'as a table, too');

# --- release is refused, repair --------------------------------------------

$t->sql("INSERT INTO setting (name, value, updated_at)
    VALUES ('sweep_held', '1', 1)");
$got = fsck(7, '--release');
is($got->{sweep}, 'held', 'not released while blobs are at fault');
is(one("SELECT value FROM setting WHERE name = 'sweep_held'"), '1',
    'nor in the database');

is($t->head("/v2/library/$_/blobs/$digest{$_}", auth => 'admin')->status,
    404, "$_: a client would push it")
    for qw/ gone short long /;
is($t->head("/v2/library/damaged/blobs/$digest{damaged}",
    auth => 'admin')->status, 200, 'damaged: it is told that it is there');

$got = fsck(0, '--content', '--repair');
is($got->{repaired}, 4, 'four are repaired');
for my $name (qw/ gone short long damaged /) {
    is($t->head("/v2/library/$name/blobs/$digest{$name}",
        auth => 'admin')->status, 404, "$name: now a client pushes it");
    $t->push_image("library/$name", 'v1', layers => [$layer{$name}]);
    $r = $t->get("/v2/library/$name/blobs/$digest{$name}", auth => 'admin');
    ok($r->status == 200 && $r->body eq $layer{$name},
        "$name: and it is whole again");
}
$r = $t->get("/v2/library/good/blobs/$digest{good}", auth => 'admin');
is($r->body, $layer{good}, 'what was good is as it was');
is(one('SELECT count(*) FROM repository_blob
    WHERE unreferenced_at IS NOT NULL'), 0,
    'what was pushed again is held by its manifest');
is(one("SELECT count(*) FROM orphan WHERE reason = 'damaged'"), 4,
    'what is left of the files is an orphan');

$got = fsck(0, '--content');
is(found($got), "no row $left", 'nothing else is wrong');

# --- release ---------------------------------------------------------------

like($t->jobrunner_ok(qw/ job run orphan-sweep /), qr/"held":true/,
    'nothing is swept');
$got = fsck(0, '--release');
is($got->{sweep}, 'runs', 'released');
like($t->jobrunner_ok(qw/ job run orphan-sweep /), qr/"orphaned":1,/,
    'then the file without a row is swept');

# --- the store is not there ------------------------------------------------

rename $blobs, "$blobs.away" or die "rename: $!\n";
mkdir $blobs or die "mkdir: $!\n";
$t->give($blobs);
my $rows = one('SELECT count(*) FROM blob');
$r = $t->jobrunner(qw/ fsck --repair /);
is($r->{status}, 6, 'an empty store: status');
like($r->{err}, qr/no blob at all is sound: is the content where it was/,
    'it is not taken for one that lost everything');
is(one('SELECT count(*) FROM blob'), $rows, 'no row went');
rmdir $blobs or die "rmdir: $!\n";
rename "$blobs.away", $blobs or die "rename: $!\n";

# --- beside pushes ---------------------------------------------------------

my $child = fork() // die "fork: $!\n";
if ($child == 0) {
    $SIG{TERM} = 'DEFAULT';
    for (my $n = 0; ; $n++) {
        eval { $t->push_image("library/load$n", 'v', layers => ["x$n"]) };
    }
}

my $ok = eval {
    for my $n (1 .. 5) {
        my $from = one('SELECT count(*) FROM manifest');
        wait_until(sub { one('SELECT count(*) FROM manifest') > $from + 2 },
            20, 'pushes to go on');
        $got = fsck(0, '--content');
        is(found($got), '', "round $n: nothing wrong beside pushes");
    }
    1;
};
my $error = $@;
kill 'KILL', $child;
waitpid $child, 0;
$ok or die $error;

$t->finish();
