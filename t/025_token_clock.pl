# Copyright (c) 2026 the advisory_lock authors
#
# A clock that is years ahead, years behind, or jumps: tokens rise within the
# database, and are not used up, and nobody is kept off for years.  Needs a server with a clock of its own, which
# a small library before libc gives it.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;

plan skip_all => 'there is no C compiler' if missing_program('cc');

my $YEAR = 31_556_952;
my $directory = PostgreSQL::Test::Utils::tempdir();
my $offset = "$directory/offset";

# The clock by which PostgreSQL and pg_ctl go, and an offset in seconds that
# stands in a file.
append_to_file("$directory/clock.c", <<'EOT');
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long long
offset(void)
{
	long long	seconds = 0;
	FILE	   *file = fopen(getenv("CLOCK_OFFSET_FILE"), "r");

	if (file)
	{
		if (fscanf(file, "%lld", &seconds) != 1)
			seconds = 0;
		fclose(file);
	}
	return seconds;
}

int
gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
	struct timespec now;

	(void) tz;
	syscall(SYS_clock_gettime, CLOCK_REALTIME, &now);
	tv->tv_sec = now.tv_sec + offset();
	tv->tv_usec = now.tv_nsec / 1000;
	return 0;
}

time_t
time(time_t *t)
{
	struct timeval tv;

	gettimeofday(&tv, NULL);
	if (t)
		*t = tv.tv_sec;
	return tv.tv_sec;
}
EOT
command_ok([ 'cc', '-shared', '-fPIC', '-o', "$directory/clock.so", "$directory/clock.c" ],
	'the clock can be built');

sub set_clock
{
	my ($years) = @_;

	open my $file, '>', "$offset.new" or die "could not open $offset.new: $!";
	print $file int($years * $YEAR);
	close $file;
	rename "$offset.new", $offset or die "could not rename $offset.new: $!";
	return;
}

# The year a session finds, and tokens drawn then: of one block and the next.
sub draw_in
{
	my ($node, $restart) = @_;

	if ($restart)
	{
		$node->stop('immediate');
		$node->start;
	}
	my ($year, $first, $last) = split /\|/, $node->safe_psql('postgres', <<'EOT');
SELECT extract(year FROM clock_timestamp()), min(token), max(token)
FROM (SELECT advisory_lock.xact_lock('n' || i % 2) AS token FROM generate_series(1, 100) AS i OFFSET 0) AS t
EOT
	return ($year, $first, $last);
}

set_clock(0);
foreach my $preload (0, 1)
{
	local $ENV{CLOCK_OFFSET_FILE} = $offset;
	local $ENV{LD_PRELOAD} = "$directory/clock.so";
	my $node = start_node("clock_$preload", preload => $preload, conf => 'autovacuum = off');
	my ($this_year, undef, $highest) = draw_in($node);

	foreach my $years (0, 10, -10, -29, 60, 200, -500, 5000, 0)
	{
		foreach my $restart (0, 1)
		{
			my $how = $restart ? 'after a crash' : 'while the server runs';

			set_clock($years);
			my ($year, $first, $last) = draw_in($node, $restart);
			cmp_ok(abs($year - $this_year - $years), '<=', 1, "preload $preload: the year is $year, $how");
			cmp_ok($first, '>', $highest, 'tokens rise');
			cmp_ok($last & (1 << 48) - 1, '<', (1 << 47) + (1 << 24), 'half of the counter is left');
			$highest = $last;
		}
	}
	check_start($node) if $preload;
	check_delay($node) if $node->safe_psql('postgres', 'SELECT advisory_lock.has_registry()') eq 't';
	$node->stop;
	set_clock(0);
}

# A clock that is set right only after the start, as of a machine without one of
# its own, does not make that long ago.
sub check_start
{
	my ($node) = @_;

	$node->restart;
	set_clock(1);
	is($node->safe_psql('postgres', "SET advisory_lock.lock_delay = '1h'; SELECT advisory_lock.try_lock('n')"),
		'f', 'a clock that is set forward does not end the delay after a start');
	set_clock(0);
	return;
}

# What a server does not know of the time before its start keeps others off for
# as long as they say, not until a clock that was set back is there again.
sub check_delay
{
	my ($node) = @_;

	$node->restart;
	set_clock(-1);
	is($node->safe_psql('postgres', "SET advisory_lock.lock_delay = '100ms'; SELECT advisory_lock.try_lock('n', '60s')"),
		't', 'a clock that is set back delays nobody for long');
	return;
}

done_testing();
