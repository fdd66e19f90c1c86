# A database that is removed, put back, replaced: registry locations answer
# 503 meanwhile and work again by themselves, without a reload; the other
# locations and the job runner go on.

use warnings;
use strict;

use lib 't/lib';
use Test::More;
use Test::Registry;

my $t = Test::Registry->new();
my $dir = $t->dir();

$t->write_conf(<<'END');
%%GLOBALS%%
worker_processes  2;

events {
    worker_connections  512;
}

http {
    %%HTTP%%
    registry_instance main {
        %%INSTANCE%%
    }

    server {
        listen  127.0.0.1:%%PORT_0%%;

        %%LOCATIONS%%

        location = /site { return 200 "here\n"; }
    }
}
END
$t->run();
$t->wait_log(qr/msg="ready"/, 10, 'jobrunner.log');

my $first = $t->push_image('library/app', 'v1');
my @workers = $t->workers();

sub files { return map { "$dir/data/$_[0]$_" } '', '-wal', '-shm' }

sub move {
    my ($from, $to) = @_;
    my @to = files($to);
    for my $path (files($from)) {
        my $target = shift @to;
        rename $path, $target if -e $path;
    }
    return;
}

sub status { return $t->get(@_, auth => 'admin')->status }

my $tag = '/v2/library/app/manifests/v1';

# Each connection may reach either worker: enough of them in a row.
sub settles {
    my ($status, $what, $target) = @_;
    my $same = 0;
    wait_until(sub {
        $same = status($target // $tag) == $status ? $same + 1 : 0;
        return $same >= 12;
    }, 20, $what);
    pass($what);
    return;
}

# --- away ------------------------------------------------------------------

is(status($tag), 200, 'a pull');
my $token = $t->token('repository:library/app:pull,push', 'admin');
my $session = $t->start_upload('library/app');

move('registry.db', 'away.db');
is($t->post('/v2/library/app/blobs/uploads/', auth => 'admin')->status, 503,
    'a write notices at once');
settles(503, 'reads within a second or so');
my $r = $t->get($tag, auth => "Bearer $token");
is($r->status, 503, 'with a token too');
is($r->json()->{errors}[0]{code}, 'UNAVAILABLE', 'in the form of an error');
is($t->get('/site')->body, "here\n", 'the site goes on');
is($t->get('/healthz')->status, 200, 'the process is well');
is($t->get('/readyz')->status, 503, 'the registry is not');
is($t->get('/service/token?service=nginx-registry&scope=' . $t->escape(
    'repository:library/app:pull'))->status, 503, 'no tokens either');
$t->wait_log(qr/\[error\].*removed or replaced|\[error\].*is missing/);
$t->wait_log(qr/\[error\].*run "jobrunner .* db migrate"/);
$t->wait_log(qr/waiting for the database.*removed or replaced/, 10,
    'jobrunner.log');

# --- back ------------------------------------------------------------------

move('away.db', 'registry.db');
settles(200, 'it is back: pulls work');
is(status('/readyz'), 200, 'ready again');
is($t->get($tag, auth => "Bearer $token")->status, 200,
    'the token is still good');
is($t->patch($session, auth => 'admin', body => 'abc')->status, 202,
    'the session goes on');
is($t->put("$session?digest=" . sha256('abcdef'), auth => 'admin',
    body => 'def')->status, 201, 'to its end');
$t->push_image('library/app', 'v2');
wait_until(sub { (() = $t->read_file('logs/jobrunner.log')
    =~ /msg="ready"/g) == 2 }, 10, 'the job runner to be ready again');

$t->sql("UPDATE job SET run_at = 1 WHERE kind = 'reclaim'");
wait_until(sub {
    my ($row) = $t->sql("SELECT count(*) AS n FROM job
        WHERE kind = 'reclaim' AND run_at = 1");
    return $row->{n} == 0;
}, 20, 'a job in the database that is back');
pass('the job runner works on');

# --- replaced, with an upload in the middle --------------------------------

$t->jobrunner_ok(qw/ db backup /, "$dir/data/backup.db");
$t->push_image('library/app', 'v3');
settles(200, 'a tag newer than the backup', '/v2/library/app/manifests/v3');

my $slow = $t->connect();
my $location = $t->start_upload('library/app');
$slow->send("PATCH $location HTTP/1.1\r\nHost: a\r\nAuthorization: "
    . $t->authorization('admin') . "\r\nContent-Length: 100000\r\n\r\n"
    . 'x' x 50_000);

move('registry.db', 'old.db');
rename "$dir/data/backup.db", "$dir/data/registry.db" or die $!;
settles(404, 'the tag is gone with the restore',
    '/v2/library/app/manifests/v3');
is(status('/v2/library/app/manifests/v2'), 200, 'what the backup had is here');

$slow->send('x' x 50_000);
$r = $slow->response('PATCH');
is($r->status, 404, 'the upload of another database ends');
$slow->close();
$t->push_image('library/app', 'v4');
is(status('/v2/library/app/manifests/v4'), 200, 'pushes work');
$t->check_invariants('the restored one is well',
    expect => ["tag library/app v1 $first->{digest}"]);

# --- made anew -------------------------------------------------------------

move('registry.db', 'old2.db');
settles(503, 'removed once more');
$t->prepare_database();
settles(404, 'an empty database serves: no such image');
$t->push_image('library/new', 'v1');
is($t->get('/v2/library/new/manifests/v1', auth => "Bearer $token")->status,
    401, 'a token of another installation is not taken');

is_deeply([$t->workers()], \@workers, 'all that without a reload');
$t->finish();
