#!/usr/bin/perl

# The project's own rules, those that no compiler knows: who may include whom,
# banned functions, sizes, columns, where SQL and nginx may be named, sleeps
# in tests, writable globals, names without prefix, files without a test,
# docs/directives.md.
#
# One TAP line a rule; each finding is "file:line: what". A rule's own tests
# stand beside it: lines that it must find, lines that it must pass.

use warnings;
use strict;

use Cwd qw/ abs_path /;
use File::Basename qw/ basename dirname /;
use File::Find ();
use Test::More;

chdir abs_path(dirname(__FILE__) . '/../..') or die "chdir: $!\n";

my $max_c = 800;            # lines of a .c file
my $max_h = 250;            # lines of a .h file
my $max_function = 80;      # lines of a function, from { to }
my $max_columns = 80;

# --- files -----------------------------------------------------------------

sub files {
    my ($pattern, @folders) = @_;
    my @found;
    File::Find::find({ no_chdir => 1, wanted => sub {
        push @found, $_ if -f && /$pattern/;
    } }, grep { -d } @folders);
    return sort @found;
}

my %text;

sub slurp {
    my ($path) = @_;
    return $text{$path} //= do {
        open(my $f, '<:encoding(UTF-8)', $path) or die "$path: $!\n";
        local $/;
        <$f> // '';
    };
}

# C without comments, and without what is inside of strings: as many lines
# and columns as before. With "strings" the strings stay.
sub code {
    my ($source, $strings) = @_;

    $source =~ s{
        ( /\* .*? \*/ | //[^\n]* )
      | ( " (?: \\. | [^"\\\n] )* " | ' (?: \\. | [^'\\\n] )* ' )
    }{
        my ($comment, $string) = ($1, $2);
        my $keep = defined $comment ? $comment : $string;
        if (defined $comment) {
            $keep =~ s/[^\n]/ /g;
        } elsif (!$strings) {
            $keep =~ s/(?<=.)[^\n](?=.)/_/g;
        }
        $keep;
    }gsex;

    return $source;
}

# The lines of a text that match, as "path:line: what".
sub matching {
    my ($path, $source, $pattern, $what) = @_;
    my @found;
    my $n = 0;
    for my $line (split /\n/, $source) {
        $n++;
        push @found, "$path:$n: " . $what . ": $1" if $line =~ $pattern;
    }
    return @found;
}

sub report {
    my ($name, @found) = @_;
    ok(!@found, $name) or diag(join "\n", @found);
    return;
}

my @registry = files(qr/\.[ch]$/, 'registry');
my @module   = files(qr/\.[ch]$/, 'ngx_module');
my @runner   = files(qr/\.[ch]$/, 'jobrunner');
my @tests_c  = files(qr/\.[ch]$/, 'tests');
my @perl     = files(qr/\.(?:pl|pm|t)$/, 't', 'tests', 'sql');
my @product  = (@registry, @module, @runner);

cmp_ok(scalar @registry, '>', 20, 'there are files to look at');

# --- include direction -----------------------------------------------------

my %may = (
    core    => [qw/ core /],
    oci     => [qw/ oci core /],
    storage => [qw/ storage oci core /],
    db      => [qw/ db core /],
    meta    => [qw/ meta db auth oci core /],
    auth    => [qw/ auth oci core /],
    api     => [qw/ api auth meta storage oci core /],
);

sub include_findings {
    my ($path, $source) = @_;

    my @found;
    my $n = 0;

    for my $line (split /\n/, $source) {
        $n++;
        my ($mark, $name) = $line =~ /^\s*#\s*include\s+([<"])([^>"]+)[>"]/
            or next;
        my $bad;

        if ($name =~ /^ngx_/) {
            $bad = 1 if $path !~ m{^ngx_module/};

        } elsif ($name eq 'sqlite3.h') {
            $bad = 1 if $path !~ m{^registry/db/sqlite\w*\.c$};

        } elsif ($name =~ m{^curl/}) {
            $bad = 1 if $path !~ m{^jobrunner/};

        } elsif ($name eq 'sql_gen.h') {
            $bad = 1 if $path !~ m{^registry/(?:db|meta)/};

        } elsif ($mark eq '"' && $path =~ m{^registry/(\w+)/}) {
            my $allowed = $may{$1} // [];
            my ($folder) = $name =~ m{^(\w+)/};
            $bad = 1 if defined $folder
                && !grep { $_ eq $folder } @$allowed;
            $bad = 1 if $name =~ m{\.\./};

        } elsif ($mark eq '"' && $path =~ m{^ngx_module/}) {
            $bad = 1 if $name =~ m{/} && $name !~ m{^core/}
                && $name ne 'api/api.h' && $name ne 'auth/token.h';

        } elsif ($mark eq '"' && $path =~ m{^jobrunner/}) {
            $bad = 1 if $name =~ m{^api/};
        }

        push @found, "$path:$n: may not include $name" if $bad;
    }

    return @found;
}

