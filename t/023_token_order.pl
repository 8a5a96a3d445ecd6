# Copyright (c) 2026 the advisory_lock authors
#
# Sessions that draw tokens at the same time get different ones, and those of
# one name in the order in which the lock was granted.  Numbers drawn before
# the grant are not in that order; that shows that the sessions do overtake.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;
use AdvisoryLock::Together;

my $SESSIONS = 8;
my $GRANTS = 2000;

my $node = start_node('main');
$node->safe_psql('postgres', <<'EOT');
CREATE SEQUENCE before_grant;
CREATE SEQUENCE after_grant;
CREATE TABLE history (
	name text, token bigint, before_grant bigint, after_grant bigint);
EOT

# Each holder takes its place in the history while it holds the lock.  Where
# there is one processor, nobody would be overtaken without a pause.
my $job = <<"EOT";
DO \$\$
DECLARE
	chosen text;
	number bigint;
BEGIN
	FOR i IN 1 .. $GRANTS LOOP
		chosen := 'name ' || (random() * 2)::integer;
		number := nextval('before_grant');
		IF i % 100 = 0 THEN
			PERFORM pg_sleep(random() * 0.002);
		END IF;
		INSERT INTO history
		SELECT chosen, advisory_lock.lock(chosen), number, nextval('after_grant');
		PERFORM advisory_lock.unlock(chosen);
	END LOOP;
END
\$\$
EOT
my @states = run_together($node, ($job) x $SESSIONS);
is("@states", join(' ', ('00000') x $SESSIONS), 'all sessions come to their end');

# How many grants are not in the order of a column, within their name.
sub out_of_order
{
	my ($column) = @_;

	return $node->safe_psql('postgres', <<"EOT");
SELECT count(*)
FROM (SELECT $column - lag($column) OVER (PARTITION BY name ORDER BY after_grant) AS step
      FROM history) AS steps
WHERE step <= 0
EOT
}

my $grants = $SESSIONS * $GRANTS;
is($node->safe_psql('postgres', 'SELECT count(DISTINCT token) FROM history'),
	$grants, "$grants grants have different tokens");
is(out_of_order('token'), 0, 'the tokens of a name rise from grant to grant');
cmp_ok(out_of_order('before_grant'), '>', 0, 'numbers drawn before the grant do not');

# Shared holders at the same time have tokens of their own.
my @sessions = map { session($node) } 1 .. $SESSIONS;
my @tokens = map { $_->query("SELECT advisory_lock.lock_shared('shared')") } @sessions;
my %different = map { $_ => 1 } @tokens;
is(scalar keys %different, $SESSIONS, 'each shared holder has its own token');
is(join(' ', @tokens), join(' ', sort { $a <=> $b } @tokens), 'in the order of the grants');

done_testing();
