# /configurations: what it changes takes effect in every worker with the next
# request, without a reload, and stays over a restart; read-only mode; what is
# refused.

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
my ($on, $off) = (JSON::PP::true, JSON::PP::false);

$api->add_user('alice');
$api->add_project('pay');
$api->add_members('pay', alice => 1);
$t->push_image('pay/app', 'v1');

sub config {
    my ($key) = @_;
    return $api->get('/configurations')->json()->{$key};
}

# Each request has a connection of its own: after 40 of them both workers have
# answered. What they say, without repetitions.
sub all_say {
    my ($ask) = @_;
    my %said;
    $said{ $ask->() }++ for 1 .. 40;
    return join ' ', sort keys %said;
}

sub token_life {
    return $t->get('/service/token?service=nginx-registry'
        . '&scope=repository:pay/app:pull', auth => 'admin')
        ->json()->{expires_in};
}

subtest 'what is wrong is refused, and named' => sub {
    my $before = $api->get('/configurations')->json();
    for my $bad (
        [read_only => 'true'], [read_only => 1], [session_timeout => 0],
        [session_timeout => 1441], [session_timeout => '60'],
        [session_timeout => -1], [token_expiration => 0],
        [token_expiration => 1441], [token_expiration => 1.5],
        [token_expiration => $on], [robot_token_duration => 0],
        [robot_token_duration => -2], [robot_token_duration => 36501],
        [storage_per_project => 0], [storage_per_project => -2],
        [quota_per_project_enable => 'yes'], [banner_message => ['x']],
        [banner_message => 'x' x 4097], [robot_name_prefix => 'bot-'],
        [project_creation_restriction => 'none'],
        [project_creation_restriction => ''])
    {
        my ($key, $value) = @$bad;
        my $shown = substr ref $value ? 'a list' : $value, 0, 20;
        my $r = $api->put('/configurations', { banner_message => 'new',
            $key => $value });
        is($r->status, 400, "$key: $shown");
        like($r->json()->{errors}[0]{message}, qr/^\Q$key\E: /, 'named');
    }
    is($api->put('/configurations', undef, raw => $_)->status, 400,
        "body $_") for '[]', '{', '';
    is_deeply($api->get('/configurations')->json(), $before,
        'nothing has changed, of what stood beside it neither');
    is($api->put('/configurations', { read_only => $on }, as => 'alice')
        ->status, 403, 'not by a user');
    is($api->put('/configurations', { read_only => $on }, as => undef)
        ->status, 401, 'not by nobody');
    is($api->put('/configurations', { read_only => undef, unknown => 1 })
        ->status, 200, 'null and unknown names change nothing');
};

subtest 'how long tokens are good' => sub {
    is_deeply(config('token_expiration'), { value => 30, editable => $on },
        'half an hour');
    is(all_say(\&token_life), '1800', 'so it is');
    is($api->put('/configurations', { token_expiration => 5 })->status, 200,
        'changed');
    is(all_say(\&token_life), '300', 'in every worker');
    is(config('token_expiration')->{value}, 5, 'shown');
};

subtest 'new projects and robots' => sub {
    my $limit = sub { return $api->get("/projects/$_[0]/summary")->json()
        ->{quota}{hard}{storage} };
    is($api->put('/configurations', { storage_per_project => 12_345_678,
        robot_token_duration => -1 })->status, 200, 'set');
    $api->add_project('limited');
    is($limit->('limited'), 12_345_678, 'the limit of a new project');
    is($limit->('pay'), -1, 'older ones keep theirs');
    $api->post('/projects', { project_name => 'own', storage_limit => -1 });
    is($limit->('own'), -1, 'one that says so has none');
    my $r = $api->post('/projects', { project_name => 'alices',
        storage_limit => -1 }, as => 'alice');
    is($r->status, 201, 'of a user');
    is($limit->('alices'), 12_345_678, 'who may not choose');
    $r = $api->post('/robots', { name => 'ever', level => 'project',
        permissions => [ { kind => 'project', namespace => 'pay', access =>
            [ { resource => 'repository', action => 'pull' } ] } ] });
    is($r->status, 201, 'a robot');
    is($r->json()->{expires_at}, -1, 'that never ends');
    is($api->put('/configurations', { storage_per_project => -1,
        robot_token_duration => 30 })->status, 200, 'as before');
};

