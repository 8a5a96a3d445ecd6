# Copyright (c) 2026 the advisory_lock authors
#
# --keep: lose the lock, get it again, start the command again.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

use AdvisoryLock;
use Withlock;

my $node = start_node('main');
$ENV{WITHLOCK_DB} = conninfo($node);

# Says with which token it runs, and when it is told to end.
my @command = ($^X, '-e',
	'$| = 1; $SIG{TERM} = sub { print "end\n"; exit 3 }; print "begin $ENV{WITHLOCK_TOKEN}\n"; sleep 1 while 1;');
my @keep = ('leader', '--keep', '--lock-delay', '0', '--grace', '5s', '--', @command);

sub begins
{
	my ($running, $count) = @_;

	wait_until { (() = $running->stdout =~ /^begin/mg) >= $count } "the command was started $count times";
	return;
}

sub is_increasing
{
	my (@numbers) = @_;

	return !grep { $numbers[$_] <= $numbers[ $_ - 1 ] } 1 .. $#numbers;
}

# The server restarts
my $running = start_withlock('-v', @keep);
begins($running, 1);
foreach my $mode ('fast', 'immediate')
{
	$node->stop($mode);
	$node->start;
	begins($running, $mode eq 'fast' ? 2 : 3);
}
like($running->stdout, qr/\A(begin \d+\nend\n){2}begin \d+\n\z/, 'the command is stopped, and started again');
my @tokens = $running->stdout =~ /begin (\d+)/g;
ok(is_increasing(@tokens), 'each time with a higher token') or diag "@tokens";

# The session is ended, again and again: nothing leaks
my $descriptors = sub { return scalar(() = glob '/proc/' . $running->pid . '/fd/*'); };
my $before = $descriptors->();
my $children = scalar(children_of($running->pid));
my $starts = sub { return scalar(() = $running->stdout =~ /^begin/mg); };
my $begin = time;
foreach my $round (4 .. 9)
{
	is($node->safe_psql('postgres', "SELECT advisory_lock.terminate_holders('leader')"), 1, 'the session is ended')
	  if $round == 4;
	$node->safe_psql('postgres', "SELECT advisory_lock.terminate_holders('leader')") if $round > 4;
	begins($running, $round);
}
# half of 0.4, 0.8, ... s at least: the first two had their turns before
cmp_ok(time - $begin, '>', 6, 'the back-off grows while no lock is held for long');
# what is closed a moment later was open before as well, at most
wait_until { $descriptors->() <= $before } 'what it has opened meanwhile is closed';
pass('some losses later withlock has no more descriptors');
wait_until { children_of($running->pid) <= $children } 'its children are cleared away';
pass('... nor children');
@tokens = $running->stdout =~ /begin (\d+)/g;
ok(is_increasing(@tokens), '... and the tokens grow');

# The back-off
$node->stop('fast');
my $outage;
wait_until
{
	($outage) = $running->stderr =~ /.*is lost(.*)/s;
	(() = $outage =~ /trying again in/g) >= 3;
}
'it has tried three times';
my @pauses = $outage =~ /trying again in (\S+) s/g;
note "pauses: @pauses";
cmp_ok($pauses[0], '>', 3, 'the pauses go on from where they were');
cmp_ok($_, '<=', 10, '... up to 10 s') foreach @pauses;
kill 'TERM', $running->pid;
is($running->wait, 128 + 15, 'TERM while backing off');
unlike($running->stderr, qr/internal|memory/, 'nothing odd was said');

# Connecting: a server that is not there yet
$running = start_withlock(@keep);
$running->wait_errors(qr/trying again/);
$node->start;
begins($running, 1);
kill 'TERM', $running->pid;
is($running->wait, 3, 'TERM while running: the status of the command');
is($running->stdout =~ /end/ ? 1 : 0, 1, '... which was told to end');

# Waiting
my $holder = session($node);
$holder->query("SELECT advisory_lock.lock('leader')");
$running = start_withlock(@keep);
wait_until
{
	$node->safe_psql('postgres', "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") eq '1';
}
'it waits';
$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted");
$running->wait_errors(qr/trying again/);
wait_until
{
	$node->safe_psql('postgres', "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") eq '1';
}
'it waits again after its session was ended';
kill 'TERM', $running->pid;
is($running->wait, 128 + 15, 'TERM while waiting');
$holder->query("SELECT advisory_lock.unlock('leader')");

# Stopping: TERM comes while the command is being stopped
$running = start_withlock('leader', '--keep', '--lock-delay', '0', '--grace', '1s', '--', $^X, '-e',
	'$| = 1; $SIG{TERM} = sub { print "told\n" }; print "begin\n"; sleep 1 while 1;');
begins($running, 1);
$node->safe_psql('postgres', "SELECT advisory_lock.terminate_holders('leader')");
$running->wait_output(qr/told/);
kill 'TERM', $running->pid;
is($running->wait, 74, 'TERM while the command is being stopped: it is not started again');

# A command that ends by itself
my @options = grep { $_ ne '--' } @keep[0 .. $#keep - @command];
is(withlock(@options, 'sh', '-c', 'echo run; exit 4')->status, 4, 'a command that ends by itself ends it all');
is(withlock(@options, 'true')->status, 0, '... with its status');
is(withlock('leader', '--keep', '-n', '-d', 'host=/nonexistent', '-t', '1', 'true')->status, 69,
	'--timeout bounds the attempts');

# What cannot get better is not tried again
my $ended = withlock('leader', '--keep', '--permits', '2147483647', '--', '/nonexistent');
is($ended->status, 127, 'a command that is not there');

done_testing();
