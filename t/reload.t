#!/usr/bin/perl

# Under a load of pushes and pulls: reload (HUP), binary upgrade (USR2, WINCH,
# QUIT), workers killed with -9, graceful quit. No request fails but those on
# a dead worker, and whatever was acknowledged is there afterwards.

use warnings;
use strict;

use POSIX ();
use Test::More;

use lib 't/lib';
use Test::Registry;

my $t = Test::Registry->new();
my $dir = $t->dir();
my @a = (auth => 'admin');
my $clients = 3;

# USR2 is for a master that is a daemon. Its children come to this process
# when it ends: prctl(PR_SET_CHILD_SUBREAPER).
syscall(157, 36, 1, 0, 0, 0) == 0 or die "prctl: $!\n";

my $conf = <<'END';
%%GLOBALS%%
worker_processes         2;
worker_shutdown_timeout  %%TIMEOUT%%;

events {
    worker_connections  512;
}

http {
    %%HTTP%%
    registry_instance main {
        %%INSTANCE%%
    }

    server {
        listen  127.0.0.1:%%PORT_0%%;

        %%LOCATIONS%%
    }
}
END

sub configure {
    my ($timeout) = @_;
    my $text = $conf;
    $text =~ s/%%TIMEOUT%%/$timeout/;
    $text = $t->expand($text);
    $text =~ s/^daemon .*$/daemon on;/m;
    $t->write_file('nginx.conf', $text);
    return;
}

# As $t->start_nginx(), of a daemon.
sub start_daemon {
    my $r = run_command([Test::Registry::nginx_binary(), '-p', "$dir/", '-c',
        "$dir/nginx.conf", '-e', "$dir/logs/error.log"],
        env => Test::Registry::_nginx_env());
    $r->{status} == 0 or die "nginx: $r->{err}\n";
    wait_until(sub { $t->read_file('nginx.pid') =~ /^\d+\n/ }, 10, 'the pid');
    chomp(my $pid = $t->read_file('nginx.pid'));
    $t->{nginx} = $t->{groups}{nginx} = $pid;
    wait_until(sub { eval { $t->get('/healthz')->status == 200 } }, 10,
        'nginx to answer');
    return $pid;
}

sub bytes {
    my ($size) = @_;
    my $line = join ' ', rand, rand, $$, "\n";
    return substr $line x (1 + $size / length $line), 0, $size;
}

# --- the load --------------------------------------------------------------

my $old = bytes(3_000_000);
my $old_digest;

# One client's push of an image, and pull of it, on connections of their own;
# then an older layer on a connection that is kept. Dies of whatever is wrong.
sub turn {
    my ($client, $n) = @_;

    my $repo = "library/load$client";
    my $layer = "$client $n " . bytes(150_000);
    my $location = $t->start_upload($repo);
    my $r = $t->patch($location, @a, chunks => [unpack '(a40000)*', $layer]);
    $r->status == 202 or die 'PATCH: ' . $r->status . "\n";
    $r = $t->put($t->with_query($location, 'digest', sha256("${layer}end")),
        @a, body => 'end');
    $r->status == 201 or die 'PUT: ' . $r->status . $r->body . "\n";

    my $image = $t->push_image($repo, "t$n", layers => ["$client $n"]);

    $r = $t->get("/v2/$repo/manifests/t$n");
    $r->status == 200 && $r->body eq $image->{bytes}
        or die 'GET manifest: ' . $r->status . "\n";
    $r = $t->get("/v2/$repo/blobs/" . sha256("${layer}end"));
    $r->status == 200 && $r->body eq "${layer}end"
        or die 'GET blob: ' . $r->status . "\n";

    return ($repo, $image->{digest}, sha256("${layer}end"));
}

