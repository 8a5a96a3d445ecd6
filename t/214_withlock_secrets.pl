# Copyright (c) 2026 the advisory_lock authors
#
# A password on the command line of withlock shows nowhere: not in its
# messages, not in the list of processes, not at the server; also where it
# stands in what is not quite a connection string.  And what other drivers add
# to a URI is no obstacle.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;
use Withlock;

my $node = start_node('main', conf => "log_connections = on\nlog_statement = 'all'");
my $conninfo = conninfo($node);
my $uri_host = $node->host =~ s{/}{%2F}gr;
my $port = $node->port;
my $user = $node->safe_psql('postgres', 'SELECT current_user');
my $uri = "postgresql://$user:sEcReT\@$uri_host:$port/postgres";

# --- What is not quite a connection string: 64, and not repeated

my @malformed = (
	"postgresql+psycopg2://$user:sEcReT\@h/db",
	'postgressql://user:sEcReT@h/db',
	'POSTGRESQL://user:sEcReT@h/db',
	'Postgres://user:sEcReT@h/db?sslmode=require',
	'jdbc:postgresql://h/db?user=u&password=sEcReT',
	'//user:sEcReT@h/db',
	'user:sEcReT@h/db',
	'user:sEc=ReT@h/db',
	'sEcReT@h/db',
	'user:sEcReT',
	'user sEcReT',
	'mysql://user:sEcReT@h/db',
	'https://user:sEcReT@h',
	'postgresql:/user:sEcReT@h/db',
	'nosuchkeyword=sEcReT',
	'host=h sEcReT',
	"password='sEcReT",
	'postgres://user:sEcReT@[::1/db',
	'postgres://user:sEc%zzReT@h/db',
	# what libpq would take apart in the wrong place
	'postgres://user:pa@sEcReT@h/db',
	'postgres://user:pa/sEcReT@h/db',
	'postgres://user:1/sEcReT@h/db',
	'postgres://user@h:sEcReT/db',
	'postgres://user:pass@h/db?sEcReT=1',
	# a connection string inside another
	'dbname=postgres://user:sEcReT@h/db',
	"dbname='host=h password=sEcReT'",
	'host=postgres://user:sEcReT@h/db',
	'host=sEcReT@h',
	'port=sEcReT',
	'user=user:sEcReT@h');
foreach my $string (@malformed)
{
	my $shown = $string =~ s/sEcReT/.../r;
	foreach my $spelling ($string, " $string\n")
	{
		my $ended = withlock('x', '-d', $spelling, '--', 'true');

		is($ended->status, 64, "64: $shown");
		like($ended->stderr, qr/\Awithlock: .*malformed.*\n\z/, '... in one line');
		unlike($ended->stderr, qr/sEcReT|sEc|ReT/, '... that does not repeat it');
	}
}
like(withlock('--list', '-d', 'user:sEcReT@h/db')->stderr, qr/malformed/, '... for --list, too');

# --- In the environment, and in the wrong option

foreach my $variable ('WITHLOCK_DB', 'PG_CONNECTION_STRING', 'PGDATABASE', 'PGHOST', 'PGHOSTADDR', 'PGUSER')
{
	my $ended = withlock({ env => { $variable => 'mysql://user:sEcReT@h/db' } }, 'x', 'true');

	is($ended->status, 64, "64: $variable");
	unlike($ended->stderr, qr/sEcReT/, '... not repeated');
}
my @strayed = (
	['-t', 'password=sEcReT'], ['-t', $uri], ["-t$uri"], ["--timeout=$uri"], ['-E', $uri],
	['--permits', 'user:sEcReT'], ['--grace', $uri], ['--on-lost', $uri],
	['--lock-delay', 'password=sEcReT'], ['-h', $uri], ['-p', $uri], ['-U', $uri],
	['-h', 'password=sEcReT'], ["--dbb=$uri"], ["--db$uri"], ["--keep=$uri"], ["-Z$uri"],
	["--$uri"], ["-n$uri"], ['-c', 'true', $uri], [$uri],
	['--', $uri]);
foreach my $options (@strayed)
{
	my $ended = withlock('x', @$options, '--', 'true');
	my $shown = "@$options" =~ s/\Q$uri\E/URI/r =~ s/sEcReT/.../r;

	is($ended->status, 64, "64: $shown");
	unlike($ended->stderr, qr/sEcReT/, '... not repeated');
}

# --- The list of processes

