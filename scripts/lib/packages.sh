# What has to be installed, and installing it.  Sourced by sandbox.sh.

required=()						# packages without which nothing can be built
wanted=()						# packages without which some tests are skipped
compiler=${CC:-gcc}				# command and package have the same name

# need LIST PACKAGE COMMAND...: puts PACKAGE on LIST unless COMMAND succeeds.
need() {
	local -n list=$1
	local package=$2
	shift 2
	"$@" >/dev/null 2>&1 || list+=("$package")
}

has_libpq_headers() {
	[ -e /usr/include/postgresql/libpq-fe.h ] || pkg-config --exists libpq ||
		[ -e "$("$pg_config" --includedir)/libpq-fe.h" ]
}

need_for_build() {
	need required "$compiler" command -v "$compiler"
	need required libc6-dev test -e /usr/include/stdio.h
	need required make command -v make
	choose_postgres
	required+=("${pg_missing[@]}")
	need required libpq-dev has_libpq_headers
}

need_for_tests() {
	need required perl command -v prove
	need required libipc-run-perl perl -MIPC::Run -MIO::Pty -e 1
	need wanted etcd-server command -v etcd
	need wanted g++ command -v g++
	need wanted gdb command -v gdb
	need wanted haproxy env PATH="$PATH:/usr/sbin:/sbin" haproxy -v
	need wanted iproute2 env PATH="$PATH:/usr/sbin:/sbin" ip -V
	need wanted patroni command -v patroni
	need wanted pgbouncer env PATH="$PATH:/usr/sbin:/sbin" pgbouncer -V
	need wanted pkg-config command -v pkg-config
	need wanted supervisor command -v supervisord
	need wanted tmux command -v tmux
	need wanted valgrind command -v valgrind
}

# The peers that bench/run measures beside, and what draws its pictures.
need_for_benchmarks() {
	need wanted etcd-server command -v etcd
	need wanted etcd-client command -v etcdctl
	need wanted gnuplot-nox command -v gnuplot
	need wanted libzookeeper-mt-dev test -e /usr/include/zookeeper/zookeeper.h
	need wanted redis-server command -v redis-server
	need wanted redis-tools command -v redis-cli
	need wanted strace command -v strace
	need wanted zookeeper test -e /usr/share/java/zookeeper.jar
}

# Puts into $as_root what runs a command as root; fails if there is no way.
# A password is asked for only where somebody can type it.
become_root() {
	as_root=()
	[ "$(id -u)" != 0 ] || return 0
	command -v sudo >/dev/null || return 1
	as_root=(sudo)
	sudo -n true 2>/dev/null || { [ -t 0 ] && [ -t 2 ] && sudo -v; }
}

# Runs apt-install as root; fails when this user cannot become root.
apt_as_root() {
	local as_root

	command -v apt-get >/dev/null && become_root || return 1
	"${as_root[@]}" bash "$scripts/lib/apt-install" "$@"
}

# Installs what the need_* functions found missing; if that is not possible, as
# where one of them cannot be had, at least what is required.
install_missing() {
	local all=("${required[@]}" "${wanted[@]}") status=0

	[ ${#all[@]} != 0 ] || return 0
	echo "Not installed yet: ${all[*]}"
	apt_as_root "${all[@]}" || status=$?
	if [ $status = 0 ]; then
		return 0
	elif [ $status -gt 128 ]; then
		exit $status			# interrupted
	elif [ ${#required[@]} != 0 ] &&
		{ [ ${#wanted[@]} = 0 ] || ! apt_as_root "${required[@]}"; }; then
		echo "They could not be installed from here.  As root, run:" >&2
		echo "    apt-get install ${all[*]}" >&2
		return 1
	fi
	echo "Going on without; what needs them is left out."
}
