# Copyright (c) 2026 the advisory_lock authors
#
# withlock with several locks and with permits, and looking and acting by
# name: --list, --status, --kill, --json.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;
use Terminal;
use Withlock;

my $node = start_node('main');
$ENV{WITHLOCK_DB} = conninfo($node);
my @no_delay = ('--lock-delay', '0');

sub wait_waiters
{
	my ($count) = @_;

	wait_until
	{
		$node->safe_psql('postgres', "SELECT count(DISTINCT pid) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") eq $count;
	}
	"$count wait";
	return;
}

sub json
{
	my (@query) = @_;
	my $text = withlock(@query, '--json')->stdout;

	chomp $text;
	# The server is the parser: no module of ours or Debian's is needed.
	my $quoted = $text =~ s/'/''/gr;
	return $node->safe_psql('postgres', "SELECT '$quoted'::json");
}

sub json_value
{
	my ($path, @query) = @_;
	my $quoted = json(@query) =~ s/'/''/gr;

	return $node->safe_psql('postgres', "SELECT '$quoted'::json #>> '$path'");
}

# --- --list, --status, --kill, --json

my $odd = q{it's "odd" \\ %s};
my $holder = start_withlock($odd, @no_delay, '--', 'sleep', '60');
$holder->wait_command;
my $waiter = start_withlock($odd, '-s', @no_delay, '--', 'true');
wait_waiters(1);

my $list = withlock('--list');
is($list->status, 0, '--list exits with 0');
is($list->stderr, '', '... with nothing on stderr');
my @lines = split /\n/, $list->stdout;
like($lines[0], qr/^NAME +MODE +STATE +PID +USER +APPLICATION +CLIENT +FOR +TOKEN$/, '... and headings');
my $token = json_value('{0,token}', '--list', $odd);
like($lines[1], qr/^\Q$odd\E +exclusive +held +\d+ +\w+ +withlock: \Q$odd\E +local +\d+ s +$token$/, 'the holder');
like($lines[2], qr/^\Q$odd\E +shared +waiting +\d+ +\w+ +withlock: \Q$odd\E +local +\d+ s +-$/, 'the waiter');
is(scalar @lines, 3, 'and nobody else');
is(withlock('--list', 'another')->stdout =~ tr/\n//, 1, '--list NAME shows that name only');

is(json_value('{0,name}', '--list'), $odd, '--json: the name');
is(json_value('{0,granted}', '--list'), 'true', '... granted');
is(json_value('{1,granted}', '--list'), 'false', '... not granted');
is(json_value('{1,blocked_by,0}', '--list'), json_value('{0,pid}', '--list'), '... blocked by the holder');
is(json('--list', 'another'), '[]', '... nobody');

my $raw = session($node);
$raw->query('SELECT pg_advisory_lock(-5), pg_advisory_lock(1, 2)');
like(withlock('--list')->stdout, qr/^- +1,2 +exclusive +held .*^- +-5 +exclusive +held /ms, 'what has no name is listed by its key');
is(json_value('{0,name}', '--list'), $odd, '... after the names');
is(json_value('{-1,key}', '--list'), '-5', '... in JSON');
$raw->quit;

my $status = withlock('--status', $odd);
is($status->status, 75, '--status of a held lock: 75');
like($status->stdout, qr/^\Q$odd\E: held for \d+ s by pid \d+ \(\w+, withlock: .*, local\); 1 waiting\n\z/, '... and the holder');
is(withlock('--status', $odd, '-E', '9')->status, 9, '... or what -E says');
is(json_value('{0,name}', '--status', $odd), $odd, '... in JSON');
$status = withlock('another', '--status');
is($status->status, 0, '--status of a free lock: 0');
is($status->stdout, "another: free\n", '... and that it is');

my $kill = withlock('--kill', $odd);
is($kill->status, 0, '--kill');
is($kill->stdout, '', '... says nothing on stdout');
like($kill->stderr, qr/^withlock: lock "\Q$odd\E": ended 1 holder$/m, '... but that it ended the holder');
is($holder->wait, 74, '... whose withlock ends its command');
is($waiter->wait, 0, '... and the waiter is granted');
$kill = withlock('--kill', $odd);
is($kill->status, 1, '--kill of a free lock does not look like success');
like($kill->stderr, qr/nobody holds it/, '... and says why');
is(withlock('--kill', $odd, '--json')->stdout, qq({"terminated": 0}\n), '... in JSON');

# What is kept off after its holder was lost
$holder = start_withlock('delayed', '--lock-delay', '10s', '--', 'sleep', '60');
$holder->wait_command;
withlock('--kill', 'delayed');
$holder->wait;
$status = withlock('--status', 'delayed');
is($status->status, 75, '--status of a delayed lock: 75');
like($status->stdout, qr/^delayed: kept off for \d+ s, as its holder was lost$/, '... and why');
like(withlock('--list')->stdout, qr/^delayed +exclusive +delayed /m, '--list shows it');
my $refused = withlock('delayed', '-n', 'true');
is($refused->status, 75, 'it is not granted');
like($refused->stderr, qr/not obtained: kept off/, '... and the farewell says why');
unlike($refused->stderr, qr/--kill/, '... with nobody to kill');

# What server and client must agree on: the longest name, the longest delay
foreach my $length (1024, 1025)
{
	my $takes = $node->psql('postgres', "SELECT advisory_lock.try_lock(repeat('n', $length))") == 0;
	is(withlock('-n', 'n' x $length, @no_delay, '--', 'true')->status, $takes ? 0 : 64,
		"a name of $length bytes: as the server says");
	is($takes, $length == 1024, '... which is this');
}
my $longest = $node->safe_psql('postgres',
	"LOAD 'advisory_lock'; SELECT max_val FROM pg_settings WHERE name = 'advisory_lock.lock_delay' AND unit = 'ms'");
is(withlock('x', '--lock-delay', "${longest}ms", '--', 'true')->status, 0, "a delay of $longest ms, the server's longest");
is(withlock('x', '--lock-delay', ($longest + 1) . 'ms', '--', 'true')->status, 64, '... and one that is longer');

# After a start the server does not know who held it before
$node->restart;
my $kept_off = qr/kept off for \d+ (?:s|min \d+ s), the server has just started/;
my $early = Terminal->new(columns => 120);
$early->type("withlock early --lock-delay 5m true\n");
like($early->wait_for(qr/waiting \d+ s, [^\r]*started/), $kept_off, 'the line at a terminal says that the server has just started');
$status = withlock('--status', 'early');
is($status->status, 0, '--status: nobody holds it');
like($status->stdout, qr/^early: $kept_off; 1 waiting$/, '... but why somebody waits');
like(withlock('--list')->stdout, qr/^early +exclusive +waiting /m, '--list shows who waits');
isnt(json_value('{0,delayed_until}', '--list', 'early'), '', '... and for how long, in JSON');
$early->type("\cC");
$early->wait_prompt;
wait_until
{
	# a server that is slow to answer leaves the reason out
	$refused = withlock('early', '--lock-delay', '5m', '-n', 'true');
	$refused->stderr =~ /not obtained: $kept_off/;
}
'who does not wait so long is told why';
is($refused->status, 75, '... and gets 75');
is(withlock('early', @no_delay, '-n', 'true')->status, 0, '... which --lock-delay 0 does not wait for');

# Rights
$node->safe_psql('postgres', 'CREATE ROLE stranger LOGIN; GRANT USAGE ON SCHEMA advisory_lock TO stranger');
$holder = start_withlock('secret name', @no_delay, '--', 'sleep', '60');
$holder->wait_command;
my $stranger = withlock('--list', '-U', 'stranger');
is($stranger->status, 0, '--list as somebody else');
unlike($stranger->stdout, qr/^secret name/m, '... does not show the names of others\' locks');
$kill = withlock('--kill', 'secret name', '-U', 'stranger');
isnt($kill->status, 0, '--kill without the right to');
like($kill->stderr, qr/^withlock: lock "secret name": ./m, '... names the lock and the reason');
kill 'TERM', $holder->pid;
$holder->wait;

is(withlock('--list', '-d', 'host=/nonexistent')->status, 69, '--list without a server: 69');
SKIP:
{
	skip '/dev/full is not there', 1 unless -c '/dev/full';
	is(withlock({ stdout => '/dev/full' }, '--list')->status, 70, 'a list that could not be written is an error');
}

# --- Several locks

$holder = start_withlock('b', @no_delay, '--', 'sleep', '60');
$holder->wait_command;
is(withlock('a', '--also', 'b', '--also', 'c', '-n', 'true')->status, 75, '--also: all or nothing');
is($node->safe_psql('postgres', "SELECT advisory_lock.is_locked('a') OR advisory_lock.is_locked('c')"), 'f', '... nothing');
is(withlock('a', '--also', 'c', '--', 'withlock', '-n', 'c', 'true')->status, 64, '... all');
kill 'TERM', $holder->pid;
$holder->wait;

# In opposite orders, they never wait for each other
my @pairs = map {
	my ($one, $two) = $_ % 2 ? ('a', 'b') : ('b', 'a');
	start_program({}, 'sh', '-c', 'i=0; while [ $i -lt 25 ]; do withlock "$0" --also "$1" -- true || exit; i=$((i + 1)); done; exit 42', $one, $two);
} 1 .. 4;
is(join(' ', map { $_->wait } @pairs), '42 42 42 42', 'opposite orders, 100 times: no deadlock');

# --- Permits

my $file = PostgreSQL::Test::Utils::tempdir() . '/permits';
my @users = map {
	start_withlock('pool', '--permits', '3', @no_delay, '--', 'sh', '-c',
		"echo + \$WITHLOCK_PERMIT >> $file; sleep 0.1; echo - \$WITHLOCK_PERMIT >> $file")
} 1 .. 20;
is(scalar(grep { $_->wait ne 0 } @users), 0, '20 commands, 3 permits');
my ($now, $most, %in_use, $twice) = (0, 0);
foreach my $line (split /\n/, slurp_file($file))
{
	my ($sign, $permit) = split / /, $line;

	$now += $sign eq '+' ? 1 : -1;
	$most = $now if $now > $most;
	$twice++ if ($in_use{$permit} += $sign eq '+' ? 1 : -1) > 1;
}
cmp_ok($most, '<=', 3, 'never more than 3 at once');
is(scalar(grep { !/^[123]$/ } keys %in_use), 0, 'the permits are 1 to 3');
ok(!$twice, '... and nobody shares one');

my @three = map { start_withlock('pool', '--permits', '3', @no_delay, '--', 'sleep', '60') } 1 .. 3;
$_->wait_command foreach @three;
$refused = withlock('pool', '--permits', '3', '-n', 'true');
is($refused->status, 75, 'all permits are taken: 75');
like($refused->stderr, qr/not obtained: permit \d held for \d+ s by pid \d+ .* and permit \d held for .* and permit \d held for .*\n.*to end the holders: withlock --kill pool\n/, '... and the farewell names the three');
is(withlock('--status', 'pool', '--permits', '3')->status, 75, '--status --permits');
kill 'KILL', $three[0]->pid;
$three[0]->wait;
is(withlock('pool', '--permits', '3', '-t', '10', @no_delay, 'true')->status, 0, 'the permit of one that was killed comes back');
is(withlock('--status', 'pool', '--permits', '3')->status, 0, '... and --status knows');
kill 'TERM', $_->pid foreach @three[1, 2];
$_->wait foreach @three[1, 2];

# --- A name that the database's encoding cannot hold

foreach my $encoding ('LATIN1', 'EUC_JP')
{
	my $database = lc "in_$encoding";
	$node->safe_psql('postgres', "CREATE DATABASE $database ENCODING '$encoding' LOCALE 'C' TEMPLATE template0");
	foreach my $extension (0, 1)
	{
		$node->safe_psql($database, 'CREATE EXTENSION advisory_lock') if $extension;
		my $where = $encoding . ($extension ? ', with the extension' : ', without it');
		foreach my $way (\@no_delay, ['--transaction'])
		{
			my $ended = withlock("snowman \xe2\x98\x83", '-d', conninfo($node, $database), @$way, '--', 'echo', 'run');
			is($ended->status, 64, "64: a name that the encoding cannot hold ($where, @$way)");
			like($ended->stderr, qr/^withlock: lock "snowman .*$encoding/m, '... with the reason');
			is($ended->stdout, '', '... and the command is not run');
		}
	}
}
is(withlock("Z\xc3\xbcrich", '-d', conninfo($node, 'in_latin1'), '--', 'true')->status, 0, 'one that it can');

done_testing();
