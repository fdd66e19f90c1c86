# pull_audit_log_disable: off by default. When it is false, who pulled which
# artifact is in the audit log, from memory of each worker, a few seconds later.

use warnings;
use strict;

use JSON::PP ();
use lib 't/lib';
use Test::More;
use Test::Registry;
use Test::Registry::API;

my $t = Test::Registry->new();
$t->write_conf();
$t->run(jobrunner => 0);
my $api = Test::Registry::API->new($t);

my $digest = $t->push_image('library/app', 'v1')->{digest};
$api->add_user('alice');
my @alice = (auth => ['alice', $Test::Registry::API::password]);
my $path = '/v2/library/app/manifests';

sub rows {
    return map { join ' ', $_->{username} || '-', $_->{resource},
        $_->{operation_description} || '-' } @{ $api->get(
        '/projects/library/auditlog-exts?page_size=100&sort=op_time&q='
        . 'operation%3Dpull%2Cresource_type%3Dartifact')->json() };
}

sub written {
    my ($reference) = @_;
    my $was = $api->get('/projects/library/repositories/app')
        ->json()->{pull_count};
    is($t->get("$path/$reference")->status, 200, "a pull of $reference");
    wait_until { $api->get('/projects/library/repositories/app')
        ->json()->{pull_count} > $was } 20, 'the counts to be written';
    return;
}

is_deeply($api->get('/configurations')->json()->{pull_audit_log_disable},
    { editable => JSON::PP::true, value => JSON::PP::true },
    'disabled at first');
written('v1');
is_deeply([rows()], [], 'and nothing in the log');

is($api->put('/configurations', { pull_audit_log_disable => 'no' })->status,
    400, 'no boolean');
is($api->put('/configurations',
    { pull_audit_log_disable => JSON::PP::false })->status, 200, 'on');
is($api->get('/configurations')->json()->{pull_audit_log_disable}{value},
    JSON::PP::false, 'it says so');

my $robot = JSON::PP::decode_json($t->jobrunner_ok(
    qw/ robot create ci --allow pull -o json /));
my $token = $t->token('repository:library/app:pull', $alice[1]);
is($t->get("$path/v1")->status, 200, 'by nobody');
is($t->get("$path/v1", @alice)->status, 200, 'by name');
is($t->get("$path/$digest", auth => "Bearer $token")->status, 200,
    'by digest, with a token');
is($t->get("$path/v1", auth => [@$robot{qw/ name secret /}])->status, 200,
    'by a robot');

is($t->http('HEAD', "$path/v1", @alice)->status, 200, 'HEAD is no pull');
is($t->get("$path/v1", @alice, headers => ['If-None-Match' => '*'])->status,
    304, 'nor what is there');
is($t->get("$path/none", @alice)->status, 404, 'nor what is not there');

my @want = ("- library/app:v1 $digest", "alice library/app:v1 $digest",
    "alice library/app\@$digest -", "robot\$ci library/app:v1 $digest");
wait_until { scalar rows() >= @want } 20, 'the rows to be written';
is_deeply([sort(rows())], [sort @want], 'a row each, and no more');

my ($row) = $t->sql("SELECT * FROM audit WHERE operation = 'pull'
    AND username = 'alice' LIMIT 1");
like($row->{actor}, qr/^user:\d+$/, 'the user');
is($row->{client}, '127.0.0.1', 'the address');
is($row->{success}, 1, 'success');
like($api->get('/auditlog-exts/events')->body, qr/"pull_artifact"/,
    'a kind of event');

subtest 'a worker that ends writes what it has' => sub {
    is($t->get("$path/v1", @alice)->status, 200, 'a pull') for 1 .. 3;
    $t->stop_nginx();
    my ($n) = $t->sql("SELECT count(*) AS n FROM audit
        WHERE operation = 'pull'");
    is($n->{n}, @want + 3, 'they are there');
    $t->start_nginx();
};

subtest 'off again' => sub {
    is($api->put('/configurations',
        { pull_audit_log_disable => JSON::PP::true })->status, 200, 'off');
    written('v1');
    is(scalar rows(), @want + 3, 'no row more');
};

$t->finish();
