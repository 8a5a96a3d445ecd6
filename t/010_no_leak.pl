# Copyright (c) 2026 the advisory_lock authors
#
# A session does not hold a lock after it was told that it did not get it,
# even if the grant raced with the timeout or the cancel.  Core's functions do
# in the same races; that they are caught at it shows that the races are real.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;

my $SESSIONS = 4;

my $node = start_node('main');
$node->safe_psql('postgres', <<'EOT');
CREATE SEQUENCE timeouts;
CREATE SEQUENCE leaks;
CREATE VIEW held AS
	SELECT * FROM pg_locks
	WHERE locktype = 'advisory' AND granted AND pid = pg_backend_pid();
EOT

# How to try for the lock "race" in PL/pgSQL, which sets "granted".
my $raw_key = "(advisory_lock.key('race')).key1, (advisory_lock.key('race')).key2";
my $random_ms = '1 + 4 * random()';
my %attempt = (
	'core' => under_lock_timeout("pg_advisory_lock($raw_key)"),
	'lock()' => under_lock_timeout("advisory_lock.lock('race')"),
	# Alone, shared holders would not keep each other off.
	'lock_shared()' => "IF random() < 0.5 THEN\n"
	  . under_lock_timeout("advisory_lock.lock_shared('race')")
	  . "ELSE granted := advisory_lock.try_lock('race', timeout); END IF;",
	'lock_many()' =>
	  under_lock_timeout("advisory_lock.lock_many(ARRAY['race', 'second', 'third', 'fourth'])"),
	'xact_lock()' => under_lock_timeout("advisory_lock.xact_lock('race')"),
	'try_lock()' => "granted := advisory_lock.try_lock('race', timeout);",
	'try_lock_many()' =>
	  "granted := advisory_lock.try_lock_many(ARRAY['race', 'second', 'third'], timeout);",
	'acquire_permit()' =>
	  "granted := advisory_lock.acquire_permit('race', 1, timeout) IS NOT NULL;",
	'acquire()' =>
	  "CALL advisory_lock.acquire('race', timeout, false, NULL, token, permit);"
	  . ' granted := token IS NOT NULL;',
	'acquire() for a permit' =>
	  "CALL advisory_lock.acquire('race', timeout, false, 1, token, permit);"
	  . ' granted := token IS NOT NULL;',
	'acquire_many()' =>
	  "CALL advisory_lock.acquire_many(ARRAY['race', 'second', 'third'], timeout, tokens);"
	  . ' granted := tokens IS NOT NULL;');

sub under_lock_timeout
{
	my ($call) = @_;

	return <<"EOT";
BEGIN
	PERFORM set_config('lock_timeout', ceil(extract(milliseconds FROM timeout))::text, false);
	PERFORM $call;
	granted := true;
EXCEPTION WHEN lock_not_available THEN
	granted := false;
END;
EOT
}

# One session's part in a race: until all together have seen enough timeouts.
# A sequence counts, for it is the same to all and not undone by an error.
sub race_sql
{
	my ($attempt, $enough) = @_;

	return <<"EOT";
DO \$\$
DECLARE
	timeout interval;
	granted boolean;
	token bigint;
	permit integer;
	tokens bigint[];
BEGIN
	WHILE (SELECT last_value FROM timeouts) < $enough LOOP
		timeout := ($random_ms) * interval '1 ms';
		$attempt
		IF granted THEN
			PERFORM pg_sleep(($random_ms) / 1000);
		ELSE
			PERFORM nextval('timeouts');
			PERFORM nextval('leaks') FROM held LIMIT 1;
		END IF;
		PERFORM pg_advisory_unlock_all();
		COMMIT;
	END LOOP;
END
\$\$
EOT
}

# Lets the sessions race; returns how many timeouts and leaks there were.
sub race
{
	my ($form, $enough) = @_;

	$node->safe_psql('postgres',
		"SELECT setval('timeouts', 1, false), setval('leaks', 1, false)");
	my @sessions = map { session($node) } 1 .. $SESSIONS;
	$_->start(race_sql($attempt{$form}, $enough)) foreach @sessions;
	$_->finish foreach @sessions;
	$_->quit foreach @sessions;
	my $counts = $node->safe_psql('postgres', <<'EOT');
SELECT t.last_value, CASE WHEN l.is_called THEN l.last_value ELSE 0 END
FROM timeouts AS t, leaks AS l
EOT
	return split(/\|/, $counts);
}

my ($timeouts, $leaks) = race('core', 1000);
cmp_ok($leaks, '>', 0, "core's function leaks: $leaks of $timeouts timeouts");

