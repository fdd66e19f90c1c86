#!/usr/bin/perl

# Tokens: keys by id and their rotation, key pairs that others can verify
# (RS256, ES256, JWKS), refresh tokens, and the attacks on all of them.

use warnings;
use strict;

use Digest::SHA qw/ hmac_sha256 /;
use JSON::PP ();
use MIME::Base64 qw/ decode_base64url encode_base64url /;
use Test::More;

use lib 't/lib';
use Test::Registry;

my $t = Test::Registry->new();
$t->write_conf();
$t->run();
$t->push_image('secret/app', 'v1');

my $target = '/v2/secret/app/manifests/v1';
my $scope = 'repository:secret/app:pull';

sub parts {
    my ($token) = @_;
    my ($head, $payload, $signature) = split /\./, $token;
    return (JSON::PP::decode_json(decode_base64url($head)),
        JSON::PP::decode_json(decode_base64url($payload)), $signature);
}

sub encode { return encode_base64url($t->json_bytes($_[0])) }

sub pull {
    my ($token) = @_;
    return $t->get($target, auth => "Bearer $token")->status;
}

sub jwks { return $t->get('/service/token/jwks')->json()->{keys} }

# The installation's HS256 keys by id.
sub secrets {
    return map { $_->{kid} => pack('H*', $_->{s}) } $t->sql(
        "SELECT kid, hex(secret) AS s FROM token_key WHERE alg = 'HS256'");
}

sub hs256 {
    my ($head, $payload, $secret) = @_;
    my $text = encode($head) . '.' . encode($payload);
    return "$text." . encode_base64url(hmac_sha256($text, $secret));
}

my $token = $t->token($scope, 'admin');
my ($head, $payload) = parts($token);

subtest 'attacks on HS256' => sub {
    my ($kid, $secret) = secrets();
    is($head->{alg}, 'HS256', 'algorithm');
    is($head->{kid}, $kid, 'key id');
    is(pull($token), 200, 'a good one');
    is(pull(hs256($head, $payload, $secret)), 200, 'the test signs as we do');

    my ($h, $p, $s) = split /\./, $token;
    my %bad = (
        'alg none' => encode({ alg => 'none', typ => 'JWT' }) . ".$p.",
        'alg None, kid' => encode({ %$head, alg => 'None' }) . ".$p.$s",
        'no signature' => "$h.$p.",
        'cut signature' => "$h.$p." . substr($s, 0, 40),
        'four parts' => "$token.$s",
        'kid of a file' => hs256({ %$head, kid => '/dev/null' }, $payload, ''),
        'kid of SQL' => hs256({ %$head, kid => "' OR 1=1 --" }, $payload, ''),
        'kid missing' => hs256({ alg => 'HS256' }, $payload, $secret),
        'crit' => hs256({ %$head, crit => ['exp'] }, $payload, $secret),
        'another secret' => hs256($head, $payload, 'x' x 32),
        'another issuer' => hs256($head,
            { %$payload, iss => 'other' }, $secret),
        'another audience' => hs256($head,
            { %$payload, aud => 'other' }, $secret),
        'a list of audiences' => hs256($head,
            { %$payload, aud => ['nginx-registry'] }, $secret),
        'expired' => hs256($head,
            { %$payload, exp => time() - 120 }, $secret),
        'not yet' => hs256($head,
            { %$payload, nbf => time() + 600 }, $secret),
        'another epoch' => hs256($head,
            { %$payload, epoch => $payload->{epoch} - 1 }, $secret),
        'another user' => hs256($head, { %$payload, sub => 'user:99' },
            $secret),
        'no subject of ours' => hs256($head, { %$payload, sub => 'admin' },
            $secret),
        'jwk' => hs256({ %$head, kid => 'mine', jwk => { kty => 'oct',
            k => encode_base64url('y' x 32) } }, $payload, 'y' x 32),
    );
    is(pull($bad{$_}), 401, $_) for sort keys %bad;
    is(pull(hs256($head, { %$payload, access => [{ type => 'repository',
        name => 'other/app', actions => ['pull'] }] }, $secret)), 401,
        'of another repository');
};

