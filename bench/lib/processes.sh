# Programs that run a command under a lock.  Sourced by bench/run.

prepare_processes() {
	cc -O2 -I"$(pg_config --includedir)" -I/usr/include/postgresql "$bench/bare.c" \
		-L"$(pg_config --libdir)" -lpq -o bare
	cc -O2 "$bench/stamp.c" -o stamp
	withlock bench -- true
}

# program NAME LOCK: puts into $run what comes before the command.
program() {
	case $1 in
		bare) run=(./bare "$2") ;;
		withlock) run=(withlock "$2" --) ;;
		flock) run=(flock "$2.lock") ;;
		redis) run=(./redis redis.socket "$2") ;;
		zookeeper) run=(./zookeeper "$zookeeper" "$2") ;;
		etcd) run=(etcdctl --endpoints "$etcd" lock "$2" --) ;;
		npm) run=(node_modules/.bin/withlock "$2" --) ;;
	esac
}

# whole OURS OTHER SIDE: ms that a short command takes under a lock.
whole() {
	local begin i run

	program "$([ "$3" = ours ] && echo "$1" || echo "$2")" bench
	begin=${EPOCHREALTIME/./}
	for ((i = 0; i < starts; i++)); do
		"${run[@]}" true >/dev/null || return
	done
	echo "$begin ${EPOCHREALTIME/./} $starts" | awk '{ printf "%.3f\n", ($2 - $1) / $3 / 1000 }'
}

# listing HOW SIDE: ms to list 5,000 locks; the other side is 2,500.
listing() {
	local held=5000 begin

	[ "$2" = ours ] || held=2500
	hold "$held"
	if [ "$1" = view ]; then
		sql -c 'SELECT count(*) FROM advisory_lock.locks' -c '\timing' -c 'SELECT * FROM advisory_lock.locks' |
			sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p'
	else
		begin=${EPOCHREALTIME/./}
		withlock --list >/dev/null
		echo "$begin ${EPOCHREALTIME/./}" | awk '{ printf "%.3f\n", ($2 - $1) / 1000 }'
	fi
	close_session
}
