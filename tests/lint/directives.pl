#!/usr/bin/perl
#
# directives.pl: prints docs/directives.md, made from the comment before each
# row of the directive tables in ngx_module/*.c:
#
#   /* Syntax | Default | Context | sentence */
#   { ngx_string("name"),
#
# The bars that separate have blanks around them; "on|off" has none. The
# comment may run over several lines. A row without one is an error.

use warnings;
use strict;

my @directives;
my @errors;

for my $path (sort glob 'ngx_module/*.c') {
    open(my $f, '<', $path) or die "$path: $!\n";
    local $/;
    my $source = <$f>;

    while ($source =~ m{
        ( /\* (?: (?!\*/). )* \*/ )? \s*
        \{ \s* ngx_string\( "(\w+)" \), \s*
        ( [A-Z_0-9|\s]* NGX_CONF_\w+ | [A-Z_0-9|\s]*NGX_\w*_CONF[A-Z_0-9|\s]* )
    }gsx)
    {
        my ($comment, $name) = ($1, $2);
        my $line = 1 + substr($source, 0, $-[2]) =~ tr/\n//;

        my $text = $comment // '';
        $text =~ s{^/\*+}{};
        $text =~ s{\*/$}{};
        $text =~ s{\n\s*\*(?=\s)}{ }g;
        $text =~ s{\s+}{ }g;
        $text =~ s{^ | $}{}g;

        my ($syntax, $default, $context, $sentence) =
            split / \| /, $text, 4;

        if (!defined $sentence || $syntax !~ /^\Q$name\E\b/) {
            push @errors, "$path:$line: $name has no comment"
                . " \"Syntax | Default | Context | sentence\"\n";
            next;
        }

        push @directives, {
            name => $name, syntax => $syntax, default => $default,
            context => $context, sentence => $sentence,
        };
    }
}

push @errors, "no directive found in ngx_module/*.c\n" if !@directives;

if (@errors) {
    print STDERR @errors;
    exit 1;
}

my %contexts;
my @order;
for my $d (@directives) {
    push @order, $d->{context} if !$contexts{ $d->{context} };
    push @{ $contexts{ $d->{context} } }, $d;
}

sub code_or_none {
    my ($text) = @_;
    return $text =~ /^(?:-|none|—)?$/ ? 'none' : "`$text`";
}

print <<'END';
# Directives

Made by `make docs` from the comments in `ngx_module/`; do not edit.

END

for my $context (@order) {
    print "## In `$context`\n\n";
    for my $d (@{ $contexts{$context} }) {
        print "### $d->{name}\n\n";
        print "- syntax: `$d->{syntax}`\n";
        print '- default: ', code_or_none($d->{default}), "\n\n";
        print "$d->{sentence}\n\n";
    }
}

print "## Index\n\n";
print join("\n", map { "- [$_->{name}](#$_->{name}): `$_->{context}`" }
    sort { $a->{name} cmp $b->{name} } @directives), "\n";
