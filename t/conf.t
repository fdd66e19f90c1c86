#!/usr/bin/perl

# The files of conf/, as they are shipped: the fragment inside a site that has
# other things to do, and the whole nginx.conf with TLS, HTTP/2, limits, log.

use warnings;
use strict;

use JSON::PP ();
use Test::More;

use lib 't/lib';
use Test::Registry;

# --- the fragment, beside a site's own locations ---------------------------

my $site = Test::Registry->new();
my $instance = $site->write_file('conf/registry-instance.conf',
    $site->shipped_conf('registry-instance.conf'));
my $locations = $site->write_file('conf/registry-site.conf',
    $site->shipped_conf('registry-site.conf'));
$site->write_file('html/index.html', "the site\n");
$site->give($site->dir . '/html');

$site->write_conf(<<"END");
%%GLOBALS%%
worker_processes  2;

events {
    worker_connections  256;
}

http {
    %%HTTP%%
    include $instance;

    gzip        on;
    gzip_types  *;

    server {
        listen  127.0.0.1:%%PORT_0%%;
        root    %%DIR%%/html;

        include $locations;

        location ~ \\.php\$ {
            return 200 "php of the site\\n";
        }

        location / {
        }
    }
}
END
is($site->test_conf()->{status}, 0, 'nginx -t')
    or diag($site->test_conf()->{err});

# What to write behind a proxy stands there as comments.
my @proxy = map { ("#$_" => "$_") } 'set_real_ip_from   192.0.2.10;',
    'real_ip_header     X-Forwarded-For;', 'real_ip_recursive  on;';
$site->write_file('conf/registry-site.conf',
    $site->shipped_conf('registry-site.conf', @proxy));
is($site->test_conf()->{status}, 0, 'nginx -t, behind a proxy')
    or diag($site->test_conf()->{err});
$site->write_file('conf/registry-site.conf',
    $site->shipped_conf('registry-site.conf'));

$site->run();

is($site->get('/')->body, "the site\n", 'the site is there');
is($site->get('/a.php')->body, "php of the site\n", 'and its regex location');
is($site->get('/v2/')->status, 401, 'the registry is there');
for my $c ([], [auth => 'admin']) {
    my ($with, $without) = map { $site->get($_, @$c) } '/v2/', '/v2';
    is($without->status, $with->status, '/v2 without its slash: the same');
    is($without->header($_), $with->header($_), $_) for 'Content-Type',
        'WWW-Authenticate', 'Docker-Distribution-Api-Version';
    is($without->body, $with->body, 'body');
}

my $image = $site->push_image('library/x.php', 'v1.php');
my $r = $site->get('/v2/library/x.php/manifests/v1.php');
is($r->status, 200, 'a repository and a tag named like a script');
is($r->body, $image->{bytes}, 'the manifest');

my $big = join '', map { chr(65 + $_ % 26) x 1024 } 1 .. 3072;
my $digest = $site->push_blob('library/x.php', $big);
$r = $site->get("/v2/library/x.php/blobs/$digest",
    headers => ['Accept-Encoding' => 'gzip']);
is($r->status, 200, 'a blob above the default body limit');
is($r->header('Content-Encoding'), undef, 'a blob is never compressed');
ok($r->body eq $big, 'its bytes');

is($site->post('/', body => 'x' x (2 << 20))->status, 413,
    "the site's own body limit stays");
is($site->get('/healthz')->status, 200, 'healthz');
is($site->get('/api/version')->json()->{version}, 'v2.0',
    'the management API');
is($site->get('/api/v2.0/users/current', auth => 'admin')->json()
    ->{username}, 'admin', 'by password');
$r = $site->post('/c/login', body => 'principal=admin&password='
    . $site->password(), headers => ['Content-Type' =>
        'application/x-www-form-urlencoded']);
is($r->status, 200, 'and by a session');
is($site->get('/readyz')->status, 200, 'readyz');

# --- the whole nginx.conf --------------------------------------------------

my $t = Test::Registry->new();
$t->load_conf('nginx.conf', 'registry.example.com' => 'localhost', @proxy);
is($t->test_conf()->{status}, 0, 'nginx.conf: nginx -t, behind a proxy')
    or diag($t->test_conf()->{err});
# As shipped, but for the pace at which the limit of the token service forgets:
# here it does not within the life of this test, however slow that is.
$t->load_conf('nginx.conf', 'registry.example.com' => 'localhost',
    'rate=20r/s' => 'rate=1r/m');
is($t->test_conf()->{status}, 0, 'nginx.conf: nginx -t')
    or diag($t->test_conf()->{err});
$t->run();

my @tls = (tls => 1, sni => 'localhost',
    host => 'localhost:' . $t->port(0));

$r = $t->get('/v2/', @tls);
is($r->status, 401, 'TLS');
like($r->header('WWW-Authenticate'),
    qr{^Bearer realm="https://localhost:\d+/service/token"},
    'the challenge names https and the port');
