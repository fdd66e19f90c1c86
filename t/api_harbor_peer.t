# What a Harbor does with an endpoint of type "harbor": the very calls of its
# adapter, so that it can push to this registry and pull from it.

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
my @peer = (headers => ['User-Agent' => 'harbor-registry-client']);

# The replication account of the peer.
$api->add_user('peer');
my $pay = $api->add_project('pay', 0);
$api->add_members('pay', peer => 4);
@peer = (@peer, as => 'peer');
my $i = $t->push_image('pay/team/app', 'v1', layers => ['layer']);
$t->push_image('pay/team/app', "v$_") for 2 .. 12;

# It walks lists by Link only.
sub walk {
    my ($path) = @_;
    my @all;
    while (defined $path) {
        my $r = $api->get($path, @peer);
        is($r->status, 200, "GET $path");
        push @all, @{ $r->json() };
        ($path) = ($r->header('Link') // '') =~ m{<([^>]+)>; rel="next"};
    }
    return @all;
}

subtest 'health and information' => sub {
    is($api->get('/api/version', @peer)->json()->{version}, 'v2.0',
        'the API');
    is($t->get('/v2/', auth => ['peer', $Test::Registry::API::password])
        ->status, 200, 'the registry');
    is_deeply([ walk('/api/v2.0/labels?scope=g') ], [], 'labels');
};

subtest 'listing' => sub {
    my @p = walk('/api/v2.0/projects?q=name%3D%7B%27pay%27%20%27nope%27%7D'
        . '&with_detail=false');
    is_deeply([ map { $_->{name} } @p ], ['pay'], 'projects by name');
    is($p[0]{metadata}{public}, 'false', 'public');
    @p = walk('/api/v2.0/projects?name=pay');
    is($p[0]{name}, 'pay', 'one project');
    my @r = walk('/api/v2.0/projects/pay/repositories');
    is_deeply([ map { $_->{name} } @r ], ['pay/team/app'], 'repositories');
    my @a = walk('/api/v2.0/projects/pay/repositories/team%252Fapp/artifacts'
        . '?page_size=5&with_label=true&with_accessory=true');
    is(scalar @a, 12, 'artifacts, page by page');
    my ($one) = grep { $_->{digest} eq $i->{digest} } @a;
    is_deeply([ map { $_->{name} } @{ $one->{tags} } ], ['v1'], 'with tags');
    ok(exists $one->{labels} && exists $one->{accessories},
        'with labels and accessories');
    for my $with (qw/ true false /) {
        my $a = $api->get('/projects/pay/repositories/team%252Fapp/artifacts/'
            . "$i->{digest}?with_accessory=$with&with_tag=true", @peer);
        is($a->json()->{manifest_media_type},
            'application/vnd.oci.image.manifest.v1+json', 'one artifact');
    }
};

subtest 'preparing' => sub {
    my $new = sub { return $api->post('/projects', { project_name => $_[0],
        metadata => { public => $_[1] } }, @peer)->status };
    is($new->('mirror', 'true'), 201, 'a project');
    is($new->('mirror', 'true'), 409, 'it is there: tolerated');
    is($new->('pay', 'false'), 409, 'somebody made it before');
};

subtest 'mounting' => sub {
    my $layer = sha256('layer');
    my $r = $api->get("/repositories?q=blob_digest%3D$layer&page_size=1"
        . '&page_number=1', @peer);
    is($r->json()->[0]{name}, 'pay/team/app', 'where a blob is');
    my @auth = (auth => [ 'peer', $Test::Registry::API::password ]);
    is($t->head('/v2/mirror/app/blobs/' . $layer, @auth)->status, 404,
        'not here yet');
    $r = $t->post("/v2/mirror/app/blobs/uploads/?mount=$layer"
        . '&from=pay/team/app', @auth);
    is($r->status, 201, 'mounted');
    is($t->head('/v2/mirror/app/blobs/' . $layer, @auth)->status, 200,
        'here');
    $api->add_user('stranger');
    is_deeply($api->get("/repositories?q=blob_digest%3D$layer",
        as => 'stranger')->json(), [], 'not told to a stranger');
};

subtest 'pushing and deleting' => sub {
    my @auth = (auth => [ 'peer', $Test::Registry::API::password ]);
    $t->push_image('mirror/app', 'v1', @auth);
    is($t->head('/v2/mirror/app/manifests/v1', @auth)->status, 200, 'HEAD');
    my $l = $t->start_upload('mirror/app', @auth);
    my $r = $t->patch($l, @auth, body => 'abc', headers =>
        ['Content-Range' => '0-2', 'Content-Type' =>
            'application/octet-stream']);
    is($r->status, 202, 'a chunk');
    is($t->put($t->with_query($t->location($r), 'digest', sha256('abc')),
        @auth)->status, 201, 'committed');
    is($t->get('/v2/mirror/app/blobs/' . sha256('abc'), @auth, headers =>
        [Range => 'bytes=1-1'])->body, 'b', 'a range');
    is($api->delete('/projects/mirror/repositories/app/artifacts/v1/tags/v1',
        @peer)->status, 200, 'a tag is removed');
    is($t->head('/v2/mirror/app/manifests/v1', @auth)->status, 404, 'so');
};

$t->finish();
