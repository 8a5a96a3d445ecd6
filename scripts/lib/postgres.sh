# Which PostgreSQL is used: decided here, and nowhere else.  Sourced by
# sandbox.sh.
#
# choose_postgres sets
#	$pg_config		the program that answers every later question about it
#	$pg_missing		Debian packages that have to be installed before it can
#
# In this order:
#	1. PG_CONFIG, when given: that one, completed if it is Debian's.  No other
#	   major is looked for.
#	2. The newest of Debian's that is complete: has a server and its headers.
#	3. A complete one whose pg_config is in PATH.
#	4. The newest of Debian's that can be completed; if there is none, the one
#	   that Debian has by default.

oldest_major=15
pg_config=
pg_missing=()

debian_bindir() { echo "/usr/lib/postgresql/$1/bin"; }
has_server() { [ -x "$(debian_bindir "$1")/postgres" ]; }
has_headers() { [ -e "/usr/include/postgresql/$1/server/postgres.h" ]; }

# The supported majors of which Debian's packages have left something here,
# newest first.
debian_majors() {
	local dir

	for dir in /usr/lib/postgresql/*/bin /usr/include/postgresql/*/server; do
		[ ! -d "$dir" ] || echo "$dir"
	done | sed -n 's|^/usr/[^/]*/postgresql/\([0-9]*\)/.*|\1|p' | sort -rnu |
		awk -v oldest=$oldest_major '$1 >= oldest'
}

is_supported() {
	[ "$("$1" --version 2>/dev/null | sed 's/[^0-9]*\([0-9]*\).*/\1/')" -ge $oldest_major ] 2>/dev/null
}

# The major that a directory of programs belongs to, if it is one of Debian's.
major_of_bindir() {
	[[ $1 =~ ^/usr/lib/postgresql/([0-9]+)/bin$ ]] && echo "${BASH_REMATCH[1]}"
}

available() {
	apt-cache policy "$1" 2>/dev/null | grep -q '^ *Candidate: [^(]'
}

# Whether what the major lacks can be installed.
can_be_completed() {
	{ has_server "$1" || available "postgresql-$1"; } &&
		{ has_headers "$1" || available "postgresql-server-dev-$1"; }
}

# first MAJOR... with all of the CONDITIONs before --.
first_major() {
	local conditions=() condition major

	while [ "$1" != -- ]; do
		conditions+=("$1")
		shift
	done
	shift
	for major; do
		for condition in "${conditions[@]}"; do
			"$condition" "$major" || continue 2
		done
		echo "$major"
		return 0
	done
	return 1
}

default_major() {
	{ apt-cache depends postgresql 2>/dev/null || :; } |
		sed -n 's/^ *Depends: postgresql-\([0-9]*\)$/\1/p' | grep .
}

use_debian() {
	pg_config=$(debian_bindir "$1")/pg_config
	has_server "$1" && [ -x "$pg_config" ] || pg_missing+=("postgresql-$1")
	has_headers "$1" || pg_missing+=("postgresql-server-dev-$1")
}

# What a PostgreSQL of another origin lacks, as a list of files.
missing_files() {
	local file

	for file in "$("$1" --bindir)/postgres" "$("$1" --bindir)/pg_config" \
		"$("$1" --includedir-server)/postgres.h" "$("$1" --pgxs)"; do
		[ -e "$file" ] || echo "$file"
	done
}

use_given() {
	local given bindir major missing

	given=$(command -v -- "$PG_CONFIG") || given=$PG_CONFIG
	given=$(realpath -ms -- "$given")
	# Debian's may still have to be installed, so it cannot always be asked.
	bindir=$("$given" --bindir 2>/dev/null) || bindir=${given%/*}
	if major=$(major_of_bindir "$bindir"); then
		use_debian "$major"
		return 0
	fi
	"$given" --version >/dev/null 2>&1 || fail "PG_CONFIG=$PG_CONFIG does not work"
	missing=$(missing_files "$given")
	[ -z "$missing" ] || fail "PG_CONFIG=$PG_CONFIG has no" $missing
	pg_config=$given
}

use_path() {
	local config

	while read -r config; do
		! major_of_bindir "$("$config" --bindir 2>/dev/null)" >/dev/null &&
			is_supported "$config" &&
			[ -z "$(missing_files "$config")" ] || continue
		pg_config=$config
		return 0
	done < <(type -ap pg_config)
	return 1
}

# Asks for the package lists where there are none.
use_completed() {
	local majors=($(debian_majors)) major

	command -v apt-get >/dev/null ||
		fail "there is no PostgreSQL with a server and its headers; set PG_CONFIG"
	default_major >/dev/null || apt_as_root update-lists || :
	if major=$(first_major can_be_completed has_server -- "${majors[@]}" ||
			first_major can_be_completed -- "${majors[@]}" || default_major ||
			first_major has_server -- "${majors[@]}"); then
		use_debian "$major"
	else
		pg_missing=(postgresql postgresql-server-dev-all)
	fi
}

choose_postgres() {
	local majors=($(debian_majors)) major

	if [ -n "${PG_CONFIG-}" ]; then
		use_given
	elif major=$(first_major has_server has_headers -- "${majors[@]}"); then
		use_debian "$major"
	else
		use_path || use_completed
	fi
}

# After the installation of what was missing: is it all there?
check_postgres() {
	local missing server headers

	[ -n "$pg_config" ] || choose_postgres
	"$pg_config" --version >/dev/null || fail "$pg_config does not work"
	is_supported "$pg_config" || fail "$pg_config is of a PostgreSQL before $oldest_major"
	missing=$(missing_files "$pg_config")
	[ -z "$missing" ] || fail "these files of PostgreSQL's are missing:" $missing
	server=$("$("$pg_config" --bindir)/postgres" --version | sed 's/[^0-9]*\([^ ]*\).*/\1/')
	headers=$(sed -n 's/^#define PG_VERSION "\([^ "]*\).*/\1/p' \
		"$("$pg_config" --includedir-server)"/pg_config*.h | head -n 1)
	pg_version=$server
	if [ "${server%%[!0-9]*}" != "${headers%%[!0-9]*}" ]; then
		fail "the server of $pg_config is $server, its headers are of $headers"
	elif [ "$server" != "$headers" ]; then
		echo "Note: the server is $server, its headers are of $headers." >&2
	fi
}
