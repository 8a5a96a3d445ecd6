# A sandbox: a temporary directory with a copy of the sources, a mirror of an
# installed PostgreSQL into which they are installed, and a private server on
# a socket.  Sourced by scripts/demo and scripts/test, which call
#
#	need_for_build; install_missing		(postgres.sh, packages.sh)
#	sandbox_create						then $sandbox is the directory
#	build_or_fail MAKE_ARGUMENT...
#	sandbox_start_server
#	sandbox_run COMMAND...
#
# Whatever happens, the directory and every process started by sandbox_run
# are gone when the script ends.

set -euo pipefail

scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$scripts/lib/postgres.sh"
. "$scripts/lib/packages.sh"
. "$scripts/lib/mirror.sh"

# Descriptors of our caller's would stay open in the servers.
for fd in /proc/self/fd/*; do
	fd=${fd##*/}
	[ "$fd" -le 2 ] || [ "$fd" = 255 ] || eval "exec $fd>&-"
done

# What would make the build write elsewhere, or something else.
unset CDPATH DESTDIR MAKEFLAGS MFLAGS MAKELEVEL GNUMAKEFLAGS MAKEFILES \
	prefix WITH_CLIENT COPT PROFILE CFLAGS CPPFLAGS LDFLAGS

fail() {
	echo "${0##*/}: $*" >&2
	exit 1
}

# === Beginning and end ===

sandbox=						# nothing to remove yet
trap sandbox_remove EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 131' QUIT
trap 'exit 141' PIPE
trap 'exit 143' TERM

# Servers refuse to run as root, so nothing in here does.
choose_user() {
	as_user=()
	if [ "$(id -u)" = 0 ]; then
		as_user=(setpriv "--reuid=$(id -u nobody)" "--regid=$(id -g nobody)"
			--clear-groups)
	fi
}

sandbox_create() {
	check_postgres
	choose_user
	find_place
	mirror_postgres
	sandbox_environment
	give_to_user
}

# Makes the directory where TMPDIR says, or where that will not do, elsewhere.
find_place() {
	local place reason

	for place in "${TMPDIR:-/tmp}" /tmp /var/tmp; do
		! reason=$(why_not_in "$place") || {
			[ "$place" != "${TMPDIR-}" ] ||
				echo "Not in TMPDIR=$place: $reason" >&2
			continue
		}
		# A signal waits until the directory and its name are both there.
		sandbox=$(trap '' HUP INT QUIT TERM
			mktemp -d "$(realpath -e -- "$place")/advisory_lock.XXXXXX") || continue
		mkdir "$sandbox"/{src,pg,run,tmp,home}
		give_to_user
		! reason=$(why_not_used) || {
			echo "Not in $place: $reason" >&2
			sandbox_remove
			continue
		}
		return 0
	done
	fail "there is no directory for temporary files that can be used; set TMPDIR"
}

# Says why a sandbox must not be made in the directory; fails if it may.
# It is looked at where it really is, since that is where we would write.
why_not_in() {
	local place

	place=$(realpath -e -- "$1" 2>/dev/null) || {
		echo "it does not exist"
		return 0
	}
	if [ ! -d "$place" ] || [ ! -w "$place" ] || [ ! -x "$place" ]; then
		echo "it is not a directory that can be written to"
	elif [[ $place =~ [^[:alnum:]/._+,@=-] ]]; then
		echo "make cannot handle its name"
	elif [ ${#place} -gt 40 ]; then
		echo "sockets in there would have names that are too long"
	elif belongs_to_postgres "$place"; then
		echo "it is a part of an installed PostgreSQL"
	else
		return 1
	fi
}

# Says why the new sandbox cannot be used; fails if it can.
why_not_used() {
	printf '#!/bin/sh\n' >"$sandbox/tmp/probe"
	chmod 755 "$sandbox/tmp/probe"
	if ! "${as_user[@]}" test -w "$sandbox/run"; then
		echo "an ordinary user cannot use it"
	elif ! "$sandbox/tmp/probe" 2>/dev/null; then
		echo "programs cannot be run from there"
	else
		rm "$sandbox/tmp/probe"
		return 1
	fi
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
	trap '' HUP INT QUIT PIPE TERM
	[ -n "$sandbox" ] || return 0
	# On QUIT a server ends at once and cleans up, unless it is just starting.
	sandbox_kill QUIT || sandbox_kill KILL || :
	remove_shared_memory
	rm -rf "$sandbox"
	sandbox=
}

# === What is done in it ===

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
	chmod -R u+rwX "$sandbox/src"
	give_to_user
	{
		sandbox_make clean &&
			sandbox_make -j "$(nproc)" install "${sandbox_dirs[@]}" "$@"
	} </dev/null >"$log" 2>&1
}

# build_or_fail MAKE_ARGUMENT...: the same, and tells people.
build_or_fail() {
	echo "Building for PostgreSQL $pg_version in $sandbox" >&2
	sandbox_build "$sandbox/build.log" "$@" || {
		cat "$sandbox/build.log" >&2
		fail "the build failed"
	}
}

sandbox_start_server() {
	local data=$sandbox/data log=$sandbox/server.log preload=

	# From 17 on the extension needs no preloading.
	[ "${pg_version%%[!0-9]*}" -ge 17 ] ||
		preload=advisory_lock
	{
		sandbox_run initdb -D "$data" -U postgres -A trust -E UTF8 --no-locale -N
		cat >>"$data/postgresql.conf" <<-EOT
			listen_addresses = ''
			unix_socket_directories = '"$sandbox/run"'
			shared_preload_libraries = '$preload'
		EOT
		sandbox_run pg_ctl -D "$data" -l "$log" -w start
	} </dev/null >"$sandbox/initdb.log" 2>&1 || {
		cat "$sandbox/initdb.log" "$log" >&2 || :
		fail "the server did not start"
	}
}
