#!/usr/bin/perl

# The commands of jobrunner as an administrator and a script see them: exit
# statuses, streams, formats, owners of files. docs_cli.t runs the examples.

use warnings;
use strict;

use JSON::PP ();
use Test::More;

use lib 't/lib';
use Test::Registry;

my $t = Test::Registry->new();
my $dir = $t->dir();
my $program = Test::Registry::build_dir() . '/jobrunner';

# jobrunner with another database, as another user.
sub plain {
    my ($args, %opt) = @_;
    return run_command([$program, @$args], user => 'root', dir => '/',
        env => $t->_sanitizer_env(), %opt);
}

sub refused {
    my ($status, $pattern, @args) = @_;
    my $r = $t->jobrunner(@args);
    my @words = grep { !ref } @args;
    is($r->{status}, $status, "@words: status $status");
    like($r->{err}, qr/^jobrunner: .*$pattern/, "@words: says why");
    is($r->{out}, '', "@words: nothing on standard output");
    return;
}

# --- before there is a database --------------------------------------------

refused(6, 'run "jobrunner .* db migrate"', 'status');
refused(6, 'db migrate', qw/ db status /);
refused(6, 'db migrate', 'serve');

my $r = plain(['--database', "sqlite:$dir/none/r.db", qw/ db migrate /]);
is($r->{status}, 78, 'a folder that is missing');
like($r->{err}, qr/install -d -o www-data/, 'says how to make it')
    if $> == 0;

$r = plain([qw/ --database mysql:x status /]);
is($r->{status}, 78, 'an unknown kind of database');

# A password in the URL is shown to nobody.
for my $url ('postgresql://ops:geheim@db.example.com/registry',
    'postgresql://db.example.com/registry?password=geheim',
    'postgresql//ops:geheim')
{
    for my $command ([qw/ serve /], [qw/ db status /], [qw/ db migrate /],
        [qw/ status /], [qw/ db restore /, "$dir/none"])
    {
        $r = plain(['--verbose', '--database', $url, @$command]);
        is($r->{status}, 78, "@$command: refused");
        unlike($r->{out} . $r->{err}, qr/geheim/, "@$command: no secret");
    }
}

# --- two at once make one database -----------------------------------------

my @both = map {
    open(my $pipe, '-|', 'setpriv', '--init-groups',
        '--reuid=' . getpwnam($t->user()),
        '--regid=' . (getpwnam $t->user())[3], '--', $program, '--database',
        $t->database(), qw/ -o json db migrate /) or die "fork: $!\n";
    $pipe;
} 1 .. 2;

my @applied = map {
    my $text = do { local $/; readline $_ };
    close $_ or die "db migrate failed: $?\n";
    JSON::PP::decode_json($text)->{applied};
} @both;

is_deeply([sort @applied], [0, 2], 'two migrations at once: one does it');
is(($t->sql('PRAGMA integrity_check'))[0]{integrity_check}, 'ok',
    'the database is sound');
is(($t->sql('SELECT count(*) AS n FROM users'))[0]{n}, 1, 'one user');

# --- started by root -------------------------------------------------------

SKIP: {
    skip 'not root', 6 if $> != 0;

    my $uid = getpwnam $t->user();
    my $as_root = sub {
        return plain(['--database', $t->database(), @_]);
    };

    is($as_root->(qw/ project create byroot /)->{status}, 0, 'root works');
    is_deeply([grep { (stat $_)[4] != $uid } glob "$dir/data/*"], [],
        'no file of root');

    $t->write_file('secret', "a password of root\n");
    chmod 0600, "$dir/secret";
    is($as_root->(qw/ user passwd admin --password-file /, "$dir/secret")
        ->{status}, 0, 'a password file that only root may read');

    symlink "$dir/data/registry.db", "$dir/data/link.db";
    $r = plain(['--database', "sqlite:$dir/data/link.db", 'status']);
    is($r->{status}, 78, 'root does not follow a link');
    unlink "$dir/data/link.db";

    $t->write_file('data/rootfile.db', '');
    chown 0, 0, "$dir/data/rootfile.db";
    $r = plain(['--database', "sqlite:$dir/data/rootfile.db", 'status']);
    is($r->{status}, 78, 'a file of root in the folder of the service');
    like($r->{err}, qr/chown/, 'says what to do');
    unlink "$dir/data/rootfile.db";
}

