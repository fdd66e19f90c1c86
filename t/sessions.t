#!/usr/bin/perl

# The portal's session: cookie, CSRF token, renewal, logout, and what ends it.

use warnings;
use strict;

use MIME::Base64 qw/ decode_base64url encode_base64url /;
use Test::More;

use lib 't/lib';
use Test::Registry;
use Test::Registry::API;

my $t = Test::Registry->new();
$t->write_conf();
$t->run();
my $api = Test::Registry::API->new($t);

my $password = 'Correct1horse';
$t->jobrunner_ok(qw/ user create alice --password-stdin /,
    { input => "$password\n" });

sub login {
    my ($name, $secret, @headers) = @_;
    return $api->request('POST', '/c/login', undef, as => undef, raw =>
        'principal=' . $t->escape($name) . '&password=' . $t->escape($secret),
        headers => ['Content-Type' => 'application/x-www-form-urlencoded',
            @headers]);
}

sub cookie {
    my ($r) = @_;
    my ($value) = ($r->header('Set-Cookie') // '') =~ /^sid=([^;]*)/;
    return $value;
}

# Who the API thinks it is speaking with.
sub who {
    my ($cookie, @headers) = @_;
    my $r = $t->get('/api/v2.0/users/current',
        headers => [Cookie => "a=b; sid=$cookie; c=d", @headers]);
    return $r->status == 200 ? $r->json()->{username} : $r->status;
}

# A change that needs the CSRF token.
sub change {
    my ($cookie, @headers) = @_;
    return $t->post('/api/v2.0/projects', body =>
        $t->json_bytes({ project_name => 'p' . time() . int rand 1e9 }),
        headers => [Cookie => "sid=$cookie",
            'Content-Type' => 'application/json', @headers]);
}

my $r = login('admin', $t->password());
my $sid = cookie($r);
my $csrf = $r->header('X-Harbor-CSRF-Token');

subtest 'login' => sub {
    is($r->status, 200, 'status');
    my $set = $r->header('Set-Cookie');
    like($set, qr/; HttpOnly(?:;|$)/, 'HttpOnly');
    like($set, qr/; SameSite=Lax(?:;|$)/, 'SameSite');
    like($set, qr{; Path=/(?:;|$)}, 'Path');
    unlike($set, qr/Secure/, 'not Secure without TLS');
    is($r->header('Cache-Control'), 'no-store', 'not cached');
    like($csrf, qr/^[\w-]{43}$/, 'a CSRF token');

    is(login('admin', 'wrong')->status, 401, 'a wrong password');
    is(login('admin', 'wrong')->header('Set-Cookie'), undef, 'no cookie');
    is(login('nobody', 'wrong')->status, 401, 'no such user');
    is($t->post('/c/login', body => 'principal=admin', headers =>
        ['Content-Type' => 'application/x-www-form-urlencoded'])->status, 401,
        'no password');
    is($t->post('/c/login', body => '{}')->status, 400, 'no form');
    is($t->get('/c/login')->status, 405, 'GET');
    is(login('admin', $t->password(), Origin => 'http://evil.example')
        ->status, 403, 'from a page of another site');
    is(login('admin', $t->password(), Origin => 'http://' . $t->address())
        ->status, 200, 'from a page of this site');
};

# Below /c/ answers look as below /api/; each answer anywhere names its request.
subtest 'the form of answers' => sub {
    my @form = ('Content-Type' => 'application/x-www-form-urlencoded');
    my %answers = (
        '401' => login('admin', 'wrong'),
        '403' => login('admin', $t->password(), Origin => 'http://a.example'),
        '400, userExists' => $t->post('/c/userExists', headers => \@form,
            auth => 'admin', body => 'target=id&value=1'),
        '401, userExists' => $t->post('/c/userExists', headers => \@form,
            auth => ['alice', 'wrong'], body => 'target=username&value=a'),
        '412, userExists' => $t->post('/c/userExists', headers => \@form,
            body => 'target=username&value=alice'),
        '404' => $t->get('/c/other'),
        '405' => $t->get('/c/login'),
    );
    for my $what (sort keys %answers) {
        my $answer = $answers{$what};
        is($answer->status, $what =~ s/,.*//r, "$what: status");
        is($answer->header('Content-Type'), 'application/json; charset=utf-8',
            "$what: type");
        is_deeply([ sort keys %{ $answer->json()->{errors}[0] } ],
            [qw/ code message /], "$what: as Harbor writes it")
            or diag($answer->body);
    }
    is($answers{'400, userExists'}->code, 'BAD_REQUEST', 'code of 400');
    is($answers{404}->code, 'NOT_FOUND', 'code of 404');
    is($answers{405}->code, 'METHOD_NOT_ALLOWED', 'code of 405');

    for my $target (qw{ /c/login /c/log_out /v2/ /v2/library/a/manifests/x
        /v2/_other /service/token /readyz /healthz /metrics /api/version })
    {
        my ($first, $second) = map { $t->get($target)
            ->header('X-Request-Id') } 1, 2;
        like($first, qr/^[0-9a-f-]{36}$/, "$target: an id");
        isnt($first, $second, 'another one each time');
        is($t->get($target, headers => ['X-Request-Id' => 'abc-1'])
            ->header('X-Request-Id'), 'abc-1', 'or that of the client');
    }
    like($t->get('/v2/', headers => ['X-Request-Id' => 'a b'])
        ->header('X-Request-Id'), qr/^[0-9a-f-]{36}$/, 'if it is a word');
};

subtest 'where it counts' => sub {
    is(who($sid), 'admin', 'in the API');
    is($t->get('/v2/', headers => [Cookie => "sid=$sid"])->status, 401,
        'not on /v2/');
    is($t->get('/service/token?service=nginx-registry',
        headers => [Cookie => "sid=$sid"])->status, 401,
        'not at the token service');
    is($t->get('/api/v2.0/users/current')->status, 401, 'without a cookie');
    is($t->get('/api/v2.0/users/current', auth => ['alice', $password],
        headers => [Cookie => "sid=$sid"])->json()->{username}, 'alice',
        'a password comes first');
};

subtest 'CSRF' => sub {
    $r = $t->get('/api/v2.0/users/current',
        headers => [Cookie => "sid=$sid"]);
    is($r->header('X-Harbor-CSRF-Token'), $csrf, 'each answer has the token');
    $r = change($sid);
    is($r->status, 403, 'a change without it');
    is($r->header('X-Harbor-CSRF-Token'), $csrf, 'and gets it');
    is(change($sid, 'X-Harbor-CSRF-Token', 'x' x 43)->status, 403, 'a wrong');
    my $other = login('alice', $password)->header('X-Harbor-CSRF-Token');
    is(change($sid, 'X-Harbor-CSRF-Token', $other)->status, 403,
        'that of another session');
    is(change($sid, 'X-Harbor-CSRF-Token', $csrf)->status, 201, 'the right');
    is($t->post('/api/v2.0/projects', auth => 'admin',
        body => '{"project_name":"basic"}')->status, 201,
        'a password needs none');
    for (['PUT', 'users/1'], ['PUT', 'users/1/password'],
        ['DELETE', 'users/99'], ['PATCH', 'robots/99'],
        ['DELETE', 'projects/library'])
    {
        my ($method, $path) = @$_;
        my $r = $t->http($method, "/api/v2.0/$path", body => '{}',
            headers => [Cookie => "sid=$sid"]);
        is($r->status, 403, "$method $path");
        like($r->body, qr/CSRF/, 'for want of the token');
    }
};

subtest 'forged cookies' => sub {
    my ($payload, $mac) = split /\./, $sid;
    my $text = decode_base64url($payload);
    like($text, qr/^s1:1:/, 'the payload is no secret');
    (my $alice = $text) =~ s/^s1:1:/s1:2:/;
    for my $bad (encode_base64url($alice) . ".$mac", "$payload.", $payload,
        '', '.', "$payload.$mac.$mac", "$payload." . 'A' x 43, 'x' x 4000,
        "$payload.$mac=")
    {
        is(who($bad), 401, substr($bad, 0, 30) || 'empty');
    }
    my $token = $t->token('registry:catalog:*', 'admin');
    is(who($token), 401, 'a token is no session');
    is($t->get('/v2/', auth => "Bearer $sid")->status, 401,
        'a session is no token');
};

# The same session at another time: nothing but the time is changed, and the
# MAC is made with the installation's key.
sub aged {
    my ($issued, $seen) = @_;
    my ($row) = $t->sql('SELECT hex(secret) AS s FROM token_key');
    require Digest::SHA;
    my $key = Digest::SHA::hmac_sha256('portal session',
        pack('H*', $row->{s}));
    my @parts = split /:/, decode_base64url((split /\./, $sid)[0]);
    $parts[3] = time() - $issued;
    $parts[4] = time() - $seen;
    my $payload = encode_base64url(join ':', @parts);
    return "$payload." . encode_base64url(
        Digest::SHA::hmac_sha256($payload, $key));
}

subtest 'time' => sub {
    is(who(aged(0, 0)), 'admin', 'the test makes cookies as we do');
    is(who(aged(3500, 3500)), 'admin', 'almost an hour idle');
    is(who(aged(3700, 3700)), 401, 'over an hour');
    is(who(aged(90_000, 10)), 401, 'over a day, however busy');
    is(who(aged(0, -3600)), 401, 'of the future');

    my $get = sub {
        return $t->get('/api/v2.0/users/current',
            headers => [Cookie => "sid=$_[0]", @_[1 .. $#_]]);
    };
    is(cookie($get->(aged(10, 10))), undef, 'a young cookie is kept');
    my $new = cookie($get->(aged(1000, 1000)));
    is(who($new), 'admin', 'an older one is made anew');
    is(cookie($get->(aged(1000, 1000), 'X-Harbor-No-Session-Renewal', 'true')),
        undef, 'not for polling');
};

subtest 'what ends it' => sub {
    my $alice = cookie(login('alice', $password));
    is(who($alice), 'alice', 'in');
    $r = $api->get('/c/log_out', as => undef,
        headers => [Cookie => "sid=$alice"]);
    is($r->status, 200, 'log out');
    like($r->header('Set-Cookie'), qr/^sid=;.*Max-Age=0/, 'forgotten');

    is(who($alice), 'alice', 'still signed');
    $t->jobrunner_ok(qw/ user passwd alice --password-stdin /,
        { input => "Another1horse\n" });
    is(who($alice), 401, 'another password');

    $alice = cookie(login('alice', 'Another1horse'));
    is(who($alice), 'alice', 'in again');
    $t->jobrunner_ok(qw/ user disable alice /);
    is(who($alice), 401, 'disabled');
    is(login('alice', 'Another1horse')->status, 401, 'no login');
    $t->jobrunner_ok(qw/ user enable alice /);
    is(who($alice), 401, 'enabled: that session is over');
};

# What no login is needed for, asked with a cookie that is good for nothing:
# answered as to nobody, and the browser forgets the cookie.
sub as_nobody {
    my ($name, $cookie) = @_;
    for my $path (qw{ systeminfo projects projects/library
        projects/library/repositories projects/library/summary search?q=lib })
    {
        my $got = $t->get("/api/v2.0/$path",
            headers => [Cookie => "sid=$cookie"]);
        my $want = $t->get("/api/v2.0/$path");
        is($got->status, $want->status, "$name: $path");
        is($got->body, $want->body, "$name: as anybody sees it");
        like($got->header('Set-Cookie'), qr/^sid=;.*Max-Age=0/,
            "$name: the cookie is forgotten");
        is($got->header('X-Harbor-CSRF-Token'), undef, "$name: no token");
    }
    my $login = $t->get('/api/v2.0/users/current',
        headers => [Cookie => "sid=$cookie"]);
    is($login->status, 401, "$name: where a login is needed");
    like($login->header('Set-Cookie'), qr/^sid=;.*Max-Age=0/,
        "$name: the cookie is forgotten there too");
    is($t->get('/api/v2.0/users/current', auth => ['alice', 'Third1horse'],
        headers => [Cookie => "sid=$cookie"])->status, 200,
        "$name: a password beside it counts");
    return;
}

subtest 'a cookie that is good for nothing' => sub {
    $t->jobrunner_ok(qw/ user passwd alice --password-stdin /,
        { input => "Second1horse\n" });
    my $old = cookie(login('alice', 'Second1horse'));
    is(who($old), 'alice', 'good at first');
    $t->jobrunner_ok(qw/ user passwd alice --password-stdin /,
        { input => "Third1horse\n" });
    as_nobody('another password', $old);
    as_nobody('forged', 'x' x 40);
    as_nobody('expired', aged(3700, 3700));
    my $new = cookie(login('alice', 'Third1horse'));
    is(who($new), 'alice', 'a good one stays');
    is($t->get('/api/v2.0/systeminfo', headers => [Cookie => "sid=$new"])
        ->header('Set-Cookie'), undef, 'and is not taken back');
    $t->jobrunner_ok(qw/ user disable alice /);
    is($t->get('/api/v2.0/systeminfo', headers => [Cookie => "sid=$new"])
        ->status, 200, 'that of a disabled user is one of nobody');
    $t->jobrunner_ok(qw/ user enable alice /);
};

subtest 'no window of the browser' => sub {
    my $challenge = sub {
        my ($path, @headers) = @_;
        my $r = $t->get($path, headers => \@headers);
        is($r->status, 401, "401: @headers[0 .. 0]") if @headers;
        return $r->header('WWW-Authenticate');
    };
    my $path = '/api/v2.0/users/current';
    my $basic = qr/^Basic realm=/;
    like($challenge->($path), $basic, 'curl is asked for a password');
    like($challenge->($path, 'Sec-Fetch-Mode' => 'navigate'), $basic,
        'so is who types the address');
    is($challenge->($path, Cookie => 'sid=x'), undef, 'not with a cookie');
    is($challenge->($path, 'Sec-Fetch-Mode' => 'cors'), undef, 'not fetch()');
    is($challenge->($path, 'X-Requested-With' => 'XMLHttpRequest'), undef,
        'nor an XMLHttpRequest');
    like($challenge->($path, Cookie => 'other=x'), $basic,
        'a cookie that is not ours is none');
    is(login('alice', 'wrong', 'Sec-Fetch-Mode' => 'same-origin')
        ->header('WWW-Authenticate'), undef, 'nor the form of the portal');
    for my $v2 ('/v2/', '/service/token?service=nginx-registry') {
        isnt($challenge->($v2, Cookie => 'sid=x'), undef, "$v2 always asks");
    }
};

subtest 'robots have none' => sub {
    my $made = JSON::PP::decode_json($t->jobrunner_ok(qw/ robot create x
        -o json /));
    is(login(@$made{qw/ name secret /})->status, 401, 'login');
};

subtest 'the audit log' => sub {
    my ($row) = $t->sql("SELECT count(*) AS n FROM audit WHERE
        operation = 'login' AND username = 'admin' AND success = 1
        AND client = '127.0.0.1'");
    cmp_ok($row->{n}, '>', 0, 'logins');
    ($row) = $t->sql("SELECT count(*) AS n FROM audit WHERE
        operation = 'login' AND username = 'nobody' AND success = 0");
    is($row->{n}, 1, 'failures');

    my $logouts = sub {
        return $t->sql("SELECT actor, username, client, resource_type,
            resource, success FROM audit WHERE operation = 'logout'
            AND id > $_[0] ORDER BY id");
    };
    ($row) = $t->sql('SELECT max(id) AS id FROM audit');
    my $alice = cookie(login('alice', 'Third1horse'));
    $t->get('/c/log_out', headers => [Cookie => "sid=$alice"]);
    my ($user) = $t->sql("SELECT id FROM users WHERE name = 'alice'");
    is_deeply([$logouts->($row->{id})], [{ actor => "user:$user->{id}",
        username => 'alice', client => '127.0.0.1', resource_type => 'user',
        resource => 'alice', success => 1 }], 'a logout');
    ($row) = $t->sql('SELECT max(id) AS id FROM audit');
    for my $bad (undef, '', 'x', aged(3700, 3700)) {
        is($t->get('/c/log_out', headers => [defined $bad
            ? (Cookie => "sid=$bad") : ()])->status, 200, 'of nobody: 200');
    }
    is(scalar(() = $logouts->($row->{id})), 0, 'and no row');
    ($row) = $t->sql("SELECT count(*) AS n FROM audit WHERE
        description LIKE '%horse%' OR resource LIKE '%horse%'");
    is($row->{n}, 0, 'never a password');
};

# --- TLS -------------------------------------------------------------------

subtest 'behind TLS the cookie is Secure' => sub {
    $t->stop_nginx();
    $t->write_conf(undef, extra => 'public_url https://hub.example.com;');
    $t->start_nginx();
    $r = login('admin', $t->password());
    like($r->header('Set-Cookie'), qr/; Secure(?:;|$)/, 'Secure');
    is(who($sid), 'admin', 'and sessions outlive a restart');
};

$t->finish();
