package Test::Registry::Clients;

# The real clients, each with folders of its own below the test's folder:
#
#   my $c = Test::Registry::Clients->new($t);
#   $c->start_dockerd();
#   $c->docker('push', ...);            # {status, out, err}, dies on failure
#   $c->try_docker(...);                # the same, and never dies
#
# docker (all command lines found), podman, buildah, skopeo, ctr, helm, umoci.
# stop() ends the daemons that were started and says what was wrong.

use warnings;
use strict;

use File::Path qw/ make_path remove_tree /;
use File::Temp ();
use POSIX qw/ :sys_wait_h /;

use Test::Registry;

sub new {
    my ($class, $t) = @_;

    my $self = bless { t => $t, dir => $t->dir() . '/clients' }, $class;
    make_path("$self->{dir}/$_")
        for qw/ docker podman-run containers helm home /;
    # podman takes no path of more than 50 characters here.
    $self->{run} = File::Temp::tempdir('trc-XXXXXX', TMPDIR => 1,
        CLEANUP => 0);
    # A policy of our own: the machine may have none.
    $self->_write('policy.json',
        '{"default":[{"type":"insecureAcceptAnything"}]}');
    $self->_write('registries.conf', "unqualified-search-registries = []\n");
    return $self;
}

sub dir { return $_[0]{dir} }

sub _write {
    my ($self, $name, $text) = @_;
    open(my $f, '>', "$self->{dir}/$name") or die "$name: $!\n";
    print $f $text;
    close $f or die "$name: $!\n";
    return "$self->{dir}/$name";
}

sub _env {
    my ($self) = @_;
    return {
        HOME => "$self->{dir}/home",
        DOCKER_CONFIG => "$self->{dir}/docker",
        DOCKER_HOST => "unix://$self->{dir}/docker.sock",
        REGISTRY_AUTH_FILE => "$self->{dir}/auth.json",
        CONTAINERS_REGISTRIES_CONF => "$self->{dir}/registries.conf",
        XDG_RUNTIME_DIR => "$self->{dir}/podman-run",
        HELM_CONFIG_HOME => "$self->{dir}/helm/config",
        HELM_CACHE_HOME => "$self->{dir}/helm/cache",
        HELM_DATA_HOME => "$self->{dir}/helm/data",
        BUILDAH_ISOLATION => 'chroot',
        DOCKER_BUILDKIT => 0,
    };
}

# Runs a client: args, then perhaps {input => ..., timeout => ...}.
sub _try {
    my ($self, $program, @args) = @_;
    my %opt = @args && ref $args[-1] eq 'HASH' ? %{ pop @args } : ();
    my $r = run_command([@$program, @args], env => $self->_env(),
        timeout => 180, dir => $self->{dir}, %opt);
    $r->{command} = join ' ', @$program, @args;
    return $r;
}

sub _do {
    my ($self, $program, @args) = @_;
    my $r = $self->_try($program, @args);
    $r->{status} == 0
        or die "$r->{command}: status $r->{status}\n$r->{out}$r->{err}\n";
    return $r;
}

sub _podman {
    my ($self, $program) = @_;
    return [$program, '--root', "$self->{dir}/containers/$program",
        '--runroot', "$self->{run}/$program",
        '--storage-driver', 'vfs'];
}

# The docker command lines: Debian's, and another one that a machine may have.
sub docker_cli_paths { return qw{ /usr/bin/docker /usr/local/bin/docker } }
# Those that are there.
sub docker_clis { return grep { -x $_ } docker_cli_paths() }

my %program = (
    docker  => sub { return [(docker_clis())[0]] },
    podman  => sub {
        return [@{ $_[0]->_podman('podman') }, '--cgroup-manager',
            'cgroupfs', '--events-backend', 'none'];
    },
    buildah => sub { return $_[0]->_podman('buildah') },
    skopeo  => sub { return ['skopeo', '--policy', "$_[0]{dir}/policy.json"] },
    umoci   => sub { return ['umoci'] },
    ctr     => sub { return ['ctr', '-a', "$_[0]{dir}/containerd.sock"] },
    helm    => sub { return [Test::Registry::top() . '/build/helm/helm'] },
);

for my $name (keys %program) {
    no strict 'refs';
    *{"try_$name"} = sub {
        my $self = shift;
        return $self->_try($program{$name}->($self), @_);
    };
    *{$name} = sub {
        my $self = shift;
        return $self->_do($program{$name}->($self), @_);
    };
}

# Another docker command line.
sub docker_with {
    my ($self, $cli, @args) = @_;
    return $self->_do([$cli], @args);
}

# --- daemons ---------------------------------------------------------------

sub _start {
    my ($self, $name, $ready, @command) = @_;

    my $log = $self->{t}->dir() . "/clients/$name.log";
    my $pid = Test::Registry::_spawn(\@command, $log, $log,
        env => $self->_env());
    $self->{daemons}{$name} = $pid;

    wait_until(sub {
        waitpid($pid, WNOHANG) == $pid and die "$name ended at its start:\n"
            . Test::Registry::_read($log);
        return $ready->()->{status} == 0;
    }, 60, "$name to answer");
    return;
}

sub start_dockerd {
    my ($self) = @_;
    my $dir = $self->{dir};

    make_path("$dir/dockerd");
    $self->_start('dockerd', sub { $self->try_docker('version') },
        'dockerd', '--iptables=false', '--ip6tables=false',
        '--bridge=none', '--storage-driver=vfs',
        '--data-root', "$dir/dockerd/data", '--exec-root',
        "$dir/dockerd/exec", '-H', "unix://$dir/docker.sock", '-p',
        "$dir/dockerd/pid");
    return;
}

sub start_containerd {
    my ($self) = @_;
    my $dir = $self->{dir};

    $self->_write('containerd.toml', <<"END");
version = 2
root = "$dir/containerd/root"
state = "$dir/containerd/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "$dir/containerd.sock"
END
    $self->_start('containerd', sub { $self->try_ctr('version') },
        'containerd', '-c', "$dir/containerd.toml");
    return;
}

# Ends the daemons; a list of what was wrong.
sub stop {
    my ($self) = @_;
    my @problems;

    for my $name (sort keys %{ $self->{daemons} // {} }) {
        my $pid = delete $self->{daemons}{$name};
        kill 'TERM', $pid;
        next if eval {
            wait_until(sub { waitpid($pid, WNOHANG) == $pid }, 30, $name);
        };
        push @problems, "$name did not end";
        kill 'KILL', $pid;
        waitpid $pid, 0;
    }

    # Nothing may have our folder in its command line any more.
    my $left = sub {
        return grep { $_ ne $$ && _cmdline($_) =~ /\Q$self->{dir}\E/ }
            map { m{/proc/(\d+)} ? $1 : () } glob '/proc/[0-9]*';
    };
    eval { wait_until(sub { !$left->() }, 15, 'client processes'); 1 }
        or push @problems, map { "left: " . _cmdline($_) } $left->();
    system('umount', $_) for _mounts($self->{dir}), _mounts($self->{run});
    remove_tree($self->{run});
    return @problems;
}

sub _cmdline {
    my $text = Test::Registry::_read("/proc/$_[0]/cmdline");
    $text =~ tr/\0/ /;
    return $text;
}

sub _mounts {
    my ($dir) = @_;
    return reverse map { (split / /)[1] } grep { / \Q$dir\E/ }
        split /\n/, Test::Registry::_read('/proc/self/mounts');
}

sub DESTROY {
    my ($self) = @_;
    local ($?, $@);
    $self->stop();
    return;
}

1;
