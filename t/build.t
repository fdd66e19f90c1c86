#!/usr/bin/perl

# The targets of the Makefile that leave something to look at: help, deps,
# install; and what the module shows to the rest of nginx.

use warnings;
use strict;

use File::Temp ();
use Test::More;

use lib 't/lib';
use Test::Registry;

my $top = Test::Registry::top();
my $build = Test::Registry::build();

sub make {
    my (@arguments) = @_;
    return run_command(['make', '-C', $top, '--no-print-directory',
        "BUILD=$build", @arguments], timeout => 300);
}

# --- help ------------------------------------------------------------------

my $r = make('help');
is($r->{status}, 0, 'make help');
is(make()->{out}, $r->{out}, 'make alone is help');

open(my $makefile, '<', "$top/Makefile") or die "Makefile: $!\n";
my @targets = map { /^([a-z-]+):.*## / ? $1 : () } <$makefile>;
cmp_ok(scalar @targets, '>', 12, 'there are targets with a ## comment');
like($r->{out}, qr/^  make \Q$_\E +\S/m, "help lists $_") for @targets;
for my $target (qw/ deps all run check unit contract t bench fuzz lint format
    asan install clean /)
{
    ok((grep { $_ eq $target } @targets), "there is a target $target");
}
like($r->{out}, qr/PORT=5000/, 'help names the variables of run');

# --- a wrong kind of build -------------------------------------------------

$r = run_command(['make', '-C', $top, 'BUILD=fast', 'all']);
isnt($r->{status}, 0, 'an unknown BUILD is refused');
like($r->{err}, qr/must be release, debug, asan, tsan or \w+/, 'with a reason');

# --- deps ------------------------------------------------------------------

$r = run_command(["$top/tests/deps.sh", 'build'], env => { PATH =>
    make_path_without_apt() });
is($r->{status}, 0, 'deps: with everything in place apt is not called');
is($r->{out} . $r->{err}, '', 'and nothing is said');

$r = run_command(["$top/tests/deps.sh", 'no-such-set']);
is($r->{status}, 2, 'deps: an unknown set');

{
    my $bin = fake_dpkg('installed gcc\n');
    $r = run_command(["$top/tests/deps.sh", '-n', 'build'],
        env => { PATH => "$bin:$ENV{PATH}" });
    is($r->{status}, 1, 'deps -n: something is missing');
    like($r->{out}, qr/missing:.* nginx-dev .*libsqlite3-dev/,
        'the packages are named');
    unlike($r->{out}, qr/ gcc /, 'those that are there are not');

    SKIP: {
        skip 'needs root to become another', 2 if $> != 0;
        $r = run_command(["$top/tests/deps.sh", 'build'],
            env => { PATH => "$bin:$ENV{PATH}" }, user => 'www-data');
        is($r->{status}, 1, 'deps: not root and something missing');
        like($r->{err}, qr/apt-get install .*libjansson-dev/,
            'it says what root has to type');
    }
}

# A folder with a dpkg-query that gives this answer, whatever it is asked.
sub fake_dpkg {
    my ($answer) = @_;
    my $bin = File::Temp::tempdir('test-bin-XXXXXX', TMPDIR => 1,
        CLEANUP => 1);
    chmod 0755, $bin;
    open(my $f, '>', "$bin/dpkg-query") or die;
    print $f "#!/bin/sh\nprintf '$answer'\nexit 1\n";
    close $f;
    chmod 0755, "$bin/dpkg-query";
    return $bin;
}

# The usual PATH with an apt-get in front that fails.
sub make_path_without_apt {
    my $bin = File::Temp::tempdir('test-bin-XXXXXX', TMPDIR => 1,
        CLEANUP => 1);
    open(my $f, '>', "$bin/apt-get") or die;
    print $f "#!/bin/sh\necho 'apt-get was called'\nexit 1\n";
    close $f;
    chmod 0755, "$bin/apt-get";
    return "$bin:$ENV{PATH}";
}

# --- install ---------------------------------------------------------------

my $dest = File::Temp::tempdir('test-install-XXXXXX', TMPDIR => 1,
    CLEANUP => 1);
$r = make('install', "DESTDIR=$dest");
is($r->{status}, 0, 'make install') or diag($r->{out}, $r->{err});

ok(-f "$dest$_", $_) for qw(
    /usr/lib/nginx/modules/ngx_http_registry_module.so
    /usr/share/nginx/modules-available/mod-http-registry.conf
    /etc/nginx/snippets/registry-instance.conf
    /etc/nginx/snippets/registry-site.conf
    /usr/lib/systemd/system/jobrunner.service
    /usr/share/doc/nginx-registry/README.md
    /usr/share/doc/nginx-registry/examples/nginx.conf
    /usr/share/man/man8/jobrunner.8
    /usr/share/bash-completion/completions/jobrunner
);
ok(-x "$dest/usr/sbin/jobrunner", '/usr/sbin/jobrunner');
is(readlink "$dest/etc/nginx/modules-enabled/50-mod-http-registry.conf",
    '/usr/share/nginx/modules-available/mod-http-registry.conf',
    'the module is loaded the way Debian does it');
ok(!-e "$dest/etc/nginx/$_", "nothing in $_")
    for qw/ sites-enabled conf.d nginx.conf /;

$r = run_command(["$dest/usr/sbin/jobrunner", 'help']);
is($r->{status}, 0, 'the installed job runner runs');

$r = run_command(['bash', '-c', '. "$1" && complete -p jobrunner', 'bash',
    "$dest/usr/share/bash-completion/completions/jobrunner"]);
is($r->{status}, 0, 'the completion is one') or diag($r->{err});
like($r->{out}, qr/-F _jobrunner jobrunner$/, 'of this command');
$r = run_command(['man', '--warnings', '-l',
    "$dest/usr/share/man/man8/jobrunner.8"]);
is($r->{status}, 0, 'the manual page is one') or diag($r->{err});

# An edited file survives the next installation.
my $snippet = "$dest/etc/nginx/snippets/registry-site.conf";
open(my $f, '>>', $snippet) or die;
print $f "# edited\n";
close $f;
$r = make('install', "DESTDIR=$dest");
is($r->{status}, 0, 'make install again');
like(slurp($snippet), qr/^# edited$/m, 'an edited snippet stays');
unlike(slurp("$snippet.new"), qr/^# edited$/m, 'the new one is beside it');

sub slurp {
    my ($path) = @_;
    open(my $file, '<', $path) or return '';
    local $/;
    return <$file>;
}

# --- the module ------------------------------------------------------------

$r = run_command(['nm', '-D', '--defined-only',
    "$dest/usr/lib/nginx/modules/ngx_http_registry_module.so"]);
my @symbols = map { (split ' ')[-1] } split /\n/, $r->{out};
ok((grep { $_ eq 'ngx_modules' } @symbols),
    'the module is exported');
is_deeply([ grep { !/^(?:ngx_http_registry_|ngx_module(?:s|_names|_order)$)/
        && !/^(?:__asan|__ubsan|__odr_asan)/ } @symbols ], [],
    'no name of ours is without its prefix');

# A thread that ends late must find its code: see config.
like(run_command(['readelf', '-d',
    "$dest/usr/lib/nginx/modules/ngx_http_registry_module.so"])->{out},
    qr/NODELETE/, 'a worker that exits does not unmap the module');

# --- the unit, when systemd's checker is here ------------------------------

SKIP: {
    skip 'no systemd-analyze', 1
        if run_command(['sh', '-c', 'command -v systemd-analyze'])->{status};
    $r = run_command(['systemd-analyze', 'security', '--offline=true',
        '--threshold=20', "$top/conf/jobrunner.service"]);
    is($r->{status}, 0, 'the unit is hardened')
        or diag($r->{out}, $r->{err});
}

done_testing();