is(scalar include_findings('registry/oci/a.c', '#include "db/db.h"'), 1,
    'self: oci may not include db');
is(scalar include_findings('registry/api/a.c', '#include "db/db.h"'), 1,
    'self: api may not include db');
is(scalar include_findings('registry/api/a.c', '#include "meta/blob.h"'), 0,
    'self: api may include meta');
is(scalar include_findings('registry/core/a.c', '#include <ngx_core.h>'), 1,
    'self: nginx is for the module');
is(scalar include_findings('ngx_module/a.c', '#include "meta/blob.h"'), 1,
    'self: the module sees core and api.h');

report('include direction',
    map { include_findings($_, slurp($_)) } @product);

# --- banned functions ------------------------------------------------------

my $banned = qr/(?<![\w.>])((?:v?sprintf|strcpy|stpcpy|strcat|strncpy|strncat
    |strtok|gets|atoi|atol|atoll|alloca|system|popen|tmpnam|mktemp)\s*\()/x;

sub banned_findings {
    my ($path, $source) = @_;
    return matching($path, code($source), $banned, 'banned function');
}

is(scalar banned_findings('a.c', "    sprintf(a, \"x\");"), 1,
    'self: sprintf is found');
is(scalar banned_findings('a.c', "    snprintf(a, 1, \"x\");"), 0,
    'self: snprintf passes');
is(scalar banned_findings('a.c', "/* strcpy( */ f(\"system(\");"), 0,
    'self: comments and strings pass');

report('banned functions',
    map { banned_findings($_, slurp($_)) } @product, @tests_c);

# --- nginx, SQLite and SQL where they belong -------------------------------

report('ngx_ only in ngx_module', map {
    matching($_, code(slurp($_)), qr/\b(ngx_\w+)/, 'outside ngx_module')
} @registry, @runner);

report('sqlite3_ only in registry/db/sqlite*.c', map {
    matching($_, code(slurp($_)), qr/\b(sqlite3_\w+)/, 'outside its file')
} grep { !m{^registry/db/sqlite\w*\.c$} } @product);

report('curl_ only in jobrunner', map {
    matching($_, code(slurp($_)), qr/\b(curl_\w+)/, 'outside jobrunner')
} @registry, @module);

my $sql = qr/"\s*((?:SELECT\s+\S+.*\bFROM|SELECT\s+\S|INSERT\s+(?:OR\s+\w+\s+)?
    INTO|UPDATE\s+\w+\s+SET|DELETE\s+FROM|(?:CREATE|DROP|ALTER)\s+
    (?:TABLE|INDEX|TRIGGER|VIEW)|PRAGMA\s+\w|BEGIN\s+IMMEDIATE|SAVEPOINT\s)
    .*)"/xi;

sub sql_findings {
    my ($path, $source) = @_;
    # Words of an error message are no statement: those are written in capitals.
    return grep { /:\s(?:SELECT|INSERT|UPDATE|DELETE|CREATE|DROP|ALTER|PRAGMA
        |BEGIN|SAVEPOINT|select|insert|update|delete)\b/x }
        matching($path, code($source, 1), $sql, 'SQL');
}

is(scalar sql_findings('a.c', 'f("SELECT id FROM tag");'), 1,
    'self: a statement is found');
is(scalar sql_findings('a.c', 'f("update tag set x = 1");'), 1,
    'self: in small letters too');
is(scalar sql_findings('a.c', 'f("select another name");'), 1,
    'self: it would rather find too much');
is(scalar sql_findings('a.c', 'f("the update failed");'), 0,
    'self: a message passes');

report('no SQL text in C', map { sql_findings($_, slurp($_)) }
    grep { !m{^registry/db/} } @product);

# --- sizes and columns -----------------------------------------------------

# Without what stands between "clang-format off" and "clang-format on".
sub without_tables {
    my ($source) = @_;
    $source =~ s{(/\*\s*clang-format\s+off\s*\*/)(.*?)
        (/\*\s*clang-format\s+on\s*\*/|\z)}{
        my ($off, $keep, $on) = ($1, $2, $3);
        $keep =~ s/[^\n]+//g;
        "$off$keep$on";
    }gsex;
    return $source;
}

