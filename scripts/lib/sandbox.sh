# A sandbox: a temporary directory with a copy of the sources, a mirror of an
# installed PostgreSQL into which they are installed, and a private server on
# a socket.  Sourced by scripts/demo and scripts/test, which call
#
#	need_for_build; install_missing		(packages.sh)
#	sandbox_create						then $sandbox is the directory
#	sandbox_build MAKE_ARGUMENT...
#	sandbox_start_server
#	sandbox_run COMMAND...
#
# Whatever happens, the directory and every process started by sandbox_run
# are gone when the script ends.

set -euo pipefail

scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$scripts/lib/packages.sh"

# Descriptors of our caller's would stay open in the servers.
for fd in /proc/self/fd/*; do
	fd=${fd##*/}
	[ "$fd" -le 2 ] || [ "$fd" = 255 ] || eval "exec $fd>&-"
done

fail() {
	echo "${0##*/}: $*" >&2
	exit 1
}

# === Beginning and end ===

sandbox_create() {
	sandbox=$(mktemp -d "${TMPDIR:-/tmp}/advisory_lock.XXXXXX")
	trap sandbox_remove EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
	mkdir "$sandbox"/{src,pg,run,tmp,home}
	find_pg_config
	mirror_postgres
	# Servers refuse to run as root, so nothing in here does.
	as_user=()
	if [ "$(id -u)" = 0 ]; then
		as_user=(setpriv "--reuid=$(id -u nobody)" "--regid=$(id -g nobody)"
			--clear-groups)
	fi
	sandbox_environment
	give_to_user
	"${as_user[@]}" test -w "$sandbox/run" ||
		fail "$sandbox cannot be used by an ordinary user; set TMPDIR"
}

give_to_user() {
	[ "$(id -u)" != 0 ] || chown -Rh "$(id -u nobody):$(id -g nobody)" "$sandbox"
}

# The processes that were started in the sandbox: they have its mark in their
# environment, or, as a server does, a directory in it as the current one.
sandbox_processes() {
	{
		grep -lsz "^ADVISORY_LOCK_SANDBOX=$sandbox\$" /proc/[0-9]*/environ
		find /proc/[0-9]* -maxdepth 1 -name cwd -lname "$sandbox*" 2>/dev/null
	} | cut -d/ -f3 | sort -u
}

# Sends the signal until no process is left, for two seconds.
sandbox_kill() {
	local pids tries

	for tries in {1..20}; do
		pids=$(sandbox_processes || :)
		[ -n "$pids" ] || return 0
		note_shared_memory $pids
		kill "-$1" $pids 2>/dev/null || :
		sleep 0.1
	done
	return 1
}

# Shared memory outlives a server that is killed, so note what these use: the
# ids of System V segments, which maps shows as inodes, and POSIX ones' files.
note_shared_memory() {
	local pid

	for pid; do
		awk '/ \/SYSV/ { print $5 } / \/dev\/shm\/PostgreSQL/ { print $6 }' \
			"/proc/$pid/maps" 2>/dev/null || :
	done >>"$sandbox/shared_memory"
}

