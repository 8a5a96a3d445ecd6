# Copyright (c) 2026 the advisory_lock authors
#
# The npm package "advisory-lock" derives its keys from names as we do, so its
# processes and ours have to exclude each other.  This needs the package
# itself, from the npm registry; no test against its documentation would do.

use strict;
use warnings FATAL => 'all';
use utf8;

use Encode qw(encode);
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;
use AdvisoryLock::Npm;

my $modules = npm_packages('advisory-lock@2.0.0');

my $node = start_node('main');
my $uri = connection_uri($node);

# The two programs are called with the very same arguments.
my %withlock = (
	'the npm package' => "$modules/node_modules/.bin/withlock",
	'our withlock' => 'withlock');

# libpq and node-postgres have the URI in common, with the socket's directory
# as the host.
sub connection_uri
{
	my ($server) = @_;

	(my $host = $server->host) =~ s{/}{%2F}g;
	my $user = $server->safe_psql('postgres', 'SELECT current_user');
	return "postgresql://$user\@$host:" . $server->port . '/postgres';
}

# A party takes the lock, says so when it has it, and gives it back when told.
# These are a party of each kind, as what it can do => how.
sub program_party
{
	my ($program, $name) = @_;
	my ($in, $out, $err) = ('', '', '');

	my $run = IPC::Run::start(
		[ $program, $name, '--db', $uri, '--', 'sh', '-c', 'echo held; read -r end' ],
		'<', \$in, '>', \$out, '2>', \$err,
		IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
	return {
		holds => sub { $run->pump_nb; return $out =~ /^held$/m; },
		release => sub { $in .= "end\n"; return $run->finish; }
	};
}

sub sql_party
{
	my ($name) = @_;

	my $session = session($node);
	$session->query("SET client_encoding = 'UTF8'");
	$session->start("SELECT advisory_lock.lock('$name')");
	return {
		holds => sub { return $session->is_finished; },
		release => sub {
			$session->finish;
			my $released = $session->query("SELECT advisory_lock.unlock('$name')");
			$session->quit;
			return $released eq 't';
		}
	};
}

sub start_party
{
	my ($kind, $name) = @_;

	return $kind eq 'SQL' ? sql_party($name) : program_party($withlock{$kind}, $name);
}

# The first holds the lock; the second has to wait, and gets it then.
sub excludes
{
	my ($first_kind, $second_kind, $name) = @_;
	my $bytes = encode('UTF-8', $name);
	my $what = encode('UTF-8', "$first_kind keeps out $second_kind on \"$name\"");

	my $first = start_party($first_kind, $bytes);
	wait_until { $first->{holds}->() } "$first_kind holds the lock";
	is($node->safe_psql('postgres', "SELECT advisory_lock.is_locked('$bytes')"),
		't', "$what: it is locked");

	my $second = start_party($second_kind, $bytes);
	$node->poll_query_until('postgres',
		"SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
	  or die "$second_kind does not wait";
	ok(!$second->{holds}->(), "$what: it waits");

	ok($first->{release}->(), "$what: the first ends well");
	wait_until { $second->{holds}->() } "$second_kind holds the lock";
	ok($second->{release}->(), "$what: the second ends well");
	return;
}

foreach my $name ('test-lock', 'Zürich ☃ 🐘')
{
	foreach my $ours ('our withlock', 'SQL')
	{
		excludes('the npm package', $ours, $name);
		excludes($ours, 'the npm package', $name);
	}
}

# Not waiting is for ours alone to offer.
my $holder = start_party('the npm package', 'test-lock');
wait_until { $holder->{holds}->() } 'the npm package holds the lock';
my ($success, $text) =
  run_in('.', 'withlock', '-n', 'test-lock', '--db', $uri, '--', 'echo', 'ran');
is($? >> 8, 75, 'withlock -n gives up while the npm package holds the lock');
unlike($text, qr/^ran$/m, 'and does not run its command');
is($node->safe_psql('postgres', "SELECT advisory_lock.try_lock('test-lock')"),
	'f', 'so does try_lock()');
is($node->safe_psql('postgres', "SELECT advisory_lock.acquire_lease('test-lock', '1 min') IS NULL"),
	't', 'nor is there a lease');
is( $node->safe_psql(
		'postgres',
		"SELECT mode, granted, pid IS NOT NULL, token IS NULL FROM advisory_lock.locks WHERE name = 'test-lock'"),
	'exclusive|t|t|t',
	'the view shows it under its name, and that it has no token');
my $leasing = session($node);
$leasing->start("SELECT advisory_lock.acquire_lease('test-lock', '1 min', '1 h') IS NOT NULL");
$node->poll_query_until('postgres',
	"SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
  or die 'the lease does not wait';
ok(!$leasing->is_finished, 'a lease waits for the npm package');
$holder->{release}->();
is($leasing->finish, 't', 'and is taken when that has ended');
$leasing->quit;

done_testing();
