#!/usr/bin/perl

# docs/cli.md and README.md: each example runs, and prints what the page says.
# And docs/jobrunner.8 is what the program makes.

use warnings;
use strict;

use Test::More;

use lib 't/lib';
use Test::Registry;

my $t = Test::Registry->new();
my $top = Test::Registry::top();
my $dir = $t->dir();
my $documented = '/var/lib/nginx-registry';
my %seen;

# A line of the page as a pattern: "..." is anything.
sub pattern {
    my ($line) = @_;
    return join '.*?', map { quotemeta } split /\.\.\./, $line, -1;
}

# The page as [section, command, status, [lines]].
sub examples {
    my ($text) = @_;

    my ($section, $in, @found) = ('', 0);

    for my $line (split /\n/, $text) {
        if ($line =~ /^#+ (.*)/ && !$in) {
            $section = $1;

        } elsif ($line =~ /^```console$/) {
            $in = 1;

        } elsif ($line =~ /^```$/) {
            $in = 0;

        } elsif ($in && $line =~ /^\$ (.*?)(?:\s+# exit (\d+))?$/) {
            push @found, [$section, $1, $2 // 0, []];

        } elsif ($in) {
            push @{ $found[-1][3] }, $line;
        }
    }

    return @found;
}

# The daemon runs until it is ended; the page shows its log.
sub serve {
    my ($lines) = @_;

    $t->start_jobrunner();
    $t->wait_log(qr/msg="ready"/, 10, 'jobrunner.log');
    is($t->stop_jobrunner(), 0, 'serve ends with 0');
    return $t->read_file('logs/jobrunner.log');
}

sub run_shell {
    my ($command) = @_;
    return run_command(['sh', '-c', "exec 2>&1; $command"],
        user => $t->user(), dir => "$dir/data", env => {
            REGISTRY_DATABASE => $t->database(),
            PATH => Test::Registry::build_dir() . ":$ENV{PATH}",
        });
}

sub page {
    my ($path) = @_;
    open(my $f, '<:raw', "$top/$path") or die "$path: $!\n";
    local $/;
    return scalar <$f>;
}

sub run_example {
    my ($section, $command, $status, $lines) = @_;

    # nginx writes this when it starts.
    $t->sql("INSERT INTO setting (name, value, updated_at) VALUES
        ('storage_url', 'filesystem:$dir/data/blobs', 1)
        ON CONFLICT DO NOTHING") if $section !~ /^db /;

    my ($out, $got);

    if ($command eq 'jobrunner serve') {
        ($out, $got) = (serve(), 0);

    } else {
        my $r = run_shell($command);
        ($out, $got) = ($r->{out}, $r->{status});
    }

    is($got, $status, "$command: status");
    $out =~ s/\Q$dir\E\/data/$documented/g;

    # Paths have other lengths here: runs of blanks and dashes may differ.
    my $expected = join '', map { pattern($_) . '\n' } @$lines;
    $expected =~ s/(?:\\ )+/ +/g;
    like($out, qr/\A$expected\z/s, "$command: output");
    return;
}

my $page = page('docs/cli.md');
my @examples = examples($page);
cmp_ok(scalar @examples, '>', 20, 'the page has examples');

for my $example (@examples) {
    my ($section, $command) = @$example;
    run_example(@$example);

    if ($command =~ /jobrunner/
        && $section =~ /^([a-z]+(?: [a-z-]+)?)/)
    {
        my $title = $1;
        my ($words) = $command =~ /jobrunner (?:-\S+ )*(.*)/;
        $seen{$title} = 1 if index($words, $title) == 0;
    }
}

# --- README.md -------------------------------------------------------------

my @first = examples(page('README.md'));
cmp_ok(scalar @first, '>', 3, 'README.md has examples');
run_example(@$_) for @first;

# --- every command has its section and its example -------------------------

my $help = $t->jobrunner_ok('help');
my @commands = $help =~ /^  ([a-z]+(?: [a-z][a-z-]*)?)(?= |$)/mg;
cmp_ok(scalar @commands, '>', 10, 'help lists commands');

for my $command (@commands) {
    ok($seen{$command}, "$command: section and example");
    like($page, qr/^### \Q$command\E/m, "$command: heading");
}

# --- flags and kinds of the program are all on the page --------------------

my ($flags) = $help =~ /^Flags of every command:\n(.*)/ms;
for my $flag ($flags =~ /^  .*?(--[a-z-]+)/mg) {
    like($page, qr/`\Q$flag\E[ `]/, "$flag is explained");
}

# --- the manual page -------------------------------------------------------

is($t->jobrunner_ok(qw/ help --man /), page('docs/jobrunner.8'),
    'docs/jobrunner.8 is up to date (make docs)');

$t->finish();
