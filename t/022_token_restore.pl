# Copyright (c) 2026 the advisory_lock authors
#
# Tokens and fences go with a dump: what was fenced off stays so in the
# restored database, even if the new server is on a lower timeline.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;

my $TOKEN = "SELECT advisory_lock.lock('job')";

# Dumps a database and restores it as "restored" of a server.
sub dump_and_restore
{
	my ($from, $to) = @_;
	my $file = PostgreSQL::Test::Utils::tempdir() . '/' . $from->name . '.sql';

	command_ok([ 'pg_dump', '-f', $file, '-d', $from->connstr('postgres') ],
		$from->name . ' can be dumped');
	$to->safe_psql('postgres', 'CREATE DATABASE restored TEMPLATE template0');
	command_ok(
		[
			'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-f', $file,
			'-d', $to->connstr('restored')
		],
		'and restored on ' . $to->name);
	return;
}

sub promote_once
{
	my ($node) = @_;

	$node->stop;
	$node->set_standby_mode;
	$node->start;
	$node->promote;
	$node->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()')
	  or die 'the server is not promoted';
	return;
}

# Checks that the restored database goes on where the other one ended.
sub check_restored
{
	my ($what, $from, $to) = @_;

	my $old = $from->safe_psql('postgres', $TOKEN);
	my $newest = $from->safe_psql('postgres', $TOKEN);
	my $leased = $from->safe_psql('postgres', "SELECT advisory_lock.acquire_lease('leased, $what', '24 h')");
	$from->safe_psql('postgres', "SELECT advisory_lock.fence('job', $newest);
		SELECT advisory_lock.record_run('job', $newest, '2020-02-20 20:20Z')");
	dump_and_restore($from, $to);

	my $session = session($to, 'restored');
	is($session->query("SELECT advisory_lock.try_lock('leased, $what')"), 'f', "$what: a lease goes along");
	is($session->query("SELECT advisory_lock.renew_lease('leased, $what', $leased, '24 h') > now()"), 't', '... and is renewed there');
	is($session->query("SELECT advisory_lock.last_run('job') = '2020-02-20 20:20Z'"), 't', '... as do runs');
	is( $session->query(
			"SELECT name, token FROM advisory_lock.fences WHERE token = $newest"),
		"job|$newest",
		"$what: the fence is restored");
	is($session->sqlstate_of("SELECT advisory_lock.fence('job', $old)"),
		'55000', "$what: it refuses the older token");
	$session->query("SELECT advisory_lock.fence('job', $newest)");

	my $token = $session->query($TOKEN);
	cmp_ok($token, '>', $newest, "$what: the next token is above all before");
	is($session->query("SELECT advisory_lock.fence('job', $token)"), '', "$what: it passes the fence");
	is($session->sqlstate_of("SELECT advisory_lock.fence('job', $newest)"),
		'55000', "$what: and is the newest there");

	$session->query("SELECT advisory_lock.unlock('job')");
	cmp_ok($session->query($TOKEN), '>', $token, "$what: tokens rise on");
	$session->quit;
	return;
}

my $promoted = start_node('promoted', init => [ allows_streaming => 1 ]);
my $other = start_node('other', extension => 0, init => [ allows_streaming => 1 ]);

check_restored('same timeline', $promoted, $other);
$other->safe_psql('postgres', 'DROP DATABASE restored');

promote_once($promoted) foreach 1 .. 2;
check_restored('lower timeline', $promoted, $other);

# Timelines may rise again afterwards, as the new server has its failovers.
my $before = $other->safe_psql('restored', $TOKEN);
promote_once($other);
cmp_ok($other->safe_psql('restored', $TOKEN), '>', $before,
	'tokens rise over the next promotion');


done_testing();