subtest 'rotation by id' => sub {
    is_deeply(jwks(), [], 'no public keys with HS256');
    $t->jobrunner_ok(qw/ key rotate /);
    $t->reload();
    my $new = $t->token($scope, 'admin');
    my ($new_head) = parts($new);
    isnt($new_head->{kid}, $head->{kid}, 'a new key signs');
    is(pull($new), 200, 'its tokens');
    is(pull($token), 200, 'tokens of before');

    my %secret = secrets();
    is(pull(hs256({ %$head, kid => $new_head->{kid} }, $payload,
        $secret{ $head->{kid} })), 401, 'the secret of another id');

    $t->jobrunner_ok(qw/ key delete /, $head->{kid});
    $t->reload();
    is(pull($new), 200, 'the new');
    is(pull($token), 401, 'the deleted');
    is($t->jobrunner(qw/ key delete /, $new_head->{kid})->{status}, 5,
        'the last one stays');
};

sub openssl {
    my $r = run_command(['openssl', @_]);
    $r->{status} == 0 or die "openssl @_: $r->{err}\n";
    return $r->{out};
}

my %pair = (
    RS256 => [qw/ RSA -pkeyopt rsa_keygen_bits:2048 /],
    ES256 => [qw/ EC -pkeyopt ec_paramgen_curve:P-256 /],
);
my %kid;

