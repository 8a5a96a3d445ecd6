# Copyright (c) 2026 the advisory_lock authors

=pod

=head1 NAME

Torture::Faults - what can be done to servers, sessions and programs

=head1 DESCRIPTION

C<%faults> has, by name, what does it.  Each is given the run, and does it.  It
calls C<< $run->begin(kind) >> before it does anything, and C<< $run->over >>
afterwards; what it needs and cannot have it says by C<die>.  What hits one
session or program may still go on when it returns, in C<< $run->meanwhile >>;
C<@alone> are those that are done when nothing else is.

=cut

package Torture::Faults;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use POSIX ();
use Time::HiRes qw(sleep time);

use Torture::History;

our @EXPORT = qw(%faults @alone);

# How often each is chosen; those that stop everything are rarer.
our %faults = (
	'terminate-holder' => [ 10, sub { signal_backend($_[0], 'terminate-holder', 'pg_terminate_backend(pid)', 'granted') } ],
	'terminate-waiter' => [ 5, sub { signal_backend($_[0], 'terminate-waiter', 'pg_terminate_backend(pid)', 'NOT granted') } ],
	'cancel-holder' => [ 5, sub { signal_backend($_[0], 'cancel-holder', 'pg_cancel_backend(pid)', 'granted') } ],
	'cancel-waiter' => [ 10, sub { signal_backend($_[0], 'cancel-waiter', 'pg_cancel_backend(pid)', 'NOT granted') } ],
	'stop-backend' => [ 6, sub { stop_backend($_[0], 'stop-backend', 0.05 + rand 0.3) } ],
	'stop-backend-long' => [ 1, sub { stop_backend($_[0], 'stop-backend-long', 2 + rand 2) } ],
	'stop-worker' => [ 6, sub { stop_worker($_[0], 'stop-worker', 0.05 + rand 0.3) } ],
	'stop-worker-long' => [ 1, sub { stop_worker($_[0], 'stop-worker-long', 2 + rand 2) } ],
	'stop-postmaster' => [ 2, \&stop_postmaster ],
	'kill-worker' => [ 6, sub { kill_worker($_[0], 'kill-worker', qr/^-$/) } ],
	'kill-withlock' => [ 6, sub { kill_worker($_[0], 'kill-withlock', qr/^job/) } ],
	'kill-parent' => [ 4, \&kill_parent ],
	'kill-backend' => [ 1, \&kill_backend ],
	'kill-postmaster' => [ 1, \&kill_postmaster ],
	'stop-fast' => [ 1, sub { restart($_[0], 'stop-fast', 'fast') } ],
	'stop-immediate' => [ 1, sub { restart($_[0], 'stop-immediate', 'immediate') } ],
	'stop-after-acquire' => [ 1, \&stop_after_acquire ],
	'freeze-holder' => [ 4, \&freeze_holder ],
	'promote-lagging' => [ 0.4, sub { $_[0]->promote('promote-lagging', 0) } ],
	'promote-synchronous' => [ 0.4, sub { $_[0]->promote('promote-synchronous', 1) } ],
	'pgbouncer-restart' => [ 2, \&restart_pooler ],
	'drop-extension' => [ 1, \&drop_extension ],
	'lock-table-full' => [ 1, \&fill_lock_table ],
	'reload' => [ 2, \&reload ],
	'clock-jump' => [ 3, \&jump ],
	'link-cut' => [ 4, sub { link_order($_[0], 'link-cut', 'cut', 0) } ],
	'link-hold' => [ 2, sub { link_order($_[0], 'link-hold', 'hold', 0.5 + rand 1.5) } ],
	'link-hold-one-way' => [ 2, sub { link_order($_[0], 'link-hold-one-way', rand() < 0.5 ? 'hold-to-server' : 'hold-to-client', 0.5 + rand 1.5) } ],
	'link-delay' => [ 2, sub { link_order($_[0], 'link-delay', 'delay', 0.5 + rand 1) } ],
	'cable-flaps' => [ 2, sub { cable($_[0], 'cable-flaps', 0.02 + rand 0.4) } ],
	'cable-out' => [ 2, sub { cable($_[0], 'cable-out', 1 + rand 12) } ],
	'host-gone' => [ 3, sub { cable($_[0], 'host-gone', 40) } ],
	'descriptors-used-up' => [ 2, sub { poor_withlock($_[0], 'descriptors-used-up', 'ulimit -n ' . (4 + int rand 12)) } ],
	'memory-refused' => [ 2, sub { poor_withlock($_[0], 'memory-refused', 'ulimit -v ' . (8000 + int rand 60000)) } ],
	'stderr-blocked' => [ 2, \&block_stderr ],
	'terminal-gone' => [ 2, \&lose_terminal ],
	'disk-full' => [ 1, \&fill_disk ],
	'memory-full' => [ 1, \&fill_shared_memory ]);

