# Copyright (c) 2026 the advisory_lock authors
#
# A checkpoint that begins while a token is drawn from what the last record
# covers waits for that: it would leave out the page, which is clean until
# then, and replay would begin behind the record.  A debugger stops the session
# in that instant.

use strict;
use warnings FATAL => 'all';

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

use AdvisoryLock;

my $missing = missing_program('gdb');
plan skip_all => "$missing is not installed" if $missing;

# So few buffers that reading a table drives the sequence's page out, written.
my $node = start_node('main', preload => 0, conf => <<'EOT');
shared_buffers = 128kB
autovacuum = off
bgwriter_lru_maxpages = 0
log_checkpoints = on
EOT
$node->safe_psql('postgres', <<'EOT');
CREATE EXTENSION pg_buffercache;
CREATE TABLE big AS SELECT i, repeat('x', 500) FROM generate_series(1, 20000) i;
CHECKPOINT;
EOT

my ($drawer, $checkpointer) = map { session($node) } 1 .. 2;
$drawer->query("SELECT advisory_lock.lock('first')");
$node->safe_psql('postgres', 'SELECT count(*) FROM big') foreach 1 .. 2;
is($node->safe_psql('postgres', <<'EOT'), 0, 'the page is clean');
SELECT count(*) FROM pg_buffercache
 WHERE isdirty AND relfilenode = pg_relation_filenode('advisory_lock.token_sequence')
EOT

my $dir = PostgreSQL::Test::Utils::tempdir;
append_to_file("$dir/commands", <<"EOT");
set pagination off
break MarkBufferDirty
shell touch $dir/attached
continue
shell touch $dir/stopped
shell while [ ! -e $dir/go ]; do sleep 0.02; done
delete
detach
EOT
my $gdb = IPC::Run::start([ 'gdb', '-q', '-batch', '-p', $drawer->pid, '-x', "$dir/commands" ],
	'<', \undef, '>&', \my $said);
END { append_to_file("$dir/go", '') if defined $dir }

wait_until { $gdb->pump_nb if $gdb->pumpable; -e "$dir/attached" || !$gdb->pumpable } 'the debugger is ready';
SKIP:
{
	skip 'sessions cannot be debugged here', 3 if $said =~ /ptrace: /;

	$drawer->start("SELECT advisory_lock.lock('second')");
	wait_until { -e "$dir/stopped" } 'the session is stopped';
	my $log = -s $node->logfile;
	$checkpointer->start('CHECKPOINT');
	wait_until { slurp_file($node->logfile, $log) =~ /checkpoint starting/ } 'a checkpoint begins';

	# It had ended at once if it did not wait.
	my $until = time + 1;
	sleep 0.02 until $checkpointer->is_finished || time > $until;
	ok(!$checkpointer->is_finished, 'it waits for who draws a token');
	append_to_file("$dir/go", '');
	cmp_ok($drawer->finish, '>', 0, 'who gets it');
	$checkpointer->finish;
	pass('and then it ends');
}
$gdb->finish;

done_testing();
