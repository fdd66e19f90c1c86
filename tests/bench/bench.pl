#!/usr/bin/perl

# `make bench`: this registry, nginx's static files, Debian's docker-registry
# and "write, then openssl dgst" side by side in one run. Prints each figure
# with its ratio, the target and whether it is reached; build/bench.json keeps
# all of it.
#
#   bench.pl [--quick] [GROUP ...]
#
# Groups: get manifest push latency small fsync workers pages lists access
# login site memory.
# --quick runs each for a moment: it shows that the rows work and roughly
# where they stand.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/../../t/lib";

use File::Find qw/ find /;
use List::Util qw/ min max /;
use POSIX qw/ WNOHANG /;
use Time::HiRes qw/ time /;

use Test::Registry;
use Bench;
use Fill;

Bench::set_quick(), shift @ARGV if @ARGV && $ARGV[0] eq '--quick';

my @groups = qw/ get manifest push latency small fsync workers pages lists
    access login site memory /;
my %run = map { $_ => 1 } @ARGV ? @ARGV : @groups;

my %group = (get => \&row_get, manifest => \&row_manifest,
    push => \&row_push, latency => \&row_latency, small => \&row_small,
    fsync => \&row_fsync, workers => \&row_workers, pages => \&row_pages,
    lists => \&row_lists, access => \&row_access, login => \&row_login,
    site => \&row_site, memory => \&row_memory);
for (keys %run) {
    die "unknown group: $_\n" if !$group{$_};
}

my ($t, $peer, $token, $basic);

sub url { my ($s, $tls) = @_;
    return $tls ? 'https://127.0.0.1:' . $s->port(1)
        : 'http://127.0.0.1:' . $s->port(0) }

# The server and the peer that most rows share.
sub common {
    return if $t;
    $t = server();
    $peer = start_peer($t);
    $token = 'Bearer ' . $t->token(['repository:private/bench:pull,push',
        'repository:library/bench:pull,push'], 'admin');
    $basic = $t->authorization('admin');
    return;
}

sub peer_blob {
    my ($bytes) = @_;
    my @p = (port => $peer);
    my $l = $t->location($t->post('/v2/library/bench/blobs/uploads/', @p));
    my $d = sha256($bytes);
    $t->put($t->with_query($l, 'digest', $d), @p, body => $bytes)->status
        == 201 or die "docker-registry: blob\n";
    return $d;
}

# A client stops at its first failure, or when it is done: then there was no
# load any more.
sub load_end_alive {
    my ($job) = @_;
    my $alive = waitpid($job->{pid}, WNOHANG) == 0;
    load_end($job, kill => 1);
    die "the load ended before the probe\n" if !$alive;
    return;
}

# --- pulls -----------------------------------------------------------------

sub row_get {
    common();
    # what, size, connections, repository, TLS, least of static
    my @cases = (
        ['1 KiB public', 1024, 64, 'library', 0, 0.85],
        ['1 KiB token', 1024, 64, 'private', 0, 0.70],
        ['10 MiB token', 10 * MIB, 8, 'private', 0, 0.90],
        ['1 GiB token', GIB, 4, 'private', 0, 0.90],
        ['10 MiB token TLS', 10 * MIB, 8, 'private', 1, 0.90],
        ['1 GiB token TLS', GIB, 4, 'private', 1, 0.90],
    );
    my %pushed;

    # The way of the large one is that of 10 MiB.
    @cases = grep { $_->[1] < GIB } @cases if $quick;

    for my $case (@cases) {
        my ($name, $size, $connections, $project, $tls, $least) = @$case;
        my $d = $pushed{"$project $size"};
        my $file = "/blob-$size";

        if (!$d) {
            my $bytes = random_bytes($size);
            $d = $pushed{"$project $size"} = sha256($bytes);
            static_file($t, "blob-$size", $bytes);
            $t->push_blob("$project/bench", $bytes, timeout => 120,
                digest => $d);
            peer_blob($bytes) if $size == 1024;
        }
        my $auth = $project eq 'private' ? $token : undef;
        my $key = $size > 1024 ? 'mb_per_second' : 'per_second';
        my $best = compare($t, $key,
            ours => sub { wrk(url($t, $tls)
                . "/v2/$project/bench/blobs/$d", $connections, $auth) },
            static => sub { wrk(url($t, $tls) . $file, $connections) },
            ($size == 1024 ? ('docker-registry' => sub {
                wrk("http://127.0.0.1:$peer/v2/library/bench/blobs/$d",
                    $connections) }) : ()));
        verdict("GET blob $name", $best, $key, of => 'static',
            least => $least);
    }
    return;
}

