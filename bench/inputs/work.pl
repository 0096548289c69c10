# Hashes of arrays of strings, matched, split, sorted and joined: what a Perl program asks of malloc.
use strict;
my ($n, %groups, @all) = (shift);
for my $i (1 .. $n * 1000) {
    my $line = join ' ', map { sprintf '%s%d', chr(97 + $_ % 26), $i * $_ % 9973 } 1 .. 6;
    my @fields = split / /, $line;
    push @{ $groups{ $fields[0] } }, { line => $line, fields => \@fields };
    push @all, $1 if $line =~ /([d-f]\d{3})/;
}
my %seen = map { $_ => 1 } @all;
my $total = 0;
for my $key (sort keys %groups) {
    my @sorted = sort { $a->{line} cmp $b->{line} } @{ $groups{$key} };
    $total += length join '|', map { $_->{fields}[-1] } @sorted;
}
print scalar(keys %seen), " $total\n";
