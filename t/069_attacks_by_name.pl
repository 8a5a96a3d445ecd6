# Copyright (c) 2026 the advisory_lock authors
#
# Names that are attacks, of locks, roles, databases and schemas, and the places
# where they come by: the script of the extension, SQL, the server's log, the
# titles of its processes, pg_stat_activity, and statistics of statements.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;
use Withlock;

my $node = start_node('main', extension => 0, conf => <<'EOT');
logging_collector = on
log_directory = 'logs'
log_filename = 'server.log'
log_destination = 'stderr,csvlog,jsonlog'
log_line_prefix = '%m [%p] '
log_statement = 'all'
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
log_lock_waits = on
deadlock_timeout = 10ms
EOT

sub log_text { return slurp_file($node->data_dir . "/logs/server.$_[0]"); }

# --- Who creates the extension, and where: all names are only names

my $role = q{x"; ALTER ROLE victim SUPERUSER; --'$$ \\ @extowner@};
my $database = q{d'"; DROP ROLE victim; --$$};
my ($quoted_role, $quoted_database) = map { '"' . s/"/""/gr . '"' } $role, $database;
$node->safe_psql('postgres', $_)
  foreach 'CREATE ROLE victim LOGIN', "CREATE ROLE $quoted_role LOGIN", "CREATE DATABASE $quoted_database OWNER $quoted_role";
my $place = $node->connstr() . q{ dbname='} . $database =~ s/([\\'])/\\$1/gr . q{'};
sub run_in_place
{
	my ($user, $sql) = @_;

	my ($out, $err) = run_command([ 'psql', '-XAtq', '-v', 'VERBOSITY=sqlstate', '-v', 'ON_ERROR_STOP=1', '-d', $place, '-U', $user, '-c', $sql ]);
	return $err =~ /^ERROR:  (\w{5})$/m ? $1 : $out;
}
is(run_in_place($role, q{CREATE EXTENSION advisory_lock SCHEMA "a""b$c'"}), '3F000', 'a schema of another name: it is not there');
is(run_in_place($role, q{CREATE SCHEMA "a""b$c'"}), '', 'where it is,');
is(run_in_place($role, q{CREATE EXTENSION advisory_lock SCHEMA "a""b$c'"}), '0A000', '... the extension does not go there');
is(run_in_place($role, 'CREATE EXTENSION advisory_lock'), '', 'a role of such a name can create it');
my $token = run_in_place($role, q{SELECT advisory_lock.lock('job')});
is(run_in_place($role, "SELECT advisory_lock.fence('job', $token)"), '', '... and has a fence');
is(run_in_place($role, 'SELECT owner FROM advisory_lock.fences'), $role, '... that is its own');
is(run_in_place('victim', "SELECT advisory_lock.fence('job', $token)"), '42501', '... and not another\'s');
is($node->safe_psql('postgres', q{SELECT rolsuper FROM pg_roles WHERE rolname = 'victim'}), 'f', 'none of the names was a command');
unlike(slurp_file($_), qr/\@ext(owner|schema)/, "$_ has nothing replaced in it") foreach glob 'extension/*.sql';

# --- Names of locks, by SQL and by the command, with the extension and without

$node->safe_psql('postgres', 'CREATE EXTENSION advisory_lock; CREATE DATABASE bare');
my @attacks = (
	q{'; DROP SCHEMA advisory_lock CASCADE; --}, q{''); DROP DATABASE bare; --}, q{\\'; DROP ROLE victim; --}, q{$$; DROP ROLE victim; $$},
	q{E'\\x27'}, q{$1}, q{"}, q{%s%n%1$s}, q{","granted":false,"x":"}, q{\\u0000}, qq{\e]0;title\a}, qq{a\rb}, qq{\x{7f}\x{1}},
	qq{x\n2026-11-27 12:00:00.000 UTC [1] LOG:  forged}, qq{x\n{"error_severity":"LOG","message":"forged"}}, qq{x\nforged,"log","entry"});
foreach my $where ('postgres', 'bare')
{
	my @conninfo = ('-d', conninfo($node, $where));
	foreach my $name (@attacks)
	{
		my $shown = $name =~ s/([^ -~])/sprintf '\\x%02x', ord $1/ger;
		my $ended = withlock(@conninfo, $name, '--lock-delay', '0', '--', 'withlock', '--list', $name, '--json', @conninfo);

		is($ended->status, 0, "$where: held and listed: $shown");
		my $quoted = $ended->stdout =~ s/'/''/gr;
		is($node->safe_psql('postgres', "SELECT count(*), min(e->>'name'), min(e->>'granted') FROM json_array_elements('$quoted') AS e"),
			"1|$name|true", '... by that name, which stays a value in JSON');
	}
}
is($node->safe_psql('postgres', q{SELECT (SELECT count(*) FROM pg_database WHERE datname = 'bare'), (SELECT count(*) FROM pg_roles WHERE rolname = 'victim'),
	(SELECT count(*) FROM pg_namespace WHERE nspname = 'advisory_lock')}), '1|1|1', 'no name was a command');

# --- What is where others can look

# Waited for long enough to be logged: with the name, which the context of the
# wait has.  The names that make lines make none.
my ($holder, $waiter) = map { session($node) } 1, 2;
my $log_begin = length log_text('log');
foreach my $name (@attacks)
{
	my $literal = q{E'} . join('', map { sprintf '\\x%02X', ord } split //, $name) . q{'};
	$holder->query("SELECT advisory_lock.lock($literal)");
	is($waiter->sqlstate_of("SET lock_timeout = '100 ms'; SELECT advisory_lock.lock($literal)"), '55P03', 'a wait that is logged');
	$holder->query("SELECT advisory_lock.unlock($literal)");
}
$node->stop;
my $text = substr log_text('log'), $log_begin;
like($text, qr/^\d.*LOG:  process \d+ still waiting .*\n(?:.+\n)*?.*CONTEXT:  while acquiring exclusive advisory lock "\$1"$/m,
	'a wait is logged with the name');
unlike($text, qr/^(?!\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} \S+ \[\d+\] |\t)/m, 'all else in the log is behind a tab');
unlike($text, qr/^\S.*\[1\] LOG:  forged/m, '... so no name is a line of the log');
$node->start;
my @json = grep { /\S/ } split /\n/, log_text('json');
my $all = join ',', @json;
$all =~ s/\$json\$//g;
is($node->safe_psql('postgres', qq{SELECT count(*) FROM json_array_elements(\$json\$[$all]\$json\$) AS e WHERE e->>'message' = 'forged'}),
	'0', 'each line of the log in JSON is JSON, and none is a name');

# As a parameter the name is where nobody is told of a wait or an error.
$log_begin = length log_text('log');
my $secret = 'tHe NaMe';
my @here = ('-d', conninfo($node));
is(withlock(@here, $secret, '--lock-delay', '0', '--', 'true')->status, 0, 'a lock of a name');
is(withlock(@here, '--status', $secret)->status, 0, '... asked for');
unlike(substr(log_text('log'), $log_begin), qr/\Q$secret\E/, '... which the log of all statements does not have');
my $running = start_withlock(@here, $secret, '--lock-delay', '0', '--', 'sleep', '1000');
$running->wait_command;
my $query = q{SELECT %s FROM pg_stat_activity WHERE pid = (SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted)};
unlike($node->safe_psql('postgres', sprintf $query, 'query'), qr/\Q$secret\E/, 'nor have its statements');
my $session = session($node);
$session->start("SELECT advisory_lock.lock('$secret')");
$session->wait_blocked;
foreach my $pid ($node->safe_psql('postgres', sprintf $query, 'pid'), $session->pid)
{
	unlike(slurp_file("/proc/$pid/cmdline"), qr/\Q$secret\E/, 'nor the title of a process of the server');
}
# The command gives itself a name for pg_stat_activity, which shows it to all.
sub seen_by_victim { return $node->safe_psql('postgres', 'SET ROLE victim; ' . sprintf $query, 'application_name'); }
is(seen_by_victim(), "withlock: $secret", 'the command tells everybody the name, by its application_name');
kill 'TERM', $running->pid;
$running->wait;
$session->quit;
$running = start_withlock('-d', conninfo($node) . " application_name='a job'", $secret, '--lock-delay', '0', '--', 'sleep', '1000');
$running->wait_command;
is(seen_by_victim(), 'a job', '... unless it is given another');
kill 'TERM', $running->pid;
$running->wait;

done_testing();
