package Test::Registry::HTTP;

# One raw HTTP/1.x connection, plain or TLS: bytes go out as given, responses
# are parsed. No keep-alive logic, no redirects, no retries: a test sees what
# the server did.

use warnings;
use strict;

use IO::Select;
use IO::Socket::INET;
use Time::HiRes qw/ time /;

# new(port => N, [host => '127.0.0.1'], [tls => 1], [timeout => 20],
#     [sni => 'name'])
sub new {
    my ($class, %opt) = @_;

    my $self = bless {
        host    => $opt{host} // '127.0.0.1',
        port    => $opt{port},
        timeout => $opt{timeout} // 20,
        buffer  => '',
    }, $class;

    if ($opt{tls}) {
        require IO::Socket::SSL;
        $self->{socket} = IO::Socket::SSL->new(
            PeerAddr        => $self->{host},
            PeerPort        => $self->{port},
            Timeout         => $self->{timeout},
            SSL_verify_mode => IO::Socket::SSL::SSL_VERIFY_NONE(),
            ($opt{sni} ? (SSL_hostname => $opt{sni}) : ()),
        ) or die "cannot connect to port $self->{port} with TLS: "
            . IO::Socket::SSL::errstr() . "\n";

    } else {
        $self->{socket} = IO::Socket::INET->new(
            Proto    => 'tcp',
            PeerAddr => $self->{host},
            PeerPort => $self->{port},
            Timeout  => $self->{timeout},
        ) or die "cannot connect to port $self->{port}: $!\n";
    }

    $self->{tls} = $opt{tls};
    binmode $self->{socket};

    return $self;
}

sub socket { return $_[0]{socket} }

# Sends all of the bytes. Returns 0 when the peer closed its side meanwhile
# (a refused upload), 1 otherwise.
sub send {
    my ($self, @bytes) = @_;

    my $data = join('', @bytes);
    my $deadline = time() + $self->{timeout};
    local $SIG{PIPE} = 'IGNORE';

    while (length $data) {
        my $left = $deadline - time();
        die "timeout while sending to port $self->{port}\n" if $left <= 0;

        IO::Select->new($self->{socket})->can_write($left) or next;

        my $n = syswrite($self->{socket}, $data, 65536);
        if (!defined $n) {
            next if $!{EINTR} || $!{EAGAIN};
            return 0;
        }
        substr($data, 0, $n, '');
    }

    return 1;
}

# Reads what there is into the buffer; waits for it up to the deadline.
# Returns 0 at the end of the stream.
sub _fill {
    my ($self, $deadline) = @_;

    return 0 if $self->{eof};

    while (1) {
        if (!$self->{tls} || !$self->{socket}->pending()) {
            my $left = $deadline - time();
            die "timeout while reading from port $self->{port};"
                . ' have: ' . substr($self->{buffer}, 0, 400) . "\n"
                if $left <= 0;
            IO::Select->new($self->{socket})->can_read($left) or next;
        }

        my $n = sysread($self->{socket}, $self->{buffer}, 262144,
            length $self->{buffer});

        if (!defined $n) {
            next if $!{EINTR} || $!{EAGAIN} || $!{EWOULDBLOCK};
            $self->{reset} = 1;
            $n = 0;
        }

        $self->{eof} = 1 if $n == 0;
        return $n > 0;
    }
}

