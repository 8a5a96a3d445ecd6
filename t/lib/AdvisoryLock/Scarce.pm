# Copyright (c) 2026 the advisory_lock authors

=pod

=head1 NAME

AdvisoryLock::Scarce - runs any test with servers that lack something

=head1 SYNOPSIS

  ADVISORY_LOCK_SCARCE=descriptors:1 scripts/test t/0
  ADVISORY_LOCK_SCARCE=memory scripts/test t/0

=head1 DESCRIPTION

AdvisoryLock loads this where that variable is set.  Then all servers of a test
have sessions with so many descriptors left, or no room in /dev/shm as soon as
they have started.  Assertions and the whole test may fail then.  What counts is what
is found at the end of the test: sessions that are told to end do so, and leave
no lock, and nothing in the registry, behind; servers stop; and nothing has
crashed.  A line says so.

=cut

package AdvisoryLock::Scarce;

use strict;
use warnings FATAL => 'all';

use File::Basename qw(dirname);
use File::Temp;
use Time::HiRes ();

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Seconds after which a session or a server that was told to end hangs
my $PATIENCE = 60;

my $SOURCES = dirname(__FILE__) . '/..';
my %PREPARE = (descriptors => \&leave_few_descriptors, memory => \&leave_no_memory);

my $process = $$;
my ($library, $config);

sub build
{
	my ($source, @flags) = @_;

	$library = File::Temp->new(SUFFIX => '.so');
	chmod 0755, "$library";
	system($ENV{CC} // 'cc', '-O', '-shared', '-fPIC', '-o', "$library", "$SOURCES/$source", @flags) == 0
	  or die "could not build $source";
	return;
}

# Cluster.pm puts that file's contents into the configuration of each server.
sub leave_few_descriptors
{
	my ($count) = @_;

	chomp(my $headers = qx(pg_config --includedir-server));
	build('few_descriptors.c', "-I$headers");
	$config = File::Temp->new;
	print $config "session_preload_libraries = '$library'\n";
	$config->flush;
	$ENV{TEMP_CONFIG} = "$config";
	$ENV{DESCRIPTORS_LEFT} = $count;
	return;
}

sub leave_no_memory
{
	build('small_memory.c', '-ldl');
	$ENV{LD_PRELOAD} = "$library" unless $ENV{LD_PRELOAD};
	return;
}

sub import
{
	my ($what, $count) = split /:/, $ENV{ADVISORY_LOCK_SCARCE};
	my $prepare = $PREPARE{$what}
	  or die "ADVISORY_LOCK_SCARCE=$what is neither of: " . join(', ', sort keys %PREPARE);

	$prepare->($count // 1) unless $library;
	return;
}

# What the server says to a session that lacks nothing, and whether it says it.
sub ask
{
	my ($node, $sql) = @_;
	my ($out, $err) = ('', '');

	local $ENV{PGOPTIONS} = '-c session_preload_libraries=';
	my $done = eval {
		IPC::Run::run([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-f', '-' ],
			'<' => \$sql, '>' => \$out, '2>' => \$err, IPC::Run::timeout($PATIENCE));
	};
	chomp $out;
	return ($done, $done ? $out : $err);
}

sub becomes_zero
{
	my ($node, $sql) = @_;
	my $deadline = Time::HiRes::time() + $PATIENCE;
	my $answer;

	do
	{
		(my $done, $answer) = ask($node, $sql);
		return 1 if $done && $answer eq '0';
		Time::HiRes::usleep(100_000);
	} while (Time::HiRes::time() < $deadline);
	return 0;
}

# More names than it has room for are used one after the other: if any is not
# known then, some places are taken for good.
my $USE_ALL_PLACES = <<'END';
SELECT count(advisory_lock.lock('place ' || i)), bool_and(advisory_lock.unlock('place ' || i))
  FROM generate_series(1, 2 * current_setting('advisory_lock.max_names')::int) i;
END

sub problems_of_registry
{
	my ($node) = @_;
	my ($done, $state) = ask($node, "LOAD 'advisory_lock'; SELECT pg_is_in_recovery() OR NOT advisory_lock.has_registry(), current_setting('advisory_lock.max_names')");

	return unless $done && $state =~ /^f\|(\d+)$/ && $1 <= 20_000;
	my $names = $1;
	($done, my $answer) = ask($node, $USE_ALL_PLACES);
	return "names cannot be locked: $answer" unless $done;
	($done, my $known) = ask($node, "SELECT count(*) FROM advisory_lock.stats WHERE name LIKE 'place %'");
	return if $done && $known eq $names;
	return "of $names places in the registry can be used: $known";
}

sub problems_of_server
{
	my ($node) = @_;
	my @problems;

	my $others = "FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
	my ($done, $answer) = ask($node, "SELECT pg_terminate_backend(pid) $others");

	return "it takes no sessions: $answer" unless $done;
	push @problems, 'a session does not end' unless becomes_zero($node, "SELECT count(*) $others");
	ask($node, "SELECT format('ROLLBACK PREPARED %L', gid) FROM pg_prepared_xacts \\gexec");
	push @problems, 'a lock is left'
	  unless becomes_zero($node, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'");
	push @problems, problems_of_registry($node) if $config;	# else who asks may lack it
	return @problems;
}

# A test may kill processes, and have servers refuse to start.
sub problems_in_log
{
	my ($node) = @_;

	return unless -e $node->logfile;
	return grep { /\bPANIC\b|TRAP:|stuck spinlock|was terminated by signal (?!9\b)/ }
	  split /\n/, slurp_file($node->logfile);
}

sub problems
{
	my ($node) = @_;
	my $running = defined $node->{_pid};
	my @problems = $running ? problems_of_server($node) : ();

	local $ENV{PGCTLTIMEOUT} = $PATIENCE;
	push @problems, 'it does not stop' if $running && !$node->stop('fast', fail_ok => 1);
	return (@problems, problems_in_log($node));
}

# Before that of Cluster.pm, which stops the servers.
END
{
	if ($$ == $process)
	{
		local $?;
		my @nodes = @PostgreSQL::Test::Cluster::all_nodes;
		my @problems;

		foreach my $node (@nodes)
		{
			push @problems, map { $node->name . ": $_" } eval { problems($node) }, $@ ? "$@" : ();
		}
		s/\s+/ /g foreach @problems;
		note("| scarce: $_") foreach @problems ? @problems : "held, servers: " . @nodes;
	}
}

1;
