# Copyright (c) 2026 the advisory_lock authors
#
# Tokens rise whatever becomes of the position that they are reserved by: set
# back, set forward, set to its end, dropped with the extension, or left behind
# where the fences were copied.  And no draw takes more than a few records.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;

my $COUNTER = (1 << 48) - 1;
my $TOKEN = "SELECT advisory_lock.lock('job')";
my $WAL = "SELECT pg_current_wal_insert_lsn() - '0/0'";

# One token, in a session of its own.
sub draw
{
	my ($node, $database) = @_;

	return $node->safe_psql($database // 'postgres', $TOKEN);
}

# Draws once the clock is past a token, in units of the counter.
sub wait_for_clock
{
	my ($node, $token) = @_;
	my $counter = $token & $COUNTER;

	return $node->poll_query_until('postgres',
		"SELECT extract(epoch FROM clock_timestamp() - '2026-01-01 UTC')::bigint << 16 > $counter + (1 << 16)");
}

# Moves the position by a statement of the superuser's; the next tokens must be
# above those before, and cost no more than two reservations.  What the registry
# does not remember when the position is set back, only the clock can tell.
sub moved_by
{
	my ($node, $how, $sql) = @_;
	my $session = session($node);

	my $before = $session->query($TOKEN);
	$session->query("SELECT advisory_lock.unlock('job')");
	if ($how =~ / back /
		&& $session->sqlstate_of('TABLE advisory_lock.registry') eq '55000')
	{
		wait_for_clock($node, $before) or die 'the clock stands still';
	}
	$node->safe_psql('postgres', $sql);
	my $wal = $session->query($WAL);
	my $after = $session->query($TOKEN);
	cmp_ok($session->query($WAL) - $wal, '<', 100_000, "$how: a draw writes little WAL");
	cmp_ok($after, '>', $before, "$how: the next token is above the last");
	$session->query("SELECT advisory_lock.unlock('job')");
	cmp_ok($session->query($TOKEN), '>', $after, "$how: and so is the one after it");
	is($session->sqlstate_of("SELECT advisory_lock.fence('$how', advisory_lock.token('job'))"),
		'00000', "$how: it passes a fence");
	$session->quit;
	return $after;
}

sub check_moves
{
	my ($node) = @_;
	my $name = $node->name;
	my $far = (1 << 48) + (1 << 46);

	moved_by($node, "$name: set back to the beginning",
		"SELECT setval('advisory_lock.token_sequence', 1, false)");
	moved_by($node, "$name: set back to 1", "SELECT setval('advisory_lock.token_sequence', 1)");
	moved_by($node, "$name: set back by a restart", 'ALTER SEQUENCE advisory_lock.token_sequence RESTART');
	moved_by($node, "$name: advanced by nextval()",
		"SELECT nextval('advisory_lock.token_sequence') FROM generate_series(1, 40)");
	my $token = moved_by($node, "$name: set forward",
		"SELECT setval('advisory_lock.token_sequence', $far)");
	cmp_ok($token, '>', $far, "$name: set forward: it is above that");

	# The session has seen the position in a file, and a buffer, that are gone.
	$far += 1 << 40;
	$token = moved_by($node, "$name: set forward in another file",
		"ALTER SEQUENCE advisory_lock.token_sequence RESTART; SELECT setval('advisory_lock.token_sequence', $far)");
	cmp_ok($token, '>', $far, "$name: set forward in another file: it is above that");
	$token = moved_by($node, "$name: set to the end of the counter",
		"SELECT setval('advisory_lock.token_sequence', " . ((1 << 48 | $COUNTER) - 5) . ')');
	is($token >> 59, 1, "$name: a counter at its end begins a new epoch");
	is($token >> 48 & 2047, 1, "$name: of the same timeline");
	return;
}

# There is an end, and a way back from it.
sub check_end
{
	my ($node) = @_;
	my $name = $node->name;
	my $session = session($node);
	my $before = draw($node);
	my $last = $session->query('SELECT last_value FROM advisory_lock.token_sequence');

	$session->query("SELECT setval('advisory_lock.token_sequence', 9223372036854775807)");
	is($session->sqlstate_of($TOKEN), '2200H', "$name: at the end of all tokens there is none");
	is($session->query("SELECT advisory_lock.is_locked('job')"), 'f', "$name: and the lock is not held");
	$session->query("SELECT setval('advisory_lock.token_sequence', $last)");
	cmp_ok($session->query($TOKEN), '>', $before, "$name: set back there are tokens again");
	$session->quit;
	return;
}

sub check_raise
{
	my ($node) = @_;
	my $name = $node->name;
	my $session = session($node);
	my $token = draw($node);
	my $above = $token + 1_000_000;

	foreach my $to ($above, $token + 5, 42)
	{
		my $last = draw($node);
		$session->query("BEGIN; SELECT advisory_lock.raise_tokens($to); ROLLBACK");
		my $next = draw($node);
		cmp_ok($next, '>', $to, "$name: raised to $to, the next token is above");
		cmp_ok($next, '>', $last, "$name: and above the last");
	}
	is($session->sqlstate_of("SELECT advisory_lock.raise_tokens($_)"), '22023', "$name: not to $_")
	  foreach 0, -1, '9223372036854775807', '-9223372036854775808';
	is($session->sqlstate_of('SELECT advisory_lock.raise_tokens(NULL)'), '22004', "$name: not to null");
	is($session->sqlstate_of("BEGIN READ ONLY; SELECT advisory_lock.raise_tokens($above)"),
		'25006', "$name: not where nothing can be written");
	$session->query('ROLLBACK');
	is($session->sqlstate_of("SET ROLE pg_monitor; SELECT advisory_lock.raise_tokens($above)"),
		'42501', "$name: not by everybody");
	is($session->sqlstate_of("SET ROLE pg_database_owner; SELECT advisory_lock.raise_tokens($above)"),
		'00000', "$name: but by the owner of the database");
	$session->quit;
	return;
}

# What histories do not know of each other the clock orders.
sub check_clock
{
	my ($node) = @_;
	my $name = $node->name;

	$node->safe_psql('postgres', 'CREATE DATABASE anew');
	$node->safe_psql('anew', 'CREATE EXTENSION advisory_lock');
	my $before = draw($node, 'anew');
	wait_for_clock($node, $before) or die 'the clock stands still';
	$node->safe_psql('anew', 'DROP EXTENSION advisory_lock; CREATE EXTENSION advisory_lock');
	my $after = draw($node, 'anew');
	cmp_ok($after, '>', $before, "$name: the extension dropped and created again");

	# The same again, in one session that remembers where the sequence was.
	my $session = session($node, 'anew');
	$before = $session->query($TOKEN);
	wait_for_clock($node, $before) or die 'the clock stands still';
	$session->query('DROP EXTENSION advisory_lock; CREATE EXTENSION advisory_lock');
	$session->query("SELECT advisory_lock.unlock('job')");
	cmp_ok($session->query($TOKEN), '>', $before, "$name: and once more, within a session");
	$session->query("BEGIN; DROP EXTENSION advisory_lock; CREATE EXTENSION advisory_lock; $TOKEN; ROLLBACK");
	$session->query("SELECT advisory_lock.unlock('job')");
	cmp_ok($session->query($TOKEN), '>', $before, "$name: and when that is rolled back");

	# As fast as it goes, many times a second.
	my @tokens = map
	{
		$session->query('DROP EXTENSION advisory_lock; CREATE EXTENSION advisory_lock');
		$session->query("SELECT advisory_lock.xact_lock('again')");
	} 1 .. 50;
	is(scalar(grep { $tokens[ $_ - 1 ] >= $tokens[$_] } 1 .. $#tokens), 0, "$name: and fifty times in a row");
	$session->quit;

	# A crash skips the rest of a block, which puts the counter ahead of the clock.
	$node->stop('immediate');
	$node->start;
	$before = draw($node, 'anew');
	cmp_ok($before, '>', $tokens[-1], "$name: a crash skips tokens");
	wait_for_clock($node, $before) or die 'the clock stands still';
	draw($node, 'anew');
	$node->stop('immediate');
	$node->start;
	$before = draw($node, 'anew');
	$node->safe_psql('anew', 'DROP EXTENSION advisory_lock; CREATE EXTENSION advisory_lock');
	cmp_ok(draw($node, 'anew'), '>', $before, "$name: and the extension made anew right after a crash is above them");
	$node->safe_psql('postgres', 'DROP DATABASE anew');
	return;
}

# Fences that were copied, by logical replication say, without the position.
sub check_fences
{
	my ($node) = @_;
	my $name = $node->name;
	my $copied = 7 << 48 | 1 << 40;
	my $copy = 'INSERT INTO advisory_lock.fences SELECT key1, key2, 2, %1$s, %2$s, now(), %3$s FROM advisory_lock.key(%1$s)';

	$node->safe_psql('postgres', 'CREATE DATABASE copied');
	$node->safe_psql('copied', 'CREATE EXTENSION advisory_lock');
	$node->safe_psql('copied', sprintf $copy, "'job'", $copied, 'current_user');
	my $session = session($node, 'copied');
	my $token = $session->query("BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY; $TOKEN; COMMIT");
	cmp_ok($token, '>', $copied, "$name: the first token is above the copied fence");
	is($session->sqlstate_of("SELECT advisory_lock.fence('job', $token)"), '00000', "$name: and passes it");

	# They go on coming while the server runs.
	my $later = $token + 1_000_000;
	$session->query("SELECT advisory_lock.unlock('job')");
	$session->query("UPDATE advisory_lock.fences SET token = $later");
	$token = $session->query($TOKEN);
	is($session->sqlstate_of("SELECT advisory_lock.fence('job', $token)"),
		'55000', "$name: a fence copied later refuses the holder of then");
	$session->query("SELECT advisory_lock.unlock('job')");
	$token = $session->query($TOKEN);
	cmp_ok($token, '>', $later, "$name: but the next one has a token above it");
	is($session->sqlstate_of("SELECT advisory_lock.fence('job', $token)"), '00000', "$name: which passes");

	$later = $token + 1_000_000;
	$session->query("UPDATE advisory_lock.fences SET token = $later");
	$session->quit;
	$node->restart;
	$session = session($node, 'copied');
	$token = $session->query("CALL advisory_lock.acquire('job')") =~ s/\|.*//r;
	cmp_ok($token, '>', $later, "$name: after a start the first token is above the fences again");
	is( $session->query(
			'SELECT backend_xmin IS NULL FROM pg_stat_activity WHERE pid = ' . session($node)->pid),
		't', "$name: and no snapshot stays behind");
	$session->quit;
	return;
}

# A sequence that a rollback would take away, with the one before coming back.
sub check_creation
{
	my ($node) = @_;
	my $name = $node->name;

	$node->safe_psql('postgres', 'CREATE DATABASE made');
	my $session = session($node, 'made');
	$session->query('CREATE EXTENSION advisory_lock');
	my $token = $session->query("SELECT advisory_lock.lock('before')");
	$session->query('BEGIN; DROP EXTENSION advisory_lock; CREATE EXTENSION advisory_lock');
	is($session->sqlstate_of("SELECT advisory_lock.lock('job')"),
		'55000', "$name: no token in the transaction that created the extension");
	$session->query('ROLLBACK');
	is($session->query("SELECT count(*) FROM advisory_lock.locks WHERE name = 'job'"), '0', "$name: and no lock");
	cmp_ok($session->query("SELECT advisory_lock.lock('job')"), '>', $token, "$name: they go on after it");
	$session->query('BEGIN; ALTER SEQUENCE advisory_lock.token_sequence RESTART');
	$token = $session->output
	  if $session->sqlstate_of("SELECT advisory_lock.lock('other')") eq '00000';
	$session->query('ROLLBACK');
	cmp_ok($session->query("SELECT advisory_lock.lock('another')"),
		'>', $token, "$name: and after what else a rollback takes back");
	$session->quit;
	return;
}

# With the registry and without, where that is to be chosen.
foreach my $preload (0, 1)
{
	my $node = start_node("preload_$preload", preload => $preload, conf => 'autovacuum = off');

	check_moves($node);
	check_end($node);
	check_raise($node);
	check_clock($node);
	check_fences($node);
	check_creation($node);
	$node->stop;
}

done_testing();
