# Copyright (c) 2026 the advisory_lock authors
#
# A publication of all tables has the extension's, too.  Where the subscriber
# has the extension, no row that a role has made there stops the subscription;
# and no token is replaced by an older one.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;

my $publisher = start_node('publisher', init => [ allows_streaming => 'logical' ]);
my $subscriber = start_node('subscriber');
my $connstr = $publisher->connstr('postgres');

# A row in each table, by an ordinary role; the newest token.
my $rows = <<'EOT';
SET ROLE somebody;
SELECT advisory_lock.record_run('job', advisory_lock.xact_lock('job'), now());
SELECT advisory_lock.fence('job', advisory_lock.xact_lock('job'));
SELECT advisory_lock.acquire_lease('job', '1h');
RESET ROLE;
INSERT INTO advisory_lock.lease_queue SELECT key1, key2, 2, 1, 'somebody', now() FROM advisory_lock.key('job');
SELECT advisory_lock.label_key(1, current_setting('cluster_name'));
SELECT max(token) FROM advisory_lock.leases;
EOT
my $tokens =
	"SELECT (SELECT token FROM advisory_lock.fences WHERE name = 'job'),
		(SELECT token FROM advisory_lock.runs WHERE name = 'job'),
		(SELECT token FROM advisory_lock.leases WHERE name = 'job')";

sub make_rows
{
	my ($node) = @_;

	return $node->safe_psql('postgres', $rows) =~ s/.*\n//sr;
}

foreach my $node ($publisher, $subscriber)
{
	$node->safe_psql('postgres', 'CREATE ROLE somebody; CREATE TABLE data (i integer PRIMARY KEY)');
}
$publisher->safe_psql('postgres', 'CREATE PUBLICATION everything FOR ALL TABLES');

# What is copied at first, and what comes later, of the same keys.
my $own = make_rows($subscriber);
$publisher->safe_psql('postgres', "SELECT advisory_lock.raise_tokens($own + 1000000)");
my $newer = make_rows($publisher);
my $expected = $publisher->safe_psql('postgres', $tokens);
$subscriber->safe_psql('postgres', "CREATE SUBSCRIPTION everything CONNECTION \$\$$connstr\$\$ PUBLICATION everything");
$subscriber->poll_query_until('postgres', "SELECT bool_and(srsubstate = 'r') FROM pg_subscription_rel")
  or die 'not all tables were copied';
is($subscriber->safe_psql('postgres', $tokens), $expected, 'newer rows replace those of the subscriber when they are copied');

# The publisher's rows go, the subscriber makes newer ones, and the publisher
# makes rows with older tokens.
sub drop_rows
{
	my ($node) = @_;

	$node->safe_psql('postgres', "DELETE FROM advisory_lock.$_") foreach qw(fences runs leases lease_queue key_labels);
	return;
}
drop_rows($publisher);
$publisher->wait_for_catchup('everything');
$subscriber->safe_psql('postgres', "SELECT advisory_lock.raise_tokens($newer + 2000000)");
make_rows($subscriber);
$expected = $subscriber->safe_psql('postgres', $tokens);
make_rows($publisher);
$publisher->safe_psql('postgres', 'INSERT INTO data VALUES (1)');
$publisher->wait_for_catchup('everything');
is($subscriber->safe_psql('postgres', 'SELECT count(*) FROM data'), '1', 'rows of the subscriber stop no other table');
is($subscriber->safe_psql('postgres', $tokens), $expected, 'and stay if they have newer tokens');
is($subscriber->safe_psql('postgres', 'SELECT label FROM advisory_lock.key_labels'), 'publisher', 'what has none is replaced');

# So too when rows that both have are changed.
my ($fence) = split /\|/, $expected;
$publisher->safe_psql('postgres',
	"SET ROLE somebody; SELECT advisory_lock.fence('job', advisory_lock.xact_lock('a job'))");
$publisher->wait_for_catchup('everything');
is($subscriber->safe_psql('postgres', $tokens), $expected, 'a fence that is raised does not lower a higher one');
$publisher->safe_psql('postgres', "SELECT advisory_lock.raise_tokens($fence + 3000000)");
$publisher->safe_psql('postgres',
	"SET ROLE somebody; SELECT advisory_lock.fence('job', advisory_lock.xact_lock('a job'))");
$publisher->wait_for_catchup('everything');
cmp_ok($subscriber->safe_psql('postgres', "SELECT token FROM advisory_lock.fences WHERE name = 'job'"), '>', $fence + 3000000,
	'and raises a lower one');

# It is for what is replicated alone: pg_restore --disable-triggers enables all.
$subscriber->safe_psql('postgres', 'ALTER TABLE advisory_lock.fences ENABLE TRIGGER ALL; CREATE ROLE other');
my ($status, $out, $err) = $subscriber->psql('postgres',
	"\\set VERBOSITY sqlstate\nSET ROLE other; SELECT advisory_lock.fence('job', advisory_lock.xact_lock('a job'))");
like($err, qr/ERROR:  42501/, 'an ordinary session replaces nothing');

done_testing();
