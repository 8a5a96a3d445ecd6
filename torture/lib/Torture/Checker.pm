# Copyright (c) 2026 the advisory_lock authors

=pod

=head1 NAME

Torture::Checker - what must never be seen in a history

=head1 DESCRIPTION

C<check(history, names)> returns { violations, figures }: a list of
{ property, text, from, to, name }, and what was counted.  names says which
key belongs to which name.

No rule here depends on how fast the machine is, but for those that are bounds
in time, which are wide, and wider by as much as the machine was seen to be late
just then; how often that decided is counted.  What the rules lean on is one clock
for all, and:

  - a lock was a holder's from "held" until "certain", since the server has
    said so later: two such times must not overlap, whatever happened;
  - who was seen waiting before another one even asked comes before it;
  - who was at work until "end" was so by his own belief only; that belief may
    be wrong for as long as he cannot know better, after a fault that took his
    lock away.  Which faults may, says %takes_lock.

=cut

package Torture::Checker;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use List::Util qw(max min);

use Torture::History;
use Torture::Model;
use Torture::Queue;

our @EXPORT = qw(check);

# Faults that can take a lock from a holder who lives: from everybody, or from
# whom they hit.  What is absent here excuses nothing.
my %takes_lock = (
	(map { $_ => 'all' } qw(kill-backend kill-postmaster stop-fast stop-immediate stop-after-acquire
		  promote-lagging promote-synchronous drop-extension lock-table-full disk-full)),
	(map { $_ => 'one' } qw(terminate-holder terminate-waiter freeze-holder stop-backend stop-backend-long stop-worker stop-worker-long
		  kill-withlock kill-parent kill-worker link-cut link-hold link-hold-one-way link-delay pgbouncer-restart
		  cable-flaps cable-out host-gone)),
	(map { $_ => 'own' } qw(discard-all raw-unlock raw-unlock-all failed-transaction)));

# How long after a fault its victims may still find out, in ns: all bounds of
# ours are below, on a machine that is not overloaded several times.
my $AFTERMATH = 20e9;

# The same for who is told at once: a command begins a while after its lock was
# granted, and may have been hit in that time.
my $AFTERMATH_TOLD = 2e9;

# How long two may be at work at once after a fault, in ns: the 10 s in which
# withlock notices a dead network, and its grace; or, where the connection is
# ended, at once, and the rest is the machine's.
my $OVERLAP = 15e9;
my $OVERLAP_TOLD = 4e9;

# After how long the server gives on what a machine had that is gone, in ns: 25 s,
# and the rest is for this machine.
my $GONE = 35e9;

# No name is without a holder while somebody waits for it, in ns.
my $LOST_WAKEUP = 3e9;

# A holder of whom nothing was heard for so long did not run, in ns.
my $NOT_SCHEDULED = 500e6;

# A server that dies so soon after an acquire may not have its WAL on disk, in ns.
my $SOON = 300e6;

# How long a command may live on when its withlock was killed: 1 s of grace and
# what the guard adds; the rest is the machine's, in ns.
my $COMMAND_ALONE = 4e9;

# What happens in time takes so many processes that run one after the other: the
# server's, withlock, its guard, the command.
my $HOPS = 4;

