package Test::Registry::OpenAPI;

# docs/openapi.yaml, and whether an answer is what it says:
#
#   my $d = Test::Registry::OpenAPI->new($t->top() . '/docs/openapi.yaml');
#   my @wrong = $d->check('GET', '/api/v2.0/projects', $response);
#
# Its YAML is the part that the file uses: maps and lists in blocks, scalars
# that may go on in the next lines. Of a schema: $ref, type, format date-time,
# enum, nullable, required, properties (others are wrong, unless
# additionalProperties says what they are), items.

use warnings;
use strict;

use B ();
use JSON::PP ();

sub new {
    my ($class, $file) = @_;

    open(my $f, '<', $file) or die "$file: $!\n";
    my @lines;
    while (my $line = <$f>) {
        chomp $line;
        next if $line =~ /^\s*(?:#|$)/;
        my ($space, $text) = $line =~ /^( *)(.*)/;
        my ($depth, $last) = (length $space, $lines[-1]);

        # What is deeper than a key that has its value goes on with it.
        if ($last && $last->[1] =~ /^((?:- )*)[^\s'"]+: ./
            && $depth > $last->[0] + length $1)
        {
            $last->[1] .= " $text";
            next;
        }
        push @lines, [ $depth, $text ];
    }

    return bless { api => block(\@lines, 0) }, $class;
}

# The block that begins at the first line.
sub block {
    my ($lines, $depth) = @_;

    if ($lines->[0][1] =~ /^- /) {
        my @list;
        while (@$lines && $lines->[0][0] == $depth
            && $lines->[0][1] =~ s/^- //)
        {
            $lines->[0][0] += 2;
            push @list, $lines->[0][1] =~ /^[^\s'"]+:(?: |$)/
                ? block($lines, $depth + 2) : scalar_of((shift @$lines)->[1]);
        }
        return \@list;
    }

    my %map;
    while (@$lines && $lines->[0][0] == $depth) {
        my ($key, $value) = (shift @$lines)->[1]
            =~ /^((?:'[^']*'|[^\s'"])+?):(?: (.*))?$/
            or die "docs/openapi.yaml: not understood\n";
        $key =~ s/^'(.*)'$/$1/;
        die "docs/openapi.yaml: $key twice\n" if exists $map{$key};
        $map{$key} = defined $value ? scalar_of($value)
            : @$lines && ($lines->[0][0] > $depth
                || $lines->[0][0] == $depth && $lines->[0][1] =~ /^- /)
            ? block($lines, $lines->[0][0]) : undef;
    }
    return \%map;
}

sub scalar_of {
    my ($text) = @_;
    return {} if $text eq '{}';
    return [] if $text eq '[]';
    return $text eq 'true' ? 1 : 0 if $text =~ /^(?:true|false)$/;
    return $text =~ s/''/'/gr if $text =~ s/^'(.*)'$/$1/s;
    return $text;
}

# What a $ref names.
sub resolve {
    my ($self, $node) = @_;

    while (ref $node eq 'HASH' && defined $node->{'$ref'}) {
        my $at = $self->{api};
        for my $part (split m{/}, $node->{'$ref'} =~ s{^#/}{}r) {
            $at = $at->{$part} // die "no $node->{'$ref'}\n";
        }
        $node = $at;
    }
    return $node;
}

# The operation of a request; undef when there is none. A literal component
# wins over a part.
sub operation {
    my ($self, $method, $target) = @_;

    my ($path) = $target =~ /^([^?]*)/;
    $path =~ s{/$}{};
    $method = 'GET' if $method eq 'HEAD';
    my @found;

    for my $pattern (keys %{ $self->{api}{paths} }) {
        my $re = join '/', map { /^\{/ ? '[^/]+' : quotemeta }
            split m{/}, $pattern, -1;
        push @found, $pattern if $path =~ m{^$re$}
            && $self->{api}{paths}{$pattern}{ lc $method };
    }

    my ($best) = sort { ($a =~ tr/{//) <=> ($b =~ tr/{//) } @found;
    return defined $best ? $self->{api}{paths}{$best}{ lc $method } : undef;
}

# What is wrong with an answer, as texts.
sub check {
    my ($self, $method, $target, $r) = @_;

    my $op = $self->operation($method, $target);
    return $r->status == 404 || $r->status == 405 ? ()
        : 'no such operation in docs/openapi.yaml' if !$op;

    my $response = $self->resolve($op->{responses}{ $r->status })
        or return 'its status is not in docs/openapi.yaml';

    return ($self->check_headers($response, $r),
        $self->check_body($response, $method, $r));
}

# Those of the description, and no others that mean something to a client.
sub check_headers {
    my ($self, $response, $r) = @_;

    my %want = map { lc $_ => $self->resolve($response->{headers}{$_}) }
        keys %{ $response->{headers} // {} };
    my @wrong;

    for my $name (sort keys %want) {
        my @values = $r->headers($name);
        push @wrong, "header $name: missing"
            if !@values && $want{$name}{required};
        push @wrong, "header $name: $values[0]"
            if @values && $want{$name}{schema}{type} eq 'integer'
                && $values[0] !~ /^\d+$/;
    }
    for my $name (qw/ link location x-total-count set-cookie retry-after
        www-authenticate content-disposition etag /)
    {
        push @wrong, "header $name: not described"
            if !$want{$name} && defined $r->header($name);
    }
    return @wrong;
}

sub check_body {
    my ($self, $response, $method, $r) = @_;

    my $type = lc($r->header('Content-Type') // '') =~ s/;.*//sr;
    my $content = $response->{content};

    return $r->body ne '' ? 'a body' : () if !$content;
    return () if $method eq 'HEAD' && $type eq '';
    return "Content-Type $type" if !$content->{$type};
    return () if $method eq 'HEAD';
    return () if $type ne 'application/json';

    my $data = eval { JSON::PP->new->utf8->allow_nonref->decode($r->body) };
    return 'no JSON: ' . $r->body if $@;
    return $self->check_value($content->{$type}{schema}, $data, 'body');
}

# Is it a string? JSON::PP makes numbers of numbers.
sub is_text {
    my ($value) = @_;
    my $flags = B::svref_2object(\$value)->FLAGS;
    return !ref $value && ($flags & B::SVf_POK())
        && !($flags & (B::SVf_IOK() | B::SVf_NOK()));
}

sub check_value {
    my ($self, $schema, $value, $where) = @_;

    $schema = $self->resolve($schema);
    my $type = $schema->{type} // 'any';

    if (!defined $value) {
        return $schema->{nullable} || $type eq 'any' ? () : "$where: null";
    }

    my $is = JSON::PP::is_bool($value) ? 'boolean'
        : ref $value eq 'HASH' ? 'object' : ref $value eq 'ARRAY' ? 'array'
        : is_text($value) ? 'string'
        : $value =~ /^-?\d+$/ ? 'integer' : 'number';
    return "$where: $is, not $type" if $type ne 'any' && $is ne $type
        && !($type eq 'number' && $is eq 'integer');

    return "$where: $value" if $schema->{enum}
        && !grep { $_ eq $value } @{ $schema->{enum} };
    return "$where: no time: $value"
        if ($schema->{format} // '') eq 'date-time'
            && $value !~ /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/;

    if ($is eq 'array' && $schema->{items}) {
        return map { $self->check_value($schema->{items}, $value->[$_],
            "$where\[$_]") } 0 .. $#$value;
    }
    return $is eq 'object' ? $self->check_object($schema, $value, $where) : ();
}

sub check_object {
    my ($self, $schema, $value, $where) = @_;

    my @wrong = map { "$where.$_: missing" }
        grep { !exists $value->{$_} } @{ $schema->{required} // [] };
    my $properties = $schema->{properties};
    my $more = $schema->{additionalProperties};

    for my $name (sort keys %$value) {
        my $of = $properties && $properties->{$name} // $more;
        push @wrong, $of
            ? $self->check_value($of, $value->{$name}, "$where.$name")
            : $properties ? "$where.$name: not described" : ();
    }
    return @wrong;
}

1;