# True when the peer closes (or resets) without sending anything more.
sub closed {
    my ($self, $timeout) = @_;

    return 0 if length $self->{buffer};
    return !$self->_fill(time() + ($timeout // $self->{timeout}));
}

# True when bytes (or the end) come within so many seconds. For what must NOT
# come, this is a wait with a bound, not a synchronisation.
sub readable {
    my ($self, $timeout) = @_;

    return 1 if length $self->{buffer};
    return 1 if $self->{tls} && $self->{socket}->pending();
    return IO::Select->new($self->{socket})->can_read($timeout) ? 1 : 0;
}

# Everything up to the end of the stream.
sub read_all {
    my ($self) = @_;

    my $deadline = time() + $self->{timeout};
    1 while $self->_fill($deadline);
    return delete_buffer($self);
}

sub delete_buffer {
    my ($self) = @_;
    my $bytes = $self->{buffer};
    $self->{buffer} = '';
    return $bytes;
}

sub _line {
    my ($self, $deadline) = @_;

    while ($self->{buffer} !~ /\n/) {
        return undef if !$self->_fill($deadline);
    }

    $self->{buffer} =~ s/^(.*?)\r?\n//;
    return $1;
}

sub _take {
    my ($self, $size, $deadline) = @_;

    while (length $self->{buffer} < $size) {
        last if !$self->_fill($deadline);
    }

    return substr($self->{buffer}, 0, $size, '');
}

# Reads one response to a request of the given method. Interim responses
# (1xx) are put into {interim}. Dies on timeout; returns undef when the peer
# closed before a status line.
sub response {
    my ($self, $method) = @_;

    my $deadline = time() + $self->{timeout};
    my @interim;
    my ($status, $reason, @headers, $version);

    while (1) {
        my $line = $self->_line($deadline);
        return undef if !defined $line;

        die "not an HTTP status line: \"$line\"\n"
            if $line !~ m{^HTTP/(1\.[01]) (\d{3})(?: (.*))?$};

        ($version, $status, $reason) = ($1, $2, $3);
        @headers = ();

        while (1) {
            $line = $self->_line($deadline);
            die "the connection ended within the headers\n"
                if !defined $line;
            last if $line eq '';
            push @headers, $line =~ /^([^:]+):\s*(.*?)\s*$/
                ? [ $1, $2 ] : [ $line, '' ];
        }

        last if $status >= 200 || $status == 101;
        push @interim, $status;
    }

    my $response = Test::Registry::Response->new(
        status => $status, reason => $reason, version => $version,
        headers => \@headers, interim => \@interim);

    $response->{body} = $self->_body($response, $method, $deadline);

    return $response;
}

sub _body {
    my ($self, $response, $method, $deadline) = @_;

    my $status = $response->{status};
    return '' if ($method // '') eq 'HEAD' || $status == 204 || $status == 304;

    if (lc($response->header('Transfer-Encoding') // '') eq 'chunked') {
        my $body = '';

        while (1) {
            my $line = $self->_line($deadline);
            if (!defined $line || $line !~ /^([0-9a-fA-F]+)/) {
                $response->{truncated} = 1;
                return $body;
            }
            my $size = hex $1;
            if ($size == 0) {
                1 while length($self->_line($deadline) // '');
                return $body;
            }
            $body .= $self->_take($size, $deadline);
            $self->_line($deadline);
        }
    }

    my $length = $response->header('Content-Length');
    if (defined $length) {
        my $body = $self->_take($length, $deadline);
        $response->{truncated} = 1 if length($body) < $length;
        return $body;
    }

    1 while $self->_fill($deadline);
    return $self->delete_buffer();
}

sub close {
    my ($self) = @_;
    $self->{socket}->close() if $self->{socket};
    return;
}

# Closes with a reset, as a client that was killed.
sub abort {
    my ($self) = @_;
    setsockopt($self->{socket}, Socket::SOL_SOCKET(), Socket::SO_LINGER(),
        pack('ii', 1, 0));
    $self->close();
    return;
}


package Test::Registry::Response;

use warnings;
use strict;

use JSON::PP ();

sub new {
    my ($class, %self) = @_;
    return bless {%self}, $class;
}

sub status  { return $_[0]{status} }
sub reason  { return $_[0]{reason} }
sub body    { return $_[0]{body} }
sub interim { return $_[0]{interim} }

# The body came short of what the headers promised.
sub truncated { return $_[0]{truncated} }

# The first value of a header, in any case of letters; undef when absent.
sub header {
    my ($self, $name) = @_;
    my ($value) = $self->headers($name);
    return $value;
}

# All values of a header; all [name, value] pairs when no name is given.
sub headers {
    my ($self, $name) = @_;
    return @{ $self->{headers} } if !defined $name;
    return map { $_->[1] } grep { lc $_->[0] eq lc $name }
        @{ $self->{headers} };
}

# The body as data; dies when it is no JSON.
sub json {
    my ($self) = @_;
    return JSON::PP->new->utf8->decode($self->{body});
}

# The OCI code of the first error in the body, '' when it has none.
sub code {
    my ($self) = @_;
    my $data = eval { $self->json() };
    return '' if ref $data ne 'HASH' || ref $data->{errors} ne 'ARRAY';
    return $data->{errors}[0]{code} // '';
}

1;
