# Copyright (c) 2026 the advisory_lock authors
#
# What stands in the rows of the extension's tables: nothing of a session's
# memory but what belongs there; and whatever else the owner of the database has
# written there, who may, nothing breaks by it, and nobody's code is run.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;

my $ROLE = 'whose rows they are';
my @tables = qw(fences key_labels leases lease_queue runs);

my $node = start_node('main', extension => 0, conf => "autovacuum = off\nrestart_after_crash = off");
$node->safe_psql('postgres', $_)
  foreach qq{CREATE ROLE "$ROLE" LOGIN}, 'CREATE ROLE another LOGIN', qq{CREATE DATABASE theirs OWNER "$ROLE"};

sub session_of
{
	my ($role) = @_;

	local $ENV{PGUSER} = $role // $ENV{PGUSER};
	return session($node, 'theirs');
}

my $super = session($node, 'theirs');
my ($owner, $another) = map { session_of($_) } $ROLE, 'another';
$super->query('CREATE EXTENSION advisory_lock');

# --- The role that a row belongs to is a name, of the length of all names

my $token = $owner->query("SELECT advisory_lock.lock('job')");
$owner->query($_)
  foreach "SELECT advisory_lock.fence('job', $token)", "SELECT advisory_lock.record_run('job', $token, now())",
  "SELECT advisory_lock.label_key(1, 'a label')", "SELECT advisory_lock.unlock('job')",
  "SELECT advisory_lock.acquire_lease('job', '1 h', holder => 'a holder')", "SELECT advisory_lock.queue_lease('job', '1 h')";
$super->query('CHECKPOINT');
foreach my $table (@tables)
{
	my $bytes = slurp_file($node->data_dir . '/' . $super->query("SELECT pg_relation_filepath('advisory_lock.$table')"));
	my @owners = $bytes =~ /(\Q$ROLE\E.{@{[ 64 - length $ROLE ]}})/sg;

	cmp_ok(scalar @owners, '>', 0, "$table has its owner");
	is(scalar(grep { $_ ne pack('a64', $ROLE) } @owners), 0, '... and behind his name nothing from the memory of the session');
}

# --- Rows that no function would write

my $long = "repeat('x', 3000000)";
my %rows = (
	fences => [
		"(1, 1, -2147483648, '', -9223372036854775808, 'infinity', 'nobody')", "(1, 1, 1, $long, 0, '-infinity', '')",
		"(1, 1, 2, NULL, 9223372036854775807, 'epoch', 'another')" ],
	key_labels => [ map { my $key = $_; map { "($key, $key, $_, $long, '')" } 'true', 'false' } '-2147483648', '0', '2147483647' ],
	leases => [
		map { my $kind = $_; map { "(1, 1 + $_, $kind, " . ($_ ? 'NULL' : $long) . ", $_, $long, 'nobody', '-infinity', 'infinity', '-infinity', $_ = 1)" } 0, 1 }
		  '-2147483648', '0', '1', '2', '3', '2147483647' ],
	lease_queue => [ map { "(7, 7, 2, $_, 'nobody', 'infinity')" } '-9223372036854775808', '0', '9223372036854775807' ],
	runs => [ map { "(1, 1, $_, $long, 9223372036854775807, 'infinity', '-infinity', 'nobody')" } '-2147483648', '1', '2' ]);
foreach my $table (sort keys %rows)
{
	is($owner->sqlstate_of("INSERT INTO advisory_lock.$table VALUES $_"), '00000', "$table takes a row of its owner's")
	  foreach @{ $rows{$table} };
}
# And in place of those that names have.
my @edits = (
	"UPDATE advisory_lock.fences SET token = -1, owner = ''",
	"UPDATE advisory_lock.fences SET token = 9223372036854775807, owner = 'another', fenced_at = '-infinity'",
	"UPDATE advisory_lock.leases SET token = -1, expires_at = '-infinity', acquired_at = 'infinity', released = true WHERE name = 'job'",
	"UPDATE advisory_lock.leases SET token = 9223372036854775807, expires_at = 'infinity', acquired_at = '-infinity', renewed_from = '-infinity',"
	  . " holder = $long, owner = 'another', released = false WHERE expires_at = '-infinity'",
	"UPDATE advisory_lock.leases SET expires_at = acquired_at WHERE owner = 'another'",
	"UPDATE advisory_lock.lease_queue SET owner = 'another', asks_until = 'infinity'",
	"UPDATE advisory_lock.runs SET token = -1, started_at = '-infinity', owner = 'another'",
	"SELECT setval('advisory_lock.token_sequence', 1)",
	"SELECT setval('advisory_lock.token_sequence', 9223372036854775807)",
	"SELECT setval('advisory_lock.token_sequence', 576460752303423487)");
