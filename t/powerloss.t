# Power loss. What this is, plainly: no block device is replayed (that would
# need a kernel with dm-log-writes). Instead build/record.so, preloaded into
# nginx and the job runner, writes down every write, truncation, change of a
# name, and sync below the data folder; clients add to the same log what was
# acknowledged to them. Then, for each sync and each acknowledgement, states
# are made that a power cut at that moment could have left:
#
#   - what a sync covered is there: bytes by a sync of the file, a name by a
#     sync of its folder, and of the folder above for the folder itself (more
#     than ext4 asks for);
#   - everything else is there, or not, by page of 4 KiB and by name: nothing
#     of it, all of it, or a random part of it.
#
# In each state SQLite recovers, the invariants must hold (no row without its
# bytes), and every acknowledged push and deletion must be there. On some of
# them a registry is started, and all that was acknowledged is pulled.
#
# Not covered: a disk that lies about flushes, torn sectors inside of a page
# of which only a part was written, and what memory maps (SQLite's -shm, which
# is made anew after a crash).

use warnings;
use strict;

use lib 't/lib';
use File::Path qw/ make_path remove_tree /;
use Fcntl qw/ O_WRONLY O_APPEND O_CREAT /;
use Test::More;
use Test::Registry;

plan skip_all => 'the recorder and a sanitizer do not go together'
    if Test::Registry::build() =~ /san$/;

my $t = Test::Registry->new();
my $dir = $t->dir();
my $data = "$dir/data";
my $log = "$dir/logs/record";
my $page = 4096;
my $seed = $ENV{TEST_SEED} // time;

diag("TEST_SEED=$seed");
srand $seed;

$t->write_conf(undef, extra => 'gc { trash 0s; grace 24h; }');
$t->prepare_database();

# What is there already is on disk.
my @base = map { [$_, (stat $_)[1], $t->read_file('data/' . (m{/([^/]+)$})[0])]
    } glob "$data/*";
my $root = (stat $data)[1];

$t->write_file('logs/record', '');
$t->give($log);

# --- record ----------------------------------------------------------------

{
    local $ENV{LD_PRELOAD} = Test::Registry::top() . '/build/record.so';
    local $ENV{CR_RECORD_DIR} = $data;
    local $ENV{CR_RECORD_LOG} = $log;
    $t->start_nginx();
    $t->start_jobrunner();
}

sub note_down {
    my ($type, $line) = @_;
    sysopen(my $f, $log, O_WRONLY | O_APPEND) or die "$log: $!\n";
    my $record = pack('a1 a1 Q< Q< L< L<', 'R', $type, 0, 0, 0,
        length $line) . $line;
    syswrite($f, $record) == length $record or die "$log: $!\n";
    close $f;
    return;
}

sub acknowledged { note_down('A', $_[0]) }
sub forget       { note_down('F', $_[0]) }

# One client: images with a layer in two pieces, tags that move, deletions.
sub client {
    my ($me) = @_;

    my $repo = "library/client-$me";
    my $before;

    for my $n (1 .. 4) {
        my $layer = join '', map { chr(int rand 256) } 1 .. 9000;
        my $l = $t->start_upload($repo);
        my $half = substr $layer, 0, 5000;
        $t->patch($l, auth => 'admin', body => $half)->status == 202
            or die "PATCH\n";
        my $digest = sha256($layer);
        $t->put("$l?digest=$digest", auth => 'admin',
            body => substr $layer, 5000)->status == 201 or die "PUT\n";
        acknowledged("blob $repo $digest");

        my $config = $t->json_bytes({ os => 'linux', n => "$me $n" });
        $digest = $t->push_blob($repo, $config);
        acknowledged("blob $repo $digest");

        forget("tag $repo latest $before") if defined $before;
        my $bytes = $t->json_bytes({
            schemaVersion => 2,
            mediaType => $Test::Registry::OCI::media_manifest,
            config => $t->descriptor($Test::Registry::OCI::media_config,
                $config),
            layers => [
                $t->descriptor($Test::Registry::OCI::media_layer, $layer) ],
        });
        my $image = $t->push_manifest($repo, 'latest', $bytes);
        acknowledged("tag $repo latest $image");
        acknowledged("manifest $repo $image");

        if ($n == 3) {
            forget("manifest $repo $before");
            $t->delete("/v2/$repo/manifests/$before", auth => 'admin')
                ->status == 202 or die "DELETE\n";
            acknowledged("no-manifest $repo $before");
        }
        $before = $image;
    }

    return;
}

