# jobrunner -o json: the objects of the management API, so that a script may
# move between the two. Each member that the API shows is there with the same
# value, but for what is about the caller.

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

$api->add_user('alice');
$api->put('/users/2', { email => 'alice@example.com', realname => 'Alice',
    comment => 'a comment' });
is($t->http('POST', '/api/v2.0/projects', auth =>
    ['alice', $Test::Registry::API::password], body =>
    '{"project_name":"team"}')->status, 201, 'a project of hers');
$api->post('/robots', { name => 'ci', level => 'project', duration => 90,
    description => 'pipeline', permissions => [ { kind => 'project',
    namespace => 'team', access => [ map { { resource => 'repository',
    action => $_ } } qw/ pull push / ] } ] });
$api->post('/robots', { name => 'all', level => 'system', duration => -1,
    permissions => [ { kind => 'project', namespace => '*', access =>
    [ { resource => 'tag', action => 'list' } ] }, { kind => 'system',
    namespace => '/', access => [ { resource => 'label',
    action => 'list' } ] } ] });

sub cli { return JSON::PP::decode_json($t->jobrunner_ok(@_, qw/ -o json /)) }

# The API's object, without what the caller's rights decide.
sub same {
    my ($name, $cli, $of_api, @but) = @_;
    delete @$of_api{@but};
    my %got = map { $_ => $cli->{$_} } keys %$of_api;
    is_deeply(\%got, $of_api, $name);
    return;
}

my @robot = qw/ creator_type creator_ref /;
same('a user', cli(qw/ user show alice /), $api->get('/users/2')->json(),
    'admin_role_in_auth');
same('a user of the list', cli(qw/ user list /)->[1],
    $api->get('/users/2')->json(), 'admin_role_in_auth');
same('a project', cli(qw/ project show team /),
    $api->get('/projects/team')->json(), qw/ current_user_role_id
    current_user_role_ids deleted togglable cve_allowlist /);
is(cli(qw/ project show team /)->{owner_id}, 2, 'its owner');
same('a member', cli(qw/ member show team alice /),
    $api->get('/projects/team/members')->json()->[0]);
same('a member of the list', cli(qw/ member list team /)->[0],
    $api->get('/projects/team/members')->json()->[0]);
same('a robot of a project', cli('robot', 'show', 'robot$team+ci'),
    $api->get('/robots/1')->json(), @robot);
same('a robot of the registry', cli('robot', 'show', 'robot$all'),
    $api->get('/robots/2')->json(), @robot);
is(cli('robot', 'show', 'robot$all')->{expires_at}, -1, 'it never ends');
same('a robot of the list', cli(qw/ robot list /)->[0],
    $api->get('/robots/1')->json(), @robot);
my $time = qr/\d{4}-\d\d-\d\dT[\d:.]+Z/;
like($t->jobrunner_ok(qw/ robot list /),
    qr/^robot\$team\+ci +1 +team +no +$time +no$/m, 'a time in the table');

subtest 'the verbs of other nouns do for members' => sub {
    $api->add_user('bob');
    is($t->jobrunner_ok(qw/ member create team bob guest -o name /), "bob\n",
        'create');
    is(cli(qw/ member show team bob /)->{role_name}, 'guest', 'show');
    is($t->jobrunner_ok(qw/ member delete team bob /), '', 'delete');
    my $r = $t->jobrunner(qw/ member show team bob /);
    is($r->{status}, 3, 'gone');
    like($r->{err}, qr/"bob" is no member of "team"/, 'it says so');
    like($t->jobrunner_ok(qw/ help member remove /),
        qr/^Also: jobrunner member rm, jobrunner member delete$/m, 'help');
};

$t->finish();