subtest 'read-only mode' => sub {
    my $session = $t->post('/c/login', body => 'principal=alice&password='
        . $Test::Registry::API::password, headers => ['Content-Type' =>
        'application/x-www-form-urlencoded']);
    my $upload = $t->post('/v2/pay/app/blobs/uploads/', auth => 'admin');
    is($upload->status, 202, 'an upload has begun');
    is($api->put('/configurations', { read_only => $on })->status, 200, 'on');
    is($api->get('/systeminfo')->json()->{read_only}, $on, 'shown to users');
    is_deeply(config('read_only'), { value => $on, editable => $on },
        'and to administrators');

    my $zero = 'sha256:' . '0' x 64;
    for my $try (['POST', '/v2/pay/app/blobs/uploads/'],
        ['PATCH', $upload->header('Location')],
        ['PUT', $upload->header('Location') . "?digest=$zero"],
        ['DELETE', $upload->header('Location')],
        ['PUT', '/v2/pay/app/manifests/v2'],
        ['DELETE', '/v2/pay/app/manifests/v1'],
        ['DELETE', "/v2/pay/app/blobs/$zero"],
        ['PUT', '/v2/fresh/app/manifests/v1'],
        ['POST', '/api/v2.0/projects', { project_name => 'late' }],
        ['PUT', '/api/v2.0/projects/pay', {}],
        ['DELETE', '/api/v2.0/projects/limited'],
        ['DELETE', '/api/v2.0/projects/pay/repositories/app/artifacts/v1'],
        ['POST', '/api/v2.0/labels', { name => 'l', scope => 'g' }],
        ['POST', '/api/v2.0/users', { username => 'eve' }])
    {
        my ($method, $path, $data) = @$try;
        (my $name = "$method $path") =~ s/[\w-]{36}/UUID/;
        my $ask = sub {
            my $r = $t->http($method, $path, auth => 'admin', body =>
                $data ? JSON::PP::encode_json($data) : 'x');
            return join '|', $r->status, map { $_->{code}, $_->{message} }
                $r->json()->{errors}[0];
        };
        is(all_say($ask), '403|DENIED|The system is in read only mode. '
            . 'Any modification is prohibited.', $name);
    }

    is($t->http('PUT', '/v2/pay/app/manifests/v2', body => 'x')->status, 401,
        'who may not at all still learns that first');
    is($t->get('/v2/pay/app/manifests/v1', auth => 'admin')->status, 200,
        'pulls go on');
    is($t->get('/v2/pay/app/tags/list', auth => 'admin')->status, 200,
        'so do lists');
    is(token_life(), 300, 'and tokens');
    is($t->post('/c/login', body => 'principal=admin&password='
        . $t->password(), headers => ['Content-Type' =>
        'application/x-www-form-urlencoded'])->status, 200, 'and logins');
    is($session->status, 200, 'a session that was there before');

    $t->reload();
    is(all_say(sub { return $t->post('/v2/pay/app/blobs/uploads/',
        auth => 'admin')->status }), '403', 'it is kept over a reload');

    is($api->put('/configurations', { read_only => $off })->status, 200,
        'off: the one change that is possible');
    is(all_say(sub { return $t->post('/v2/pay/app/blobs/uploads/',
        auth => 'admin')->status }), '202', 'pushes go on at once');
    is($t->http('PATCH', $upload->header('Location'), auth => 'admin',
        body => 'abc')->status, 202, 'also those that had begun');
};

subtest 'the log tells who changed what' => sub {
    my $log = $api->get('/auditlog-exts?page_size=100&q='
        . 'resource_type%3Dconfiguration')->json();
    is(join(' ', map { "$_->{username}:$_->{resource}="
        . $_->{operation_description} }
        grep { $_->{resource} eq 'read_only' } @$log),
        'admin:read_only=false admin:read_only=true', 'a row a change');
    is(scalar(grep { $_->{resource} eq 'banner_message' } @$log), 0,
        'none for what was refused');
};

subtest 'is that name taken?' => sub {
    my $ask = sub {
        my ($body, %opt) = @_;
        return $api->request('POST', '/c/userExists', undef, raw => $body,
            headers => ['Content-Type' => 'application/x-www-form-urlencoded'],
            as => undef, %opt);
    };
    my %as = (as => 'admin');
    is($ask->('target=username&value=alice', %as)->json(), $on, 'a name');
    is($ask->('target=username&value=ali', %as)->json(), $off, 'a part of it');
    is($ask->('target=email&value=alice%40example.com', %as)->json(), $on,
        'an address');
    is($ask->('target=email&value=none%40example.com', %as)->json(), $off,
        'none');
    is($ask->($_, %as)->status, 400, $_) for 'target=id&value=1',
        'target=username', 'value=alice', 'target=username&value=%ff',
        'target=username&value=a&value=b';
    my $r = $ask->('target=username&value=alice');
    is($r->status, 412, 'nobody may ask');
    is($ask->('target=username&value=alice', as => 'alice')->status, 412,
        'nor may a user');
    is($api->put('/configurations', { self_registration => $on })->status,
        200, 'where everybody may register');
    is($ask->('target=username&value=alice')->json(), $on, 'everybody may');
    $api->put('/configurations', { self_registration => $off });
};

subtest 'over a restart' => sub {
    $t->stop_nginx();
    $t->start_nginx();
    is(token_life(), 300, 'what was set stays');
};

subtest 'token_ttl of nginx.conf comes first' => sub {
    $t->write_conf(undef, extra => 'token_ttl 10m;');
    $t->reload();
    is(all_say(\&token_life), '600', 'it counts');
    is_deeply(config('token_expiration'), { value => 10, editable => $off },
        'shown as fixed');
    my $r = $api->put('/configurations', { token_expiration => 20 });
    is($r->status, 400, 'not to be changed');
    like($r->json()->{errors}[0]{message}, qr/^token_expiration: /, 'named');
    is($api->put('/configurations', { token_expiration => 10 })->status, 200,
        'the same value is no change');
    $t->write_conf();
    $t->reload();
    is(token_life(), 300, 'without it, what was set counts again');
};

$t->finish();
