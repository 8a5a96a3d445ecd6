# Copyright (c) 2026 the advisory_lock authors
#
# The library takes no relation for its own because of its name.  Whatever a
# superuser puts in the place of the sequence or of the fences, the answer is a
# clear error, the lock is not held, checkpoints work, and the server comes back
# from a crash.  Ordinary roles cannot put anything there, see 057.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;

my $TOKEN = "SELECT advisory_lock.lock('job')";
my $FENCE = "SELECT advisory_lock.fence('job', 281474976710657)";
my $DROP_SEQUENCE =
  'ALTER EXTENSION advisory_lock DROP SEQUENCE advisory_lock.token_sequence;'
  . ' DROP SEQUENCE advisory_lock.token_sequence;';
my $DROP_FENCES =
  'ALTER EXTENSION advisory_lock DROP TABLE advisory_lock.fences; DROP TABLE advisory_lock.fences;';
my $ROWS = 'CREATE TABLE advisory_lock.token_sequence AS'
  . " SELECT repeat('x', 40) AS last_value, 0::bigint AS log_cnt, true AS is_called FROM generate_series(1, 3);";
my $VACUUMED = "$ROWS DELETE FROM advisory_lock.token_sequence WHERE ctid = '(0,1)';"
  . ' COMMIT; VACUUM advisory_lock.token_sequence; BEGIN;';

# What is done, to what end, as (name, SQL, query, SQLSTATE).
my @cases = (
	[ 'a table', $DROP_SEQUENCE . $ROWS, $TOKEN, '55000' ],
	[ 'a table, its first row vacuumed away', $DROP_SEQUENCE . $VACUUMED, $TOKEN, '55000' ],
	[
		'such a table as a member',
		$DROP_SEQUENCE . $VACUUMED . ' ALTER EXTENSION advisory_lock ADD TABLE advisory_lock.token_sequence;',
		$TOKEN, '55000'
	],
	[
		'a view as a member',
		$DROP_SEQUENCE . 'CREATE VIEW advisory_lock.token_sequence AS SELECT 1::bigint AS last_value;'
		  . ' ALTER EXTENSION advisory_lock ADD VIEW advisory_lock.token_sequence;',
		$TOKEN, '55000'
	],
	[
		'a sequence that is no member',
		$DROP_SEQUENCE . 'CREATE SEQUENCE advisory_lock.token_sequence;', $TOKEN, '55000'
	],
	[ 'an unlogged sequence', 'ALTER SEQUENCE advisory_lock.token_sequence SET UNLOGGED;', $TOKEN, '55000' ],
	[ 'no sequence', $DROP_SEQUENCE, $TOKEN, '55000' ],
	[
		'a schema that is no member',
		'ALTER EXTENSION advisory_lock DROP SCHEMA advisory_lock;', $TOKEN, '42704'
	],
	[ 'no fences', $DROP_FENCES, $FENCE, '55000' ],
	[
		'a view in place of the fences',
		$DROP_FENCES . "CREATE VIEW advisory_lock.fences AS SELECT 'job'::text AS name, 1::bigint AS token;"
		  . ' ALTER EXTENSION advisory_lock ADD VIEW advisory_lock.fences;',
		$FENCE, '55000'
	],
	[ 'unlogged fences', 'ALTER TABLE advisory_lock.fences SET UNLOGGED;', $FENCE, '55000' ],
	[
		'fences of other columns',
		$DROP_FENCES . "CREATE TABLE advisory_lock.fences AS SELECT 1 AS key1, 2 AS key2, 2 AS kind, 'job'::text AS name, 'x'::text AS token;"
		  . ' ALTER EXTENSION advisory_lock ADD TABLE advisory_lock.fences;',
		$TOKEN, '55000'
	]);

my $node = start_node('main', conf => 'autovacuum = off');

