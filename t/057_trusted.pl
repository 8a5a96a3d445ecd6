# Copyright (c) 2026 the advisory_lock authors

# Who may create objects in a database may create the extension, and then has
# the rights of its owner, and no more.  Needs a login of an ordinary role.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;

my $node = start_node('main', extension => 0);
$node->safe_psql('postgres', $_)
  foreach 'CREATE ROLE "an owner" LOGIN', 'CREATE ROLE "another" LOGIN',
  'CREATE DATABASE theirs', 'GRANT CREATE ON DATABASE theirs TO "an owner"';

sub session_of
{
	local $ENV{PGUSER} = $_[0];
	return session($node, 'theirs');
}

my ($owner, $another) = (session_of('an owner'), session_of('another'));
is($another->sqlstate_of('CREATE EXTENSION advisory_lock'), '42501',
	'who may not create objects may not create the extension');
is($owner->sqlstate_of('CREATE EXTENSION advisory_lock'), '00000', 'who may, may');

foreach my $session ($owner, $another)
{
	my $who = $session->query('SELECT current_user');

	cmp_ok($session->query("SELECT advisory_lock.lock('$who')"), '>', 0, "$who can lock");
	is($session->sqlstate_of("SELECT advisory_lock.fence('$who', advisory_lock.token('$who'))"),
		'00000', "$who can fence");
	is($session->sqlstate_of($_), '42501', "$who may not: $_")
	  foreach 'TABLE advisory_lock.fences', "SELECT nextval('advisory_lock.token_sequence')",
	  "SELECT setval('advisory_lock.token_sequence', 1)";
}
is($owner->sqlstate_of('SELECT advisory_lock.reset_stats()'), '00000', 'the owner may reset statistics');
is($another->sqlstate_of('SELECT advisory_lock.reset_stats()'), '42501', 'nobody else may');

done_testing();
