package Test::Registry;

# The harness of the end to end tests: a scratch folder, an nginx with the
# module, a job runner, and what a test says to them. Files:
#
#   Test::Registry        folder, ports, configuration, processes, logs
#   Test::Registry::HTTP  one raw connection; responses
#   Test::Registry::OCI   digests, tokens, pushes (methods of this class too)
#
# A test reads like this:
#
#   use Test::More;
#   use lib 't/lib';
#   use Test::Registry;
#
#   my $t = Test::Registry->new();
#   $t->write_conf();                   # or a heredoc, or load_conf()
#   $t->run();
#   is($t->get('/v2/')->status, 401, 'no credentials');
#   $t->finish();                       # teardown checks, done_testing
#
# finish() stops everything and fails the test on an [alert] or [emerg] line,
# on a sanitizer's line, on a program that did not end, or on a process left
# behind. A test that dies is cleaned up in END.
#
# Environment: TEST_NGINX_BINARY (an nginx of one's own, also one with the
# module in it), TEST_REGISTRY_BUILD (release, debug, asan),
# TEST_REGISTRY_LEAVE=1 keeps the folder, TEST_REGISTRY_VERBOSE=1 prints the
# log's tail at the end of each test.

use warnings;
use strict;

use Cwd qw/ abs_path /;
use Fcntl qw/ :flock /;
use File::Basename qw/ basename dirname /;
use File::Path qw/ make_path remove_tree /;
use File::Temp ();
use IO::Select;
use IO::Socket::INET;
use JSON::PP ();
use MIME::Base64 qw/ encode_base64 /;
use POSIX qw/ :sys_wait_h /;
use Test::More ();
use Time::HiRes qw/ time /;

use Test::Registry::HTTP;
use Test::Registry::OCI;

use base qw/ Exporter Test::Registry::OCI /;

our @EXPORT = qw/ wait_until run_command sha256 sha512 /;

my $top = abs_path(dirname(__FILE__) . '/../../..');
my @instances;
my $test_pid = $$;

delete @ENV{qw/ MAKEFLAGS MAKELEVEL MFLAGS MAKEOVERRIDES /};
$ENV{LC_ALL} = 'C';
$SIG{INT} = $SIG{TERM} = $SIG{HUP} = sub { exit 1 };

# --- functions -------------------------------------------------------------

# Calls $condition until it is true and returns its value; dies after
# $timeout seconds. The one place that waits by polling.
sub wait_until(&;$$) {
    my ($condition, $timeout, $what) = @_;

    $timeout //= 10;
    $what //= 'a condition';
    my $deadline = time() + $timeout * scale();
    my $pause = 0.002;

    while (1) {
        my $value = $condition->();
        return $value if $value;
        die "timeout after $timeout s: waited for $what\n"
            if time() > $deadline;
        select(undef, undef, undef, $pause);
        $pause *= 1.5 if $pause < 0.05;
    }
}

# Instrumented programs are slower: timeouts grow.
sub scale { return build() =~ /^[at]san$/ ? 4 : 1 }

sub build { return $ENV{TEST_REGISTRY_BUILD} || 'release' }

# The top folder of the tree, and the folder with the programs.
sub top       { return $top }
sub build_dir { return "$top/build/" . build() }

