# Many processes that wait for one lock.  Sourced by bench/run.

# queue PROGRAM SIZE WHAT SIDE: a figure of so many processes that wait for one
# lock, each running a command when its turn comes; the other side is the bare
# program.  What a round has measured once serves all of its rows:
#
#	p50, p99	percentiles of the ms from one command to the next
#	disorder	commands that ran before one that had waited for longer
#	client, backend	KiB of private memory of one that waits
queue() {
	local program=$1 size=${!2} file pids

	[ "$4" = ours ] || program=bare
	file=queue.$program.$size.$round
	[ -e "$file.$3" ] || run_queue "$program" "$size" "$file" >queue.log || {
		kill "${pids[@]}" 2>/dev/null
		return 1
	}
	cat "$file.$3"
}

# run_queue PROGRAM SIZE FILE: measures all that into FILE.WHAT; into $pids, who
# takes part.
run_queue() {
	local i run ready=$3.ready go=$3.go stamps=$3.stamps

	mkfifo "$go"
	: >waiting
	program "$1" queue
	"${run[@]}" sh -c "echo >$ready; read -r _ <$go" &
	pids=("$!")
	until_true [ -e "$ready" ] || return
	open_session
	for ((i = 1; i <= $2; i++)); do
		"${run[@]}" ./stamp "$stamps" "$i" &
		pids+=("$!")
		until_true are_waiting "$1" "$i" || return
	done
	private_memory "${pids[@]:1}" >"$3.client"
	private_memory $(sql -c "SELECT pid FROM pg_locks WHERE NOT granted AND locktype = 'advisory'") >"$3.backend"
	close_session
	echo >"$go"
	wait "${pids[@]}"
	[ "$(wc -l <"$stamps")" = "$2" ] || return
	sort -n "$stamps" >"$3.sorted"
	awk '$2 < last { n++ } { if ($2 > last) last = $2 } END { print n + 0 }' "$3.sorted" >"$3.disorder"
	percentile 50 <"$3.sorted" >"$3.p50"
	percentile 99 <"$3.sorted" >"$3.p99"
}

# are_waiting PROGRAM COUNT: whether so many processes stand in the queue.
are_waiting() {
	local count

	case $1 in
		bare | withlock | npm)
			count=$(ask "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'advisory'") ;;
		flock) count=$(grep -c -- "-> FLOCK.*:$(stat -c %i queue.lock) " /proc/locks) || true ;;
		etcd)
			count=$(etcdctl --endpoints "$etcd" get queue/ --prefix --keys-only | grep -c .) || true
			count=$((count - 1)) ;;
		*) count=$(wc -l <waiting) ;;		# they say so there
	esac
	[ "$count" = "$2" ]
}

# percentile P: of the ms between the times on the lines of the input.
percentile() {
	awk 'NR > 1 { print $1 - last } { last = $1 }' | sort -n |
		awk -v p="$1" '{ t[NR] = $1 } END { i = int(NR * p / 100 + 0.999); printf "%.4f\n", t[i] / 1000000 }'
}

# private_memory PID...: the median of the processes, in KiB.
private_memory() {
	[ $# != 0 ] || return 0
	awk '/^Private_/ { kb[FILENAME] += $2 } END { for (f in kb) print kb[f] }' \
		$(printf "/proc/%s/smaps_rollup " "$@") | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

# idle WHAT SIDE: system calls a second of one that waits for a lock: of its
# backend, or of the program itself.
idle() {
	local run pids pid ready=idle.ready go=idle.go waits="FROM pg_locks WHERE NOT granted AND locktype = 'advisory'"

	program "$([ "$2" = ours ] && echo withlock || echo bare)" idle
	rm -f "$ready" "$go" calls
	mkfifo "$go"
	"${run[@]}" sh -c "echo >$ready; read -r _ <$go" >idle.log &
	pids=("$!")
	until_true [ -e "$ready" ] || return
	open_session
	"${run[@]}" true >idle.log &
	pids+=("$!")
	until_true is_waiting || return
	pid=${pids[1]}
	[ "$1" = client ] || pid=$(sql -c "SELECT pid $waits")
	close_session
	sleep 1.5			# past deadlock_timeout
	timeout -s INT "$((4 * seconds))" strace -f -o calls -p "$pid" 2>/dev/null || true
	echo >"$go"
	wait "${pids[@]}"
	grep '(' calls | grep -vc 'resuming\|detached' | awk -v seconds="$((4 * seconds))" '{ print $1 / seconds }'
}

is_waiting() {
	are_waiting withlock 1
}
