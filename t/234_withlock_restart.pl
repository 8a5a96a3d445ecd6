# Copyright (c) 2026 the advisory_lock authors
#
# The server is started anew under a withlock that holds its name by a session:
# its command has its grace, and nobody gets the name before that is over, by
# whatever means he asks for it.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;
use Withlock;

my $node = start_node('main');
my $directory = PostgreSQL::Test::Utils::tempdir();
$ENV{WITHLOCK_DB} = conninfo($node);

# When the holder's command was alive last, and the other one began.
sub gap
{
	my ($log, @how) = @_;

	my $holder = start_withlock($log, '--', 'sh', '-c',
		"trap '' TERM; while :; do date +%s.%N >> $directory/$log; sleep 0.05; done");
	$holder->wait_command;
	wait_until { -s "$directory/$log" } 'the command is at work';
	$node->stop('fast');
	$node->start;
	my $next = withlock($log, @how, '-t', '60s', '--', 'date', '+%s.%N');
	is($next->status, 0, "@how: the next one has its turn");
	is($holder->wait, 74, '... and the former one has lost the lock');
	my ($last) = (grep { /^\d+\.\d{9}$/ } split /\n/, slurp_file("$directory/$log"))[-1];
	return $next->stdout - $last;
}

foreach my $how ([], [ '--lease', '10s' ], [ '--lease', '1s' ], ['--transaction'])
{
	cmp_ok(gap('after' . join('', @$how), @$how), '>', 0, '... when its command has ended');
}
is(withlock('anew', '-n', '--lease', '10s', '--', 'true')->status, 0, 'later nobody is waited for');

done_testing();
