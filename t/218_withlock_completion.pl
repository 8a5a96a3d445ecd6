# Copyright (c) 2026 the advisory_lock authors
#
# Completion of the command line in bash and zsh: the options are those of
# --help, names come from the server and cannot do anything.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;
use Proxy;
use Terminal;
use Withlock;

my $node = start_node('main');
my $dir = PostgreSQL::Test::Utils::tempdir();
my $script = 'client/completion/withlock.bash';

# What bash offers for the last of the words; the array is the reply.
sub offers
{
	my (@words) = @_;
	my $program = start_program({ env => { THE_DB => conninfo($node) } }, 'bash', '--norc', '-c',
		'. "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _withlock; '
		  . 'for reply in "${COMPREPLY[@]}"; do echo "$reply"; done', $script, 'withlock', @words);

	is($program->wait, 0, 'bash completes: ' . join(' ', 'withlock', @words));
	is($program->stderr, '', '... quietly');
	return split /\n/, $program->stdout;
}

# --- Options

my $help = withlock('--help')->stdout;
my @cells = map { /^(?:-\w,|   ) --/ ? (substr($_, 0, 40), length > 40 ? substr($_, 40) : ()) : () } split /\n/, $help;
my %options = map { /^(?:-\w,| {3}) --([\w-]+)( [A-Z]+)?/ ? ("--$1" => defined $2) : () } @cells;
my %letters = map { /^(-\w), --[\w-]+( [A-Z]+)?/ ? ($1 => defined $2) : () } @cells;
cmp_ok(scalar keys %options, '>', 25, 'the help has options');
is_deeply([sort grep { $_ ne '--' } offers('--')], [sort keys %options], 'the options of bash are those of the help');
is_deeply([offers('--on-')], ['--on-lost'], 'one option');
is_deeply([offers('x', '--lock')], ['--lock-delay'], '... after NAME');
my ($with) = slurp_file($script) =~ /^_withlock_with='(.*?)'/ms;
is_deeply([sort split ' ', $with], [sort grep { $options{$_} // $letters{$_} } keys %options, keys %letters],
	'... and it knows which take an argument');
my $zsh = slurp_file('client/completion/_withlock');
my %in_zsh;
foreach my $spec ($zsh =~ /^\t(['{(][^\[\n]*)\[/mg)
{
	$spec =~ s/\([^)]*\)//;		# what it excludes
	$in_zsh{$_} = 1 foreach $spec =~ /(--[\w-]+|(?<![\w-])-\w(?![\w-]))/g;
}
is_deeply([sort keys %in_zsh], [sort keys %options, keys %letters], 'the options of zsh are those of the help');

# --- Values

is_deeply([offers('--on-lost', '')], ['term', 'kill', 'ignore'], '--on-lost');
is_deeply([offers('x', '-t', '5')], ['5ms', '5s', '5m', '5h'], 'a duration');
is_deeply([grep { $_ eq 'true' } offers('x', '--', 'tru')], [], 'a command and its arguments are not ours');
is((grep { $_ eq 'true' } offers('x', 'tru')) > 0, 1, 'the name of a command');

# --- Names from the server

my @names = ('job', 'job two', q{it's}, 'a$(touch hit)', 'a`touch hit`', 'a"; touch hit; "', 'host:port', 'k=v', '-dash', '*', "new\nline", 'back\\slash');
my $typed = 'host=' . $node->host . ' port=' . $node->port . ' dbname=postgres';
my @holders = map { start_withlock('-d', conninfo($node), '--lock-delay', '0', '--', $_, '--', 'sleep', '1000') } @names;
$_->wait_command foreach @holders;
foreach my $connect (
	['-d', qq("$typed")], ['-d', "'$typed'"], ["--db='$typed'"], ['-d', qq("@{[conninfo($node)]}")], ['-d', '"$THE_DB"'],
	['-d', '${THE_DB}'], ['--db', '$THE_DB'],
	['-h', $node->host, '-p', $node->port, '-d', 'postgres'])
{
	is_deeply([offers(@$connect, 'job')], ['job', 'job\\ two'], 'names from the server') or diag "@$connect";
}
my @connect = ('-d', "'$typed'");
is_deeply([offers('--status', @connect, 'jo')], ['job', 'job\\ two'], '... for --status');
is_deeply([offers(@connect, 'x', '--also', 'jo')], ['job', 'job\\ two'], '... for --also');
is_deeply([offers(@connect, 'host:p')], ['port'], '... behind a colon, where readline replaces the rest only');
my @offered = offers(@connect, '');
is(scalar @offered, 9, 'all but those that cannot be typed');
foreach my $word (@offered)
{
	my $shell = start_program({}, 'bash', '-c', "printf '%s' $word");
	is($shell->wait, 0, "what is offered is one word: $word");
	is(scalar(grep { $_ eq $shell->stdout } @names), 1, '... and the name');
}
offers('-d', $_, '') foreach '$(touch hit)', '`touch hit`', '"$(touch hit)"', "'a'\$(touch hit)'b'", '${x[$(touch hit)]}', 'postgres://h/$(touch hit)';
ok(!-e 'hit', 'nothing is run, neither names nor what is being typed');

my $silent = Proxy->new(undef, greeting => '');
my $begin = time;
is_deeply([offers('-d', $silent->conninfo, '')], [], 'a silent server');
cmp_ok(time - $begin, '<', 10, '... is not waited for');
$silent->close;
is_deeply([offers('-d', 'host=/nonexistent', '')], [], 'no server');

# --- zsh

SKIP:
{
	my $missing = missing_program('zsh');
	skip "$missing is not installed", 6 if $missing;

	local $ENV{WITHLOCK_DB} = conninfo($node);
	local $ENV{ZDOTDIR} = $dir;
	my $terminal = Terminal->new(columns => 200);
	$terminal->type("exec zsh -f\n");
	$terminal->type("fpath=(\$PWD/client/completion \$fpath); autoload -U compinit; compinit -u -d $dir/dump; PROMPT='rea''dy> '; echo up\n");
	$terminal->wait_for(qr/^up\r/m);
	my %completed = (
		'withlock --on-los' => '--on-lost',
		'withlock --on-lost ig' => 'ignore',
		'withlock --status hos' => 'host:port',
		'withlock x --lock-d' => '--lock-delay',
		'withlock x -t 5 -- basena' => 'basename',
		'withlock it' => "it\\'s");
	foreach my $line (sort keys %completed)
	{
		my $expected = $completed{$line};
		$terminal->run('');
		$terminal->type("$line\t");
		ok(eval { $terminal->wait_for(qr/\Q$expected\E/); 1 }, "zsh completes $line") or diag $@;
		$terminal->type("\cU");
	}
	ok(!-e 'hit', 'nothing is run');
}
kill 'TERM', map { $_->pid } @holders;
$_->wait foreach @holders;

done_testing();
