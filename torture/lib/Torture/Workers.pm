# Copyright (c) 2026 the advisory_lock authors

=pod

=head1 NAME

Torture::Workers - starts those who lock, again when one has ended

=head1 DESCRIPTION

A worker is a program of worker.c, or a loop that calls a program such as
withlock over and over, with "worker job" as its command.

=cut

package Torture::Workers;

use strict;
use warnings FATAL => 'all';

use POSIX ();
use Time::HiRes qw(sleep time);

use Torture::History;

# way, options of the worker, and how withlock is called where it is one.
my @all = (
	{ way => 'session', options => [ 'fenced', 'delayed' ] },
	{ way => 'session', options => [] },
	{ way => 'apart', options => ['fenced'] },
	{ way => 'acquire', options => ['fenced'] },
	{ way => 'try', options => ['delayed'] },
	{ way => 'timeout', options => [] },
	{ way => 'statement', options => [] },
	{ way => 'xact', options => ['fenced'] },
	{ way => 'savepoint', options => [] },
	{ way => 'many', options => ['fenced'] },
	{ way => 'permit', options => [] },
	{ way => 'permit', options => ['fenced'] },
	{ way => 'lease', options => ['fenced'], needs => 'a clock that is right' },
	{ way => 'chaos', options => ['fenced'] },
	{ way => 'lib', options => [ 'fenced', 'delayed' ] },
	{ way => 'lib-polled', options => [ 'fenced', 'delayed' ] },
	{ way => 'lib-pooler', options => ['fenced'], over => 'pooler', needs => 'a name of its own' },
	{ way => 'withlock', options => ['fenced'], arguments => [] },
	{ way => 'withlock-keep', options => ['fenced'], arguments => ['--keep'] },
	{ way => 'withlock-permits', options => ['fenced'], arguments => [ '--permits', 2 ] },
	{ way => 'withlock-also', options => ['fenced'], arguments => ['--also', 'b+'] },
	{ way => 'withlock-pooler', options => ['fenced'], arguments => ['--transaction'], over => 'pooler' },
	{ way => 'withlock-link', options => ['fenced'], arguments => [], over => 'link' },
	{ way => 'withlock-far', options => [ 'fenced', 'longest=1500' ], arguments => [], over => 'far', names => ['far'], needs => 'a network' },
	{ way => 'session', options => ['fenced'], names => ['far'] },
	{ way => 'withlock-lease', options => ['fenced'], arguments => [ '--lease', '5s' ], needs => 'a clock that is right' },
	{ way => 'npm', options => [], over => 'uri', needs => 'npm' });

=pod

=head1 METHODS

=over

=item new(program => FILE, history => FILE, seed => N, names => [...], conninfo => {...}, only => REGEX, times => N, longest => MS, mark => TEXT, npm => FILE, there => [...])

there is what stands before a command on another machine, if there is one.  conninfo has one for each "over" above, and "service" for the others.  times is
how many there are of each.  Who is only ever refused works when it is asked for.

=item start(), reap()

reap() starts those anew that have ended.

=cut

