# Lock services other than PostgreSQL: each on loopback or a socket, its data in
# our directory, one server without replicas, which is the least that it costs.
# Sourced by bench/run.

# prepare_peer NAME TITLE COMMAND...: left out where one of the commands is
# missing, or the peer cannot be prepared.
prepare_peer() {
	local name=$1 title=$2 command

	wanted "(whole|queue) $name " || return 0
	for command in "${@:3}"; do
		command -v "$command" >/dev/null || {
			leave_out "(whole|queue) $name " "$title, since $command is not installed"
			return 0
		}
	done
	"prepare_$name" >"$name.log" 2>&1 ||
		leave_out "(whole|queue) $name " "$title, which could not be started: $(tail -n 1 "$name.log")"
}

prepare_peers() {
	prepare_peer redis Redis redis-server redis-cli cc
	prepare_peer etcd etcd etcd etcdctl
	prepare_peer zookeeper ZooKeeper java cc
	prepare_peer npm 'the npm package' node npm
	prepare_peer flock flock flock
	! wanted '^idle ' || prepare_strace
}

prepare_flock() {
	:
}

# free_port: one that nobody listens at now.
free_port() {
	perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1")->sockport'
}

prepare_redis() {
	cc -O2 "$bench/peers/redis.c" -o redis || return
	redis-server --port 0 --unixsocket "$scratch/redis.socket" --dir "$scratch" --save '' &
	programs+=("$!")
	until_true redis-cli -s redis.socket ping
}

prepare_etcd() {
	local peer

	etcd=http://127.0.0.1:$(free_port) peer=http://127.0.0.1:$(free_port)
	etcd --data-dir "$scratch/etcd" --listen-client-urls "$etcd" --advertise-client-urls "$etcd" \
		--listen-peer-urls "$peer" --initial-advertise-peer-urls "$peer" --initial-cluster "default=$peer" &
	programs+=("$!")
	until_true etcdctl --endpoints "$etcd" endpoint health
}

prepare_zookeeper() {
	local port

	cc -O2 -DTHREADED "$bench/peers/zookeeper.c" -lzookeeper_mt -lpthread -o zookeeper || return
	port=$(free_port)
	zookeeper=127.0.0.1:$port
	printf '%s\n' "dataDir=$scratch/zookeeper.data" 'clientPortAddress=127.0.0.1' "clientPort=$port" \
		maxClientCnxns=0 admin.enableServer=false >zookeeper.cfg
	java -cp /usr/share/java/zookeeper.jar org.apache.zookeeper.server.ZooKeeperServerMain zookeeper.cfg &
	programs+=("$!")
	until_true ./zookeeper "$zookeeper" bench true
}

prepare_npm() {
	export PG_CONNECTION_STRING="postgresql://postgres@${PGHOST//\//%2F}/postgres"
	npm install --silent --no-audit --no-fund --ignore-scripts advisory-lock@2.0.0 &&
		node_modules/.bin/withlock bench -- true
}

# Attaching to a process of our own may be forbidden even where strace is.
prepare_strace() {
	local sleeper

	sleep 60 &
	sleeper=$!
	{ command -v strace && timeout -s INT 1 strace -o strace.out -p "$sleeper"; } >strace.log 2>&1 || true
	[ -e strace.out ] && ! grep -q attach: strace.log || leave_out '^idle ' "system calls, since strace cannot be used"
	kill "$sleeper"
}
