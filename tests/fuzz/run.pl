#!/usr/bin/perl
#
# run.pl SECONDS PROGRAM: runs one fuzz target for so long and speaks TAP.
#
# Seeds come from tests/fuzz/corpus/NAME (kept in the repository); what the
# run finds of interest goes to build/fuzz/corpus/NAME. A crash leaves its
# input in build/fuzz/NAME-crash-*.

use warnings;
use strict;

use File::Basename qw/ basename /;
use File::Path qw/ make_path /;

@ARGV == 2 or die "usage: $0 SECONDS PROGRAM\n";

my ($seconds, $program) = @ARGV;
my $target = basename($program);
(my $name = $target) =~ s/^fuzz_//;

my $found = "build/fuzz/corpus/$name";
my $seeds = "tests/fuzz/corpus/$name";
make_path($found);

my @command = ($program, "-max_total_time=$seconds", '-timeout=10',
    '-rss_limit_mb=2048', '-print_final_stats=1',
    "-artifact_prefix=build/fuzz/$name-", $found);
push @command, grep { -d } $seeds, "tests/fuzz/corpus/$target";

my $dict = "tests/fuzz/$name.dict";
push @command, "-dict=$dict" if -f $dict;

# What a target keeps on a disk need not survive.
$ENV{TMPDIR} = '/dev/shm' if -w '/dev/shm';

$| = 1;
print "1..1\n";

open(my $out, '-|', 'sh', '-c', 'exec "$0" "$@" 2>&1', @command)
    or die "cannot run $program: $!\n";
my @lines = <$out>;
close $out;
my $status = $?;

my ($runs) = map { /^stat::number_of_executed_units:\s+(\d+)/ } @lines;

if ($status == 0 && $runs) {
    print "ok 1 - $target: $runs runs\n";
    exit 0;
}

print "not ok 1 - $target\n";
print "# $_" for @lines > 80 ? @lines[-80 .. -1] : @lines;
exit 1;
