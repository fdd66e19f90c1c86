# Deletion: tags, manifests, blobs, sessions; gone at once through every
# cache; logical; the bytes follow (distribution-spec "Content Management",
# DESIGN section 3 rule 14).

use warnings;
use strict;

use lib 't/lib';
use Test::More;
use Test::Registry;

my $t = Test::Registry->new();
$t->write_conf(<<'END');
%%GLOBALS%%
worker_processes  2;
events { worker_connections  256; }
http {
    %%HTTP%%
    open_file_cache  max=1000 inactive=60s;
    open_file_cache_valid  60s;
    sendfile  on;
    registry_instance main {
        %%INSTANCE%%
        gc { trash 0s; grace 0s; }
    }
    registry_instance frozen {
        %%INSTANCE%%
        # One database, one set of times: who starts last writes them.
        gc { trash 0s; grace 0s; }
        delete  off;
    }
    server {
        listen  127.0.0.1:%%PORT_0%%;
        %%LOCATIONS%%
    }
    server {
        listen  127.0.0.1:%%PORT_1%%;
        location ^~ /v2/ { registry frozen; }
        location ^~ /service/token { registry frozen; }
    }
}
END
$t->run(jobrunner => 0);

my @a = (auth => 'admin');
my $repo = 'library/del';

sub gone {
    my ($target, $code, $what) = @_;
    for my $method (qw/ GET HEAD /) {
        # Both workers, whatever each has cached.
        for (1 .. 6) {
            my $r = $t->http($method, $target, @a);
            is($r->status, 404, "$what: $method 404") or return;
            is($r->code, $code, "$what: code") if $method eq 'GET';
        }
    }
    return;
}

subtest 'a tag' => sub {
    my $i = $t->push_image($repo, 't1');
    $t->push_manifest($repo, 't2', $i->{bytes});
    my $r = $t->delete("/v2/$repo/manifests/t1", @a);
    is($r->status, 202, 'taken');
    gone("/v2/$repo/manifests/t1", 'MANIFEST_UNKNOWN', 'the tag');
    is($t->head("/v2/$repo/manifests/t2", @a)->status, 200, 'another tag');
    is($t->head("/v2/$repo/manifests/$i->{digest}", @a)->status, 200,
        'the manifest');
    is($t->delete("/v2/$repo/manifests/t1", @a)->status, 404, 'twice');
    my ($row) = $t->sql("SELECT digest FROM change WHERE reference = 't1'");
    is($row->{digest}, undef, 'a tombstone');
};

subtest 'a manifest' => sub {
    my $i = $t->push_image($repo, 'm1', layers => ['m']);
    $t->push_manifest($repo, 'm2', $i->{bytes});
    $t->get("/v2/$repo/manifests/m1", @a) for 1 .. 6;
    is($t->delete("/v2/$repo/manifests/$i->{digest}", @a)->status, 202,
        'taken');
    gone("/v2/$repo/manifests/$_", 'MANIFEST_UNKNOWN', $_)
        for 'm1', 'm2', $i->{digest};
    is($t->delete("/v2/$repo/manifests/$i->{digest}", @a)->status, 404,
        'twice');
    is($t->delete("/v2/library/none/manifests/$i->{digest}", @a)->status,
        404, 'no such repository');
    $t->push_manifest($repo, 'm1', $i->{bytes});
    is($t->get("/v2/$repo/manifests/$i->{digest}", @a)->body, $i->{bytes},
        'pushed again: back');
    gone("/v2/$repo/manifests/m2", 'MANIFEST_UNKNOWN', 'not its other tag');
};

subtest 'a blob' => sub {
    my $d = $t->push_blob($repo, 'to be deleted' x 100);
    $t->get("/v2/$repo/blobs/$d", @a) for 1 .. 6;
    is($t->delete("/v2/$repo/blobs/$d", @a)->status, 202, 'taken');
    gone("/v2/$repo/blobs/$d", 'BLOB_UNKNOWN', 'the blob');
    is($t->delete("/v2/$repo/blobs/$d", @a)->status, 404, 'twice');
    $t->push_blob($repo, 'to be deleted' x 100);
    is($t->get("/v2/$repo/blobs/$d", @a)->status, 200, 'pushed again');
    is($t->delete("/v2/$repo/blobs/sha256:bad", @a)->status, 400, 'bad');
};

subtest 'space comes back' => sub {
    my $i = $t->push_image($repo, 'space', layers => ['keep', 'x' x 100_000]);
    my $k = $t->push_image($repo, 'keep', layers => ['keep']);
    $t->delete("/v2/$repo/manifests/$i->{digest}", @a);
    my $files = sub {
        return split /\n/, run_command(['find', $t->dir() . '/data/blobs',
            '-type', 'f', '-size', '+50k'])->{out};
    };
    is(scalar $files->(), 1, 'the bytes are still there');
    $t->jobrunner_ok(qw/ job run reclaim /);
    is(scalar $files->(), 0, 'reclaimed');
    is($t->get("/v2/$repo/blobs/" . sha256('keep'), @a)->status, 200,
        'what another image has stays');
    is($t->get("/v2/$repo/manifests/keep", @a)->status, 200, 'and the image');
    my $r = $t->push_image($repo, 'space', layers => ['keep',
        'x' x 100_000]);
    is($t->get("/v2/$repo/blobs/" . sha256('x' x 100_000), @a)->body,
        'x' x 100_000, 'pushed again after the bytes were removed');
};

subtest 'a multi-arch image keeps its children' => sub {
    my $i = $t->push_image($repo, undef, layers => ['child']);
    my $index = { schemaVersion => 2,
        mediaType => 'application/vnd.oci.image.index.v1+json',
        manifests => [ $t->descriptor(
            'application/vnd.oci.image.manifest.v1+json', $i->{bytes}) ] };
    $t->push_manifest($repo, 'multi', $index);
    $t->jobrunner_ok(qw/ job run reclaim /);
    is($t->get("/v2/$repo/manifests/$i->{digest}", @a)->status, 200,
        'the untagged child');
    is($t->get("/v2/$repo/blobs/" . sha256('child'), @a)->status, 200,
        'its layer');
};

subtest 'delete off' => sub {
    my $i = $t->push_image($repo, 'frozen');
    my $l = $t->start_upload($repo);
    my $d = sha256("layer of $repo:frozen\n");
    for my $target ("manifests/frozen", "manifests/$i->{digest}",
        "blobs/$d", 'manifests/none', $l)
    {
        my $path = $target =~ m{^/} ? $target : "/v2/$repo/$target";
        my $r = $t->delete($path, @a, port => $t->port(1));
        is($r->status, 405, "$target: 405");
        is($r->code, 'UNSUPPORTED', 'code');
    }
    is($t->head("/v2/$repo/manifests/frozen", @a)->status, 200,
        'nothing happened');
    is($t->get($l, @a)->status, 204, 'the session neither');
};

subtest 'who may' => sub {
    my $i = $t->push_image($repo, 'mine');
    is($t->delete("/v2/$repo/manifests/mine")->status, 401, 'anonymous');
    my $pull = $t->token("repository:$repo:pull,push", 'admin');
    is($t->delete("/v2/$repo/manifests/mine", auth => "Bearer $pull")
        ->status, 401, 'a token without delete');
    my $ok = $t->token("repository:$repo:delete", 'admin');
    is($t->delete("/v2/$repo/manifests/mine", auth => "Bearer $ok")
        ->status, 202, 'a token with delete');
};

$t->finish();
