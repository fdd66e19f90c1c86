package Test::Registry::Metrics;

# The text format of Prometheus, version 0.0.4, read strictly: what a lenient
# scraper would let pass is a problem here, and so is what "promtool check
# metrics" would remark.

use warnings;
use strict;

use base qw/ Exporter /;

our @EXPORT_OK = qw/ parse_metrics /;

my $name_re   = qr/[a-zA-Z_:][a-zA-Z0-9_:]*/;
my $label_re  = qr/[a-zA-Z_][a-zA-Z0-9_]*/;
my $number_re = qr/[-+]?(?:\d+(?:\.\d+)?(?:e[-+]?\d+)?|Inf|NaN)/i;

# parse_metrics(text): ({series => value}, [problems]). A series is written as
# in the text, with its labels sorted by name.
sub parse_metrics {
    my ($text) = @_;

    my $self = { family => {}, series => {}, problems => [], last => '' };
    my $n = 0;

    problem($self, 0, 'no line feed at the end') if $text !~ /\n\z/;
    problem($self, 0, 'not ASCII') if $text =~ /[^\x20-\x7e\n]/;

    for my $line (split /\n/, $text, -1) {
        $n++;
        next if $line eq '';

        if ($line =~ /^#/) {
            comment($self, $n, $line);
        } else {
            sample($self, $n, $line);
        }
    }

    family_done($self, $_) for sort keys %{ $self->{family} };
    return ($self->{series}, $self->{problems});
}

sub problem {
    my ($self, $n, $what) = @_;
    push @{ $self->{problems} }, "line $n: $what";
    return;
}

sub comment {
    my ($self, $n, $line) = @_;

    my ($word, $name, $rest) = $line =~ /^# (HELP|TYPE) ($name_re) (.+)$/
        or return problem($self, $n, "neither HELP nor TYPE: $line");

    my $f = $self->{family}{$name} //= { line => $n, samples => [] };
    problem($self, $n, "$name: $word twice") if exists $f->{$word};
    problem($self, $n, "$name: $word after its samples")
        if @{ $f->{samples} };
    problem($self, $n, "$name: TYPE before HELP")
        if $word eq 'TYPE' && !exists $f->{HELP};
    problem($self, $n, "$name: another family between HELP and TYPE")
        if $word eq 'TYPE' && $self->{last} ne $name;
    problem($self, $n, "$name: a help text is a sentence")
        if $word eq 'HELP' && $rest !~ /^[A-Z0-9].*\.$/;
    problem($self, $n, "$name: bad escape in the help text")
        if $word eq 'HELP' && $rest =~ /\\(?![n\\])/;
    problem($self, $n, "$name: type $rest")
        if $word eq 'TYPE'
            && $rest !~ /^(?:counter|gauge|histogram|summary|untyped)$/;

    $f->{$word} = $rest;
    $self->{last} = $name;
    return;
}

sub sample {
    my ($self, $n, $line) = @_;

    my ($name, $labels, $value) = $line
        =~ /^($name_re)(?:\{((?:[^"{}]|"(?:[^"\\]|\\.)*")*)\})? ($number_re)$/
        or return problem($self, $n, "no sample: $line");

    my $base = $name;
    my $family = $self->{family}{$base};
    if (!defined $family) {
        $base =~ s/_(?:bucket|sum|count)$//;
        $family = $self->{family}{$base};
    }
    return problem($self, $n, "$name: no family") if !defined $family;
    return problem($self, $n, "$name: no TYPE") if !defined $family->{TYPE};
    problem($self, $n, "$name: no part of a $family->{TYPE}")
        if ($base ne $name) != ($family->{TYPE} eq 'histogram');
    problem($self, $n, "$name: apart from its family")
        if $self->{last} ne $base;

    my %label;
    my $rest = $labels // '';
    problem($self, $n, "$name: empty braces")
        if defined $labels && $labels eq '';
    while ($rest ne '') {
        $rest =~ s/^($label_re)="((?:[^"\\\n]|\\["\\n])*)"(?:,(?=.)|$)//
            or return problem($self, $n, "$name: bad labels: $rest");
        my ($key, $text) = ($1, $2);
        problem($self, $n, "$name: label $key twice") if exists $label{$key};
        problem($self, $n, "$name: reserved label $key") if $key =~ /^__/;
        $label{$key} = $text;
    }

    my $series = $name . (%label ? '{' . join(',',
        map { qq{$_="$label{$_}"} } sort keys %label) . '}' : '');
    problem($self, $n, "$series: twice") if exists $self->{series}{$series};
    problem($self, $n, "$series: a counter or bucket is $value")
        if $family->{TYPE} =~ /^(?:counter|histogram)$/ && $value !~ /^\d/;

    $self->{series}{$series} = $value;
    push @{ $family->{samples} },
        { line => $n, name => $name, labels => \%label, value => $value };
    return;
}

sub family_done {
    my ($self, $name) = @_;

    my $f = $self->{family}{$name};
    my $n = $f->{line};
    my $type = $f->{TYPE} // '';

    problem($self, $n, "$name: no TYPE") if $type eq '';
    problem($self, $n, "$name: a counter ends in _total")
        if $type eq 'counter' && $name !~ /_total$/;
    problem($self, $n, "$name: a $type does not end in _total")
        if $type ne 'counter' && $name =~ /_total$/;
    problem($self, $n, "$name: ends as a part of a histogram")
        if $name =~ /_(?:bucket|sum|count)$/;
    problem($self, $n, "$name: not in base units")
        if $name =~ /_(?:ms|milliseconds|us|minutes|hours|kib|mib|kilobytes)
            (?:_total)?$/x;

    histogram_done($self, $name, $f) if $type eq 'histogram';
    return;
}

# Of each set of labels: bounds that rise to +Inf, counts that do not fall,
# and a sum and a count that fit.
sub histogram_done {
    my ($self, $name, $f) = @_;

    my %set;
    for my $s (@{ $f->{samples} }) {
        my %labels = %{ $s->{labels} };
        my $le = delete $labels{le};
        my $key = join ',', map { "$_=$labels{$_}" } sort keys %labels;
        my ($part) = $s->{name} =~ /_(bucket|sum|count)$/;
        problem($self, $s->{line}, "$name: le where it does not belong")
            if defined $le != ($part eq 'bucket');
        push @{ $set{$key}{$part} }, [$le, $s->{value}];
    }

    for my $key (sort keys %set) {
        my ($buckets, $sum, $count) = @{ $set{$key} }{qw/ bucket sum count /};
        if (!$buckets || @{ $sum // [] } != 1 || @{ $count // [] } != 1) {
            problem($self, $f->{line}, "$name\{$key}: not whole");
            next;
        }

        my @bounds = map { $_->[0] } @$buckets;
        problem($self, $f->{line}, "$name\{$key}: the last bound is +Inf")
            if $bounds[-1] ne '+Inf';
        for my $i (1 .. $#bounds) {
            problem($self, $f->{line}, "$name\{$key}: bounds do not rise")
                if $bounds[$i] ne '+Inf' && $bounds[$i] <= $bounds[$i - 1];
            problem($self, $f->{line}, "$name\{$key}: counts fall")
                if $buckets->[$i][1] < $buckets->[$i - 1][1];
        }
        problem($self, $f->{line}, "$name\{$key}: count is the last bucket")
            if $count->[0][1] != $buckets->[-1][1];
    }
    return;
}

1;
