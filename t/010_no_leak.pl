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
	'acquire_permit() of two' =>
	  "granted := advisory_lock.acquire_permit('race', 2, timeout) IS NOT NULL;",
	'acquire_permit() by the setting' =>
	  under_lock_timeout("advisory_lock.acquire_permit('race', 1 + (random() < 0.5)::integer)"),
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
	  cancel_race($call, $name, 700, qr/^(?:CONTEXT:  )?while acquiring/m);
	is($leaked, 0, "$call holds nothing after $cancels cancels");
	$all_cancels += $cancels;
}
cmp_ok($all_cancels, '>=', 2000, "$all_cancels cancels in all");

# A statement_timeout is over for a whole statement, so each attempt is one, and
# the sessions write what became of it as the victim above does.
sub statement_timeout_script
{
	my ($call, $number, $attempts) = @_;

	my $sql = '';
	foreach my $attempt (1 .. $attempts)
	{
		$sql .= <<"EOT";
SET statement_timeout = @{[ 1 + int(rand 4) ]};
\\warn begin $attempt
$call \\gset
\\set state :SQLSTATE
\\warn end $attempt
RESET statement_timeout;
SELECT $attempt, :'state', count(*), pg_sleep(@{[ rand 0.004 ]} * count(*)) FROM held;
SELECT pg_advisory_unlock_all() \\gset
EOT
	}
	my $file = PostgreSQL::Test::Utils::tempdir() . "/statements$number.sql";
	unlink $file;
	PostgreSQL::Test::Utils::append_to_file($file, $sql);
	return $file;
}

# Returns how many attempts ran out while they waited, and how many of them
# left something held.
sub statement_timeout_race
{
	my ($call, $attempts) = @_;

	my @sessions = map { session($node) } 1 .. $SESSIONS;
	$sessions[$_]->start('\i ' . statement_timeout_script($call, $_, $attempts))
	  foreach 0 .. $#sessions;
	my ($ran_out, $held) = (0, 0);
	foreach my $session (@sessions)
	{
		$session->finish_state;
		my %message = $session->messages =~ /^begin (\d+)\n(.*?)end \1$/msg;
		my %count = $session->output =~ /^(\d+)\|57014\|(\d+)\|$/mg;
		my @while_waiting = grep { $message{$_} =~ /^(?:CONTEXT:  )?while acquiring/m } keys %count;
		$ran_out += @while_waiting;
		$held += grep { $count{$_} } @while_waiting;
		$session->quit;
	}
	return ($ran_out, $held);
}

my $all_ran_out = 0;
foreach my $call (
	"SELECT advisory_lock.lock('race')",
	"SELECT advisory_lock.try_lock('race', '1 h')",
	"SELECT advisory_lock.lock_many(ARRAY['race', 'second', 'third', 'fourth'])",
	"SELECT advisory_lock.acquire_permit('race', 1)",
	"SELECT advisory_lock.acquire_permit('race', 2)",
	"CALL advisory_lock.acquire('race')")
{
	my ($ran_out, $held) = statement_timeout_race($call, 150);
	is($held, 0, "$call holds nothing after $ran_out statement_timeouts");
	$all_ran_out += $ran_out;
}
cmp_ok($all_ran_out, '>=', 300, "$all_ran_out in all");

# Deadlocks: who is told of one has what it had before.
$node->safe_psql('postgres', <<'EOT');
CREATE SEQUENCE deadlocks;
CREATE PROCEDURE acquire_one(what integer) LANGUAGE plpgsql AS $$
BEGIN
	CASE what
		WHEN 0 THEN PERFORM advisory_lock.lock('race');
		WHEN 1 THEN PERFORM advisory_lock.acquire_permit('one', 1);
		WHEN 2 THEN PERFORM advisory_lock.acquire_permit('two', 2);
		WHEN 3 THEN PERFORM advisory_lock.lock_many(ARRAY['race', 'second', 'third']);
		ELSE PERFORM advisory_lock.xact_lock('second');
	END CASE;
END
$$;
EOT
my @sessions = map { session($node) } 1 .. $SESSIONS;
$_->query("SET deadlock_timeout = '1 ms'") foreach @sessions;
$_->start(<<'EOT') foreach @sessions;
DO $$
DECLARE
	before bigint[];
BEGIN
	WHILE (SELECT last_value FROM deadlocks) < 200 LOOP
		FOR i IN 1 .. 3 LOOP
			before := ARRAY(SELECT objid::bigint FROM held ORDER BY 1);
			BEGIN
				CALL acquire_one((random() * 5)::integer % 5);
			EXCEPTION WHEN deadlock_detected THEN
				PERFORM nextval('deadlocks');
				PERFORM nextval('leaks')
				WHERE before <> ARRAY(SELECT objid::bigint FROM held ORDER BY 1);
				EXIT;
			END;
		END LOOP;
		PERFORM pg_advisory_unlock_all();
		COMMIT;
	END LOOP;
END
$$
EOT
$_->finish foreach @sessions;
$_->quit foreach @sessions;
my ($deadlocks, $changed) = split /\|/, $node->safe_psql('postgres',
	'SELECT d.last_value, CASE WHEN l.is_called THEN l.last_value ELSE 0 END FROM deadlocks AS d, leaks AS l');
is($changed, $leaks, "what was held before is held after $deadlocks deadlocks");

# A waiter that is terminated at the moment of the grant.
my $holder = session($node);
my $terminated = 0;
foreach my $call (
	"SELECT advisory_lock.lock('race')",
	"SELECT advisory_lock.lock_many(ARRAY['race', 'second', 'third'])",
	"CALL advisory_lock.acquire('race')")
{
	foreach my $round (1 .. 10)
	{
		$holder->query("SELECT advisory_lock.lock('race')");
		my $victim = session($node);
		$victim->start($call);
		$victim->wait_blocked;
		my @both = ("advisory_lock.unlock('race')", 'pg_terminate_backend(' . $victim->pid . ')');
		@both = reverse @both if $round % 2;
		$holder->query("SELECT $both[0], $both[1]");
		wait_until { !kill 0, $victim->pid } 'the victim is gone';
		$terminated += $victim->finish_state ne '00000';
		$victim->quit;
	}
}
is($holder->query("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"), 0,
	'nothing is held after the end of waiters');
cmp_ok($terminated, '>', 0, "$terminated of which did not get the lock");
is($holder->query("SELECT count(*) FROM advisory_lock.locks"), 0, 'nor said to be');

done_testing();
