# Copyright (c) 2026 the advisory_lock authors

=pod

=head1 NAME

AdvisoryLock::Document - run the blocks of a document

=head1 SYNOPSIS

  use AdvisoryLock::Document;

  my $document = AdvisoryLock::Document->new('doc/tutorial.md', $node);
  $document->run('host=db.example' => 'host=/tmp/x port=5432');

A document is a story: its fenced blocks are run in their order, in a
directory and a database of its own, and each is one assertion.  The word
behind the fence says what a block is; a second word is the file that it is:

  sh             commands; none of them may fail
  console        commands behind "$ ", and what they say: a number of four
                 digits or more stands for any other, a line "..." for any lines
  sql            statements; none of them may fail
  c              a fragment of a program that has the handle h: compiled
  LANGUAGE FILE  the contents of a file.  C is compiled, YAML and units of
                 systemd are checked, and so is what else we know to check
  text           what something says, or how something is called: not run
  sh machine     run on the copies of machines, by scripts/test-machines
  LANGUAGE elsewhere
                 needs what cannot be had here

What is called as ./PROGRAM and not in the document is there, and says its name.

=cut

package AdvisoryLock::Document;

use strict;
use warnings FATAL => 'all';

use AdvisoryLock;
use AdvisoryLock::Client;
use Config;
use CPAN::Meta::YAML;
use IPC::Run ();
use JSON::PP ();
use PostgreSQL::Test::Utils;
use Test::More;

my $count = 0;

=pod

=head1 METHODS

=over

=item new(file, node)

Reads a document, and makes a database with the extension for it.  The node
has the superuser postgres, who runs it.

=cut

sub new
{
	my ($class, $file, $node) = @_;
	my $self = bless {
		file => $file,
		node => $node,
		text => slurp_file($file),
		directory => PostgreSQL::Test::Utils::tempdir(),
		database => 'doc' . ++$count
	}, $class;

	$node->safe_psql('postgres', "CREATE DATABASE $self->{database}");
	$node->safe_psql($self->{database}, 'CREATE EXTENSION advisory_lock');
	return $self;
}

=pod

=item blocks()

The blocks as hashes: line, language, word (or ''), text.

=cut

