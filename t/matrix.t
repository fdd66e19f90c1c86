# Every role times every endpoint of the management API, held against
# docs/permissions.md. A request is made so that nothing is left to refuse but
# the caller: what is allowed then answers 200, or 400, 404, 409 or 412 for
# what is wrong behind the permission; what is not is 401 for nobody and 403
# for a user.

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

# --- what is documented ----------------------------------------------------

my (%may, @endpoint);
{
    open(my $f, '<', $t->top() . '/docs/permissions.md') or die $!;
    my @columns;
    while (my $line = <$f>) {
        next if $line !~ /^\| (.*) \|$/;
        my @cell = map { s/^\s+|\s+$//gr } split /\|/, "$1 ", -1;
        if ($cell[0] eq 'right') {
            @columns = @cell;
        } elsif ($cell[0] =~ /^[a-z-]+:[a-z-]+$/) {
            @{ $may{$cell[0]} }{ @columns[1 .. $#columns] } =
                map { $_ eq 'yes' } @cell[1 .. $#columns];
        } elsif ($cell[0] =~ /^(GET|PUT|POST|PATCH|DELETE) (.*)/) {
            push @endpoint, map { [$1, $_, $cell[1]] } split /, /, $2;
        }
    }
}
is(scalar keys %may, 78, 'the table of rights');

{
    my $described = $api->{described}{api}{paths};
    my %page = map { my ($m, $p) = @$_;
        $p = "/api/v2.0$p" if $p !~ m{^/api/}; ("$m $p" => 1) } @endpoint;
    my %yaml = map { my $p = $_; map { ("$_ $p" => 1) }
        map { uc } keys %{ $described->{$p} } }
        grep { m{^/api/} } keys %$described;
    is_deeply([ grep { !$page{$_} } sort keys %yaml ], [],
        'every endpoint is in docs/permissions.md');
    is_deeply([ grep { !$yaml{$_} } sort keys %page ], [],
        'and none that there is not');
}

# --- who, and on what ------------------------------------------------------

my @roles = qw/ projectAdmin maintainer developer guest limitedGuest /;
my %number = (projectAdmin => 1, developer => 2, guest => 3, maintainer => 4,
    limitedGuest => 5);
my @callers = ('nobody', 'outsider', reverse(@roles), 'admin');

$api->add_user("u-\L$_") for 'outsider', @roles;
my %id = map { $_->{username} => $_->{user_id} }
    @{ $api->get('/users?page_size=100')->json() };

my %project = (open => 1, closed => 0);
my %fixture;
for my $p (sort keys %project) {
    $fixture{$p}{id} = $api->add_project($p, $project{$p});
    $api->add_members($p, map { ("u-\L$_" => $number{$_}) } @roles);
    $t->push_image("$p/app", 'v1');
    $fixture{$p}{label} = $api->made($api->post('/labels', { name => 'l',
        scope => 'p', project_id => 0 + $fixture{$p}{id} }));
    $api->post("/projects/$p/metadatas", { severity => 'low' });
}
my $global_label = $api->made($api->post('/labels', { name => 'g',
    scope => 'g' }));

sub who {
    my ($caller) = @_;
    return $caller eq 'nobody' ? undef : $caller eq 'admin' ? 'admin'
        : "u-\L$caller";
}

sub robot {
    my ($p, $level) = @_;
    my $r = $api->post('/robots', { name => 'r' . int rand 1e9,
        level => $level, duration => 1, permissions => [ $level eq 'project'
            ? { kind => 'project', namespace => $p, access =>
                [ { resource => 'repository', action => 'pull' } ] }
            : { kind => 'system', namespace => '/', access =>
                [ { resource => 'label', action => 'list' } ] } ] });
    return $api->made($r);
}

sub label {
    my ($p, $scope) = @_;
    return $api->made($api->post('/labels', { name => 'x' . int rand 1e9,
        $scope eq 'project' ? (scope => 'p', project_id =>
            0 + $fixture{$p}{id}) : (scope => 'g') }));
}

# One request to the endpoint as that caller.
sub ask {
    my ($method, $pattern, $caller, $p, $scope) = @_;

    my $f = $fixture{$p};
    my $robot = $pattern =~ /robot_id/
        ? robot($p, $scope eq 'project' ? 'project' : 'system') : 0;
    my %part = (
        project      => $p,
        project_name => $p,
        repository   => $method eq 'DELETE' && $pattern =~ /repository\}$/
            ? 'missing' : 'app',
        reference    => $method eq 'DELETE' ? 'missing' : 'v1',
        mid          => 999_999,
        meta_name    => 'severity',
        tag          => 'missing',
        addition     => 'vulnerabilities',
        label_id     => $pattern =~ /artifacts/ ? 999_999
            : $scope eq 'project' ? $f->{label} : $global_label,
        robot_id     => $robot,
        user_id      => $method eq 'DELETE' && $pattern =~ /user_id\}$/
            ? 999_999 : $id{'u-guest'},
        token_id     => 999_999,
        id           => $f->{id},
        digest       => 'sha256:0',
    );
    $part{label_id} = label($p, $scope) if $method eq 'DELETE'
        && $pattern =~ m{^/labels};
    (my $path = $pattern) =~ s/\{(\w+)\}/$part{$1}/g;

    my $data = $method =~ /^(?:POST|PUT|PATCH)$/ ? {} : undef;
    if ($pattern eq '/labels') {
        $path .= $scope eq 'project' ? "?scope=p&project_id=$f->{id}"
            : '?scope=g' if $method eq 'GET';
        $data = { scope => $scope eq 'project' ? 'p' : 'g',
            project_id => 0 + $f->{id} } if $method eq 'POST';
    }
    if ($pattern eq '/robots') {
        $path .= "?q=Level%3Dproject%2CProjectID%3D$f->{id}"
            if $method eq 'GET' && $scope eq 'project';
        $data = { name => 'NOT A NAME', level => $scope, permissions => [
            { kind => $scope, namespace => $scope eq 'project' ? $p : '/',
              access => [] } ] } if $method eq 'POST';
    }
    $path .= '?username=u' if $pattern eq '/users/search';
    $path .= '?from=none' if $pattern =~ /artifacts$/ && $method eq 'POST';

    return $api->request($method, $path, $data, as => who($caller));
}

# --- the expectation -------------------------------------------------------

sub allowed {
    my ($needs, $caller, $p) = @_;

    return 1 if $needs eq 'nothing' || $needs eq 'anyone';
    return $caller ne 'nobody' if $needs eq 'login';
    return $caller eq 'admin' if $needs eq 'admin' || $needs =~ /^system /;
    return $caller eq 'admin' || $caller eq 'guest' if $needs =~ /^self/;

    die "not understood: $needs\n" if !$may{$needs};
    return 1 if $caller eq 'admin';
    return 1 if $may{$needs}{public} && $project{$p};
    return $may{$needs}{$caller} ? 1 : 0;
}

my $asked = 0;

sub walk {
    my ($method, $pattern, $needs, $scope) = @_;

    my @wrong;
    for my $p ($pattern =~ /project/ || $scope eq 'project'
        ? sort keys %project : 'open')
    {
        for my $caller (@callers) {
            my $status = ask($method, $pattern, $caller, $p, $scope)->status;
            my $want = allowed($needs, $caller, $p) ? 'yes'
                : $caller eq 'nobody' ? '401' : '403';
            my $got = $status == 401 || $status == 403 ? $status : 'yes';
            $asked++;
            push @wrong, "$caller, $p: $status, expected $want"
                if $got ne $want || $status >= 500;
        }
    }
    ok(!@wrong, "$method $pattern ($needs)") or diag(join "\n", @wrong);
    return;
}

for my $endpoint (@endpoint) {
    my ($method, $pattern, $needs) = @$endpoint;


    my $both = qr/^(.*) for (?:global ones|those of the registry), (.*) for/;
    if (my ($system, $project) = $needs =~ $both) {
        walk($method, $pattern, $system, 'system');
        walk($method, $pattern, $project, 'project');
        next;
    }

    $needs = 'system user:create' if "$method $pattern" eq 'POST /users';
    walk($method, $pattern, $needs, 'system');
}
cmp_ok($asked, '>', 900, "$asked requests");

# --- /v2 -------------------------------------------------------------------

subtest 'below /v2' => sub {
    my %needs = (
        'GET manifests/v1'       => 'repository:pull',
        'HEAD manifests/v1'      => 'repository:pull',
        'GET tags/list'          => 'repository:pull',
        'PUT manifests/v2'       => 'repository:push',
        'POST blobs/uploads/'    => 'repository:push',
        'DELETE manifests/none'  => 'repository:delete',
        'DELETE blobs/sha256:' . '0' x 64 => 'repository:delete',
    );
    for my $what (sort keys %needs) {
        my ($method, $path) = split / /, $what;
        my @wrong;
        for my $p (sort keys %project) {
            for my $caller (@callers) {
                my $as = who($caller);
                my $status = $t->http($method, "/v2/$p/app/$path",
                    (defined $as ? (auth => $as eq 'admin' ? 'admin'
                        : [ $as, $Test::Registry::API::password ]) : ()),
                    $method eq 'PUT' ? (body => '{}') : ())->status;
                my $want = allowed($needs{$what}, $caller, $p) ? 'yes'
                    : $caller eq 'nobody' ? '401' : '403';
                my $got = $status == 401 || $status == 403 ? $status : 'yes';
                push @wrong, "$caller, $p: $status, expected $want"
                    if $got ne $want || $status >= 500;
            }
        }
        ok(!@wrong, "$what ($needs{$what})") or diag(join "\n", @wrong);
    }
};

# --- removal takes effect at once ------------------------------------------

subtest 'who is removed is out at the next request' => sub {
    my $path = '/projects/closed/repositories';
    is($api->get($path, as => 'u-guest')->status, 200, 'a member');
    my $token = $t->token('repository:closed/app:pull',
        [ 'u-guest', $Test::Registry::API::password ]);
    is($t->get('/v2/closed/app/manifests/v1', auth => "Bearer $token")
        ->status, 200, 'with a token');
    my ($m) = grep { $_->{entity_name} eq 'u-guest' }
        @{ $api->get('/projects/closed/members?page_size=100')->json() };
    is($api->delete("/projects/closed/members/$m->{id}")->status, 200,
        'removed');
    is($api->get($path, as => 'u-guest')->status, 403, 'no member');
    is($t->get('/v2/closed/app/manifests/v1', auth => "Bearer $token")
        ->status, 401, 'the token is worth nothing');
};

$t->finish();