sub column_findings {
    my ($path, $source) = @_;
    my @found;
    my $n = 0;
    for my $line (split /\n/, without_tables($source)) {
        $n++;
        push @found, "$path:$n: " . length($line) . ' columns'
            if length $line > $max_columns;
    }
    return @found;
}

is(scalar column_findings('a.c', 'x' x 81), 1, 'self: 81 columns');
is(scalar column_findings('a.c', "/* clang-format off */\n" . 'x' x 81), 0,
    'self: tables are exempt');

report("at most $max_columns columns", map { column_findings($_, slurp($_)) }
    @product, @tests_c, grep { !m{^tests/lint/} } @perl);

sub space_findings {
    my ($path, $source) = @_;
    my @found = matching($path, $source, qr/(\t)/, 'tab');
    push @found, matching($path, $source, qr/([ \t\r]+)$/,
        'blank at the end of the line');
    push @found, "$path: no newline at the end" if $source !~ /\n\z/;
    return @found;
}

is(scalar space_findings('a.c', "a\tb\n"), 1, 'self: a tab');
is(scalar space_findings('a.c', "a \nb\n"), 1, 'self: a blank at the end');

report('no tabs, no blanks at the end', map { space_findings($_, slurp($_)) }
    @product, @tests_c, @perl);

sub lines_of {
    my ($source) = @_;
    my @lines = split /\n/, without_tables($source);
    return scalar @lines;
}

# A test may be longer than what it tests.
report("no .c of the product over $max_c lines, no .h over $max_h", map {
    my $lines = lines_of(slurp($_));
    my $max = /\.h$/ ? $max_h : $max_c;
    $lines > $max ? "$_: $lines lines (at most $max)" : ();
} @product);