my $all_timeouts = 0;
foreach my $form (grep { $_ ne 'core' } sort keys %attempt)
{
	($timeouts, $leaks) = race($form, 1250);
	is($leaks, 0, "$form holds nothing after $timeouts timeouts");
	$all_timeouts += $timeouts;
}
cmp_ok($all_timeouts, '>=', 10_000, "$all_timeouts timeouts in all");

# The victim makes one attempt after the other, each a statement of its own,
# and writes its SQLSTATE and how many locks it holds then.  A cancel that is
# late hits one of the other statements: then there is no such line, or one of
# the two releases does not happen.  Returns the name of the script.
sub victim_script
{
	my ($call, $name, $attempts) = @_;

	my $sql = '';
	foreach my $attempt (1 .. $attempts)
	{
		$sql .= <<"EOT";
CALL wait_until_locked('$name');
\\warn begin $attempt
$call \\gset
\\set state :SQLSTATE
\\warn end $attempt
SELECT $attempt, :'state', count(*) FROM held;
SELECT pg_advisory_unlock_all() \\gset
SELECT pg_advisory_unlock_all() \\gset
EOT
	}
	my $file = PostgreSQL::Test::Utils::tempdir() . '/victim.sql';
	PostgreSQL::Test::Utils::append_to_file($file, $sql);
	return $file;
}

# The other session holds the lock and, whenever the victim waits, releases it
# and cancels the victim at almost the same time, either first by turns.  It
# ends with the victim.
sub canceler_sql
{
	my ($victim, $name) = @_;

	return <<"EOT";
DO \$\$
DECLARE
	round integer := 0;
BEGIN
	PERFORM advisory_lock.lock('$name');
	WHILE EXISTS (SELECT FROM pg_stat_activity WHERE pid = $victim) LOOP
		PERFORM pg_sleep(0.0001);
		COMMIT;
		CONTINUE WHEN NOT EXISTS (SELECT FROM pg_locks WHERE pid = $victim AND NOT granted);
		round := round + 1;
		IF round % 2 = 0 THEN
			PERFORM advisory_lock.unlock('$name'), pg_cancel_backend($victim);
		ELSE
			PERFORM pg_cancel_backend($victim), advisory_lock.unlock('$name');
		END IF;
		PERFORM advisory_lock.lock('$name');
	END LOOP;
END
\$\$
EOT
}

# Returns how many attempts on the lock were canceled, and after how many of
# them it was held.  A message that matches $waiting tells a cancel of the
# wait from one that came when the lock was granted and the statement was
# about to end; then it is held, as after any error later in a statement.
sub cancel_race
{
	my ($call, $name, $attempts, $waiting) = @_;

	my ($victim, $canceler) = (session($node), session($node));
	$canceler->start(canceler_sql($victim->pid, $name));
	$victim->start('\i ' . victim_script($call, $name, $attempts));
	$victim->finish_state;
	$victim->quit;
	$canceler->finish;
	$canceler->quit;

	my %message = $victim->messages =~ /^begin (\d+)\n(.*?)end \1$/msg;
	my %held = $victim->output =~ /^(\d+)\|57014\|(\d+)$/mg;
	my @canceled = grep { $message{$_} =~ $waiting } keys %held;
	return (scalar @canceled, scalar grep { $held{$_} } @canceled);
}

$node->safe_psql('postgres', <<'EOT');
CREATE PROCEDURE wait_until_locked(name text) LANGUAGE plpgsql AS $$
BEGIN
	WHILE NOT advisory_lock.is_locked(name) LOOP
		PERFORM pg_sleep(0.0001);
	END LOOP;
END
$$;
EOT
my ($cancels, $leaked) =
  cancel_race("SELECT pg_advisory_lock($raw_key)", 'race', 500, qr/canceling/);
cmp_ok($leaked, '>', 0, "core's function leaks: $leaked of $cancels cancels");

my $all_cancels = 0;
foreach (
	[ "SELECT advisory_lock.lock('race')", 'race' ],
	[ "SELECT advisory_lock.try_lock('race', '1 h')", 'race' ],
	[ "SELECT advisory_lock.lock_many(ARRAY['race', 'second'])", 'race' ],
	[ "SELECT advisory_lock.acquire_permit('race', 1)", 'race#queue' ],
	[ "CALL advisory_lock.acquire('race')", 'race' ])
{
	my ($call, $name) = @$_;

	($cancels, $leaked) =
	  cancel_race($call, $name, 700, qr/^CONTEXT:  while acquiring/m);
	is($leaked, 0, "$call holds nothing after $cancels cancels");
	$all_cancels += $cancels;
}
cmp_ok($all_cancels, '>=', 2000, "$all_cancels cancels in all");

done_testing();
