package Test::Registry::API;

# The management API as a test speaks to it:
#
#   my $api = Test::Registry::API->new($t);
#   my $r = $api->post('/projects', { project_name => 'pay' });
#   $r = $api->get('/projects/pay', as => 'bob');      # a user of add_user()
#   $r = $api->get('/projects/pay', as => undef);      # nobody
#
# Every answer is held against docs/openapi.yaml (OpenAPI.pm): its status, its
# headers, its body with every member; an error must have Harbor's shape, and
# every answer a request id.

use warnings;
use strict;

use JSON::PP ();
use Test::More ();
use Test::Registry::OpenAPI;

our $password = 'Passw0rd1';

sub new {
    my ($class, $t) = @_;
    return bless { t => $t, described => Test::Registry::OpenAPI->new(
        $t->top() . '/docs/openapi.yaml') }, $class;
}

# One request. Options: as (a user, "admin" by default; undef: nobody), auth
# (a whole credential instead), headers, raw (body as it is), port.
sub request {
    my ($self, $method, $target, $data, %opt) = @_;

    my $t = $self->{t};
    $target = "/api/v2.0$target" if $target !~ m{^/(?:api|c)/};

    my %with = map { exists $opt{$_} ? ($_ => $opt{$_}) : () }
        qw/ headers port /;
    if (exists $opt{auth}) {
        $with{auth} = $opt{auth};
    } else {
        my $as = exists $opt{as} ? $opt{as} : 'admin';
        $with{auth} = ref $as || $as eq 'admin' ? $as : [ $as, $password ]
            if defined $as;
    }

    $with{body} = defined $opt{raw} ? $opt{raw}
        : JSON::PP->new->utf8->canonical->encode($data)
        if defined $data || defined $opt{raw};

    my $r = $t->http($method, $target, %with);
    $self->check($method, $target, $r);
    return $r;
}

sub check {
    my ($self, $method, $target, $r) = @_;

    my $what = "$method $target: " . $r->status;

    Test::More::fail("$what: $_")
        for $self->{described}->check($method, $target, $r);

    Test::More::fail("$what: X-Request-Id")
        if ($r->header('X-Request-Id') // '') eq '';

    if ($r->status >= 400 && $method ne 'HEAD') {
        my $data = eval { $r->json() };
        my $ok = ref $data eq 'HASH' && ref $data->{errors} eq 'ARRAY'
            && $data->{errors}[0]{code} && $data->{errors}[0]{message} ne ''
            && ($r->header('Content-Type') // '')
                eq 'application/json; charset=utf-8';
        Test::More::fail("$what: an error as Harbor writes it: " . $r->body)
            if !$ok;
    }
    return;
}

sub get    { my $s = shift; my $p = shift; $s->request('GET', $p, undef, @_) }
sub head   { my $s = shift; my $p = shift; $s->request('HEAD', $p, undef, @_) }
sub delete { my $s = shift; my $p = shift;
    return $s->request('DELETE', $p, undef, @_) }
sub post   { my $s = shift; $s->request('POST', @_) }
sub put    { my $s = shift; $s->request('PUT', @_) }
sub patch  { my $s = shift; $s->request('PATCH', @_) }

# The number at the end of a Location; dies when nothing was made.
sub made {
    my ($self, $r) = @_;
    die 'not made: status ' . $r->status . ': ' . $r->body . "\n"
        if $r->status != 201;
    my ($id) = $r->header('Location') =~ m{/(\d+)$}
        or die 'no id in ' . $r->header('Location') . "\n";
    return 0 + $id;
}

# A user with the common password; returns the id.
sub add_user {
    my ($self, $name, %more) = @_;
    return $self->made($self->post('/users', { username => $name,
        password => $password, email => "$name\@example.com",
        realname => $name, %more }));
}

# A project; returns the id.
sub add_project {
    my ($self, $name, $public) = @_;
    return $self->made($self->post('/projects', { project_name => $name,
        metadata => { public => $public ? 'true' : 'false' } }));
}

# Adds users as members: (project, name => role, ...).
sub add_members {
    my ($self, $project, %role) = @_;
    for my $name (sort keys %role) {
        $self->made($self->post("/projects/$project/members", {
            role_id => $role{$name}, member_user => { username => $name } }));
    }
    return;
}

1;
