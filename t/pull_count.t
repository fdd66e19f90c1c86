# pull_count of repositories, pull_time of artifacts and tags: counted in memory
# of each worker, written every few seconds and when a worker ends.

use warnings;
use strict;

use lib 't/lib';
use Test::More;
use Test::Registry;
use Test::Registry::API;

my $t = Test::Registry->new();
$t->write_conf();
$t->run(jobrunner => 0);
my $api = Test::Registry::API->new($t);

$t->push_image('library/app', $_) for qw/ v1 v2 /;
my $base = '/projects/library/repositories/app';
my $never = '0001-01-01T00:00:00.000Z';

sub pulls { return $api->get($base)->json()->{pull_count} }

sub artifact {
    my ($tag) = @_;
    my $a = $api->get("$base/artifacts/$tag")->json();
    return ($a->{pull_time}, $a->{tags}[0]{pull_time});
}

sub pull {
    my ($reference, %opt) = @_;
    my $method = delete $opt{method} // 'GET';
    return $t->http($method, "/v2/library/app/manifests/$reference", %opt)
        ->status;
}

is(pulls(), 0, 'not pulled yet');
is_deeply([artifact('v1')], [$never, $never], 'never');

# A new connection each: both workers count.
is(pull('v1'), 200, 'a pull') for 1 .. 20;
is(pull('v2', auth => 'admin'), 200, 'of another, with a name') for 1 .. 3;
my ($v2) = map { $_->{digest} }
    $api->get("$base/artifacts/v2")->json();
is(pull($v2), 200, 'by digest');

is(pull('v1', method => 'HEAD'), 200, 'HEAD is no pull');
is(pull('v1', headers => ['If-None-Match' => '*']), 304, 'nor what is there');
is(pull('none'), 404, 'nor what is not there');
is(pull('v1', headers => ['User-Agent' => 'harbor-registry-client']), 200,
    'nor a copy by another registry');
my $robot = $t->jobrunner_ok(qw/ robot create mirror --allow pull
    --replication -o json /);
is(pull('v1', auth => [ 'robot$mirror', JSON::PP::decode_json($robot)
    ->{secret} ]), 200, 'or by a robot of replication');

wait_until { pulls() == 24 } 20, 'the counts to be written';
is(pulls(), 24, 'all, and no more');

my ($time, $tag_time) = artifact('v1');
cmp_ok($time, 'gt', '2020', 'a time');
is($time, $tag_time, 'of the tag too');
($time, $tag_time) = artifact('v2');
cmp_ok($tag_time, 'gt', '2020', 'of the other');
cmp_ok($time, 'gt', $tag_time, 'a pull by digest is none of the tag');

subtest 'a worker that ends writes what it has' => sub {
    is(pull('v1'), 200, 'a pull') for 1 .. 10;
    $t->stop_nginx();
    my ($row) = $t->sql('SELECT pull_count AS n FROM repository');
    is($row->{n}, 34, 'they count');
    $t->start_nginx();
};


$t->finish();
