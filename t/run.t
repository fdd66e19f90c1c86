#!/usr/bin/perl

# "make run" as a user types it: it starts, answers, ends with its process
# group, finds its data again, and two of them live side by side.

use warnings;
use strict;

use File::Temp ();
use IO::Socket::INET;
use POSIX qw/ :sys_wait_h /;
use Test::More;

use lib 't/lib';
use Test::Registry;

my $top = Test::Registry::top();
my $build = Test::Registry::build();
my $scratch = File::Temp::tempdir('test-run-XXXXXX', TMPDIR => 1,
    CLEANUP => 1);
chmod 0755, $scratch;
my %groups;

# Starts "make run" in a process group of its own.
sub start {
    my ($name, %variables) = @_;

    my $log = "$scratch/$name.log";
    my @arguments = map { "$_=$variables{$_}" } sort keys %variables;

    my $pid = fork() // die "cannot fork: $!\n";
    if ($pid == 0) {
        POSIX::setpgid(0, 0);
        $SIG{$_} = 'DEFAULT' for qw/ INT TERM HUP /;
        # As a shell does for what a script starts with "&".
        $SIG{INT} = 'IGNORE' if $name eq 'two';
        open(STDIN, '<', '/dev/null');
        open(STDOUT, '>', $log);
        open(STDERR, '>&', \*STDOUT);
        exec('make', '-C', $top, 'run', 'DEPS=no', "BUILD=$build",
            @arguments) or POSIX::_exit(127);
    }

    $groups{$pid} = 1;
    return { pid => $pid, log => $log, port => $variables{PORT},
        data => $variables{DATA} };
}

sub output {
    my ($run) = @_;
    open(my $f, '<', $run->{log}) or return '';
    local $/;
    return <$f> // '';
}

sub ready {
    my ($run) = @_;
    return eval {
        wait_until(sub {
            die "make ended: " . output($run)
                if waitpid($run->{pid}, WNOHANG) == $run->{pid};
            return output($run) =~ /^  stop /m;
        }, 60, 'make run to be ready');
    } || do { diag($@, output($run)); 0 };
}

# Sends a signal to the whole group and waits until nobody is left in it.
sub stop {
    my ($run, $signal) = @_;

    kill $signal, -$run->{pid};
    return ended($run);
}

sub ended {
    my ($run) = @_;

    my $status;
    my $ok = eval {
        wait_until(sub {
            if (!defined $status && waitpid($run->{pid}, WNOHANG) > 0) {
                $status = $?;
            }
            return defined $status && !kill(0, -$run->{pid});
        }, 40, 'the group to end');
    };

    delete $groups{ $run->{pid} } if $ok;
    $run->{status} = $status;
    return $ok;
}

sub get {
    my ($run, $target, @auth) = @_;
    my $c = Test::Registry::HTTP->new(port => $run->{port});
    my $header = @auth
        ? 'Authorization: ' . Test::Registry::basic_auth(@auth) . "\r\n" : '';
    $c->send("GET $target HTTP/1.1\r\nHost: x\r\n${header}"
        . "Connection: close\r\n\r\n");
    return $c->response('GET');
}

sub password {
    my ($run) = @_;
    open(my $f, '<', "$run->{data}/admin-password") or return '';
    chomp(my $password = <$f>);
    return $password;
}