my $secret = "$conninfo password=sEcReT";
my @spellings = (
	['-d', $secret], ["-d$secret"], ["-nd$secret"], ['--db', $secret], ["--db=$secret"],
	['--d', $secret], ["--d=$secret"], ['-d', $uri], ['-d', "$secret\n"], ['-d', " $uri "],
	# the last one counts
	['-d', "user:sEcReT\@h/db", '-d', $conninfo], ['-d', $secret, '-d', $secret],
	["--db=postgres://u:sEcReT\@h", '-d', $secret]);
foreach my $spelling (@spellings)
{
	my $shown = "@$spelling" =~ s/[^ ]*sEcReT.*?( |$)/...$1/gr;
	foreach my $line ([@$spelling, 'x'], ['x', @$spelling])
	{
		my $running = start_withlock(@$line, '--', 'sleep', '60');

		$running->wait_command;
		my $arguments = slurp_file('/proc/' . $running->pid . '/cmdline');
		unlike($arguments, qr/sEcReT/, "the list of processes: $shown");
		like($arguments, qr/sleep\x{0}60/, '... shows the command');
		kill 'TERM', $running->pid;
		$running->wait;
	}
}
# What is a name only stays to be seen.
my $running = start_withlock('x', '-h', $node->host, '-p', $port, '-d', 'postgres', '--', 'sleep', '60');
$running->wait_command;
like(slurp_file('/proc/' . $running->pid . '/cmdline'), qr/-d\x{0}postgres\x{0}/, 'the name of a database stays');

# --- The hint to end the holder, and what the server got

foreach my $options (['-d', $uri], ['-d', $secret], ['-v', '-d', $secret])
{
	my $refused = withlock('x', @$options, '-n', 'true');

	is($refused->status, 75, 'a busy lock');
	like($refused->stderr, qr/--kill/, '... with a hint');
	unlike($refused->stderr, qr/sEcReT/, '... without the password');
}
kill 'TERM', $running->pid;
$running->wait;
unlike(slurp_file($node->logfile), qr/sEcReT/, 'the server has never seen it');

# --- What managed services give

foreach my $addition (
	'pgbouncer=true', 'schema=public', 'connection_limit=1', 'pgbouncer=true&connection_limit=1',
	'schema=public&application_name=mine', 'application_name=mine&pool_timeout=0',
	'uselibpqcompat=true&application_name=mine&supa=base-pooler.x')
{
	my $ended = withlock('x', '-v', '-d', "$uri?$addition", '--', 'true');
	my ($name) = $addition =~ /(\w+)=(?!mine)/;

	is($ended->status, 0, "?$addition is no obstacle");
	like($ended->stderr, qr/^withlock: the parameter "$name" .* is not for libpq: left out$/m, '... and -v says so');
	unlike(withlock('x', '-d', "$uri?$addition", '--', 'true')->stderr, qr/./, '... and else nothing does');
}
is(withlock('--list', '-d', "$uri?application_name=mine&schema=public")->status, 0, '... for --list');
foreach my $foreign ('sslaccept', 'sslidentity', 'targetServerType')
{
	my $ended = withlock('x', '-d', "$uri?$foreign=sEcReT", 'true');

	is($ended->status, 64, "what would matter is refused: $foreign");
	like($ended->stderr, qr/^withlock: .*parameter "$foreign".*: say what it is for by \w+/, '... by its name');
	unlike($ended->stderr, qr/sEcReT/, '... not with its value');
}
foreach my $no_verify ('sslmode=no-verify', 'ssl=no-verify')
{
	# over a socket there is no TLS to be had, whatever sslmode says
	my $ended = withlock('x', '-v', '-d', "$uri?$no_verify", 'true');
	is($ended->status, 0, "$no_verify");
	like($ended->stderr, qr/no-verify .* taken as sslmode=require$/m, '... is taken as require');
	$ended = withlock('x', '-d', "postgresql://$user\@127.0.0.1:1/postgres?$no_verify&connect_timeout=2", 'true');
	is($ended->status, 69, '... which libpq knows');
}
is(withlock('x', '-d', "$uri\n", 'true')->status, 0, 'a newline at the end');
is(withlock('x', '-d', "\t $conninfo \r\n", 'true')->status, 0, 'blanks around');
is(withlock({ env => { WITHLOCK_DB => "$uri?pgbouncer=true\n" } }, 'x', 'true')->status, 0, 'also from the environment');
is(withlock('x', '-d', "postgresql://$user:a%40b%2Fc%3Fd\@$uri_host:$port/postgres", 'true')->status,
	0, 'a password of such characters, escaped');

done_testing();