my @clients;
for my $me (1 .. 3) {
    my $pid = fork() // die "fork: $!\n";
    if ($pid == 0) {
        srand $seed + $me;
        eval { client($me); 1 } or do { diag("client $me: $@");
            POSIX::_exit(1) };
        POSIX::_exit(0);
    }
    push @clients, $pid;
}

for my $pid (@clients) {
    waitpid $pid, 0;
    is($?, 0, 'a client is done');
}

$t->jobrunner_ok(qw/ job run reclaim /, { env => {
    LD_PRELOAD => Test::Registry::top() . '/build/record.so',
    CR_RECORD_DIR => $data, CR_RECORD_LOG => $log } });
client(4);
$t->stop_nginx();
$t->stop_jobrunner();

# --- the log ---------------------------------------------------------------

my @records;
{
    my $text = $t->read_file('logs/record');
    my $at = 0;
    while ($at < length $text) {
        my ($mark, $type, $inode, $number, $plen, $dlen) =
            unpack 'a1 a1 Q< Q< L< L<', substr $text, $at, 26;
        $mark eq 'R' or die "the log is damaged at $at\n";
        push @records, [$type, $inode, $number, substr($text, $at + 26, $plen),
            substr($text, $at + 26 + $plen, $dlen)];
        $at += 26 + $plen + $dlen;
    }
}

my %count;
$count{$_->[0]}++ for @records;
diag(join ', ', map { "$_ $count{$_}" } sort keys %count);
cmp_ok($count{e}, '>', 50, 'syncs were seen');
cmp_ok($count{A}, '>', 40, 'and acknowledgements');
cmp_ok($count{w}, '>', 100, 'and writes');

# --- the model of a disk ---------------------------------------------------