# --- users -----------------------------------------------------------------

sub hash {
    return ($t->sql('SELECT password_hash AS h, epoch FROM users'))[0];
}

my $before = hash();
$r = $t->jobrunner(qw/ user passwd admin --password-stdin /,
    { input => "swordfish 1\r\nsecond line\n" });
is($r->{status}, 0, 'a password by standard input');
is($r->{out}, '', 'prints nothing on standard output');
my $after = hash();
like($after->{h}, qr/^\$y\$/, 'hashed with yescrypt');
isnt($after->{h}, $before->{h}, 'another hash');
cmp_ok($after->{epoch}, '>', $before->{epoch}, 'older tokens are void');

refused(2, '8 to', qw/ user passwd admin --password-stdin /,
    { input => "short\n" });
refused(2, '8 to', qw/ user passwd admin --password-stdin /,
    { input => ('x' x 513) . "\n" });
refused(2, 'holds no password', qw/ user passwd admin --password-stdin /,
    { input => '' });
refused(2, 'holds no password', qw/ user passwd admin --password-stdin /,
    { input => "\nlater\n" });
refused(2, 'control', qw/ user passwd admin --password-stdin /,
    { input => "tab\tinside it\n" });
refused(2, 'give either', qw/ user passwd admin /);
refused(2, 'uppercase', qw/ user create weak --password-stdin /,
    { input => "$_\n" }) for 'alllower1', 'ALLUPPER1', 'NoDigits', 'Short1',
    'Aa1' x 43, "Contr0l\x01x";
is($t->jobrunner(qw/ user show weak /)->{status}, 3, 'nobody was made');
refused(2, 'give either',
    qw{ user passwd admin --password-stdin --password-file /dev/null });
refused(3, 'no such file', qw/ user passwd admin --password-file /,
    "$dir/nothing");
refused(3, 'no user "eve"', qw/ user passwd eve --password-stdin /,
    { input => "swordfish 1\n" });
is_deeply(hash(), $after, 'what was refused changed nothing');

my $users = JSON::PP::decode_json($t->jobrunner_ok(qw/ user list -o json /));
is($users->[0]{username}, 'admin', 'user list as JSON');
ok($users->[0]{sysadmin_flag}, 'the administrator');
unlike($t->jobrunner_ok(qw/ user list -o json /), qr/\$y\$/,
    'no hash is printed');