my @calls = (
	"lock('job')", "try_lock('job', '1 ms')", "xact_lock('job')", "lock(1)", "lock(1, 1)", "lock_many(ARRAY['job', 'other'])", "is_locked('job')",
	"acquire_permit('job', 2, '1 ms')", "fence('job', advisory_lock.token('other'))", "fence('job', $token)", "fence('other', advisory_lock.lock('other'))",
	"acquire_lease('job', '1 s')", "acquire_lease('other lease', '1 s', '1 ms')", "renew_lease('job', $token, '1 s')", "renew_lease('job', 9223372036854775807, '1 s')",
	"release_lease('job', -1)", "release_lease('job', 9223372036854775807, '1 s')", "queue_lease('job', '1 s')",
	"queue_lease('job', '1 s', 9223372036854775807)", "leave_lease_queue('job', 0)", "last_run('job')", "record_run('job', $token, now())",
	"terminate_holders('job')",
	"acquire_lease(1, 1, '1 s', '1 ms', 'holder')", "acquire_lease(4294967298, '1 s', '1 ms')", "queue_lease(4294967297, '1 s')", "last_run(1, 1)", "last_run(4294967297)",
	"fence(4294967297, $token)", "fence(1, 1, $token)", "label_key(0, 'label')", "raise_tokens(5)", "forget_fences('1 day')", "unlock_all()");
foreach my $edit (@edits)
{
	my %states;

	is($owner->sqlstate_of($edit), '00000', $edit);
	foreach my $session ($super, $owner, $another, session_of('another'))
	{
		$session->query("SET statement_timeout = '100 ms'");
		$states{ $session->sqlstate_of("SELECT advisory_lock.$_") }++ foreach @calls;
		$states{ $session->sqlstate_of("SELECT sum(length(t::text)) FROM advisory_lock.$_ AS t") }++ foreach qw(locks stats registry known_keys);
		$session->query('RESET statement_timeout; SELECT advisory_lock.unlock_all(), pg_advisory_unlock_all()');
		$states{left} += $session->query("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()");
	}
	is(join(' ', grep { /^XX|^08|left/ && $states{$_} } sort keys %states), '', '... by which nothing breaks: ' . join ' ', sort keys %states);
}

# A fence that no token can be above keeps other names from none.
$owner->query("SELECT setval('advisory_lock.token_sequence', $token)");
$owner->query("INSERT INTO advisory_lock.fences VALUES (7, 7, 2, 'high', 9223372036854775807, now(), 'nobody')");
is($owner->query('SELECT max(token) FROM advisory_lock.fences'), '9223372036854775807', 'a fence is as high as can be');
$super->query('CHECKPOINT');
cmp_ok($another->query("SELECT advisory_lock.lock('not fenced')"), '>', $token, 'other names have tokens, whatever a fence says');

# Once they are gone, all is as before.
is($owner->sqlstate_of("DELETE FROM advisory_lock.$_"), '00000', "$_ is emptied") foreach @tables;
cmp_ok($another->query("SELECT advisory_lock.lock('job')"), '>', $token, 'a name is locked');
is($another->sqlstate_of("SELECT advisory_lock.fence('job', advisory_lock.token('job'))"), '00000', '... and fenced');
is($super->query(q{SELECT count(*) FROM pg_roles WHERE rolsuper AND oid <> 10}), '0', 'and nobody has become a superuser');

done_testing();
