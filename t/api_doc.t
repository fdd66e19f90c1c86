# docs/api.md: its examples are run as they stand, and answer what it says.
# "..." in an answer stands for anything.

use warnings;
use strict;

use lib 't/lib';
use Test::More;
use Test::Registry;

my $t = Test::Registry->new();
$t->write_conf();
$t->run(jobrunner => 0);

open(my $f, '<', $t->top() . '/docs/api.md') or die $!;
my (@example, $more);
while (my $line = <$f>) {
    chomp $line;
    if ($line =~ /^    \$ (.*)/) {
        push @example, { command => $1, answer => '' };
        $more = $line =~ /\\$/ || ($line =~ tr/'//) % 2;
    } elsif ($more && $line =~ /^ /) {
        $example[-1]{command} .= "\n$line";
        $more = $line =~ /\\$/
            || ($example[-1]{command} =~ tr/'//) % 2;
    } elsif ($line =~ /^    (.*)/ && @example) {
        $example[-1]{answer} .= "$1\n";
    }
}
cmp_ok(scalar @example, '>', 12, scalar(@example) . ' examples');

for my $e (@example) {
    my $r = run_command([ 'bash', '-c', $e->{command} ], env => {
        HUB => 'http://' . $t->address(), ADMIN_PASSWORD => $t->password() });
    my $name = (split /\n/, $e->{command})[0];
    is($r->{status}, 0, $name);
    (my $got = $r->{out}) =~ s/\r//g;
    $got =~ s/\n+\z/\n/;
    my $want = join '.*', map { quotemeta } split /\.\.\./, $e->{answer}, -1;
    like($got, qr/\A$want\z/s, 'answers so');
}

$t->finish();
