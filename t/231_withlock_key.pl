# Copyright (c) 2026 the advisory_lock authors
#
# withlock --key: locks without a name, by number or by the tool whose they are.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;
use Withlock;

my $node = start_node('main');
my $raw = session($node);
$node->safe_psql('postgres', 'CREATE DATABASE bare');
$ENV{WITHLOCK_DB} = conninfo($node);

my @limit = ('-t', '60', '--lock-delay', '0');
my ($rails) = $raw->query("SELECT key FROM advisory_lock.known_keys WHERE tool = 'Rails migrations'");
my %taken_by = (
	'Prisma Migrate' => '72707369',
	'RAILS' => $rails,
	'liquibase' => '-1497367772, -977423767',
	'-1497367772,-977423767' => '-1497367772, -977423767',
	'-9223372036854775808' => "'-9223372036854775808'::bigint");

# --- A command under it, as core's functions and the tool see it

foreach my $key (sort keys %taken_by)
{
	$raw->query("SELECT pg_advisory_lock($taken_by{$key})");
	is(withlock('-n', '--key', $key, 'true')->status, 75, "$key is what pg_advisory_lock($taken_by{$key}) takes");
	$raw->query("SELECT pg_advisory_unlock($taken_by{$key})");
	my $ended = withlock(@limit, '--key', $key, '--', 'sh', '-c', 'echo "$WITHLOCK_NAME,${WITHLOCK_TOKEN:+token}"; exit 5');
	is($ended->status, 5, '... the status is the command\'s');
	is($ended->stdout, "$key,token\n", '... which is told the key as it was given, and the token');
	is($ended->stderr, '', '... and nothing else is said');
}

my $holder = start_withlock(@limit, '--key', 'prisma', '--', 'sleep', '1000');
$holder->wait_command;
is($raw->query('SELECT pg_try_advisory_lock(72707369)'), 'f', 'the tool does not have it meanwhile');
is($raw->query('SELECT tool, application_name, granted FROM advisory_lock.locks'), 'Prisma Migrate|withlock: prisma|t', 'locks says who does');
my $refused = withlock('-n', '--key', '72707369', 'true');
like($refused->stderr, qr/^withlock: lock 72707369 \(Prisma Migrate\): not obtained: held for \d+ s by pid \d+/, 'who is refused is told the key, the tool and the holder');
my ($advice) = $refused->stderr =~ /^withlock: to end the holder: (.*)/m;
like($advice, qr/^withlock --kill .*--key 72707369$/, '... and how to end it');
is(withlock(@limit, '--key', '72707369', '-t', '3', 'true')->status, 75, '--timeout');
is(withlock('-n', '-E', '7', '--key', 'prisma', 'true')->status, 7, '-E');
is(withlock('-n', '--shared', '--key', 'prisma', 'true')->status, 75, '--shared');
is(withlock('-n', '--transaction', '--key', 'prisma', 'true')->status, 75, '--transaction');
is(withlock('-n', '--lease', '10s', '--key', 'prisma', 'true')->status, 75, '--lease');
is(withlock('-n', '--once-per', '1h', '--key', 'prisma', 'touch', 'ran')->status, 75, '--once-per');

# --- Looking

