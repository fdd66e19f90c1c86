#!/usr/bin/perl

# remote_user: names that nginx itself has established, by client certificate
# and by auth_request, as conf/ ships them; and the variables that it refuses
# to trust.

use warnings;
use strict;

use JSON::PP ();
use MIME::Base64 qw/ decode_base64 /;
use Test::More;

use lib 't/lib';
use Test::Registry;

# --- client certificates ---------------------------------------------------

my $t = Test::Registry->new();
my $dir = $t->dir();

sub openssl {
    my $r = run_command(['openssl', @_]);
    $r->{status} == 0 or die "openssl @_: $r->{err}\n";
    return;
}

sub authority {
    my ($name) = @_;
    openssl(qw/ req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1
        -nodes -days 2 -subj /, "/CN=$name", '-keyout', "$dir/conf/$name.key",
        '-out', "$dir/conf/$name.crt");
    return;
}

# A certificate of this subject; returns curl's arguments.
my $n = 0;

sub certificate {
    my ($subject, $authority) = @_;
    my $path = "$dir/conf/client" . ++$n;
    $authority //= 'clients';
    openssl(qw/ req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes
        -utf8 -subj /, $subject, '-keyout', "$path.key", '-out', "$path.csr");
    openssl(qw/ x509 -req -days 2 -in /, "$path.csr", '-CA',
        "$dir/conf/$authority.crt", '-CAkey', "$dir/conf/$authority.key",
        '-CAcreateserial', '-out', "$path.crt");
    return ('--cert', "$path.crt", '--key', "$path.key");
}

authority('clients');
authority('others');
my $server = $t->write_file('conf/certificate.conf',
    $t->shipped_conf('registry-client-certificate.conf',
        'registry.example.com' => 'localhost'));

$t->write_conf(<<"END");
%%GLOBALS%%
worker_processes  2;
events { worker_connections  256; }
http {
    %%HTTP%%
    registry_instance main {
        %%INSTANCE%%
        user alice { }
        user ops { admin on; }
        project pay { member alice developer; }
        project other { }
    }
    include $server;
    server { listen 127.0.0.1:%%PORT_2%%; location / { return 204; } }
}
END
is($t->test_conf()->{status}, 0, 'nginx -t') or diag($t->test_conf()->{err});
$t->port(0);
$t->run();
$t->wait_log(qr/what it declares is applied/);
wait_until { IO::Socket::INET->new(PeerAddr => $t->address(0)) } 10, 'TLS';

# Returns [status, headers and body].
sub curl {
    my ($path, @args) = @_;
    my $r = run_command(['curl', '-sS', '-i', '--cacert',
        "$dir/conf/registry.crt", @args,
        'https://localhost:' . $t->port(0) . $path]);
    my ($status) = $r->{out} =~ m{^HTTP/\S+ (\d+)};
    return ($status // "none: $r->{err}", $r->{out});
}

my @alice = certificate('/O=Example/CN=alice');

subtest 'a verified certificate is a login' => sub {
    is((curl('/v2/', @alice))[0], 200, 'alice: /v2/');
    is((curl('/v2/pay/app/blobs/uploads/', @alice, '-X', 'POST'))[0], 202,
        'may push into her project');
    is((curl('/v2/other/app/blobs/uploads/', @alice, '-X', 'POST'))[0], 403,
        'and into no other');

    my $blob = 'b' x 300_000;
    my $digest = sha256($blob);
    my $file = $t->write_file('blob', $blob);
    is((curl("/v2/pay/app/blobs/uploads/?digest=$digest", @alice, '-X', 'POST',
        '--data-binary', "\@$file", '-H',
        'Content-Type: application/octet-stream'))[0], 201, 'a push');
    is((curl("/v2/pay/app/blobs/$digest", @alice, '-o', "$dir/pulled",
        '-w', ''))[0] ? sha256($t->read_file('pulled') =~ s/.*?\r\n\r\n//sr)
        : '', $digest, 'a pull');
};

subtest 'tokens' => sub {
    my ($status, $out) = curl('/service/token?service=nginx-registry'
        . '&scope=repository:pay/app:pull,push', @alice);
    is($status, 200, 'the certificate gets a token');
    my ($token) = $out =~ /"token":"([^"]+)"/;
    my $claims = JSON::PP->new->decode(decode_base64(
        (split /\./, $token)[1] =~ tr{-_}{+/}r));
    my ($user) = $t->sql(q{SELECT id FROM users WHERE name = 'alice'});
    is($claims->{sub}, "user:$user->{id}", 'for alice');
    is((curl('/v2/pay/app/tags/list', '-H', "Authorization: Bearer $token"))[0],
        200, 'good without the certificate');
    is((curl('/v2/pay/app/tags/list', @alice, '-H',
        'Authorization: Bearer x.y.z'))[0], 401,
        'a bad token is not made good by the certificate');
};

