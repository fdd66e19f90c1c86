# Who gets in: challenge, tokens, Basic, anonymous; what is private looks the
# same as what is not there (DESIGN section 6 "Tokens"; distribution, "Token
# Authentication").

use warnings;
use strict;

use lib 't/lib';
use Test::More;
use Test::Registry;

use Digest::SHA qw/ hmac_sha256 /;
use JSON::PP ();
use MIME::Base64 qw/ encode_base64url decode_base64url /;

my $t = Test::Registry->new();
$t->write_conf();
$t->run();

my $host = $t->address();
my $pass = $t->password();
$t->push_image('library/pub', 'v1');
$t->push_image('secret/app', 'v1');

sub challenge {
    my ($r, $scope, $error, $what) = @_;
    is($r->status, 401, "$what: 401");
    my $expect = "Bearer realm=\"http://$host/service/token\","
        . 'service="nginx-registry"'
        . (defined $scope ? ",scope=\"$scope\"" : '')
        . (defined $error ? ",error=\"$error\"" : '');
    is($r->header('WWW-Authenticate'), $expect, "$what: challenge");
    return;
}

sub bearer { return (auth => "Bearer $_[0]") }

subtest 'challenge' => sub {
    challenge($t->get('/v2/'), undef, undef, 'ping');
    is($t->get('/v2/')->code, 'UNAUTHORIZED', 'JSON');
    is($t->get('/v2/')->header('Docker-Distribution-Api-Version'),
        'registry/2.0', 'version header');
    challenge($t->get('/v2/secret/app/manifests/v1'),
        'repository:secret/app:pull', undef, 'private pull');
    challenge($t->head('/v2/secret/app/manifests/v1'),
        'repository:secret/app:pull', undef, 'HEAD');
    challenge($t->head('/v2/library/pub/blobs/sha256:' . 'a' x 64),
        'repository:library/pub:pull', undef, 'HEAD of a public blob');
    my $anon = $t->token('repository:library/pub:pull');
    is($t->head('/v2/library/pub/blobs/sha256:' . 'a' x 64, bearer($anon))
        ->status, 404, 'which a token for nobody answers');
    challenge($t->post('/v2/library/pub/blobs/uploads/'),
        'repository:library/pub:pull,push', undef, 'push');
    challenge($t->post('/v2/library/pub/blobs/uploads/?mount=sha256:'
        . 'a' x 64 . '&from=secret/app'),
        'repository:library/pub:pull,push repository:secret/app:pull', undef,
        'mount');
    challenge($t->delete('/v2/library/pub/manifests/v1'),
        'repository:library/pub:delete', undef, 'delete');
    challenge($t->get('/v2/_catalog'), 'registry:catalog:*', undef,
        'catalogue');
};

subtest 'Basic' => sub {
    is($t->get('/v2/', auth => 'admin')->status, 200, 'right');
    is($t->get('/v2/', auth => ['admin', 'wrong'])->status, 401, 'wrong');
    is($t->get('/v2/', auth => ['nobody', $pass])->status, 401, 'unknown');
    is($t->get('/v2/', auth => ['admin', ''])->status, 401, 'empty');
    is($t->get('/v2/', auth => ['', $pass])->status, 401, 'no name');
    for my $bad ('Basic', 'Basic !!!', 'Basic ' . 'A' x 20_00, 'Digest x',
        'Basic YWRtaW4=', 'Bearer', 'Bearer ', 'Negotiate abc')
    {
        is($t->get('/v2/', auth => $bad)->status, 401, "\""
            . substr($bad, 0, 20) . '"');
    }
    is($t->get('/v2/', headers => ['Authorization' => 'Basic x',
        'Authorization' => 'Bearer y'])->status, 400, 'two headers');
    is($t->get('/v2/library/pub/manifests/v1', auth => ['admin', 'wrong'])
        ->status, 401, 'wrong credentials are no anonymous access');
};

