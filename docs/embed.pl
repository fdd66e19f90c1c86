#!/usr/bin/perl

# embed.pl FILE OUT: docs/openapi.yaml as a C source, so that the registry can
# serve the description of its own API. Bytes, as C11 asks compilers for
# string literals of 4095 characters only. The output is written only when it
# changes.

use strict;
use warnings;

my ($from, $to) = @ARGV;
die "usage: embed.pl FILE OUT\n" if !defined $to;

sub slurp {
    my ($path) = @_;
    open(my $f, '<:raw', $path) or return undef;
    local $/;
    my $text = <$f>;
    return $text // '';
}

my $text = slurp($from) // die "embed.pl: $from: $!\n";
die "embed.pl: $from is empty\n" if $text eq '';

my $out = "/* Made from docs/openapi.yaml. */\n\n#include <stddef.h>\n\n"
    . "extern const char   cr_openapi_text[];\n"
    . "extern const size_t cr_openapi_len;\n\n"
    . "const char cr_openapi_text[] = {\n";
my $n = 0;
for my $byte (unpack 'c*', $text) {
    $out .= "$byte," . (++$n % 20 == 0 ? "\n" : '');
}
$out .= "\n};\n\nconst size_t cr_openapi_len = sizeof(cr_openapi_text);\n";

my $old = slurp($to);
if (!defined $old || $old ne $out) {
    open(my $f, '>:raw', "$to.new") or die "embed.pl: $to.new: $!\n";
    print $f $out or die "embed.pl: $to.new: $!\n";
    close $f or die "embed.pl: $to.new: $!\n";
    rename "$to.new", $to or die "embed.pl: $to: $!\n";
}
