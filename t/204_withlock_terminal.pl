# Copyright (c) 2026 the advisory_lock authors
#
# withlock at a terminal, under a shell with job control: Ctrl-C, Ctrl-Z, fg,
# interactive commands, and the line that is shown while it waits.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use IO::Pty ();
use POSIX ();

use AdvisoryLock;
use Terminal;
use Withlock;

my $node = start_node('main');
$ENV{WITHLOCK_DB} = conninfo($node);
$ENV{PGHOST} = $node->host;
$ENV{PGPORT} = $node->port;

my $terminal = Terminal->new(columns => 110);

# The process ids of the withlock that the shell runs, and of its command.
sub job
{
	my $withlock = wait_until
	{
		my ($pid) = grep { (readlink "/proc/$_/exe" // '') =~ m{/withlock$} }
		  children_of($terminal->pid);
		$pid;
	}
	'the shell runs withlock';
	my $command = wait_until { command_under($withlock) } 'withlock runs the command';
	return ($withlock, $command);
}

# W12: Ctrl-C reaches the command once.
$terminal->run(q{withlock x -- sh -c 'trap "echo got int" INT; trap "exit 3" QUIT; echo be''gin; while :; do sleep 0.05; done'});
$terminal->wait_for(qr/begin\r/);
$terminal->type("\cC");
$terminal->wait_for(qr/got int/);
$terminal->type("\cC");
$terminal->wait_for(qr/got int/);
$terminal->type("\c\\");
my $shown = $terminal->wait_prompt;
unlike($shown, qr/got int/, 'Ctrl-C reaches the command once');
$terminal->run('echo "status $?"');
like($terminal->wait_for(qr/status \d+/), qr/status 3$/, 'Ctrl-\ reaches it too, and its status counts');

# Without a trap it ends both.
$terminal->run('withlock x -- sleep 60');
job();
$terminal->type("\cC");
$terminal->wait_prompt;
$terminal->run('echo "status $?"');
like($terminal->wait_for(qr/status \d+/), qr/status 130/, 'Ctrl-C ends a command');
$terminal->wait_prompt;

# W11: Ctrl-Z stops both, fg continues both.
foreach my $round (1 .. 3)
{
	$terminal->run('withlock x -- sleep 60');
	my ($withlock, $command) = job();
	$terminal->type("\cZ");
	$terminal->wait_for(qr/Stopped/);
	$terminal->wait_prompt;
	is(process_state($withlock) . process_state($command), 'TT',
		"round $round: Ctrl-Z stops withlock and the command");
	is(withlock('x', '-n', 'true')->status, 75, '... and the lock is kept') if $round == 1;
	$terminal->run($round == 2 ? 'bg; fg' : 'fg');
	wait_until { process_state($withlock) =~ /[SR]/ && process_state($command) =~ /[SR]/ }
	'both go on';
	pass($round == 2 ? 'bg and fg continue both' : 'fg continues both');
	$terminal->type("\cC");
	$terminal->wait_prompt;
	$terminal->run('echo "status $?"');
	like($terminal->wait_for(qr/status \d+/), qr/status 130/, '... and Ctrl-C ends both');
	$terminal->wait_prompt;
}

# The lock is checked before a stopped command goes on.
# (Not a shell that starts others: between vfork and exec it cannot be stopped.)
$terminal->run(q{withlock x --lock-delay 0 -- perl -e '$SIG{TERM} = sub { exit 4 }; sleep 1 while 1'; echo "status $?"});
my ($withlock, $command) = job();
$terminal->type("\cZ");
$terminal->wait_for(qr/Stopped/);
$terminal->wait_prompt;
is($node->safe_psql('postgres', "SELECT advisory_lock.terminate_holders('x')"), 1, 'the lock is lost while both are stopped');
$terminal->run('fg; echo "status $?"');
like($terminal->wait_for(qr/status \d+/), qr/is lost.*status 74/s, '... and that is noticed as they go on');
$terminal->wait_prompt;

# ... and a command that ignores TERM does not get one beat of its grace
my $beats = PostgreSQL::Test::Utils::tempdir() . '/beats';
$terminal->run(qq{withlock x -- perl -e '\$SIG{TERM} = "IGNORE"; open F, ">>", "$beats"; while (1) { syswrite F, "x"; select undef, undef, undef, 0.02 }'});
($withlock, $command) = job();
wait_until { -s $beats } 'the command beats';
$terminal->type("\cZ");
$terminal->wait_for(qr/Stopped/);
$terminal->wait_prompt;
is($node->safe_psql('postgres', "SELECT advisory_lock.terminate_holders('x')"), 1, 'the lock is lost while both are stopped');
my $size = -s $beats;
$terminal->run('fg');
$terminal->wait_for(qr/is lost/);
$terminal->wait_prompt;
is(-s $beats, $size, 'the command does nothing more after fg');
$terminal->run('echo "status $?"');
like($terminal->wait_for(qr/status \d+/), qr/status 74/, '... and 74 is the status');
$terminal->wait_prompt;

# An interactive command: psql
$terminal->run('withlock x -- psql -X -d postgres');
$terminal->wait_for(qr/postgres=[#>] /);
$terminal->type("SELECT 6 * 7 AS answer;\n");
$terminal->wait_for(qr/\b42\b/);
$terminal->wait_for(qr/postgres=[#>] /);
$terminal->type("SELECT pg_sleep(60);\n");
wait_until
{
	$node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT pg_sleep%'") eq '1';
}
'psql runs the query';
$terminal->type("\cC");
$terminal->wait_for(qr/canceling statement/);
$terminal->wait_for(qr/postgres=[#>] /);
$terminal->type("\cZ");
$terminal->wait_for(qr/Stopped/);
$terminal->wait_prompt;
$terminal->run('fg');
$terminal->type("SELECT 6 * 9 AS answer;\n");
$terminal->wait_for(qr/\b54\b/);
$terminal->type("\\q\n");
$terminal->wait_prompt;
$terminal->run('echo "status $?"');
like($terminal->wait_for(qr/status \d+/), qr/status 0/, 'psql works: input, Ctrl-C, Ctrl-Z, fg');
$terminal->wait_prompt;

# In a pipeline, or under a script, the command gets the terminal when it asks
$terminal->run(q{withlock x -- sh -c 'read line; echo "input $line"' | cat});
$terminal->type("hello\n");
like($terminal->wait_for(qr/input h\w+/), qr/input hello/, 'a command in a pipeline reads the terminal');
$terminal->wait_prompt;
$terminal->run(q{sh -c "withlock x -- sh -c 'read line; echo input \$line'; echo af''ter"});
$terminal->type("hello\n");
like($terminal->wait_for(qr/after/), qr/input hello/, 'as does one under a script');
$terminal->wait_prompt;
# (Not a shell that starts another program: between fork and exec it loses signals.)
$terminal->run(q{sh -c "withlock x -- perl -e 'print STDERR qq(be) . qq(gin\n); sleep 60'; echo status \$?"; echo});
$terminal->wait_for(qr/begin/);
$terminal->type("\cC");
$terminal->wait_prompt;
unlike($terminal->seen, qr/status/, 'Ctrl-C ends a script around withlock, too');
# what the script left, if anything, holds nothing
is(withlock('x', '-t', '5', 'true')->status, 0, '... and the lock is free');

# A background job that reads is stopped, as without withlock
$terminal->run(q{withlock x -- sh -c 'read line; echo "input $line"' &});
($withlock, $command) = job();
wait_until { process_state($withlock) eq 'T' } 'the background job is stopped';
$terminal->run('fg');
$terminal->type("hello\n");
like($terminal->wait_for(qr/input h\w+/), qr/input hello/, 'a background job that reads goes on with fg');
$terminal->wait_prompt;

# Ctrl-C ends a loop of commands, typed or in a script
my $loop = 'while true; do withlock x -- perl -e "print STDERR qq(be) . qq(gin\n); sleep 60"; done';
my $makefile = PostgreSQL::Test::Utils::tempdir() . '/Makefile';
append_to_file($makefile, "all: one two\none two:\n\t-withlock x -- perl -e 'print STDERR qq(be) . qq(gin\\n); sleep 60'\n");
foreach my $how ([undef, $loop], (map { [$_, "$_ -c '$loop'"] } qw(bash dash zsh)), ['make', "make -s -f $makefile"])
{
	my ($program, $line) = @$how;
  SKIP:
	{
		skip "$program is not installed", 1 if $program && missing_program($program);
		$terminal->run($line);
		$terminal->wait_for(qr/begin/);
		$terminal->type("\cC");
		unlike($terminal->wait_prompt, qr/begin/, 'Ctrl-C ends ' . ($program ? "a loop of $program" : 'a loop that was typed'));
		is(withlock('x', '-t', '5', 'true')->status, 0, '... and the lock is free');
	}
}

# A session leader cannot be stopped, as nobody could continue it: Ctrl-Z does
# nothing then, and Ctrl-C still ends it
foreach my $phase ('running', 'waiting')
{
	my $pty = IO::Pty->new;
	my $blocker = session($node);
	$blocker->query("SELECT advisory_lock.lock('leader')") if $phase eq 'waiting';
	my $leader = start_withlock({ in_child => sub {
				$pty->make_slave_controlling_terminal;
				POSIX::dup2(fileno($pty->slave), $_) foreach 0 .. 2;
			} },
		'leader', '--', $^X, '-e', '$| = 1; while (1) { print "beat\n"; select undef, undef, undef, 0.05 }');
	my $shown = '';
	$pty->blocking(0);
	my $shows = sub {
		my ($pattern) = @_;
		wait_until { $shown .= $_ while $pty->sysread($_, 65536); $shown =~ $pattern } "it shows $pattern";
		$shown = '';
	};
	$shows->($phase eq 'running' ? qr/beat/ : qr/waiting 0 s/);
	is(getpgrp $leader->pid, $leader->pid, "a session leader, $phase");
	$pty->syswrite("\cZ");
	$shows->(qr/\^Z/);
	$shows->($phase eq 'running' ? qr/beat.*beat/s : qr/waiting \d+ s.*waiting \d+ s/s);
	unlike(process_state($leader->pid), qr/T/, 'Ctrl-Z does not freeze it');
	$pty->syswrite("\cC");
	is($leader->wait, 'signal 2', '... and Ctrl-C ends it');
	is($node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'withlock: leader'"), 0,
		'... and its session');
	$blocker->quit;
}

# --- The line that is shown while waiting

my $holder = session($node);
$holder->query("SET application_name = 'the holder'; SELECT advisory_lock.lock('busy')");
my $holder_pid = $holder->pid;

$terminal->run('withlock busy -- echo granted');
$terminal->wait_for(qr/"busy": waiting \d+ s, held for \d+ s by pid $holder_pid \(\w+, the holder, local\)/);
$terminal->wait_for(qr/\r\e\[Kwithlock: "busy": waiting \d+ s/);
pass('the line says who holds the lock, and is redrawn in place');
my $behind = Terminal->new(columns => 110);
$behind->run('withlock busy -- echo granted too');
$behind->wait_for(qr/, 1 ahead, held/);
pass('... and how many are ahead');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'withlock'"),
	2, 'each has a session that looks');
$terminal->seen;
$holder->query("SELECT advisory_lock.unlock('busy')");
$shown = $terminal->wait_for(qr/granted/);
like($shown, qr/\r\e\[Kgranted$/, 'the line is gone when the lock is granted');
unlike($shown, qr/\n.*waiting \d/, '... and never took a second line');
$terminal->wait_prompt;
$behind->wait_for(qr/granted too/);
$behind->wait_prompt;
$behind->close;
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'withlock'"),
	0, 'the sessions that look are gone');

# Giving up, Ctrl-C, Ctrl-Z while waiting
$holder->query("SELECT advisory_lock.lock('busy')");
wait_until
{
	# a server that is slow to answer leaves the reason out
	$terminal->run('withlock busy -t 1.5 -- true; echo "status $?"');
	$shown = $terminal->wait_for(qr/status \d+/);
	$terminal->wait_prompt;
	$shown =~ /not obtained: held for/;
}
'the farewell says who holds it';
like($shown, qr/not obtained: held for \d+ s by pid $holder_pid .*\r\n.*withlock --kill busy\r.*status 75/s,
	'... and how to end that');
$terminal->run('withlock busy -- true; echo "status $?"');
$terminal->wait_for(qr/waiting \d/);
$terminal->type("\cZ");
$terminal->wait_for(qr/Stopped/);
$terminal->run('fg');
$terminal->wait_for(qr/waiting \d/);
$terminal->type("\cC");
$terminal->wait_prompt;
$terminal->run('echo "status $?"');
like($terminal->wait_for(qr/status \d+/), qr/status 130/, 'Ctrl-Z, fg and Ctrl-C while waiting');
$terminal->wait_prompt;

# A narrow terminal, and a name full of control characters
my $narrow = Terminal->new(columns => 40);
$narrow->run('withlock busy -t 2 -- true');
$shown = $narrow->wait_for(qr/not obtained/);
my @lines = $shown =~ /\r\e\[K(withlock: "busy": waiting[^\r\n]*)/g;
cmp_ok(scalar @lines, '>', 0, 'there is a line at a narrow terminal');
is((grep { length > 39 } @lines), 0, '... which fits');
$narrow->close;
my $evil = session($node);
$evil->query(q{SELECT advisory_lock.lock(E'evil \x1b[31m')});
$terminal->run(q{withlock "$(printf 'evil \033[31m')" -t 1 -- true; echo "status $?"});
$shown = $terminal->wait_for(qr/status 75/);
unlike($shown, qr/\e\[31m/, 'control characters in a name do not reach the terminal');
like($shown, qr/evil \\x1b\[31m/, '... but can be seen');
$terminal->wait_prompt;

# A background job, --quiet, and no terminal: no line
$terminal->run(q{withlock busy -t 1.5 -- true & wait; echo en''ded});
unlike($terminal->wait_for(qr/ended/), qr/waiting \d/, 'no line from a background job');
$terminal->wait_prompt;
$terminal->run('withlock busy -q -t 1.5 -- true; echo "status $?"');
unlike($terminal->wait_for(qr/status 75/), qr/withlock: /, 'no word with --quiet');
$terminal->wait_prompt;
unlike(withlock('busy', '-t', '1.5', 'true')->stderr, qr/waiting|\r|\e/, 'no line without a terminal');

# --watch
$terminal->run('withlock --list busy --watch');
$terminal->wait_for(qr/busy +exclusive +held/);
$terminal->wait_for(qr/\e\[H\e\[J.*busy +exclusive +held/s);
pass('--watch shows the list again and again');
$terminal->type("\cC");
$terminal->wait_prompt;
$terminal->close;

done_testing();
