# The real clients against the registry as it is shipped: docker (Debian's
# command line, and another where there is one), podman, buildah, skopeo,
# containerd's ctr, helm. What one pushes another pulls.

use warnings;
use strict;

use lib 't/lib';
use Test::More;
use Test::Registry;
use Test::Registry::Clients;

use Archive::Tar ();
use Compress::Raw::Zlib;
use Digest::SHA ();
use File::Path qw/ make_path /;

my $t = Test::Registry->new();
$t->write_conf();
$t->run();

my $c = Test::Registry::Clients->new($t);
my $host = $t->address();
my $pass = $t->password();
my $dir = $c->dir();

# --- images made by hand ---------------------------------------------------

# An OCI layout from layers: [blob file, hex, digest of the plain tar] each,
# the blobs already in place. Returns the name for skopeo.
sub layout {
    my ($path, $type, @layers) = @_;

    my $put = sub {
        my ($name, $bytes) = @_;
        open(my $f, '>:raw', "$path/$name") or die "$name: $!\n";
        print $f $bytes;
        close $f or die "$name: $!\n";
    };
    my $blob = sub {
        my ($media, $bytes) = @_;
        my $d = $t->descriptor($media, $bytes);
        $put->('blobs/' . $d->{digest} =~ s/:/\//r, $bytes);
        return $d;
    };

    my $config = $blob->('application/vnd.oci.image.config.v1+json',
        $t->json_bytes({ architecture => 'amd64', os => 'linux',
            rootfs => { type => 'layers',
                diff_ids => [ map { "sha256:$_->[1]" } @layers ] } }));
    my $oci = 'application/vnd.oci.image.manifest.v1+json';
    my $manifest = $blob->($oci, $t->json_bytes({ schemaVersion => 2,
        mediaType => $oci, config => $config, layers => [ map { {
            mediaType => $type, digest => "sha256:$_->[0]",
            size => -s "$path/blobs/sha256/$_->[0]" } } @layers ] }));
    $put->('oci-layout', '{"imageLayoutVersion":"1.0.0"}');
    $put->('index.json', $t->json_bytes({ schemaVersion => 2, manifests =>
        [{ %$manifest, annotations =>
            { 'org.opencontainers.image.ref.name' => '1' } }] }));
    return "oci:$path:1";
}

# One layer of `size` bytes that do not compress, in a gzip stream that
# stores them.
sub random_image {
    my ($name, $size) = @_;
    my $path = "$dir/$name";
    make_path("$path/blobs/sha256");

    open(my $random, '<:raw', '/dev/urandom') or die "urandom: $!\n";
    open(my $layer, '>:raw', "$path/layer") or die "layer: $!\n";
    my ($z) = Compress::Raw::Zlib::Deflate->new(-Level => 0,
        -WindowBits => WANT_GZIP);
    my ($packed, $plain) = map { Digest::SHA->new(256) } 1 .. 2;
    my $out = sub { $packed->add($_[0]); print $layer $_[0] };
    for (my $left = $size; $left > 0; $left -= 1 << 20) {
        read($random, my $block, $left < 1 << 20 ? $left : 1 << 20);
        $plain->add($block);
        $z->deflate($block, my $bytes);
        $out->($bytes);
    }
    $z->flush(my $bytes);
    $out->($bytes);
    close $layer or die "layer: $!\n";
    my $hex = $packed->hexdigest();
    rename "$path/layer", "$path/blobs/sha256/$hex";
    return (layout($path, 'application/vnd.oci.image.layer.v1.tar+gzip',
        [$hex, $plain->hexdigest()]), $hex);
}

# `count` layers, each a tar with one small file.
sub many_layers {
    my ($name, $count) = @_;
    my $path = "$dir/$name";
    make_path("$path/blobs/sha256");
    my @layers;
    for my $n (1 .. $count) {
        my $tar = Archive::Tar->new();
        $tar->add_data("f$n", "layer $n\n");
        $tar->write("$path/layer");
        my $hex = Digest::SHA->new(256)->addfile("$path/layer")->hexdigest();
        rename "$path/layer", "$path/blobs/sha256/$hex";
        push @layers, [$hex, $hex];
    }
    return layout($path, 'application/vnd.oci.image.layer.v1.tar', @layers);
}

# --- docker ----------------------------------------------------------------

sub context {
    my ($name, $dockerfile, %files) = @_;
    make_path("$dir/$name");
    $files{Dockerfile} = $dockerfile;
    for my $file (keys %files) {
        open(my $f, '>', "$dir/$name/$file") or die "$file: $!\n";
        print $f $files{$file};
        close $f;
    }
    return "$dir/$name";
}

$c->start_dockerd();

for my $cli (Test::Registry::Clients::docker_cli_paths()) {
    subtest "docker command line $cli" => sub {
        plan skip_all => "no $cli on this machine" if !-x $cli;
        my ($version) = $c->docker_with($cli, 'version', '--format',
            '{{.Client.Version}}')->{out} =~ /^(\d+)/;
        my $image = "$host/library/docker$version";

        my $r = $c->_try([$cli], 'login', '-u', 'admin',
            '--password-stdin', $host, { input => "wrong-password\n" });
        isnt($r->{status}, 0, 'a wrong password is refused');
        like($r->{err} . $r->{out}, qr/unauthorized/i, 'and said so');

        $c->docker_with($cli, 'build', '-t', "$image:1",
            context("docker-$version", "FROM scratch\nCOPY a /a\nCOPY b /b\n",
                a => "a of $version\n", b => "b of $version\n"));

        $r = $c->_try([$cli], 'push', "$image:1");
        isnt($r->{status}, 0, 'a push without login is refused');
        like($r->{err} . $r->{out}, qr/denied|unauthorized|no basic auth/i,
            'and said so');

        $c->docker_with($cli, 'login', '-u', 'admin', '--password-stdin',
            $host, { input => "$pass\n" });
        my ($digest) = $c->docker_with($cli, 'push', "$image:1")->{out}
            =~ /digest: (sha256:[0-9a-f]{64})/;
        ok($digest, 'pushed');
        is($t->head("/v2/library/docker$version/manifests/1",
            auth => 'admin')->header('Docker-Content-Digest'), $digest,
            'the digest is the one docker shows');

        $c->docker_with($cli, 'tag', "$image:1", "$host/library/again:1");
        like($c->docker_with($cli, 'push', "$host/library/again:1")->{out},
            qr/Mounted from library|Layer already exists/,
            'the second repository mounts its layers');

        $c->docker_with($cli, 'logout', $host);
        $c->docker_with($cli, 'rmi', "$image:1", "$host/library/again:1");
        like($c->docker_with($cli, 'pull', "$image:1")->{out},
            qr/Digest: \Q$digest\E/, 'pulled without login: it is public');

        $r = $c->_try([$cli], 'pull', "$host/secret/app:1");
        isnt($r->{status}, 0, 'nothing private without login');
        like($r->{err}, qr/denied|unauthorized|not found/i, 'and said so');
        $c->docker_with($cli, 'rmi', "$image:1");
    };
}

subtest 'an image of 60 layers' => sub {
    my $image = "$host/library/sixty:1";
    $c->skopeo('copy', many_layers('sixty', 60),
        "docker-archive:$dir/sixty.tar:$image");
    $c->docker('load', '-i', "$dir/sixty.tar", { timeout => 300 });
    $c->docker('login', '-u', 'admin', '--password-stdin', $host,
        { input => "$pass\n" });
    $c->docker('push', $image, { timeout => 300 });
    $c->docker('rmi', $image);
    $c->docker('pull', $image, { timeout => 300 });
    my $manifest = $t->get('/v2/library/sixty/manifests/1',
        auth => 'admin')->json();
    is(scalar @{ $manifest->{layers} }, 60, 'all layers are there');
    $c->docker('rmi', $image);
    $c->docker('logout', $host);
};

# --- podman, buildah, skopeo -----------------------------------------------

my @plain = ('--tls-verify=false');

subtest 'podman' => sub {
    isnt($c->try_podman('login', @plain, '-u', 'admin', '-p', 'wrong-pass',
        $host)->{status}, 0, 'a wrong password is refused');
    $c->podman('login', @plain, '-u', 'admin', '--password-stdin', $host,
        { input => $pass });
    $c->podman("pull", @plain, "$host/library/docker20:1");
    $c->podman('tag', "$host/library/docker20:1", "$host/team-a/sub/app:2");
    $c->podman('push', @plain, "$host/team-a/sub/app:2");
    my $list = $c->podman('search', @plain, "$host/", '--format',
        '{{.Name}}')->{out};
    like($list, qr{team-a/sub/app}, 'search lists the private one');
    $c->podman('rmi', '-a', '-f');
    $c->podman('pull', @plain, "$host/team-a/sub/app:2");
    pass('pushed into a new project and pulled');
    $c->podman('logout', $host);
    my $r = $c->try_podman('pull', @plain, "$host/team-a/sub/app:2",
        { timeout => 60 });
    isnt($r->{status}, 0, 'the project is private');
};

subtest 'buildah: a multi-arch index' => sub {
    $c->buildah('login', @plain, '-u', 'admin', '--password-stdin', $host,
        { input => $pass });
    $c->buildah('manifest', 'create', 'multi');
    for my $arch (qw/ amd64 arm64 /) {
        my $file = context("multi-$arch", "x\n", bin => "for $arch\n")
            . '/bin';
        chomp(my $work = $c->buildah('from', '--arch', $arch, 'scratch'
            )->{out});
        $c->buildah('copy', $work, $file, '/bin');
        $c->buildah('config', '--arch', $arch, $work);
        chomp(my $id = $c->buildah('commit', $work, "multi-$arch")->{out});
        $c->buildah('manifest', 'add', '--arch', $arch, 'multi',
            "containers-storage:localhost/multi-$arch");
    }
    $c->buildah('manifest', 'push', '--all', @plain, 'multi',
        "docker://$host/library/multi:1");
    my $index = $t->get('/v2/library/multi/manifests/1', auth => 'admin');
    is(scalar @{ $index->json()->{manifests} }, 2, 'two platforms');

    $c->skopeo('copy', '--all', '--src-tls-verify=false',
        '--dest-tls-verify=false', "docker://$host/library/multi:1",
        "docker://$host/library/copy:1");
    is($t->get('/v2/library/copy/manifests/1', auth => 'admin')->body,
        $index->body, 'skopeo copies the whole index');
    my $arm = $c->skopeo('inspect', @plain, '--override-arch', 'arm64',
        "docker://$host/library/multi:1")->{out};
    like($arm, qr/"Architecture": "arm64"/, 'a platform is chosen');
};

subtest 'skopeo' => sub {
    for my $tag (qw/ b a c /) {
        $c->skopeo('copy', '--src-tls-verify=false',
            '--dest-tls-verify=false', "docker://$host/library/multi:1",
            "docker://$host/library/tags:$tag");
    }
    like($c->skopeo('list-tags', @plain, "docker://$host/library/tags"
        )->{out}, qr/"a",\s+"b",\s+"c"/, 'tags in order');
    $c->skopeo('delete', @plain, "docker://$host/library/tags:b");
    isnt($c->try_skopeo('inspect', @plain,
        "docker://$host/library/tags:b")->{status}, 0,
        'a deleted image is gone');
    $c->skopeo('copy', '--dest-tls-verify=false', '--src-tls-verify=false',
        '--format', 'v2s2', "docker://$host/library/multi:1",
        "docker://$host/library/v2s2:1");
    is($t->get('/v2/library/v2s2/manifests/1', auth => 'admin'
        )->header('Content-Type'),
        'application/vnd.docker.distribution.manifest.v2+json',
        'Docker schema 2');
    isnt($c->try_skopeo('copy', '--dest-tls-verify=false',
        '--src-tls-verify=false', '--format', 'v2s1',
        "docker://$host/library/multi:1",
        "docker://$host/library/v2s1:1")->{status}, 0,
        'Docker schema 1 is refused');
};

subtest 'a layer of 1 GiB' => sub {
    my ($image, $hex) = random_image('big', 1 << 30);
    $c->skopeo('copy', '--dest-tls-verify=false', $image,
        "docker://$host/library/big:1", { timeout => 400 });
    $c->skopeo('copy', '--src-tls-verify=false',
        "docker://$host/library/big:1", "dir:$dir/big-back",
        { timeout => 400 });
    my $got = run_command(['sha256sum', "$dir/big-back/$hex"],
        timeout => 120)->{out};
    like($got, qr/^$hex/, 'comes back as it went');
    File::Path::remove_tree("$dir/big", "$dir/big-back");
};

subtest '20 pulls at once' => sub {
    my ($image) = random_image('small', 3 << 20);
    $c->skopeo('copy', '--dest-tls-verify=false', $image,
        "docker://$host/library/small:1");
    my %running;
    for my $n (1 .. 20) {
        my $pid = Test::Registry::_spawn(['skopeo', '--policy',
            "$dir/policy.json", 'copy', '--src-tls-verify=false',
            "docker://$host/library/small:1", "dir:$dir/pull-$n"],
            "$dir/pull-$n.log", "$dir/pull-$n.log", env => $c->_env());
        $running{$pid} = $n;
    }
    my $failed = 0;
    for my $pid (keys %running) {
        wait_until(sub { waitpid($pid, POSIX::WNOHANG()) == $pid }, 120,
            'a pull');
        $failed++ if $?;
    }
    is($failed, 0, 'all of them work');
};

# --- containerd ------------------------------------------------------------

subtest "containerd's ctr" => sub {
    $c->start_containerd();
    my @auth = ('--user', "admin:$pass");
    my @http = ('--plain-http');
    my @snap = ('--snapshotter', 'native');

    $c->ctr('images', 'pull', @http, @snap, "$host/library/sixty:1");
    pass('pulled without login');
    $c->ctr('images', 'tag', "$host/library/sixty:1",
        "$host/team-b/ctr:1");
    isnt($c->try_ctr('images', 'push', @http, "$host/team-b/ctr:1"
        )->{status}, 0, 'a push without credentials is refused');
    $c->ctr('images', 'push', @http, @auth, "$host/team-b/ctr:1");
    $c->ctr('images', 'rm', "$host/team-b/ctr:1");
    $c->ctr('images', 'pull', @http, @auth, @snap, "$host/team-b/ctr:1");
    pass('pushed and pulled with credentials');

    # As a mirror: the client asks for another host and adds ?ns=.
    make_path("$dir/hosts/mirror.example");
    open(my $f, '>', "$dir/hosts/mirror.example/hosts.toml") or die "$!\n";
    print $f <<"END";
server = "http://mirror.example"
[host."http://$host"]
  capabilities = ["pull", "resolve"]
END
    close $f;
    $c->ctr('images', 'pull', @snap, '--hosts-dir', "$dir/hosts",
        'mirror.example/library/sixty:1');
    pass('pulled through hosts.toml');
};

# --- helm ------------------------------------------------------------------

subtest 'helm' => sub {
    my $fetch = run_command([Test::Registry::top()
        . '/tests/clients/helm.sh', Test::Registry::top() . '/build/helm'],
        timeout => 300);
    is($fetch->{status}, 0, 'helm is there') or do {
        diag($fetch->{err});
        return;
    };
    make_path("$dir/chart/templates");
    open(my $f, '>', "$dir/chart/Chart.yaml") or die "$!\n";
    print $f "apiVersion: v2\nname: chart\nversion: 0.1.0\n";
    close $f;
    open($f, '>', "$dir/chart/templates/map.yaml") or die "$!\n";
    print $f "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n";
    close $f;

    $c->helm('package', "$dir/chart", '-d', $dir);
    isnt($c->try_helm('push', '--plain-http', "$dir/chart-0.1.0.tgz",
        "oci://$host/library/charts")->{status}, 0,
        'a push without login is refused');
    $c->helm('registry', 'login', '--plain-http', '-u', 'admin',
        '--password-stdin', $host, { input => $pass });
    $c->helm('push', '--plain-http', "$dir/chart-0.1.0.tgz",
        "oci://$host/library/charts");
    make_path("$dir/pulled");
    $c->helm('pull', '--plain-http', "oci://$host/library/charts/chart",
        '--version', '0.1.0', '-d', "$dir/pulled");
    is(-s "$dir/pulled/chart-0.1.0.tgz", -s "$dir/chart-0.1.0.tgz",
        'the chart comes back');
};

is_deeply([$c->stop()], [], 'the clients are gone');
$t->finish();