sub check
{
	my ($history, $names) = @_;
	my $self = bless { history => $history, names => $names, violations => [], figures => {} };
	my @held = grep { defined $_->{held} } @{ $history->{ops} };

	$self->{held} = \@held;
	$self->{figures}{acquisitions} = @held;
	$self->{figures}{late_errors} = @{ $history->{events}{late_error} // [] };
	$self->{figures}{late} = max(0, map { $_->[4] } @{ $history->{events}{pulse} // [] });
	$self->{figures}{faults}{ $_->{kind} }++ foreach @{ $history->{faults} };
	$self->check_grants;
	$self->check_work;
	$self->check_tokens;
	$self->check_queue;
	$self->check_wakeup;
	$self->check_cut_off;
	$self->check_reasons;
	$self->check_commands;
	$self->check_said;
	$self->count_stops;
	return { violations => $self->{violations}, figures => $self->{figures} };
}

sub violation
{
	my ($self, $property, $text, $from, $to, $name) = @_;

	push @{ $self->{violations} },
	  { property => $property, text => $text, from => $from, to => $to // $from, name => $name // '-' };
	return;
}

sub shown
{
	my ($op) = @_;

	return "$op->{who} ($op->{id}, token " . ($op->{token} // '-') . ')';
}

# How late the machine was at most in that time.
sub late
{
	my ($self, $from, $to) = @_;

	return max(0, map { $_->[4] } grep { $_->[0] >= $from && $_->[0] - $_->[4] <= $to } @{ $self->{history}{events}{pulse} // [] });
}

# Whether what was to be over within the bound was not, from then until then.
sub is_beyond
{
	my ($self, $bound, $from, $to) = @_;

	return 0 if $to - $from <= $bound;
	return 1 if $to - $from > $bound + $HOPS * $self->late($from, $to);
	$self->{figures}{stretched}++;
	return 0;
}

sub by_name
{
	my ($self, $key) = @_;
	my %groups;

	push @{ $groups{ $key->($_) } }, $_ foreach @{ $self->{held} };
	return values %groups;
}

# P1: no two sessions of a server have an exclusive lock at once.  And P4: of two
# that had it one after the other, both for certain, the second has the higher
# token, though both may have asked at once.  And what the model says.
sub check_grants
{
	my ($self) = @_;

	foreach my $group ($self->by_name(sub { timeline_of($_[0]{token}) . " $_[0]{name}" }))
	{
		my $before;

		$self->violation('MODEL', shown($_) . ' cannot have got it in the order of tokens', $_->{held}, undef, $_->{name})
		  foreach misfits(grep { $_->{token} } @$group);
		foreach my $op (grep { $_->{token} && $_->{certain} } @$group)
		{
			$self->violation('P1', shown($before) . ' and ' . shown($op) . ' both held it for certain',
				$op->{held}, min($before->{certain}, $op->{certain}), $op->{name})
			  if $before && $before->{certain} > $op->{held};
			$self->violation('P4', shown($op) . ' held it after ' . shown($before) . ', for certain, with a lower token',
				$before->{held}, $op->{held}, $op->{name})
			  if $before && $before->{certain} <= $op->{held} && $before->{token} > $op->{token};
			$before = $op if !$before || $op->{certain} > $before->{certain};
		}
	}
	foreach my $sample (@{ $self->{history}{samples} })
	{
		foreach my $key (keys %{ $sample->{locks} })
		{
			my %holders = map { $_->[0] => 1 } grep { $_->[1] eq 'h' } @{ $sample->{locks}{$key} };
			$self->violation('P1', "the lock table has two holders of $key", $sample->{at})
			  if keys %holders > 1;
		}
	}
	return;
}

# P2: two are at work at once only where a fault took the lock from the first,
# and for no longer than what the documentation says.
sub check_work
{
	my ($self) = @_;
	my $figures = $self->{figures};

	foreach my $group ($self->by_name(sub { $_[0]{name} }))
	{
		my @active;

		foreach my $op (@$group)
		{
			@active = grep { $_->{end} > $op->{held} } @active;
			$self->judge_overlap($_, $op) foreach @active;
			push @active, $op;
		}
	}
	return;
}

sub judge_overlap
{
	my ($self, $first, $second) = @_;
	my $length = min($first->{end}, $second->{end}) - $second->{held};
	my @excuses = map { $self->excuses($_, $second->{held}) } $first, $second;
	# the last fault is the likeliest
	my $excuse = $excuses[-1];

	if (!@excuses || $self->is_beyond(max(map { allowed_overlap($_) } @excuses), $second->{held}, $second->{held} + $length))
	{
		$self->violation('P2', shown($first) . ' and ' . shown($second) . ' were at work at once for '
			  . seconds($length) . ' s', $second->{held}, $second->{held} + $length, $second->{name});
		return;
	}
	$self->{figures}{overlaps}{$excuse}{count}++;
	$_ = max($length, $_ // 0) foreach $self->{figures}{overlaps}{$excuse}{longest};
	return;
}

# Who is cut off has ended before the server gives the lock on.
sub allowed_overlap
{
	my ($kind) = @_;

	return $kind =~ /^(?:cable|host)-/ ? 0 : is_told($kind) ? $OVERLAP_TOLD : $OVERLAP;
}

# The kinds of the faults that took the lock from its holder before that time.
sub excuses
{
	my ($self, $op, $before) = @_;

	return 'npm' if $op->{who} =~ /npm/;
	return 'not-scheduled' if ($op->{gap} // 0) > $NOT_SCHEDULED && ($op->{outcome} // '') ne 'released';
	my @faults = grep { $_->{begin} <= $before && hits($_, $op) } @{ $self->{history}{faults} };
	my @soon = grep { $_->{end} + aftermath($_) >= $op->{held} } @faults;
	@soon = grep { !$self->is_beyond(aftermath($_), $_->{end}, $op->{held}) } @faults unless @soon;
	return map { $_->{kind} } @soon;
}

# The connection ends, or a statement fails.
sub is_told { return $_[0] =~ /^(?:terminate|lock-table-full)/; }

sub aftermath { return is_told($_[0]{kind}) ? $AFTERMATH_TOLD : $AFTERMATH; }

# Whether the fault can be the reason why this one lost its lock.  A fault that
# hits one names the lock, or a process: the worker's, its server process, or
# the withlock that a job belongs to, whose server process nobody knows.
sub hits
{
	my ($fault, $op) = @_;
	my $whom = $takes_lock{ $fault->{kind} } // return 0;

	return $op->{held} <= $fault->{end} + ($fault->{kind} =~ /^(?:stop-fast|stop-immediate|stop-after|disk-full|kill-)/ ? 1e9 : $AFTERMATH)
	  if $whom eq 'all';
	return $fault->{id} eq $op->{id} if $whom eq 'own';
	return $fault->{process} == ($op->{backend} // 0)
	  if $fault->{kind} =~ /-(?:holder|waiter|backend|backend-long)$/ && $fault->{kind} ne 'freeze-holder' && $op->{who} !~ /^job-/;
	return 1 if $fault->{name} ne '-' && ($fault->{name} eq $op->{name} || $fault->{name} eq $op->{who});
	return 1 if $fault->{name} =~ /^withlock-/ && $op->{who} =~ /^job-\d+-\Q$fault->{name}\E\./;
	my ($worker) = $op->{id} =~ /^(\d+)/;
	return $fault->{process} && ($fault->{process} == ($op->{backend} // 0) || $fault->{process} == $worker);
}

# P4: a token is above all that were given before it was asked for.
sub check_tokens
{
	my ($self) = @_;
	my %seen;
	my @given = sort { $a->{held} <=> $b->{held} } grep { $_->{token} } @{ $self->{held} };
	my @asked = sort { $a->{invoke} <=> $b->{invoke} } grep { defined $_->{invoke} } @given;
	my %highest;

	foreach my $op (@given)
	{
		my $same = $seen{ $op->{token} };
		$self->violation('P4', shown($op) . ' has the token of ' . shown($same), $op->{held}, undef, $op->{name})
		  if $same;
		$seen{ $op->{token} } = $op;
	}
	foreach my $op (@asked)
	{
		while (@given && $given[0]{held} < $op->{invoke})
		{
			my $before = shift @given;
			my $timeline = timeline_of($before->{token});
			$highest{$timeline} = $before if ($highest{$timeline}{token} // 0) < $before->{token};
		}
		foreach my $before (map { $highest{$_} } grep { $_ <= timeline_of($op->{token}) } keys %highest)
		{
			$self->violation('P4', shown($op) . ' is not above ' . shown($before), $before->{held}, $op->{held}, $op->{name})
			  if $before->{token} >= $op->{token};
		}
	}
	return;
}

# First come, first served: who was seen waiting is served before those who
# asked later.
sub check_queue
{
	my ($self) = @_;

	note_waiting($self->{held}, $self->{history}{samples}, $self->{names});
	$self->{figures}{queued} = grep { $_->{waits_since} } @{ $self->{held} };
	foreach my $group ($self->by_name(sub { timeline_of($_[0]{token}) . " $_[0]{name}" }))
	{
		foreach (overtakers(@$group))
		{
			my ($early, $op) = @$_;
			$self->violation('FIFO', shown($early) . ' asked when ' . shown($op) . ' waited, and was served before it',
				$op->{waits_since}, $op->{held}, $op->{name});
		}
	}
	return;
}

# P7: no name is without a holder while somebody waits for it.
sub check_wakeup
{
	my ($self) = @_;
	my (%since, %last);

	foreach my $sample (@{ $self->{history}{samples} })
	{
		my %now;

		foreach my $key (keys %{ $sample->{locks} })
		{
			my @locks = @{ $sample->{locks}{$key} };
			next if grep { $_->[1] eq 'h' } @locks;
			# the same waiter: a queue that moves is none that is stuck
			my $head = $locks[0][0] . ' ' . $locks[0][2];
			$now{"$key $head"} = $since{"$key $head"} // $sample->{at};
			next if $self->is_faulty($now{"$key $head"}, $sample->{at})
			  || !$self->is_beyond($LOST_WAKEUP, $now{"$key $head"}, $sample->{at});
			$self->violation('P7', "process $locks[0][0] waits for $key, which nobody holds",
				$now{"$key $head"}, $sample->{at}, $self->{names}{$key});
			$now{"$key $head"} = $sample->{at};
		}
		%since = %now;
	}
	return;
}

# And nobody who is cut off keeps his lock, or his place in a queue.
sub check_cut_off
{
	my ($self) = @_;

	foreach my $cut (@{ $self->{history}{events}{cut_off} // [] })
	{
		my ($at, $key, $pid) = @$cut[ 0, 3, 5 ];
		my ($still) = grep {
			my $sample = $_;
			grep { $_->[0] == $pid && $self->is_beyond($GONE, $at, $sample->{at}) } @{ $sample->{locks}{$key} // [] }
		} @{ $self->{history}{samples} };

		$self->{figures}{cut_off}++;
		$self->violation('P7', "process $pid, whose client's machine is gone, still has or awaits $key",
			$at, $still->{at}, $self->{names}{$key})
		  if $still;
	}
	return;
}

sub is_faulty
{
	my ($self, $from, $to) = @_;

	return scalar grep { $_->{kind} =~ /^(?:stop-backend|stop-postmaster|lock-table-full)/ && $_->{begin} < $to && $_->{end} > $from - 1e9 }
	  @{ $self->{history}{faults} };
}

# Nobody loses a lock, or is fenced off, without a fault that explains it.
sub check_reasons
{
	my ($self) = @_;

	foreach my $op (@{ $self->{held} })
	{
		my $what =
		    ($op->{outcome} // '') =~ /^(?:gone|lost)$/ ? $op->{outcome}
		  : ($op->{refused} // '') eq '55000' ? 'fenced off'
		  : next;
		$self->{figures}{losses}++;
		next if $self->excuses($op, $op->{outcome_at} // $op->{end});
		$self->violation('REASON', shown($op) . ": $what, and no fault explains it", $op->{held}, $op->{end}, $op->{name});
	}
	return;
}

# P8: a command ends before its withlock does, and its status is passed on; but for
# one that ended just when the lock was lost, which is said (74), or, with --keep,
# is followed by another attempt, which may find no server (69).
sub check_commands
{
	my ($self) = @_;
	my $events = $self->{history}{events};
	my %job = map { $_->{who} => $_ } grep { $_->{who} =~ /^job-/ } @{ $self->{held} };

	foreach my $exit (@{ $events->{exit} // [] })
	{
		my ($at, $who, undef, undef, undef, undef, $detail) = @$exit;
		my ($status, $expected) = split / /, $detail;
		my $job = $job{$who};

		$self->{figures}{exits}{ $status eq $expected ? 'own' : $status }++;
		next unless $job && $who !~ /npm/;
		if ($status =~ /^signal/)
		{
			$self->violation('P8', shown($job) . ' went on when its withlock had been killed', $at, $job->{end}, $job->{name})
			  if $self->is_beyond($COMMAND_ALONE, $at, $job->{end});
			next;
		}
		$self->violation('P8', shown($job) . ' went on when its withlock had ended', $at, $job->{end}, $job->{name})
		  if $job->{end} > $at;
		$self->violation('P8', shown($job) . " ended with $expected, its withlock with $status", $job->{held}, $at, $job->{name})
		  if $job->{release} && !$job->{told} && $status ne $expected && $status ne '74'
		  && !($status eq '69' && $who =~ /-withlock-keep\./ && $self->excuses($job, $at));
	}
	return;
}

# How many times the server died right after somebody had got a lock.
sub count_stops
{
	my ($self) = @_;
	my @held = sort { $a <=> $b } map { $_->{held} } @{ $self->{held} };
	my $last;

	foreach my $fault (grep { $_->{kind} =~ /^(?:stop-(?:immediate|after)|kill-(?:backend|postmaster))/ } @{ $self->{history}{faults} })
	{
		$last = shift @held while @held && $held[0] <= $fault->{begin};
		$self->{figures}{soon}++ if defined $last && $fault->{begin} - $last <= $SOON;
	}
	return;
}

# What a worker or the end of the run found out by itself.
sub check_said
{
	my ($self) = @_;
	my %property = (
		lost_update => 'P3',
		held_after => 'P5',
		lie => 'P5',
		leak => 'P6',
		stuck => 'P7',
		unanswered => 'P7',
		one_key => 'NAMES',
		left_behind => 'PROCESS',
		resource => 'P3');

	foreach my $event (sort keys %property)
	{
		foreach my $said (@{ $self->{history}{events}{$event} // [] })
		{
			$self->violation($property{$event}, "$event, says $said->[1] ($said->[2]): $said->[6]", $said->[0], undef, $said->[3]);
		}
	}
	return;
}

1;
