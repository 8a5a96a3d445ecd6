# Copyright (c) 2026 the advisory_lock authors

=pod

=head1 NAME

Torture::Run - one run: servers, workers, faults, and what is left at the end

=cut

package Torture::Run;

use strict;
use warnings FATAL => 'all';

use IO::Handle;
use List::Util qw(max min);
use POSIX ();
use Time::HiRes qw(sleep time);

use AdvisoryLock::Pooler;
use Torture::Faults;
use Torture::History;
use Torture::Link;
use Torture::Network ();
use Torture::Server;
use Torture::Workers;

=pod

=head1 METHODS

=over

=item new(directory => DIR, program => FILE, seed => N, registry => 0|1, ...)

Starts everything but the workers.  Further options: only (a pattern of ways),
kinds (a list of faults), unchecked (a resource without fencing), npm (the
package's withlock), clock (the preload), times and longest (see Workers),
patience (how long what is right takes at the end of a run, on a busy machine),
conf (lines for postgresql.conf), enough (what is asked now and then whether the run is to end).

=cut

my @NAMES = qw(a b c);

sub new
{
	my ($class, %opts) = @_;
	my $self = bless { patience => 60, %opts, history => "$opts{directory}/history", faults => 0, generation => 1 }, $class;

	srand $opts{seed};
	$ENV{PGSERVICEFILE} = "$opts{directory}/services";
	$self->prepare_clock if $opts{clock_preload};
	$self->{network} = Torture::Network->new;
	$self->{server} = Torture::Server->new("$opts{directory}/data1", 6001,
		wal => $self->{network} && $self->{network}->small_disk("$opts{directory}/disk"),
		registry => $opts{registry}, conf => $opts{conf}, address => $self->{network} && $self->{network}->address);
	$self->prepare_database;
	$self->{link} = Torture::Link->new("$opts{directory}/link", "$opts{directory}/.s.PGSQL.6001");
	$self->direct;
	$self->{workers} = Torture::Workers->new(
		program => $opts{program}, history => $self->{history}, seed => $opts{seed}, names => \@NAMES,
		only => $opts{only}, times => $opts{times}, longest => $opts{longest}, npm => $opts{npm}, unchecked => $opts{unchecked},
		there => $self->{network} && [ $self->{network}->there ], mark => "$opts{directory}/$$",
		conninfo => {
			service => 'service=torture',
			link => $self->{link}->conninfo,
			far => $self->{network} && 'service=far',
			pooler => $self->{pooler} && "host=$opts{directory}/pooler port=5000 user=postgres dbname=postgres",
			uri => 'postgresql://postgres@' . ($opts{directory} =~ s{/}{%2F}gr) . ':6001/postgres' });
	return $self;
}

sub prepare_clock
{
	my ($self) = @_;

	$self->{clock} = "$self->{directory}/clock";
	open my $handle, '>', $self->{clock} or die "$self->{clock}: $!\n";
	print $handle "0\n";
	close $handle;
	@ENV{ 'TORTURE_CLOCK', 'LD_PRELOAD' } = ($self->{clock}, $self->{clock_preload});
	return;
}

sub prepare_database
{
	my ($self) = @_;
	my $server = $self->{server};

	$server->sql('CREATE EXTENSION advisory_lock') // die "there is no extension\n";
	$server->sql(<<'EOT') // die "the resource cannot be made\n";
CREATE SCHEMA torture;
CREATE TABLE torture.resource (name text PRIMARY KEY, value bigint NOT NULL DEFAULT 0);
CREATE TABLE torture.writes (name text, value bigint, token bigint, PRIMARY KEY (name, value));
CREATE FUNCTION torture.look(n text, t bigint) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	IF t IS NOT NULL THEN
		PERFORM advisory_lock.fence(n, t);
	END IF;
	INSERT INTO torture.resource VALUES (n) ON CONFLICT DO NOTHING;
	RETURN (SELECT value FROM torture.resource WHERE name = n);
END $$;
CREATE FUNCTION torture.store(n text, t bigint, seen bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF t IS NOT NULL THEN
		PERFORM advisory_lock.fence(n, t);
	END IF;
	INSERT INTO torture.writes VALUES (n, seen + 1, t);
	UPDATE torture.resource SET value = seen + 1 WHERE name = n;
END $$;
EOT
	foreach my $name (map { ($_, "$_+") } @NAMES, 'p', 'far')
	{
		my $key = $server->sql("SELECT key1 || ':' || key2 FROM advisory_lock.key('$name')");
		$self->{names}{$key} = $name;
	}
	return;
}

sub name_of
{
	my ($self, $key) = @_;

	return $self->{names}{$key} // '-';
}

# Everything that connects from now on comes to the present server.
sub direct
{
	my ($self) = @_;

	open my $handle, '>', "$ENV{PGSERVICEFILE}.new" or die "services: $!\n";
	my %host = (torture => $self->{directory}, far => $self->{network} && $self->{network}->address);
	print $handle "[$_]\nhost=$host{$_}\nport=$self->{server}{port}\nuser=postgres\ndbname=postgres\n"
	  foreach grep { $host{$_} } sort keys %host;
	close $handle;
	rename "$ENV{PGSERVICEFILE}.new", $ENV{PGSERVICEFILE};
	$self->{link}->order("target $self->{directory}/.s.PGSQL.$self->{server}{port}");
	$self->stop_pooler if $self->{pooler};
	$self->start_pooler;
	return;
}

sub start_pooler
{
	my ($self) = @_;
	my $directory = "$self->{directory}/pooler";

	return unless grep { -x "$_/pgbouncer" } split /:/, $ENV{PATH};
	mkdir $directory;
	my $file = configure_pooler($directory, "host=$self->{directory} port=$self->{server}{port}", 'postgres', 'transaction', 4);
	$self->{pooler} = fork // die "fork: $!\n";
	return if $self->{pooler};
	open STDOUT, '>>', "$directory/output";
	open STDERR, '>&', \*STDOUT;
	{ no warnings 'exec'; exec 'pgbouncer', '-q', $file; }
	POSIX::_exit(127);
}

sub stop_pooler
{
	my ($self) = @_;

	kill 'KILL', $self->{pooler};
	waitpid $self->{pooler}, 0;
	unlink "$self->{directory}/pooler/.s.PGSQL.5000";
	return;
}

=pod

=item begin(kind, ...), over(fault), meanwhile(fault, sub), settle()

A fault begins, and the one that begin() returned is over: for the history and
the count.  What is done meanwhile is done in a process of its own, and then the
fault is over; settle() waits until all of that is.

=item outage(fault, seconds)

The cable is pulled, and plugged in again after so many seconds.  There is one
outage at a time, and settle() does not wait for it.

=cut

sub now { return int(Time::HiRes::clock_gettime(Time::HiRes::CLOCK_MONOTONIC()) * 1e9); }

sub begin
{
	my ($self, $kind, %more) = @_;

	$self->{faults}++;
	write_event($self->{history}, 'nemesis', $self->{faults}, 'fault', detail => $kind, %more);
	return $self->{faults};
}

sub over
{
	my ($self, $fault) = @_;

	write_event($self->{history}, 'nemesis', $fault, 'fault_end');
	return;
}

sub meanwhile
{
	my ($self, $fault, $do) = @_;
	my $pid = $self->{workers}->spawn(sub {
		$do->();
		$self->over($fault);
		POSIX::_exit(0);
	});

	$self->{meanwhile}{$pid} = 1;
	return;
}

sub outage
{
	my ($self, $fault, $seconds) = @_;

	$self->{network}->pull;
	$self->{outage_until} = time + $seconds;
	$self->{outage} = $self->{workers}->spawn(sub {
		sleep $seconds;
		$self->{network}->plug;
		$self->over($fault);
		POSIX::_exit(0);
	});
	return;
}

# reap() may have been faster.
sub settle
{
	my ($self) = @_;

	foreach my $pid (keys %{ $self->{meanwhile} })
	{
		waitpid $pid, 0;
		delete $self->{meanwhile}{$pid};
	}
	return;
}

# A program beside the workers, which is not to take forever.
sub extra
{
	my ($self, $seconds, @command) = @_;
	my $options = ref $command[0] ? shift @command : {};
	my $deadline = time + $seconds;
	my $pid = $self->{workers}->spawn(sub {
		open STDOUT, '>', '/dev/null';
		open STDERR, '>&', $options->{stderr} // \*STDOUT;
		exec @command;
	});

	while (waitpid($pid, POSIX::WNOHANG()) == 0)
	{
		sleep 0.02;
		next if time < $deadline;
		write_event($self->{history}, 'nemesis', $self->{faults}, 'stuck', detail => "@command");
		kill 'KILL', $pid;
		waitpid $pid, 0;
		last;
	}
	return;
}

sub withlock
{
	my ($self, $who, $name, @options) = @_;
	my $job = "job-$who." . $self->{faults};

	return ('withlock', $name, '--db', 'service=torture', '--grace', '1s', '-t', '5', @options, '--',
		$self->{program}, 'job', $self->{history}, $job, $self->{faults}, 'service=torture', $name);
}

=pod

=item promote(kind, synchronous)

A standby becomes the server, while the old one lives on for a while with the
sessions that it has.

=cut

sub promote
{
	my ($self, $kind, $synchronous) = @_;
	my $old = $self->{server};
	my $number = ++$self->{generation};
	my $standby = $old->standby("$self->{directory}/data$number", 6000 + $number) // die "no standby can be made\n";

	$old->sql("ALTER SYSTEM SET synchronous_standby_names = 'standby'", 'SELECT pg_reload_conf()') if $synchronous;
	sleep 0.5;
	my $fault = $self->begin($kind);
	if (!$synchronous)
	{
		$standby->sql(q{ALTER SYSTEM SET primary_conninfo = ''}, 'SELECT pg_reload_conf()');
		sleep 0.3;
	}
	$standby->promote or die "no promotion\n";
	$standby->wait_ready(60);
	$self->{server} = $standby;
	$self->direct;
	$old->sql("ALTER SYSTEM SET synchronous_standby_names = ''", 'SELECT pg_reload_conf()') if $synchronous;
	$old->sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid % 2 = 0 AND pid <> pg_backend_pid()");
	sleep 0.5;
	$old->stop('immediate');
	$old->remove;
	$self->over($fault);
	return;
}

=pod

=item torture(seconds)

Workers work and faults happen, for so long; then all is asked to end, and what
is left is looked at.

=back

=cut

sub torture
{
	my ($self, $seconds) = @_;
	my $until = time + $seconds;
	my @kinds = @{ $self->{kinds} // [ sort keys %faults ] };
	# Tokens of an extension that was dropped are ordered by the clock alone, and
	# leases end by it, so that is right in such a run.
	my %skipped = $self->{seed} % 2
	  ? ('drop-extension' => 'not with a clock that is wrong, see an even seed')
	  : ('clock-jump' => 'not with an extension that is dropped, see an odd seed');
	my %alone = map { $_ => 1 } @alone;

	$self->{workers}->start;
	@$self{ 'began', 'until' } = (time, $until);
	sleep 0.3;
	while (time < $until && !$self->enough)
	{
		my @can = grep { !$skipped{$_} } @kinds;
		my $kind = choose(@can);
		$self->{workers}->reap;
		$self->settle if $alone{$kind} || keys %{ $self->{meanwhile} } > 12;
		eval { $faults{$kind}[1]->($self); 1; } or do
		{
			die $@ if $@ =~ /does not start|promotion/;
			chomp($skipped{$kind} = $@);
		};
		sleep 0.02 + rand($self->{pause} // 0.2);
	}
	$self->settle;
	$self->{skipped} = { %skipped, %{ $self->{workers}{skipped} // {} } };
	$self->end;
	return;
}

# To ask costs the more the longer the history is, and leaves the run the rest
# of the time.
sub enough
{
	my ($self) = @_;
	my $begin = time;

	return 0 if !$self->{enough} || $begin < ($self->{ask_at} //= $begin + 1);
	$self->{caught} = time if $self->{enough}->();
	$self->{ask_at} = time + max(1, 3 * (time - $begin));
	return $self->{caught};
}

sub choose
{
	my (@kinds) = @_;
	my $sum = 0;

	$sum += $faults{$_}[0] foreach @kinds;
	my $chosen = rand $sum;
	foreach my $kind (@kinds)
	{
		$chosen -= $faults{$kind}[0];
		return $kind if $chosen < 0;
	}
	return $kinds[-1];
}

# Without faults everybody gets what he waits for, and nothing is left then.
sub end
{
	my ($self) = @_;
	my $server = $self->{server};

	if ($self->{caught})
	{
		$self->{workers}->kill_all(keys %{ $self->{meanwhile} }, $self->{outage} // ());
		return $self->stop;
	}
	waitpid $self->{outage}, 0 if $self->{outage};
	$server->wait_ready($self->{patience});
	my @stuck = $self->{workers}->finish($self->{patience});
	$self->complain('stuck', $_) foreach @stuck;
	$self->complain('left_behind', "process $_") foreach $self->until_none(sub { $self->{workers}->left_behind });
	$self->complain('leak', $_)
	  foreach $self->until_none(sub {
		split /\n/, $self->ask("SELECT 'lock ' || pid || ' ' || classid || ' ' || objid FROM pg_locks WHERE locktype = 'advisory'"
			  . " UNION ALL SELECT 'listed ' || coalesce(name, '?') || ' ' || coalesce(pid::text, 'delayed') FROM advisory_lock.locks") // '' });
	foreach my $name (@NAMES)
	{
		my $had = $server->sql("SELECT advisory_lock.try_lock('$name', '" . min(10, $self->{patience}) . "s')") // 'no answer';
		$self->complain('leak', "$name cannot be had: $had") if $had ne 't';
	}
	$self->check_names;
	$self->check_resource unless $self->{unchecked};
	$self->stop;
	return;
}

sub complain
{
	my ($self, $event, $text) = @_;

	write_event($self->{history}, 'end', 0, $event, detail => $text);
	return;
}

# What the server says to what can be asked again, now that nothing harms it.
# No answer is no evidence of what was asked, but a violation of its own.
sub ask
{
	my ($self, $query) = @_;
	my $until = time + $self->{patience};

	while (time < $until)
	{
		my $answer = $self->{server}->sql($query);
		return $answer if defined $answer;
		sleep 0.2;
	}
	$self->complain('unanswered', $query =~ s/\s+/ /gr);
	return;
}

sub until_none
{
	my ($self, $look) = @_;
	my $until = time + $self->{patience};

	while (my @found = $look->())
	{
		return @found if time > $until;
		sleep 0.2;
	}
	return;
}

# While one session has one name, another can have the others.
sub check_names
{
	my ($self) = @_;

	foreach my $name (@NAMES[ 1 .. $#NAMES ])
	{
		my $same = $self->ask(
			"SELECT count(*) FROM (SELECT 1 FROM advisory_lock.key('$NAMES[0]') a JOIN advisory_lock.key('$name') b USING (key1, key2)) k");
		$self->complain('one_key', "$NAMES[0] and $name exclude each other") if ($same // 0) != 0;
	}
	return;
}

# Each write is one more than the one before, by a token that is not lower.
sub check_resource
{
	my ($self) = @_;
	my $wrong = $self->ask(<<'EOT') // return;
SELECT format('%s at %s: token %s after %s', name, value, token, before)
  FROM (SELECT *, lag(token) OVER w AS before, lag(value) OVER w AS value_before
		  FROM torture.writes WINDOW w AS (PARTITION BY name ORDER BY value)) t
 WHERE token < before OR value <> coalesce(value_before, 0) + 1
EOT
	$self->complain('resource', $_) foreach split /\n/, $wrong;
	$self->{stored} = $self->ask('SELECT count(*) FROM torture.writes');
	return;
}

sub stop
{
	my ($self) = @_;

	$self->{link}->stop;
	$self->stop_pooler if $self->{pooler};
	$self->{server}->stop('immediate');
	$self->{network}->stop if $self->{network};
	return;
}

1;