for my $alg (sort keys %pair) {
    my $path = $t->dir() . "/$alg.pem";
    subtest $alg => sub {
        openssl(qw/ genpkey -algorithm /, @{ $pair{$alg} }, '-out', $path);
        $t->stop_nginx();
        $t->write_conf(undef, extra => "token_key $path;");
        $t->start_nginx();

        my $signed = $t->token($scope, 'admin');
        my ($h, $p) = parts($signed);
        is($h->{alg}, $alg, 'algorithm');
        is(pull($signed), 200, 'good') for 1 .. 3;

        my ($key) = grep { $_->{kid} eq $h->{kid} } @{ jwks() };
        is($key->{alg}, $alg, 'its public key is shown');
        is($key->{use}, 'sig', 'use');
        is_deeply([grep { exists $key->{$_} } qw/ d p q dp dq qi /], [],
            'nothing private');
        my %members = $alg eq 'RS256' ? map { $_ => $key->{$_} } qw/ e kty n /
            : map { $_ => $key->{$_} } qw/ crv kty x y /;
        is($h->{kid}, encode_base64url(Digest::SHA::sha256(
            $t->json_bytes(\%members))),
            'the id is the thumbprint (RFC 7638)');

        # What another registry would do, with openssl.
        openssl('pkey', '-in', $path, '-pubout', '-out', "$path.pub");
        my ($text, $signature) = $signed =~ /^(.*)\.([^.]+)$/;
        my $bytes = decode_base64url($signature);
        if ($alg eq 'ES256') {
            is(length $bytes, 64, 'r and s side by side');
            my $der = join '', map {
                my $n = s/^\0+(?=.)//sr;
                $n = "\0$n" if ord($n) > 127;
                pack('CC', 2, length $n) . $n;
            } unpack 'a32 a32', $bytes;
            $bytes = pack('CC', 0x30, length $der) . $der;
        }
        $t->write_file("$alg.sig", $bytes);
        $t->write_file("$alg.txt", $text);
        like(openssl(qw/ dgst -sha256 -verify /, "$path.pub", '-signature',
            $t->dir() . "/$alg.sig", $t->dir() . "/$alg.txt"),
            qr/Verified OK/, 'openssl verifies it');

        my $pem = $t->read_file("$alg.pem.pub");
        my $der = decode_base64url(encode_base64url(
            MIME::Base64::decode_base64($pem =~ s/-----[^-]+-----//gr)));
        my %bad = (
            'HS256 with the public key in PEM' =>
                hs256({ %$h, alg => 'HS256' }, $p, $pem),
            'HS256 with the public key in DER' =>
                hs256({ %$h, alg => 'HS256' }, $p, $der),
            'HMAC with the public key under the real header' =>
                "$text." . encode_base64url(hmac_sha256($text, $der)),
            'alg none' => encode({ %$h, alg => 'none' }) . '.'
                . encode($p) . '.',
            'another payload' => do {
                my ($x, undef, $z) = split /\./, $signed;
                "$x." . encode({ %$p, sub => 'user:2' }) . ".$z";
            },
            'the signature cut' => substr($signed, 0, -4),
            'a jwk of its own' => do {
                my ($x, $y, $z) = split /\./, $signed;
                encode({ %$h, kid => 'mine', jwk => $key }) . ".$y.$z";
            },
            'all zero' => "$text." . encode_base64url("\0" x 64),
        );
        is(pull($bad{$_}), 401, $_) for sort keys %bad;
        $kid{$alg} = [$h->{kid}, $signed];
    };
}

subtest 'a key pair that is not configured any more' => sub {
    is(pull($kid{ES256}[1]), 200, 'verifies while another signs');
    is(scalar @{ jwks() }, 2, 'and its public key is shown');
    $t->jobrunner_ok(qw/ key delete /, $kid{ES256}[0]);
    $t->reload();
    is(pull($kid{ES256}[1]), 401, 'until it is deleted');
    is(pull($kid{RS256}[1]), 200, 'the other stays');
};

# By the user itself, by an administrator, and by the command line.
sub revoking {
    my ($login, $grant) = @_;
    my @alice = ('alice', 'Another1horse');
    my $path = '/api/v2.0/x/users/2/refresh-tokens';
    my $list = sub { return $t->get($path, auth => \@alice)->json() };
    my $audited = sub {
        my ($row) = $t->sql("SELECT count(*) AS n FROM audit WHERE
            operation = 'delete' AND resource_type = 'refresh_token'
            AND resource = 'user:2' AND username = '$_[0]'");
        return $row->{n};
    };
    is_deeply($list->(), [], 'void ones are not listed');

    my @token = map { $login->($alice[1]) } 1 .. 4;
    is($grant->($token[0])->status, 200, 'the first is used');
    my $rows = $list->();
    is(scalar @$rows, 4, 'listed');
    is($rows->[0]{client_id}, 'test', 'the client');
    like($rows->[0]{$_}, qr/^\d{4}-\d\d-\d\dT/, $_)
        for qw/ creation_time last_used_time expiration_time /;
    is($rows->[1]{last_used_time}, undef, 'not used yet');
    unlike($t->get($path, auth => \@alice)->body,
        qr/\Q$token[0]\E|hash/, 'without the token');

    is($t->delete("$path/$rows->[0]{id}", auth => \@alice)->status, 200,
        'the user ends one');
    is($grant->($token[0])->status, 401, 'which is void');
    is($grant->($token[1])->status, 200, 'the others are not');
    is($t->delete("$path/$rows->[0]{id}", auth => \@alice)->status, 404,
        'it is gone');
    is($audited->('alice'), 1, 'in the audit log');
    is($t->delete("$path/$rows->[1]{id}", auth => 'admin')->status, 200,
        'an administrator does so too');
    is($grant->($token[1])->status, 401, 'void');

    $t->jobrunner_ok(qw/ user create mallory --password-stdin /,
        { input => "Mallory1horse\n" });
    my @mallory = ('mallory', 'Mallory1horse');
    is($t->get($path, auth => \@mallory)->status, 403, 'no other user sees');
    is($t->delete($path, auth => \@mallory)->status, 403, 'or ends them');
    my ($m) = $t->sql("SELECT id FROM users WHERE name = 'mallory'");
    is($t->delete("/api/v2.0/x/users/$m->{id}/refresh-tokens/$rows->[2]{id}",
        auth => \@mallory)->status, 404, 'nor as one of its own');
    is($t->get($path)->status, 401, 'nobody needs ask');
    is($t->get('/api/v2.0/x/users/999/refresh-tokens', auth => 'admin')
        ->status, 404, 'no such user');
    is($grant->($token[2])->status, 200, 'so it is good');

    is($t->jobrunner_ok(qw/ user tokens alice -o name /),
        "$rows->[2]{id}\n$rows->[3]{id}\n", 'jobrunner user tokens');
    is($t->jobrunner_ok(qw/ user tokens alice -o name --revoke /,
        $rows->[2]{id}), "$rows->[3]{id}\n", '--revoke ID');
    is($grant->($token[2])->status, 401, 'void');
    is($t->jobrunner(qw/ user tokens alice --revoke /, $rows->[2]{id})
        ->{status}, 3, 'it is gone');
    is($t->jobrunner(qw/ user tokens alice --revoke x /)->{status}, 2,
        'no number');
    is($t->jobrunner(qw/ user tokens nobody /)->{status}, 3, 'no such user');
    is($t->jobrunner_ok(qw/ user tokens alice -o name --revoke all /), '',
        '--revoke all');
    is($grant->($token[3])->status, 401, 'void');
    is($audited->('cli'), 2, 'in the audit log');
    $t->jobrunner_ok(qw/ user tokens alice --revoke all /);

    my $last = $login->($alice[1]);
    is($t->delete($path, auth => \@alice)->status, 200, 'all by the API');
    is($grant->($last)->status, 401, 'void');
    is($t->delete($path, auth => \@alice)->status, 200, 'again, with none');
    return;
}

subtest 'refresh tokens' => sub {
    my $password = 'Correct1horse';
    $t->jobrunner_ok(qw/ user create alice --password-stdin /,
        { input => "$password\n" });
    $t->jobrunner_ok(qw/ member add secret alice guest /);
    my $login = sub {
        return $t->get('/service/token?service=nginx-registry&client_id=test'
            . '&offline_token=true', auth => ['alice', $_[0] // $password])
            ->json()->{refresh_token};
    };
    my $grant = sub {
        return $t->post('/service/token', body => join('&',
            'grant_type=refresh_token', 'service=nginx-registry',
            'client_id=test', 'refresh_token=' . $_[0],
            'scope=' . $t->escape($_[1] // "$scope,push,delete")),
            headers => ['Content-Type' =>
                'application/x-www-form-urlencoded']);
    };

    my $refresh = $login->();
    like($refresh, qr/^[\w-]{43}$/, 'one is given');
    my $r = $grant->($refresh);
    is($r->status, 200, 'grant');
    is($r->json()->{scope}, $scope, 'no more than the user may');
    my $access = $r->json()->{access_token};
    is(pull($access), 200, 'the token');
    is(pull($refresh), 401, 'a refresh token is no token');
    is($grant->($access)->status, 401, 'nor the reverse');
    is($grant->('A' x 43)->status, 401, 'a guess');
    is($t->get('/v2/', auth => ['alice', $refresh])->status, 401,
        'nor a password');

    my ($row) = $t->sql("SELECT count(*) AS n, max(length(hash)) AS l
        FROM refresh_token WHERE subject = 'user:2'");
    is("$row->{n} $row->{l}", '1 32', 'its SHA-256 is stored');

    $t->jobrunner_ok(qw/ member remove secret alice /);
    is($grant->($refresh)->json()->{scope}, '', 'no member: nothing');
    is(pull($access), 401, 'the token of before');
    $t->jobrunner_ok(qw/ member add secret alice guest /);

    $t->sql("UPDATE refresh_token SET expires_at = 1");
    is($grant->($refresh)->status, 401, 'ended');
    like($t->jobrunner_ok(qw/ job run audit-purge /),
        qr/"refresh_tokens":1/, 'and cleared away');

    $refresh = $login->();
    $t->jobrunner_ok(qw/ user disable alice /);
    is($grant->($refresh)->status, 401, 'disabled');
    $t->jobrunner_ok(qw/ user enable alice /);
    is($grant->($refresh)->status, 401, 'for good');

    $refresh = $login->();
    is($grant->($refresh)->status, 200, 'a new one');
    $t->jobrunner_ok(qw/ user passwd alice --password-stdin /,
        { input => "Another1horse\n" });
    is($grant->($refresh)->status, 401, 'another password');

    revoking($login, $grant);

    $refresh = $login->('Another1horse');
    $t->jobrunner_ok(qw/ user delete alice /);
    is($grant->($refresh)->status, 401, 'deleted');
};

$t->finish();
