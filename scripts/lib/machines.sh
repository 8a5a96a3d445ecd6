# Copies of a Debian machine, to try what a stranger's may be like.  Sourced
# by scripts/test-machines and scripts/test-packages, as root.
#
# A machine is a stack of layers, directories that overlayfs puts above each
# other.  "base" is a minimal Debian of the same suite and mirror as this one;
# each other layer is what some commands changed in the layers below:
#
#	machines_begin						makes $machines and the layer "base"
#	layer NAME BELOW COMMAND			runs COMMAND, keeps what it changed
#	lasting_layer NAME BELOW COMMAND	the same, unless that has been done
#
# They are removed at the end, unless MACHINES names a directory: there they
# stay, and the lasting ones are used again.
#
# COMMAND is run by bash -eo pipefail as root, in namespaces of its own for processes,
# mounts and IPC, with the project at /src, read-only.  Nothing of it is left
# running afterwards.

set -euo pipefail

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
machines=
keep=${MACHINES:+yes}
trap machines_end EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

machines_end() {
	trap '' HUP INT TERM
	kill $(jobs -rp) 2>/dev/null && wait
	[ -z "$machines" ] || [ -n "$keep" ] || rm -rf --one-file-system "$machines"
}

# Says why there can be no machines here; fails if there can.
why_no_machines() {
	if [ "$(id -u)" != 0 ]; then
		echo "it takes root"
	elif ! command -v apt-get >/dev/null; then
		echo "this is not Debian"
	elif ! debian_source >/dev/null; then
		echo "apt has no source of Debian's packages"
	elif ! overlay_works; then
		echo "there are no overlays"
	else
		return 1
	fi
}

# "URL SUITE" of Debian's packages, as this machine's apt has it.
debian_source() {
	apt-get indextargets --format '$(REPO_URI) $(CODENAME)' 'Created-By: Packages' \
		'Origin: Debian' 'Label: Debian' 2>/dev/null | grep -vm 1 -- '-[a-z]*$'
}

overlay_works() {
	local dir status=0

	dir=$(mktemp -d /var/tmp/machines.XXXXXX)
	mkdir "$dir"/{lower,upper,work,root}
	unshare --mount --pid --fork mount -t overlay overlay \
		-o "lowerdir=$dir/lower,upperdir=$dir/upper,workdir=$dir/work" "$dir/root" \
		2>/dev/null || status=1
	rm -rf "$dir"
	return $status
}

machines_begin() {
	local source

	command -v debootstrap >/dev/null || bash "$project/scripts/lib/apt-install" debootstrap
	if [ -n "$keep" ]; then
		mkdir -p "$MACHINES"
		machines=$(realpath -e -- "$MACHINES")
	else
		machines=$(trap '' HUP INT TERM; mktemp -d /var/tmp/machines.XXXXXX)
	fi
	chmod 755 "$machines"
	[ ! -e "$machines/base.made" ] || return 0
	source=($(debian_source))
	echo "Making a minimal Debian ${source[1]}"
	debootstrap --variant=minbase "${source[1]}" "$machines/base" "${source[0]}" \
		>"$machines/base.out" 2>&1 || {
		tail -n 20 "$machines/base.out"
		return 1
	}
	settle_base "${source[@]}"
	touch "$machines/base.made"
}

# The same sources as here, no waiting for disks, and nothing that is only
# there to be read.
settle_base() {
	local base=$machines/base

	mkdir "$base/src"
	cp /etc/resolv.conf "$base/etc/resolv.conf"
	cat >"$base/etc/apt/sources.list" <<-EOT
		deb $1 $2 main
		deb ${1%/}-security $2-security main
	EOT
	grep -qE '^(trixie|bookworm|bullseye)$' <<<"$2" || sed -i 2d "$base/etc/apt/sources.list"
	echo force-unsafe-io >"$base/etc/dpkg/dpkg.cfg.d/machines"
	printf 'path-exclude=/usr/share/%s/*\n' doc locale >>"$base/etc/dpkg/dpkg.cfg.d/machines"
	echo 'path-include=/usr/share/doc/libadvlock-dev/*' >>"$base/etc/dpkg/dpkg.cfg.d/machines"
	chroot "$base" useradd -m someone
}

# layer NAME BELOW COMMAND: BELOW names layers, the topmost first.  The output
# is in $machines/NAME.out; returns COMMAND's status.
layer() {
	local name=$1 below=$2 command=$3 lower= one

	for one in $below; do
		lower+=:$machines/$one
	done
	mkdir -p "$machines/$name" "$machines/$name.work" "$machines/$name.root"
	unshare --mount --pid --ipc --fork --kill-child bash -c "$(declare -f enter); enter \"\$@\"" enter \
		"$project" "$machines/$name.root" \
		"lowerdir=${lower#:},upperdir=$machines/$name,workdir=$machines/$name.work" \
		"$command" </dev/null >"$machines/$name.out" 2>&1
}

# Runs the command inside a new root, whose mounts end with this process.
enter() {
	local project=$1 root=$2 options=$3 command=$4 device

	set -e
	mount --make-rprivate /
	mount -t overlay overlay -o "$options" "$root"
	mount --bind "$project" "$root/src"
	mount -o remount,bind,ro "$root/src"
	mount -t proc proc "$root/proc"
	mount -t tmpfs -o mode=755 tmpfs "$root/dev"
	for device in null zero full random urandom tty; do
		touch "$root/dev/$device"
		mount --bind "/dev/$device" "$root/dev/$device"
	done
	mkdir -m 1777 "$root/dev/shm"
	mkdir "$root/dev/pts"
	ln -s /proc/self/fd "$root/dev/fd"
	ln -s fd/2 "$root/dev/stderr"
	# What is temporary is not a change of the machine's.
	mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
	mount -t tmpfs -o mode=1777 tmpfs "$root/var/tmp"
	exec chroot "$root" /usr/bin/env -i HOME=/root LC_ALL=C.UTF-8 \
		PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		${http_proxy:+http_proxy="$http_proxy"} bash -eo pipefail -c "$command"
}

lasting_layer() {
	[ ! -e "$machines/$1.made" ] || return 0
	layer "$@" && touch "$machines/$1.made"
}
