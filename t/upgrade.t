#!/usr/bin/perl

# N and N-1: the next version is this one with one more migration, an additive
# one. The database is upgraded under running pushes, both versions run on it
# at once, and the old one comes back, and no request of a client fails.

use warnings;
use strict;

use Test::More;

use lib 't/lib';
use Test::Registry;

plan(skip_all => 'the module is a part of nginx: it cannot be exchanged')
    if Test::Registry::has_module();

my $t = Test::Registry->new();
my $dir = $t->dir();
my $top = Test::Registry::top();
my $build = Test::Registry::build();
my $old = $t->{prefix};
my $new = "$dir/next/build/$build";

# --- the next version ------------------------------------------------------

my @schemas = map { s{.*/}{}r } sort glob "$top/sql/schema/*.sql";
my $last = @schemas;
my $next = $last + 1;

# Of what was built only that is built anew which knows the number of the
# schema; the header with the statements is the same.
my $r = run_command(['sh', '-ec', <<'END', 'sh', $top, "$dir/next", $build],
top=$1; next=$2; build=$3
mkdir -p "$next/build/nginx" "$next/build/$build/obj"
cd "$top"
cp -a Makefile config config.make registry jobrunner ngx_module sql "$next"
cp -a build/gen "$next/build"
cp -a "build/nginx/$build" "$next/build/nginx"
cp -a "build/$build/.flags" "build/$build/.ngx" "$next/build/$build"
for folder in registry jobrunner gen; do
    cp -a "build/$build/obj/$folder" "$next/build/$build/obj"
done
sed "s,$top,$next,g" "build/nginx/$build/Makefile" \
    > "$next/build/nginx/$build/Makefile"
cd "$next"
grep -rl --include='*.c' CR_SQL_SCHEMA_VERSION registry jobrunner \
    | sed "s,^,build/$build/obj/,;s,c$,o," | xargs rm -f
END
    timeout => 60);
is($r->{status}, 0, 'a copy of the tree') or diag($r->{err});

my $number = sprintf '%04d', $next;
$t->write_file("next/sql/schema/${number}_upgrade_test.sql", <<"END");
-- Only additions: the version before runs on it.
-- compatible_from: $last
CREATE TABLE upgrade_test (
    id   INTEGER NOT NULL PRIMARY KEY,
    note TEXT NOT NULL
) STRICT;
ALTER TABLE blob ADD COLUMN upgrade_note TEXT;
ALTER TABLE manifest ADD COLUMN upgrade_note TEXT;
ALTER TABLE upload ADD COLUMN upgrade_note TEXT NOT NULL DEFAULT 'new';
CREATE INDEX upgrade_test_note ON blob (upgrade_note);
END

$r = run_command(['sh', '-ec', <<'END', 'sh', $top, "$dir/next", $build],
cd "$2"
perl sql/embed.pl build/gen
touch -r "$1/build/gen/sql_gen.h" build/gen/sql_gen.h
touch build/gen/.stamp
exec make BUILD="$3" all
END
    timeout => 300);
is($r->{status}, 0, 'the next version') or diag($r->{out}, $r->{err});

# --- helpers ---------------------------------------------------------------

sub one {
    my ($statement) = @_;
    my @rows = $t->sql($statement);
    return @rows ? (values %{ $rows[0] })[0] : undef;
}

# Runs nginx with the module of a version from now on.
sub change {
    my ($prefix) = @_;
    $t->{prefix} = $prefix;
    $t->write_conf();
    $t->reload();
    return;
}

# An upload whose PATCH is on its way: half is sent, the rest comes later.
sub begin {
    my ($text) = @_;
    my $bytes = $text x 20000;
    my $location = $t->start_upload('library/long');
    my $c = $t->connect();
    my $half = substr $bytes, 0, length($bytes) / 2;
    $c->send("PATCH $location HTTP/1.1\r\nHost: localhost\r\n"
        . 'Authorization: ' . $t->authorization('admin') . "\r\n"
        . "Transfer-Encoding: chunked\r\n\r\n"
        . sprintf("%x\r\n", length $half) . "$half\r\n");
    wait_until(sub { one('SELECT count(*) FROM upload') > 0 }, 10,
        'the session');
    return { bytes => $bytes, half => $half, connection => $c };
}

sub finish {
    my ($upload, $what) = @_;
    my ($bytes, $c) = @$upload{qw/ bytes connection /};
    my $rest = substr $bytes, length $upload->{half};
    $c->send(sprintf("%x\r\n", length $rest) . "$rest\r\n0\r\n\r\n");
    my $r = $c->response('PATCH');
    is($r->status, 202, "$what: the PATCH that lasted");
    $r = $t->put($t->with_query($t->location($r), 'digest', sha256($bytes)),
        auth => 'admin');
    is($r->status, 201, "$what: the PUT after it");
    $r = $t->get('/v2/library/long/blobs/' . sha256($bytes), auth => 'admin');
    ok($r->status == 200 && $r->body eq $bytes, "$what: it can be pulled");
    return;
}

# --- the old version, and pushes that never end ----------------------------

$t->write_conf();
$t->run();
is(one('SELECT max(version) FROM schema_migration'), $last, 'the old schema');

