package Bench;

# What the rows of `make bench` are made of: servers, load, processor time and
# memory of a server, and the table. A row is one comparison, in some rounds;
# in each round all take their turn, one right after the other, because the
# machine has other work too. What is judged is the median of the rounds'
# ratios, or for an absolute figure the best round.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/../../t/lib";

use File::Path qw/ make_path /;
use JSON::PP ();
use POSIX ();
use Time::HiRes qw/ time /;

use Test::Registry;

use base qw/ Exporter /;
our @EXPORT = qw/ $quick $rounds $seconds MIB GIB server static_file
    start_peer wrk load load_start load_end compare verdict note random_bytes
    cpu_seconds pss_mib finish skip /;

use constant MIB => 1 << 20;
use constant GIB => 1 << 30;

our $quick = 0;
our $rounds = 5;
our $seconds = 2;

my $top = Test::Registry::top();
my $load = "$top/build/bench/load";
my (@rows, @servers, @children, %kept);

open(my $out, '>&', \*STDOUT) or die "stdout: $!\n";
$out->autoflush(1);

sub set_quick {
    $quick = 1;
    $rounds = 1;
    $seconds = 1;
    return;
}

# --- servers ---------------------------------------------------------------

# An nginx with the registry and a site's own files beside it, on port 0, and
# the same with TLS on port 1. server([workers => 2], [slow_fsync => 1],
# [reuseport => 1], [instance => 'lines;'], [plain => 1: no registry],
# [before => sub { ... }])
sub server {
    my (%opt) = @_;

    my $t = Test::Registry->new();
    my $workers = $opt{workers} // 2;
    my $reuse = $opt{reuseport} ? ' reuseport' : '';
    my $extra = $opt{instance} // '';
    make_path($t->dir() . '/static');
    $t->make_certificate('bench');

    my $locations = $opt{plain} ? '' : '%%LOCATIONS%%';
    my $instance = $opt{plain} ? ''
        : "registry_instance main { %%INSTANCE%% $extra }";

    $t->write_conf(<<"END");
%%GLOBALS%%
worker_processes      $workers;
worker_rlimit_nofile  20000;
events { worker_connections  16384; }
http {
    %%HTTP%%
    access_log  off;
    sendfile    on;
    tcp_nopush  on;
    aio         threads;
    keepalive_requests     1000000;
    keepalive_timeout      600s;
    open_file_cache        max=10000 inactive=60s;
    open_file_cache_valid  60s;
    ssl_certificate        %%DIR%%/conf/bench.crt;
    ssl_certificate_key    %%DIR%%/conf/bench.key;
    $instance
    server {
        listen  127.0.0.1:%%PORT_0%%$reuse;
        listen  127.0.0.1:%%PORT_1%% ssl$reuse;
        $locations
        location / { root %%DIR%%/static; }
    }
}
END

    $opt{before}->($t) if $opt{before};

    if ($opt{plain}) {
        my $conf = $t->read_file('nginx.conf');
        $conf =~ s/^load_module.*\n//m;
        $t->write_file('nginx.conf', $conf);
        $t->start_nginx();

    } else {
        $t->prepare_database();
        {
            local $ENV{LD_PRELOAD} = "$top/build/bench/slow_fsync.so"
                if $opt{slow_fsync};
            delete $ENV{LD_PRELOAD} if !$opt{slow_fsync};
            $t->start_nginx();
        }
        $t->start_jobrunner();
    }

    push @servers, $t;
    return $t;
}

