# Copyright (c) 2026 the advisory_lock authors
#
# Migration tools themselves, from the npm registry: while one migrates, the
# view names it and withlock --key does not have its lock; while withlock --key
# has it, the tool waits or fails, as it does for another of its kind.

use strict;
use warnings FATAL => 'all';

use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;
use AdvisoryLock::Npm;
use Withlock;

my $directory = npm_packages('pg@8.16.3', 'kysely@0.28.8', 'node-pg-migrate@8.0.3',
	'@prisma/adapter-pg@7.0.0', '@prisma/driver-adapter-utils@7.0.0',
	'@prisma/schema-engine-wasm@7.10.0-8.shadow-db-safety-s4-52d3b3c7e4002ee167a8803802fa11ced0e2c163');

my $node = start_node('main');
my $ours = session($node);
$ENV{WITHLOCK_DB} = conninfo($node);

# Each has one migration, which stands still at a gate of ours.
append_to_file("$directory/Kysely.mjs", <<'PROGRAM');
import { Kysely, Migrator, PostgresDialect, sql } from 'kysely';
import pg from 'pg';
const db = new Kysely({ dialect: new PostgresDialect({ pool: new pg.Pool() }) });
const up = async (db) => { await sql`SELECT advisory_lock.xact_lock('gate')`.execute(db); };
const migrator = new Migrator({ db, provider: { getMigrations: async () => ({ first: { up } }) } });
const { error } = await migrator.migrateToLatest();
if (error) { console.error(error); process.exit(1); }
await db.destroy();
PROGRAM
mkdir "$directory/migrations";
append_to_file("$directory/migrations/1_first.js",
	qq{exports.up = (pgm) => { pgm.sql("SELECT advisory_lock.xact_lock('gate')"); };\n});
append_to_file("$directory/node-pg-migrate.mjs", <<'PROGRAM');
import { runner } from 'node-pg-migrate';
await runner({ databaseUrl: {}, dir: 'migrations', direction: 'up', migrationsTable: 'pgmigrations', log: () => {} });
PROGRAM

# Prisma's own program fetches its engine from elsewhere; this is the same
# engine, as npm has it.
append_to_file("$directory/Prisma Migrate.mjs", <<'PROGRAM');
import { readFileSync } from 'node:fs';
import { PrismaPg } from '@prisma/adapter-pg';
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils';
import * as engine from '@prisma/schema-engine-wasm/schema_engine_bg';
const code = readFileSync('node_modules/@prisma/schema-engine-wasm/schema_engine_bg.wasm');
const { instance } = await WebAssembly.instantiate(code, { './schema_engine_bg.js': engine });
engine.__wbg_set_wasm(instance.exports);
instance.exports.__wbindgen_start();
const datamodel = 'datasource db {\n  provider = "postgresql"\n}\n';
const adapter = bindMigrationAwareSqlAdapterFactory(new PrismaPg({}));
const migrator = await engine.SchemaEngine.new({ datamodels: [['schema.prisma', datamodel]] }, () => {}, adapter);
await migrator.applyMigrations({
  migrationsList: {
    baseDir: 'prisma',
    lockfile: { path: 'migration_lock.toml', content: 'provider = "postgresql"\n' },
    shadowDbInitScript: '',
    migrationDirectories: [{
      path: '1_first',
      migrationFile: { path: 'migration.sql', content: { tag: 'ok', value: "SELECT advisory_lock.xact_lock('gate');" } },
    }],
  },
  filters: { externalTables: [], externalEnums: [] },
});
process.exit(0);
PROGRAM

# Starts the tool; returns it, and where its output goes.
sub start_tool
{
	my ($tool) = @_;
	my $said = '';

	local %ENV = (%ENV, PGHOST => $node->host, PGPORT => $node->port, PGDATABASE => 'postgres',
		PGUSER => $node->safe_psql('postgres', 'SELECT current_user'));
	my $run = IPC::Run::start([ 'node', "$tool.mjs" ], '<', \undef, '>&', \$said,
		init => sub { chdir $directory or die "could not chdir: $!" },
		IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
	return ($run, \$said);
}

my $WHO = q{SELECT string_agg(tool || CASE WHEN granted THEN ' holds' ELSE ' waits' END, ', ' ORDER BY granted DESC) FROM advisory_lock.locks WHERE tool IS NOT NULL AND pid <> pg_backend_pid()};

# What they say who do not wait
my %refuses = (
	'node-pg-migrate' => qr/Another migration is already running/,
	'Prisma Migrate' => qr/P1002/);

# Prisma does not begin in a schema that others have filled.
foreach my $tool ('Prisma Migrate', 'Kysely', 'node-pg-migrate')
{
	my $asked = $tool eq 'Prisma Migrate' ? 'prisma' : $tool;
	my $key = $node->safe_psql('postgres', "SELECT key FROM advisory_lock.known_keys WHERE tool = '$tool'");

	# We hold it.
	my $holder = start_withlock('--key', $asked, '--lock-delay', '0', '--', 'sleep', '1000');
	$holder->wait_command;
	my ($run, $said) = start_tool($tool);
	if ($tool eq 'Kysely')
	{
		wait_until { $ours->query($WHO) eq 'Kysely holds, Kysely waits' } 'Kysely waits for us';
		pass('it waits while we hold its lock');
	}
	else
	{
		ok(!$run->finish, "$tool fails while we hold its lock");
		like($$said, $refuses{$tool}, 'as it does beside another of its kind');
	}

	# It holds it.
	$ours->query("SELECT advisory_lock.lock('gate')");
	kill 'TERM', $holder->pid;
	$holder->wait;
	($run, $said) = start_tool($tool) if $tool ne 'Kysely';
	wait_until { $ours->query("SELECT count(*) FROM advisory_lock.locks WHERE name = 'gate' AND NOT granted") eq '1' }
	"$tool is at the gate";
	is($ours->query($WHO), "$tool holds", "locks names $tool while it migrates");
	is($ours->query("SELECT advisory_lock.is_locked($key), advisory_lock.try_lock($key)"), 't|f', 'and its lock is not to be had');
	my $refused = withlock('-n', '--key', $asked, 'true');
	is($refused->status, 75, '... by withlock --key neither');
	like($refused->stderr, qr/lock $key \($tool\): not obtained: held .*by pid/, '... which says whose it is');
	my $next = start_withlock('--key', $asked, '--', 'echo', 'started');
	wait_until { $ours->query($WHO) =~ /\bwaits\b/ } 'withlock waits for the migration';
	$ours->query("SELECT advisory_lock.unlock('gate')");
	ok($run->finish, 'it ends well') or diag $$said;
	is($next->wait, 0, 'and who waited for that starts');
	is($next->stdout, "started\n", '... its command');
	is($ours->query("SELECT advisory_lock.try_lock($key), advisory_lock.unlock($key)"), 't|t', 'and then it is');
}

done_testing();
