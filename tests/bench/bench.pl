#!/usr/bin/perl

# `make bench`: this registry, nginx's static files, Debian's docker-registry
# and "write, then openssl dgst" side by side in one run. Prints each figure
# with its ratio to the peer; build/bench.json keeps them all.
#
#   bench.pl [--quick] [ROW ...]       rows: get manifest push small
#
# Ratios count, not absolutes: client and servers share the machine. Each
# figure is the best of three rounds, taken in turns.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/../../t/lib";

use Digest::SHA qw/ sha256_hex /;
use File::Path qw/ make_path remove_tree /;
use JSON::PP ();
use List::Util qw/ max min /;
use POSIX qw/ :sys_wait_h /;
use Time::HiRes qw/ time /;

use Test::More ();
use Test::Registry;

my $quick = @ARGV && $ARGV[0] eq '--quick' ? shift @ARGV : 0;
my %row = map { $_ => 1 } @ARGV ? @ARGV : qw/ get manifest push small /;
my $rounds = $quick ? 1 : 3;
my $seconds = $quick ? 2 : 4;
my $mib = 1 << 20;
my $top = Test::Registry::top();
my $load = "$top/build/bench/load";
my %result;

open(my $out, '>&', \*STDOUT);
$out->autoflush(1);

# --- servers ---------------------------------------------------------------

my $t = Test::Registry->new();
my $static = $t->port(1);
my $peer = Test::Registry::free_port();
my $root = $t->dir() . '/static';
make_path($root, $t->dir() . '/peer');

$t->write_conf(<<"END");
%%GLOBALS%%
worker_processes  2;
events { worker_connections  4096; }
http {
    %%HTTP%%
    access_log  off;
    sendfile    on;
    tcp_nopush  on;
    aio         threads;
    keepalive_requests  1000000;
    open_file_cache        max=10000 inactive=60s;
    open_file_cache_valid  60s;
    registry_instance main { %%INSTANCE%% }
    server {
        listen  127.0.0.1:%%PORT_0%%;
        %%LOCATIONS%%
    }
    server {
        listen  127.0.0.1:%%PORT_1%%;
        location / { root $root; }
    }
}
END
$t->run();

my $peer_conf = $t->write_file('peer.yml', <<"END");
version: 0.1
log: { level: error, accesslog: { disabled: true } }
storage: { filesystem: { rootdirectory: @{[ $t->dir() ]}/peer } }
http: { addr: 127.0.0.1:$peer }
END
my $peer_pid = Test::Registry::_spawn(['docker-registry', 'serve',
    $peer_conf], $t->dir() . '/logs/peer.log', $t->dir() . '/logs/peer.log');
wait_until(sub { Test::Registry::HTTP->new(port => $peer) }, 30, 'the peer');

my $token = 'Bearer ' . $t->token(['repository:private/bench:pull,push',
    'repository:library/bench:pull,push'], 'admin');
my $basic = $t->authorization('admin');

# --- measuring -------------------------------------------------------------

sub cpu_seconds {
    my ($parent) = @_;
    my $ticks = 0;
    for my $path (glob '/proc/[0-9]*/stat') {
        my ($pid, $rest) = Test::Registry::_read($path)
            =~ /^(\d+) \(.*\) \S (.*)/s or next;
        my @f = split / /, $rest;
        $ticks += $f[10] + $f[11] if $f[0] == $parent || $pid == $parent;
    }
    return $ticks / POSIX::sysconf(POSIX::_SC_CLK_TCK());
}

sub wrk {
    my ($port, $path, $connections, $auth) = @_;
    my @auth = defined $auth ? ('-H', "Authorization: $auth") : ();
    my $r = run_command(['wrk', '-t2', "-c$connections", "-d${seconds}s",
        '--latency', @auth, "http://127.0.0.1:$port$path"], timeout => 120);
    my $o = $r->{out};
    my ($rps) = $o =~ m{Requests/sec:\s+([\d.]+)} or die $o . $r->{err};
    my ($p99, $unit) = $o =~ /99%\s+([\d.]+)(us|ms|s)/;
    my ($bps, $scale) = $o =~ m{Transfer/sec:\s+([\d.]+)([KMG]?)B};
    die "wrk: errors on $path: $o" if $o =~ /Non-2xx|Socket errors.*[1-9]/;
    return { per_second => $rps,
        p99_ms => $p99 * { us => 0.001, ms => 1, s => 1000 }->{$unit},
        mb_per_second => $bps * { '' => 1, K => 1024, M => $mib,
            G => 1024 * $mib }->{$scale} / 1e6 };
}