sub new
{
	my ($class, %opts) = @_;
	my $self = bless { %opts, runs => 0, pids => {} }, $class;
	my %have = (
		'a clock that is right' => $opts{seed} % 2 == 0,
		npm => defined $opts{npm},
		'a network' => defined $opts{there},
		'a name of its own' => scalar(($opts{only} // '') =~ /pooler/));

	foreach my $spec (@all)
	{
		next if defined $opts{only} && $spec->{way} !~ $opts{only};
		next if ($spec->{needs} // '') =~ /own/ && !$have{ $spec->{needs} };
		if ($spec->{needs} && !$have{ $spec->{needs} }) { $self->{skipped}{ $spec->{way} } = "without $spec->{needs}"; next; }
		next if $spec->{over} && !$opts{conninfo}{ $spec->{over} };
		push @{ $self->{specs} }, map { {%$spec} } 1 .. $opts{times} // 1;
	}
	return $self;
}

sub start
{
	my ($self) = @_;

	$self->start_one($_) foreach 0 .. $#{ $self->{specs} };
	foreach my $watcher (qw(sampler pulse))
	{
		push @{ $self->{watchers} }, $self->spawn(sub {
			exec $self->{program}, $watcher, $self->{history}, $watcher, 0, $self->{conninfo}{service}, 'a';
		});
	}
	return;
}

sub spawn
{
	my ($self, $become) = @_;
	my $pid = fork // die "could not fork: $!\n";

	return $pid if $pid;
	$ENV{TORTURE_RUN} = $self->{mark};
	$SIG{$_} = 'DEFAULT' foreach qw(TERM INT PIPE CHLD);
	open STDIN, '<', '/dev/null';
	{ no warnings 'exec'; eval { $become->() }; }
	POSIX::_exit(127);
}

sub start_one
{
	my ($self, $index) = @_;
	my $spec = $self->{specs}[$index];
	my $way = $spec->{way};
	# the other names are for those that look for company
	my @names = $spec->{names} ? @{ $spec->{names} } : $way =~ /permit/ ? ('p') : $way =~ /npm|also/ ? ('b') : @{ $self->{names} };
	my $seed = $self->{seed} * 1000 + $self->{runs}++;

	$spec->{pid} = $self->spawn(sub {
		$self->loop($spec, $index, $seed, @names) if $way =~ /^(?:withlock|npm)/;
		exec $self->{program}, $way, $self->{history}, "$index-$way", $seed,
		  $self->{conninfo}{ $spec->{over} // 'service' }, join(',', @names), $self->options($spec);
	});
	$self->{pids}{ $spec->{pid} } = $index;
	return;
}

sub options
{
	my ($self, $spec) = @_;

	# what the mutant of the resource is like: no token is checked
	return (map({ $_ eq 'fenced' && $self->{unchecked} ? 'unchecked' : $_ } @{ $spec->{options} }),
		$self->{longest} ? "longest=$self->{longest}" : ());
}

# Calls the program over and over, as its parent.
sub loop
{
	my ($self, $spec, $index, $seed, @names) = @_;
	my ($ending, $count) = (0, 0);

	srand $seed;
	$SIG{TERM} = sub { $ending = 1 };
	open STDERR, '>>', "$self->{history}.stderr";
	open STDOUT, '>&', \*STDERR;
	until ($ending)
	{
		my $who = "job-$index-$spec->{way}.$seed." . $count++;
		my $exit = int rand 4;
		my @command = $self->command($spec, $who, $exit, $names[ rand @names ], int rand 1e6);
		my $pid = fork // last;

		if ($pid == 0)
		{
			$SIG{TERM} = 'DEFAULT';
			{ no warnings 'exec'; exec @command; }
			POSIX::_exit(127);
		}
		1 until waitpid($pid, 0) == $pid;
		my $status = $? & 127 ? 'signal' . ($? & 127) : $? >> 8;
		write_event($self->{history}, $who, "$pid.0", 'exit', process => $pid, detail => "$status $exit");
		# who cannot connect shall not take the machine for itself
		sleep 0.1 if $status eq '69' || $status eq '70';
	}
	POSIX::_exit(0);
}

# How a program is called to run a job.
sub command
{
	my ($self, $spec, $who, $exit, $name, $seed) = @_;
	my $conninfo = $self->{conninfo}{ $spec->{over} // 'service' };
	my @job = ($self->{program}, 'job', $self->{history}, $who, $seed, $self->{conninfo}{service}, $name,
		"exit=$exit", $self->options($spec));

	return ($self->{npm}, $name, '--db', $conninfo, '--', @job) if $spec->{way} eq 'npm';
	return (($spec->{over} // '') eq 'far' ? @{ $self->{there} } : (),
		'withlock', $name, '--db', $conninfo, '--grace', '1s', @{ $spec->{arguments} }, '--', @job);
}

sub reap
{
	my ($self) = @_;

	while ((my $pid = waitpid(-1, POSIX::WNOHANG())) > 0)
	{
		my $index = delete $self->{pids}{$pid} // next;
		$self->start_one($index) unless $self->{ending};
	}
	return;
}

=pod

=item running()

[pid, who] of the programs that lock: workers, and the withlocks of loops.

=item parents()

The process ids of the loops.

=back

=cut

sub running
{
	my ($self) = @_;
	my @running;

	foreach my $spec (@{ $self->{specs} })
	{
		if ($spec->{way} !~ /^(?:withlock|npm)/) { push @running, [ $spec->{pid}, '-' ]; next; }
		foreach my $child (children_of($spec->{pid}))
		{
			push @running, [ $child, $1 ] if (command_line($child) // '') =~ /\0(job-[^\0]+)\0/;
		}
	}
	return @running;
}

sub parents
{
	my ($self) = @_;

	return map { $_->{pid} } grep { $_->{way} =~ /^withlock/ } @{ $self->{specs} };
}

sub children_of
{
	my ($pid) = @_;

	open my $handle, '<', "/proc/$pid/task/$pid/children" or return;
	return split ' ', readline($handle) // '';
}

sub command_line
{
	my ($pid) = @_;

	open my $handle, '<', "/proc/$pid/cmdline" or return;
	return scalar readline $handle;
}

# Asks all to end, and says who does not within so many seconds.
sub finish
{
	my ($self, $seconds) = @_;
	my $deadline = time + $seconds;

	$self->{ending} = 1;
	kill 'TERM', keys %{ $self->{pids} };
	while (keys %{ $self->{pids} } && time < $deadline)
	{
		sleep 0.05;
		$self->reap;
	}
	my @stuck = map { $self->{specs}[ $self->{pids}{$_} ]{way} . " (process $_)" } keys %{ $self->{pids} };
	kill 'TERM', @{ $self->{watchers} };
	kill 'KILL', keys %{ $self->{pids} };
	waitpid $_, 0 foreach @{ $self->{watchers} }, keys %{ $self->{pids} };
	return @stuck;
}

# Nobody is waited for, nor is anything that they started left.
sub kill_all
{
	my ($self, @others) = @_;

	kill 'KILL', @others, keys %{ $self->{pids} }, @{ $self->{watchers} };
	while (my @left = $self->left_behind)
	{
		kill 'KILL', @left;
		1 while waitpid(-1, POSIX::WNOHANG()) > 0;
		sleep 0.02;
	}
	return;
}

# Processes of this run that are still there.
sub left_behind
{
	my ($self) = @_;
	my @left;

	foreach my $directory (glob '/proc/[0-9]*')
	{
		open my $handle, '<', "$directory/environ" or next;
		local $/;
		next unless (readline($handle) // '') =~ /(?:^|\0)TORTURE_RUN=\Q$self->{mark}\E(?:\0|$)/;
		(my $pid = $directory) =~ s{.*/}{};
		push @left, $pid if $pid != $$ && defined command_line($pid);
	}
	return @left;
}

1;
