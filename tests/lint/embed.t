#!/usr/bin/perl

# sql/embed.pl: what it makes of good input, and that it stops at each kind of
# bad input, because nothing else looks at a statement before it runs.

use warnings;
use strict;

use Cwd qw/ abs_path /;
use File::Basename qw/ dirname /;
use File::Path qw/ make_path /;
use File::Temp ();
use Test::More;

my $top = abs_path(dirname(__FILE__) . '/../..');
my $schema = "-- compatible_from: 1\nCREATE TABLE t (x INTEGER);\n";

# A sql/ folder of these files (names relative to it), and what came of it:
# exit status, what it said, the two outputs.
sub embed {
    my (%files) = @_;

    my $dir = File::Temp->newdir('embed-XXXXXX', TMPDIR => 1);
    make_path("$dir/sql/query", "$dir/sql/schema", "$dir/out");
    $files{'schema/0001_first.sql'} = $schema
        if !grep { m{^schema/} } keys %files;

    for my $name (keys %files) {
        write_file("$dir/sql/$name", $files{$name});
    }

    return run($dir);
}

sub run {
    my ($dir) = @_;

    my $said = `$^X $top/sql/embed.pl $dir/out $dir/sql 2>&1`;

    return {
        dir    => $dir,
        status => $? >> 8,
        said   => $said,
        h      => read_file("$dir/out/sql_gen.h"),
        c      => read_file("$dir/out/sql_gen.c"),
    };
}

sub write_file {
    my ($path, $text) = @_;
    open(my $f, '>:raw', $path) or die "$path: $!\n";
    print {$f} $text;
    close($f) or die "$path: $!\n";
    return;
}

sub read_file {
    my ($path) = @_;
    open(my $f, '<:raw', $path) or return '';
    local $/;
    return <$f>;
}

sub refused {
    my ($what, $pattern, %files) = @_;

    my $got = embed(%files);
    isnt($got->{status}, 0, "$what: refused");
    like($got->{said}, $pattern, "$what: says why");
    is($got->{h} . $got->{c}, '', "$what: no output");
    return;
}

# --- good input ------------------------------------------------------------

my $got = embed('query/b.sql' => <<'END', 'query/a.sql' => <<'END');
-- A file may begin with comments.

-- name: tag_get
-- A comment with a $9 and a ; in it's text.
SELECT id,
    'it''s; -- $7 no parameter', "a$b"   -- at the end of a line
FROM tag
WHERE name = $1 AND $2 > /* here; too $8 */ x AND y = $1;

-- name: tag_lock
SELECT 1;
-- engine: pgsql
SELECT 1 FOR UPDATE;

