#!/usr/bin/perl

# embed.pl OUTDIR: turn sql/schema/ and sql/query/ into sql_gen.h and
# sql_gen.c, so that the programs carry their SQL and name it by an enum.
#
# A query file holds comments and blocks:
#
#     -- name: tag_get
#     -- Comments are dropped.
#     SELECT ... WHERE name = $1;
#
# A block is one statement. Where the engines must differ it has a part for
# an engine, which replaces the common text:
#
#     -- engine: pgsql
#     SELECT ... FOR UPDATE;
#
# "-- name: tag_get recalled" marks a small point read that an event loop may
# answer from memory (registry/db/recall.h).
#
# A block with parts only exists for the engines named. Parameters are $1 to
# $9 and on, numbered in the order of their first use: SQLite numbers them so,
# whatever their names say.
#
# A schema file is NNNN_name.sql, numbered without a gap from 0001, with one
# line "-- compatible_from: N": the oldest schema version whose programs may
# run on the result.
#
# Anything else is an error: this script is the only check that a statement
# gets before it runs. The outputs are deterministic and are written only when
# they change.

use strict;
use warnings;

use File::Basename qw(dirname);

my @ENGINES = qw(sqlite pgsql);

# C11 asks compilers for string literals of this size only.
my $TEXT_MAX = 4095;

sub fail {
    my ($where, $text) = @_;
    die "embed.pl: $where: $text\n";
}

sub read_file {
    my ($path) = @_;
    open(my $fh, '<:raw', $path) or fail($path, $!);
    local $/;
    my $text = <$fh>;
    close($fh) or fail($path, $!);
    $text = '' if !defined $text;
    fail($path, 'holds bytes that are not ASCII') if $text =~ /[^\n\t -~]/;
    return $text;
}

# Cut SQL into tokens, so that a quote, a comment and a parameter are never
# taken for each other. Returns a list of [kind, text].
sub tokens {
    my ($where, $sql) = @_;
    my @tokens;
    pos($sql) = 0;
    while (pos($sql) < length $sql) {
        my $kind =
              $sql =~ /\G(--[^\n]*)/gc       ? 'comment'
            : $sql =~ m{\G(/\*.*?\*/)}gcs    ? 'comment'
            : $sql =~ /\G('(?:[^']|'')*')/gc ? 'string'
            : $sql =~ /\G("(?:[^"]|"")*")/gc ? 'name'
            : $sql =~ /\G\$([0-9]+)/gc       ? 'param'
            : $sql =~ /\G(\s+)/gc            ? 'space'
            : $sql =~ /\G(;)/gc              ? 'end'
            : $sql =~ /\G(\w+)/gc            ? 'word'
            : $sql =~ m{\G('|"|/\*|\$|\?)}gc ? 'bad'
            : $sql =~ /\G(.)/gcs             ? 'other'
            :                                  die;
        my $text = $1;
        fail($where, "unexpected $text (unfinished, or not portable)")
            if $kind eq 'bad';
        push @tokens, [$kind, $text];
    }
    return @tokens;
}

# One statement without comments and with single spaces. Returns the text and
# the number of its parameters; undef when there is nothing.
sub statement {
    my ($where, $sql) = @_;
    my ($text, $max, $ended) = ('', 0, 0);
    for my $token (tokens($where, $sql)) {
        my ($kind, $value) = @$token;
        if ($kind eq 'comment' || $kind eq 'space') {
            $text .= ' ' if $text ne '' && $text !~ / \z/;
            next;
        }
        fail($where, 'more than one statement') if $ended;
        if ($kind eq 'end') {
            fail($where, 'an empty statement') if $text eq '';
            $ended = 1;
            next;
        }
        if ($kind eq 'param') {
            fail($where, "\$$value is no parameter") if $value !~ /^[1-9]/;
            fail($where, "\$$value is used before \$" . ($max + 1)
                . ': parameters are numbered in the order of first use')
                if $value > $max + 1;
            $max = $value if $value > $max;
            $value = "\$$value";
        }
        $text .= $value;
    }
    $text =~ s/ \z//;
    return if $text eq '';
    fail($where, 'no ; at the end') if !$ended;
    fail($where, "longer than $TEXT_MAX bytes") if length $text > $TEXT_MAX;
    return ($text, $max);
}