sub row_manifest {
    common();
    my $image = $t->push_image('private/bench', 'v1');
    my $file = static_file($t, 'manifest', $image->{bytes});
    my @p = (port => $peer);
    peer_blob($_) for $image->{config}, @{ $image->{layers} };
    $t->put('/v2/library/bench/manifests/v1', @p, body => $image->{bytes},
        headers => ['Content-Type' => $image->{manifest}{mediaType}])
        ->status == 201 or die "docker-registry: manifest\n";
    my $best = compare($t, 'per_second',
        ours => sub { wrk(url($t) . '/v2/private/bench/manifests/v1', 64,
            $token) },
        static => sub { wrk(url($t) . $file, 64) },
        'docker-registry' => sub {
            wrk("http://127.0.0.1:$peer/v2/library/bench/manifests/v1", 64)
        });
    my $name = 'GET manifest by tag, token';
    verdict($name, $best, 'per_second', of => 'static', least => 0.5);
    verdict($name, $best, 'per_second', of => 'docker-registry', least => 20,
        brief => 1);
    return;
}

# --- pushes ----------------------------------------------------------------

# The limit of one stream: write the bytes, flush them, hash the file.
sub push_limit {
    my ($size) = @_;
    my $file = $t->dir() . '/limit';
    my $bytes = random_bytes(16 * MIB);
    my $start = time();
    open(my $f, '>:raw', $file) or die "limit: $!\n";
    for (my $left = $size; $left > 0; $left -= length $bytes) {
        syswrite($f, $bytes) == length $bytes or die "limit: $!\n";
    }
    $f->sync() or die "limit: $!\n";
    close $f;
    my $r = run_command([qw/ openssl dgst -sha256 /, $file], timeout => 120);
    $r->{status} == 0 or die "openssl: $r->{err}\n";
    my $took = time() - $start;
    unlink $file;
    return { mb_per_second => $size / 1e6 / $took };
}