sub load {
    my ($auth, @args) = @_;
    my $r = run_command([$load, @args], timeout => 600,
        env => { LOAD_AUTH => $auth // '' });
    my $j = eval { JSON::PP::decode_json($r->{out}) }
        or die "load @args: $r->{out}$r->{err}";
    die "load @args: failed: $r->{out}" if $j->{failed};
    return $j;
}

# Best of the rounds by `key`, the servers in turns.
sub compare {
    my ($name, $key, %who) = @_;
    my %best;
    for (1 .. $rounds) {
        for my $w (sort keys %who) {
            my $cpu = cpu_seconds($t->{nginx});
            my $r = $who{$w}->();
            $r->{cpu_s} = cpu_seconds($t->{nginx}) - $cpu if $w eq 'ours';
            $best{$w} = $r if !$best{$w} || $r->{$key} > $best{$w}{$key};
        }
    }
    $result{$name} = \%best;
    my $ours = $best{ours}{$key};
    printf $out "%-34s %11.1f %-13s", $name, $ours,
        $key eq 'per_second' ? 'per second' : 'MB/s';
    for my $w (grep { $_ ne 'ours' } sort keys %best) {
        printf $out "  %.2f of %s", $ours / $best{$w}{$key}, $w;
    }
    printf $out "  p99 %.2f ms", $best{ours}{p99_ms}
        if defined $best{ours}{p99_ms};
    print $out "\n";
    return \%best;
}

sub put_static {
    my ($name, $bytes) = @_;
    open(my $f, '>:raw', "$root/$name") or die "$name: $!\n";
    print $f $bytes;
    close $f;
    return "/$name";
}

sub peer_blob {
    my ($bytes) = @_;
    my @p = (port => $peer);
    my $l = $t->location($t->post('/v2/library/bench/blobs/uploads/', @p));
    my $d = sha256($bytes);
    $t->put($t->with_query($l, 'digest', $d), @p, body => $bytes)->status
        == 201 or die "peer: blob\n";
    return $d;
}

sub random_bytes {
    my ($size) = @_;
    open(my $f, '<:raw', '/dev/urandom') or die "urandom: $!\n";
    read($f, my $bytes, $size) == $size or die "urandom\n";
    return $bytes;
}

# --- rows ------------------------------------------------------------------

if ($row{get}) {
    for my $case (['1 KiB', 1024, 64], ['10 MiB', 10 * $mib, 8]) {
        my ($name, $size, $connections) = @$case;
        my $bytes = random_bytes($size);
        my $d = sha256($bytes);
        my $file = put_static("blob-$size", $bytes);
        $t->push_blob($_, $bytes) for qw{ library/bench private/bench };
        peer_blob($bytes);
        for my $kind (qw/ public private /) {
            my $repo = $kind eq 'public' ? 'library' : 'private';
            my $auth = $kind eq 'private' ? $token : undef;
            compare("GET blob $name $kind", 'per_second',
                ours => sub { wrk($t->port(0), "/v2/$repo/bench/blobs/$d",
                    $connections, $auth) },
                static => sub { wrk($static, $file, $connections) },
                peer => sub { wrk($peer, "/v2/library/bench/blobs/$d",
                    $connections) });
        }
    }
}

if ($row{manifest}) {
    my $image = $t->push_image('private/bench', 'v1');
    my $file = put_static('manifest', $image->{bytes});
    my @p = (port => $peer);
    peer_blob($_) for $image->{config}, @{ $image->{layers} };
    $t->put('/v2/library/bench/manifests/v1', @p, body => $image->{bytes},
        headers => ['Content-Type' => $image->{manifest}{mediaType}])
        ->status == 201 or die "peer: manifest\n";
    compare('GET manifest by tag, token', 'per_second',
        ours => sub { wrk($t->port(0), '/v2/private/bench/manifests/v1', 64,
            $token) },
        static => sub { wrk($static, $file, 64) },
        peer => sub { wrk($peer, '/v2/library/bench/manifests/v1', 64) });
}

if ($row{push}) {
    my $size = ($quick ? 256 : 1024) * $mib;
    my $file = $t->dir() . '/limit';
    my $limit = sub {
        my $bytes = random_bytes(16 * $mib);
        my $start = time();
        open(my $f, '>:raw', $file) or die "limit: $!\n";
        for (my $left = $size; $left > 0; $left -= length $bytes) {
            print $f $bytes;
        }
        $f->flush();
        $f->sync();
        close $f;
        run_command(['openssl', 'dgst', '-sha256', $file], timeout => 120);
        my $took = time() - $start;
        unlink $file;
        return { mb_per_second => $size / 1e6 / $took };
    };
    for my $streams (1, 4) {
        my $each = $size / $streams;
        my $best = compare("push of $streams x " . $each / $mib . ' MiB',
            'mb_per_second',
            ours => sub { load($token, 'blob',
                'http://127.0.0.1:' . $t->port(0), 'library/bench', $each,
                $streams) },
            limit => $limit,
            peer => sub { load(undef, 'blob', "http://127.0.0.1:$peer",
                'library/bench', $each, $streams) });
        printf $out "%-34s %11.2f CPU s per GiB\n", '',
            $best->{ours}{cpu_s} / ($size / $mib / 1024);
    }
}

if ($row{small}) {
    my $count = $quick ? 20 : 100;
    my %auth = (auth => 'admin');
    for my $kind (qw/ own one /) {
        # Basic: one credential for the many repositories.
        compare("small images, 8 clients, $kind", 'per_second',
            ours => sub { load($basic, 'image',
                'http://127.0.0.1:' . $t->port(0), 'library/small', 8,
                $count, $kind) },
            peer => sub { load(undef, 'image', "http://127.0.0.1:$peer",
                'library/small', 8, $count, $kind) });
    }
}

open(my $f, '>', "$top/build/bench.json") or die "bench.json: $!\n";
print $f JSON::PP->new->canonical->pretty->encode(\%result);
close $f;

kill 'TERM', $peer_pid;
waitpid $peer_pid, 0;
my @problems = $t->stop();
print $out map { "problem: $_\n" } @problems;
$t->_remove();
exit(@problems ? 1 : 0);