# A block's parts by engine; '' is the common one.
sub finish_block {
    my ($block) = @_;
    my (%text, $params);
    for my $engine (sort keys %{ $block->{part} }) {
        my $where = "$block->{where}: $block->{name}"
            . ($engine eq '' ? '' : " ($engine)");
        my ($text, $max) = statement($where, $block->{part}{$engine});
        if (!defined $text) {
            next if $engine eq '';
            fail($where, 'no statement');
        }
        fail($where, "has $max parameters, another engine $params")
            if defined $params && $params != $max;
        $params = $max;
        $text{$engine} = $text;
    }
    fail("$block->{where}: $block->{name}", 'no statement') if !%text;
    my %row = (name => $block->{name}, params => $params,
        recalled => $block->{recalled});
    for my $engine (@ENGINES) {
        $row{$engine} = defined $text{$engine} ? $text{$engine} : $text{''};
    }
    return \%row;
}

sub read_queries {
    my ($dir) = @_;
    my (%seen, @rows);
    for my $path (sort glob("$dir/*.sql")) {
        my ($block, $engine, @blocks);
        my $n = 0;
        for my $line (split /\n/, read_file($path)) {
            $n++;
            if ($line =~ /^\s*--\s*name\b/) {
                fail("$path:$n", "not a name line: $line")
                    if $line !~ /^-- name: ([a-z][a-z0-9_]*)( recalled)?$/;
                fail("$path:$n", "$1 is defined twice, first in $seen{$1}")
                    if exists $seen{$1};
                fail("$path:$n", "the name $1 is taken") if $1 eq 'max';
                $seen{$1} = "$path:$n";
                $block = { name => $1, where => "$path:$n", part => {},
                    recalled => $2 ? 'true' : 'false' };
                $engine = '';
                push @blocks, $block;
                next;
            }
            if ($line =~ /^\s*--\s*engine\b/) {
                fail("$path:$n", "not an engine line: $line")
                    if $line !~ /^-- engine: ([a-z]+)$/
                    || !grep { $_ eq $1 } @ENGINES;
                $line =~ /^-- engine: ([a-z]+)$/;
                fail("$path:$n", "engine: without name:") if !$block;
                fail("$path:$n", "$1 is there already")
                    if exists $block->{part}{$1};
                $engine = $1;
                $block->{part}{$engine} = '';
                next;
            }
            if (!$block) {
                fail("$path:$n", 'a statement without a name')
                    if $line !~ /^\s*(?:--.*)?$/;
                next;
            }
            $block->{part}{$engine} = '' if !defined $block->{part}{$engine};
            $block->{part}{$engine} .= "$line\n";
        }
        push @rows, map { finish_block($_) } @blocks;
    }
    return sort { $a->{name} cmp $b->{name} } @rows;
}

sub read_schemas {
    my ($dir) = @_;
    my @rows;
    for my $path (sort glob("$dir/*.sql")) {
        $path =~ m{/([0-9]{4})_([a-z][a-z0-9_]*)\.sql$}
            or fail($path, 'the name is not NNNN_name.sql');
        my ($version, $name) = ($1 + 0, $2);
        fail($path, 'the versions have a gap or a double: expected '
            . (@rows + 1)) if $version != @rows + 1;
        my $text = read_file($path);
        my @from = $text =~ /^-- compatible_from: ([0-9]+)$/mg;
        fail($path, 'not exactly one line "-- compatible_from: N"')
            if @from != 1;
        fail($path, "compatible_from $from[0] is not 1..$version")
            if $from[0] < 1 || $from[0] > $version;
        # head: the first words of a statement; body: inside of a trigger's.
        my ($start, $open, $head, $body) = (1, 0, '', 0);
        for my $token (tokens($path, $text)) {
            my ($kind, $value) = @$token;
            next if $kind eq 'comment' || $kind eq 'space';
            fail($path, 'a parameter in a schema') if $kind eq 'param';
            my $word = $kind eq 'word' ? uc $value : '';
            if ($body && $start && $word eq 'END') {
                ($start, $body) = (0, 0);
                next;
            }
            fail($path, "$value: each migration is one transaction already")
                if $start && $word =~
                /^(?:BEGIN|COMMIT|END|ROLLBACK|SAVEPOINT|RELEASE|VACUUM)$/;
            $start = $kind eq 'end';
            next if $body;
            $open = $kind ne 'end';
            $head = $open ? "$head $word" : '';
            $start = $body = 1
                if $word eq 'BEGIN' && $head =~ /^ CREATE TRIGGER /;
        }
        fail($path, 'no ; at the end') if $open;
        push @rows, { version => $version, name => $name,
            from => $from[0], text => $text };
    }
    fail($dir, 'no schema files') if !@rows;
    return @rows;
}

