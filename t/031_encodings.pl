# Copyright (c) 2026 the advisory_lock authors
#
# A name is its characters: databases of different encodings have the same key
# for it, and count its length in UTF-8.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;

my $node = start_node('main', extension => 0);
my %session;
foreach my $encoding ('UTF8', 'LATIN1', 'EUC_JP', 'SQL_ASCII')
{
	$node->safe_psql('postgres',
		"CREATE DATABASE db_$encoding ENCODING '$encoding' LOCALE 'C' TEMPLATE template0");
	$session{$encoding} = session($node, lc("db_$encoding"));
	$session{$encoding}->query('CREATE EXTENSION advisory_lock');
}

sub is_in
{
	my ($encoding, $sql, $expected, $what) = @_;

	return is($session{$encoding}->query($sql), $expected, "$encoding: $what");
}

# "é" and "東" by their bytes in each encoding; the keys are from elsewhere.
my $key = 'SELECT * FROM advisory_lock.key(%s)';
is_in($_, sprintf($key, "'test-lock'"), '-107789403|-1898803861', 'ASCII')
  foreach sort keys %session;
is_in('LATIN1', sprintf($key, q{E'Z\xFCrich'}), '1583894850|901171718', 'beyond ASCII');
is_in('UTF8', sprintf($key, q{E'Z\xC3\xBCrich'}), '1583894850|901171718', 'beyond ASCII');
is_in('EUC_JP', sprintf($key, q{E'\xC5\xEC\xB5\xFE'}), '-1307181037|-436757671', 'beyond ASCII');
is_in('UTF8', sprintf($key, q{E'\xE6\x9D\xB1\xE4\xBA\xAC'}), '-1307181037|-436757671', 'beyond ASCII');

# The limit is 1024 bytes of UTF-8, of which "é" is two.
is_in('LATIN1', q{SELECT advisory_lock.try_lock(repeat(E'\xE9', 512))}, 't', '1024 bytes of UTF-8');
is($session{LATIN1}->sqlstate_of(q{SELECT advisory_lock.try_lock(repeat(E'\xE9', 513))}),
	'22023', 'LATIN1: 1026 bytes of UTF-8 are too many');
like($session{LATIN1}->messages, qr/The name has 1026 bytes in UTF-8/, 'LATIN1: and are counted so');

# Where characters are not known, only ASCII is a name.
is($session{SQL_ASCII}->sqlstate_of(q{SELECT advisory_lock.lock(E'caf\xE9')}),
	'22023', 'SQL_ASCII: bytes beyond ASCII are refused');
like($session{SQL_ASCII}->messages, qr/^HINT:  Use 7-bit names/m, 'SQL_ASCII: with a hint');
is($session{SQL_ASCII}->sqlstate_of(q{SELECT advisory_lock.lock_many(ARRAY['a', E'\xFF'])}),
	'22023', 'SQL_ASCII: in an array, too');
is_in('SQL_ASCII', q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()},
	0, 'nothing is held');

# Locks of different databases are different.
is_in('UTF8', q{SELECT advisory_lock.try_lock('same')}, 't', 'locks the name');
is_in('SQL_ASCII', q{SELECT advisory_lock.is_locked('same')}, 'f', 'it is free here');
is_in('SQL_ASCII', q{SELECT advisory_lock.try_lock('same')}, 't', 'and can be locked');

done_testing();