subtest 'without one' => sub {
    my ($status, $out) = curl('/v2/');
    is($status, 401, 'no certificate');
    like($out, qr/^WWW-Authenticate: Bearer /mi, 'the usual challenge');
    is((curl('/v2/', '-u', 'admin:' . $t->password()))[0], 200,
        'a password works');
    is((curl('/v2/', '-u', 'alice:'))[0], 401, "a name alone does not");
    is((curl('/v2/', '-H', 'X-User: alice', '-H', 'Remote-User: alice'))[0],
        401, 'nor does a header');
};

subtest 'who does not get in' => sub {
    is((curl('/v2/', certificate('/O=Example/CN=alice', 'others')))[0], 400,
        'a certificate of somebody else');
    is((curl('/v2/', certificate('/O=Example/CN=zoe')))[0], 401,
        'a user who is not there');
    is(scalar(() = $t->sql("SELECT 1 FROM users WHERE name = 'zoe'")), 0,
        'is not made without "create"');
    is((curl('/v2/', certificate('/CN=alice/CN=zoe')))[0], 401,
        'the last CN counts, which is the first of RFC 2253');
    is((curl('/v2/', certificate('/O=x,CN=ops/CN=zoe')))[0], 401,
        'a comma does not make another part');
    is((curl('/v2/', certificate('/O=Example/OU=x')))[0], 401, 'no CN');
    is((curl('/v2/', certificate('/CN=robot$ci')))[0], 401,
        'no robot comes this way');
    $t->sql("UPDATE users SET disabled = 1 WHERE name = 'alice';");
    is((curl('/v2/', @alice))[0], 401, 'a disabled user');
    is((curl('/service/token?service=nginx-registry', @alice))[0], 401,
        'who gets no token either');
    $t->sql("UPDATE users SET disabled = 0 WHERE name = 'alice';");
};

subtest 'administrators' => sub {
    my @ops = certificate('/CN=ops');
    is((curl('/v2/made/app/blobs/uploads/', @ops, '-X', 'POST'))[0], 202,
        'a declared one is one');
    my ($status, $out) = curl('/v2/', certificate('/CN=admin'));
    is($status, 403, 'another one is not let in');
    like($out, qr/only when nginx.conf declares it/, 'and told why');
    is((curl('/service/token?service=nginx-registry',
        certificate('/CN=admin')))[0], 403, 'nor gets a token');
};

subtest 'pages of other sites' => sub {
    my @post = ('/v2/pay/app/blobs/uploads/', @alice, '-X', 'POST');
    my $here = 'https://localhost:' . $t->port(0);
    is((curl(@post, '-H', "Origin: $here"))[0], 202, 'our own origin');
    is((curl(@post, '-H', 'Origin: https://evil.example'))[0], 403,
        'another origin');
    is((curl(@post, '-H', 'Origin: null'))[0], 403, 'null');
    is((curl(@post, '-H', 'Origin:https://localhost'))[0], 403,
        'another port');
    is((curl(@post, '-H', 'Sec-Fetch-Site: cross-site'))[0], 403,
        'Sec-Fetch-Site');
    is((curl('/v2/', @alice, '-H', 'Origin: https://evil.example'))[0], 200,
        'reading changes nothing');
};

# --- auth_request ----------------------------------------------------------

my $a = Test::Registry->new();
my $sso = $a->write_file('conf/sso.conf',
    $a->shipped_conf('registry-auth-request.conf',
        'registry.example.com' => 'localhost',
        '127.0.0.1:4180' => $a->address(1)));
my $carol = Test::Registry::basic_auth('carol', 'directory');
my $boss = Test::Registry::basic_auth('admin', 'directory');

$a->write_conf(<<"END");
%%GLOBALS%%
worker_processes  2;
events { worker_connections  256; }
http {
    %%HTTP%%
    registry_instance main {
        %%INSTANCE%%
        project pub { public on; }
    }
    include $sso;

    map \$http_authorization \$directory_user {
        "$carol"  carol;
        "$boss"   admin;
    }
    server {
        listen 127.0.0.1:%%PORT_1%%;
        location = /auth {
            if (\$directory_user = "") {
                add_header WWW-Authenticate 'Basic realm="directory"' always;
                return 401;
            }
            add_header X-User \$directory_user;
            return 204;
        }
    }
}
END
is($a->test_conf()->{status}, 0, 'nginx -t') or diag($a->test_conf()->{err});
$a->run();
$a->wait_log(qr/what it declares is applied/);

