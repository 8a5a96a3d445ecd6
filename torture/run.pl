#!/usr/bin/perl
# Copyright (c) 2026 the advisory_lock authors
#
# One run of torture, with what is installed by PATH.  scripts/torture calls it
# in a sandbox; --help there.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib", "$FindBin::RealBin/../t/lib";
use Torture::Network;

use File::Copy qw(copy);
use File::Path qw(remove_tree);
use Getopt::Long;
use Time::HiRes ();

use Torture::Checker;
use Torture::History;
use Torture::Picture;
use Torture::Report;
use Torture::Run;

my %opts = (seconds => 60, seed => time % 100000, registry => 1);
GetOptions(\%opts, 'seconds=i', 'seed=i', 'registry!', 'directory=s', 'program=s', 'only=s', 'kinds=s',
	'unchecked', 'npm=s', 'clock_preload=s', 'keep=s', 'pause=f', 'times=i', 'longest=i', 'patience=i', 'until=s', 'conf=s@')
  or exit 64;
$opts{kinds} = [ split /,/, $opts{kinds} ] if defined $opts{kinds};
# who kills us ends all, and nothing of ours survives a signal to the group
$SIG{PIPE} = 'IGNORE';
$SIG{$_} = sub { exit 1 } foreach qw(TERM INT HUP);

my $until = delete $opts{until};
my $run;
$opts{enough} = sub {
	grep { $_->{property} eq $until } @{ check(read_history($run->{history}), $run->{names})->{violations} };
} if defined $until;
$run = Torture::Run->new(%opts);
my $begin = time;
$run->torture($opts{seconds});
printf "looked for %.1f s\n", ($run->{caught} // Time::HiRes::time()) - $run->{began} if $until;
# Kept before it is judged: a checker that dies leaves the evidence.
if ($opts{keep})
{
	mkdir $opts{keep};
	copy($run->{history}, "$opts{keep}/history") or die "$opts{keep}/history: $!\n";
}
my $history = read_history($run->{history});
my $verdict = check($history, $run->{names});
print report(\%opts, $run, $verdict, time - $begin);
if (!@{ $verdict->{violations} })
{
	remove_tree($opts{keep}) if $opts{keep};
	exit 0;
}
if ($opts{keep})
{
	draw("$opts{keep}/picture.svg", $history, $verdict->{violations});
	print "History and picture are in $opts{keep}\n";
}
exit 1;
