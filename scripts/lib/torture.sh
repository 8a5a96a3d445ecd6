# Sourced by what has to do with torture, after sandbox.sh.

build_for_torture() {
	need_for_build
	need_for_tests
	install_missing >&2
	sandbox_create
	build_or_fail
}

# torture TREE DIRECTORY OPTION...: one run of what is installed in $PATH
torture() {
	local tree=$1 directory=$2

	shift 2
	sandbox_run mkdir "$directory"
	sandbox_run make -s -C "$tree/torture" OUT="$directory" </dev/null
	sandbox_run perl "$tree/torture/run.pl" "$@" --directory "$directory" \
		--program "$directory/worker" --clock_preload "$directory/clock.so" </dev/null
}