sub function_findings {
    my ($path, $source) = @_;

    my @found;
    my ($n, $name, $start) = (0, '', 0);

    for my $line (split /\n/, without_tables(code($source))) {
        $n++;
        if ($line =~ /^(\w+)\(/ || $line =~ /^\w[\w\s*]*?\b(\w+)\(/) {
            $name = $1;
        }
        $start = $n if $line =~ /^\{/;
        if ($line =~ /^\}/ && $start) {
            my $size = $n - $start - 1;
            push @found, "$path:$start: $name() has $size lines"
                if $size > $max_function;
            $start = 0;
        }
    }

    return @found;
}

is(scalar function_findings('a.c', "int\nf(void)\n{\n" . "    x();\n" x 81
    . "}\n"), 1, 'self: a long function');
is(scalar function_findings('a.c', "int\nf(void)\n{\n" . "    x();\n" x 80
    . "}\n"), 0, 'self: one of 80 lines');

report("no function over $max_function lines",
    map { function_findings($_, slurp($_)) } grep { /\.c$/ } @product);

# --- each file has its test ------------------------------------------------

# Files of registry/ without a test of their own, and why. Not a place for
# what is still to do: a file with functions has a test.
my %untested = (
    # 'registry/x/tables.c' => 'only tables',
);

# registry/meta/tag.c: tests/unit/meta/test_tag.c.
sub test_of {
    my ($path) = @_;
    return $path =~ s{^registry/(.*/)(\w+)\.c$}{tests/unit/$1test_$2.c}r;
}

sub untested_findings {
    my ($has, $exceptions, @sources) = @_;
    my @found = map { "$_: no " . test_of($_) }
        grep { !$has->{test_of($_)} && !exists $exceptions->{$_} } @sources;
    push @found, map { "$_: excepted, but has its test" }
        grep { $has->{test_of($_)} } sort keys %$exceptions;
    my %sources = map { $_ => 1 } @sources;
    push @found, map { "$_: excepted, but is no file" }
        grep { !$sources{$_} } sort keys %$exceptions;
    return @found;
}

is(test_of('registry/api/management/tag.c'),
    'tests/unit/api/management/test_tag.c', 'self: the test of a file');
{
    my @two = ('registry/a/x.c', 'registry/a/y.c');
    my $has = { 'tests/unit/a/test_x.c' => 1 };

    is(scalar untested_findings($has, {}, @two), 1,
        'self: a file without a test');
    is(scalar untested_findings($has, { $two[1] => 'tables' }, @two), 0,
        'self: one that needs none');
    is(scalar untested_findings($has, { $two[0] => '', $two[1] => '' }, @two),
        1, 'self: one that has its test all the same');
    is(scalar untested_findings($has, { $two[1] => '', 'registry/z.c' => '' },
        @two), 1, 'self: one that is no file');
}

report('each .c of registry/ has its unit test', untested_findings(
    { map { $_ => 1 } grep { m{^tests/unit/} } @tests_c }, \%untested,
    grep { /\.c$/ } @registry));

# --- look ------------------------------------------------------------------

report('each file begins with a comment', map {
    slurp($_) =~ m{\A\s*/\*} ? () : "$_: no comment at its head"
} @product, @tests_c);

report('no leftovers', map {
    matching($_, slurp($_), qr/\b(TODO|FIXME|XXX|HACK)\b/, 'leftover')
} @product, @tests_c, grep { !m{^tests/lint/} } @perl);

sub look_findings {
    my ($path, $source) = @_;
    $source = without_tables(code($source));
    my @found = matching($path, $source, qr{^\s*((?:if|for|while)\s*\(.*\)\s*
        (?:return|goto|break|continue)\b.*;)}x, 'braces');
    push @found, matching($path, $source,
        qr/^\s*(else\s+(?!if\b)[^{\s].*;)/, 'braces');
    return @found;
}

is(scalar look_findings('a.c', '    if (a) return 1;'), 1,
    'self: braces are missed');
is(scalar look_findings('a.c', '    if (a) {'), 0, 'self: braces are seen');

report('braces always', map { look_findings($_, slurp($_)) } @product,
    @tests_c);

# --- tests wait for events -------------------------------------------------

my $sleep_c = qr/(?<![\w.>])((?:u|nano)?sleep\s*\(|clock_nanosleep\s*\()/;
my $sleep_perl = qr/^[^#]*?(?<![\w\$%\@'".-])((?:u|nano)?sleep\s*\(?\s*[\d\$]
    |select\s*\(?\s*undef,\s*undef,\s*undef)/x;

is(scalar matching('a.c', code("    usleep(10);"), $sleep_c, 'x'), 1,
    'self: usleep() is found');
is(scalar matching('a.t', "sleep 1;", $sleep_perl, 'x'), 1,
    'self: sleep is found');
is(scalar matching('a.t', "run_command(['sleep', '100']);", $sleep_perl,
    'x'), 0, 'self: a child that sleeps passes');
is(scalar matching('a.t', "    ngx.sleep(0.002)", $sleep_perl, 'x'), 0,
    'self: a configuration that waits passes');

report('no sleeps in tests',
    (map { matching($_, code(slurp($_)), $sleep_c, 'sleep') }
        grep { !m{^tests/bench/} } @tests_c),
    (map { matching($_, slurp($_), $sleep_perl, 'sleep') }
        grep { $_ ne 't/lib/Test/Registry.pm' && !m{^tests/lint/} } @perl));

# --- what the compiled library says ----------------------------------------

my $build = $ENV{BUILD} || 'release';
my $library = "build/$build/libregistry.a";

SKIP: {
    skip "$library is not built", 2 if !-f $library;

    # nm cannot tell constant tables with pointers from writable data;
    # the section can.
    my (@writable, @unprefixed);
    my $member = '?';

    for my $line (`objdump -t $library`) {
        $member = $1 if $line =~ /^(\S+\.o):/;
        my ($flags, $section, $name) =
            $line =~ /^[0-9a-f]{8,} (.{7}) (\S+)\s+[0-9a-f]+ (?:\S+ )?(\S+)$/
            or next;

        if ($flags =~ /O/ && $section =~ /^\.(?:data|bss|data\.rel)$/
            && $name !~ /^(?:__|\.L)/)
        {
            push @writable, "$member: $name is writable";
        }

        if ($flags =~ /^g/ && $section ne '*UND*' && $name !~ /^cr_/
            && $name !~ /^(?:__|DW\.)/)
        {
            push @unprefixed, "$member: $name has no cr_ prefix";
        }
    }

    report('no mutable globals in libregistry', @writable);
    report('each global name begins with cr_', @unprefixed);
}

# --- the directives' page --------------------------------------------------

SKIP: {
    skip 'no module yet', 2 if !grep { /\.c$/ } @module;

    my $page = `$^X tests/lint/directives.pl`;
    is($?, 0, 'each directive has its comment');
    ok($page eq (-f 'docs/directives.md' ? do {
        open(my $f, '<', 'docs/directives.md');
        local $/;
        <$f>;
    } : ''), 'docs/directives.md is up to date')
        or diag('run: make docs');
}

done_testing();
