#!/usr/bin/perl

# Guessing passwords: the fifth wrong one makes the pair of account and
# address wait, in all workers together, for names that do not exist too; and
# one login does not cost another account, address or request anything.

use warnings;
use strict;

use Test::More;
use Time::HiRes qw/ time /;

use lib 't/lib';
use Test::Registry;

my $t = Test::Registry->new();
my $conf = <<'END';
%%GLOBALS%%
worker_processes  2;
events { worker_connections  1024; }
http {
    %%HTTP%%
    registry_instance main { %%INSTANCE%% }
    server {
        listen       127.0.0.1:%%PORT_0%%;
        set_real_ip_from  127.0.0.1;
        real_ip_header    X-Real-Client;
        %%LOCATIONS%%
    }
}
END
$t->write_conf($conf);
$t->run();

my $password = 'Correct1horse';
for my $name (qw/ alice bob carol /) {
    $t->jobrunner_ok(qw/ user create /, $name, '--password-stdin',
        { input => "$password\n" });
}

sub from {
    my ($address, $auth, $target) = @_;
    return $t->get($target // '/v2/', auth => $auth,
        headers => ['X-Real-Client' => $address]);
}

sub guess {
    my ($address, $name, $n) = @_;
    return join ' ', map { from($address, [$name, "guess $_"])->status }
        1 .. $n;
}

my $addresses = 0;
sub address {
    $addresses++;
    return '198.51.' . ($addresses >> 8) . '.' . ($addresses & 255);
}

# A pair is locked for 1 s after its fifth failure, for 2 s after the sixth,
# and so on. What is asked meanwhile counts only if it was asked in time: on a
# machine that is too busy for that it is asked again, of another address.
# Returns what $check->($address) returns.
sub while_locked {
    my ($name, $failures, $check) = @_;

    for (1 .. 40) {
        my $address = address();
        guess($address, $name, 4) eq '401 401 401 401'
            or die "four guesses\n";
        for my $n (5 .. $failures - 1) {
            wait_until(sub {
                from($address, [$name, 'no'])->status == 401
            }, 60, "guess $n");
        }
        my $from;
        wait_until(sub {
            $from = time();
            from($address, [$name, 'no'])->status == 401;
        }, 60, "guess $failures");
        my @result = $check->($address);
        return @result if time() - $from < 2 ** ($failures - 5);
    }
    die "this machine is too slow\n";
}

subtest 'the fifth failure is the last that is looked at' => sub {
    is(join(' ', while_locked('alice', 5, sub { guess($_[0], 'alice', 2) })),
        '429 429', 'a user, over all workers');
    my ($r) = while_locked('alice', 5, sub { from($_[0],
        ['alice', $password]) });
    is($r->status, 429, 'the right password waits as well');
    like($r->header('Retry-After'), qr/^[1-9]\d*$/, 'Retry-After');
    is($r->code, 'TOOMANYREQUESTS', 'an error of the specified form');

    my @others = while_locked('alice', 5, sub {
        my ($address) = @_;
        return from(address(), ['alice', $password])->status,
            from($address, ['bob', $password])->status,
            from($address, ['alice', $password])->status;
    });
    is($others[2], 429, 'while it waits');
    is($others[0], 200, 'it comes in from another address');
    is($others[1], 200, 'and so does another user of that address');
};

subtest 'a name that does not exist is no different' => sub {
    is(join(' ', while_locked('nobody', 5,
        sub { guess($_[0], 'nobody', 2) })), '429 429', 'status');
};

subtest 'the same at every door' => sub {
    my $form = 'application/x-www-form-urlencoded';
    my $post = sub {
        my ($target, $body) = @_;
        return sub {
            return $t->post($target, body => $body,
                headers => ['X-Real-Client' => $_[0],
                    'Content-Type' => $form])->status;
        };
    };
    my $get = sub {
        my ($target) = @_;
        return sub { from($_[0], ['alice', $password], $target)->status };
    };
    my %doors = (
        'token, GET' => $get->('/service/token?service=nginx-registry'),
        'API' => $get->('/api/v2.0/users/current'),
        'token, POST' => $post->('/service/token', 'grant_type=password'
            . "&service=nginx-registry&username=alice&password=$password"),
        'login' => $post->('/c/login',
            "principal=alice&password=$password"),
    );
    is((while_locked('alice', 5, $doors{$_}))[0], 429, $_)
        for sort keys %doors;
};

subtest 'it ends' => sub {
    my ($address) = while_locked('alice', 5, sub { $_[0] });
    wait_until(sub {
        from($address, ['alice', $password])->status == 200
    }, 30, 'the wait is over');
    is(guess($address, 'alice', 4), '401 401 401 401',
        'a success forgets what was before');
    is(from($address, ['alice', $password])->status, 200, 'in');
};

subtest 'each failure doubles the wait' => sub {
    for my $failures (6, 7) {
        my ($after) = while_locked('carol', $failures, sub {
            from($_[0], ['carol', 'x'])->header('Retry-After')
        });
        cmp_ok($after, '>', 0, "after $failures failures: $after s");
        cmp_ok($after, '<=', 2 ** ($failures - 5), 'and not more');
    }
    # Half of it is gone, and it has not ended: longer than the one before.
    my @seen = while_locked('carol', 7, sub {
        my ($address) = @_;
        my $from = time();
        wait_until(sub { time() - $from > 2.1 }, 10, 'the former wait');
        return from($address, ['carol', 'x'])->status;
    });
    is($seen[0], 429, 'it lasts longer than the one before');
};