sub blocks
{
	my ($self) = @_;
	my @blocks;
	my $line = 1;

	foreach my $part (split /^(```\w.*?^```)$/ms, $self->{text})
	{
		push @blocks, { line => $line, language => $1, word => $2 // '', text => $3 }
		  if $part =~ /\A```(\w+)(?: (\S+))?\n(.*?)^```\z/ms;
		$line += $part =~ tr/\n//;
	}
	return @blocks;
}

=pod

=item run(words)

Runs them.  In all of them the first of each two words is replaced by the
second, such as the name of a host.

=cut

sub run
{
	my ($self, %stands_for) = @_;
	my %kind = (
		sh => \&run_shell,
		c => \&compile_fragment,
		console => \&run_console,
		sql => \&run_sql,
		text => sub { return 1 });

	my $tabs = grep { /^(    |\t)\S/ } split /\n/, $self->{text} =~ s/^```.*?^```$//msgr;
	is($tabs, 0, "$self->{file}: all blocks have a fence that says what they are");
	foreach my $block ($self->blocks)
	{
		my $text = $block->{text};
		my $name = "$self->{file}, line $block->{line}: $block->{language} $block->{word}";

		next if $block->{word} =~ /^(elsewhere|machine)$/;
		$text =~ s/\Q$_\E/$stands_for{$_}/g foreach sort keys %stands_for;
		$self->make_programs($text) if $block->{language} =~ /^(sh|console)$/;
		my $run = $block->{word} ? \&keep_file : $kind{ $block->{language} };
	  SKIP:
		{
			skip 'pkg-config is not installed', 1 if $text =~ /pkg-config/ and missing_program('pkg-config');
			my $good = $run && $run->($self, $text, $block);
			ok($good, $name) or diag $self->{said} // 'unknown language';
		}
	}
	return;
}

# What the document calls and does not have.
sub make_programs
{
	my ($self, $text) = @_;

	while ($text =~ m{(?:^|[\s'"])\./([\w.-]+)}g)
	{
		$self->write_file($1, "#!/bin/sh\necho \"$1\${*:+ \$*}\"\n") unless -e "$self->{directory}/$1";
	}
	return;
}

sub write_file
{
	my ($self, $name, $text) = @_;
	my $file = "$self->{directory}/$name";

	unlink $file;
	append_to_file($file, $text);
	chmod 0755, $file if $text =~ /\A#!/ or $name =~ /\.sh$/;
	return $file;
}

# Runs a command in the directory; what it says is kept, stderr with stdout.
sub run_command_here
{
	my ($self, @command) = @_;
	my $libdir = pg_config('--libdir');

	local %ENV = (
		%ENV,
		PGHOST => $self->{node}->host,
		PGPORT => $self->{node}->port,
		PGDATABASE => $self->{database},
		PGUSER => 'postgres',
		PG_COLOR => 'never',
		PKG_CONFIG_PATH => "$libdir/pkgconfig",
		LD_LIBRARY_PATH => $libdir);
	delete @ENV{qw(WITHLOCK_DB PG_CONNECTION_STRING)};
	local $SIG{PIPE} = 'DEFAULT';
	my $out = '';
	IPC::Run::run(
		[ 'timeout', '-k', '1', '60', @command ], '<', \undef, '>', \$out, '2>&1',
		init => sub { chdir $self->{directory} or die "could not change directory: $!" });
	$self->{said} = $out;
	return $? == 0;
}

sub run_shell
{
	my ($self, $text) = @_;

	return $self->run_command_here('bash', '-e', '-c', $text);
}

sub run_sql
{
	my ($self, $text) = @_;

	return $self->run_command_here('psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f',
		$self->write_file("block.sql", $text));
}

# One shell for all commands of the block.
sub run_console
{
	my ($self, $text) = @_;
	my ($script, $expected) = ('', '');

	foreach my $line (split /\n/, $text)
	{
		if ($line =~ /^\$ (.*)/) { $script .= "$1\n" }
		elsif ($line =~ /^> (.*)/) { $script .= "$1\n" }
		else { $expected .= "$line\n" }
	}
	$self->run_command_here('bash', '-c', $script);
	my $pattern = join '\n', map {
		$_ eq '...' ? '(?s:.*)' : join('\d+', map { quotemeta } split /\d{4,}|(?<=\bfor )\d+(?= s\b)/, $_, -1)
	} split /\n/, squeezed($expected);
	return squeezed($self->{said}) =~ /\A$pattern\n?\z/;
}

# How wide a column is depends on the numbers in it.
sub squeezed
{
	my ($text) = @_;

	return $text =~ s/[ \t]+$//mgr =~ s/ +/ /gr;
}

# === Files ===

sub keep_file
{
	my ($self, $text, $block) = @_;
	my $file = $self->write_file($block->{word}, $text);
	my %check = (
		c => \&compile_c,
		crontab => \&run_crontab,
		haproxy => \&check_haproxy,
		json => sub { return eval { JSON::PP::decode_json($text) } },
		sh => sub { return $self->run_command_here('bash', '-n', $file) },
		yaml => \&check_yaml);

	$self->{said} = '';
	return $self->check_unit($file) if $block->{word} =~ /\.(service|timer)$/;
	my $check = $check{ $block->{language} };
	return !$check || $check->($self, $text, $file);
}

sub compile_c
{
	my ($self, undef, $file) = @_;

	return 1 if cannot_compile();
	return $self->run_command_here('cc', '-std=gnu99', '-Wall', '-Werror', $compiler_flags[-1],
		'-fsyntax-only', $file);
}

sub compile_fragment
{
	my ($self, $text) = @_;

	my $includes = join '', $text =~ /^(#include.*\n)/mg;
	$text =~ s/^#include.*\n//mg;
	my $file = $self->write_file('fragment.c',
		"#include <poll.h>\n#include <stdio.h>\n#include <advlock.h>\n$includes"
		  . "void fragment(advlock *h);\nvoid fragment(advlock *h)\n{\n\t{\n$text\n\t}\n}\n");
	return 1 if cannot_compile();
	return $self->run_command_here('cc', '-std=gnu99', '-Wall', '-Werror', $compiler_flags[-1],
		'-fsyntax-only', $file);
}

# The five fields of a time, and a command that a shell can run.
sub run_crontab
{
	my ($self, $text) = @_;

	foreach my $line (grep { !/^(#|\s*$|\w+=)/ } split /\n/, $text)
	{
		$line =~ /^(?:[\d*\/,-]+\s+){5}(\S.*)$/ or return;
		$self->make_programs($1);
		$self->run_shell($1) or return;
	}
	return 1;
}

# Every command in it that begins with withlock is one that runs, and every
# query for an exporter of metrics has the columns that are described.
sub check_yaml
{
	my ($self, $text) = @_;
	my $documents = eval { CPAN::Meta::YAML->read_string($text) } or return;
	my (@commands, @metrics);
	my @left = @$documents;

	while (defined(my $item = shift @left))
	{
		push @left, grep { ref } ref $item eq 'HASH' ? values %$item : @$item;
		next if ref $item ne 'HASH';
		push @commands, $item->{command} if ref $item->{command} eq 'ARRAY' and $item->{command}[0] eq 'withlock';
		push @metrics, $item if ref $item->{metrics} eq 'ARRAY';
	}
	foreach my $command (@commands)
	{
		$self->make_programs("@$command");
		$self->run_command_here(@$command) or return;
	}
	return !grep { !$self->check_metrics($_) } @metrics;
}

sub check_metrics
{
	my ($self, $item) = @_;
	my $described = join '|', map { keys %$_ } @{ $item->{metrics} };

	$self->run_command_here('psql', '-XqA', '-P', 'footer=off', '-c', $item->{query}) or return;
	my ($columns) = $self->{said} =~ /\A(.*)/;
	return 1 if $columns eq $described;
	$self->{said} = "columns: $columns\ndescribed: $described";
	return 0;
}

sub check_haproxy
{
	my ($self, undef, $file) = @_;

	return missing_program('haproxy')
	  || $self->run_command_here('sh', '-c', 'PATH=$PATH:/usr/sbin:/sbin haproxy -c -f "$1"', 'sh', $file);
}

# systemd complains about programs that are not there, which ours are not.
sub check_unit
{
	my ($self, $file) = @_;

	return 1 if missing_program('systemd-analyze');
	$self->write_file($_, "#!/bin/sh\n") foreach map { m{^ExecStart=(\S+)}m ? $1 =~ s{.*/}{}r : () } slurp_file($file);
	my $unit = slurp_file($file) =~ s{^(ExecStart=)/\S*/}{$1$self->{directory}/}mr;
	append_to_file($self->write_file($file =~ s{.*/}{}r, ''), $unit);
	$self->run_command_here('systemd-analyze', 'verify', '--man=no', '--generators=no', $file);
	return $self->{said} !~ /\Q$file\E|unit/i;
}

=pod

=back

=cut

1;