like(withlock('--status', '--key', 'prisma')->stdout, qr/^72707369 \(Prisma Migrate\): held for /, '--status');
is(withlock('--status', '--key', '72707369')->status, 75, '... says whether it is held');
is(withlock('--status', '--key', '0,72707369')->status, 0, '... and not of the other key space');
$raw->query('SELECT pg_advisory_lock(5)');
my $list = withlock('--list', '--key', 'prisma')->stdout;
like($list, qr/^NAME +KEY +MODE .*\n- +72707369 \(Prisma Migrate\) +exclusive +held/m, '--list of one key');
is(scalar(() = $list =~ /\n/g), 2, '... has no other');
is(scalar(() = withlock('--list')->stdout =~ /\n/g), 3, '... which one without has');
$raw->query("SELECT advisory_lock.lock('a name'), advisory_lock.label_key(5, 'a label')");
like(withlock('--list')->stdout, qr/^a label +5 +exclusive +held.*^a name +- +exclusive +held.*^- +72707369 /ms, '... with the key of what has a label, but not of a name');
unlike(withlock('--list', 'a name')->stdout, qr/KEY/, '... and no column for it where all have one');
$raw->query("SELECT advisory_lock.unlock('a name'), advisory_lock.label_key(5, NULL)");
like(withlock('--list', '--json', '--key', '5')->stdout, qr/^\[\{"name" : null, .*"key" : 5, "tool" : null, /, '--json');
$raw->query('SELECT pg_advisory_unlock(5)');
my $waiter = start_withlock('--key', 'prisma', 'true');
wait_until { $raw->query('SELECT count(*) FROM advisory_lock.locks WHERE NOT granted') eq '1' } 'one waits';
like(withlock('--status', '--key', 'prisma')->stdout, qr/held .*; 1 waiting$/, '--status counts who waits');

# --- With names beside it: all of them or none

my @both = ('--key', 'goose', '--also', 'test-lock', '--also', 'b');
my $several = start_withlock(@limit, @both, '--', 'sh', '-c', 'echo "$WITHLOCK_NAME"; exec sleep 1000');
$several->wait_command;
is($raw->query('SELECT key, name FROM advisory_lock.locks WHERE pid = (SELECT pid FROM pg_stat_activity WHERE application_name = $$withlock: goose$$)
	ORDER BY key, name COLLATE "C"'), "4097083626|\n|b\n|test-lock", '--also holds them together');
is(withlock('-n', '--key', 'goose', 'true')->status, 75, '... the key');
$refused = withlock('-n', @both, 'true');
is($refused->status, 75, '... and all of them once');
like($refused->stderr, qr/^withlock: to end the holders?: withlock --kill (.*\b(b|test-lock)|.*--key goose)$/m, '... and how to end that is said');
$raw->query('SELECT advisory_lock.terminate_holders(4097083626)');
is($several->wait, 74, '... and are lost together');
is($several->stdout, "goose\n", 'the command was told the key');
$raw->query("SELECT advisory_lock.lock('b')");
$refused = withlock('-n', @both, 'touch', 'ran');
is($refused->status, 75, 'a name that is held keeps off who wants a key, too');
like($refused->stderr, qr/^withlock: to end the holder: withlock --kill .*\bb$/m, '... and is the one to end');
is($raw->query('SELECT count(*) FROM advisory_lock.locks WHERE key = 4097083626 OR name = $$test-lock$$'), '0', '... and nothing of it is held');
$raw->query("SELECT advisory_lock.unlock('b')");
is(withlock(@limit, @both, '--', 'withlock', '-n', 'test-lock', 'true')->status, 64, 'nested under one of them');
is(withlock('-n', @both, 'true')->status, 0, 'all of them are free');

# --- Losing, and ending it

is(withlock('--kill', '--key', '5')->status, 1, '--kill of what nobody holds');
my $killed = start_program({}, 'sh', '-c', $advice);
is($killed->wait, 0, 'the advice ends the holder');
like($killed->stderr, qr/lock 72707369 \(Prisma Migrate\): ended 1 holder/, '... and says of which lock');
is($holder->wait, 74, '... which tells that it has lost it');
like($holder->stderr, qr/^withlock: lock 72707369 \(Prisma Migrate\) is lost: terminating connection/m, '... by key and tool');
is($waiter->wait, 0, '... and who waited has it');
$holder = start_withlock('-t', '60', '--lock-delay', '1h', '--key', 'liquibase', '--', 'sleep', '1000');
$holder->wait_command;
$raw->query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'withlock: liquibase'");
is($holder->wait, 74, 'a loss under a lock-delay');
like(withlock('-n', '--key', 'liquibase', 'true')->stderr, qr/kept off for .*holder was lost/, '... keeps others off');
withlock('--kill', '--key', 'liquibase');
is(withlock('-n', '--key', 'liquibase', 'true')->status, 0, '... until --kill lifts it');

my $keeper = start_withlock('--keep', '--key', 'rails', '--', 'sh', '-c', 'echo run; exec sleep 1000');
wait_until { $keeper->stdout eq "run\n" } '--keep runs it';
$raw->query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'withlock: rails'");
wait_until { $keeper->stdout eq "run\nrun\n" } '--keep takes it again';
kill 'TERM', $keeper->pid;
$keeper->wait;

# --- A database with several keys of a tool, another one, and none

$node->safe_psql('postgres', 'CREATE SCHEMA sales');
$several = withlock('--key', 'flyway', 'touch', 'ran');
is($several->status, 64, 'a tool with a key for each schema is not one lock');
like($several->stderr, qr/there are 2 such keys.*^withlock: \d+ \(Flyway, schema (public|sales)\)\n.*^withlock: \d+ \(Flyway, schema (?!\1)/ms, '... they are listed');
is(withlock('--list', '--key', 'Flyway')->status, 64, '... for --list');
is(withlock('--status', '--key', 'Flyway')->status, 64, '... for --status');
is(withlock('--kill', '--key', 'Flyway')->status, 64, '... and --kill, too');
my ($one) = $several->stderr =~ /(\d+) \(Flyway, schema sales\)/;
is(withlock('-n', '--key', $one, 'true')->status, 0, '... and each can be given');
$node->safe_psql('postgres', 'DROP SCHEMA sales');
is(withlock('-n', '--key', 'flyway', 'true')->status, 0, 'with one schema it is one lock');
my $unknown = withlock('--key', 'prism', 'touch', 'ran');
is($unknown->status, 64, 'a tool that is not known');
like($unknown->stderr, qr/--key prism: no tool of this name .*: Atlas, .*Prisma Migrate/, '... those that are');

my @bare = ('-d', conninfo($node, 'bare'));
my $without = withlock(@bare, '--key', 'prisma', 'touch', 'ran');
is($without->status, 69, 'a tool needs the extension');
like($without->stderr, qr/lock of prisma: .*extension.*^withlock: hint: .*CREATE EXTENSION advisory_lock/ms, '... with a hint');
is(withlock(@bare, '--status', '--key', 'prisma')->status, 69, '... for --status, too');
$holder = start_withlock(@bare, '--key', '72707369', '--', 'sleep', '1000');
$holder->wait_command;
is($node->safe_psql('bare', 'SELECT pg_try_advisory_lock(72707369)'), 'f', 'a number does without');
is(withlock(@bare, '-n', '--key', '72707369', 'true')->status, 75, '... for all of us');
is(withlock(@bare, '--status', '--key', '72707369')->status, 75, '... --status');
is(withlock(@bare, '-n', '--transaction', '--key', '1,2', 'true')->status, 0, '... --transaction');
is(withlock(@bare, '-n', '--lease', '10s', '--key', '1,2', 'touch', 'ran')->status, 69, '... but not for a lease');
is(withlock(@bare, '-n', '--once-per', '1h', '--key', '1,2', 'touch', 'ran')->status, 69, '... nor for a run');
is(withlock(@bare, '--kill', '--key', '72707369')->status, 0, '... --kill');
is($holder->wait, 74, '... and the loss');
ok(!-e 'ran', 'nothing was run without the lock');

# --- Roles: keys and tools are everybody's to see

$node->safe_psql('postgres', 'CREATE ROLE passer_by LOGIN');
my @passer_by = ('-d', conninfo($node) . ' user=passer_by');
$holder = start_withlock(@limit, '--key', 'prisma', '--', 'sleep', '1000');
$holder->wait_command;
my $refusal = withlock(@passer_by, '-n', '--key', 'prisma', 'true');
is($refusal->status, 75, 'an ordinary role knows the keys of tools');
like($refusal->stderr, qr/lock 72707369 \(Prisma Migrate\): not obtained: held .*by pid \d+/, '... and who has one');
is(withlock(@passer_by, '--kill', '--key', 'prisma')->status, 69, '... but cannot end a superuser');
is(withlock('--status', '--key', 'prisma')->status, 75, '... who still holds it');
my $own = start_withlock(@passer_by, '--lock-delay', '0', '--key', 'goose', '--', 'sleep', '1000');
$own->wait_command;
is(withlock(@passer_by, '--kill', '--key', 'goose')->status, 0, '... while it can end its own');
is($own->wait, 74, '... which is lost');
kill 'TERM', $holder->pid;
$holder->wait;
$holder = start_withlock(@passer_by, '--lease', '10s', '--key', 'prisma', '--', 'sleep', '1000');
$holder->wait_command;
$node->safe_psql('postgres', 'CREATE ROLE other LOGIN');
my @other = ('-d', conninfo($node) . ' user=other');
like(withlock(@other, '--status', '--key', 'prisma')->stdout, qr/held .*insufficient privilege.*a lease/, 'a lease of another role is seen');
is(withlock(@other, '--kill', '--key', 'prisma')->status, 69, '... and cannot be ended');
is(withlock(@passer_by, '--kill', '--key', 'prisma')->status, 0, '... but by its own');
is($holder->wait, 74, '... which has lost it');

# --- Nested

foreach my $pair (['prisma', '72707369'], ['72707369', 'Prisma Migrate'], ['liquibase', '-1497367772,-977423767'])
{
	my $ended = withlock(@limit, '--key', $pair->[0], '--', 'withlock', @limit, '--key', $pair->[1], '--', 'touch', 'ran');
	is($ended->status, 64, "$pair->[1] under $pair->[0] would wait for itself");
	like($ended->stderr, qr/lock \S+ \([^)]+\) is held by a withlock that this one runs under/, '... and is told so');
}
is(withlock(@limit, '--key', '5', '--', 'withlock', @limit, '5', '--', 'withlock', @limit, '--key', '0,5', '--', 'true')->status, 0,
	'a number, the name and two numbers are three locks');

# --- What it cannot be: before anything is done

local $ENV{WITHLOCK_DB} = 'host=/nonexistent';
foreach my $wrong (
	['--key', '', 'true'], ['--key', ' 5', 'true'], ['--key', '5x', 'true'], ['--key', '0x5', 'true'], ['--key', '1.5', 'true'],
	['--key', '9223372036854775808', 'true'], ['--key', '1,2147483648', 'true'], ['--key', '1,', 'true'], ['--key', ',1', 'true'],
	['--key', '1,2,3', 'true'], ['--key', 'a;b', 'true'], ['--key', 'müller', 'true'],
	['--key', '1', '--key', '2', 'true'], ['--key', 'prisma', '--key', 'rails', 'true'],
	['--key', 'prisma'], ['--key', 'prisma', '--'], ['job', '--key', 'prisma', 'true'],
	['--key', 'prisma', '--permits', '2', 'true'], ['--key', 'prisma', '--also', 'job', '--shared', 'true'],
	['--key', 'prisma', '--lease', '1m', '--transaction', 'true'], ['--key', 'prisma', '--once-per', '1m', '--shared', 'true'],
	['--key', 'prisma', '--transaction', '--lock-delay', '1s', 'true'],
	['--status', '--key', 'prisma', 'job'], ['--status', '--key', 'prisma', '--permits', '2'], ['--kill', '--key', 'prisma', '--also', 'job'])
{
	my $ended = withlock(@$wrong);
	is($ended->status, 64, "64: @$wrong") or diag $ended->stderr;
	like($ended->stderr, qr/^withlock: [^\n]+\n\z/, '... in one line');
}
is(withlock('--key', 'prisma', '-t', '0.2', 'true')->status, 69, 'no server');
like(withlock('-n', '--key', 'prisma', 'true')->stderr, qr/^withlock: lock of prisma: /, '... says for which lock');

done_testing();