subtest 'it is kept over a reload, and not over a restart' => sub {
    my ($status) = while_locked('bob', 7, sub {
        my ($address) = @_;
        $t->reload();
        return from($address, ['bob', $password])->status;
    });
    is($status, 429, 'reload');

    my ($address) = while_locked('bob', 7, sub {
        my ($address) = @_;
        $t->stop_nginx();
        $t->start_nginx();
        $status = from($address, ['bob', $password])->status;
        return $address;
    });
    is($status, 200, 'restart');
};

subtest 'robots' => sub {
    $t->jobrunner_ok(qw/ robot create ci /);
    is((while_locked('robot$ci', 5, sub { guess($_[0], 'robot$ci', 1) }))[0],
        '429', 'too');
};

subtest 'hashes of other schemes' => sub {
    # bcrypt by crypt(3), and Harbor's PBKDF2 of "Harbor12345"
    my $bcrypt = crypt($password, '$2b$04$abcdefghijklmnopqrstuu');
    my %hash = (
        bcrypt => [$bcrypt, $password],
        sha256 => ['$harbor$sha256$saltsaltsalt$'
            . 'f749bc5b8b81476ecc49d57d1e79008e', 'Harbor12345'],
        sha1 => ['$harbor$sha1$saltsaltsalt$'
            . '6dda58ce8dd42accda518f581bc20574', 'Harbor12345'],
    );
    for my $name (sort keys %hash) {
        my ($hash, $right) = @{ $hash{$name} };
        $t->sql("INSERT INTO users (name, password_hash, created_at,
            updated_at) VALUES ('$name', '$hash', 1, 1)");
        is(from('192.0.2.6', [$name, 'wrong'])->status, 401, "$name: wrong");
        is(from('192.0.2.6', [$name, $right])->status, 200, "$name: right");
        my ($row) = $t->sql("SELECT password_hash AS h, epoch FROM users
            WHERE name = '$name'");
        like($row->{h}, qr/^\$y\$/, "$name: hashed anew");
        is($row->{epoch}, 1, "$name: what was issued stays valid");
        is(from('192.0.2.6', [$name, $right])->status, 200, "$name: again");
        is(from('192.0.2.6', [$name, 'wrong'])->status, 401,
            "$name: still no other");
    }
};

subtest 'many logins of one user at once hash once' => sub {
    my @sockets = map {
        my $s = $t->connect();
        $s->send($t->request_bytes('GET', '/v2/', auth => ['alice',
            $password], headers => ['X-Real-Client' => "192.0.2.$_"]));
        $s;
    } 20 .. 39;
    my %status;
    $status{ $_->response('GET')->status }++ for @sockets;
    is($status{200}, 20, 'all of them are in')
        or diag(join ' ', %status);
    my @audit = $t->sql("SELECT 1 FROM audit WHERE operation = 'login'
        AND username = 'alice' AND client BETWEEN '192.0.2.20' AND
        '192.0.2.39'");
    cmp_ok(scalar @audit, '<=', 2, 'one hash for each worker at most');
};

# One worker and a flood of logins, each of another name: were they hashed in
# the event loop, or without a bound, whoever asks meanwhile would wait for
# many of them. How long one takes is measured in the same run.
subtest 'a flood of logins holds up nobody' => sub {
    my $n = 400;
    $t->write_conf($conf =~ s/worker_processes  2/worker_processes  1/r);
    $t->reload();
    $t->wait_old_workers();

    my @hash = sort { $a <=> $b } map {
        my $from = time();
        is(from(address(), ["idle$_", 'x'])->status, 401, 'one login');
        time() - $from;
    } 1 .. 5;
    my $hash = $hash[0];

    my @flood = map { $t->connect() } 1 .. $n;
    my $begin = time();
    $flood[$_]->send($t->request_bytes('GET', '/v2/', auth => ["flood$_", 'x'],
        headers => ['X-Real-Client' => address()])) for 0 .. $#flood;

    my ($max, $probes, %status) = (0, 0);
    my $retry = 0;
    while (@flood) {
        my $from = time();
        $t->get('/v2/')->status == 401 or die "no challenge\n";
        my $took = time() - $from;
        $max = $took if $took > $max;
        $probes++;

        my @waits;
        for my $c (@flood) {
            if (!$c->readable(0)) {
                push @waits, $c;
                next;
            }
            my $r = $c->response('GET');
            $status{ $r->status }++;
            $retry++ if $r->status == 429
                && ($r->header('Retry-After') // '') =~ /^[1-9]\d*$/;
        }
        @flood = @waits;
    }
    my $seconds = time() - $begin;

    note(sprintf('a hash: %.1f ms; %d requests beside the flood of %.1f s, '
        . 'at most %.1f ms', $hash * 1000, $probes, $seconds, $max * 1000));
    cmp_ok($probes, '>=', 3, 'requests beside it');
    cmp_ok($max, '<', $n * $hash / 8, 'none waited for an eighth of it');
    is(($status{401} // 0) + ($status{429} // 0), $n, 'each got its answer')
        or diag(explain(\%status));
    cmp_ok($status{401}, '>=', 64, 'as many as may wait were looked at');
    cmp_ok($status{429} // 0, '>=', 1, 'the others were refused');
    is($retry, $status{429}, 'each with Retry-After');

    is(scalar $t->log_lines(qr/queue overflow/), 0, 'not a line for each');
    my @lines = $t->log_lines(qr/registry "main": pool "crypt" is full/);
    cmp_ok(scalar @lines, '>=', 1, 'the log says so');
    cmp_ok(scalar @lines, '<=', $seconds + 2, 'once a second at most');
    is(from(address(), ['alice', $password])->status, 200, 'it is over');
};

$t->finish();