# Bytes that are measured: the disk need not keep them for the next row.
sub drop_bytes {
    my ($r, $s) = @_;
    my @folders = grep { -d } map { ($s // $t)->dir() . $_ } '/data/blobs',
        '/peer';
    find({ no_chdir => 1, wanted => sub {
        unlink if -f && -s > 16 * MIB } }, @folders);
    return $r;
}

sub row_push {
    common();
    my $size = $quick ? 128 * MIB : GIB;
    for my $streams (1, 4) {
        my $best = compare($t, 'mb_per_second',
            rounds => 3,
            ours => sub { drop_bytes(load($token, 'blob', url($t),
                'library/bench', $size, $streams)) },
            limit => sub { push_limit($size) },
            # A quarter for each stream: it is slow, and the same per byte.
            'docker-registry' => sub { drop_bytes(load(undef, 'blob',
                "http://127.0.0.1:$peer", 'library/bench', $size / $streams,
                $streams)) });
        my $name = $streams == 1 ? 'push of 1 GiB, one stream'
            : "push of 1 GiB, $streams streams";
        $best->{ours}{cpu_s_per_gib} = $best->{ours}{cpu_s}
            / ($size * $streams / GIB);
        verdict($name, $best, 'mb_per_second', of => 'limit', brief => 1,
            least => $streams == 1 ? 0.9 : 1.3);
        verdict($name, $best, 'mb_per_second', of => 'docker-registry',
            least => 4, brief => 1);
        verdict("$name: CPU", $best, 'cpu_s_per_gib', most => 1.6,
            brief => 1);
    }
    return;
}

sub row_latency {
    my $one = server(workers => 1);
    my $auth = 'Bearer ' . $one->token('repository:private/bench:pull,push',
        'admin');
    my $d = $one->push_blob('private/bench', random_bytes(1024));
    my $size = $quick ? 64 * MIB : GIB;
    my $best = compare($one, 'p99_ms', rounds => 3, ours => sub {
        # The pushers stand for other machines: they give way to the server.
        my $job = load_start($auth, { program => [qw/ nice -n 10 /] },
            'blob', url($one), 'private/bench', $size, 4);
        my $r = load($auth, 'probe', url($one),
            "/v2/private/bench/blobs/$d", 5, $quick ? 1 : 6);
        load_end_alive($job);
        return drop_bytes($r, $one);
    });
    verdict('GET 1 KiB during 4 pushes, one worker', $best, 'p99_ms',
        most => 10);
    Bench::stop($one);
    return;
}

sub row_small {
    common();
    my $count = $quick ? 15 : 100;
    my %rate;
    for my $kind (qw/ own one /) {
        # Basic: one credential for the many repositories.
        my $best = compare($t, 'per_second', rounds => 3,
            ours => sub {
                my $r = load($basic, 'image', url($t), 'library/small', 8,
                    $count, $kind);
                $r->{requests} = $r->{done};
                return $r;
            },
            'docker-registry' => sub { load(undef, 'image',
                "http://127.0.0.1:$peer", 'library/small', 8,
                max(5, $count / 5), $kind) });
        $rate{$kind} = $best;
        verdict("small images, 8 clients, $kind", $best, 'per_second',
            of => 'docker-registry', least => 8) if $kind eq 'own';
    }
    verdict('small images into one repository', { ours => $rate{one}{ours},
        own => $rate{own}{ours} }, 'per_second', of => 'own', least => 0.8);
    return;
}

sub row_fsync {
    my $slow = server(slow_fsync => 1);
    my $best = compare($slow, 'per_second', rounds => 3, ours => sub {
        return load($slow->authorization('admin'), 'image', url($slow),
            'library/small', 32, $quick ? 4 : 25, 'own');
    });
    verdict('small images, 5 ms fsync, 32 clients', $best, 'per_second',
        least => 100);
    Bench::stop($slow);
    return;
}

sub row_workers {
    my %best;
    for my $workers (2, 32) {
        my $s = server(workers => $workers, reuseport => 1);
        my $r = compare($s, 'p99_ms', rounds => 3, ours => sub {
            return load($s->authorization('admin'), 'manifest', url($s),
                'library/many', 64, $quick ? 5 : 40, 'own');
        });
        $best{ $workers == 32 ? 'ours' : '2 workers' } = $r->{ours};
        Bench::stop($s);
    }
    verdict('manifest put, 32 workers, 64 clients', \%best, 'p99_ms',
        of => '2 workers', most => 3);
    return;
}

# --- lists -----------------------------------------------------------------

# "Within N times" is a time; what is measured is a rate.
sub page_verdict {
    my ($name, $got, $most) = @_;
    my %time;
    for my $w (qw/ ours few /) {
        $time{$w} = { ms => 1000 / $got->{$w}{per_second},
            rounds => [ map { 1000 / $_ } @{ $got->{$w}{rounds} } ] };
    }
    verdict($name, { ours => $time{ours}, '100' => $time{few} }, 'ms',
        of => '100', most => $most // 2);
    return;
}

# The same page of a server with few rows and one with many.
sub row_pages {
    my @big = $quick ? (10_000, 10_000, 1_000) : (100_000, 100_000, 10_000);
    my %path;
    my ($few, $many) = map { server() } 1 .. 2;
    my $subject = 'sha256:' . 'ab' x 32;

    for my $s ($few, $many) {
        my @n = $s == $few ? (100, 100, 100) : @big;
        $s->push_image('library/list', 'v1');
        fill_tags($s, 'library/list', $n[0]);
        fill_repositories($s, $n[1]);
        fill_referrers($s, 'library/list', $subject, $n[2]);
    }

    my @pages = (
        ["tags/list, $big[0] tags", '/v2/library/list/tags/list?n=100'],
        ["catalog, $big[1] repositories", '/v2/_catalog?n=100'],
        ["referrers, $big[2]", "/v2/library/list/referrers/$subject?n=100"],
    );
    for my $page (@pages) {
        my ($name, $path) = @$page;
        my %best;
        my @auth = $path =~ /_catalog/ ? ('admin') : ();
        my $run = sub { my ($s) = @_;
            return sub { wrk(url($s) . $path, 8,
                @auth ? $s->authorization(@auth) : ()) } };
        my $got = compare($few, 'per_second', rounds => 3,
            ours => $run->($many),
            few => $run->($few));
        page_verdict("$name: page of 100", $got);
    }

    # The last page: nothing may be counted or skipped on the way there.
    my $got = compare($few, 'per_second', rounds => 3,
        ours => sub { wrk(url($many) . sprintf(
            '/v2/library/list/tags/list?n=90&last=t%07d', $big[0] - 95), 8) },
        few => sub { wrk(url($few)
            . '/v2/library/list/tags/list?n=90&last=t0000005', 8) });
    page_verdict("tags/list, $big[0] tags: the last page", $got);
    Bench::stop($_) for $few, $many;
    return;
}

# --- the management API ----------------------------------------------------

# A private project with an image, and its developer.
sub shop {
    my ($s) = @_;
    $s->jobrunner_ok(qw/ project create shop /);
    $s->jobrunner_ok(qw/ user create dev --password-file /,
        $s->dir() . '/admin-password');
    $s->jobrunner_ok(qw/ member add shop dev developer /);
    $s->push_image('shop/app', 'v1');
    return ['dev', $s->password()];
}

# Each list with few rows and with many, as the administrator, to whom all of
# them are shown; and as who is a member of a hundredth of the projects.
sub row_lists {
    my $big = $quick ? 10_000 : 100_000;
    my ($few, $many) = map { server() } 1 .. 2;

    for my $s ($few, $many) {
        my $n = $s == $few ? 100 : $big;
        shop($s);
        fill_users($s, $n);
        fill_projects($s, $n);
        fill_members($s, 'shop', $n);
        fill_memberships($s, 'dev', $n / 100);
        fill_repositories($s, $n);
        fill_artifacts($s, 'shop/app', $n);
        fill_audit($s, 'shop', $n);
        fill_labels($s, $n);
        fill_robots($s, $n);
    }

    my $app = '/projects/shop/repositories/app/artifacts';
    my @lists = (
        ['artifacts of a repository', $app],
        ['artifacts of a project', '/projects/shop/artifacts'],
        ['tags of an artifact', "$app/v1/tags"],
        ['projects', '/projects'],
        ['projects, as a developer', '/projects', 'dev'],
        ['repositories of a project', '/projects/library/repositories'],
        ['repositories', '/repositories'],
        ['repositories, as a developer', '/repositories', 'dev'],
        ['members', '/projects/shop/members'],
        ['users', '/users'],
        ['robots', '/robots'],
        ['labels', '/labels?scope=g'],
        ['quotas', '/quotas'],
        ['audit', '/auditlog-exts'],
        ['audit of a project', '/projects/shop/auditlog-exts'],
    );
    for my $list (@lists) {
        my ($name, $path, $who) = @$list;
        my $run = sub { my ($s) = @_;
            my $auth = $s->authorization(
                $who ? [$who, $s->password()] : 'admin');
            return sub { wrk(url($s) . "/api/v2.0$path", 4, $auth) } };
        page_verdict("$name, $big", compare($few, 'per_second', rounds => 3,
            ours => $run->($many), few => $run->($few)), 3);
    }
    Bench::stop($_) for $few, $many;
    return;
}

# What a permission costs: a developer's manifest, in a registry with nothing
# else and in one with many projects, memberships and members.
sub row_access {
    my ($few, $many) = map { server() } 1 .. 2;
    my %run;

    for my $s ($few, $many) {
        my $dev = shop($s);
        if ($s == $many) {
            fill_users($s, 1000);
            fill_projects($s, 10_000);
            fill_members($s, 'shop', 1000);
            fill_memberships($s, 'dev', 10_000);
        }
        my $auth = 'Bearer ' . $s->token('repository:shop/app:pull', $dev);
        $run{$s == $few ? 'one' : 'ours'} = sub { wrk(
            url($s) . '/v2/shop/app/manifests/v1', 64, $auth) };
    }
    verdict('manifest, developer, 10,000 projects', compare($many,
        'per_second', %run), 'per_second', of => 'one', least => 0.9);
    Bench::stop($_) for $few, $many;
    return;
}

# Tokens for a password that was verified before; and what the rest of a
# worker feels while it verifies others, each for the first time.
sub row_login {
    my $s = server();
    my $path = '/service/token?service=nginx-registry'
        . '&scope=repository:shop/app:pull';
    my $auth = $s->authorization(shop($s));
    verdict('token, verified password', compare($s, 'per_second',
        ours => sub { wrk(url($s) . $path, 64, $auth) }), 'per_second',
        least => 5000);
    Bench::stop($s);

    my ($clients, $count, $first) = (8, $quick ? 40 : 160, 0);
    my $one = server(workers => 1);
    my $token = 'Bearer ' . $one->token('repository:shop/app:pull',
        shop($one));
    fill_users($one, $clients * $count * $rounds);
    local $ENV{LOAD_PASSWORD} = $one->password();
    my $best = compare($one, 'p99_ms', rounds => 3, ours => sub {
        my $job = load_start(undef, { program => [qw/ nice -n 10 /] },
            'login', url($one), $path, $clients, $count, $first);
        $first += $clients * $count;
        my $r = load($token, 'probe', url($one),
            '/v2/shop/app/manifests/v1', 2, $quick ? 1 : 6);
        load_end_alive($job);
        return $r;
    });
    verdict('manifest during 8 first logins, one worker', $best, 'p99_ms',
        most => 5);
    Bench::stop($one);
    return;
}

# --- the rest of the site --------------------------------------------------

# p99 of a static file, asked for each 2 ms.
sub probe {
    my ($s) = @_;
    return load(undef, 'probe', url($s), '/site', 2, $quick ? 1 : 4);
}

sub row_site {
    my $mount;
    my $s = server(before => sub {
        my ($new) = @_;
        return if $> != 0;
        my $data = $new->dir() . '/data';
        my $r = run_command(['mount', '-t', 'tmpfs', '-o', 'size=256m', 'bench',
            $data]);
        return if $r->{status} != 0;
        $mount = $data;
        $new->give($data);
    });
    static_file($s, 'site', random_bytes(1024));
    my $auth = $s->authorization('admin');
    my $d = $s->push_blob('library/site', random_bytes(1024));
    my $ok = eval {
        site_cases($s, $mount, $auth, $d);
        1;
    };
    my $error = $@;
    Bench::stop($s) if !$mount;
    if ($mount) {
        $s->stop_nginx();
        $s->stop_jobrunner();
        run_command(['umount', $mount]);
        Bench::stop($s);
    }
    die $error if !$ok;
    return;
}

sub site_cases {
    my ($s, $mount, $auth, $d) = @_;
    my %during;
    $s->allow_log(qr/./);

    # More than the registry can do, from a client that gives way: what is
    # asked is whether the other location waits for the registry.
    $during{overloaded} = sub {
        my $job = load_start($auth, { program => [qw/ nice -n 19 /] },
            'image', url($s), 'library/site', 64, 100_000, 'one');
        return sub { load_end_alive($job) };
    };
    $during{'database locked'} = sub {
        my $path = $s->dir() . '/data/registry.db';
        open(my $sql, '|-', "sqlite3 -batch $path >/dev/null")
            or die "sqlite3: $!\n";
        $sql->autoflush(1);
        print $sql "BEGIN IMMEDIATE;\n";
        my $job = load_start($auth, { program => [qw/ nice -n 19 /] },
            'image', url($s), 'library/site', 64, 100_000, 'one');
        return sub {
            load_end_alive($job);
            print $sql "ROLLBACK;\n";
            close $sql;
        };
    };
    $during{'disk full'} = sub {
        my $fill = $s->dir() . '/data/fill';
        run_command(['dd', 'if=/dev/zero', "of=$fill", 'bs=64k']);
        my $status = $s->post('/v2/library/site/blobs/uploads/?digest='
            . sha256('y' x 65536), auth => $auth, body => 'y' x 65536)
            ->status;
        die "a full disk: status $status, not 507\n" if $status != 507;
        my @pid;
        for my $n (1 .. 4) {
            my $pid = fork() // die "fork: $!\n";
            push @pid, $pid;
            next if $pid;
            POSIX::setpgid(0, 0);
            POSIX::nice(19);
            my $bytes = 'x' x 65536;
            while (1) {
                eval { $s->post('/v2/library/site/blobs/uploads/?digest='
                    . sha256($bytes), auth => $auth, body => $bytes) };
            }
        }
        return sub { kill 'KILL', @pid; waitpid $_, 0 for @pid;
            unlink $fill };
    };

    for my $name (sort keys %during) {
        if ($name eq 'disk full' && !$mount) {
            skip("site's own file, $name", 'cannot mount a file system');
            next;
        }
        my $best = compare($s, 'p99_ms', rounds => 3,
            quiet => sub { probe($s) },
            ours => sub {
                my $end = $during{$name}->();
                my $r = eval { probe($s) };
                my $error = $@;
                $end->();
                die $error if !$r;
                return $r;
            });
        verdict("site's own file, $name", $best, 'p99_ms', of => 'quiet',
            most => 1.1);
    }
    return;
}

sub row_memory {
    my ($slow, $idle) = $quick ? (100, 1000) : (1000, 10_000);
    my $plain = server(plain => 1);
    my $s = server();
    static_file($_, 'site', 'x' x 1024) for $plain, $s;
    my $auth = $s->authorization('admin');
    my %mib;

    # nginx alone: as many connections, none of them with a body.
    for my $case ([$plain, 'nginx alone', 0], [$s, 'ours', 1]) {
        my ($server, $name, $uploads) = @$case;
        my @jobs = load_start(undef, { wait => 1 }, 'idle', url($server),
            '/site', $idle, '-');
        push @jobs, $uploads
            ? load_start($auth, { wait => 1 }, 'slow', url($server),
                'library/slow', $slow, '-')
            : load_start(undef, { wait => 1 }, 'idle', url($server), '/site',
                $slow, '-');
        $mib{$name} = pss_mib($server);
        load_end($_) for @jobs;
    }
    note(sprintf 'PSS %.1f MiB, nginx alone %.1f MiB', @mib{'ours',
        'nginx alone'});
    verdict("PSS: $slow slow uploads, $idle idle: beyond nginx",
        { ours => { mib => $mib{ours} - $mib{'nginx alone'} } }, 'mib',
        most => 64 + $slow);
    Bench::stop($_) for $s, $plain;
    return;
}

for my $name (grep { $run{$_} } @groups) {
    eval { $group{$name}->(); 1 } or skip("group $name", "failed: $@");
}

exit Bench::finish();