sub c_string {
    my ($text) = @_;
    return 'NULL' if !defined $text;
    $text =~ s/([\\"])/\\$1/g;
    $text =~ s/\n/\\n/g;
    $text =~ s/\t/\\t/g;
    # "??=" and the like are trigraphs for a C11 compiler.
    $text =~ s/\?\?/?\\?/g;
    my @lines = $text =~ /\G((?:\\.|[^\\]){1,66})/g;
    return join "\n      ", map { qq("$_") } @lines;
}

sub c_bytes {
    my ($text) = @_;
    my @bytes = (unpack('C*', $text), 0);
    my $out = '';
    while (my @line = splice @bytes, 0, 16) {
        $out .= '    ' . join(', ', @line) . ",\n";
    }
    return $out;
}

sub header {
    my ($queries, $schemas) = @_;
    my $names = join '', map { '    CR_SQL_' . uc($_->{name}) . ",\n" }
        @$queries;
    my $version = $schemas->[-1]{version};
    return <<"END";
/*
 * Made by sql/embed.pl from sql/schema/ and sql/query/: do not edit.
 * Constants only: any thread.
 */

#ifndef CR_SQL_GEN_H
#define CR_SQL_GEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
${names}    CR_SQL_MAX
} cr_sql_e;

/* A statement; NULL where the engine has none. */
typedef struct cr_sql_text_s {
    const char *name;
    const char *sqlite;
    const char *pgsql;
    size_t      params; /* \$1 to \$params */
    bool        recalled; /* an event loop keeps its rows: db/recall.h */
} cr_sql_text_t;

/* A migration from version - 1. */
typedef struct cr_sql_schema_s {
    int64_t     version;
    const char *name;
    int64_t     compatible_from;
    const char *text;
} cr_sql_schema_t;

/* The schema version of this build. */
#define CR_SQL_SCHEMA_VERSION $version

/* By cr_sql_e; the row after the last has no name. */
extern const cr_sql_text_t cr_sql_texts[];
/* By version, from 1. */
extern const cr_sql_schema_t cr_sql_schemas[];
extern const size_t          cr_sql_schemas_count;

#endif
END
}

sub source {
    my ($queries, $schemas) = @_;
    my $out = "/*\n * Made by sql/embed.pl from sql/schema/ and sql/query/:"
        . " do not edit.\n * Constants only: any thread.\n */\n\n"
        . "#include \"sql_gen.h\"\n\n"
        . "const cr_sql_text_t cr_sql_texts[] = {\n";
    for my $row (@$queries) {
        $out .= "    { \"$row->{name}\",\n      "
            . join(",\n      ", map { c_string($row->{$_}) } @ENGINES)
            . ",\n      $row->{params}, $row->{recalled} },\n";
    }
    $out .= "    { NULL, NULL, NULL, 0, false },\n};\n";
    for my $row (@$schemas) {
        $out .= "\nstatic const char schema_$row->{version}\[] = {\n"
            . c_bytes($row->{text}) . "};\n";
    }
    $out .= "\nconst cr_sql_schema_t cr_sql_schemas[] = {\n";
    for my $row (@$schemas) {
        $out .= "    { $row->{version}, \"$row->{name}\", $row->{from},"
            . " schema_$row->{version} },\n";
    }
    $out .= "};\n\nconst size_t cr_sql_schemas_count = "
        . scalar(@$schemas) . ";\n";
    return $out;
}

sub write_file {
    my ($path, $text) = @_;
    return if -e $path && read_file($path) eq $text;
    open(my $fh, '>:raw', "$path.new") or fail("$path.new", $!);
    print {$fh} $text or fail("$path.new", $!);
    close($fh) or fail("$path.new", $!);
    rename "$path.new", $path or fail($path, $!);
    return;
}

# SOURCE is for the tests of this script: another sql/ folder.
die "usage: embed.pl OUTDIR [SOURCE]\n" if @ARGV < 1 || @ARGV > 2;
my ($outdir, $sql) = @ARGV;
$sql = dirname($0) if !defined $sql;
fail($outdir, 'not a folder') if !-d $outdir;

my @queries = read_queries("$sql/query");
my @schemas = read_schemas("$sql/schema");
write_file("$outdir/sql_gen.h", header(\@queries, \@schemas));
write_file("$outdir/sql_gen.c", source(\@queries, \@schemas));