# Runs a command to its end: run_command([program, ...], [timeout => 60],
# [input => bytes], [env => {..}], [user => name], [dir => folder]). Returns
# {status, out, err, timeout}; status is the exit status, or 128 + the signal.
# The command has a process group of its own, which is killed on timeout.
sub run_command {
    my ($command, %opt) = @_;

    my $scratch = File::Temp::tempdir('test-command-XXXXXX', TMPDIR => 1,
        CLEANUP => 0);
    _write("$scratch/in", $opt{input} // '');

    my $pid = _spawn($command, "$scratch/out", "$scratch/err", %opt,
        stdin => "$scratch/in");

    my $result = { status => undef };
    my $deadline = time() + ($opt{timeout} // 60) * scale();

    my $ended = eval {
        wait_until(sub { waitpid($pid, WNOHANG) == $pid ? [$?] : undef },
            $opt{timeout} // 60, "@$command");
    };

    if ($ended) {
        my $status = $ended->[0];
        $result->{status} = $status & 127 ? 128 + ($status & 127)
            : $status >> 8;

    } else {
        $result->{timeout} = 1;
        $result->{status} = -1;
        kill 'KILL', -$pid;
        waitpid($pid, 0);
    }

    $result->{out} = _read("$scratch/out");
    $result->{err} = _read("$scratch/err");
    remove_tree($scratch);

    return $result;
}

sub _read {
    my ($path) = @_;
    open(my $f, '<:raw', $path) or return '';
    local $/;
    my $data = <$f>;
    return $data // '';
}

sub _write {
    my ($path, $data) = @_;
    open(my $f, '>:raw', $path) or die "cannot write $path: $!\n";
    print $f $data or die "cannot write $path: $!\n";
    close $f or die "cannot write $path: $!\n";
    return;
}

# Starts a program in a process group of its own; it ends with this test.
sub _spawn {
    my ($command, $out, $err, %opt) = @_;

    my @command = @$command;
    my @prefix = ('setpriv', '--pdeathsig', 'TERM');

    if (defined $opt{user} && $> == 0 && $opt{user} ne 'root') {
        my ($uid, $gid) = (getpwnam $opt{user})[2, 3];
        push @prefix, "--reuid=$uid", "--regid=$gid", '--init-groups';
    }

    # The write end is closed by exec: after that the group is the child's
    # own, and signals go to the program and not to a copy of this test.
    pipe(my $started, my $starting) or die "cannot make a pipe: $!\n";

    my $pid = fork() // die "cannot fork: $!\n";
    if ($pid) {
        close $starting;
        sysread $started, my $nothing, 1;
        return $pid;
    }

    POSIX::setpgid(0, 0);
    $SIG{INT} = $SIG{TERM} = $SIG{HUP} = $SIG{PIPE} = 'DEFAULT';
    my %env = %{ $opt{env} // {} };
    $ENV{$_} = $env{$_} for keys %env;
    chdir $opt{dir} if defined $opt{dir};
    open(STDIN, '<', $opt{stdin} // '/dev/null') or POSIX::_exit(126);
    open(STDOUT, '>>', $out) or POSIX::_exit(126);
    open(STDERR, '>>', $err) or POSIX::_exit(126);
    exec { $prefix[0] } @prefix, '--', @command or POSIX::_exit(127);
}

# Ports of this test, from 20000 to 31999: below the range of outgoing
# connections. A UDP socket, kept for the life of the test, reserves each one
# among the tests that run at the same time.
my @reserved;

sub free_port {
    for (1 .. 2000) {
        my $port = 20000 + int rand 12000;
        my $hold = IO::Socket::INET->new(Proto => 'udp',
            LocalAddr => '127.0.0.1', LocalPort => $port) or next;
        my $try = IO::Socket::INET->new(Proto => 'tcp', Listen => 1,
            LocalAddr => '127.0.0.1', LocalPort => $port,
            ReuseAddr => 1) or next;
        $try->close();
        push @reserved, $hold;
        return $port;
    }
    die "no free port\n";
}

# --- a test's folder and configuration -------------------------------------

# new([user => 'www-data'])
sub new {
    my ($class, %opt) = @_;

    my $self = bless {
        user     => $opt{user} // ($> == 0 ? 'www-data' : scalar getpwuid $>),
        ports    => [],
        allowed  => [],
        groups   => {},
        password => 'Admin12345',
        name     => basename($0, '.t'),
        prefix   => build_dir(),
    }, $class;

    for ("$self->{prefix}/jobrunner",
         "$self->{prefix}/ngx_http_registry_module.so")
    {
        -e $_ or die "$_ is missing: run make all\n";
    }

    my $dir = File::Temp::tempdir("test-registry-$self->{name}-XXXXXX",
        TMPDIR => 1, CLEANUP => 0);
    $self->{dir} = $dir;
    chmod 0755, $dir;

    make_path("$dir/$_") for qw/ data tmp logs conf /;
    $self->give("$dir/data", "$dir/tmp", "$dir/logs");

    push @instances, $self;
    return $self;
}

sub dir      { return $_[0]{dir} }
sub user     { return $_[0]{user} }
sub password { return $_[0]{password} }
sub database { return "sqlite:$_[0]{dir}/data/registry.db" }

# Gives files to the service user.
sub give {
    my ($self, @paths) = @_;
    return if $> != 0;
    my ($uid, $gid) = (getpwnam $self->{user})[2, 3];
    chown $uid, $gid, @paths;
    return;
}

# The n-th port of this test; picked when first asked for.
sub port {
    my ($self, $n) = @_;
    return $self->{ports}[$n // 0] //= free_port();
}

# "127.0.0.1:PORT", as in an image name.
sub address {
    my ($self, $n) = @_;
    return '127.0.0.1:' . $self->port($n);
}

# Replaces in a configuration:
#   %%GLOBALS%%    user, daemon, pid, error_log, load_module
#   %%HTTP%%       temporary folders, access_log
#   %%INSTANCE%%   database and storage of the instance
#   %%LOCATIONS%%  all locations with "registry main;"
#   %%PORT_n%%     port n of this test
#   %%DIR%% %%MODULE%% %%USER%%
sub expand {
    my ($self, $text) = @_;

    my $dir = $self->{dir};
    my $module = "$self->{prefix}/ngx_http_registry_module.so";
    my $user = $> == 0 ? "user $self->{user};" : '';

    my $globals = <<"END";
$user
daemon            off;
pid               $dir/nginx.pid;
error_log         $dir/logs/error.log info;
END
    $globals .= "load_module       $module;\n" if !has_module();

    # nginx starts another binary with what is named here, and nothing else.
    if (build() =~ /^[at]san$/) {
        $globals .= "env $_;\n"
            for 'LD_PRELOAD', sort keys %{ _sanitizer_env() };
    }

    my $http = <<"END";
access_log             $dir/logs/access.log;
    client_body_temp_path  $dir/tmp/body;
    proxy_temp_path        $dir/tmp/proxy;
    fastcgi_temp_path      $dir/tmp/fastcgi;
    uwsgi_temp_path        $dir/tmp/uwsgi;
    scgi_temp_path         $dir/tmp/scgi;
END

    my $instance = <<"END";
database  sqlite:$dir/data/registry.db;
        storage   filesystem:$dir/data/blobs;
END

    my $locations = <<"END";
location ^~ /v2/           { registry main; }
        location = /v2             { registry main; }
        location ^~ /service/token { registry main; }
        location ^~ /api/          { registry main; }
        location ^~ /c/            { registry main; }
        location = /metrics        { registry main; }
        location = /healthz        { registry main; }
        location = /readyz         { registry main; }
END

    $text =~ s/%%GLOBALS%%/$globals/g;
    $text =~ s/%%HTTP%%/$http/g;
    $text =~ s/%%INSTANCE%%/$instance/g;
    $text =~ s/%%LOCATIONS%%/$locations/g;
    $text =~ s/%%PORT_(\d+)%%/$self->port($1)/ge;
    $text =~ s/%%DIR%%/$dir/g;
    $text =~ s/%%MODULE%%/$module/g;
    $text =~ s/%%USER%%/$self->{user}/g;

    die "unknown substitution $1\n" if $text =~ /(%%\w+%%)/;

    return $text;
}

# Writes a file into the test's folder, with the substitutions of expand().
sub write_file_expand {
    my ($self, $name, $text) = @_;
    _write("$self->{dir}/$name", $self->expand($text));
    return "$self->{dir}/$name";
}

# Writes bytes as they are.
sub write_file {
    my ($self, $name, $bytes) = @_;
    make_path(dirname("$self->{dir}/$name"));
    _write("$self->{dir}/$name", $bytes);
    return "$self->{dir}/$name";
}

sub read_file {
    my ($self, $name) = @_;
    return _read("$self->{dir}/$name");
}

# nginx.conf; without a text, the plain one: one instance, one server, two
# workers. extra => '...' adds lines to its instance.
sub write_conf {
    my ($self, $text, %opt) = @_;

    my $extra = $opt{extra} // '';

    $text //= <<"END";
%%GLOBALS%%
worker_processes  2;

events {
    worker_connections  512;
}

http {
    %%HTTP%%
    registry_instance main {
        %%INSTANCE%%
        $extra
    }

    server {
        listen  127.0.0.1:%%PORT_0%%;

        %%LOCATIONS%%
    }
}
END

    return $self->write_file_expand('nginx.conf', $text);
}

# Takes a file of conf/ as it is shipped and moves its paths, ports and user
# into this test's folder, so that what a test proves is what a site installs:
#
#   $t->load_conf('nginx.conf', 'registry.example.com' => 'localhost');
#
# The pairs are further literal replacements, done first. Port 80 becomes
# port 1, port 443 port 0; certificates are made; included snippets are
# written beside.
sub load_conf {
    my ($self, $name, %replace) = @_;

    my $text = $self->shipped_conf($name, %replace);
    _write("$self->{dir}/nginx.conf", $text);
    return "$self->{dir}/nginx.conf";
}

# The text of a file of conf/, moved into this test's folder. Files that it
# includes from /etc/nginx/snippets are moved and written as well.
sub shipped_conf {
    my ($self, $name, %replace) = @_;

    my $dir = $self->{dir};
    my $text = _read("$top/conf/$name");
    $text ne '' or die "conf/$name is missing or empty\n";

    for my $from (sort { length $b <=> length $a } keys %replace) {
        index($text, $from) >= 0 or die "conf/$name has no \"$from\"\n";
        $text =~ s/\Q$from\E/$replace{$from}/g;
    }

    if ($text =~ m{^\s*include\s+/etc/nginx/modules-enabled/\*\.conf;}m) {
        my $globals = $self->expand('%%GLOBALS%%');
        $text =~ s/^user\s.*;\n//m;
        $text =~ s/^pid\s.*;\n//m;
        $text =~ s/^error_log\s.*;\n//m;
        $text =~ s{^\s*include\s+/etc/nginx/modules-enabled/\*\.conf;}
                  {$globals}m;
    }

    while ($text =~ m{^\s*include\s+/etc/nginx/snippets/([-\w]+)\.conf;}mg) {
        _write("$dir/conf/$1.conf", $self->shipped_conf("$1.conf"));
    }
    $text =~ s{/etc/nginx/snippets/}{$dir/conf/}g;

    if ($text =~ m{/etc/nginx/tls/}) {
        $self->make_certificate('registry');
        $text =~ s{/etc/nginx/tls/}{$dir/conf/}g;
    }

    $text =~ s{/etc/nginx/mime\.types}{$dir/conf/mime.types}g
        and _write("$dir/conf/mime.types", _read('/etc/nginx/mime.types'));

    $text =~ s{/var/lib/nginx-registry}{$dir/data}g;
    $text =~ s{/var/log/nginx}{$dir/logs}g;
    $text =~ s{\[::\]:(?=443|80)}{[::1]:}g;
    $text =~ s{(listen\s+(?:\[::1\]:)?)443\b}
              {$1 . ($1 =~ /\[/ ? '' : '127.0.0.1:') . $self->port(0)}ge;
    $text =~ s{(listen\s+(?:\[::1\]:)?)80\b}
              {$1 . ($1 =~ /\[/ ? '' : '127.0.0.1:') . $self->port(1)}ge;
    my $http = $self->expand('%%HTTP%%');
    $http =~ s/^access_log.*\n//;
    $text =~ s/^http \{\n/http {\n    $http/m;

    return $text;
}

# DIR/conf/NAME.crt and NAME.key, self-signed, for localhost and 127.0.0.1.
sub make_certificate {
    my ($self, $name) = @_;

    my $path = "$self->{dir}/conf/$name";
    return "$path.crt" if -e "$path.crt";

    my $r = run_command([qw/ openssl req -x509 -newkey ec -pkeyopt
        ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /, "/CN=localhost",
        '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1',
        '-keyout', "$path.key", '-out', "$path.crt"]);
    $r->{status} == 0 or die "openssl: $r->{err}\n";

    return "$path.crt";
}

# --- processes -------------------------------------------------------------

# Prepares the database, sets the administrator's password, starts nginx and
# the job runner, and waits until nginx listens.
# run([database => 0], [nginx => 0], [jobrunner => 0])
sub run {
    my ($self, %opt) = @_;

    $self->prepare_database() if $opt{database} // 1;
    $self->start_nginx()      if $opt{nginx} // 1;
    $self->start_jobrunner()  if $opt{jobrunner} // 1;

    return $self;
}

# "db migrate", and the password of "admin".
sub prepare_database {
    my ($self) = @_;

    $self->jobrunner_ok(qw/ db migrate /);
    $self->write_file('admin-password', "$self->{password}\n");
    chmod 0600, "$self->{dir}/admin-password";
    $self->give("$self->{dir}/admin-password");
    $self->jobrunner_ok(qw/ user passwd admin --password-file /,
        "$self->{dir}/admin-password");
    return;
}

# Runs "jobrunner ARGS" as the service user; see run_command() for the result.
sub jobrunner {
    my ($self, @args) = @_;
    my %opt = @args && ref $args[-1] eq 'HASH' ? %{ pop @args } : ();

    return run_command(["$self->{prefix}/jobrunner", '--database',
        $self->database(), @args], user => $self->{user},
        env => $self->_sanitizer_env(), dir => '/', %opt);
}

# The same; dies when it fails, returns its output.
sub jobrunner_ok {
    my ($self, @args) = @_;
    my $r = $self->jobrunner(@args);
    $r->{status} == 0
        or die "jobrunner @args: status $r->{status}: $r->{out}$r->{err}\n";
    return $r->{out};
}

sub _sanitizer_env {
    return {
        ASAN_OPTIONS  => 'detect_leaks=1:abort_on_error=0:exitcode=99',
        UBSAN_OPTIONS => 'print_stacktrace=1',
        TSAN_OPTIONS  => "suppressions=$top/tests/tsan.supp:exitcode=99",
    };
}

sub nginx_binary {
    return $ENV{TEST_NGINX_BINARY} || '/usr/sbin/nginx';
}

# Is the module a part of the binary (make t-source)?
my $has_module;

sub has_module {
    $has_module //= run_command([nginx_binary(), '-V'])->{err}
        =~ /--add-module=/ ? 1 : 0;
    return $has_module;
}

# The nginx that the distribution ships has no sanitizer in it: the runtime
# is loaded before it. An nginx that ends does not free all it has.
sub _nginx_env {
    my $env = _sanitizer_env();

    $env->{ASAN_OPTIONS} =~ s/detect_leaks=1/detect_leaks=0/;

    if (build() =~ /^[at]san$/ && !has_module()) {
        my $library = 'lib' . build() . '.so';
        my $r = run_command(['gcc', "-print-file-name=$library"]);
        chomp($env->{LD_PRELOAD} = $r->{out});
    }

    return $env;
}

# "nginx -t": {status, out, err}.
sub test_conf {
    my ($self) = @_;
    my $dir = $self->{dir};
    return run_command([nginx_binary(), '-t', '-p', "$dir/", '-c',
        "$dir/nginx.conf", '-e', 'stderr'], env => _nginx_env());
}

sub start_nginx {
    my ($self) = @_;

    my $dir = $self->{dir};
    unlink "$dir/nginx.pid";
    my $pid = _spawn([nginx_binary(), '-p', "$dir/", '-c',
        "$dir/nginx.conf", '-e', "$dir/logs/error.log"],
        "$dir/logs/nginx.out", "$dir/logs/nginx.out", env => _nginx_env(),
        user => $self->{nginx_user});
    $self->{nginx} = $pid;
    $self->{groups}{nginx} = $pid;

    my @ports = $self->_listening();

    my $ok = eval {
        wait_until(sub {
            if (waitpid($pid, WNOHANG) == $pid) {
                delete $self->{nginx};
                die "nginx ended at its start (status $?)\n";
            }
            -s "$dir/nginx.pid" or return 0;
            for my $port (@ports) {
                IO::Socket::INET->new(Proto => 'tcp',
                    PeerAddr => '127.0.0.1', PeerPort => $port) or return 0;
            }
            return 1;
        }, 20, 'nginx to listen');
    };

    if (!$ok) {
        my $error = $@;
        die $error . $self->read_file('logs/nginx.out')
            . $self->log_tail('error.log', 20);
    }

    return;
}

# The TCP ports on 127.0.0.1 that nginx.conf listens on.
sub _listening {
    my ($self) = @_;
    my $text = $self->read_file('nginx.conf');
    $text =~ s/#.*//g;
    my %ports = map { $_ => 1 }
        $text =~ /^\s*(?:server\s*\{\s*)?listen\s+127\.0\.0\.1:(\d+)/mg;
    return sort keys %ports;
}

sub start_jobrunner {
    my ($self, @args) = @_;

    my $dir = $self->{dir};
    my $pid = _spawn(["$self->{prefix}/jobrunner", '--database',
        $self->database(), 'serve', @args],
        "$dir/logs/jobrunner.log", "$dir/logs/jobrunner.log",
        user => $self->{user}, dir => '/', env => $self->_sanitizer_env());
    $self->{jobrunner} = $pid;
    $self->{groups}{jobrunner} = $pid;

    return;
}

# Waits for the end of a program of ours; 0 when it did not come in time.
sub _wait_end {
    my ($self, $which, $timeout) = @_;

    my $pid = $self->{$which};
    my $status = eval {
        wait_until(sub { waitpid($pid, WNOHANG) == $pid ? [$?] : undef },
            $timeout, "$which to end");
    } or return 0;

    $self->{"${which}_status"} = $status->[0];
    delete $self->{$which};
    return 1;
}

# Ends nginx by a signal (QUIT: after the last request) and waits for it.
sub stop_nginx {
    my ($self, $signal, $timeout) = @_;

    my $pid = $self->{nginx} or return;
    $signal //= 'QUIT';
    kill $signal, $pid;

    if (!$self->_wait_end('nginx', $timeout // 20)) {
        $self->_problem("nginx did not end after $signal");
        kill 'KILL', -$pid;
        $self->_wait_end('nginx', 10);
    }

    return $self->{nginx_status};
}

sub stop_jobrunner {
    my ($self, $signal, $timeout) = @_;

    my $pid = $self->{jobrunner} or return;
    $signal //= 'TERM';
    kill $signal, $pid;

    if (!$self->_wait_end('jobrunner', $timeout // 20)) {
        $self->_problem("jobrunner did not end after $signal");
        kill 'KILL', -$pid;
        $self->_wait_end('jobrunner', 10);
    }

    if ($signal eq 'TERM' && ($self->{jobrunner_status} // 0) != 0) {
        $self->_problem(
            "jobrunner ended with wait status $self->{jobrunner_status}");
    }

    return $self->{jobrunner_status};
}

# kill -9 of the master and all workers: nothing gets to tidy up.
sub kill_nginx {
    my ($self) = @_;
    my $pid = $self->{nginx} or return;
    kill 'KILL', -$pid;
    $self->killed_nginx();
    return;
}

# Waits until an nginx that somebody has killed is gone with all its workers.
sub killed_nginx {
    my ($self) = @_;
    my $pid = $self->{nginx} or return;
    # The kernel may take a moment to let go of a port; nginx tries again.
    $self->allow_log(qr/bind\(\) to \S+ failed \(98: Address already in use\)/);
    $self->_wait_end('nginx', 10) or die "nginx survived SIGKILL\n";
    wait_until(sub { !group_alive($pid) }, 10, 'the workers to go');
    return;
}

# Does a process of this group run? One that is dead and not yet reaped (by
# whoever inherited it) does not.
sub group_alive {
    my ($group) = @_;

    for my $path (glob '/proc/[0-9]*/stat') {
        my ($state, $in) = _read($path) =~ /^\d+ \(.*\) (\S) \d+ (\d+)/s
            or next;
        return 1 if $in == $group && $state !~ /[ZX]/;
    }

    return 0;
}

# Ids of the workers; with "all", also of those that are shutting down.
sub workers {
    my ($self, $all) = @_;

    my @pids;
    my $master = $self->{nginx};

    for my $path (glob '/proc/[0-9]*/stat') {
        my ($pid, $parent) = _read($path) =~ /^(\d+) \(.*\) \S (\d+)/s
            or next;
        next if $parent != $master;
        my $title = _read("/proc/$pid/cmdline");
        next if $title !~ /^nginx: worker process/;
        next if $title =~ /shutting down/ && !$all;
        push @pids, $pid;
    }

    return sort { $a <=> $b } @pids;
}

# HUP, then waits until only new workers take connections. Dies when nginx
# keeps the old configuration; the log says why.
sub reload {
    my ($self) = @_;

    my %old = map { $_ => 1 } $self->workers('all');
    my $count = grep { $old{$_} } $self->workers();

    kill 'HUP', $self->{nginx};

    wait_until(sub {
        my @now = $self->workers();
        return @now >= 1 && !grep { $old{$_} } @now;
    }, 20, 'new workers after HUP');

    return;
}

# Waits until workers that were shutting down are gone.
sub wait_old_workers {
    my ($self, $timeout) = @_;
    wait_until(sub {
        my @all = $self->workers('all');
        my @now = $self->workers();
        return @all == @now;
    }, $timeout // 20, 'old workers to end');
    return;
}

# Kills one worker and waits until another takes its place. Returns its id.
# The master's [alert] about that is expected.
sub kill_worker {
    my ($self, $signal, $pid) = @_;

    my @before = $self->workers();
    $pid //= $before[0];
    $self->allow_log(qr/worker process $pid exited on signal/);
    kill $signal // 'KILL', $pid;

    wait_until(sub {
        my @now = $self->workers();
        return @now == @before && !grep { $_ == $pid } @now;
    }, 20, 'a new worker');

    return $pid;
}

# --- requests --------------------------------------------------------------

# A raw connection: connect([port => N], [tls => 1], ...).
sub connect {
    my ($self, %opt) = @_;
    return Test::Registry::HTTP->new(port => $opt{port} // $self->port(0),
        timeout => 20 * scale(), %opt);
}

# The header for credentials: "admin" (the administrator), [user, password],
# or a whole value such as "Bearer ...".
sub authorization {
    my ($self, $auth) = @_;

    $auth = ['admin', $self->{password}] if $auth eq 'admin';
    return ref $auth ? basic_auth(@$auth) : $auth;
}

sub basic_auth {
    my ($user, $password) = @_;
    return 'Basic ' . encode_base64("$user:$password", '');
}

# One request on a connection of its own. Options: auth, headers (a list of
# pairs in an array, or a hash), body (bytes), chunks (a list of byte strings,
# sent chunked), port, tls, host (the Host header), timeout, version.
sub http {
    my ($self, $method, $target, %opt) = @_;

    my $connection = $self->connect(
        map { exists $opt{$_} ? ($_ => $opt{$_}) : () }
            qw/ port tls timeout sni /);

    $connection->send($self->request_bytes($method, $target, %opt));
    my $response = $connection->response($method);
    $connection->close();

    die "$method $target: the connection was closed without a response\n"
        if !defined $response;

    return $response;
}

# The bytes of such a request.
sub request_bytes {
    my ($self, $method, $target, %opt) = @_;

    my $version = $opt{version} // '1.1';
    my $host = $opt{host}
        // '127.0.0.1:' . ($opt{port} // $self->port(0));
    my @pairs = ref $opt{headers} eq 'HASH' ? %{ $opt{headers} }
        : @{ $opt{headers} // [] };

    my $head = "$method $target HTTP/$version\r\n";
    $head .= "Host: $host\r\n" if $host ne '';
    $head .= 'Authorization: ' . $self->authorization($opt{auth}) . "\r\n"
        if defined $opt{auth};

    my %given;
    while (my ($name, $value) = splice @pairs, 0, 2) {
        $head .= "$name: $value\r\n";
        $given{lc $name} = 1;
    }

    my $body = '';

    if ($opt{chunks}) {
        $head .= "Transfer-Encoding: chunked\r\n";
        $body = join '', map { sprintf("%x\r\n", length $_) . "$_\r\n" }
            grep { length } @{ $opt{chunks} };
        $body .= "0\r\n\r\n";

    } elsif (defined $opt{body}) {
        $body = $opt{body};
        $head .= 'Content-Length: ' . length($body) . "\r\n"
            if !$given{'content-length'};

    } elsif ($method =~ /^(?:POST|PUT|PATCH)$/ && !$given{'content-length'}) {
        $head .= "Content-Length: 0\r\n";
    }

    $head .= "Connection: close\r\n" if !$given{connection};

    return "$head\r\n$body";
}

sub get    { my $self = shift; return $self->http('GET', @_) }
sub head   { my $self = shift; return $self->http('HEAD', @_) }
sub put    { my $self = shift; return $self->http('PUT', @_) }
sub post   { my $self = shift; return $self->http('POST', @_) }
sub patch  { my $self = shift; return $self->http('PATCH', @_) }
sub delete { my $self = shift; return $self->http('DELETE', @_) }

# --- the database from outside ---------------------------------------------

# Runs statements through the sqlite3 program, as the service user. Returns
# the rows of a query as a list of hashes.
sub sql {
    my ($self, $statement, %opt) = @_;

    my $path = $opt{path} // "$self->{dir}/data/registry.db";
    my $r = run_command(['sqlite3', '-batch', '-bail', '-json', '-cmd',
        '.timeout 10000', $path], input => "$statement\n",
        user => $self->{user}, dir => '/');

    die "sqlite3: $statement: $r->{err}\n"
        if $r->{status} != 0 || $r->{err} =~ /\S/;

    # An integer beyond 2**53 stays exact: JSON::PP reads it as a string.
    return $r->{out} =~ /\S/
        ? @{ JSON::PP->new->utf8->allow_bignum->decode($r->{out}) } : ();
}

# Runs build/check_invariants on the test's data, or on another database and
# folder: check_invariants([args => [...]], [expect => [lines]], [path =>
# database], [blobs => folder]). One test; {status, out, err}.
sub check_invariants {
    my ($self, $name, %opt) = @_;

    my @args = @{ $opt{args} // [] };

    if ($opt{expect}) {
        my $file = $self->write_file('tmp/expect',
            join '', map { "$_\n" } @{ $opt{expect} });
        push @args, '--expect', $file;
    }

    my $r = run_command(["$top/build/check_invariants", @args,
        $opt{path} // "$self->{dir}/data/registry.db",
        $opt{blobs} // "$self->{dir}/data/blobs"],
        user => $self->{user}, dir => '/', timeout => 120);

    Test::More::is($r->{status}, 0, $name)
        or Test::More::diag($r->{out} . $r->{err});
    return $r;
}

# --- logs ------------------------------------------------------------------

sub error_log  { return $_[0]->read_file('logs/error.log') }
sub access_log { return $_[0]->read_file('logs/access.log') }

# The lines of the error log that match.
sub log_lines {
    my ($self, $pattern) = @_;
    return grep { $_ =~ $pattern } split /\n/, $self->error_log();
}

# Waits for a line in the error log (or logs/FILE).
sub wait_log {
    my ($self, $pattern, $timeout, $file) = @_;
    $file //= 'error.log';
    wait_until(sub { $self->read_file("logs/$file") =~ $pattern },
        $timeout // 10, "$pattern in $file");
    return;
}

# Lines that match are expected and do not fail the teardown.
sub allow_log {
    my ($self, $pattern) = @_;
    push @{ $self->{allowed} }, $pattern;
    return;
}

sub log_tail {
    my ($self, $name, $count) = @_;
    my @lines = split /\n/, $self->read_file("logs/$name");
    @lines = @lines[-$count .. -1] if @lines > $count;
    return join '', map { "$name: $_\n" } @lines;
}

sub _log_problems {
    my ($self) = @_;

    my @problems;

    for my $name (map { basename($_) } glob "$self->{dir}/logs/*") {
        next if $name =~ /^access/;

        LINE:
        for my $line (split /\n/, $self->read_file("logs/$name")) {
            next if $line !~ / \[ (?:alert|emerg) \] | Sanitizer
                             | runtime\ error: | Assertion\ .*\ failed /x;
            for my $allowed (@{ $self->{allowed} }) {
                next LINE if $line =~ $allowed;
            }
            push @problems, "$name: $line";
        }
    }

    return @problems;
}

# --- teardown --------------------------------------------------------------

sub _problem {
    my ($self, $text) = @_;
    push @{ $self->{problems} }, $text;
    return;
}

# Stops what runs and returns what was wrong.
sub stop {
    my ($self) = @_;

    return () if $self->{stopped};
    $self->{stopped} = 1;

    $self->stop_nginx();
    $self->stop_jobrunner();

    for my $name (sort keys %{ $self->{groups} }) {
        my $group = $self->{groups}{$name};
        my $gone = eval {
            wait_until(sub { !kill(0, -$group) }, 5, 'a group to end');
        };
        if (!$gone) {
            $self->_problem("a process of $name was left behind");
            kill 'KILL', -$group;
        }
    }

    return (@{ $self->{problems} // [] }, $self->_log_problems());
}

sub _remove {
    my ($self) = @_;

    return if $self->{removed}++;

    if ($ENV{TEST_REGISTRY_LEAVE}) {
        Test::More::diag("left: $self->{dir}");
        return;
    }

    remove_tree($self->{dir}, { safe => 0 });
    return;
}

# The end of a test: stops every instance, adds the teardown checks, and calls
# done_testing().
sub finish {
    my ($self) = @_;

    for my $instance (@instances) {
        my @problems = $instance->stop();
        Test::More::ok(!@problems, 'teardown: logs clean, nothing left')
            or Test::More::diag(@problems > 30 ? @problems[0 .. 29]
                : join "\n", @problems);
    }

    my $passing = Test::More->builder->is_passing();

    for my $instance (@instances) {
        $instance->_show_logs()
            if !$passing || $ENV{TEST_REGISTRY_VERBOSE};
        $instance->_remove();
    }

    Test::More::done_testing();
    return;
}

sub _show_logs {
    my ($self) = @_;
    Test::More::diag($self->log_tail($_, 40))
        for qw/ error.log nginx.out jobrunner.log /;
    return;
}

END {
    if ($$ == $test_pid) {
        my $status = $?;

        for my $instance (grep { !$_->{stopped} } @instances) {
            my @problems = $instance->stop();
            $instance->_show_logs();
            Test::More::diag("teardown: $_") for @problems;
            $instance->_remove();
            $status ||= 1;
        }

        $? = $status;
    }
}

1;
