# Copyright (c) 2026 the advisory_lock authors

# A session with thousands of names: more than there are places on its board,
# and more than it remembers at first.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;

my $node = start_node('main', conf => <<'EOT');
advisory_lock.max_names = 20000
max_locks_per_transaction = 400
log_statement = none
EOT
my $observer = session($node);
my $session = session($node);

# The names in place of whose key another would be locked.
my $wrong_keys = <<'EOT';
SELECT count(*) FROM pg_locks AS l
	LEFT JOIN (SELECT sha256(convert_to('n' || i, 'UTF8')) AS hash FROM generate_series(1, 9000) i) AS n
	ON l.classid = ('x' || encode(substr(hash, 4, 1) || substr(hash, 3, 1) || substr(hash, 2, 1) || substr(hash, 1, 1), 'hex'))::bit(32)::bigint::oid
	AND l.objid = ('x' || encode(substr(hash, 8, 1) || substr(hash, 7, 1) || substr(hash, 6, 1) || substr(hash, 5, 1), 'hex'))::bit(32)::bigint::oid
	WHERE l.locktype = 'advisory' AND l.objsubid = 2 AND n.hash IS NULL
EOT
my $shown = 'SELECT count(*), count(DISTINCT name), count(DISTINCT token), min(token) > 0, min(mode), max(mode)'
  . q{ FROM advisory_lock.locks WHERE granted AND name ~ '^n\d+$' AND pid = } . $session->pid;

foreach my $round (1 .. 3)
{
	is($session->query("SELECT count(advisory_lock.lock('n' || i)) FROM generate_series(1, 9000) i"), '9000', "round $round: 9,000 names");
	is($observer->query('SELECT count(*) FROM pg_locks WHERE locktype = \'advisory\''), '9000', 'are as many locks');
	is($observer->query($wrong_keys), '0', 'each by the key of its name');
	is($observer->query($shown), '9000|9000|9000|t|exclusive|exclusive', 'and shown with name and token');
	is($observer->query("SELECT bool_and(advisory_lock.try_lock('n' || i)) FROM generate_series(1, 9000, 100) i"),
		'f', 'others are kept off');
	is($session->query("SELECT count(*) FILTER (WHERE advisory_lock.unlock('n' || i)) FROM generate_series(1, 9000) i"), '9000', 'all are released');
	is($observer->query('SELECT count(*) FROM advisory_lock.locks'), '0', 'none is left');
}
is($observer->query("SELECT count(*), min(acquisitions), max(acquisitions) FROM advisory_lock.stats WHERE name ~ '^n'"),
	'9000|3|3', 'each acquire is counted');

# More than it ever remembers, at random: the key has to be right each time.
is( $session->query(<<'EOT'),
SELECT count(*) FILTER (WHERE advisory_lock.lock(name) > 0 AND advisory_lock.unlock(name))
FROM (SELECT 'r' || (random() * 30000)::int AS name FROM generate_series(1, 60000) OFFSET 0) AS n
EOT
	'60000', '60,000 acquires of 30,000 names');
is( $session->query(<<'EOT'),
SELECT count(*) FROM generate_series(1, 30000) i, LATERAL advisory_lock.key('r' || i) AS k,
	LATERAL (SELECT sha256(convert_to('r' || i, 'UTF8')) AS hash) AS h
WHERE ('x' || lpad(to_hex(k.key1), 8, '0')) <>
	'x' || encode(substr(hash, 4, 1) || substr(hash, 3, 1) || substr(hash, 2, 1) || substr(hash, 1, 1), 'hex')
EOT
	'0', 'whose keys are the same as ever');
is($observer->query('SELECT count(*) FROM advisory_lock.locks'), '0', 'none is left');

cmp_ok($observer->query("SELECT count(*) FROM advisory_lock.stats WHERE name ~ '^n'"), '<', 5000, 'names that are held no more make way');

# Thousands of labels are taken down by a session that is terminated.
$session->query("SELECT count(advisory_lock.lock('n' || i)) FROM generate_series(1, 9000) i");
$observer->query('SELECT pg_terminate_backend(' . $session->pid . ')');
wait_until { $observer->query('SELECT count(*) FROM pg_stat_activity WHERE pid = ' . $session->pid) eq '0' } 'the session is gone';
$session->quit;
is($observer->query('SELECT count(*) FROM advisory_lock.locks'), '0', 'a session that is gone shows none');
is($observer->query("SELECT count(*) FILTER (WHERE advisory_lock.try_lock('n' || i) AND advisory_lock.unlock('n' || i)) FROM generate_series(1, 9000) i"),
	'9000', 'and all are free');
is($observer->query('SELECT names <= max_names, untracked FROM advisory_lock.registry'), 't|0', 'within the room for names');

done_testing();
