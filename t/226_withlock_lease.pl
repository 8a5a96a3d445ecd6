# Copyright (c) 2026 the advisory_lock authors
#
# withlock --lease: a lock that is held without a connection.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

use AdvisoryLock;
use Withlock;

my $node = start_node('main');
my $directory = PostgreSQL::Test::Utils::tempdir();
$node->safe_psql('postgres', 'CREATE DATABASE bare');
$ENV{WITHLOCK_DB} = conninfo($node);

sub sql
{
	my ($query) = @_;

	return $node->safe_psql('postgres', $query);
}

# --- What does not go together is refused before anybody is connected to

foreach my $case (
	[qr/one second to 24 hours/, '--lease', '0.5s'],
	[qr/one second to 24 hours/, '--lease', '25h'],
	[qr/more than twice as long as --grace/, '--lease', '10s', '--grace', '5s'],
	[qr/--lease is for one lock/, '--lease', '10s', '--shared'],
	[qr/--lease is for one lock/, '--lease', '10s', '--permits', '2'],
	[qr/--lease is for one lock/, '--lease', '10s', '--also', 'y'],
	[qr/takes the place of --transaction/, '--lease', '10s', '--transaction'],
	[qr/takes the place of .*--lock-delay/, '--lease', '10s', '--lock-delay', '1s'],
	[qr/--at-least goes with --lease/, '--at-least', '1s'],
	[qr/24 hours at most/, '--lease', '10s', '--at-least', '25h'])
{
	my ($error, @options) = @$case;
	my $ended = withlock('x', '-d', 'host=/nonexistent', @options, 'true');
	is($ended->status, 64, "@options is refused");
	like($ended->stderr, $error, '... with the reason');
}

my $ended = withlock('x', '-d', conninfo($node, 'bare'), '--lease', '10s', 'true');
is($ended->status, 69, 'without the extension there are no leases');
like($ended->stderr, qr/lock "x": a lease needs the extension advisory_lock.*\n.*HINT: .*CREATE EXTENSION/, '... and what is to be done');

# --- One is held, renewed without a connection in between, and given back; everybody else keeps off

my $holds = 0;

