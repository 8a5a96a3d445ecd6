# Our own PostgreSQL, and sessions that hold locks.  Sourced by bench/run.

programs=()						# other servers that were started

start_server() {
	initdb -D data -U postgres -A trust -E UTF8 --no-locale -N >initdb.log
	cat >>data/postgresql.conf <<-EOT
		shared_preload_libraries = 'advisory_lock'
		listen_addresses = ''
		unix_socket_directories = '$scratch'
		max_connections = $((crowd > 450 ? crowd + 50 : 500))
		max_locks_per_transaction = 128
	EOT
	pg_ctl -D data -l server.log -w start >start.log
	export PGHOST=$scratch PGPORT=5432 PGUSER=postgres PGDATABASE=postgres
	unset PGOPTIONS PGSERVICE
	sql -c 'CREATE EXTENSION advisory_lock' -c 'CREATE TABLE written (i bigint)'
}

stop_servers() {
	[ ${#programs[@]} = 0 ] || {
		kill "${programs[@]}" 2>/dev/null
		wait "${programs[@]}" 2>/dev/null
	} || true
	pg_ctl -D "$scratch/data" -m immediate -w stop >/dev/null 2>&1 || true
	rm -rf "$scratch"
}

sql() {
	psql -XAtq -v ON_ERROR_STOP=1 "$@"
}

# until_true COMMAND...: fails if it does not succeed within a minute.
until_true() {
	local end=$((SECONDS + 60))

	until "$@"; do
		if ((SECONDS > end)); then
			echo "run: in vain for a minute: $*" >&2
			return 1
		fi
		sleep 0.01
	done
}

# open_session: psql that stays; ask STATEMENT gets one line from it.
open_session() {
	coproc SESSION { psql -XAtq; }
	session=$SESSION_PID
}

ask() {
	local line

	echo "$1;" >&"${SESSION[1]}"
	read -r -t 300 line <&"${SESSION[0]}"
	echo "$line"
}

close_session() {
	eval "exec ${SESSION[1]}>&-"
	wait "$session" 2>/dev/null || true
}

# hold COUNT: a session that holds locks of so many names.
hold() {
	open_session
	[ "$(ask "SELECT count(advisory_lock.lock('held ' || i)) FROM generate_series(1, $1) i")" = "$1" ]
}
