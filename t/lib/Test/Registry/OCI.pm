package Test::Registry::OCI;

# What a registry's client does, in few words: digests, tokens, blobs,
# manifests, images. Mixed into Test::Registry; $self is a test.

use warnings;
use strict;

use Digest::SHA qw/ sha256_hex sha512_hex /;
use JSON::PP ();

our $media_config   = 'application/vnd.oci.image.config.v1+json';
our $media_layer    = 'application/vnd.oci.image.layer.v1.tar';
our $media_manifest = 'application/vnd.oci.image.manifest.v1+json';
our $media_index    = 'application/vnd.oci.image.index.v1+json';
our $media_docker   = 'application/vnd.docker.distribution.manifest.v2+json';
our $media_list =
    'application/vnd.docker.distribution.manifest.list.v2+json';
our $media_empty    = 'application/vnd.oci.empty.v1+json';

# Exported by Test::Registry: the digest of bytes.
sub Test::Registry::sha256 { return 'sha256:' . sha256_hex($_[0]) }
sub Test::Registry::sha512 { return 'sha512:' . sha512_hex($_[0]) }

sub json_bytes {
    my ($self, $data) = @_;
    return JSON::PP->new->utf8->canonical->encode($data);
}

# Percent-encodes a value of a query string.
sub escape {
    my ($self, $value) = @_;
    $value =~ s/([^A-Za-z0-9_.~-])/sprintf '%%%02X', ord $1/ge;
    return $value;
}

# {type, size, digest}.
sub descriptor {
    my ($self, $type, $bytes) = @_;
    return {
        mediaType => $type,
        digest    => Test::Registry::sha256($bytes),
        size      => length $bytes,
    };
}

# A token from /service/token for one scope, or several in an array; without
# user and password an anonymous one, with "admin" the administrator's.
sub token {
    my ($self, $scope, $auth, %opt) = @_;

    my $target = '/service/token?service='
        . ($opt{service} // 'nginx-registry')
        . join '', map { '&scope=' . $self->escape($_) }
            ref $scope ? @$scope : defined $scope ? $scope : ();

    my $r = $self->get($target, (defined $auth ? (auth => $auth) : ()), %opt);
    die "no token: status " . $r->status . ": " . $r->body . "\n"
        if $r->status != 200;

    return $r->json()->{token};
}

# The path and query of a Location header, which may name a host or not.
sub location {
    my ($self, $response) = @_;
    my $location = $response->header('Location')
        // die "no Location in a response with status "
            . $response->status . ": " . $response->body . "\n";
    $location =~ s{^https?://[^/]+}{};
    return $location;
}

# Adds a query argument to such a location.
sub with_query {
    my ($self, $location, $name, $value) = @_;
    return $location . ($location =~ /\?/ ? '&' : '?') . "$name="
        . $self->escape($value);
}

# Opens an upload session; returns its location.
sub start_upload {
    my ($self, $repository, %opt) = @_;
    my $r = $self->post("/v2/$repository/blobs/uploads/", auth => 'admin',
        %opt);
    die "no upload session: status " . $r->status . ": " . $r->body . "\n"
        if $r->status != 202;
    return $self->location($r);
}

# POST, then PUT with the bytes; returns the digest.
sub push_blob {
    my ($self, $repository, $bytes, %opt) = @_;

    my $digest = $opt{digest} // Test::Registry::sha256($bytes);
    CORE::delete $opt{digest};
    my $location = $self->start_upload($repository, %opt);
    my $r = $self->put($self->with_query($location, 'digest', $digest),
        auth => 'admin', %opt, body => $bytes,
        headers => ['Content-Type' => 'application/octet-stream']);

    die "blob not taken: status " . $r->status . ": " . $r->body . "\n"
        if $r->status != 201;

    return $digest;
}

# PUTs a manifest (bytes, or data to be encoded); returns its digest. The
# reference may be undef: then it is the digest.
sub push_manifest {
    my ($self, $repository, $reference, $manifest, %opt) = @_;

    my $bytes = ref $manifest ? $self->json_bytes($manifest) : $manifest;
    my $type = CORE::delete($opt{type})
        // (ref $manifest ? $manifest->{mediaType} : undef) // $media_manifest;
    my $digest = Test::Registry::sha256($bytes);
    $reference //= $digest;

    my $r = $self->put("/v2/$repository/manifests/$reference",
        auth => 'admin', %opt, body => $bytes,
        headers => ['Content-Type' => $type]);

    die "manifest not taken: status " . $r->status . ": " . $r->body . "\n"
        if $r->status != 201;

    return $digest;
}

# Pushes a whole small image. layers => [bytes, ...] (one of a few bytes when
# not given), config => data. Returns {digest, bytes, manifest, layers,
# config}: digest and bytes are the manifest's.
sub push_image {
    my ($self, $repository, $tag, %opt) = @_;

    my $layers = CORE::delete($opt{layers}) // ["layer of $repository:$tag\n"];
    my $config = CORE::delete($opt{config}) // {
        architecture => 'amd64', os => 'linux',
        rootfs => {
            type => 'layers',
            diff_ids => [ map { Test::Registry::sha256($_) } @$layers ],
        },
    };
    my $extra = CORE::delete($opt{manifest}) // {};
    my $config_bytes = ref $config ? $self->json_bytes($config) : $config;

    $self->push_blob($repository, $_, %opt) for @$layers, $config_bytes;

    my $manifest = {
        schemaVersion => 2,
        mediaType     => $media_manifest,
        config        => $self->descriptor($media_config, $config_bytes),
        layers        => [ map { $self->descriptor($media_layer, $_) }
            @$layers ],
        %$extra,
    };
    my $bytes = $self->json_bytes($manifest);
    my $digest = $self->push_manifest($repository, $tag, $bytes,
        type => $manifest->{mediaType}, %opt);

    return {
        digest => $digest, bytes => $bytes, manifest => $manifest,
        layers => $layers, config => $config_bytes,
    };
}

1;
