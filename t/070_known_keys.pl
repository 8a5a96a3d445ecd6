# Copyright (c) 2026 the advisory_lock authors
#
# Keys of other programs: every formula against a key that was computed, or
# seen, elsewhere; and no tool is ever named for another key.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;

my $node = start_node('main');
$node->safe_psql('postgres', 'CREATE DATABASE app ENCODING UTF8 LOCALE "C" TEMPLATE template0');
$node->safe_psql('app', 'CREATE EXTENSION advisory_lock');

# For database "app" and schema "public".  The last is pg_partman's own.
my %vector = (
	'Prisma Migrate' => '72707369',
	'Rails migrations' => '6939591962871035475',
	'golang-migrate' => '1787120056',
	'goose' => '4097083626',
	'Flyway' => '77433833903597',
	'liquibase-sessionlock' => '-1497367772,-977423767',
	'sqlx migrate' => '3469795979745788610',
	'node-pg-migrate' => '7241865325823964',
	'Kysely' => '3853314791062309107',
	'Atlas' => '2686470616',
	'tern' => '9628173550095224',
	'sqitch' => '75474063',
	'pgBackRest' => '12340078987004321',
	'DBOS' => '1234567890',
	'pg_partman' => $node->safe_psql('app', q{SELECT hashtext('pg_partman run_maintenance')}));
my $KEY = "coalesce(key::text, key1 || ',' || key2)";

is( $node->safe_psql('app', qq{SELECT string_agg(tool || '=' || $KEY, ' ' ORDER BY tool COLLATE "C") FROM advisory_lock.known_keys}),
	join(' ', map { "$_=$vector{$_}" } sort keys %vector),
	'known_keys has every tool with the key of its vector');
is( $node->safe_psql('app', q{SELECT string_agg(tool, ' ' ORDER BY tool COLLATE "C") FROM advisory_lock.known_keys WHERE schema_name = 'public'}),
	'Flyway golang-migrate liquibase-sessionlock', 'some are of a schema');

# Held by core's functions, as the tools do.
my $holder = session($node, 'app');
$holder->query("SELECT pg_advisory_lock($_)") foreach values %vector;
my $SHOWN = qq{SELECT string_agg(coalesce(tool, 'none') || '=' || $KEY, ' ' ORDER BY tool COLLATE "C") FROM advisory_lock.locks};
is($node->safe_psql('app', $SHOWN), join(' ', map { "$_=$vector{$_}" } sort keys %vector),
	'locks names the tool of each');
is($node->safe_psql('app', 'SELECT count(name) FROM advisory_lock.locks'), '0', 'and invents no name');
$node->safe_psql('app', 'CREATE ROLE passer_by');
is($node->safe_psql('app', "SET ROLE passer_by; $SHOWN"), join(' ', map { "$_=$vector{$_}" } sort keys %vector),
	'so it does for an ordinary role');
is($node->safe_psql('app', 'SET ROLE passer_by; SELECT count(*) FROM advisory_lock.known_keys'), scalar(keys %vector),
	'who sees known_keys, too');
my @db = ('--db', $node->connstr('app'));
like((run_command([ 'withlock', '--list', @db ]))[0], qr/^- +72707369 \(Prisma Migrate\) +exclusive +held/m, 'withlock --list, too');
like((run_command([ 'withlock', '--list', '--json', @db ]))[0], qr/"key" : 72707369, "tool" : "Prisma Migrate"/, 'with --json');
$holder->query('SELECT pg_advisory_unlock_all()');

# The halves of a tool's bigint are not its key, nor is the sum of two integers.
$holder->query('SELECT pg_advisory_lock((72707369 >> 32)::integer, 72707369)');
$holder->query('SELECT pg_advisory_lock((-1497367772::bigint << 32) | (-977423767 & 4294967295))');
is($node->safe_psql('app', 'SELECT count(*), count(tool) FROM advisory_lock.locks'), '2|0',
	'a key of the other key space is nobody\'s');
$holder->query('SELECT pg_advisory_unlock_all()');

# Random keys, and those beside a tool's.
my $keys = q{SELECT (random() * 18446744073709551615 - 9223372036854775808)::bigint AS key FROM generate_series(1, 9000)
	UNION SELECT key + d FROM advisory_lock.known_keys, generate_series(-10, 10) AS d WHERE key IS NOT NULL
	UNION SELECT (random() * 2147483647)::bigint FROM generate_series(1, 1000)};
is( $node->safe_psql('app', qq{SELECT setseed(0.5); SELECT count(*) > 10000, count(advisory_lock.tool(key)),
			count(*) FILTER (WHERE advisory_lock.tool(key) IS DISTINCT FROM n.tool),
			count(advisory_lock.tool((key >> 32)::bit(32)::integer, key::bit(32)::integer))
		FROM ($keys) AS k LEFT JOIN advisory_lock.known_keys AS n USING (key)}),
	"\nt|" . (keys(%vector) - 1) . '|0|0',
	'of 10,000 keys only those that a formula gives have a tool');

# What a tool's key depends on may change.
my $looker = session($node, 'app');
is($looker->query("SELECT count(*) FROM advisory_lock.known_keys WHERE schema_name = 'sales'"), '0', 'no such schema');
$node->safe_psql('app', 'CREATE SCHEMA sales; CREATE SCHEMA "a""b"; CREATE SCHEMA "müller"');
is( $looker->query(q{SELECT key FROM advisory_lock.known_keys WHERE schema_name = 'sales' AND tool = 'Flyway'}),
	77431708279161 + java_hash('"sales"."flyway_schema_history"'), 'a new schema has keys');
is( $looker->query(q{SELECT key2 FROM advisory_lock.known_keys WHERE schema_name = 'müller' AND key1 IS NOT NULL}),
	java_hash('müller'), 'one outside ASCII, too');