remove_shared_memory() {
	local segment

	[ -e "$sandbox/shared_memory" ] || return 0
	sort -u "$sandbox/shared_memory" | while read -r segment; do
		case $segment in
		/*) rm -f "$segment" ;;
		*) ipcrm -m "$segment" 2>/dev/null || : ;;
		esac
	done
}

sandbox_remove() {
	trap '' HUP INT TERM
	# On QUIT a server ends at once and cleans up, unless it is just starting.
	sandbox_kill QUIT || sandbox_kill KILL || :
	remove_shared_memory
	rm -rf "$sandbox"
}

# === PostgreSQL ===

find_pg_config() {
	pg_config=${PG_CONFIG:-/usr/lib/postgresql/$(postgres_major)/bin/pg_config}
	"$pg_config" --version >/dev/null || fail "$pg_config does not work"
	server_bindir=$("$pg_config" --bindir)
	[ -x "$server_bindir/postgres" ] || fail "there is no server in $server_bindir"
}

# PostgreSQL's programs find each other and all other files relative to where
# they are, so copies of them under another root, with links to the rest, are
# an installation of its own that we can write into.
mirror_postgres() {
	local sharedir mandir

	mkdir -p "$sandbox/pg$server_bindir"
	cp "$server_bindir"/* "$sandbox/pg$server_bindir"
	sharedir=$("$pg_config" --sharedir)
	mandir=$("$pg_config" --mandir)
	link_entries "$("$pg_config" --pkglibdir)" "$("$pg_config" --includedir)" \
		"$sharedir" "$sharedir/extension" "$mandir" "$mandir/man1"
	bindir=$sandbox/pg$server_bindir
	mkdir -p "$("$bindir/pg_config" --libdir)"
	# The client goes there too, where the tests look for it.
	sandbox_dirs=(PG_CONFIG="$bindir/pg_config" bindir="$bindir"
		libdir="$("$bindir/pg_config" --libdir)"
		includedir="$("$bindir/pg_config" --includedir)"
		mandir="$("$bindir/pg_config" --mandir)")
}

# link_entries DIR...: makes the same directory in the mirror, with a link to
# everything that is in it.
link_entries() {
	local dir target

	for dir; do
		target=$sandbox/pg$dir
		rm -f "$target"				# a link that its parent has got
		mkdir -p "$target"
		[ ! -d "$dir" ] || find "$dir" -mindepth 1 -maxdepth 1 -exec ln -s -t "$target" {} +
	done
}

sandbox_environment() {
	local name

	for name in ${!PG@} ${!WITHLOCK_@}; do
		case $name in
		PG_TEST_*) ;;
		*) unset "$name" ;;
		esac
	done
	sandbox_env=(ADVISORY_LOCK_SANDBOX="$sandbox" HOME="$sandbox/home"
		TMPDIR="$sandbox/tmp" LANG=C.UTF-8 LC_ALL=C.UTF-8
		PATH="$bindir:$(usable_path)"
		PGHOST="$sandbox/run" PGUSER=postgres PGDATABASE=postgres)
}

# PATH without root's own directories: with one that cannot be searched, a
# command that is nowhere is reported as not permitted.
usable_path() {
	local dir path=

	while read -r -d : dir; do
		! "${as_user[@]}" test -x "$dir" || path+=:$dir
	done <<<"$PATH:"
	echo "${path#:}"
}

# sandbox_run COMMAND...: runs it in the sandbox and returns its status.  It
# is waited for, not run in the foreground, so that a signal ends us at once.
sandbox_run() {
	local child status=0

	# What our caller or the shell ignores, the command shall not.
	"${as_user[@]}" env --default-signal=INT,QUIT,PIPE,TERM \
		"${sandbox_env[@]}" "$@" <&0 &
	child=$!
	wait $child || status=$?
	while kill -0 $child 2>/dev/null; do
		status=0
		wait $child || status=$?
	done
	return $status
}

sandbox_make() {
	sandbox_run make -C "$sandbox/src" -s with_llvm=no "$@"
}

# sandbox_build LOG MAKE_ARGUMENT...: builds a copy of the sources and
# installs it into the mirror.
sandbox_build() {
	local log=$1

	shift
	cp -R "$scripts/.."/* "$sandbox/src"
	give_to_user
	{
		sandbox_make clean &&
			sandbox_make -j "$(nproc)" install "${sandbox_dirs[@]}" "$@"
	} </dev/null >"$log" 2>&1
}

sandbox_start_server() {
	local data=$sandbox/data log=$sandbox/server.log preload=

	# From 17 on the extension needs no preloading.
	[ "$("$bindir/postgres" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')" -ge 17 ] ||
		preload=advisory_lock
	{
		sandbox_run initdb -D "$data" -U postgres -A trust -E UTF8 --no-locale -N
		cat >>"$data/postgresql.conf" <<-EOT
			listen_addresses = ''
			unix_socket_directories = '$sandbox/run'
			shared_preload_libraries = '$preload'
		EOT
		sandbox_run pg_ctl -D "$data" -l "$log" -w start
	} </dev/null >"$sandbox/initdb.log" 2>&1 || {
		cat "$sandbox/initdb.log" "$log" >&2 || :
		fail "the server did not start"
	}
}
