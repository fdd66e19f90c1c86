# build/check_invariants itself: it passes a registry that is well, and finds
# each kind of damage. The other tests that use it stand on this one.

use warnings;
use strict;

use lib 't/lib';
use Test::More;
use Test::Registry;

my $t = Test::Registry->new();
$t->write_conf();
$t->run(jobrunner => 0);

my $image = $t->push_image('library/app', 'v1', layers => ['a' x 5000]);
my $gone = $t->push_image('library/app', 'old', layers => ['b' x 5000]);
$t->push_manifest('library/app', 'all', {
    schemaVersion => 2,
    mediaType => $Test::Registry::OCI::media_index,
    manifests => [ $t->descriptor($Test::Registry::OCI::media_manifest,
        $image->{bytes}) ],
});
is($t->delete("/v2/library/app/manifests/$gone->{digest}",
    auth => 'admin')->status, 202, 'a manifest is deleted');
my $session = $t->start_upload('library/app');
is($t->patch($session, auth => 'admin', body => 'c' x 3000)->status, 202,
    'a session is open');
$t->stop_nginx();

my @expect = ("tag library/app v1 $image->{digest}",
    "manifest library/app $image->{digest}",
    'blob library/app ' . sha256('a' x 5000),
    'no-tag library/app old', "no-manifest library/app $gone->{digest}",
    'no-blob library/app ' . sha256('none'));
my $r = $t->check_invariants('what nginx made is well',
    args => ['--young', 0], expect => \@expect);
like($r->{out}, qr/^0 findings, [1-9]/, 'and it looked at files');

# --- damage ----------------------------------------------------------------

my $dir = $t->dir();
my $from = "$dir/data";
my $copy = "$dir/tmp/copy";

sub one {
    my ($sql) = @_;
    my ($row) = $t->sql($sql);
    return (values %$row)[0];
}

my $layer = one("SELECT locator FROM blob WHERE digest = '"
    . sha256('a' x 5000) . "'");
my $segment = (split /:/, one('SELECT segments FROM upload'))[0];

# Each case works on a copy: what is done to it, what must be said.
sub damaged {
    my ($what, $damage, $pattern, @args) = @_;

    run_command(['rm', '-rf', $copy]);
    run_command(['cp', '-a', $from, $copy]);
    ref $damage ? $damage->("$copy/blobs")
        : $t->sql("PRAGMA foreign_keys = OFF; PRAGMA recursive_triggers = 0;"
            . $damage, path => "$copy/registry.db");

    my $got = run_command([Test::Registry::top() . '/build/check_invariants',
        '--young', 0, @args, "$copy/registry.db", "$copy/blobs"],
        user => $t->user(), dir => '/');
    is($got->{status}, 1, "$what: found");
    like($got->{out}, $pattern, "$what: said");
    return;
}

sub spoil {
    my ($path, $bytes) = @_;
    open(my $f, '+<', $path) or die "$path: $!\n";
    print {$f} $bytes;
    close $f;
    return;
}

damaged('a file is missing', sub { unlink "$_[0]/$layer" },
    qr/its bytes are missing/);
damaged('a file is short', sub { truncate "$_[0]/$layer", 4999 },
    qr/has 4999 bytes, the row says 5000/);
damaged('a file has other bytes', sub { spoil("$_[0]/$layer", 'x') },
    qr/holds other bytes/);
damaged('a segment is missing', sub { unlink "$_[0]/$segment" },
    qr/^upload: \Q$segment\E/m);
damaged('a segment is short', sub { truncate "$_[0]/$segment", 10 },
    qr/has 10 bytes, acknowledged are 3000/);
damaged('a file without a row', sub {
    mkdir "$_[0]/ab";
    open(my $f, '>',
        "$_[0]/ab/01890000-0000-7000-8000-0000000000ab") or die;
}, qr/is named by no row/);
damaged('a file with another name', sub {
    mkdir "$_[0]/ab";
    open(my $f, '>', "$_[0]/ab/hello") or die;
}, qr/has no name of ours/);

damaged('a blob without a link', 'DELETE FROM repository_blob',
    qr/blob without a link/);
damaged('a blob that a manifest needs',
    "DELETE FROM repository_blob WHERE blob_id = (SELECT id FROM blob
     WHERE locator = '$layer')", qr/needed by a manifest, and not here/);
damaged('another size in the row', 'UPDATE blob SET size = size + 1',
    qr/the row says/);
damaged('a blob about to be reclaimed',
    'UPDATE repository_blob SET unreferenced_at = 1', qr/yet to be/);
damaged('an orphan that is a blob', "INSERT INTO orphan VALUES
    ('$layer', 5000, 1, 'x')", qr/is named twice.*orphan/);
damaged('a manifest of other bytes',
    "UPDATE manifest SET body = CAST('{}' AS BLOB), size = 2",
    qr/has other bytes/);
damaged('a manifest of another size', 'UPDATE manifest SET size = 1',
    qr/another size than its bytes/);
damaged('a live tag of a deleted manifest',
    'UPDATE manifest SET deleted_at = 1, trash_until = 2',
    qr/live tag of a manifest that is deleted/);
damaged('a child that is missing', "UPDATE manifest_reference SET digest =
    'sha256:00' WHERE kind = 3", qr/child of an index/);
damaged('a wrong count', 'UPDATE repository SET live_manifests = 7',
    qr/live_manifests does not count: library.app: 7/);
damaged('a wrong count of repositories', 'UPDATE project SET
    repository_count = 7', qr/repository_count does not count: library/);
damaged('a wrong sum of bytes', 'UPDATE project SET storage_used = 7',
    qr/storage_used is not the sum.*: library: 7/);
damaged('a wrong total', "UPDATE total SET value = 7 WHERE kind = 'user'",
    qr/a total is wrong: user 0: 7/);
damaged('a private repository of a public project',
    'UPDATE repository SET public = 0', qr/public of a repository/);
damaged('a history that ends elsewhere', 'DELETE FROM tag_history',
    qr/history of a tag/);
damaged('no change row for a tag', "DELETE FROM change WHERE reference = 'v1'",
    qr/live tag without its change: v1/);
damaged('no tombstone of a tag', "DELETE FROM change WHERE reference = 'old'",
    qr/deleted tag without a tombstone: old/);
damaged('no tombstone of a manifest', "DELETE FROM change WHERE
    reference = '$gone->{digest}'", qr/deleted manifest without a tombstone/);
damaged('a tombstone of a live tag', "UPDATE change SET digest = NULL
    WHERE reference = 'v1'", qr/tombstone of a live tag/);
damaged('a counter behind', 'UPDATE counter SET value = 1',
    qr/counter behind.*seq/);
damaged('a session of another size', 'UPDATE upload SET size = 1',
    qr/segments have 3000 bytes, it has 1/);
damaged('a missing parent', 'DELETE FROM project', qr/^foreign key:/m);
damaged('a row that is not expected', 'SELECT 1', qr/^expected: no-tag/m,
    '--expect', $t->write_file('tmp/wrong', "no-tag library/app v1\n"));
damaged('a damaged page', sub {
    my $path = "$copy/registry.db";
    $t->sql('PRAGMA wal_checkpoint(TRUNCATE)', path => $path);
    open(my $f, '+<', $path) or die;
    seek $f, 4096 * one("SELECT rootpage - 1 FROM sqlite_schema
        WHERE name = 'tag_history_tag'"), 0;
    print {$f} "\x0a" . "\0" x 500;
    close $f;
}, qr/^integrity:/m);

$t->finish();
