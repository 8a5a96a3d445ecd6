# The mirror of an installed PostgreSQL, under $sandbox/pg: an installation of
# its own that can be written into.  Sourced by sandbox.sh; needs $pg_config.
#
# PostgreSQL's programs find each other and all other files relative to where
# they are, so copies of them under another root, with links to the rest, do.

mirror_postgres() {
	local option dir

	server_bindir=$("$pg_config" --bindir)
	bindir=$sandbox/pg$server_bindir
	mirrored=()
	for option in pkglibdir includedir sharedir mandir; do
		mirrored+=("$("$pg_config" --$option)")
	done
	for dir in "${mirrored[@]}" "${mirrored[2]}/extension" "${mirrored[3]}/man1" \
		"$("$pg_config" --libdir)"; do
		own_directory "$dir"
	done
	mirror_programs
	check_mirror
	# The client goes there too, where the tests look for it.  Not by a prefix:
	# from 18 on the server's makefiles would put the extension under it.
	sandbox_dirs=(PG_CONFIG="$bindir/pg_config" bindir="$bindir"
		bashcompletiondir="$sandbox/pg/usr/local/share/bash-completion/completions"
		zshcompletiondir="$sandbox/pg/usr/local/share/zsh/site-functions"
		libdir="$("$bindir/pg_config" --libdir)"
		includedir="$("$bindir/pg_config" --includedir)"
		mandir="$("$bindir/pg_config" --mandir)")
}

# Other programs may be in the same directory, such as /usr/bin: PATH has them.
mirror_programs() {
	local program

	own_directory "$server_bindir"
	for program in "$server_bindir"/*; do
		case ${program##*/} in
		postgres | initdb | pg_* | psql | pgbench | ecpg | *db | *user | oid2name | vacuumlo)
			cp --remove-destination "$program" "$bindir"
			;;
		esac
	done
}

# Makes the same directory in the mirror, with a link to everything that is in
# it.  No part of the path stays a link, or we would write into its target.
own_directory() {
	local dir=$1 target=$sandbox/pg$1

	[ -n "$dir" ] || return 0
	own_directory "${dir%/*}"
	[ ! -L "$target" ] || rm "$target"
	[ ! -d "$target" ] || return 0
	mkdir "$target"
	! is_mirrored "$dir" || link_entries "$dir" "$target"
}

# Only PostgreSQL's own directories are, not those above, such as /usr/lib.
is_mirrored() {
	local dir

	for dir in "${mirrored[@]}"; do
		[[ $1/ != "$dir"/* ]] || return 0
	done
	return 1
}

link_entries() {
	[ ! -d "$1" ] || find "$1/" -mindepth 1 -maxdepth 1 -exec ln -s -t "$2" {} +
}

# Everything that is written to has to be inside, where it really is.
check_mirror() {
	local option dir

	for option in bindir pkglibdir includedir sharedir mandir libdir; do
		dir=$(realpath -m -- "$("$bindir/pg_config" --$option)")
		[[ $dir == "$sandbox/pg/"* ]] ||
			fail "a copy of $server_bindir/pg_config still says $dir; set PG_CONFIG"
	done
}

# Whether the directory is inside one of PostgreSQL's, of any major.
belongs_to_postgres() {
	local option dirs dir

	dirs=(/usr/lib/postgresql /usr/share/postgresql /usr/include/postgresql
		/etc/postgresql /etc/postgresql-common /var/lib/postgresql)
	for option in pkglibdir sharedir includedir-server pkgincludedir; do
		dirs+=("$("$pg_config" --$option)")
	done
	for dir in "${dirs[@]}"; do
		[[ $1/ != "$(realpath -m -- "$dir")"/* ]] || return 0
	done
	return 1
}
