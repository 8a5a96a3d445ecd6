# Copyright (c) 2026 the advisory_lock authors
#
# Labels of keys: shown as names, to those who may see names; given by those who
# may; the later wins and says so; dumped and restored.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;

my $node = start_node('main');
$node->safe_psql('postgres', 'CREATE ROLE owner; CREATE ROLE helper; CREATE ROLE passer_by; CREATE ROLE watcher; GRANT pg_monitor TO watcher;'
	. ' CREATE DATABASE app OWNER owner');
$node->safe_psql('app', 'CREATE EXTENSION advisory_lock');
my $session = session($node, 'app');
my $owner = session($node, 'app');
$owner->query('SET ROLE owner');
my $NAMES = q{SELECT coalesce(key::text, key1 || ',' || key2) || '=' || coalesce(name, '') FROM advisory_lock.locks ORDER BY key, key1};
my $hidden = '<insufficient privilege>';

sub seen_by { return $node->safe_psql('app', "SET ROLE $_[0]; $NAMES"); }

# Both key spaces, and halves are no pair.
$session->query('SELECT pg_advisory_lock(-4711), pg_advisory_lock(8589934595), pg_advisory_lock(2, 3)');
$owner->query("SELECT advisory_lock.label_key(-4711, 'import'), advisory_lock.label_key(2, 3, 'export')");
is(seen_by('owner'), "-4711=import\n8589934595=\n2,3=export", 'labels are shown as names');
is(seen_by('watcher'), "-4711=import\n8589934595=\n2,3=export", 'to pg_monitor');
is(seen_by('passer_by'), "-4711=$hidden\n8589934595=\n2,3=$hidden", 'and not to anybody');

# The later wins.
$owner->query("SELECT advisory_lock.label_key(2, 3, 'import of sales')");
like($owner->messages, qr/NOTICE:.*2,3 is replaced\s.*was "export" and is "import of sales" now/, 'a second label says so');
is(seen_by('owner'), "-4711=import\n8589934595=\n2,3=import of sales", 'and wins');
$owner->query("SELECT advisory_lock.label_key(2, 3, 'import of sales')");
unlike($owner->messages, qr/NOTICE/, 'the same again does not');

# Who may.
foreach my $call ("1, 'x'", "1, 2, 'x'", '1, NULL')
{
	is($session->sqlstate_of("SET ROLE passer_by; SELECT advisory_lock.label_key($call)"), '42501',
		"label_key($call) is not for anybody");
}
is($session->sqlstate_of('SELECT * FROM advisory_lock.key_labels'), '42501', 'nor is the table');
$owner->query('RESET ROLE; GRANT EXECUTE ON FUNCTION advisory_lock.label_key(integer, integer, text) TO helper; SET ROLE owner');
$session->query("SET ROLE helper; SELECT advisory_lock.label_key(2, 3, 'helped')");
like($session->messages, qr/NOTICE:.*2,3 is replaced$/m, 'it can be granted');
unlike($session->messages, qr/sales/, 'and does not tell what may not be seen');
is(seen_by('helper'), "-4711=$hidden\n8589934595=\n2,3=helped", 'a label is seen by who gave it');

# What is refused.
is($owner->sqlstate_of("SELECT advisory_lock.label_key(1, '')"), '22023', 'an empty label');
is($owner->sqlstate_of("SELECT advisory_lock.label_key(1, repeat('x', 1025))"), '22023', 'one that is too long');
is($owner->sqlstate_of("SELECT advisory_lock.label_key(NULL::bigint, 'x')"), '22004', 'no key');
is($owner->sqlstate_of("BEGIN READ ONLY; SELECT advisory_lock.label_key(1, 'x')"), '25006', 'a transaction that only reads');
$owner->query('ROLLBACK');

# A name goes before a label, a label leaves the tool alone, and it is there for a
# lost holder's delay.
$session->query("RESET ROLE; SELECT pg_advisory_unlock_all(); SELECT advisory_lock.lock('test-lock'), pg_advisory_lock(72707369)");
$owner->query("SELECT advisory_lock.label_key(-107789403, -1898803861, 'other'), advisory_lock.label_key(72707369, 'deploy')");
is($node->safe_psql('app', 'SELECT name, tool FROM advisory_lock.locks ORDER BY name'), "deploy|Prisma Migrate\ntest-lock|",
	'a name goes before a label');
$session->query("SELECT pg_advisory_unlock_all(); SET advisory_lock.lock_delay = '1 min'; SELECT advisory_lock.lock(-4711)");
$node->safe_psql('app', 'SELECT advisory_lock.terminate_holders(-4711)');
wait_until { $node->safe_psql('app', "SELECT key, name FROM advisory_lock.locks WHERE delay_reason = 'holder lost'") eq '-4711|import' }
'a delay has the label';

# Dumped by the owner and restored.
my $dump = $node->basedir . '/dump';
$node->command_ok([ 'pg_dump', '-f', $dump, '-d', $node->connstr('app') ], 'a dump');
$node->safe_psql('postgres', 'CREATE DATABASE copy OWNER owner');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $dump, '-d', $node->connstr('copy') ], 'is restored');
my $ALL = 'SELECT key1, key2, one_bigint, label, owner FROM advisory_lock.key_labels ORDER BY label';
is($node->safe_psql('copy', $ALL), $node->safe_psql('app', $ALL), 'with all labels');
is($node->safe_psql('copy', $ALL) =~ tr/\n//, 3, 'of which there are four');
$owner->query('SELECT advisory_lock.label_key(-4711, NULL), advisory_lock.label_key(2, 3, NULL)');
is($node->safe_psql('app', 'SELECT count(*) FROM advisory_lock.key_labels'), '2', 'NULL removes a label');

done_testing();