# Files and folders are objects, known by inode. pend: changes that no sync
# has covered, oldest first: [record number, what, ...].
package Disk {

    sub new {
        my ($class, %skip) = @_;
        return bless { object => {}, names => {}, folder => { $data => $root },
            skip => \%skip, started => {}, lines => {} }, $class;
    }

    sub add_base {
        my ($self) = @_;
        $self->{folder_of}{$root} = $data;
        for my $file (@base) {
            my ($path, $inode, $bytes) = @$file;
            $self->{object}{$inode} = { bytes => $bytes, pend => [] };
            $self->{names}{$path} = $self->{object}{$inode};
        }
        $self->{live} = { %{ $self->{names} } };
        $self->{pend_names} = {};
        return $self;
    }

    sub parent { return $_[0] =~ m{^(.*)/} ? $1 : '' }

    sub name_change {
        my ($self, $n, $path, $object) = @_;
        push @{ $self->{pend_names}{ parent($path) } }, [$n, $path, $object];
        return;
    }

    sub apply {
        my ($self, $n, $record) = @_;
        my ($type, $inode, $number, $path, $bytes) = @$record;

        if ($type eq 'c' || $type eq 'm') {
            my $object = { bytes => '', pend => [], is_dir => $type eq 'm' };
            $self->{object}{$inode} = $object;
            $self->{live}{$path} = $object;
            $self->{folder_of}{$inode} = $path if $type eq 'm';
            delete $self->{folder_of}{$inode} if $type eq 'c';
            $self->name_change($n, $path, $object);

        } elsif ($type eq 'w' || $type eq 't') {
            push @{ $self->{object}{$inode}{pend} },
                [$n, $type, $number, $bytes] if $self->{object}{$inode};

        } elsif ($type eq 'u') {
            delete $self->{live}{$path};
            $self->name_change($n, $path, undef);

        } elsif ($type eq 'r' || $type eq 'l') {
            my $object = $self->{live}{$path};
            $self->{live}{$bytes} = $object;
            $self->name_change($n, $bytes, $object);
            if ($type eq 'r') {
                delete $self->{live}{$path};
                $self->name_change($n, $path, undef);
            }

        } elsif ($type eq 's') {
            $self->{started}{$number} = $n;

        } elsif ($type eq 'e') {
            $self->synced($inode, $self->{started}{$number});

        } elsif ($type eq 'A') {
            $self->{lines}{$bytes} = 1;

        } elsif ($type eq 'F') {
            delete $self->{lines}{$bytes};
        }

        return;
    }

    sub synced {
        my ($self, $inode, $before) = @_;

        if (defined(my $path = $self->{folder_of}{$inode})) {
            return if $self->{skip}{folders};
            my $pend = $self->{pend_names}{$path} // [];
            while (@$pend && $pend->[0][0] < $before) {
                my $change = shift @$pend;
                if ($change->[2]) {
                    $self->{names}{ $change->[1] } = $change->[2];
                } else {
                    delete $self->{names}{ $change->[1] };
                }
            }
            return;
        }

        my $object = $self->{object}{$inode} or return;
        return if $self->{skip}{files};
        my $pend = $object->{pend};
        while (@$pend && $pend->[0][0] < $before) {
            change(\$object->{bytes}, @{ shift @$pend });
        }
        return;
    }

    sub change {
        my ($bytes, $n, $type, $at, $new) = @_;
        my $size = length $$bytes;
        if ($type eq 't') {
            $size < $at ? ($$bytes .= "\0" x ($at - $size))
                : substr($$bytes, $at, $size - $at, '');
            return;
        }
        $$bytes .= "\0" x ($at - $size) if $size < $at;
        substr $$bytes, $at, length $new, $new;
        return;
    }

    # A state: how likely is what no sync covered (0, 1, or between)?
    sub write_state {
        my ($self, $to, $likely) = @_;

        my %names = %{ $self->{names} };
        for my $folder (keys %{ $self->{pend_names} }) {
            for my $change (@{ $self->{pend_names}{$folder} }) {
                next if rand() >= $likely;
                if ($change->[2]) {
                    $names{ $change->[1] } = $change->[2];
                } else {
                    delete $names{ $change->[1] };
                }
            }
        }

        main::remove_tree($to);
        main::make_path($to);

        for my $path (sort keys %names) {
            my $above = parent($path);
            next if $path =~ /-shm$|\.ballast$/ || $names{$path}{is_dir}
                || $above ne $data && !$names{$above}
                && $above ne "$data/blobs";
            # blobs/xx: each folder of the way must be there.
            next if $above =~ m{^\Q$data\E/blobs/} && !$names{"$data/blobs"};

            my $bytes = $names{$path}{bytes};
            for my $change (@{ $names{$path}{pend} }) {
                partly(\$bytes, $likely, @$change);
            }

            my $file = $to . substr $path, length $data;
            main::make_path(parent($file));
            open(my $f, '>:raw', $file) or die "$file: $!\n";
            print {$f} $bytes;
            close $f or die "$file: $!\n";
        }

        return;
    }

    sub partly {
        my ($bytes, $likely, $n, $type, $at, $new) = @_;
        return if $likely == 0;

        if ($type eq 't' || $likely == 1) {
            change($bytes, $n, $type, $at, $new) if rand() < $likely;
            return;
        }

        my $from = 0;
        while ($from < length $new) {
            my $size = $page - ($at + $from) % $page;
            change($bytes, $n, $type, $at + $from, substr $new, $from, $size)
                if rand() < $likely;
            $from += $size;
        }
        return;
    }
}