# A pull on a connection that is kept. That an idle one is closed is no
# failure; that a response is cut is.
sub kept {
    my ($connection) = @_;

    for (1 .. 2) {
        $$connection //= $t->connect();
        $$connection->send($t->request_bytes('GET',
            "/v2/library/old/blobs/$old_digest",
            headers => [Connection => 'keep-alive']));
        my $r = $$connection->response('GET');
        if (defined $r) {
            $r->status == 200 && $r->body eq $old
                or die 'kept: ' . $r->status . ', ' . length($r->body) . "\n";
            undef $$connection
                if ($r->header('Connection') // '') eq 'close';
            return;
        }
        undef $$connection;
    }

    die "kept: closed twice\n";
}

# Starts the clients. Each writes a line for each turn: "ok REPOSITORY
# DIGEST BLOB", or "not ok WHY". They end when the file "stop" is there.
sub load_start {
    my ($name) = @_;

    my %load = (name => $name, pids => []);
    my $test = $$;
    unlink "$dir/stop";

    for my $client (1 .. $clients) {
        my $pid = fork() // die "cannot fork: $!\n";
        if ($pid == 0) {
            $SIG{INT} = $SIG{TERM} = 'DEFAULT';
            srand $$;
            my $connection;
            open my $log, '>>', "$dir/load.$name.$client" or POSIX::_exit(1);
            $log->autoflush(1);
            for (my $n = 1; !-e "$dir/stop" && getppid() == $test; $n++) {
                my @done = eval { turn("$name$client", $n) };
                print $log @done ? "ok @done\n" : "not ok $@";
                eval { kept(\$connection); 1 } or print $log "not ok $@";
            }
            close $log;
            POSIX::_exit(0);
        }
        push @{ $load{pids} }, $pid;
    }

    load_more(\%load, 2);
    return \%load;
}

sub load_lines {
    my ($load, $client) = @_;
    return split /\n/, $t->read_file("load.$load->{name}.$client");
}

# Waits until each client has done so many more turns.
sub load_more {
    my ($load, $more) = @_;
    for my $client (1 .. $clients) {
        my $had = () = load_lines($load, $client);
        wait_until(sub { load_lines($load, $client) >= $had + $more }, 60,
            'the load to go on');
    }
    return;
}

# Ends the clients: the failures, and how much was done. What was
# acknowledged is looked at again.
sub load_stop {
    my ($load) = @_;

    $t->write_file('stop', '');
    waitpid $_, 0 for @{ $load->{pids} };

    my (@bad, $good, $lost);
    for my $client (1 .. $clients) {
        for (load_lines($load, $client)) {
            if (/^ok (\S+) (\S+) (\S+)$/) {
                $good++;
                $t->head("/v2/$1/manifests/$2")->status == 200
                    && sha256($t->get("/v2/$1/blobs/$3")->body) eq $3
                    or $lost++;
            } else {
                push @bad, $_;
            }
        }
    }

    note("$good turns");
    is($lost // 0, 0, 'what was acknowledged is there');
    return @bad;
}

# --- the events ------------------------------------------------------------

configure('60s');
$t->prepare_database();
start_daemon();
$t->start_jobrunner();
$old_digest = $t->push_blob('library/old', $old);

subtest 'HUP' => sub {
    my $load = load_start('hup');
    for (1 .. 4) {
        $t->reload();
        load_more($load, 2);
        $t->wait_old_workers();
    }
    is_deeply([load_stop($load)], [], 'nothing failed');
};

subtest 'workers killed with -9' => sub {
    my $load = load_start('kill');
    for (1 .. 4) {
        $t->kill_worker('KILL');
        load_more($load, 2);
    }
    my @bad = load_stop($load);
    my $dead = qr/closed without a response|within the headers|kept: 200/;
    my @other = grep { !/$dead/ } @bad;
    is_deeply(\@other, [], 'nothing but lost connections');
    cmp_ok(scalar(@bad), '<=', 4 * $clients, 'one a client and death at most');
    note(scalar(@bad) . ' lost');
};

subtest 'binary upgrade' => sub {
    my $load = load_start('upgrade');
    my $master = $t->{nginx};
    my @workers = $t->workers();

    kill 'USR2', $master;
    wait_until(sub { -s "$dir/nginx.pid.oldbin" && -s "$dir/nginx.pid" }, 20,
        'the new master');
    chomp(my $new = $t->read_file('nginx.pid'));
    isnt($new, $master, 'a new master');
    load_more($load, 2);

    kill 'WINCH', $master;
    wait_until(sub { !$t->workers('all') }, 30, 'the old workers to end');
    load_more($load, 2);

    kill 'QUIT', $master;
    ok($t->_wait_end('nginx', 20), 'the old master ends');
    is($t->{nginx_status}, 0, 'well');
    $t->{nginx} = $new;
    is(scalar(() = $t->workers()), scalar @workers, 'the new workers');
    load_more($load, 2);
    is_deeply([load_stop($load)], [], 'nothing failed');

    $t->reload();
    is($t->get('/v2/')->status, 401, 'the new master can reload');
};

subtest 'upgrade taken back' => sub {
    my $load = load_start('back');
    my $master = $t->{nginx};

    kill 'USR2', $master;
    wait_until(sub { -s "$dir/nginx.pid.oldbin" && -s "$dir/nginx.pid" }, 20,
        'the new master');
    chomp(my $new = $t->read_file('nginx.pid'));
    kill 'WINCH', $master;
    wait_until(sub { !$t->workers('all') }, 30, 'the old workers to end');
    load_more($load, 1);

    kill 'HUP', $master;
    wait_until(sub { (() = $t->workers()) == 2 }, 20,
        'the old binary to come back');
    kill 'QUIT', $new;
    wait_until(sub { !-e "$dir/nginx.pid.oldbin" && !kill(0, $new) }, 30,
        'the new master to end');
    load_more($load, 2);
    is_deeply([load_stop($load)], [], 'nothing failed');
};

# Requests of every kind that stand in the middle of their body, or of the
# response's; $event happens; they are brought to their end.
sub in_flight {
    my ($event) = @_;

    my $repo = 'library/flight';
    my $data = bytes(1_500_000);
    my $half = 700_000;
    my $config = $t->push_blob($repo, "config\n");
    my $manifest = $t->json_bytes({ schemaVersion => 2,
        mediaType => 'application/vnd.oci.image.manifest.v1+json',
        config => $t->descriptor('application/x-config', "config\n"),
        layers => [], annotations => { n => 'x' x 50_000 } });
    my $location = $t->start_upload($repo);
    my $put = $t->start_upload($repo);

    my @flights = (
        ['PATCH', $location, $data, 202],
        ['PUT', $t->with_query($put, 'digest', sha256($data)), $data, 201],
        ['POST', "/v2/$repo/blobs/uploads/?digest=" . sha256("x$data"),
            "x$data", 201],
        ['PUT', "/v2/$repo/manifests/flight", $manifest, 201, 'Content-Type' =>
            'application/vnd.oci.image.manifest.v1+json'],
    );

    for (@flights) {
        my ($method, $target, $body, $status, @header) = @$_;
        my $sent = length $body > $half ? $half : 20_000;
        my $c = $t->connect();
        $c->send($t->request_bytes($method, $target, @a, headers => [@header,
            'Content-Length' => length $body]), substr $body, 0, $sent);
        push @$_, $c, substr $body, $sent;
    }

    my $down = $t->connect();
    $down->send($t->request_bytes('GET', "/v2/library/old/blobs/$old_digest"));
    ok($down->readable(10), 'a download begins');
    wait_until(sub {
        $t->get('/metrics')->body =~ /^registry_uploads_in_progress 3$/m
    }, 10, 'the uploads to begin');

    $event->();

    for (@flights) {
        my ($method, $target, $body, $status, @rest) = @$_;
        my ($c, $tail) = @rest[-2, -1];
        $c->send($tail);
        my $r = $c->response();
        is($r && $r->status, $status, "$method, begun before")
            or diag $r && $r->body;
    }
    my $r = $down->response('GET');
    ok($r->body eq $old, 'the download, begun before');

    return ($location, sha256($data), sha256($manifest), $repo);
}

subtest 'in flight through two reloads' => sub {
    my ($location, $digest, $manifest, $repo) = in_flight(sub {
        $t->reload();
        $t->reload();
    });
    $t->wait_old_workers();
    is($t->put($t->with_query($location, 'digest', $digest), @a)->status, 201,
        'a new worker commits');
    is($t->get("/v2/$repo/manifests/flight")->header('Docker-Content-Digest'),
        $manifest, 'the manifest');
    is(sha256($t->get("/v2/$repo/blobs/$digest")->body), $digest, 'the bytes');
};

subtest 'one session through reloads, chunk by chunk' => sub {
    my $location = $t->start_upload('library/flight');
    my ($all, $n) = ('', 0);
    for (1 .. 5) {
        my $chunk = bytes(123_457);
        my $r = $t->patch($location, @a, body => $chunk, headers =>
            ['Content-Range' => sprintf '%d-%d', $n, $n + length($chunk) - 1]);
        is($r->status, 202, "chunk $_") or diag $r->body;
        $location = $t->location($r);
        $all .= $chunk;
        $n = length $all;
        $t->reload();
    }
    is($t->put($t->with_query($location, 'digest', sha256($all)), @a)->status,
        201, 'committed');
};

subtest 'worker_shutdown_timeout' => sub {
    configure('300ms');
    $t->reload();
    $t->wait_old_workers();
    my $location = $t->start_upload('library/flight');
    my $c = $t->connect();
    my $data = bytes(900_000);
    $c->send($t->request_bytes('PATCH', $location, @a, headers =>
        ['Content-Length' => 1_800_000]), $data);
    wait_until(sub {
        $t->get('/metrics')->body =~ /^registry_uploads_in_progress 1$/m
    }, 10, 'the upload to begin');
    $t->reload();
    $t->wait_old_workers();
    ok($c->closed(), 'the upload is cut off');
    my $r = $t->get($location, @a);
    is($r->header('Range'), '0-' . (length($data) - 1), 'what came is kept');
    $r = $t->put($t->with_query($location, 'digest', sha256("$data!")), @a,
        body => '!');
    is($r->status, 201, 'and open to the next writer') or diag $r->body;
    configure('60s');
    $t->reload();
    $t->wait_old_workers();
};

subtest 'QUIT' => sub {
    my ($location, $digest, $manifest, $repo) = in_flight(sub {
        kill 'QUIT', $t->{nginx};
        wait_until(sub { !$t->workers() }, 10, 'the workers to shut down');
    });
    is($t->stop_nginx(), 0, 'then nginx ends');
    unlink "$dir/nginx.pid";
    start_daemon();
    is($t->get("/v2/$repo/manifests/flight")->header('Docker-Content-Digest'),
        $manifest, 'the manifest is there');
    is($t->put($t->with_query($location, 'digest', $digest), @a)->status, 201,
        'the session too');
};

$t->finish();