# Each line of the file is an image that was acknowledged, or a failure.
my $child = fork() // die "fork: $!\n";
if ($child == 0) {
    $SIG{TERM} = 'DEFAULT';
    open(my $f, '>>', "$dir/pushed") or POSIX::_exit(1);
    $f->autoflush(1);
    for (my $n = 0; ; $n++) {
        my $image = eval {
            $t->push_image('library/load', "t$n", layers => ["layer $n"]);
        };
        my $why = $@ =~ s/\n/ /gr;
        print {$f} $image ? "t$n $image->{digest}\n" : "failed t$n: $why\n";
    }
}

sub pushed { return scalar(() = $t->read_file('pushed') =~ /^t\d+ /mg) }

sub more_pushes {
    my ($what) = @_;
    my $from = pushed();
    wait_until(sub { pushed() > $from + 3 }, 30, "pushes $what");
    return;
}

sub program {
    my ($prefix, @args) = @_;
    local $t->{prefix} = $prefix;
    return $t->jobrunner(@args);
}

my $ok = eval {
    more_pushes('before');

    # --- upgrade of the database under them --------------------------------

    my $upload = begin('upgraded under it ');
    $r = program($new, qw/ db status /);
    is($r->{status}, 5, 'the new program wants a migration');
    $r = program($new, qw/ db migrate /);
    is($r->{status}, 0, 'which is done while pushes go on')
        or diag($r->{err});
    is(one('SELECT max(version) FROM schema_migration'), $next,
        'the new schema');
    ok(-s "$dir/data/registry.db.backup-v$last", 'a backup stands beside');
    finish($upload, 'the old version, upgraded under it');
    more_pushes('on the new schema');

    $t->reload();
    more_pushes('by old workers that opened the new schema');
    $r = program($old, qw/ db status /);
    is($r->{status}, 0, 'the old program says that it fits');
    like($r->{out}, qr/newer than the program, usable/, 'and how');
    is(program($old, qw/ job run upload-expire /)->{status}, 0,
        'its jobs run');

    # --- both versions at once ---------------------------------------------

    $upload = begin('begun by the old one ');
    change($new);
    is(scalar(grep { maps($_, $new) } $t->workers()), 2,
        'new workers have it');
    cmp_ok(scalar(my @all = $t->workers('all')), '>', 2,
        'beside an old one that has work');
    more_pushes('by the new version');
    is(program($new, qw/ job run reclaim /)->{status}, 0,
        'the jobs of the new one run beside the old daemon');
    finish($upload, 'begun by the old, finished by the new version');
    $t->wait_old_workers();

    $t->stop_jobrunner();
    $t->start_jobrunner();
    $t->wait_log(qr/(?:ready.*){2}/s, 10, 'jobrunner.log');

    # --- and back ----------------------------------------------------------

    $upload = begin('begun by the new one ');
    change($old);
    is(scalar(grep { maps($_, $new) } $t->workers()), 2,
        'the master has both by now');
    more_pushes('by the old version again');
    finish($upload, 'begun by the new, finished by the old version');
    $t->wait_old_workers();
    $t->stop_jobrunner();
    $t->start_jobrunner();
    $t->wait_log(qr/(?:ready.*){3}/s, 10, 'jobrunner.log');
    more_pushes('at the end');
    1;
};
my $error = $@;
kill 'KILL', $child;
waitpid $child, 0;
$ok or die $error;

# Is the file mapped by a process?
sub maps {
    my ($pid, $prefix) = @_;
    open(my $f, '<', "/proc/$pid/maps") or return 0;
    return scalar grep { /\Q$prefix\E\/ngx_http_registry_module/ } <$f>;
}

# --- nothing was lost ------------------------------------------------------

my $lines = $t->read_file('pushed');
is(join("\n", $lines =~ /^failed.*/mg), '', 'no push has failed');
my $wrong = 0;
my $count = 0;
while ($lines =~ /^t(\d+) (\S+)$/mg) {
    my ($n, $digest) = ($1, $2);
    my $m = $t->get("/v2/library/load/manifests/t$n", auth => 'admin');
    my $b = $t->get('/v2/library/load/blobs/' . sha256("layer $n"),
        auth => 'admin');
    $wrong++ if $m->status != 200 || sha256($m->body) ne $digest
        || $b->status != 200 || $b->body ne "layer $n";
    $count++;
}
is($wrong, 0, "each of $count pushed images can be pulled");
is(program($_, qw/ fsck --content /)->{status}, 0, 'database and content agree')
    for $old, $new;

# --- a schema that is not for the old version ------------------------------

# This also proves that the code of either version was what answered above.
$t->stop_jobrunner();
$t->sql("UPDATE schema_migration SET compatible_from = $next
    WHERE version = $next");
change($new);
is(eval { $t->push_image('library/end', 'new'); 1 }, 1,
    'the new version takes a push') or diag($@);
change($old);
$t->wait_old_workers();
is($t->get('/v2/library/end/manifests/new', auth => 'admin')->status, 503,
    'the old version refuses');
$t->wait_log(qr/install a newer version/);
change($new);
$t->wait_old_workers();
is($t->get('/v2/library/end/manifests/new', auth => 'admin')->status, 200,
    'and the new one goes on');

$t->finish();
