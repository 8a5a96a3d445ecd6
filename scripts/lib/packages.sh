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

# The PostgreSQL to use: the newest one installed, else Debian's default.
postgres_major() {
	local dirs=(/usr/lib/postgresql/*/bin/postgres)

	if [ -e "${dirs[0]}" ]; then
		printf '%s\n' "${dirs[@]}" | cut -d/ -f5 | sort -n | tail -n 1
	else
		{ apt-cache depends postgresql 2>/dev/null || :; } |
			sed -n 's/^ *Depends: postgresql-\([0-9]*\)$/\1/p'
	fi
}

need_for_build() {
	local major

	need required "$compiler" command -v "$compiler"
	need required libc6-dev test -e /usr/include/stdio.h
	need required make command -v make
	[ -z "${PG_CONFIG-}" ] || return 0

	major=$(postgres_major)
	if [ -z "$major" ]; then	# no package lists yet
		apt_as_root update-lists || :
		major=$(postgres_major)
	fi
	major=${major:-15}
	pgdir=/usr/lib/postgresql/$major
	need required "postgresql-$major" test -x "$pgdir/bin/postgres"
	need required "postgresql-server-dev-$major" \
		test -e "/usr/include/postgresql/$major/server/postgres.h"
	need required libpq-dev test -e /usr/include/postgresql/libpq-fe.h
}

need_for_tests() {
	need required perl command -v prove
	need required libipc-run-perl perl -MIPC::Run -MIO::Pty -e 1
	need wanted g++ command -v g++
	need wanted iproute2 env PATH="$PATH:/usr/sbin:/sbin" ip -V
	need wanted pgbouncer env PATH="$PATH:/usr/sbin:/sbin" pgbouncer -V
	need wanted pkg-config command -v pkg-config
	need wanted tmux command -v tmux
	need wanted valgrind command -v valgrind
}

# Runs apt-install as root; fails when this user cannot become root.
apt_as_root() {
	local sudo=()

	if ! command -v apt-get >/dev/null; then
		return 1
	elif [ "$(id -u)" != 0 ]; then
		sudo -n true 2>/dev/null || return 1
		sudo=(sudo -n)
	fi
	"${sudo[@]}" bash "$scripts/lib/apt-install" "$@"
}

# Installs what the need_* functions found missing.
install_missing() {
	local all=("${required[@]}" "${wanted[@]}")

	[ ${#all[@]} != 0 ] || return 0
	echo "Not installed yet: ${all[*]}"
	if apt_as_root "${all[@]}"; then
		return 0
	elif [ ${#required[@]} != 0 ]; then
		echo "They could not be installed from here.  As root, run:" >&2
		echo "    apt-get install ${all[*]}" >&2
		return 1
	fi
	echo "Going on without; tests that need them are skipped."
}