ok($r->header('Strict-Transport-Security'), 'HSTS');
$r = $t->get('/v2/', host => 'localhost');
is($r->status, 400, 'plain HTTP to the port of TLS');
like($r->json()->{errors}[0]{message}, qr/plain HTTP request/, 'says so');

$r = $t->get('/v2/x', port => $t->port(1), host => 'localhost');
is($r->status, 308, 'plain HTTP is sent to TLS');
is($r->header('Location'), 'https://localhost/v2/x', 'with its path');

$image = $t->push_image('library/app', 'v1', @tls);
my $token = $t->token('repository:library/app:pull', 'admin', @tls);
$r = $t->get('/v2/library/app/manifests/v1', @tls,
    auth => "Bearer $token");
is($r->status, 200, 'a pull with a token');
is($r->body, $image->{bytes}, 'its bytes');
my $absent = $t->get('/v2/library/app/manifests/missing', @tls,
    auth => 'admin');
is($absent->status, 404, 'one that is not there');

# HTTP/2, both ways.
my $layer = $t->write_file('layer', 'l' x 700_000);
$digest = sha256('l' x 700_000);
my @curl = ('curl', '-sS', '--http2', '--cacert',
    $t->dir . '/conf/registry.crt', '-u', 'admin:' . $t->password());
my $base = 'https://localhost:' . $t->port(0);

$r = run_command([@curl, '-o', '/dev/null',
    '-w', '%{http_version} %{http_code}',
    '-X', 'POST', '--data-binary', "\@$layer", '-H',
    'Content-Type: application/octet-stream',
    "$base/v2/library/app/blobs/uploads/?digest=$digest"]);
is($r->{out}, '2 201', 'HTTP/2: push') or diag($r->{err});

$r = run_command([@curl, '-o', $t->dir . '/pulled', '-w',
    '%{http_version} %{http_code}', "$base/v2/library/app/blobs/$digest"]);
is($r->{out}, '2 200', 'HTTP/2: pull') or diag($r->{err});
is(sha256($t->read_file('pulled')), $digest, 'the same bytes');

# max_ranges: more of them are answered with the whole.
my $target = "/v2/library/app/blobs/$digest";
my $ranges = sub { 'bytes=' . join ',', map { "$_-$_" } 1 .. $_[0] };
is($t->get($target, @tls, auth => 'admin',
    headers => [Range => $ranges->(3)])->status, 206, 'three ranges');
is($t->get($target, @tls, auth => 'admin',
    headers => [Range => $ranges->(17)])->status, 200,
    'seventeen: the whole');

# limit_req on the token service. A wrong password is slow by itself; what is
# cheap to answer meets the limit.
my $guesser = $t->connect(@tls);
my %seen;
while (($seen{429} // 0) < 4 && ($seen{200} // 0) < 300) {
    $guesser->send('GET /service/token?service=nginx-registry'
        . "&scope=repository:library/app:pull HTTP/1.1\r\n"
        . "Host: localhost\r\n\r\n");
    my $answer = $guesser->response('GET') or die "no answer\n";
    $seen{ $answer->status }++;
}
is($seen{429}, 4, 'too many requests for tokens: 429');
# The burst is 200; the pulls before have used a few of it.
cmp_ok($seen{200}, '>', 150, 'a build farm gets its tokens');

# --- the log ---------------------------------------------------------------

# The line of a request is written after its response: wait for the last.
$t->wait_log(qr{"status":"429"}, 10, 'registry.log');
my $log = $t->read_file('logs/registry.log');
my @lines = map { eval { JSON::PP->new->utf8->decode($_) } || $_ }
    split /\n/, $log;
is(scalar(grep { !ref } @lines), 0, 'each line is JSON');

my ($pull) = grep { $_->{uri} eq '/v2/library/app/manifests/v1'
    && $_->{method} eq 'GET' } @lines;
is($pull->{project}, 'library', 'log: project');
is($pull->{repository}, 'library/app', 'log: repository');
is($pull->{reference}, 'v1', 'log: reference');
is($pull->{digest}, $image->{digest}, 'log: digest');
is($pull->{action}, 'pull', 'log: action');
is($pull->{user}, 'admin', 'log: user');
is($pull->{error}, '', 'log: no error');

my ($missing) = grep { $_->{uri} =~ /missing$/ } @lines;
is($missing->{error}, 'MANIFEST_UNKNOWN', 'log: error');
is($missing->{status}, '404', 'log: status');
is($missing->{request_id}, $absent->header('X-Request-Id'),
    'log: the id that the client was given');

my $basic = Test::Registry::basic_auth('admin', $t->password());
$basic =~ s/^Basic //;
unlike($log, qr/\Q$basic\E|\Q$token\E|\Q@{[ $t->password() ]}\E/,
    'log: no credentials');

$site->finish();
