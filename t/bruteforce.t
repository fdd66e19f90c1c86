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
$t->write_conf(<<'END');
%%GLOBALS%%
worker_processes  2;
events { worker_connections  256; }
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

subtest 'the fifth failure is the last that is looked at' => sub {
    is(guess('192.0.2.1', 'alice', 7), '401 401 401 401 401 429 429',
        'a user, over all workers');
    my $r = from('192.0.2.1', ['alice', $password]);
    is($r->status, 429, 'the right password waits as well');
    like($r->header('Retry-After'), qr/^[1-9]\d*$/, 'Retry-After');
    is($r->code, 'TOOMANYREQUESTS', 'an error of the specified form');

    is(from('192.0.2.2', ['alice', $password])->status, 200,
        'from another address');
    is(from('192.0.2.1', ['bob', $password])->status, 200,
        'another user of that address');
};

subtest 'a name that does not exist is no different' => sub {
    is(guess('192.0.2.1', 'nobody', 7), '401 401 401 401 401 429 429',
        'status');
};

subtest 'the same at every door' => sub {
    is(from('192.0.2.1', ['alice', $password],
        '/service/token?service=nginx-registry')->status, 429, 'token, GET');
    my $form = 'application/x-www-form-urlencoded';
    is($t->post('/service/token', body => 'grant_type=password&service='
        . "nginx-registry&username=alice&password=$password",
        headers => ['X-Real-Client' => '192.0.2.1',
            'Content-Type' => $form])->status, 429, 'token, POST');
    is($t->post('/c/login', body => "principal=alice&password=$password",
        headers => ['X-Real-Client' => '192.0.2.1',
            'Content-Type' => $form])->status, 429, 'login');
    is(from('192.0.2.1', ['alice', $password], '/api/v2.0/users/current')
        ->status, 429, 'API');
};

subtest 'it ends' => sub {
    wait_until(sub {
        from('192.0.2.1', ['alice', $password])->status == 200
    }, 30, 'the wait is over');
    is(guess('192.0.2.1', 'alice', 4), '401 401 401 401',
        'a success forgets what was before');
    is(from('192.0.2.1', ['alice', $password])->status, 200, 'in');
};

subtest 'each failure doubles the wait' => sub {
    guess('192.0.2.3', 'carol', 5);
    my @waits;
    for (1 .. 2) {
        wait_until(sub {
            from('192.0.2.3', ['carol', 'still wrong'])->status == 401
        }, 30, 'the next guess');
        push @waits, from('192.0.2.3', ['carol', 'x'])
            ->header('Retry-After');
    }
    cmp_ok($waits[1], '>', $waits[0], "@waits");
};

subtest 'it is kept over a reload, and not over a restart' => sub {
    guess('192.0.2.4', 'bob', 12);
    $t->reload();
    is(from('192.0.2.4', ['bob', $password])->status, 429, 'reload');
};

subtest 'robots' => sub {
    $t->jobrunner_ok(qw/ robot create ci /);
    is(guess('192.0.2.5', 'robot$ci', 6), '401 401 401 401 401 429', 'too');
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

subtest 'many logins at once hash once, and hold up nobody' => sub {
    my @sockets = map {
        my $s = $t->connect();
        $s->send($t->request_bytes('GET', '/v2/', auth => ['alice',
            $password], headers => ['X-Real-Client' => "192.0.2.$_"]));
        $s;
    } 20 .. 39;
    my $start = time();
    is($t->get('/healthz')->status, 200, 'the event loop is free');
    cmp_ok(time() - $start, '<', 2 * Test::Registry::scale(), 'at once');
    my %status;
    $status{ $_->response('GET')->status }++ for @sockets;
    is($status{200}, 20, 'all of them are in')
        or diag(join ' ', %status);
    my @audit = $t->sql("SELECT 1 FROM audit WHERE operation = 'login'
        AND username = 'alice' AND client BETWEEN '192.0.2.20' AND
        '192.0.2.39'");
    cmp_ok(scalar @audit, '<=', 2, 'one hash for each worker at most');
};

$t->finish();
