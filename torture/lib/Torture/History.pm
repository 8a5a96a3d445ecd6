# Copyright (c) 2026 the advisory_lock authors

=pod

=head1 NAME

Torture::History - what the workers and the nemesis wrote down

=head1 DESCRIPTION

C<read_history(file)> returns { ops, faults, samples, events }, each a list
in the order of time, times in ns:

  ops      { who, id, name, token, backend, invoke, held, end, certain, outcome, ... }
           one for each lock that was waited for or held
  faults   { kind, name, process, begin, end }
  samples  { asked, at, locks => { key => [ [pid, state, start], ... ] } }
  events   { event name => [ [at, who, id, name, token, process, detail], ... ] }, the others

C<end> is the last time at which a holder was seen at work; C<certain> the last
at which the server is known to have had the lock as this holder's, because it
has confirmed it later.

=cut

package Torture::History;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';

our @EXPORT = qw(read_history seconds timeline_of write_event);

my %of_op = map { $_ => 1 } qw(invoke held beat verified release released gone lost failed stored refused told);

sub read_history
{
	my ($file) = @_;
	my (%op, @samples, %events);

	open my $handle, '<', $file or die "could not open $file: $!\n";
	while (my $line = <$handle>)
	{
		chomp $line;
		my @event = split /\t/, $line, -1;
		# the end of a line may be missing where its writer was killed
		next if @event != 8;
		if ($of_op{ $event[3] }) { note_op(\%op, @event); }
		elsif ($event[3] eq 'sample') { push @samples, sample_of(@event); }
		else { push @{ $events{ $event[3] } }, [ @event[ 0 .. 2, 4 .. 7 ] ]; }
	}
	my @ops = sort { ($a->{held} // $a->{invoke}) <=> ($b->{held} // $b->{invoke}) }
	  grep { defined $_->{held} || defined $_->{invoke} } values %op;
	return {
		ops => \@ops,
		faults => faults_of(\%events),
		samples => [ sort { $a->{at} <=> $b->{at} } @samples ],
		events => \%events };
}

# An operation is known by its id until it has a name of its own: a permit's.
sub note_op
{
	my ($ops, $at, $who, $id, $event, $name, $token, $process, $detail) = @_;
	my $op = $ops->{"$who $id"} //= { who => $who, id => $id, name => $name };

	$op->{backend} = $process if $process && !$op->{backend};
	if ($event eq 'invoke') { @$op{ 'invoke', 'way', 'asked' } = ($at, $detail, $name); }
	elsif ($event eq 'held') { @$op{ 'held', 'end', 'name', 'token' } = ($at, $at, $name, $token); }
	elsif ($event eq 'beat' || $event eq 'stored') { later($op, 'end', $at); }
	elsif ($event eq 'verified') { later($op, 'certain', $at); }
	elsif ($event eq 'release') { later($op, 'end', $at); $op->{release} = $at; }
	elsif ($event eq 'released') { later($op, 'certain', $op->{release}); }
	note_outcome($op, $at, $event, $detail) if $event !~ /^(?:invoke|held|beat|verified|release|stored)$/;
	# who waits does not run; but a lease ends by itself, from when it is granted
	later($op, 'gap', $at - $op->{seen})
	  if defined $op->{seen} && defined $op->{held} && ($event ne 'held' || ($op->{way} // '') eq 'lease');
	$op->{seen} = $at;
	return;
}

sub later
{
	my ($op, $field, $at) = @_;

	$op->{$field} = $at if ($op->{$field} // 0) < $at;
	return;
}

sub note_outcome
{
	my ($op, $at, $event, $detail) = @_;

	if ($event eq 'told') { $op->{told} = $at; return; }
	if ($event eq 'refused') { $op->{refused} = $detail; return; }
	@$op{ 'outcome', 'outcome_at', 'reason' } = ($event, $at, $detail);
	return;
}

# What was seen was so at some time from the question to the answer.
sub sample_of
{
	my ($at, $asked, $locks) = @_[ 0, 5, 7 ];

	return { at => $at, asked => $asked || $at, locks => locks_of($locks) };
}

sub locks_of
{
	my ($text) = @_;
	my %locks;

	foreach my $lock ($text eq '-' ? () : split / /, $text)
	{
		my ($key1, $key2, @rest) = split /:/, $lock;
		push @{ $locks{"$key1:$key2"} }, \@rest;
	}
	return \%locks;
}

# A fault that is not said to have ended was over at once.
sub faults_of
{
	my ($events) = @_;
	my (@faults, %open);

	foreach my $event (sort { $a->[0] <=> $b->[0] } @{ $events->{fault} // [] })
	{
		my $fault = { begin => $event->[0], end => $event->[0], id => $event->[2], name => $event->[3],
			process => $event->[5], kind => $event->[6] };
		push @faults, $fault;
		$open{"$event->[1] $event->[2]"} = $fault;
	}
	foreach my $event (@{ $events->{fault_end} // [] })
	{
		my $fault = $open{"$event->[1] $event->[2]"};
		$fault->{end} = $event->[0] if $fault;
	}
	return \@faults;
}

sub seconds { return sprintf '%.3f', $_[0] / 1e9; }

sub timeline_of { return ($_[0] >> 48) & 0x7ff; }

# What the nemesis itself writes; the workers do it in history.c.
sub write_event
{
	my ($file, $who, $id, $event, %more) = @_;
	my $now = int(Time::HiRes::clock_gettime(Time::HiRes::CLOCK_MONOTONIC()) * 1e9);

	open my $handle, '>>', $file or die "could not open $file: $!\n";
	syswrite $handle, join("\t", $more{at} // $now, $who, $id, $event, $more{name} // '-', 0,
		$more{process} // 0, $more{detail} // '-') . "\n";
	close $handle;
	return;
}

1;