sub members {
    my ($group) = @_;
    my @members;
    for my $path (glob '/proc/[0-9]*/stat') {
        open(my $f, '<', $path) or next;
        my ($pid, $name, $pgrp) =
            (<$f> // '') =~ /^(\d+) \((.*)\) \S \d+ (\d+)/s or next;
        push @members, [$pid, $name] if $pgrp == $group;
    }
    return @members;
}

sub owner_of {
    my ($path) = @_;
    return scalar getpwuid((stat $path)[4]);
}

my $service = $> == 0 ? 'www-data' : scalar getpwuid $>;

# --- the first start -------------------------------------------------------

my $one = start('one', PORT => Test::Registry::free_port(),
    DATA => "$scratch/deep/one");
ok(ready($one), 'the first start') or die "make run does not start\n";

like(output($one), qr{http://127\.0\.0\.1:$one->{port}/}, 'says the URL');
like(output($one), qr{\Q$one->{data}\E/admin-password},
    'says where the password is');
like(output($one), qr{docker push 127\.0\.0\.1:$one->{port}/},
    'says how to push');
unlike(output($one), qr/\Q@{[ password($one) ]}\E/,
    'does not print the password');
is((stat "$one->{data}/admin-password")[2] & 07777, 0600,
    'the password is for its owner alone');
cmp_ok(length password($one), '>=', 16, 'the password is long');

is(get($one, '/v2/')->status, 401, 'credentials are asked for');
is(get($one, '/v2/', 'admin', password($one))->status, 200,
    'the password works');
my $page = get($one, '/');
is($page->status, 200, 'a page at the URL that it says');
like($page->header('Content-Type'), qr{^text/plain}, 'of text');
like($page->body, qr{docker push x/library/},
    'says how to push, to the address that was asked');
is(get($one, $_)->status, 200, "$_, of which it tells")
    for qw{ /api/v2.0/openapi.yaml /readyz };
is(get($one, '/healthz')->status, 200, 'healthz');
is(get($one, '/readyz')->status, 200, 'readyz');

is(owner_of($one->{data}), $service, 'the service user owns DATA');
is(owner_of("$one->{data}/registry.db"), $service,
    'and the database');

my @workers = grep { $_->[1] =~ /^nginx/ } members($one->{pid});
my ($runner) = grep { $_->[1] eq 'jobrunner' } members($one->{pid});
cmp_ok(scalar @workers, '>=', 2, 'nginx is in the process group');
ok($runner, 'the job runner is in the process group');
is(owner_of("/proc/$runner->[0]"), $service,
    'the job runner is the service user');

# --- two side by side ------------------------------------------------------

my $two = start('two', PORT => Test::Registry::free_port(),
    DATA => "$scratch/two", ADMIN_PASSWORD => 'a password of my own');
ok(ready($two), 'a second one with other PORT and DATA');
is(password($two), 'a password of my own', 'ADMIN_PASSWORD is kept');
is(get($two, '/v2/', 'admin', 'a password of my own')->status, 200,
    'and works');
is(get($one, '/v2/', 'admin', 'a password of my own')->status, 401,
    'not in the first');

# --- what cannot start -----------------------------------------------------

my $taken = start('taken', PORT => $one->{port}, DATA => "$scratch/three");
ok(ended($taken), 'a taken port: make ends');
isnt($taken->{status}, 0, 'with an error');
like(output($taken), qr/port $one->{port} .*is taken/, 'that says so');

my $same = start('same', PORT => Test::Registry::free_port(),
    DATA => $one->{data});
ok(ended($same), 'DATA in use: make ends');
like(output($same), qr/in use by another run/, 'and says so');

mkdir "$scratch/photos";
open(my $f, '>', "$scratch/photos/cat.jpg");
close $f;
my $foreign = start('foreign', PORT => Test::Registry::free_port(),
    DATA => "$scratch/photos");
ok(ended($foreign), 'a folder with other files: make ends');
like(output($foreign), qr/has other files in it/, 'and says so');
is(owner_of("$scratch/photos"), scalar getpwuid($>),
    'the folder keeps its owner');

is(get($one, '/healthz')->status, 200, 'the first one still answers');

# --- signals ---------------------------------------------------------------

my $password = password($one);

ok(stop($one, 'TERM'), 'SIGTERM to the group ends everything in it');
ok(!IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $one->{port}),
    'the port is free');
is(get($two, '/healthz')->status, 200, 'the other one goes on');

ok(stop($two, 'INT'), 'SIGINT to the group ends everything in it');
unlike(output($_), qr/\[(?:alert|emerg)\]|Sanitizer|killed|ended \(/,
    'a clean end') for $one, $two;

# --- again -----------------------------------------------------------------

my $again = start('again', PORT => $one->{port}, DATA => $one->{data});
ok(ready($again), 'a second start on the same data');
is(password($again), $password, 'the same password');
is(get($again, '/v2/', 'admin', $password)->status, 200, 'it works');

# --- one of the two dies ---------------------------------------------------

($runner) = grep { $_->[1] eq 'jobrunner' } members($again->{pid});
kill 'KILL', $runner->[0];
ok(ended($again), 'the job runner is killed: nginx ends too');
isnt($again->{status}, 0, 'the exit status tells');
like(output($again), qr/the job runner ended \(status 137\)/,
    'the output tells');

my $third = start('third', PORT => $one->{port}, DATA => $one->{data},
    ADMIN_PASSWORD => 'changed at the third start');
ok(ready($third), 'a start after a crash');
is(get($third, '/v2/', 'admin', 'changed at the third start')->status, 200,
    'with a new password when asked for');

# The master alone: its workers must not stay behind with the port.
my ($master) = grep {
    my $pid = $_->[0];
    open(my $c, '<', "/proc/$pid/cmdline");
    (<$c> // '') =~ /^nginx: master/;
} members($third->{pid});
kill 'KILL', $master->[0];
ok(ended($third), 'the master is killed: workers and job runner end too');
isnt($third->{status}, 0, 'the exit status tells');

# --- a closed parent folder ------------------------------------------------

SKIP: {
    skip 'only root has a service user', 3 if $> != 0;

    mkdir "$scratch/closed", 0700;
    my $closed = start('closed', PORT => Test::Registry::free_port(),
        DATA => "$scratch/closed/data");
    ok(ready($closed), 'a parent folder closed to the service user');
    like(output($closed), qr/www-data cannot reach .*run as root/,
        'it says so');
    ok(stop($closed, 'TERM'), 'and ends');
}

done_testing();

END {
    kill 'KILL', -$_ for keys %groups;
}