subtest 'token service' => sub {
    my $r = $t->get('/service/token?service=nginx-registry&account=admin'
        . '&client_id=docker&offline_token=true', auth => 'admin');
    is($r->status, 200, 'login check without scope');
    my $j = $r->json();
    ok($j->{token} && $j->{token} eq $j->{access_token}, 'both names');
    cmp_ok($j->{expires_in}, '>=', 60, 'expires_in');
    like($j->{issued_at}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/,
        'issued_at');
    like($j->{refresh_token}, qr{^[\w-]{43}$}, 'a refresh token, as asked');
    is($r->header('Cache-Control'), 'no-store', 'not cached');
    is($t->get('/v2/', bearer($j->{token}))->status, 200, 'it works');

    my $anyone = $t->get('/service/token?service=nginx-registry'
        . '&scope=repository:library/pub:pull')->json()->{token};
    is($t->get('/v2/', bearer($anyone))->status, 200,
        'with the token of anybody too, as deviations.md says');

    is($t->get('/service/token?service=nginx-registry')->status, 401,
        'neither credentials nor scope');
    is($t->get('/service/token?service=other&scope=repository:a/b:pull')
        ->status, 400, 'another service');
    is($t->get('/service/token?scope=repository:library/pub:pull',
        auth => ['admin', 'wrong'])->status, 401, 'wrong password');

    my $form = sub {
        return $t->post('/service/token', body => join('&', @_), headers =>
            ['Content-Type' => 'application/x-www-form-urlencoded']);
    };
    $r = $form->('grant_type=password', 'service=nginx-registry',
        'client_id=x', 'username=admin', "password=$pass",
        'scope=repository%3Asecret%2Fapp%3Apull%2Cpush');
    is($r->status, 200, 'POST');
    is($r->json()->{scope}, 'repository:secret/app:pull,push', 'scope');
    is($t->get('/v2/secret/app/manifests/v1', bearer($r->json()
        ->{access_token}))->status, 200, 'it works');
    is($form->('grant_type=password', 'service=nginx-registry',
        'username=admin', 'password=wrong')->status, 401, 'POST, wrong');
    is($form->('grant_type=refresh_token', 'service=nginx-registry',
        'refresh_token=x')->status, 401, 'no such refresh token');
    is($t->post('/service/token', body => 'x' x 100_000, headers =>
        ['Content-Type' => 'application/x-www-form-urlencoded'])->status,
        413, 'a body that is too large');
};

sub claims {
    my (undef, $payload) = split /\./, $_[0];
    return JSON::PP::decode_json(decode_base64url($payload));
}

