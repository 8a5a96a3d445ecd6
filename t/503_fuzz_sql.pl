# Copyright (c) 2026 the advisory_lock authors
#
# Every function of the extension with arguments at random, from sessions that
# are in each other's way: no crash, no error that nobody has thought of
# (SQLSTATE XX000), and no lock that a call took or lost which failed.  What
# functions there are is read from the catalog.  PG_TEST_EXTRA=fuzz takes twenty
# seeds instead of one, which takes minutes; PG_TEST_EXTRA=fuzz=101 those from
# 101 on.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;

my $CALLS = 800;    # of one session
my @seeds = ($ENV{PG_TEST_EXTRA} // '') =~ /\bfuzz\b(?:=(\d+))?/ ? map { ($1 // 1) + $_ } 0 .. 19 : (503);

# Names that sessions contend for, and what attackers and accidents type.
my @names = (
	(map { "job $_" } 0 .. 3),
	'', ' ', "'", "''; DROP SCHEMA advisory_lock CASCADE; --", '"', '\\', "\\'", '$$', '$1', '%s%n%x', '%L', '{}', '{a,b}',
	'NULL', 'null', "line\nend", "tab\t", "\r", "\e[31mred\e[0m", "\e]0;title\a", "\x7f", "\x01", '../../etc/passwd',
	'<script>alert(1)</script>', '${jndi:ldap://x}', '`id`', '$(id)', '; rm -rf /', '{"a":"b"}', '{"a":', "\\u0000", '\\x00',
	"caf\xC3\xA9", "\xE6\x9D\xB1\xE4\xBA\xAC", "\xF0\x9F\x94\x92", "\xE2\x80\xAEtfel", "\xC2\x85", "\xE2\x80\xA8", "\xEF\xBB\xBFbom",
	"e\xCC\x81", 'x' x 63, 'x' x 64, 'x' x 1023, 'x' x 1024, 'x' x 1025, 'y' x 70_000, "\xF0\x9F\x94\x92" x 256,
	"\xF0\x9F\x94\x92" x 257, "\xFF", "\xC3", "a\xC0\x80", 'pg_catalog', 'advisory_lock', '-1', '0', '18446744073709551616');
my @integers = qw(0 1 -1 2 3 7 100 1000 65536 1073741823 2147483647 -2147483647);
my @bigints = (@integers, qw(4294967295 4294967296 281474976710656 -281474976710657 9223372036854775807 -9223372036854775807));
my @intervals = (
	('0', '1 ms', '5 ms') x 4,
	'-1 ms', '0.4 us', '1 us', '-1 us', '1 s', '1 mon -30 days', '-1 mon 31 days', '1 day -24:00:01', '24 days 20:31:23.647',
	'24 days 20:31:23.648', '292271 years', '178000000 years', '-178000000 years', '2147483647 days', '-2147483648 days',
	'2562047788:00:54.775807', '-2562047788:00:54.775808', 'infinity', '-infinity');
my @times = qw(now infinity -infinity epoch 294276-12-31 4713-01-01BC 2000-01-01 tomorrow);

sub any_of { return $_[ rand @_ ]; }

# A string as a literal, whatever is in it.
sub literal
{
	my ($text) = @_;

	return q{E'} . join('', map { /[\w ]/a ? $_ : sprintf '\\x%02X', ord } split //, $text) . q{'};
}

sub random_name
{
	return rand() < 0.55 ? literal("job " . int rand 4)
	  : rand() < 0.8 ? literal(any_of(@names))
	  : literal(join '', map { chr(1 + rand 255) } 0 .. rand 40);
}

sub random_array
{
	my $kind = rand;

	return $kind < 0.05 ? q{'{}'}
	  : $kind < 0.1 ? 'ARRAY[[' . random_name() . '], [' . random_name() . ']]'
	  : $kind < 0.15 ? q{'[5:6]={a,b}'}
	  : $kind < 0.2 ? q{array_fill('job 1'::text, ARRAY[100000])}
	  : $kind < 0.25 ? q{ARRAY(SELECT 'job ' || i FROM generate_series(1, 300) AS i)}
	  : 'ARRAY[' . join(', ', map { rand() < 0.03 ? 'NULL' : random_name() } 0 .. rand 5) . ']';
}

# What makes a value of a type; :token is the last one that a call returned.
my %random = (
	text => \&random_name,
	'text[]' => \&random_array,
	integer => sub { rand() < 0.5 ? any_of(@integers) : int(rand 2**32) - 2**31 },
	bigint => sub { rand() < 0.4 ? ':token' : any_of(@bigints) },
	interval => sub { literal(any_of(@intervals)) },
	'bigint[]' => sub { any_of(q{'{}'}, q{'{1,2}'}, q{'{NULL}'}) },
	boolean => sub { any_of('true', 'false') },
	'timestamp with time zone' => sub { literal(any_of(@times)) });

# A call of the function, with fewer arguments if it has defaults.
sub random_call
{
	my ($function, $last) = @_;
	my ($name, $is_procedure, $defaults, @types) = @$function;

	splice @types, @types - int rand($defaults + 1) if $defaults && rand() < 0.5;
	my @arguments = map { rand() < 0.04 ? "NULL::$_" : $random{$_}->() . "::$_" } @types;
	# No token is left after the highest.
	@arguments = (':token') if $name eq 'raise_tokens' && !$last;
	# Sessions shall end by themselves: these take what nobody holds.
	@arguments = map { /^E/ ? s/^E'/E'free /r : 700_000 + int rand 1_000_000 } @arguments if $name eq 'terminate_holders';
	return ($is_procedure ? 'CALL ' : 'SELECT ') . "advisory_lock.$name(" . join(', ', @arguments) . ')';
}

# What psql is to do: calls, each with what is held before and after it.  A
# lock_timeout ends waiting alone.  A statement_timeout may strike when the
# function has returned, so what is held then is another test's affair; and it
# may hit what looks, which then knows nothing.
sub script
{
	my ($functions) = @_;
	my $script = <<'EOT';
\o /dev/null
\set VERBOSITY sqlstate
\set token 1
CREATE TEMP VIEW held AS
	SELECT coalesce(string_agg(concat_ws(' ', classid, objid, objsubid, mode), ',' ORDER BY classid, objid, objsubid, mode), 'none') AS held
	FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND granted;
SET lock_timeout = '10 ms';
EOT
	foreach my $number (0 .. $CALLS - 1)
	{
		my $call = random_call(any_of(@$functions), $number > 0.9 * $CALLS);
		my $in_transaction = rand() < 0.4;
		my ($begin, $undo, $end) = $in_transaction
		  ? ("BEGIN;\nSELECT advisory_lock.try_xact_lock('job 3');\nSAVEPOINT s;", 'ROLLBACK TO s;', any_of('COMMIT;', 'ROLLBACK;'))
		  : ('', '', '');
		$script .= <<"EOT";
\\set before unknown
\\set as_before unknown
$begin
SELECT held AS before FROM held \\gset
SET statement_timeout = '100 ms';
$call;
\\set failed :ERROR
\\set state :SQLSTATE
$undo
SET statement_timeout = 0;
SELECT held = :'before' OR :'before' = 'unknown' AS as_before FROM held \\gset
$end
\\echo $number :failed :state :as_before
SELECT coalesce((SELECT max(token) FROM advisory_lock.locks), :token) AS token \\gset
EOT
		$script .= "SELECT advisory_lock.unlock_all();\nSELECT pg_advisory_unlock_all();\n" if $number % 50 == 49;
	}
	return $script;
}

# Gives the script to psql, several at once; returns what each has said.
sub run_scripts
{
	my ($node, @scripts) = @_;
	my (@runs, @output);

	foreach my $number (0 .. $#scripts)
	{
		my ($database, $script) = @{ $scripts[$number] };
		my $file = PostgreSQL::Test::Utils::tempdir() . "/script$number";
		open my $handle, '>', $file or die $!;
		print $handle $script;
		close $handle or die $!;
		push @runs, IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr($database), '-f', $file ],
			'<', \undef, '>', \$output[$number], '2>', \my $messages);
	}
	return map { { ok => $runs[$_]->finish, said => $output[$_] } } 0 .. $#runs;
}

