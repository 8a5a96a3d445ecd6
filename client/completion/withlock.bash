# Completion of withlock's command line for bash.
#
# Options, files and commands as usual; names of locks from the server that
# the command line or the environment leads to, if it answers within a second.
# Names come from whoever may connect: they are never evaluated, and quoted
# before they get into the command line.

# The options that take an argument, and those that do not.
_withlock_with='-d --db -h --host -p --port -U --username -t --timeout -w --wait
	-E --conflict-exit-code --permits --also --key -c --command --on-lost --grace --lock-delay
	--lease --at-least --once-per'
_withlock_without='-n --nonblock -s --shared --keep --transaction --allow-pooler
	--list --watch --status --kill --json -q --quiet -v --verbose -V --version --help'

# Tools whose keys the extension knows.
_withlock_tools='atlas dbos flyway golang-migrate goose kysely liquibase node-pg-migrate
	pgbackrest pg_partman prisma rails sqitch sqlx tern'

# A word as the shell would see it, without running anything: plain, in one
# pair of quotes, or a variable.
_withlock_value() {
	local word=$1

	local special='$`\"'"'"

	case $word in
	\"*\") word=${word:1:${#word}-2} special='$`\"' ;;
	\'*\') word=${word:1:${#word}-2} special= ;;
	esac
	if [[ -n $special && $word =~ ^\$\{?([A-Za-z_][A-Za-z_0-9]*)\}?$ ]]; then
		word=${BASH_REMATCH[1]}
		printf %s "${!word-}"
	elif [[ -z $special || $word != *["$special"]* ]]; then
		printf %s "$word"
	fi
}

# The words before the current one: how to connect goes to $connect, NAME to
# $name; $command is the index of the command, if it has begun.
_withlock_read() {
	local i word

	for ((i = 1; i < cword; i++)); do
		word=${words[i]}
		case $word in
		-d | --db | -h | --host | -p | --port | -U | --username)
			connect+=("$word" "$(_withlock_value "${words[i + 1]-}")")
			((i++))
			;;
		--db=* | --host=* | --port=* | --username=*)
			connect+=("${word%%=*}" "$(_withlock_value "${word#*=}")")
			;;
		--list | --status | --kill) looks=1 ;;
		--key)
			name=$word
			((i++))
			;;
		--key=*) name=$word ;;
		--)
			if [ -n "$name" ]; then
				command=$((i + 1))
				return
			fi
			name=${words[i + 1]-}
			((i++))
			;;
		-*) [[ " "${_withlock_with//[$'\n\t']/ }" " != *" $word "* ]] || ((i++)) ;;
		*)
			if [ -n "$name" ]; then
				command=$i
				return
			fi
			name=$word
			;;
		esac
	done
}

# The names that are held or awaited, one a line; without those that could
# not be typed, which JSON escapes.
_withlock_names() {
	withlock "${connect[@]}" --list --json --quiet --timeout 1s 2>/dev/null </dev/null |
		sed -n 's/.*{"name" : "\([^"\\]*\)", "mode" : .*/\1/p' | sort -u
}

_withlock_complete_name() {
	local line quoted prefix=

	# readline replaces only what is behind the last ":" or "="
	[[ $cur != *[:=]* ]] || prefix=${cur%"${cur##*[:=]}"}
	while IFS= read -r line; do
		printf -v quoted %q "$line"
		if [[ $line == "$cur"* ]] || [[ $quoted == "$cur"* ]]; then
			COMPREPLY+=("${quoted#"$prefix"}")
		fi
	done < <(_withlock_names)
}

_withlock_complete_value() {
	case $1 in
	--on-lost) COMPREPLY=($(compgen -W 'term kill ignore' -- "$cur")) ;;
	--also) _withlock_complete_name ;;
	--key) COMPREPLY=($(compgen -W "$_withlock_tools" -- "$cur")) ;;
	-h | --host) COMPREPLY=($(compgen -A hostname -- "$cur")) ;;
	-U | --username) COMPREPLY=($(compgen -u -- "$cur")) ;;
	-t | --timeout | -w | --wait | --grace | --lock-delay | --lease | --at-least | --once-per)
		[[ ! $cur =~ ^[0-9]+$ ]] || COMPREPLY=("$cur"{ms,s,m,h})
		;;
	esac
}

_withlock() {
	local cur prev words cword command= name= looks= connect=()

	COMPREPLY=()
	if declare -F _get_comp_words_by_ref >/dev/null; then
		_get_comp_words_by_ref -n =: cur prev words cword
	else
		words=("${COMP_WORDS[@]}") cword=$COMP_CWORD
		cur=${words[cword]} prev=${words[cword - 1]}
	fi
	_withlock_read
	if [ -n "$command" ]; then
		if declare -F _command_offset >/dev/null; then
			_command_offset "$command"
		else
			COMPREPLY=($(compgen -f -- "$cur"))
		fi
	elif [[ " "${_withlock_with//[$'\n\t']/ }" " == *" $prev "* ]]; then
		_withlock_complete_value "$prev"
	elif [[ $cur == -* ]]; then
		COMPREPLY=($(compgen -W "$_withlock_with $_withlock_without --" -- "$cur"))
	elif [ -z "$name" ]; then
		_withlock_complete_name
	elif [ -z "$looks" ]; then
		COMPREPLY=($(compgen -c -- "$cur"))
	fi
}

complete -F _withlock withlock
