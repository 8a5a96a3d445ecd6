# Copyright (c) 2026 the advisory_lock authors

=pod

=head1 NAME

AdvisoryLock::Together - sessions that begin at the same time

=head1 SYNOPSIS

  my @states = run_together($node, $sql, $other_sql);

=cut

package AdvisoryLock::Together;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';

use AdvisoryLock;

our @EXPORT = qw(run_together);

# A key that no test uses otherwise
my $GATE = 7_654_321;

=pod

=head1 FUNCTIONS

=over

=item run_together(node, sql, ...)

Runs each in a session of its own, all at the same time: none begins before
all are connected.  Returns their SQLSTATEs; the sessions are over then.

=back

=cut

sub run_together
{
	my ($node, @sql) = @_;

	my $gate = session($node);
	$gate->query("SELECT pg_advisory_lock($GATE)");
	my @sessions = map { session($node) } @sql;
	foreach my $i (0 .. $#sql)
	{
		$sessions[$i]->start(
			"SELECT pg_advisory_lock_shared($GATE); SELECT pg_advisory_unlock_shared($GATE);\n$sql[$i]");
	}
	$_->wait_blocked foreach @sessions;
	$gate->query("SELECT pg_advisory_unlock($GATE)");

	my @states = map { $_->finish_state } @sessions;
	my @pids = map { $_->pid } @sessions;
	$_->quit foreach @sessions, $gate;
	wait_until { !kill 0, @pids } 'the sessions end';
	return @states;
}

1;