subtest 'auth_request' => sub {
    my @tls = (tls => 1, sni => 'localhost', host => $a->address(0));
    my $r = $a->get('/v2/', @tls);
    is($r->status, 401, 'nobody');
    is($r->header('WWW-Authenticate'), 'Basic realm="directory"',
        'the challenge of the directory');
    $r = $a->get('/v2/', @tls, headers => ['X-User' => 'carol']);
    is($r->status, 401, 'a header of the client is nothing');

    # At first sight, several times at once.
    my @first = map { $a->connect(tls => 1, sni => 'localhost') } 1 .. 8;
    $_->send($a->request_bytes('GET', '/v2/', @tls, auth => $carol))
        for @first;
    is_deeply([map { $_->response('GET')->status } @first], [(200) x 8],
        'carol');
    my ($user) = $a->sql(q{SELECT id, admin, disabled, password_hash,
        declared FROM users WHERE name = 'carol'});
    is($user->{admin}, 0, 'made at first sight, no administrator');
    is($user->{password_hash}, undef, 'with no password');
    is($a->get('/v2/', @tls, auth => $carol)->status, 200, 'again');
    is(scalar(() = $a->sql(q{SELECT 1 FROM users WHERE name = 'carol'})), 1,
        'and made once');
    is($a->post('/v2/pub/app/blobs/uploads/', @tls, auth => $carol)->status,
        403, 'without rights');
    is($a->get('/v2/', @tls, auth => $boss)->status, 403,
        'a directory cannot name the administrator');

    # A body passes through the auth_request.
    $a->sql("INSERT INTO member (project_id, user_id, role, created_at,
        updated_at) SELECT p.id, $user->{id}, 2, 1, 1 FROM project p
        WHERE p.name = 'pub';");
    my $blob = 'c' x 2_000_000;
    my $digest = sha256($blob);
    is($a->post("/v2/pub/app/blobs/uploads/?digest=$digest", @tls,
        auth => $carol, body => $blob)->status, 201, 'a member pushes');
    is(sha256($a->get("/v2/pub/app/blobs/$digest", @tls,
        auth => $carol)->body), $digest, 'and pulls');
};

# --- what is refused -------------------------------------------------------

subtest 'variables that clients fill' => sub {
    my $c = Test::Registry->new();
    my $try = sub {
        my ($directive, $registry) = @_;
        $c->write_conf(<<"END");
%%GLOBALS%%
events { worker_connections  64; }
http {
    %%HTTP%%
    registry_instance main { %%INSTANCE%% }
    map \$ssl_client_verify \$verified { default ""; SUCCESS x; }
    server {
        listen 127.0.0.1:%%PORT_0%%;
        location /v2/ { $registry $directive }
    }
}
END
        return $c->test_conf();
    };

    for my $name (qw/ remote_user http_x_user http_authorization arg_user
        cookie_user args query_string request_uri uri host REMOTE_USER
        Http_X ssl_client_s_dn ssl_client_cert registry_user
        ssl_server_name uid_got /)
    {
        my $r = $try->("remote_user \$$name;", 'registry main;');
        isnt($r->{status}, 0, "\$$name");
        like($r->{err}, qr/cannot trust "\$$name": .*nginx\.conf:\d/,
            'says why, and where');
    }

    is($try->('remote_user $verified;', 'registry main;')->{status}, 0,
        'a map');
    is($try->('remote_user ${verified} create;', 'registry main;')->{status},
        0, 'in braces, with create');
    for (['remote_user alice;', 'needs a variable'],
        ['remote_user $verified$http_x;', 'one variable and nothing else'],
        ['remote_user $verified make;', 'no parameter "make"'],
        ['remote_user $nothing;', 'unknown "nothing" variable'],
        ['remote_user $verified; remote_user $verified;', 'duplicate'])
    {
        my $r = $try->($_->[0], 'registry main;');
        isnt($r->{status}, 0, $_->[0]);
        like($r->{err}, qr/\Q$_->[1]\E/, 'the message');
    }
    my $r = $try->('remote_user $verified;', '');
    isnt($r->{status}, 0, 'no registry in that location');
    like($r->{err}, qr/remote_user without "registry"/, 'the message');
};

$t->finish();