# The lock as options and as arguments of SQL, and what messages call it.
sub hold_lease
{
	my ($options, $sql, $title) = @_;
	my $go = "$directory/go" . $holds++;
	my ($name) = $options->[-1];
	my $job = start_withlock(@$options, '--lease', '6s', '--grace', '1s', '--', 'sh', '-c',
		"echo \$WITHLOCK_NAME \$WITHLOCK_TOKEN; until [ -e $go ]; do sleep 0.1; done; exit 7");
	my $lease = 'FROM advisory_lock.leases WHERE NOT released';

	$job->wait_command;
	my ($token, $holder) = split /\|/, sql("SELECT token, holder $lease");
	like($holder, qr/^withlock on \S+, pid @{[ $job->pid ]}$/, "$title: others are told who holds it");
	wait_until { sql("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'withlock%'") == 0 } 'no connection is kept';
	wait_until { sql("SELECT expires_at - acquired_at > '6.5 s' $lease") eq 't' } 'it is renewed';
	is(sql("SELECT token $lease"), $token, '... with the same token');
	is(sql("SELECT held_by = '$holder' AND expires_at > now() AND pid IS NULL FROM advisory_lock.locks"), 't', 'the view shows it');
	is(sql("SELECT advisory_lock.is_locked($sql)"), 't', '... as this lock');

	foreach my $other (
		['a lease' => '-n', '--lease', '3s'],
		['a session' => '-n'],
		['a transaction' => '-n', '--transaction'],
		['a lease in time' => '-t', '2s', '--lease', '3s'])
	{
		my ($what, @how) = @$other;
		my $begun = time;
		$ended = withlock(@$options, @how, 'true');
		my $took = time - $begun;
		is($ended->status, 75, "$what does not get it");
		cmp_ok($took, '<', 5, '... and does not wait') if $how[0] eq '-n';
	}
	# The last word of a wait is not waited for long.
	my $told = qr/lock "?\Q$title\E"?: not obtained: held for \d+ s by \Q$holder\E \(a lease, with \d s left\)\n.*--kill (--key )?\Q$name\E$/m;
	wait_until { withlock(@$options, '-n', 'true')->stderr =~ $told } 'a session is told who holds it';
	wait_until { withlock(@$options, '-n', '--lease', '3s', 'true')->stderr =~ $told } 'who wants a lease, too';
	like(withlock('--status', @$options)->stdout, qr/^\Q$title\E: held for \d+ s by \Q$holder\E \(a lease, with \d s left\)$/m, '--status tells');
	is(withlock('--status', @$options)->status, 75, '... by its status, too');
	like(withlock('--list')->stdout, qr/^(- +)?\Q$title\E +exclusive +leased +- +- +\Q$holder\E/m, '--list shows it');
	like(withlock('--list', @$options, '--json')->stdout, qr/"held_by" : "\Q$holder\E", "expires_at" : "\d/, '... also in JSON');

	my @waiting = map { start_withlock(@$options, @$_, '--', 'sh', '-c', 'echo $WITHLOCK_TOKEN') }
	  (['--lease', '3s'], []);
	wait_until { sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'withlock: $name'") == 2 } 'two wait';
	append_to_file($go, '');
	is($job->wait, 7, 'the status is the command\'s');
	is($_->wait, 0, 'who waited gets it') foreach @waiting;
	my @tokens = sort { $a <=> $b } map { $_->stdout + 0 } @waiting;
	cmp_ok($token, '<', $tokens[0], 'and a higher token');
	is($job->stdout, "$name $token\n", 'the command was told');
	is(sql("SELECT count(*) $lease"), 0, 'nothing is left');
}

hold_lease(['job'], "'job'", 'job');
hold_lease(['--key', 'prisma'], '72707369', '72707369 (Prisma Migrate)');
hold_lease(['--key', '-1,2'], '-1, 2', '-1,2');

{
	# A session keeps a lease off.
	my $session = session($node);
	$session->query("SELECT advisory_lock.lock('held')");
	my $refused = withlock('held', '-n', '--lease', '3s', 'true');
	is($refused->status, 75, 'a lease does not get what a session holds');
	like($refused->stderr, qr/by pid @{[ $session->pid ]} /, '... and says so');
}

{
	# It was ended: the next holder may be at work, so there is no grace.
	foreach my $lock ('ended', '--key prisma')
	{
		my $begun = time;
		my $lost = withlock(split(' ', $lock), '--lease', '6s', '--', 'sh', '-c', "trap '' TERM; withlock --kill $lock; sleep 60");
		is($lost->status, 74, "a lease that was ended is lost: $lock");
		like($lost->stderr, qr/is lost: the lease was ended, .*; killing the command$/m, '... which kills the command');
		cmp_ok(time - $begun, '<', 6, '... at the next renewal');
	}
}

{
	# Others are kept off although the command has ended: by the server's clock,
	# which a busy machine may make late now and then.
	my $begun = "SELECT extract(epoch FROM acquired_at) FROM advisory_lock.leases WHERE name = 'least'";
	my $next = session($node);
	my $between;
	foreach my $attempt (1 .. 5)
	{
		my $ended = withlock('least', '--lease', '5s', '--at-least', '3s', '--', 'sleep', '0.1');
		my $first = sql($begun);
		is($ended->status, 0, 'a short command');
		cmp_ok($ended->seconds, '<', 3, '... is not waited for');
		$next->query("SELECT advisory_lock.acquire_lease('least', '1 min', '1 min')");
		$between = sql($begun) - $first;
		sql("SELECT advisory_lock.terminate_holders('least')");
		cmp_ok($between, '>=', 3, '... and the next one begins after --at-least');
		last if $between <= 3.2;
	}
	cmp_ok($between, '<=', 3.2, '... and soon after it');
	$next->quit;
}

{
	# Who loses its session while it waits keeps its place.
	my $session = session($node);
	my $sessions = "FROM pg_stat_activity WHERE application_name = 'withlock: place'";
	my $log = PostgreSQL::Test::Utils::tempdir() . '/log';
	my @waiters;
	$session->query("SELECT advisory_lock.lock('place')");
	foreach my $i (1, 2)
	{
		push @waiters, start_withlock('place', '--lease', '10s', '--', 'sh', '-c', "echo $i >> $log");
		wait_until { sql('SELECT count(*) FROM advisory_lock.lease_queue') == $i } 'it waits';
	}
	my $tickets = sql("SELECT string_agg(ticket::text, ' ' ORDER BY ticket) FROM advisory_lock.lease_queue");
	my $pids = sql("SELECT string_agg(pid::text, ', '), count(pg_terminate_backend(pid)) $sessions");
	$pids =~ s/\|.*//;
	wait_until { sql("SELECT count(*) = 2 $sessions AND pid NOT IN ($pids) AND query LIKE '%queue_lease%'") eq 't' }
		'both ask again';
	is(sql("SELECT string_agg(ticket::text, ' ' ORDER BY ticket) FROM advisory_lock.lease_queue"), $tickets,
		'who loses its session while it waits keeps its place');
	$session->query('SELECT advisory_lock.unlock_all()');
	is($_->wait, 0, '... and gets the lease') foreach @waiters;
	is(slurp_file($log), "1\n2\n", '... in its turn');
}

{
	# Who is ended while it waits leaves neither a place nor a lease.
	my $session = session($node);
	$session->query("SELECT advisory_lock.lock('awaited')");
	my $waiter = start_withlock('awaited', '--lease', '10s', 'true');
	wait_until { sql('SELECT count(*) FROM advisory_lock.lease_queue') == 1 } 'it waits';
	kill 'TERM', $waiter->pid;
	is($waiter->wait, 128 + 15, 'who waits is ended by a signal');
	$session->query('SELECT advisory_lock.unlock_all()');
	is(withlock('awaited', '-n', '--lease', '10s', 'true')->status, 0, '... and is in nobody\'s way');
}

done_testing();