sub check_case
{
	my ($case, $number) = @_;
	my ($name, $sql, $query, $state) = @$case;
	my $database = "broken_$number";

	# One session has used the real one before, one has not.
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, 'CREATE EXTENSION advisory_lock');
	my $before = session($node, $database);
	$before->query("$TOKEN; SELECT advisory_lock.unlock('job')") if $name ne 'fences of other columns';
	my ($out, $err) = ('', '');
	is($node->psql($database, "BEGIN; $sql COMMIT", stderr => \$err, on_error_stop => 1),
		0, "$name: put in place")
	  or diag $err;

	my $after = session($node, $database);
	foreach my $session ($before, $after)
	{
		# What was looked up is looked up again once a relation has changed.
		next if $session == $before && $name eq 'a schema that is no member';
		is($session->sqlstate_of($query), $state, "$name: $state");
		is($session->query("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"),
			'0', "$name: nothing is held");
	}
	$_->quit foreach $before, $after;
	return;
}

check_case($cases[$_], $_) foreach 0 .. $#cases;

# Dropped while somebody waits, who has used the real one before; or created again.
$node->safe_psql('postgres', 'CREATE DATABASE dropped');
my $LEASE = "SELECT advisory_lock.acquire_lease('job', '1 min', '1 min')";
foreach my $case ([ $TOKEN, '', '42704' ], [ $LEASE, '', '42704' ], [ $TOKEN, 'CREATE EXTENSION advisory_lock', '00000' ])
{
	my ($query, $again, $state) = @$case;
	$node->safe_psql('dropped', 'CREATE EXTENSION IF NOT EXISTS advisory_lock');
	my ($holder, $waiter) = map { session($node, 'dropped') } 1, 2;
	my $token = $waiter->query("$TOKEN; SELECT advisory_lock.unlock('job')");
	$holder->query($TOKEN);
	$waiter->start($query);
	$waiter->wait_blocked;
	$node->safe_psql('dropped', 'DROP EXTENSION advisory_lock');
	$node->safe_psql('dropped', $again) if $again;
	$holder->query('SELECT pg_advisory_unlock_all()');
	is($waiter->finish_state, $state, "dropped while one waits: $state");
	cmp_ok($waiter->output, '>', $token =~ s/\n.*//sr, '... a token of the new one') if $again;
	$_->quit foreach $holder, $waiter;
}

# A page that is not a sequence's in the file of the real one.
$node->safe_psql('postgres', 'CREATE DATABASE damaged');
$node->safe_psql('damaged', 'CREATE EXTENSION advisory_lock');
$node->safe_psql('damaged', $TOKEN);
$node->safe_psql('damaged', "CREATE TABLE rows AS SELECT repeat('x', 60) AS t FROM generate_series(1, 9); CHECKPOINT");
my ($file, $rows) = split /\|/,
  $node->safe_psql('damaged', "SELECT pg_relation_filepath('advisory_lock.token_sequence'), pg_relation_filepath('rows')");
$_ = $node->data_dir . "/$_" foreach $file, $rows;

my $sequence_page = slurp_file($file);
my %page = (
	'a page of a table' => slurp_file($rows),
	'a page of zeros' => "\0" x 8192);
foreach my $what (sort keys %page)
{
	$node->stop;
	overwrite($file, substr($page{$what}, 0, 8192));
	$node->start;
	my $session = session($node, 'damaged');
	is($session->sqlstate_of($TOKEN), 'XX001', "$what in the sequence's file");
	is($session->query("SELECT advisory_lock.is_locked('job')"), 'f', "$what: the lock is not held");
	$session->quit;
}
$node->stop;
overwrite($file, $sequence_page);
$node->start;
cmp_ok($node->safe_psql('damaged', $TOKEN), '>', 0, 'with its own page again there are tokens');

sub overwrite
{
	my ($path, $content) = @_;

	open my $handle, '>:raw', $path or die "could not open $path: $!";
	print $handle $content;
	close $handle or die "could not write $path: $!";
	return;
}

is($node->psql('postgres', 'CHECKPOINT'), 0, 'checkpoints work after all that');
$node->stop('immediate');
$node->start;
is($node->safe_psql('postgres', 'SELECT 1'), '1', 'and the server comes back from a crash');
cmp_ok($node->safe_psql('postgres', $TOKEN), '>', 0, 'another database has its tokens');

done_testing();
