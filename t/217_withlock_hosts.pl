# Copyright (c) 2026 the advisory_lock authors
#
# withlock and a list of hosts whose first does not answer.

use strict;
use warnings FATAL => 'all';

use IO::Socket::UNIX;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;
use Withlock;

my $node = start_node('main');
my $port = $node->port;

# Accepts, by its kernel, and says nothing.
my $dir = PostgreSQL::Test::Utils::tempdir_short;
my $silent = IO::Socket::UNIX->new(Local => "$dir/.s.PGSQL.$port", Listen => 100)
  or die "could not listen: $!";

my $silent_first = "host=$dir," . $node->host . " port=$port dbname=postgres";
is(withlock('x', '-d', $silent_first, '-t', '20s', '--', 'echo', 'ran')->stdout, "ran\n", 'with -t');
is(withlock('x', '-d', "$silent_first connect_timeout=1", '--', 'echo', 'ran')->stdout, "ran\n", 'with connect_timeout');
is(withlock('x', '-d', $silent_first, '-n', '--', 'echo', 'ran')->stdout, "ran\n", 'with neither, and not waiting for the lock');

my $leader = start_withlock('x', '-d', $silent_first, '--keep', '--lock-delay', '0', '--',
	'sh', '-c', 'echo begin; exec sleep 1000');
$leader->wait_output(qr/begin\n/);
$node->safe_psql('postgres', "SELECT advisory_lock.terminate_holders('x')");
$leader->wait_output(qr/begin\nbegin\n/);
pass('with --keep, and again when the lock was lost');
kill 'TERM', $leader->pid;
$leader->wait;

# A role that only reads by default is on the primary all the same.
$node->safe_psql('postgres', <<'EOT');
CREATE ROLE reader LOGIN;
GRANT USAGE ON SCHEMA advisory_lock TO reader;
ALTER ROLE reader SET default_transaction_read_only = on;
EOT
foreach my $options ([], ['--transaction'])
{
	my $ended = withlock('x', '-d', conninfo($node), '-U', 'reader', @$options, '--', 'sh', '-c', 'echo $WITHLOCK_TOKEN');

	like($ended->stdout, qr/^[1-9]\d*$/, "a role that reads by default has the lock and a token @$options") or diag $ended->stderr;
}

my $ended = withlock('x', '-d', "host=$dir,$dir/nowhere port=$port", '-t', '2s', 'true');
is($ended->status, 69, 'none of them answers');
is(() = $ended->stderr =~ /failed: /g, 2, '... and each is named with a reason');

done_testing();
