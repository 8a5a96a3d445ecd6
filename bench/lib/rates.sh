# Rates of transactions, by pgbench.  Sourced by bench/run.

# script FILE SETTING STATEMENT...: what pgbench is to run.
script() {
	printf '%s\n' "$2" "${@:3}" >"$1"
}

# pair NAME SETTING ARGUMENT: take and release, by name and by the name's hash.
pair() {
	script "$1.ours" "$2" "SELECT advisory_lock.lock($3);" "SELECT advisory_lock.unlock($3);"
	script "$1.other" "$2" "SELECT pg_advisory_lock(hashtextextended($3, 0));" \
		"SELECT pg_advisory_unlock(hashtextextended($3, 0));"
}

# many LOCK [CAST]: for 5,000 names in one statement, in the server.
many() {
	echo "SELECT count($1) FROM generate_series(1, 5000) i;"
}

write_scripts() {
	pair hot '' "'job'"
	pair ten '\set n random(1, 10)' ':n::text'
	pair thousands '\set n random(1, 5000)' ':n::text'
	pair own '' ':client_id::text'
	pair new '\set n random(1, 200000)' ':n::text'
	script statement.ours '' "$(many 'advisory_lock.lock(i::text)')" "$(many 'advisory_lock.unlock(i::text)')"
	script statement.other '' "$(many 'pg_advisory_lock(hashtextextended(i::text, 0))')" \
		"$(many 'pg_advisory_unlock(hashtextextended(i::text, 0))')"
	script call.ours '' "CALL advisory_lock.acquire('job', NULL, false, NULL, NULL, NULL);" \
		"SELECT advisory_lock.unlock('job');"
	cp hot.ours call.other
	script permits.ours '' "CALL advisory_lock.acquire('pool', NULL, false, 8, NULL, NULL) \\gset" \
		"SELECT advisory_lock.release_permit('pool', :permit);"
	script permits.other '' "SELECT advisory_lock.lock('place ' || :client_id % 8);" \
		"SELECT advisory_lock.unlock('place ' || :client_id % 8);"
	cp new.ours crowded.ours
	cp new.ours crowded.other
	cp hot.ours same.ours
	cp hot.ours same.other
	script write '' 'INSERT INTO written SELECT generate_series(1, 100);'
	write_other_locks
}

# What others do in SQL, in the least statements: a row with a time until which
# it is locked; a row's own lock; and a key of 31 bits that the client computes.
write_other_locks() {
	sql -c 'CREATE TABLE shedlock (name varchar(64) PRIMARY KEY, lock_until timestamp NOT NULL,
			locked_at timestamp NOT NULL, locked_by varchar(255) NOT NULL)' \
		-c 'CREATE TABLE qrtz_locks (lock_name varchar(40) PRIMARY KEY)' \
		-c "INSERT INTO qrtz_locks VALUES ('job')"
	cp own.ours shedlock.ours
	script shedlock.other '' \
		"INSERT INTO shedlock VALUES (:client_id, now() + interval '1 minute', now(), 'bench')
			ON CONFLICT (name) DO UPDATE SET lock_until = EXCLUDED.lock_until, locked_at = now(), locked_by = 'bench'
			WHERE shedlock.lock_until <= now();" \
		"UPDATE shedlock SET lock_until = now() WHERE name = :client_id::text AND locked_by = 'bench';"
	cp hot.ours quartz.ours
	script quartz.other '' 'BEGIN;' "SELECT * FROM qrtz_locks WHERE lock_name = 'job' FOR UPDATE;" 'COMMIT;'
	cp hot.ours rails.ours
	script rails.other '' 'SELECT pg_try_advisory_lock(2116413622, 0) AS t1;' 'SELECT pg_advisory_unlock(2116413622, 0) AS t2;'
}

# rate CLIENTS SCRIPT SIDE: transactions a second, without the connecting.
# Many clients get a second for each 40 of them, lest their first transactions,
# in which sessions look up what they need, be most of what is measured.
# pgbench has no figure where all that time went into connecting: then longer.
rate() {
	local least=$((($1 + 39) / 40)) time tps

	((least >= seconds)) || least=$seconds
	for time in "$least" $((4 * least)) $((16 * least)); do
		tps=$(pgbench -n -M prepared -c "$1" -j 1 -D i=0 -f "$2.$3" -T "$time" 2>pgbench.err |
			sed -n 's/^tps = \([0-9.]*\).*/\1/p')
		[ -z "$tps" ] || break
	done
	[ -n "$tps" ] || cat pgbench.err >&2
	echo "$tps"
}

# The same while four others keep the WAL busy.
rate_beside_writers() {
	local writers

	pgbench -n -c 4 -j 1 -f write -T 300 >writers.log 2>&1 &
	writers=$!
	rate "$@"
	kill "$writers" 2>/dev/null
	wait "$writers" 2>/dev/null || true
}

# rate_beside_held OURS OTHER CLIENTS SCRIPT SIDE: the same while another
# session holds locks of so many names.
rate_beside_held() {
	local held=$1

	[ "$5" = ours ] || held=$2
	hold "$held"
	rate "${@:3}"
	close_session
}