END
-- name: only_sqlite
-- engine: sqlite
PRAGMA x('\', '??=');
END

is($got->{status}, 0, 'good input') or diag($got->{said});
like($got->{h}, qr/\{\n\s+CR_SQL_ONLY_SQLITE,\n\s+CR_SQL_TAG_GET,
    \n\s+CR_SQL_TAG_LOCK,\n\s+CR_SQL_MAX\n\}/x, 'the enum is in order');
like($got->{h}, qr/^#define CR_SQL_SCHEMA_VERSION 1$/m, 'schema version');

# The C compiler is the judge of what the tables hold.
my $dir = $got->{dir};
write_file("$dir/print.c", <<'END');
#include <stdio.h>
#include "sql_gen.h"

int
main(void)
{
    int i;
    const cr_sql_text_t *t;

    for (i = 0; i < CR_SQL_MAX; i++) {
        t = &cr_sql_texts[i];
        printf("%s|%s|%s|%zu\n", t->name, t->sqlite ? t->sqlite : "-",
               t->pgsql ? t->pgsql : "-", t->params);
    }

    for (i = 0; i < (int) cr_sql_schemas_count; i++) {
        printf("%d|%s|%d\n%s", (int) cr_sql_schemas[i].version,
               cr_sql_schemas[i].name, (int) cr_sql_schemas[i].compatible_from,
               cr_sql_schemas[i].text);
    }

    return cr_sql_texts[CR_SQL_MAX].name != NULL;
}
END

my $cc = 'gcc -std=c11 -Wall -Wextra -Werror -Wpedantic -Wconversion'
    . ' -Wwrite-strings';
is(system("$cc -I$dir/out -o $dir/print $dir/print.c $dir/out/sql_gen.c"), 0,
    'the output compiles without a warning');

my $tag_get = q(SELECT id, 'it''s; -- $7 no parameter', "a$b" FROM tag)
    . ' WHERE name = $1 AND $2 > x AND y = $1';
is(scalar `$dir/print`, <<"END" . $schema, 'and holds the statements');
only_sqlite|PRAGMA x('\\', '??=')|-|0
tag_get|$tag_get|$tag_get|2
tag_lock|SELECT 1|SELECT 1 FOR UPDATE|0
1|first|1
END

# --- the same again --------------------------------------------------------

my $first = $got->{h} . $got->{c};
utime(1, 1, "$dir/out/sql_gen.h", "$dir/out/sql_gen.c");
$got = run($dir);
is($got->{h} . $got->{c}, $first, 'the same input gives the same output');
is((stat "$dir/out/sql_gen.h")[9], 1, 'the header is not written again');
is((stat "$dir/out/sql_gen.c")[9], 1, 'nor is the source');

write_file("$dir/sql/query/c.sql", "-- name: more\nSELECT 2;\n");
$got = run($dir);
like($got->{c}, qr/"SELECT 2"/, 'a change is written');
isnt((stat "$dir/out/sql_gen.c")[9], 1, 'with a new time');

$got = embed('query/none.sql' => "-- nothing yet\n");
is($got->{status}, 0, 'no statement at all');

# --- bad queries -----------------------------------------------------------

refused('a double in one file', qr/a\.sql:3: x is defined twice.*a\.sql:1/,
    'query/a.sql' => "-- name: x\nSELECT 1;\n-- name: x\nSELECT 2;\n");
refused('a double in two files', qr/b\.sql:1: x is defined twice/,
    'query/a.sql' => "-- name: x\nSELECT 1;\n",
    'query/b.sql' => "-- name: x\nSELECT 1;\n");
refused('a statement without a name', qr/a\.sql:2: .*without a name/,
    'query/a.sql' => "-- comment\nSELECT 1;\n-- name: x\nSELECT 1;\n");
refused('a name without a statement', qr/x: no statement/,
    'query/a.sql' => "-- name: x\n-- comment\n");
refused('an engine without a statement', qr/x \(pgsql\): no statement/,
    'query/a.sql' => "-- name: x\nSELECT 1;\n-- engine: pgsql\n");
refused('$2 before $1', qr/\$2 is used before \$1/,
    'query/a.sql' => "-- name: x\nSELECT \$2, \$1;\n");
refused('$1 and $3', qr/\$3 is used before \$2/,
    'query/a.sql' => "-- name: x\nSELECT \$1, \$3;\n");
refused('$0', qr/\$0 is no parameter/,
    'query/a.sql' => "-- name: x\nSELECT \$0;\n");
refused('a question mark', qr/unexpected \?/,
    'query/a.sql' => "-- name: x\nSELECT ?1;\n");
refused('two statements', qr/more than one statement/,
    'query/a.sql' => "-- name: x\nSELECT 1; SELECT 2;\n");
refused('no semicolon', qr/no ; at the end/,
    'query/a.sql' => "-- name: x\nSELECT 1\n-- name: y\nSELECT 2;\n");
refused('a lone semicolon', qr/empty statement/,
    'query/a.sql' => "-- name: x\n;\n");
refused('an open string', qr/unexpected '/,
    'query/a.sql' => "-- name: x\nSELECT 'abc;\n");
refused('an open comment', qr{unexpected /\*},
    'query/a.sql' => "-- name: x\nSELECT 1 /* ;\n");
refused('a name in capitals', qr/not a name line/,
    'query/a.sql' => "-- name: Xy\nSELECT 1;\n");
refused('a name line with a slip', qr/not a name line/,
    'query/a.sql' => "--name: x\nSELECT 1;\n");
refused('the name of the end', qr/the name max is taken/,
    'query/a.sql' => "-- name: max\nSELECT 1;\n");
refused('an unknown engine', qr/not an engine line/,
    'query/a.sql' => "-- name: x\n-- engine: oracle\nSELECT 1;\n");
refused('an engine twice', qr/pgsql is there already/,
    'query/a.sql' => "-- name: x\n-- engine: pgsql\nSELECT 1;\n"
        . "-- engine: pgsql\nSELECT 2;\n");
refused('an engine without a name', qr/engine: without name:/,
    'query/a.sql' => "-- engine: pgsql\nSELECT 1;\n");
refused('engines that differ in parameters', qr/parameters/,
    'query/a.sql' => "-- name: x\nSELECT \$1;\n-- engine: pgsql\nSELECT 1;\n");
refused('bytes that are not ASCII', qr/not ASCII/,
    'query/a.sql' => "-- name: x\nSELECT '\xc3\xa4';\n");
refused('a statement that no compiler must take', qr/longer than/,
    'query/a.sql' => "-- name: x\nSELECT " . '1 + ' x 2000 . "1;\n");

# --- bad schemas -----------------------------------------------------------

refused('a gap', qr/gap or a double: expected 2/,
    'schema/0001_a.sql' => $schema, 'schema/0003_b.sql' => $schema);
refused('a double', qr/gap or a double: expected 2/,
    'schema/0001_a.sql' => $schema, 'schema/0001_b.sql' => $schema);
refused('no number', qr/the name is not NNNN_name\.sql/,
    'schema/first.sql' => $schema);
refused('no compatible_from', qr/not exactly one/,
    'schema/0001_a.sql' => "CREATE TABLE t (x);\n");
refused('two of them', qr/not exactly one/,
    'schema/0001_a.sql' => "-- compatible_from: 1\n$schema");
refused('compatible with what is to come', qr/compatible_from 2 is not 1\.\.1/,
    'schema/0001_a.sql' => "-- compatible_from: 2\nSELECT 1;\n");
refused('compatible with nothing', qr/compatible_from 0 is not 1\.\.1/,
    'schema/0001_a.sql' => "-- compatible_from: 0\nSELECT 1;\n");
refused('a transaction', qr/COMMIT: each migration is one transaction/,
    'schema/0001_a.sql' => "$schema COMMIT;\n");
refused('a transaction after a trigger', qr/one transaction already/,
    'schema/0001_a.sql' => $schema . "CREATE TRIGGER g AFTER INSERT ON t BEGIN"
    . " SELECT 1; SELECT CASE WHEN 1 THEN 2 END; END; COMMIT;\n");
refused('a trigger without an end', qr/no ; at the end/,
    'schema/0001_a.sql' => $schema
    . "CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 1;\n");
refused('a parameter', qr/a parameter in a schema/,
    'schema/0001_a.sql' => "$schema SELECT \$1;\n");
refused('an end that is missing', qr/no ; at the end/,
    'schema/0001_a.sql' => "$schema SELECT 1\n");
refused('nothing', qr/no schema files/, 'schema/README' => '');

# --- bad calls -------------------------------------------------------------

like(scalar `$^X $top/sql/embed.pl 2>&1`, qr/^usage:/, 'no folder');
like(scalar `$^X $top/sql/embed.pl /nonexistent 2>&1`, qr/not a folder/,
    'a folder that is not there');

done_testing();