# What a script was, and what it said, as assertions; counts what it did.
sub check
{
	my ($what, $script, $result, $count) = @_;
	my @calls = $script =~ /^SET statement_timeout = '100 ms';\n(.*?);\n\\set failed/msg;
	my (@unexpected, @changed, $lines);

	while ($result->{said} =~ /^(\d+) (\w+) (\w+) (\w+)$/mg)
	{
		my ($number, $failed, $state, $as_before) = ($1, $2, $3, $4);

		$lines++;
		$count->{calls}++;
		$count->{errors}++ if $failed eq 'true';
		$count->{states}{$state}++ if $failed eq 'true';
		push @unexpected, "$state: $calls[$number]" if $state =~ /^XX/;
		push @changed, "$state: $calls[$number]" if $failed eq 'true' && $as_before eq 'f' && $state ne '57014';
		$count->{unknown}++ if $as_before eq 'unknown';
	}
	ok($result->{ok}, "$what: psql has come to the end");
	is($lines, $CALLS, "$what: of all calls");
	ok(!@unexpected, "$what: no internal error") or diag map { "$_\n" } @unexpected;
	ok(!@changed, "$what: a call that fails leaves locks as they were") or diag map { "$_\n" } @changed;
	return;
}

my $node = start_node('main', conf => "restart_after_crash = off\nlog_statement = none\nlog_min_error_statement = panic");
$node->safe_psql('postgres', "CREATE DATABASE bytes ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0");
$node->safe_psql('bytes', 'CREATE EXTENSION advisory_lock');

