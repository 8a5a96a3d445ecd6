# Copyright (c) 2026 the advisory_lock authors

# A session meets shared memory that another version of the library laid out:
# it locks without it.  Needs such memory, in a file that we can change.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;

my $node = start_node('main', conf => 'dynamic_shared_memory_type = mmap');
plan skip_all => 'sessions with different versions cannot meet where it is preloaded, nor before PostgreSQL 17'
  if $node->pg_version < 17 || preloads($node);

my $early = session($node);
$early->query("SELECT advisory_lock.lock('job')");

# The file that begins as the header does: a magic number, then the layout's.
sub change_layout
{
	my ($by) = @_;
	my $changed = 0;

	foreach my $file (glob($node->data_dir . '/pg_dynshmem/mmap.*'))
	{
		open my $handle, '+<', $file or die "could not open $file: $!";
		binmode $handle;
		read $handle, my $begin, 8;
		my ($magic, $found) = unpack('LL', $begin);
		next unless $magic == 0x6164766c;
		seek $handle, 4, 0;
		print $handle pack('L', $found + $by);
		$changed++;
		close $handle or die "could not write $file: $!";
	}
	return $changed;
}

cmp_ok(change_layout(1), '>=', 1, 'the layout has another number now');
my $late = session($node);
is($late->query("SELECT advisory_lock.try_lock('job')"), 'f', 'locks exclude all the same');
like($late->messages, qr/WARNING:  the names of advisory locks are kept by another version/,
	'with a warning');
cmp_ok($late->query("SELECT advisory_lock.lock('other')"), '>', 0, 'and can be had');
unlike($late->messages, qr/WARNING/, 'the warning comes once');
is($late->query('SELECT advisory_lock.has_registry()'), 'f', 'there is no registry');
is($late->sqlstate_of('SELECT * FROM advisory_lock.stats'), '55000', 'and no statistics');
$early->query("SELECT advisory_lock.unlock('job')");
is($late->query("SELECT advisory_lock.try_lock('job')"), 't', 'the lock is free');
is($early->query("SELECT count(*) FROM advisory_lock.stats WHERE name = 'job'"), '1',
	'who came before goes on');

cmp_ok(change_layout(-1), '>=', 1, 'the number as before');
is(session($node)->query('SELECT advisory_lock.has_registry()'), 't', 'fits again');
my $max_names = $early->query('SELECT max_names FROM advisory_lock.registry');
$node->append_conf('postgresql.conf', 'advisory_lock.max_names = 17');
$node->reload;
wait_until { $node->safe_psql('postgres', "LOAD 'advisory_lock'; SHOW advisory_lock.max_names") eq '17' }
'the setting has changed';
is($node->safe_psql('postgres', 'SELECT max_names FROM advisory_lock.registry'),
	$max_names, 'another max_names counts from the next start on');
$_->quit foreach $early, $late;
$node->restart;
is($node->safe_psql('postgres', 'SELECT max_names FROM advisory_lock.registry'), '17', 'and does');

done_testing();