# What hits the server, or all who use it.
our @alone = qw(stop-postmaster kill-backend kill-postmaster stop-fast stop-immediate stop-after-acquire promote-lagging
  promote-synchronous pgbouncer-restart drop-extension lock-table-full memory-full disk-full);

# Between two faults of one link, it passes on; so there is one at a time.
my $link_busy_until = 0;

# The keys of a lock that somebody holds or awaits, chosen by chance.
my $VICTIM = 'SELECT pid, classid::bigint::bit(32)::integer AS key1, objid::bigint::bit(32)::integer AS key2'
  . " FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2 AND pid IS NOT NULL";

# The server says who it was when it is done, so the fault is noted with
# hindsight; one or two at once.
sub signal_backend
{
	my ($run, $kind, $call, $whose) = @_;
	my $before = $run->now;
	my $said = $run->{server}->sql("SELECT pid, key1, key2, $call FROM ($VICTIM AND $whose ORDER BY random() LIMIT "
		  . (1 + int rand 2) . ') v') // '';

	foreach my $victim (split /\n/, $said)
	{
		my ($pid, $key1, $key2) = split /\|/, $victim;
		$run->over($run->begin($kind, at => $before, process => $pid, name => $run->name_of("$key1:$key2")));
	}
	return;
}

sub a_backend
{
	my ($run) = @_;

	return split /\|/, $run->{server}->sql("$VICTIM ORDER BY random() LIMIT 1") // '';
}

sub stop_for
{
	my ($run, $pid, $seconds, $fault) = @_;

	kill 'STOP', $pid;
	$run->meanwhile($fault, sub {
		sleep $seconds;
		kill 'CONT', $pid;
	});
	return;
}

sub stop_backend
{
	my ($run, $kind, $seconds) = @_;
	my ($pid, $key1, $key2) = a_backend($run);

	return unless $pid;
	stop_for($run, $pid, $seconds, $run->begin($kind, process => $pid, name => $run->name_of("$key1:$key2")));
	return;
}

sub stop_postmaster
{
	my ($run) = @_;
	my $pid = $run->{server}->postmaster or return;

	my $fault = $run->begin('stop-postmaster', process => $pid);
	kill 'STOP', $pid;
	sleep 0.2 + rand 0.5;
	kill 'CONT', $pid;
	$run->over($fault);
	return;
}

sub a_worker
{
	my ($run, $which) = @_;
	my @running = grep { !defined $which || $_->[1] =~ $which } $run->{workers}->running;

	return @running ? @{ $running[ rand @running ] } : ();
}

sub stop_worker
{
	my ($run, $kind, $seconds) = @_;
	my ($pid, $who) = a_worker($run);

	return unless $pid;
	stop_for($run, $pid, $seconds, $run->begin($kind, process => $pid, name => $who));
	return;
}

sub kill_worker
{
	my ($run, $kind, $which) = @_;
	my ($pid, $who) = a_worker($run, $which);

	return unless $pid;
	my $fault = $run->begin($kind, process => $pid, name => $who);
	kill 'KILL', $pid;
	$run->over($fault);
	return;
}

# Its withlock goes on without a parent.
sub kill_parent
{
	my ($run) = @_;
	my @parents = $run->{workers}->parents or return;
	my $pid = $parents[ rand @parents ];

	my $fault = $run->begin('kill-parent', process => $pid);
	kill 'KILL', $pid;
	$run->over($fault);
	return;
}

