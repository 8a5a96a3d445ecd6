# Copyright (c) 2026 the advisory_lock authors
#
# A thousand short commands: no wrong status, and nothing left behind (W21).
#
# PG_TEST_EXTRA=many runs ten thousand, which takes minutes.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;
use Withlock;

my $LOOPS = 4;
my $ROUNDS = ($ENV{PG_TEST_EXTRA} // '') =~ /\bmany\b/ ? 2500 : 300;

my $node = start_node('main');
$ENV{WITHLOCK_DB} = conninfo($node);

# Two of the loops share a name, so that some have to wait.
my @loops = map {
	start_program({}, 'sh', '-c', <<'EOT', $_ % 3, $ROUNDS);
i=0 wrong=0
while [ $i -lt $1 ]; do
	n=$((i % 256))
	withlock "short $0" -- sh -c "exit $n"
	[ $? = $n ] || wrong=$((wrong + 1))
	i=$((i + 1))
done
echo "$i done, $wrong wrong"
EOT
} 1 .. $LOOPS;

# While they run: no zombie is there for longer than it takes to look again.
my ($looks, $zombies) = (0, 0);
while (grep { !$_->has_ended } @loops)
{
	foreach my $withlock (map { children_of($_->pid) } grep { !$_->has_ended } @loops)
	{
		my @children = children_of($withlock);
		$looks++ if @children;
		next unless grep { process_state($_) eq 'Z' } @children;
		select undef, undef, undef, 1;
		$zombies++ if grep { process_state($_) eq 'Z' } @children;
	}
	select undef, undef, undef, 0.02;
}
cmp_ok($looks, '>', 0, 'commands were looked at while they ran');
is($zombies, 0, 'no zombie stays');
foreach my $loop (@loops)
{
	is($loop->stdout, "$ROUNDS done, 0 wrong\n", 'every status was right');
	is($loop->stderr, '', '... and nothing was said');
}
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"),
	0, 'no lock is left');
wait_until
{
	$node->safe_psql('postgres',
		"SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'withlock%'") eq '0';
}
'all sessions have ended';
pass('no session is left');

done_testing();
