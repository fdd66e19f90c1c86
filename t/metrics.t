#!/usr/bin/perl

# /metrics: its format, read strictly; what it says of requests, of the
# database, the store and the jobs; and that it answers when they are away.

use warnings;
use strict;

use Test::More;

use lib 't/lib';
use Test::Registry;
use Test::Registry::Metrics qw/ parse_metrics /;

my $t = Test::Registry->new();
my $dir = $t->dir();

# --- the reader itself -----------------------------------------------------

my $good = <<'END';
# HELP a_total Things.
# TYPE a_total counter
a_total{x="1",y="a\"b\\c\n"} 3
a_total{x="2"} 4
# HELP h_seconds Times.
# TYPE h_seconds histogram
h_seconds_bucket{le="0.5"} 1
h_seconds_bucket{le="+Inf"} 2
h_seconds_sum 1.25
h_seconds_count 2
END

my ($series, $problems) = parse_metrics($good);
is_deeply($problems, [], 'a good text');
is($series->{'h_seconds_bucket{le="+Inf"}'}, 2, 'a value of it');

for my $case (
    ['no end', sub { chomp $_[0] }],
    ['no HELP', sub { $_[0] =~ s/^# HELP a_total.*\n// }],
    ['no TYPE', sub { $_[0] =~ s/^# TYPE a_total.*\n//m }],
    ['an unknown type', sub { $_[0] =~ s/counter/number/ }],
    ['a counter without _total', sub { $_[0] =~ s/a_total/a/g }],
    ['a gauge with _total', sub { $_[0] =~ s/counter/gauge/ }],
    ['a series twice', sub { $_[0] =~ s/(a_total\{x="2"\}) 4/$1 4\n$1 5/ }],
    ['a family in two pieces', sub { $_[0] .= qq{a_total{x="3"} 1\n} }],
    ['no number', sub { $_[0] =~ s/ 4$/ four/m }],
    ['a counter below 0', sub { $_[0] =~ s/ 4$/ -4/m }],
    ['a bad label', sub { $_[0] =~ s/x="2"/x-y="2"/ }],
    ['a bad escape', sub { $_[0] =~ s/x="2"/x="\\2"/ }],
    ['a label twice', sub { $_[0] =~ s/x="2"/x="2",x="2"/ }],
    ['a comma at the end', sub { $_[0] =~ s/x="2"/x="2",/ }],
    ['no +Inf', sub { $_[0] =~ s/^.*\+Inf.*\n//m }],
    ['falling counts', sub { $_[0] =~ s/"0\.5"\} 1/"0.5"} 3/ }],
    ['another count', sub { $_[0] =~ s/_count 2/_count 3/ }],
    ['no sum', sub { $_[0] =~ s/^.*_sum.*\n//m }],
    ['milliseconds', sub { $_[0] =~ s/h_seconds/h_ms/g }],
    ['a text without a family', sub { $_[0] .= "b 1\n" }],
) {
    my ($name, $spoil) = @$case;
    my $text = $good;
    $spoil->($text);
    isnt($text, $good, "$name: spoiled");
    ($series, $problems) = parse_metrics($text);
    ok(@$problems > 0, "$name: found");
}

# --- the format ------------------------------------------------------------

$t->write_conf(undef, extra => 'gc { trash 0s; grace 0s; }');
$t->run();

sub metrics {
    my ($what) = @_;
    my $r = $t->get('/metrics');
    is($r->status, 200, "$what: 200");
    my ($s, $p) = parse_metrics($r->body);
    is_deeply($p, [], "$what: the format");
    return wantarray ? ($s, $r->body) : $s;
}

metrics('before any request');

my $image = $t->push_image('library/app', 'v1');
$t->get('/v2/library/app/manifests/v1', auth => 'admin');
$t->get('/v2/library/app/manifests/none', auth => 'admin');
$t->http('BREW', '/v2/');
$t->get('/nowhere');

my ($m, $text) = metrics('after some');
my @families = $text =~ /^# TYPE (\S+)/mg;
is_deeply([sort @families], [sort qw/
    registry_build_info
    registry_http_requests_total
    registry_http_in_flight_requests
    registry_http_request_duration_seconds
    registry_http_received_bytes_total
    registry_http_sent_bytes_total
    registry_uploads_in_progress
    registry_db_up
    registry_storage_filesystem_free_bytes
    registry_storage_filesystem_size_bytes
    registry_storage_min_free_bytes
    registry_backups_total
    registry_backups_skipped_total
    registry_gc_deleted_files_total
    registry_gc_freed_bytes_total
    registry_job_queue_length
    registry_job_queue_oldest_age_seconds
    registry_jobs_running
    registry_job_last_end_timestamp_seconds
    registry_job_failed
    /, grep { $_ eq 'registry_backup_last_success_timestamp_seconds' }
        @families], 'these, and no other');

my $documented = Test::Registry::_read(
    Test::Registry::top() . '/docs/operations.md');
is(join(' ', grep { index($documented, "`$_`") < 0 } @families), '',
    'each is in docs/operations.md');

is($m->{'registry_http_requests_total'
    . '{code="404",handler="manifest",method="GET"}'}, 1, 'a miss is counted');
is($m->{registry_storage_min_free_bytes}, 64 * 1024 * 1024, 'min_free');
cmp_ok($m->{registry_storage_filesystem_free_bytes}, '<=',
    $m->{registry_storage_filesystem_size_bytes}, 'free of size');
is($m->{registry_db_up}, 1, 'the database is up');

my $promtool = run_command(['sh', '-c', 'command -v promtool']);
SKIP: {
    skip 'no promtool here', 1 if $promtool->{status} != 0;
    my $r = run_command(['promtool', 'check', 'metrics'], input => $text);
    is($r->{status}, 0, 'promtool check metrics')
        or diag($r->{out}, $r->{err});
}

# --- what the job runner did -----------------------------------------------

$t->delete("/v2/library/app/manifests/$image->{digest}", auth => 'admin');
wait_until(sub {
    $t->jobrunner_ok(qw/ job run reclaim /);
    metrics('while it is given back')->{registry_gc_deleted_files_total} >= 2;
}, 20, 'the content to be given back');

$t->jobrunner_ok(qw/ job run backup /);
$m = metrics('after jobs');
is($m->{registry_gc_deleted_files_total}, 2, 'config and layer');
cmp_ok($m->{registry_gc_freed_bytes_total}, '>', 0, 'their bytes');
cmp_ok($m->{registry_backups_total}, '>=', 1, 'a backup');
cmp_ok(abs($m->{registry_backup_last_success_timestamp_seconds} - time()),
    '<', 600, 'and when');
$t->sql("UPDATE job SET run_at = 1 WHERE kind = 'reclaim'");
wait_until(sub {
    ($t->get('/metrics')->body
        =~ /^registry_job_last_end_timestamp_seconds\{type="reclaim"\} \d/m)
}, 20, 'the schedule to have run');
is(metrics('jobs')->{'registry_job_failed{type="reclaim"}'}, 0,
    'it did not fail');

# --- away ------------------------------------------------------------------

$t->stop_jobrunner();
$t->allow_log(qr/was removed or replaced/);
my $db = "$dir/data/registry.db";
rename $db, "$db.away" or die "rename: $!\n";
$m = metrics('without a database');
is($m->{registry_db_up}, 0, 'it is down');
ok(!grep(/job/, keys %$m), 'and nothing is made up');
rename "$db.away", $db or die "rename: $!\n";
wait_until(sub { $t->get('/metrics')->body =~ /^registry_db_up 1$/m }, 20,
    'the database to be up');

# A writer that never ends holds up no reader.
my @as = $> != 0 ? () : ('setpriv', '--reuid=' . getpwnam($t->user()),
    '--regid=' . (getpwnam $t->user())[3], '--init-groups', '--');
open(my $lock, '|-', @as, 'sqlite3', '-batch', $db) or die "sqlite3: $!\n";
$lock->autoflush(1);
print $lock "BEGIN IMMEDIATE;\n.output $dir/data/locked\nSELECT 1;\n"
    . ".output stdout\n";
wait_until(sub { -s "$dir/data/locked" }, 20, 'the lock');
my @waiting = map {
    my $c = $t->connect();
    $c->send($t->request_bytes('POST', "/v2/library/w$_/blobs/uploads/",
        auth => 'admin'));
    $c;
} 1 .. 40;
wait_until(sub {
    my ($n) = $t->get('/metrics')->body
        =~ /^registry_http_in_flight_requests\{handler="blob_upload"\} (\d+)/m;
    $n == 40;
}, 20, 'all to wait');
$m = metrics('every thread waits');
is($m->{registry_db_up}, 1, 'readable all the same');
print $lock "ROLLBACK;\n.quit\n";
close $lock;
is(scalar(grep { $_->response('POST')->status == 202 } @waiting), 40,
    'then they go on');

$t->finish();
