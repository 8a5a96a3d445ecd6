# Copyright (c) 2026 the advisory_lock authors
#
# Whose code runs: functions, operators and types of the names that library
# and command use lie in wait in "public" and in the user's own schema, in
# front of the system's, and a schema advisory_lock that is nobody's extension.
# None of them is ever called.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;
use AdvisoryLock::Client;
use Withlock;

my $reason = cannot_compile();
plan skip_all => $reason if $reason;

my $program = PostgreSQL::Test::Utils::tempdir . '/advlock_test';
compile($program, test_sources(), @shared_library);

my $node = start_node('main', extension => 0);
my $user = $node->safe_psql('postgres', 'SELECT current_user');

# A trap raises an error, which shows in what is tested and in the server's log.
my $body = q{LANGUAGE plpgsql AS $x$BEGIN RAISE EXCEPTION $y$TRAP$y$; END$x$};

# Every word before a parenthesis in the programs' texts may be a function.
my %word;
foreach my $file (map { glob "client/$_/*.[ch]" } qw(common libadvlock withlock))
{
	my $text = slurp_file($file);
	$word{ lc $1 } = 1 while $text =~ /\b([a-z_]\w*)\s*\(/gi;
}
my $words = join ',', map { "'$_'" } sort keys %word;

# The system's functions of these names, and others with as many arguments
# that fit literals and names better than the system's do.
my $functions = qq{
	SELECT DISTINCT format('CREATE OR REPLACE FUNCTION %I.%I(%s) RETURNS %s $body',
		s.name, f.proname, a.types, format_type(f.prorettype, NULL))
	FROM pg_proc f, unnest(ARRAY['public', '$user']) AS s(name),
		LATERAL (SELECT pg_get_function_identity_arguments(f.oid)
			UNION SELECT array_to_string(array_fill(t.name, ARRAY[f.pronargs::int]), ',')
			FROM unnest(ARRAY['text', 'name', 'int4', 'oid', 'bool']) AS t(name)
			WHERE f.pronargs > 0) AS a(types)
	WHERE f.pronamespace = 'pg_catalog'::regnamespace AND f.prokind = 'f'
		AND NOT f.proretset AND f.proname IN ($words)
		AND a.types !~ '(VARIADIC|any|internal|OUT |cstring)'
		AND format_type(f.prorettype, NULL) !~ '(any|internal|cstring|trigger|record)'};

# Operators for whatever may stand around them.
my $operators = qq{
	SELECT format('CREATE OPERATOR %I.%s (leftarg = %s, rightarg = %s, function = public.trap)',
		s.name, o.name, l.name, r.name)
	FROM unnest(ARRAY['public', '$user']) AS s(name),
		unnest(string_to_array('= <> < > <= >= || + - * / << >> | & ~~', ' ')) AS o(name),
		unnest(string_to_array('bool int4 int8 text name oid numeric', ' ')) AS l(name),
		unnest(string_to_array('bool int4 int8 text name oid numeric', ' ')) AS r(name)
	UNION ALL SELECT format('CREATE OPERATOR %I.= (leftarg = %s, rightarg = %1\$s, function = public.trap)', 'public', t.name)
	FROM unnest(ARRAY['regclass', '"char"', 'tsquery', 'timestamptz']) AS t(name)};

my $types = qq{
	SELECT format('CREATE DOMAIN %I.%I AS pg_catalog.%2\$I CHECK (public.trap())', s.name, t.typname)
	FROM unnest(ARRAY['public', '$user']) AS s(name), pg_type t
	WHERE t.typname IN ('text', 'name', 'int4', 'int8', 'bool', 'oid', 'interval', 'regclass')};

# What the extension has, but for its being there.
my $fake = qq{
	CREATE SCHEMA advisory_lock;
	CREATE FUNCTION advisory_lock.lock(text) RETURNS bigint $body;
	CREATE FUNCTION advisory_lock.unlock(text) RETURNS boolean $body;
	CREATE FUNCTION advisory_lock.unlock_shared(text) RETURNS boolean $body;
	CREATE FUNCTION advisory_lock.release_permit(text, int) RETURNS boolean $body;
	CREATE FUNCTION advisory_lock.token(text) RETURNS bigint $body;
	CREATE FUNCTION advisory_lock.key(name text, OUT key1 int, OUT key2 int) $body;
	CREATE FUNCTION advisory_lock.xact_lock(text) RETURNS bigint $body;
	CREATE FUNCTION advisory_lock.try_xact_lock(text, interval) RETURNS boolean $body;
	CREATE FUNCTION advisory_lock.has_registry() RETURNS boolean $body;
	CREATE FUNCTION advisory_lock.terminate_holders(text) RETURNS int $body;
	CREATE FUNCTION advisory_lock.trap() RETURNS boolean $body;
	CREATE VIEW advisory_lock.locks AS SELECT advisory_lock.trap();
	CREATE PROCEDURE advisory_lock.acquire(text, interval DEFAULT NULL, boolean DEFAULT false,
		int DEFAULT NULL, INOUT token bigint DEFAULT NULL, INOUT permit int DEFAULT NULL) $body;
	CREATE PROCEDURE advisory_lock.acquire_many(text[], interval DEFAULT NULL,
		INOUT tokens bigint[] DEFAULT NULL) $body};

sub lay_traps
{
	my ($dbname) = @_;
	my $count = sub {
		my ($what, $sql) = @_;
		my $made = $node->safe_psql($dbname, "SELECT count(*) FROM ($sql) s");
		# some cannot be made: they differ in their result only
		$node->psql($dbname, "$sql \\gexec", on_error_stop => 0);
		cmp_ok($made, '>', 10, "$dbname: $made $what lie in wait");
	};

	$node->safe_psql($dbname, qq{CREATE SCHEMA "$user"});
	$node->safe_psql($dbname, "CREATE FUNCTION public.trap() RETURNS pg_catalog.bool $body");
	$count->('functions', $functions);
	foreach my $type (qw(bool int4 int8 text name oid numeric))
	{
		foreach my $right (qw(bool int4 int8 text name oid numeric))
		{
			$node->safe_psql($dbname,
				"CREATE FUNCTION public.trap($type, $right) RETURNS pg_catalog.bool $body");
		}
	}
	$node->safe_psql($dbname,
		"CREATE FUNCTION public.trap($_, $_) RETURNS pg_catalog.bool $body")
	  foreach 'regclass', '"char"', 'tsquery', 'timestamptz';
	$count->('operators', $operators);
	$count->('types', $types);
	return;
}

# Every way to use the command; each must do what it does without traps.
sub try_command
{
	my ($dbname, @more) = @_;
	my $where = "$dbname (@more)";
	my @at = ('-d', conninfo($node, $dbname), @more);

	is(withlock('x', @at, 'true')->status, 0, "lock: $where");
	is(withlock('x', @at, '-s', '-t', '5', 'true')->status, 0, "shared: $where");
	my $holder = start_withlock('x', @at, '--', 'sleep', '600');
	$holder->wait_command;
	is(withlock('x', @at, '-n', 'true')->status, 75, "conflict: $where");
	is(withlock('x', @at, '-t', '0.5', 'true')->status, 75, "time runs out: $where");
	if (!@more)
	{
		is(withlock('p', @at, '--permits', '2', 'true')->status, 0, "permit: $where");
		is(withlock('a', @at, '--also', 'b', 'true')->status, 0, "several: $where");
	}
	is(withlock('--list', '-d', $at[1])->status, 0, "--list: $where");
	is(withlock('--list', 'x', '--json', '-d', $at[1])->status, 0, "--json: $where");
	is(withlock('--status', 'x', '-d', $at[1])->status, 75, "--status: $where");
	is(withlock('--kill', 'x', '-d', $at[1])->status, 0, "--kill: $where");
	is($holder->wait, 74, "the holder has lost it: $where") or diag($holder->stderr);
	return;
}

foreach my $dbname (qw(extension bare fake))
{
	$node->safe_psql('postgres', "CREATE DATABASE $dbname");
	$node->safe_psql($dbname, 'CREATE EXTENSION advisory_lock') if $dbname eq 'extension';
	$node->safe_psql($dbname, $fake) if $dbname eq 'fake';
	lay_traps($dbname);

	# The system's own names come last, and then first.
	foreach my $path ('"$user", public, pg_catalog', '"$user", public')
	{
		$node->safe_psql('postgres', "ALTER DATABASE $dbname SET search_path = $path");
		try_command($dbname);
		try_command($dbname, '--transaction');
		passes("$_ ($dbname, $path)", $program, conninfo($node, $dbname), $_)
		  foreach library_tests($program, 'traps');
	}
}

# The traps are live: this is how they would have been met.
my ($status, $stdout, $stderr) = $node->psql('bare',
	q{SET search_path = public, pg_catalog; SELECT convert_to('x', 'UTF8')});
like($stderr, qr/TRAP/, 'a function is a trap');
($status, $stdout, $stderr) = $node->psql('bare',
	q{SET search_path = public, pg_catalog; SELECT 1 << 2});
like($stderr, qr/TRAP/, 'an operator is a trap');

my @met = grep { /ERROR: +TRAP/ } split /\n/, slurp_file($node->logfile);
is(scalar @met, 2, 'only these two were met');

done_testing();