sub kill_backend
{
	my ($run) = @_;
	my ($pid) = a_backend($run);

	return unless $pid;
	my $fault = $run->begin('kill-backend', process => $pid);
	kill 'KILL', $pid;
	sleep 0.3;
	$run->{server}->wait_ready(60);
	$run->over($fault);
	return;
}

sub kill_postmaster
{
	my ($run) = @_;

	my $fault = $run->begin('kill-postmaster');
	$run->{server}->kill_postmaster;
	$run->{server}->start or die "the server does not start\n";
	$run->over($fault);
	return;
}

sub restart
{
	my ($run, $kind, $mode) = @_;

	my $fault = $run->begin($kind);
	$run->{server}->stop($mode);
	$run->{server}->start or die "the server does not start\n";
	$run->over($fault);
	return;
}

# A server that dies in the moment in which somebody has got a lock.
sub stop_after_acquire
{
	my ($run) = @_;
	my $until = time + 10;

	# nobody has written anything yet?
	open my $history, '<', $run->{history} or return;
	seek $history, 0, 2;
	until ((join '', readline $history) =~ /\theld\t/)
	{
		return if time > $until;
		sleep 0.005;
		seek $history, 0, 1;
	}
	sleep rand 0.25;
	restart($run, 'stop-after-acquire', 'immediate');
	return;
}

# A host that stands still: its server session is ended meanwhile, and it goes
# on without knowing.  Only the token can keep what it writes then from harm.
sub freeze_holder
{
	my ($run) = @_;
	my ($backend, $worker) = split /\|/, $run->{server}->sql(
		"SELECT pid, substr(application_name, 9) FROM pg_stat_activity JOIN ($VICTIM AND granted) v USING (pid)"
		  . " WHERE application_name LIKE 'torture %' ORDER BY random() LIMIT 1") // '';

	return unless $worker && exists $run->{workers}{pids}{$worker};
	my $fault = $run->begin('freeze-holder', process => $worker);
	kill 'STOP', $worker;
	$run->{server}->sql("SELECT pg_terminate_backend($backend)");
	stop_for($run, $worker, 0.3 + rand 0.7, $fault);
	return;
}

sub restart_pooler
{
	my ($run) = @_;

	die "there is no pgbouncer\n" unless $run->{pooler};
	# it is behind the locks of one worker only
	my $fault = $run->begin('pgbouncer-restart', name => 'withlock-pooler');
	$run->stop_pooler;
	$run->start_pooler;
	$run->over($fault);
	return;
}

sub drop_extension
{
	my ($run) = @_;

	my $fault = $run->begin('drop-extension');
	$run->{server}->sql('DROP EXTENSION advisory_lock', 'CREATE EXTENSION advisory_lock');
	$run->{server}->sql('CREATE EXTENSION IF NOT EXISTS advisory_lock');
	$run->over($fault);
	return;
}

# An error does not release them, the end of the session does.
sub fill_lock_table
{
	my ($run) = @_;

	my $fault = $run->begin('lock-table-full');
	$run->{server}->sql("DO \$\$ BEGIN FOR i IN 1..100000 LOOP PERFORM pg_advisory_lock(i); END LOOP;"
		  . ' EXCEPTION WHEN out_of_memory THEN PERFORM pg_sleep(0.3); END $$');
	$run->over($fault);
	return;
}

sub reload
{
	my ($run) = @_;
	my $pid = $run->{server}->postmaster or return;

	my $fault = $run->begin('reload');
	kill 'HUP', $pid;
	$run->over($fault);
	return;
}

# By a preload that adds what a file says to the wall clock, see clock.c.
sub jump
{
	my ($run) = @_;

	die "the clock cannot be preloaded\n" unless $run->{clock};
	my $fault = $run->begin('clock-jump');
	open my $handle, '>', $run->{clock} or die "$run->{clock}: $!\n";
	print $handle int(rand 7200) - 3600, "\n";
	close $handle;
	$run->over($fault);
	return;
}