sub stop {
    my ($t) = @_;
    @servers = grep { $_ != $t } @servers;
    $kept{problems} = [@{ $kept{problems} // [] }, $t->stop()];
    $t->_remove();
    return;
}

# A file of the site; its path.
sub static_file {
    my ($t, $name, $bytes) = @_;
    open(my $f, '>:raw', $t->dir() . "/static/$name") or die "$name: $!\n";
    print $f $bytes or die "$name: $!\n";
    close $f or die "$name: $!\n";
    return "/$name";
}

# Debian's docker-registry on a port of its own; the port.
sub start_peer {
    my ($t) = @_;

    my $port = Test::Registry::free_port();
    my $log = $t->dir() . '/logs/peer.log';
    make_path($t->dir() . '/peer');
    my $conf = $t->write_file('peer.yml', <<"END");
version: 0.1
log: { level: error, accesslog: { disabled: true } }
storage: { filesystem: { rootdirectory: @{[ $t->dir() ]}/peer } }
http: { addr: 127.0.0.1:$port }
END
    push @children, Test::Registry::_spawn(
        ['docker-registry', 'serve', $conf], $log, $log);
    wait_until(sub { eval { Test::Registry::HTTP->new(port => $port) } }, 30,
        'docker-registry');
    return $port;
}

# --- load ------------------------------------------------------------------

sub random_bytes {
    my ($size) = @_;
    open(my $f, '<:raw', '/dev/urandom') or die "urandom: $!\n";
    my $bytes = '';
    while (length $bytes < $size) {
        read($f, $bytes, $size - length $bytes, length $bytes)
            or die "urandom: $!\n";
    }
    return $bytes;
}

my %unit_ms = (us => 0.001, ms => 1, s => 1000, m => 60000);

sub wrk {
    my ($url, $connections, $auth) = @_;

    # docker-registry answers 404 to who does not accept the type it has.
    my @auth = ('-H', 'Accept: application/vnd.oci.image.manifest.v1+json',
        defined $auth ? ('-H', "Authorization: $auth") : ());
    my $r = run_command(['wrk', '-t2', "-c$connections", "-d${seconds}s",
        '--timeout', '20s', '--latency', @auth, $url], timeout => 120);
    my $o = $r->{out};
    my ($rps) = $o =~ m{Requests/sec:\s+([\d.]+)}
        or die "wrk $url: $o$r->{err}";
    my ($p50, $u50) = $o =~ /50%\s+([\d.]+)(us|ms|s|m)\b/;
    my ($p99, $u99) = $o =~ /99%\s+([\d.]+)(us|ms|s|m)\b/;
    my ($bps, $scale) = $o =~ m{Transfer/sec:\s+([\d.]+)([KMG]?)B};
    my ($count) = $o =~ /(\d+) requests in/;

    die "wrk: errors on $url: $o"
        if $o =~ /Non-2xx|connect [1-9]|read [1-9]|write [1-9]/;

    return { per_second => $rps, requests => $count,
        p50_ms => $p50 * $unit_ms{$u50}, p99_ms => $p99 * $unit_ms{$u99},
        mb_per_second => $bps * { '' => 1, K => 1024, M => MIB,
            G => GIB }->{$scale} / 1e6 };
}

sub _load_result {
    my ($text, @args) = @_;
    my $j = eval { JSON::PP::decode_json($text =~ /(\{.*\})/ ? $1 : '') }
        or die "load @args: $text\n";
    die "load @args: failed: $text" if $j->{failed};
    return $j;
}

# load(auth or undef, arguments of the load program)
sub load {
    my ($auth, @args) = @_;
    my $r = run_command([$load, @args], timeout => 300,
        env => { LOAD_AUTH => $auth // '' });
    return _load_result($r->{out} . $r->{err}, @args);
}

# The same beside other load. With wait => 1: returns when the program says
# that it is ready, and load_end() tells it to end; else it ends by itself.
sub load_start {
    my ($auth, $opt, @args) = @_;

    my $path = File::Temp::tmpnam();
    pipe(my $read, my $write) or die "pipe: $!\n";
    my $pid = fork() // die "fork: $!\n";

    if ($pid == 0) {
        close $write;
        $ENV{LOAD_AUTH} = $auth // '';
        open(STDIN, '<&', $read) or POSIX::_exit(126);
        open(STDOUT, '>', $path) or POSIX::_exit(126);
        open(STDERR, '>&', \*STDOUT) or POSIX::_exit(126);
        exec { 'setpriv' } 'setpriv', '--pdeathsig', 'TERM', '--',
            @{ $opt->{program} // [] }, $load, @args or POSIX::_exit(127);
    }

    close $read;
    my $job = { pid => $pid, path => $path, stdin => $write,
        args => \@args };
    if ($opt->{wait}) {
        wait_until(sub { Test::Registry::_read($path) =~ /\n/ }, 120,
            "load @args");
        my $said = Test::Registry::_read($path);
        die "load @args: $said" if $said !~ /^ready/;
    }
    return $job;
}

# The result; with failures allowed, whatever came of it.
sub load_end {
    my ($job, %opt) = @_;
    close $job->{stdin};
    kill 'TERM', $job->{pid} if $opt{kill};
    waitpid $job->{pid}, 0;
    my $text = Test::Registry::_read($job->{path});
    unlink $job->{path};
    return $opt{kill} ? undef : _load_result($text, @{ $job->{args} });
}

# --- figures ---------------------------------------------------------------

# Processor seconds of a server's workers, all their threads, since start.
sub cpu_seconds {
    my ($t) = @_;
    my $ticks = 0;
    for my $pid ($t->workers('all')) {
        my ($rest) = Test::Registry::_read("/proc/$pid/stat")
            =~ /^\d+ \(.*\) \S (.*)/s or next;
        my @f = split / /, $rest;
        $ticks += $f[10] + $f[11];
    }
    return $ticks / POSIX::sysconf(POSIX::_SC_CLK_TCK());
}

# Proportional set size of a server, master and workers, in MiB.
sub pss_mib {
    my ($t) = @_;
    my $kib = 0;
    for my $pid ($t->{nginx}, $t->workers('all')) {
        my ($n) = Test::Registry::_read("/proc/$pid/smaps_rollup")
            =~ /^Pss:\s+(\d+) kB/m or next;
        $kib += $n;
    }
    return $kib / 1024;
}

# Runs each of the named in turns. Returns {name => figures}: those of the
# best round by `key` (the smallest for a latency), with the values of all
# rounds in {rounds}. Names beginning with "ours" and "static" run on server
# $t: their processor time is taken too. compare(..., rounds => N): at most.
sub compare {
    my ($t, $key, %who) = @_;

    my (%best, %all);
    my $less = $key =~ /_ms$/;
    my $n = CORE::delete($who{rounds}) // $rounds;

    for (1 .. ($n < $rounds ? $n : $rounds)) {
        for my $w (sort keys %who) {
            my $mine = $w =~ /^(?:ours|static)/;
            my $cpu = $mine ? cpu_seconds($t) : 0;
            my $r = $who{$w}->();
            if ($mine) {
                $r->{cpu_s} = cpu_seconds($t) - $cpu;
                $r->{cpu_us_per_request} = 1e6 * $r->{cpu_s} / $r->{requests}
                    if $r->{requests};
            }
            push @{ $all{$w} }, $r->{$key};
            $best{$w} = $r if !$best{$w}
                || ($less ? $r->{$key} < $best{$w}{$key}
                          : $r->{$key} > $best{$w}{$key});
        }
    }

    $best{$_}{rounds} = $all{$_} for keys %all;
    return \%best;
}

# Of two runs in the same rounds; of others, what the best rounds say.
sub _ratio {
    my ($x, $y, $key) = @_;
    my ($of_x, $of_y) = ($x->{rounds}, $y->{rounds});
    return $x->{$key} / $y->{$key}
        if !$of_x || !$of_y || @$of_x != @$of_y;
    my @r = sort { $a <=> $b } map { $of_x->[$_] / $of_y->[$_] }
        0 .. $#$of_x;
    return @r % 2 ? $r[$#r / 2] : ($r[@r / 2 - 1] + $r[@r / 2]) / 2;
}

my %unit = (per_second => '/s', mb_per_second => 'MB/s', p99_ms => 'ms',
    mib => 'MiB', cpu_s_per_gib => 's/GiB');

sub _figure {
    my ($r, $key) = @_;
    return sprintf '%.*f %s', $r < 10 ? 2 : $r < 1000 ? 1 : 0, $r,
        $unit{$key} // $key;
}

# One line of the table. verdict('what', $best, $key, of => 'static',
# least => 0.85 | most => 1.1); without "of" the figure itself is judged.
sub verdict {
    my ($name, $best, $key, %opt) = @_;

    my $ours = $best->{ours}{$key};
    my $other = $opt{of} ? $best->{ $opt{of} }{$key} : undef;
    my $value = $opt{of} ? _ratio($best->{ours}, $best->{ $opt{of} }, $key)
        : $ours;
    my $limit = $opt{least} // $opt{most};
    my $pass = defined $opt{least} ? $value >= $limit : $value <= $limit;
    my $row = {
        row => $name, key => $key, value => $value, pass => $pass
            ? JSON::PP::true : JSON::PP::false,
        (defined $opt{least} ? 'least' : 'most') => $limit,
        ($opt{of} ? (of => $opt{of}) : ()), figures => $best,
    };
    push @rows, $row;

    my $sign = defined $opt{least} ? '>=' : '<=';
    my $text = $opt{of}
        ? sprintf('%s : %s, %.2f of %s', _figure($ours, $key),
            _figure($other, $key), $value, $opt{of})
        : _figure($value, $key);
    printf $out "%-4s %-44s %-46s %s %s\n", $pass ? 'pass' : 'MISS', $name,
        $text, $sign, $limit;
    note(sprintf 'p50 %.2f ms, p99 %.2f ms', @{ $best->{ours} }
        {qw/ p50_ms p99_ms /}) if !$opt{brief} && $key !~ /_ms$/
        && defined $best->{ours}{p99_ms};
    note(join ', ', map { sprintf 'CPU of %s %.1f us a request', $_,
        $best->{$_}{cpu_us_per_request} } grep {
        ($best->{$_}{cpu_us_per_request} // 0) > 0 } sort keys %$best)
        if !$opt{brief} && ($best->{ours}{cpu_us_per_request} // 0) > 0;
    return $pass;
}

sub note {
    my ($text) = @_;
    print $out "       $text\n";
    return;
}

sub skip {
    my ($name, $why) = @_;
    push @rows, { row => $name, skipped => $why };
    printf $out "%-4s %-44s %s\n", 'skip', $name, $why;
    return;
}

# Stops everything, writes build/bench.json. Exit status: 2 when a server's
# log had something to say, 1 when a row missed, else 0.
sub finish {
    stop($_) for reverse @servers;
    for my $pid (@children) {
        kill 'TERM', $pid;
        waitpid $pid, 0;
    }
    my $missed = grep { exists $_->{pass} && !$_->{pass} } @rows;
    my $skipped = grep { exists $_->{skipped} } @rows;
    open(my $f, '>', "$top/build/bench.json") or die "bench.json: $!\n";
    print $f JSON::PP->new->canonical->pretty->encode({ rows => \@rows,
        quick => $quick, rounds => $rounds, seconds => $seconds,
        processors => POSIX::sysconf(84), at => time() });
    close $f or die "bench.json: $!\n";
    printf $out "%d rows, %d missed, %d skipped%s\n", scalar @rows, $missed,
        $skipped, $quick ? ' (quick: too short to judge by)' : '';
    my @problems = @{ $kept{problems} // [] };
    print $out map { "problem: $_\n" } @problems;
    return @problems ? 2 : $missed ? 1 : 0;
}

1;
