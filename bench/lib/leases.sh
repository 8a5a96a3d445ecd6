# Rates of leases, over rows of a bare table.  Sourced by bench/run.

# 10,000 leases, a bare table of the same columns with as many rows, and the
# tokens, which both sides look up.  What is renewed is renewed for a day.  In a
# database of their own, since the view locks of a database shows its leases.
prepare_leases() {
	sql -c 'CREATE DATABASE leased'
	PGDATABASE=leased sql >leases.out <<-'EOT'
		CREATE EXTENSION advisory_lock;
		CREATE TABLE bare (LIKE advisory_lock.leases INCLUDING ALL) WITH (fillfactor = 50);
		SELECT count(advisory_lock.acquire_lease('lease ' || i, '1 day')) FROM generate_series(1, 10000) i;
		INSERT INTO bare SELECT * FROM advisory_lock.leases;
		CREATE TABLE given AS SELECT row_number() OVER () AS i, * FROM advisory_lock.leases;
		ALTER TABLE given ADD PRIMARY KEY (i);
		VACUUM ANALYZE;
	EOT
}

upsert() {
	echo "INSERT INTO bare AS l (key1, key2, kind, name, token, holder, owner, acquired_at, expires_at, renewed_from, released)" \
		"$1 ON CONFLICT (key1, key2, kind) DO UPDATE SET token = EXCLUDED.token," \
		"expires_at = EXCLUDED.expires_at, renewed_from = l.expires_at;"
}

write_lease_scripts() {
	local n='\set n random(1, 10000)' i='\set i :i + 1'
	local values="VALUES (:client_id, :i, 9, 'new', :i, 'bench', 'postgres', now(), now() + interval '1 minute', now(), false)"

	script renew.ours "$n" "SELECT advisory_lock.renew_lease(name, token, '1 day') FROM given WHERE i = :n;"
	script renew.other "$n" "$(upsert "SELECT key1, key2, kind, name, token, holder, owner, acquired_at,
		clock_timestamp() + interval '1 day', expires_at, false FROM given WHERE i = :n" | tr '\n\t' '  ')"
	script acquire.ours "$i" "SELECT advisory_lock.acquire_lease('new ' || :client_id || '.' || :i || '.$RANDOM', '1 minute');"
	script acquire.other "$i" "$(upsert "${values/9/:kind}")"
	script both.ours "$i" \
		"SELECT advisory_lock.acquire_lease('job ' || :client_id || '.' || :i, '1 minute') AS token \\gset" \
		"SELECT advisory_lock.release_lease('job ' || :client_id || '.' || :i, :token);"
	script both.other "$i" "$(upsert "$values")" "DELETE FROM bare WHERE key1 = :client_id AND key2 = :i AND kind = 9;"
}

# The same as rate, beside so many leases.
lease_rate() {
	[ -e leases.out ] || prepare_leases
	write_lease_scripts
	sed -i "s/:kind/$((10 + RANDOM))/" acquire.other
	PGDATABASE=leased rate "$@"
}
