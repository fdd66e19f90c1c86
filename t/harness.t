#!/usr/bin/perl

# The harness itself: a teardown that finds nothing must be one that looked.
# Small tests are run as programs of their own and have to fail.

use warnings;
use strict;

use IO::Socket::INET;
use Test::More;

use lib 't/lib';
use Test::Registry;
use Test::Registry::OpenAPI;

my $scratch = File::Temp::tempdir('test-harness-XXXXXX', TMPDIR => 1,
    CLEANUP => 1);

# Runs a test whose middle is given, with an nginx that has two workers.
sub run_test {
    my ($middle) = @_;

    my $path = "$scratch/inner.t";
    open(my $f, '>', $path) or die "$path: $!\n";
    print $f <<"END";
use warnings;
use strict;
use Test::More;
use lib '@{[ Test::Registry::top() ]}/t/lib';
use Test::Registry;
my \$t = Test::Registry->new();
\$t->write_conf();
\$t->run();
print "# dir \$t->{dir}\\n";
print "# group \$_\\n" for values %{ \$t->{groups} };
$middle
\$t->finish();
END
    close $f;

    my $r = run_command([$^X, $path], timeout => 90);
    $r->{all} = $r->{out} . $r->{err};
    ($r->{dir}) = $r->{out} =~ /^# dir (.+)/m;
    $r->{groups} = [ $r->{out} =~ /^# group (\d+)/mg ];
    return $r;
}

sub tidy {
    my ($r, $what) = @_;
    ok(defined $r->{dir} && !-e $r->{dir}, "$what: no folder left");
    # What was killed as an orphan is gone when init has taken note.
    ok(eval { wait_until { !grep { kill 0, -$_ } @{ $r->{groups} } } 5 },
        "$what: no process left");
    return;
}

my $r = run_test('is($t->get("/healthz")->status, 200);');
is($r->{status}, 0, 'a test that passes') or diag($r->{all});
is(scalar @{ $r->{groups} }, 2, 'two programs ran');
tidy($r, 'passed');

$r = run_test('kill "KILL", ($t->workers())[0]; $t->wait_log(qr/\[alert\]/);');
isnt($r->{status}, 0, 'an alert fails the teardown');
like($r->{err}, qr/\[alert\].*exited on signal 9/, 'and is shown');
tidy($r, 'alert');

$r = run_test('$t->kill_worker();');
is($r->{status}, 0, 'an alert that is expected passes')
    or diag($r->{all});

$r = run_test('$t->write_file("logs/other.log",'
    . ' "==1==ERROR: AddressSanitizer: heap-use-after-free\n");');
isnt($r->{status}, 0, 'a sanitizer line fails the teardown');
tidy($r, 'sanitizer');

$r = run_test('kill "KILL", $t->{nginx};');
isnt($r->{status}, 0, 'workers without their master fail the teardown');
like($r->{err}, qr/a process of nginx was left behind/, 'and it says so');
tidy($r, 'orphans');

$r = run_test('kill "STOP", $t->{jobrunner};'
    . ' $t->stop_jobrunner("TERM", 1);');
isnt($r->{status}, 0, 'a job runner that does not end fails the teardown');
tidy($r, 'stuck');

$r = run_test('die "in the middle\n";');
isnt($r->{status}, 0, 'a test that dies');
tidy($r, 'died');

$r = run_test('kill "TERM", $$; wait_until { 0 } 30, "the signal";');
isnt($r->{status}, 0, 'a test that is terminated');
tidy($r, 'terminated');

# --- responses -------------------------------------------------------------

# What the client makes of these bytes from a server, as a response to GET.
sub parsed {
    my ($bytes, $method) = @_;

    my $listener = IO::Socket::INET->new(Listen => 1,
        LocalAddr => '127.0.0.1', Proto => 'tcp') or die "listen: $!\n";
    my $pid = fork() // die "fork: $!\n";
    if ($pid == 0) {
        my $peer = $listener->accept();
        syswrite $peer, $bytes;
        $peer->shutdown(1);
        sysread $peer, my $rest, 10;
        POSIX::_exit(0);
    }
    my $c = Test::Registry::HTTP->new(port => $listener->sockport());
    my $response = $c->response($method // 'GET');
    $c->close();
    waitpid $pid, 0;
    return $response;
}

$r = parsed("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"
    . "content-length: 3\r\nLink: a\r\nLink: b\r\n\r\nabcdef");
is($r->status, 200, 'an interim response is not the response');
is_deeply($r->interim, [100], 'but it is seen');
is($r->body, 'abc', 'Content-Length');
is_deeply([ $r->headers('link') ], [qw/ a b /], 'a header twice');

$r = parsed("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    . "3\r\nabc\r\n10;x=y\r\n0123456789abcdef\r\n0\r\n\r\n");
is($r->body, 'abc0123456789abcdef', 'chunked');
ok(!$r->truncated, 'to its end');

$r = parsed("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
ok($r->truncated, 'a body that comes short');
$r = parsed("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\nabc");
ok($r->truncated, 'also when chunked');

is(parsed("HTTP/1.1 200 OK\r\n\r\nto the end")->body, 'to the end',
    'a body up to the end of the stream');
is(parsed("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", 'HEAD')->body, '',
    'HEAD has no body');
is(parsed(''), undef, 'no response at all');
ok(!eval { parsed("nonsense\r\n\r\n") }, 'nonsense is refused');

is(parsed("HTTP/1.1 404 No\r\nContent-Length: 40\r\n\r\n"
    . '{"errors":[{"code":"A","message":"no"}]}')->code, 'A',
    'the code of an error');

# --- functions -------------------------------------------------------------

ok(!eval { wait_until { 0 } 0.05, 'nothing' }, 'wait_until() ends');
is(wait_until(sub { 'value' }, 1), 'value', 'and returns the value');
$r = run_command(['sh', '-c', 'echo out; echo err >&2; exit 3']);
is_deeply([ @$r{qw/ status out err /} ], [3, "out\n", "err\n"],
    'run_command()');
is(run_command(['sh', '-c', 'kill -9 $$'])->{status}, 137, 'by a signal');
ok(run_command(['sleep', '60'], timeout => 0.2)->{timeout}, 'by timeout');

# --- answers against their description -------------------------------------

{
    my $d = Test::Registry::OpenAPI->new(
        Test::Registry::top() . '/docs/openapi.yaml');
    my $wrong = sub {
        my ($status, $body, %header) = @_;
        my $type = delete $header{type} // 'application/json; charset=utf-8';
        $header{'X-Total-Count'} = 1 if !exists $header{'X-Total-Count'};
        return join '; ', $d->check('GET', '/api/v2.0/labels?scope=g',
            Test::Registry::Response->new(status => $status, body => $body,
                headers => [ ['Content-Type' => $type], map { defined
                $header{$_} ? [$_ => $header{$_}] : () } sort keys %header ]));
    };
    my $label = '[{"id":1,"name":"a","scope":"g"%s}]';
    my $with = sub { return $wrong->(200, sprintf $label, $_[0]) };
    is($with->(''), '', 'what is described');
    is($with->(',"creation_time":"2026-01-01T00:00:00.000Z"'), '', 'a time');
    is($with->(',"creation_tim":1'), 'body[0].creation_tim: not described',
        'an unknown member');
    is($with->(',"color":1'), 'body[0].color: integer, not string', 'a type');
    is($with->(',"color":null'), 'body[0].color: null', 'null');
    is($with->(',"project_id":"1"'),
        'body[0].project_id: string, not integer', 'a number as a string');
    is($with->(',"creation_time":"now"'), 'body[0].creation_time: no time: '
        . 'now', 'no time');
    is($wrong->(200, '[{"id":1,"scope":"g"}]'), 'body[0].name: missing',
        'a missing member');
    is($wrong->(200, '{}'), 'body: object, not array', 'no list');
    is($wrong->(200, '[]', type => 'text/html'), 'Content-Type text/html',
        'content type');
    is($wrong->(200, '[]', 'X-Total-Count' => undef),
        'header x-total-count: missing', 'a missing header');
    is($wrong->(200, '[]', Location => '/'),
        'header location: not described', 'one more');
    is($wrong->(418, ''), 'its status is not in docs/openapi.yaml', 'status');
    my $unknown = sub { return $d->check('GET', '/api/v2.0/unknown',
        Test::Registry::Response->new(status => $_[0], body => '')) };
    is_deeply([ $unknown->(404) ], [], 'no such path');
    is_deeply([ $unknown->(200) ], ['no such operation in docs/openapi.yaml'],
        'one that is not described');
}

done_testing();
