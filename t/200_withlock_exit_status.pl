# Copyright (c) 2026 the advisory_lock authors
#
# The exit status of withlock: the command's own, exactly, or one of its own.

use strict;
use warnings FATAL => 'all';

use Config;
use File::Basename qw(dirname);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;
use Withlock;

my $node = start_node('main');
$ENV{WITHLOCK_DB} = conninfo($node);

# W01: every exit status of the command
my @wrong = grep { withlock('all', '--', 'sh', '-c', "exit $_")->status != $_ } 0 .. 255;
is("@wrong", '', 'all 256 exit codes of the command are passed on');

# W02: every signal that can end the command.  Some end it only with the
# default action, which stops or ignores for others: those the command blocks
# from having that effect by being killed with SIGKILL in their place.
my @names = split ' ', $Config{sig_name};
my @numbers = split ' ', $Config{sig_num};
my %harmless = map { $_ => 1 } qw(ZERO CHLD CLD CONT STOP TSTP TTIN TTOU URG WINCH);
my %signals;
@signals{@numbers} = @names;
delete $signals{$_} foreach grep { $harmless{ $signals{$_} } || /^3[23]$/ } keys %signals;
@wrong = ();
# Of INT and QUIT withlock dies itself; a shell sees 128 + n all the same.
my %deadly = map { $_ => 1 } qw(INT QUIT);
foreach my $signal (sort { $a <=> $b } keys %signals)
{
	my $ended = withlock('all', '--', 'sh', '-c', "kill -$signal \$\$");
	push @wrong, $signals{$signal} . '=' . $ended->status
	  if $ended->status ne ($deadly{ $signals{$signal} } ? "signal $signal" : 128 + $signal);
}
cmp_ok(scalar keys %signals, '>', 50, 'signals were tried, real-time ones too');
is("@wrong", '', '128 + n when signal n ended the command');
is(start_program({}, 'sh', '-c', "withlock all -- sh -c 'kill -$_ \$\$'; exit \$?")->wait, 128 + $_,
	'... for a shell in any case') foreach 2, 3, 15;

# W03: what cannot be executed
my $file = PostgreSQL::Test::Utils::tempdir() . '/not_executable';
append_to_file($file, "text\n");
my $ended = withlock('x', '--', '/nonexistent/command');
is($ended->status, 127, '127: a command that is not there');
like($ended->stderr, qr{^withlock: cannot run "/nonexistent/command": No such file}m, '... and why');
is(withlock('x', 'nosuchcommand')->status, 127, '127: a command that is not in PATH');
is(withlock('x', '')->status, 127, '127: an empty command');
is(withlock('x', '--', $file)->status, 126, '126: a file that is not executable');
is(withlock('x', '--', '/tmp')->status, 126, '126: a directory');
# In a PATH with a directory that cannot be searched, and with the current one,
# execvp() says EACCES of both.
my $closed = PostgreSQL::Test::Utils::tempdir() . '/closed';
mkdir $closed, 0 or die $!;
{
	local $ENV{PATH} = "$ENV{PATH}:${closed}::" . dirname($file);
	is(withlock('x', 'nosuchcommand')->status, 127, '127: nor in a PATH that cannot be searched');
	is(withlock('x', 'not_executable')->status, 126, '126: there, but not executable');
}
is($node->safe_psql('postgres', "SELECT advisory_lock.is_locked('x')"),
	'f', 'the lock is free after a command that could not be run');

# A lock held by somebody else
my $holder = session($node);
$holder->query("SELECT advisory_lock.lock('busy')");
is(withlock('busy', '-n', 'true')->status, 75, '75: busy, with -n');
is(withlock('busy', '-t', '0', 'true')->status, 75, '75: busy, with -t 0');
is(withlock('busy', '-t', '0.2', 'true')->status, 75, '75: busy, with -t');
is(withlock('busy', '-n', '-E', '0', 'true')->status, 0, '-E 0');
is(withlock('busy', '-n', '-E', '255', 'true')->status, 255, '-E 255');
is(withlock('free', '-n', '-E', '9', 'true')->status, 0, '-E is for a busy lock only');
$ended = withlock('busy', '-n', '-s', 'true');
is($ended->status, 75, '75: a shared lock on one held exclusively');

# Servers that are not there or not usable
is(withlock('x', '--db', 'host=/nonexistent', 'true')->status, 69, '69: no server');
is(withlock('x', '--db', conninfo($node, 'nosuchdb'), 'true')->status, 69, '69: no such database');
$ended = withlock('x', '--db', 'host=/nonexistent', '--', 'true');
like($ended->stderr, qr/^withlock: lock "x": .*nonexistent/m, 'the error names the lock and the reason');
like($ended->stderr, qr/^withlock: hint: check --db/m, '... and what to do');

# The shared mode shares, and excludes exclusive ones
my $sharer = start_withlock('sharing', '-s', 'sleep', '60');
$sharer->wait_command;
is(withlock('sharing', '-s', '-n', 'true')->status, 0, 'two share a lock');
is(withlock('sharing', '-n', 'true')->status, 75, 'an exclusive one is kept off');
kill 'TERM', $sharer->pid;
$sharer->wait;

# -c
is(withlock('x', '-c', 'exit 5')->status, 5, '-c runs a string by the shell');
$ended = withlock({ env => { SHELL => '/bin/echo' } }, 'x', '-c', 'hello');
is($ended->stdout, "-c hello\n", '-c uses $SHELL');
$ended = withlock({ env => { SHELL => undef } }, 'x', '-c', 'echo $0');
is($ended->stdout, "/bin/sh\n", '-c uses /bin/sh without $SHELL');

# W19: nothing on stdout but what the command writes
$ended = withlock('x', '-v', '--', 'echo', 'hi');
is($ended->stdout, "hi\n", 'nothing of ours on stdout');
like($ended->stderr, qr/\A(withlock: .*\n)+\z/, 'all words of ours have the prefix');

done_testing();