my @functions = map { [ split /\|/ ] } split /\n/, $node->safe_psql('postgres', <<'EOT');
SELECT p.proname, p.prokind = 'p', p.pronargdefaults,
	string_agg(format_type(a.type, NULL), '|' ORDER BY a.number)
FROM pg_proc AS p LEFT JOIN unnest(p.proargtypes) WITH ORDINALITY AS a(type, number) ON true
WHERE p.pronamespace = 'advisory_lock'::regnamespace AND p.prorettype <> 'trigger'::regtype
GROUP BY p.oid, p.proname, p.prokind, p.pronargdefaults
ORDER BY p.oid
EOT
$_->[1] = $_->[1] eq 't' foreach @functions;
is(join(' ', grep { !$random{$_} } map { @$_[ 3 .. $#$_ ] } @functions), '', 'there are values of every type');

my %count = (calls => 0, errors => 0, unknown => 0, states => {});
foreach my $seed (@seeds)
{
	srand $seed;
	my @scripts = map { [ $_, script(\@functions) ] } qw(postgres postgres postgres bytes);
	my @results = run_scripts($node, @scripts);

	check("seed $seed, session $_", $scripts[$_][1], $results[$_], \%count) foreach 0 .. $#scripts;
}
cmp_ok($count{errors}, '<', 0.8 * $count{calls}, 'many calls succeed');
cmp_ok($count{unknown}, '<', 0.05 * $count{calls}, 'and it is known what they did');
note "| $count{calls} calls of " . @functions . " functions, $count{errors} errors: "
  . join ', ', map { "$_ $count{states}{$_}" } sort keys %{ $count{states} };

is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'}), 0, 'nothing is held at the end');
unlike(slurp_file($node->logfile), qr/terminated by signal|PANIC|TRAP:/, 'no process of the server crashed');

done_testing();
