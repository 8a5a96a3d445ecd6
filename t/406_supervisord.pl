# Copyright (c) 2026 the advisory_lock authors
#
# The recipe for supervisord, under a real one: a lost lock, a killed withlock,
# a stop.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;
use AdvisoryLock::Document;
use Withlock;

my $missing = missing_program('supervisord');
plan skip_all => "$missing is not installed" if $missing;

my $node = start_node('main');
my $directory = PostgreSQL::Test::Utils::tempdir();
my $events = "$directory/events";

my ($recipe) = grep { $_->{word} eq 'supervisord.conf' }
  AdvisoryLock::Document->new('doc/recipes/services.md', $node)->blocks;
my $conninfo = conninfo($node) =~ s/'//gr;	# supervisord takes quotes away
my $program = $recipe->{text};
$program =~ s{postgresql://[^"]*}{$conninfo} or die 'the recipe does not say where to connect';
$program =~ s{\./clock}{$directory/clock} or die 'the recipe does not run ./clock';

append_to_file("$directory/clock", <<"EOT");
#!$^X
my \$say = sub { open my \$file, '>>', '$events' or die; syswrite \$file, "\@_\\n" };
\$SIG{TERM} = sub { \$say->('end'); exit };
\$say->('begin', \$ENV{WITHLOCK_TOKEN}, getppid);
sleep 1 while 1;
EOT
chmod 0755, "$directory/clock";
append_to_file($events, '');
append_to_file("$directory/supervisord.conf", <<"EOT");
[supervisord]
nodaemon = true
logfile = /dev/null
logfile_maxbytes = 0
pidfile = $directory/supervisord.pid
childlogdir = $directory
$program
EOT

# The last command that has begun, [token, pid of its withlock].
sub wait_begin
{
	my ($count) = @_;
	my @begins;

	wait_until { (@begins = slurp_file($events) =~ /^begin (.*)$/mg) >= $count } "command $count begins";
	return split ' ', $begins[-1];
}

my $supervisord = start_program({}, 'supervisord', '-n', '-c', "$directory/supervisord.conf");
my ($token, $withlock) = wait_begin(1);
ok($token > 0, 'the command runs under the lock');

$node->safe_psql('postgres', "SELECT advisory_lock.terminate_holders('clock')");
my ($second, $same) = wait_begin(2);
cmp_ok($second, '>', $token, 'after a loss it runs again');
is($same, $withlock, '... by the same withlock');

kill 'KILL', $same;
my ($third, $other) = wait_begin(3);
cmp_ok($third, '>', $second, 'a withlock that is killed is started again');
isnt($other, $same, '... as another process');

my $ends = () = slurp_file($events) =~ /^end$/mg;
kill 'TERM', $supervisord->pid;
is($supervisord->wait, 0, 'supervisord stops');
is(() = slurp_file($events) =~ /^end$/mg, $ends + 1, '... and has told the command once to end');
is($node->safe_psql('postgres', "SELECT advisory_lock.try_lock('clock')"), 't', '... and the lock is free at once');

done_testing();
