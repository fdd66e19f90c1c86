# The job runner is down for a day: nginx works, and the write-ahead log stays
# bounded, because nginx moves it into the database when nobody else does. A
# day is told by what is written: some hundred megabytes.

use warnings;
use strict;

use lib 't/lib';
use Test::More;
use Test::Registry;

my $t = Test::Registry->new();
$t->write_conf();
$t->run(jobrunner => 0);

my $wal = $t->dir() . '/data/registry.db-wal';
my $page = 4096;

# wal_autocheckpoint is 10000 pages; the last transaction goes on top, and
# a second worker may have begun one.
my $bound = 10_000 * ($page + 24) + 8 * 1024 * 1024;

my $config = $t->json_bytes({ architecture => 'amd64', os => 'linux' });
$t->push_blob('library/log', $config);

sub manifest {
    my ($n, $size) = @_;
    return $t->json_bytes({
        schemaVersion => 2,
        mediaType => $Test::Registry::OCI::media_manifest,
        config => $t->descriptor($Test::Registry::OCI::media_config, $config),
        layers => [],
        annotations => { n => "$n", filler => 'x' x $size },
    });
}

my ($max, $written) = (0, 0);
my @digests;

for my $n (1 .. 120) {
    push @digests, $t->push_manifest('library/log', "t$n",
        manifest($n, 1024 * 1024));
    $written += 1024 * 1024;
    my $size = -s $wal;
    $max = $size if $size > $max;
}

diag(sprintf 'written %d MiB, the log had %d MiB at most', $written / 2**20,
    $max / 2**20);
cmp_ok($max, '<', $bound, 'the log is bounded without the job runner');
cmp_ok(-s $t->dir() . '/data/registry.db', '>', $written / 2,
    'what it had is in the database');

# Many small ones, too: deletions and tags, as on a busy day.
for my $n (1 .. 60) {
    is($t->delete("/v2/library/log/manifests/$digests[$n]",
        auth => 'admin')->status, 202, 'a deletion') if $n % 20 == 0;
    $t->push_manifest('library/log', 'small', manifest("s$n", 10));
}

$t->start_jobrunner();
$t->wait_log(qr/msg="ready"/, 10, 'jobrunner.log');
$t->push_manifest('library/log', 'last', manifest('last-of-all', 10));
wait_until(sub {
    run_command(['grep', '-q', 'last-of-all',
        $t->dir() . '/data/registry.db'])->{status} == 0;
}, 20, 'the job runner to have moved the log');
pass('the job runner moves the log again, at once');
is($t->get('/v2/library/log/manifests/t120', auth => 'admin')->status, 200,
    'and it goes on as if nothing had been');
$t->check_invariants('all is well');

$t->finish();