subtest 'scopes are cut to what the caller may do' => sub {
    my @case = (
        [undef, 'repository:library/pub:pull,push,delete', ['pull']],
        [undef, 'repository:secret/app:pull', []],
        [undef, 'repository:missing/app:pull', []],
        ['admin', 'repository:secret/app:pull,push',
            ['pull', 'push']],
        ['admin', 'repository:secret/app:pull', ['pull']],
    );
    for my $case (@case) {
        my ($who, $scope, $actions) = @$case;
        my $claims = claims($t->token($scope, $who));
        my ($access) = grep { @{ $_->{actions} } } @{ $claims->{access} };
        is_deeply($access ? [ sort @{ $access->{actions} } ] : [], $actions,
            ($who // 'anonymous') . " $scope");
    }
    my $many = claims($t->token(['repository:library/pub:pull '
        . 'repository:secret/app:pull', 'repository:secret/b:push'],
        'admin'));
    is(scalar @{ $many->{access} }, 3, 'repeated and by spaces');
    is($many->{aud}, 'nginx-registry', 'aud');
    is($many->{iss}, ($t->sql("SELECT value FROM setting
        WHERE name = 'installation_id'"))[0]{value}, 'iss');
    is($many->{sub}, 'user:1', 'sub');

    for my $bad ('x', 'repository', 'repository:', 'repository:a/b',
        'repository:a:b:c:', ':::', 'repository:a/b:*', "repository:\x01:x",
        'repository(plugin):library/pub:pull', 'other:a/b:pull')
    {
        my $r = $t->get('/service/token?service=nginx-registry&scope='
            . $t->escape($bad));
        if ($r->status == 200) {
            my $c = claims($r->json()->{token});
            ok(!(grep { grep { $_ ne 'pull' } @{ $_->{actions} } }
                @{ $c->{access} }), "$bad gives nothing more");
        } else {
            is($r->status, 400, "$bad: 400");
        }
    }
};

subtest 'what a token is good for' => sub {
    my $token = $t->token('repository:secret/app:pull', 'admin');
    is($t->get('/v2/secret/app/manifests/v1', bearer($token))->status, 200,
        'its repository');
    challenge($t->post('/v2/secret/app/blobs/uploads/', bearer($token)),
        'repository:secret/app:pull,push', 'insufficient_scope', 'push');
    challenge($t->get('/v2/secret/other/manifests/v1', bearer($token)),
        'repository:secret/other:pull', 'insufficient_scope',
        'another repository of the project');
    my $anon = $t->token('repository:library/pub:pull');
    is($t->get('/v2/library/pub/manifests/v1', bearer($anon))->status, 200,
        'anonymous');
    is($t->get('/v2/secret/app/manifests/v1', bearer($anon))->status, 401,
        'anonymous, private');
};

subtest 'forged tokens' => sub {
    my $token = $t->token('repository:secret/app:pull', 'admin');
    my ($h, $p, $s) = split /\./, $token;
    my $header = JSON::PP::decode_json(decode_base64url($h));
    my $claims = claims($token);
    is($header->{alg}, 'HS256', 'HS256');
    ok($header->{kid}, 'with a kid');
    my ($key) = $t->sql("SELECT hex(secret) AS k FROM token_key
        WHERE kid = '$header->{kid}'");
    my $secret = pack 'H*', $key->{k};
    my $make = sub {
        my ($hd, $cl, $k) = @_;
        my $text = join '.', map { encode_base64url(
            JSON::PP->new->canonical->encode($_)) } $hd, $cl;
        return "$text." . encode_base64url(hmac_sha256($text, $k));
    };
    my $try = sub {
        my ($text, $what, $status) = @_;
        my $r = $t->get('/v2/secret/app/manifests/v1', bearer($text));
        is($r->status, $status // 401, $what);
        like($r->header('WWW-Authenticate'), qr/error="invalid_token"/,
            'said so') if !defined $status;
    };
    $try->($make->($header, $claims, $secret), 'control: the real key', 200);
    $try->($make->({ %$header, alg => 'none' }, $claims, $secret), 'none');
    $try->(encode_base64url('{"alg":"none"}') . ".$p.", 'none, unsigned');
    $try->("$h.$p.", 'no signature');
    $try->("$h.$p", 'two parts');
    $try->("$h.$p.$s.x", 'four parts');
    $try->("$h.$p." . encode_base64url('x' x 32), 'another signature');
    $try->($make->({ %$header, alg => 'HS512' }, $claims, $secret), 'HS512');
    $try->($make->({ %$header, alg => 'RS256' }, $claims, $secret), 'RS256');
    $try->($make->({ %$header, kid => 'x' }, $claims, $secret), 'kid');
    $try->($make->({ %$header, kid => '../../dev/null' }, $claims, ''),
        'kid as a path');
    $try->($make->({ alg => 'HS256', jwk => { kty => 'oct', k =>
        encode_base64url('own') } }, $claims, 'own'), 'a key of its own');
    $try->($make->($header, { %$claims, iss => 'other' }, $secret), 'iss');
    $try->($make->($header, { %$claims, aud => 'other' }, $secret), 'aud');
    $try->($make->($header, { %$claims, exp => time() - 3600 }, $secret),
        'expired');
    $try->($make->($header, { %$claims, exp => 'never' }, $secret),
        'exp of another type');
    $try->($make->($header, { %$claims, iat => time() + 7200,
        nbf => time() + 7200 }, $secret), 'from the future');
    $try->($make->($header, { %$claims, sub => 'user:999' }, $secret),
        'unknown subject');
    $try->($make->($header, { %$claims, sub => 'root' }, $secret),
        'a strange subject');
    $try->('x' x 7_000, 'long');

    $t->jobrunner_ok(qw/ user passwd admin --password-file /,
        $t->dir() . '/admin-password');
    $try->($token, 'the password was set since');
};

subtest 'what is private looks like what is not there' => sub {
    my @pair = map { "/v2/$_/manifests/v1" } 'secret/app', 'nothing/app';
    my ($x, $y) = map { $t->get($_) } @pair;
    is($x->status, $y->status, 'anonymous: status');
    is($x->body =~ s/secret/X/gr, $y->body =~ s/nothing/X/gr, 'body');
    my $token = $t->token('repository:library/pub:pull');
    ($x, $y) = map { $t->get($_, bearer($token)) } @pair;
    is($x->status, $y->status, 'by token: status');
    is($x->body =~ s/secret/X/gr, $y->body =~ s/nothing/X/gr, 'body');
    ($x, $y) = map { scalar claims($t->token("repository:$_/app:pull"))
        ->{access} } qw/ secret nothing /;
    is_deeply([ map { $_->{actions} } @$x ], [ map { $_->{actions} } @$y ],
        'token');
    is($t->get('/v2/nothing/app/manifests/v1', auth => 'admin')->status, 404,
        'the administrator may know');
};

subtest 'an upload session is its owner\'s' => sub {
    my $l = $t->start_upload('library/pub');
    for my $method (qw/ GET PATCH PUT DELETE /) {
        is($t->http($method, $l)->status, 401, "$method anonymous");
    }
    is($t->get($l, auth => 'admin')->status, 204, 'untouched');
};

subtest 'public_url' => sub {
    my $p = Test::Registry->new();
    $p->write_conf(undef, extra => 'public_url https://hub.example.com;'
        . ' service hub;');
    $p->run(jobrunner => 0);
    is($p->get('/v2/')->header('WWW-Authenticate'),
        'Bearer realm="https://hub.example.com/service/token",service="hub"',
        'in the challenge');
    is(claims($p->token(undef, 'admin', service => 'hub'))->{aud}, 'hub',
        'aud is the service');
};

$t->finish();
