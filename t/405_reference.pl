# Copyright (c) 2026 the advisory_lock authors
#
# The reference has all that there is, and nothing that is not: functions,
# views, columns and settings by the catalogs, options by --help, variables and
# exit statuses by the sources of withlock, calls by advlock.h.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;

my $node = start_node('main');
my %document = map { $_ => slurp_file($_) } 'README.md', glob('doc/*.md doc/*/*.md');
my $everything = join '', values %document;
my $reference = join '', map { $document{"doc/$_.md"} } qw(sql monitoring fencing);

sub rows
{
	my ($query) = @_;

	return split /\n/, $node->safe_psql('postgres', $query);
}

# Passes if both lists have the same words.
sub same
{
	my ($name, $documented, $existing) = @_;
	my %documented = map { $_ => 1 } @$documented;
	my %existing = map { $_ => 1 } @$existing;

	is(join(' ', grep { !$documented{$_} } sort keys %existing), '', "$name: none lacks");
	is(join(' ', grep { !$existing{$_} } sort keys %documented), '', "$name: none is invented");
	return;
}

# What is in code in the first column of tables, of the section if one is named.
sub first_column
{
	my ($file, $section) = @_;
	my $text = $document{$file};

	($text) = $text =~ /^#+ \Q$section\E\n(.*?)(?=^#|\z)/ms if defined $section;
	return map { /`([^`]+)`/g } ($text // '') =~ /^\| ([^|]*`[^|]*) \|/mg;
}

sub members
{
	my ($catalog, $name, $condition) = @_;

	return rows(qq{SELECT DISTINCT o.$name FROM $catalog o JOIN pg_depend d ON d.objid = o.oid AND d.deptype = 'e'
		WHERE d.classid = '$catalog'::regclass AND d.refclassid = 'pg_extension'::regclass
			AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'advisory_lock') AND $condition});
}

# --- SQL ---

my @functions = members('pg_proc', 'proname', 'true');
my @relations = members('pg_class', 'relname', q{o.relkind IN ('r', 'v', 'S')});
my @called = map { /^(?:CALL )?(?:advisory_lock\.)?([a-z_]+)\(/ ? $1 : () }
  first_column('doc/sql.md'), first_column('doc/monitoring.md');
push @called, $reference =~ /^CALL advisory_lock\.(\w+)\(/mg;
same('functions', \@called, \@functions);

# The arguments by the names that they have.
my %argument;
foreach (rows(q{SELECT proname, unnest(proargnames) FROM pg_proc WHERE pronamespace = 'advisory_lock'::regnamespace}))
{
	my ($function, $name) = split /\|/;
	$argument{$function}{$name} = 1;
}
my @unknown;
foreach my $call (first_column('doc/sql.md'))
{
	my ($function, $arguments) = $call =~ /^(\w+)\(([^()]*)\)$/ or next;
	push @unknown, map { "$function($_)" } grep { !$argument{$function}{$_} }
	  map { s/\[\]$|\s.*//r } split /,\s*/, $arguments;
}
is("@unknown", '', 'arguments have their own names');

foreach my $relation (members('pg_class', 'relname', q{o.relkind IN ('r', 'v')}))
{
	same("columns of $relation",
		[ first_column('doc/monitoring.md', "advisory_lock.$relation") ],
		[ rows("SELECT attname FROM pg_attribute WHERE attrelid = 'advisory_lock.$relation'::regclass AND attnum > 0 AND NOT attisdropped") ]);
}

my @settings = rows(q{SELECT name FROM pg_settings WHERE name LIKE 'advisory\_lock.%'});
$node->safe_psql('postgres', 'SELECT 1');
@settings = rows(q{SELECT NULL FROM advisory_lock.key('load'); SELECT name FROM pg_settings WHERE name LIKE 'advisory\_lock.%'});
same('settings', [ first_column('doc/monitoring.md', 'Settings') ], [ grep { length } @settings ]);

# Whatever is called advisory_lock.SOMETHING anywhere.
my %known = map { $_ => 1 } @functions, @relations, map { s/.*\.//r } @settings;
my %mentioned = map { $_ => 1 } $everything =~ /\badvisory_lock\.([a-z]\w*)/g;
delete @mentioned{qw(yaml so control)};
is(join(' ', grep { !$known{$_} } sort keys %mentioned), '', 'documents mention what there is');

# --- withlock ---

my ($help) = run_command([ 'withlock', '--help' ]);
my @options = map { /(?:^|\s)(--[a-z-]+)/g } ($help =~ /^((?:-|\s{4}-).*)$/mg);
same('options', [ map { /(--[a-z][a-z-]+)/g } $document{'doc/withlock.md'} =~ /^\| (`-[^|]*) \|/mg ], \@options);
same('options of the manual',
	[ map { "--$_" =~ s/\\-/-/gr } slurp_file('client/withlock/withlock.1') =~ /^\.It Fl (?:\w , Fl )?-([\w-]+)/mg ],
	[ @options ]);

my $sources = join '', map { slurp_file($_) } glob('client/withlock/*.[ch] client/common/*.[ch]');
my %variable = map { $_ => 1 } $sources =~ /"((?:WITHLOCK|PG)_[A-Z_]+|SHELL)"/g;
same('variables', [ first_column('doc/withlock.md', 'Variables') ], [ keys %variable ]);

my %status = map { $_ => 1 } $sources =~ /^#define STATUS_\w+\s+(\d+)/mg;
foreach my $file ('doc/withlock.md', 'README.md')
{
	my @documented = map { /(\d+)/g } $document{$file} =~ /^\| (\d[^|]*) \|/mg;
	# README's table has those that a run can have.
	push @documented, 1 if $file eq 'README.md';
	same("exit statuses of $file", \@documented, [ keys %status ]);
}

# --- libadvlock ---

my $header = slurp_file('client/libadvlock/advlock.h');
my @calls = $header =~ /^extern [^;]*?\b(advlock_\w+)\(/mg;
my @constants = ($header =~ /^\s*(ADVLOCK_[A-Z_]+) = \d/mg, $header =~ /^#define (ADVLOCK_[A-Z_]+) /mg);
my %code = map { $_ => 1 } map { /(\w+)/g } map { /`([^`]+)`/g } $document{'doc/libadvlock.md'} =~ /^\|.*\|$/mg;
is(join(' ', grep { !$code{$_} } @calls), '', 'every call is in a table');
is(join(' ', grep { $document{'doc/libadvlock.md'} !~ /\b$_\b/ } @constants),
	'', 'every constant is documented');
my @fields = map { s{/\*.*?\*/}{}sgr =~ /(\w+)(?:\[\d+\])?;/g } $header =~ /^typedef struct \w+\n\{(.*?)^\}/msg;
is(join(' ', grep { !$code{$_} } grep { $_ ne 'reserved' } @fields), '', 'every field is in a table');
my %declared = map { $_ => 1 } @calls, @constants, $header =~ /\b(advlock_\w+)\b/g;
is(join(' ', grep { !$declared{$_} } sort keys %{ { map { $_ => 1 } $everything =~ /\b(advlock_[a-z_]+\b(?!\*)|ADVLOCK_[A-Z_]+)\b/g } }),
	'', 'documents name what the header has');

done_testing();