# More than one page of the statement behind it, in byte order.
$t->sql(join '', "BEGIN;", (map {
    "INSERT INTO users (name, created_at, updated_at)
     VALUES ('u" . $_ . "', 1, 1);" } 1000 .. 1600),
    "UPDATE users SET deleted_at = 1 WHERE name = 'u1001';", "COMMIT;");
my @users = split /\n/, $t->jobrunner_ok(qw/ user ls -o name /);
is(scalar @users, 601, 'all users that are not deleted');
is_deeply(\@users, [sort @users], 'ordered by name');

# --- projects --------------------------------------------------------------

refused(5, 'exists', qw/ project create library /);
refused(2, 'invalid', 'project', 'create', 'Not a name');
refused(2, 'invalid', 'project', 'create', 'a/b');
refused(3, 'no project "none"', qw/ project set-public none on /);
refused(2, 'must be one of on\|off', qw/ project set-public library yes /);

# More than one page of the statement behind it, in byte order.
$t->sql(join '', "BEGIN;", (map {
    "INSERT INTO project (name, created_at, updated_at)
     VALUES ('p" . $_ . "', 1, 1);" } 1000 .. 2100), "COMMIT;");
my @names = split /\n/, $t->jobrunner_ok(qw/ project list -o name /);
is(scalar(grep { /^p\d{4}$/ } @names), 1101, 'all projects');
is_deeply(\@names, [sort @names], 'ordered by name');

is(scalar(() = $t->jobrunner_ok(qw/ project ls --no-headers /) =~ /\n/g),
    scalar @names, 'without titles one line a row');

# --- backup ----------------------------------------------------------------

$t->jobrunner_ok(qw/ db backup /, "$dir/data/copy.db");
is(($t->sql('PRAGMA integrity_check', path => "$dir/data/copy.db"))[0]
    {integrity_check}, 'ok', 'the backup is sound');
is(($t->sql('SELECT count(*) AS n FROM project',
    path => "$dir/data/copy.db"))[0]{n}, scalar @names, 'and complete');
refused(5, 'exists', qw/ db backup /, "$dir/data/copy.db");
$r = $t->jobrunner(qw{ db backup /proc/nothing/copy.db });
isnt($r->{status}, 0, 'a folder that is not there');

# --- a result that cannot be written ---------------------------------------

$r = run_command(['sh', '-c',
    "exec $program --database " . $t->database()
    . ' project list > /dev/full'], user => $t->user(), dir => '/',
    env => $t->_sanitizer_env());
is($r->{status}, 1, 'a full disk behind standard output');
like($r->{err}, qr/cannot write/, 'says so');

# --- completion ------------------------------------------------------------

$t->write_file('completion', $t->jobrunner_ok(qw/ completion bash /));

sub complete {
    my (@words) = @_;
    my $list = join ' ', map { "'$_'" } 'jobrunner', @words;
    my $r = run_command(['bash', '-c', ". $dir/completion;"
        . " COMP_WORDS=($list); COMP_CWORD=" . @words . '; _jobrunner;'
        . ' printf "%s\n" "${COMPREPLY[@]}"'], dir => "$dir/conf");
    is($r->{err}, '', "completion of @words: no complaint");
    return join ' ', sort split /\n/, $r->{out};
}

like(complete(''),
    qr/\bdb fsck help job key member project robot serve status user\b/,
    'nouns');
is(complete('pro'), 'project', 'a noun');
is(complete('project', ''),
    'create delete list set-public set-quota set-write show', 'verbs');
is(complete('-o', 'json', 'project', 'set-p'), 'set-public',
    'the value of a flag is no word');
is(complete('project', 'set-public', 'team', 'o'), 'off on', 'choices');
is(complete('job', 'run', ''), join(' ', qw/ audit-purge backup checkpoint
    orphan-sweep reclaim upload-expire /),
    'kinds of jobs');
is(complete('user', 'passwd', '--password-s'), '--password-stdin', 'a flag');
is(complete('--out'), '--output', 'a global flag');
is(complete('status', '-o', ''), 'json name table', 'the values of a flag');

# --- a database of another version -----------------------------------------

$t->sql('INSERT INTO schema_migration
    (version, name, compatible_from, applied_at)
    VALUES (900, \'later\', 1, 1)');
$r = $t->jobrunner(qw/ db status /);
is($r->{status}, 0, 'a newer schema that this program may use');
like($r->{out}, qr/newer than the program, usable/, 'says so');
is($t->jobrunner('status')->{status}, 0, 'commands work on it');

$t->sql('UPDATE schema_migration SET compatible_from = 900
    WHERE version = 900');
$r = $t->jobrunner(qw/ db status /);
is($r->{status}, 5, 'a schema that needs a newer program');
like($r->{out}, qr/needs a newer program/, 'says so');
$r = $t->jobrunner('status');
is($r->{status}, 5, 'commands refuse it');
$r = $t->jobrunner('serve');
is($r->{status}, 5, 'the daemon refuses it');
$r = $t->jobrunner(qw/ db migrate /);
is($r->{status}, 5, 'db migrate does not go back');

$t->finish();