is($looker->query(q{SELECT count(*) FROM advisory_lock.known_keys WHERE schema_name = 'a"b'}), '0',
	'one whose name is in doubt has none');
is($looker->query("SELECT count(*) FROM advisory_lock.known_keys WHERE schema_name ~ '^pg_|^information_schema'"), '0',
	'nor have those of the server');
my $flyway = $looker->query(q{SELECT key FROM advisory_lock.known_keys WHERE schema_name = 'sales' AND tool = 'Flyway'});
$holder->query("SELECT pg_advisory_lock($flyway)");
is($looker->query('SELECT tool FROM advisory_lock.locks'), 'Flyway', 'its lock is named');
$node->safe_psql('app', 'DROP SCHEMA sales');
is($looker->query('SELECT count(*), count(tool) FROM advisory_lock.locks'), '1|0', 'until the schema is gone');
$holder->query('SELECT pg_advisory_unlock_all()');

# Two schemas, one key: Java's hashes of Aa and BB are the same.
$node->safe_psql('app', 'CREATE SCHEMA "Aa"; CREATE SCHEMA "BB"');
my ($same) = $looker->query(q{SELECT DISTINCT key1 || ',' || key2 FROM advisory_lock.known_keys WHERE schema_name IN ('Aa', 'BB') AND key1 IS NOT NULL});
$holder->query("SELECT pg_advisory_lock($same)");
is($looker->query('SELECT tool FROM advisory_lock.locks'), 'liquibase-sessionlock', 'one tool with one key twice');
is($looker->query("SELECT count(*) FROM advisory_lock.known_keys WHERE key1 || ',' || key2 = '$same'"), '2', 'both are listed');
$holder->query('SELECT pg_advisory_unlock_all()');

# pg_repack's key has a table in it, which must exist.
my $table = $node->safe_psql('app', "CREATE TABLE t (); SELECT 't'::regclass::oid");
$holder->query('SELECT pg_advisory_lock(16185446, ' . ($table - 2**31) . ')');
is($looker->query('SELECT tool FROM advisory_lock.locks'), 'pg_repack', 'pg_repack at a table');
$node->safe_psql('app', 'DROP TABLE t');
is($looker->query('SELECT count(*), count(tool) FROM advisory_lock.locks'), '1|0', 'that is gone');
$holder->query('SELECT pg_advisory_unlock_all()');

# Errors name the tool.
$holder->query('SELECT pg_advisory_lock(72707369)');
is($looker->sqlstate_of("SET lock_timeout = '10 ms'; SELECT advisory_lock.lock(72707369)"), '55P03', 'lock_timeout');
like($looker->messages, qr/^CONTEXT:  while acquiring exclusive advisory lock 72707369 \(Prisma Migrate\)$/m,
	'the context has the tool');
$looker->query("RESET lock_timeout; SET deadlock_timeout = '10 ms'; SELECT advisory_lock.lock('first')");
$holder->query("SET deadlock_timeout = '1 h'");
$holder->start("SELECT advisory_lock.lock('first')");
$holder->wait_blocked;
is($looker->sqlstate_of('SELECT advisory_lock.lock(72707369)'), '40P01', 'a deadlock');
like($looker->messages, qr/^CONTEXT:  while acquiring exclusive advisory lock 72707369 \(Prisma Migrate\)$/m,
	'the context has the tool');
$looker->query('SELECT advisory_lock.unlock_all()');
$holder->finish;
$holder->query('SELECT pg_advisory_unlock_all()');
$looker->query('SELECT advisory_lock.unlock(72707369)');
like($looker->messages, qr/do not hold exclusive advisory lock 72707369 \(Prisma Migrate\)/, 'so have warnings');

# The delay that a lost holder left has a key and no halves, and a tool.
$holder->query("SET advisory_lock.lock_delay = '1 min'; SELECT advisory_lock.lock(72707369)");
$node->safe_psql('app', 'SELECT advisory_lock.terminate_holders(72707369)');
my $DELAY = "SELECT key, key1, key2, tool, name, delay_reason FROM advisory_lock.locks";
wait_until { $looker->query($DELAY) =~ /holder lost/ } 'the holder is lost';
is($looker->query($DELAY), '72707369|||Prisma Migrate||holder lost', 'what it left is shown by its key');
is($looker->query('SELECT advisory_lock.terminate_holders(72707369)'), '0', 'and can be lifted');
is($looker->query('SELECT advisory_lock.try_lock(72707369)'), 't', 'so that others have it');

# A database of another name has other keys.
$_->quit foreach $holder, $looker;
wait_until { $node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE datname = 'app'") eq '0' } 'nobody is in it';
$node->safe_psql('postgres', 'ALTER DATABASE app RENAME TO shop');
is( $node->safe_psql('shop', "SELECT key / 2053462845 FROM advisory_lock.known_keys WHERE tool = 'Rails migrations'"),
	crc32('shop'), 'that of Rails is the CRC-32 of the new name');

# Java's String.hashCode() for characters of one UTF-16 unit.
sub java_hash
{
	my ($text) = @_;
	my $hash = 0;

	utf8::decode($text);
	$hash = ($hash * 31 + ord) & 0xFFFFFFFF foreach split //, $text;
	return $hash >= 2**31 ? $hash - 2**32 : $hash;
}

# zlib's CRC-32.
sub crc32
{
	my $crc = 0xFFFFFFFF;

	foreach my $bit (map { split //, unpack 'b8', $_ } split //, $_[0])
	{
		$crc = ($crc >> 1) ^ (($crc ^ $bit) & 1 ? 0xEDB88320 : 0);
	}
	return $crc ^ 0xFFFFFFFF;
}

done_testing();