sub link_order
{
	my ($run, $kind, $order, $seconds) = @_;

	return if time < $link_busy_until;
	$link_busy_until = time + $seconds + 0.3;
	my $fault = $run->begin($kind, name => 'withlock-link');
	$run->{link}->order($order);
	$run->meanwhile($fault, sub {
		sleep $seconds;
		$run->{link}->order('pass');
	});
	return;
}

# Nothing comes through from now on, and nobody is told.  Who is behind it with a
# lock, or in a queue, is noted: the server has to find out by itself.
sub cable
{
	my ($run, $kind, $seconds) = @_;

	die "network namespaces cannot be made here\n" unless $run->{network};
	return if time < ($run->{outage_until} // 0) + 1;
	if ($kind eq 'host-gone')
	{
		return if time + $seconds > $run->{until};
		sleep 0.02 until far_backends($run, 'granted') || time > $run->{until} - $seconds;
	}
	my $fault = $run->begin($kind, name => 'withlock-far');
	$run->outage($fault, $seconds);
	foreach my $victim ($kind eq 'host-gone' ? far_backends($run, 'true') : ())
	{
		my ($pid, $key1, $key2) = split /\|/, $victim;
		write_event($run->{history}, 'nemesis', $fault, 'cut_off', process => $pid, name => "$key1:$key2");
	}
	return;
}

sub far_backends
{
	my ($run, $which) = @_;

	return split /\n/, $run->{server}->sql(
		"SELECT v.* FROM ($VICTIM AND $which) v JOIN pg_stat_activity USING (pid) WHERE client_addr IS NOT NULL") // '';
}

sub poor_withlock
{
	my ($run, $kind, $limit) = @_;

	my $fault = $run->begin($kind);
	$run->meanwhile($fault, sub {
		$run->extra(60, 'sh', '-c', "$limit; exec \"\$@\"", 'sh', $run->withlock('extra', 'b'));
	});
	return;
}

# A pipe that is full and that nobody reads.
sub block_stderr
{
	my ($run) = @_;

	my $fault = $run->begin('stderr-blocked');
	pipe(my $read, my $write) or return;
	$write->blocking(0);
	1 while syswrite $write, 'x' x 4096;
	$write->blocking(1);
	$run->meanwhile($fault, sub { $run->extra(60, { stderr => $write }, $run->withlock('extra', 'b', '-v')); });
	return;
}

sub lose_terminal
{
	my ($run) = @_;

	die "script(1) is not there\n" unless grep { -x "$_/script" } split /:/, $ENV{PATH};
	my $fault = $run->begin('terminal-gone', name => 'extra');
	my $seconds = 0.1 + rand 0.3;
	my $command = join ' ', map { "'$_'" } $run->withlock('extra', 'b');
	$run->meanwhile($fault, sub {
		my $pid = $run->{workers}->spawn(sub {
			exec 'setsid', '-w', 'script', '-qec', $command, '/dev/null';
		});
		sleep $seconds;
		kill 'KILL', Torture::Workers::children_of($pid), $pid;
		waitpid $pid, 0;
	});
	return;
}

# There is no room for the write-ahead log: the server panics when it needs more,
# and comes back when there is.
sub fill_disk
{
	my ($run) = @_;
	my $disk = $run->{server}{wal} // die "the write-ahead log has no disk of its own\n";
	my $until = time + 2;

	my $fault = $run->begin('disk-full');
	system "head -c 1G /dev/zero >$disk/filler 2>/dev/null";
	1 while defined $run->{server}->sql("SELECT pg_logical_emit_message(true, '', repeat('x', 1000000))") && time < $until;
	unlink "$disk/filler";
	$run->{server}->start or die "the server does not start\n";
	$run->over($fault);
	return;
}

sub fill_shared_memory
{
	my ($run) = @_;

	# only where /dev/shm is ours alone
	die "/dev/shm is not ours\n" unless $ENV{TORTURE_NAMESPACES};
	my $fault = $run->begin('memory-full');
	system 'head -c 1G /dev/zero >/dev/shm/filler 2>/dev/null';
	$run->{server}->sql('SELECT count(*) FROM advisory_lock.locks');
	sleep 0.5;
	unlink '/dev/shm/filler';
	$run->over($fault);
	return;
}

1;