package main;

# --- states ----------------------------------------------------------------

my $state = "$dir/tmp/state";
my $expect = "$dir/tmp/expect";

# What check_invariants says of a state; '' when all is well.
sub judge {
    my ($disk, $likely) = @_;

    $disk->write_state($state, $likely);
    make_path("$state/blobs");
    run_command(['chown', '-R', $t->user(), $state]) if $> == 0;
    $t->write_file('tmp/expect', join '', map { "$_\n" }
        sort keys %{ $disk->{lines} });

    my $r = run_command([Test::Registry::top() . '/build/check_invariants',
        '--power-loss', '--young', 10_000_000_000, '--expect', $expect,
        "$state/registry.db", "$state/blobs"], user => $t->user(),
        dir => '/', timeout => 60);
    return $r->{status} == 0 ? '' : $r->{out} . $r->{err};
}

# Starts a registry on the last state and pulls what was acknowledged.
sub serves {
    my ($disk, $name) = @_;

    remove_tree($data);
    rename $state, $data or die "rename: $!\n";
    $t->start_nginx();

    my @wrong;
    for my $line (sort keys %{ $disk->{lines} }) {
        my ($what, $repo, @rest) = split / /, $line;
        my $missing = $what =~ s/^no-//;
        my $target = "/v2/$repo/" . ($what eq 'blob' ? 'blobs' : 'manifests')
            . "/$rest[0]";
        my $r = $t->get($target, auth => 'admin');
        my $digest = $rest[-1];
        push @wrong, "$line: " . $r->status if $missing
            ? $r->status != 404
            : $r->status != 200 || sha256($r->body) ne $digest;
    }
    is_deeply(\@wrong, [], "$name: all that was acknowledged is pulled");

    my $image = eval { $t->push_image('library/later', 'v1') };
    ok($image, "$name: and it takes pushes") or diag($@);
    $t->stop_nginx();
    return;
}

my @barriers = grep { $records[$_][0] =~ /[eA]/ } 0 .. $#records;
my $most = 160;
my %at = map { $barriers[$_] => 1 } @barriers <= $most ? (0 .. $#barriers)
    : map { int($_ * @barriers / $most) } 0 .. $most - 1;
$at{ $barriers[-1] } = 1;
my @serve = map { $barriers[int($#barriers * $_)] } 0.35, 0.7, 1;
$at{$_} = 1 for @serve;
my %serve = map { $_ => 1 } @serve;

my $disk = Disk->new()->add_base();
my ($states, @bad) = (0);

for my $n (0 .. $#records) {
    $disk->apply($n, $records[$n]);
    next if !$at{$n};

    for my $likely (0, (0.1, 0.5, 0.9)[$states % 3], $states % 7 ? () : 1) {
        my $said = judge($disk, $likely);
        $states++;
        push @bad, "record $n of $#records, $likely of the rest:\n$said"
            if $said ne '';
    }

    if ($serve{$n}) {
        my $last = judge($disk, 0.5);
        serves($disk, "cut at record $n");
    }
}

cmp_ok($states, '>', 200, "$states states after a power cut were looked at");
is(scalar @bad, 0, 'nothing acknowledged is lost, no row lacks its bytes')
    or diag(join "\n", @bad > 3 ? @bad[0 .. 2] : @bad);

# --- would it be seen? -----------------------------------------------------

# The same log on a disk where some syncs are worth nothing.
for my $skip (qw/ files folders /) {
    my $liar = Disk->new($skip => 1)->add_base();
    $liar->apply($_, $records[$_]) for 0 .. $#records;
    like(judge($liar, 0), qr/missing|expected|integrity|cannot|no such/i,
        "without syncs of $skip the loss would be seen");
}

$t->finish();
