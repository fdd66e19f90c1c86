# What a pusher writes into manifests cannot make the lists of artifacts
# large: neither the memory of a worker nor the answer.

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

my $index_type = 'application/vnd.oci.image.index.v1+json';
my $image_type = 'application/vnd.oci.image.manifest.v1+json';

# An index of one child; its digest. $more: JSON, of the descriptor.
sub push_index {
    my ($repository, $tag, $child, $text, $more) = @_;
    my $d = $t->json_bytes($t->descriptor($image_type, $child));
    $d =~ s/\s*\}\s*$/,$more}/;
    return $t->push_manifest($repository, $tag, '{"schemaVersion":2,'
        . qq{"mediaType":"$index_type","annotations":{"text":"$text"},}
        . qq("manifests":[$d]}), type => $index_type);
}

sub platform {
    my ($name, $values) = @_;
    return qq("platform":{"os":"linux","architecture":"x",)
        . qq("$name":[$values]});
}

# Most that any worker ever held, in KiB.
sub peak {
    my ($most) = sort { $b <=> $a } map {
        open(my $f, '<', "/proc/$_/status") or die "/proc/$_/status: $!\n";
        map { /^VmHWM:\s+(\d+)/ ? $1 : () } <$f>;
    } $t->workers();
    return $most;
}

sub listed {
    my ($path) = @_;
    my $l = $api->get("$path?page_size=100&with_label=true"
        . '&with_accessory=true', as => undef);
    is($l->status, 200, "a list for anybody: $path");
    return $l;
}

subtest 'many values in an index' => sub {
    $api->add_project('values', 1);
    my $child = $t->push_image('values/app', undef, layers => ['x'])->{bytes};
    my @digests = map { push_index('values/app', "v$_", $child, $_,
        platform('os.features', join ',', ('[]') x 60_000, ('"a"') x 90_000))
        } 1 .. 20;
    my $before = peak();
    my $l = listed('/projects/values/repositories/app/artifacts');
    is(scalar @{ $l->json() }, 20, 'all of them');
    my $grown = peak() - $before;
    SKIP: {
        skip('a sanitizer needs more', 1) if Test::Registry::scale() > 1;
        cmp_ok($grown, '<', 64 * 1024, 'in little memory (KiB)');
    }
    my $row = $l->json()->[0];
    is($row->{digest}, $digests[-1], 'the newest first');
    ok($row->{x_brief}, 'told to be brief');
    is($row->{references}, undef, 'without references');
    is($row->{annotations}, undef, 'without annotations');
    is($row->{tags}[0]{name}, 'v20', 'with its tags');
    my $one = $api->get('/projects/values/repositories/app/artifacts/v1',
        as => undef)->body;
    is(scalar(() = $one =~ /"a"/g), 90_000, 'a single one has all of it');
    unlike($one, qr/x_brief/, 'and is not brief');
};

subtest 'long annotations' => sub {
    $api->add_project('notes', 1);
    my $child = $t->push_image('notes/app', undef, layers => ['x'])->{bytes};
    push_index('notes/app', "v$_", $child, $_ x 3_900_000,
        '"urls":[]') for 1 .. 6;
    push_index('notes/app', 'small', $child, 'x' x 2000,
        '"annotations":{"a":"b"}');
    for my $path ('/projects/notes/repositories/app/artifacts',
        '/projects/notes/artifacts')
    {
        my $rows = listed($path)->json();
        is(scalar @$rows, 7, 'all of them');
        is($rows->[1]{annotations}, undef, 'a long one is left out');
        ok(!exists $rows->[0]{x_brief}, 'a short one');
        is($rows->[0]{annotations}{text}, 'x' x 2000, 'is there');
        is($rows->[0]{references}[0]{annotations}{a}, 'b', 'with references');
    }
    is(length $api->get('/projects/notes/repositories/app/artifacts/v6',
        as => undef)->json()->{annotations}{text}, 3_900_000,
        'a single one has all of it');
};

# Each manifest is small, and each row would be large.
subtest 'a full page of large rows' => sub {
    $api->add_project('rows', 1);
    my $child = $t->push_image('rows/app', undef, layers => ['x'])->{bytes};
    my $tag = 'a' x 110;
    my @digests = map { push_index('rows/app', undef, $child, $_,
        platform('os.version', join ',', ('0.1') x 14_000)) } 1 .. 100;
    $t->sql("WITH n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n
            WHERE i < 300)
        INSERT INTO tag (repository_id, name, manifest_id, pushed_by,
            created_at, updated_at)
        SELECT m.repository_id, '$tag' || m.id || '.' || n.i, m.id,
            m.pushed_by, m.pushed_at, m.pushed_at + n.i
        FROM n
        JOIN repository r ON r.name = 'rows/app'
        JOIN manifest m ON m.repository_id = r.id AND m.kind = 2");
    my $l = listed('/projects/rows/repositories/app/artifacts');
    my $row = $l->json()->[99];
    is($row->{digest}, $digests[0], 'all of them');
    ok($row->{x_brief}, 'brief');
    is(scalar @{ $row->{tags} }, 100, 'some tags');
    like($row->{tags}[0]{name}, qr/\.300$/, 'the newest');
    is($row->{references}, undef, 'no references');
    my $one = $api->get("/projects/rows/repositories/app/artifacts/"
        . $digests[0], as => undef)->json();
    is(scalar @{ $one->{tags} }, 300, 'all tags of a single one');
    is(scalar @{ $one->{references}[0]{platform}{'os.version'} }, 14_000,
        'and its references');
};

$t->finish();
