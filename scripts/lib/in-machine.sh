# What the commands of scripts/test-machines call inside of a machine.

demo=/src/scripts/demo

# as_someone COMMAND...: runs it as an ordinary user in his home.
as_someone() {
	(cd /home/someone && setpriv --reuid=someone --regid=someone --clear-groups \
		env HOME=/home/someone USER=someone "$@")
}

# The demo checks its own story; this is its last sentence but one.
tells_the_story() {
	touch /var/log/begin
	"$@" >/var/log/story 2>&1 || { cat /var/log/story; return 1; }
	cat /var/log/story
	grep -q 'All of this was checked' /var/log/story
	grep -q '^Not installed yet' /var/log/story || nothing_changed
	nothing_left
}

# used VERSION: which PostgreSQL the last demo was built for.
used() {
	grep -q "^Building for PostgreSQL $1" /var/log/story || {
		echo "PostgreSQL $1 was not used"
		return 1
	}
}

fails() {
	! "$@" || { echo "succeeded: $*"; return 1; }
}

# The directory of a file that was made and removed counts as changed, too.
nothing_changed() {
	local changed

	changed=$(find /etc /home /opt /root /srv /usr /var/cache /var/lib -cnewer /var/log/begin)
	[ -z "$changed" ] || {
		echo "changed: $changed"
		return 1
	}
}

# Neither files nor processes nor a half-installed package.
nothing_left() {
	local left

	left=$(find /tmp /var/tmp /dev/shm -mindepth 1 ! -path '/tmp/mine*'
		ls -d /usr/sbin/policy-rc.d /etc/postgresql/*/main \
			/etc/postgresql-common/createcluster.d/advisory_lock.conf 2>/dev/null || :
		dpkg --audit
		others)
	[ -z "$left" ] || {
		echo "left behind: $left"
		return 1
	}
}

# What a sandbox or an installation may have left running.
others() {
	grep -lsxE 'postgres|withlock|psql|make|cc1|apt-get|dpkg|setsid|sleep' /proc/[0-9]*/comm || :
}

installed() { dpkg-query -W -f '${Package} ${Version} ${db:Status-Status}\n' | grep ' installed$' | sort; }

apt_install() {
	printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
	chmod 755 /usr/sbin/policy-rc.d
	mkdir -p /etc/postgresql-common/createcluster.d
	echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.d/machine.conf
	DEBIAN_FRONTEND=noninteractive apt-get -yq install --no-install-recommends "$@"
	rm /usr/sbin/policy-rc.d
}

# interrupt_when CONDITION COMMAND...: sends what Ctrl-C does to COMMAND when
# CONDITION holds or COMMAND has ended, and prints its status.
interrupt_when() {
	local condition=$1 status=0 pid

	shift
	env --default-signal=INT setsid "$@" >/var/log/interrupted 2>&1 &
	pid=$!
	until eval "$condition" || ! kill -0 $pid 2>/dev/null; do
		read -rt 0.01 <>/var/log/never || :
	done
	kill -INT -- -$pid 2>/dev/null || :
	wait $pid || status=$?
	cat /var/log/interrupted
	echo "status $status"
	return $status
}
[ -p /var/log/never ] || mkfifo /var/log/never

dpkg_unpacks() {
	grep -qsaP '^[^\0]*dpkg\0.*--unpack' /proc/[0-9]*/cmdline
}

# A PostgreSQL of another origin in /opt: Debian's, moved there.
move_to_opt() {
	local path

	for path in usr/lib/postgresql/$1 usr/share/postgresql/$1 usr/include/postgresql; do
		mkdir -p "/opt/$(dirname $path)"
		mv "/$path" "/opt/$path"
	done
	mkdir -p /opt/usr/lib/"$(gcc -print-multiarch)"
}

# Another major whose server is there, and nothing else of it.
pretend_server() {
	mkdir -p /usr/lib/postgresql/$1
	cp -r "/usr/lib/postgresql/$2/bin" /usr/lib/postgresql/$1/bin
}

# A copy of the sources, in which make writes, and a cluster that runs where
# there is a server.
begin_install() {
	apt_install sudo man-db
	mkdir -p /etc/postgresql-common/createcluster.d
	rm -f /etc/postgresql-common/createcluster.d/*
	cp -R /src /root/project
	cd /root/project
	make -s clean >/dev/null 2>&1 || find . -name '*.o' -delete
}

# run_block LINE: runs the block of README's section "Install" that has the
# line, as it is there.
run_block() {
	local block

	block=$(awk -v line="$1" '
		/^## / { inside = $0 == "## Install" }
		inside && /^```sh/ { block = "\n"; fenced = 1; next }
		/^```/ { if (fenced && index(block, "\n" line "\n")) { printf "%s", substr(block, 2); exit } fenced = 0; next }
		fenced { block = block $0 "\n" }
	' README.md)
	[ -n "$block" ]
	echo "$block"
	# Nobody presses Return, and no service starts by itself in here.
	export DEBIAN_FRONTEND=noninteractive
	printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
	chmod 755 /usr/sbin/policy-rc.d
	while read -r line; do
		[[ $line != *psql* ]] || pg_ctlcluster "$major" main start || :
		bash -ec "${line/apt-get install/apt-get -yq install}" </dev/null
	done <<<"$block"
}

# Files of ours that an uninstallation has left.
left_of_us() {
	local left

	left=$(find / -xdev \( -path /src -o -path /proc -o -path /root -o -path /var/cache -o -path /var/log \) -prune -o \
		\( -iname '*advlock*' -o -iname '*advisory[_-]lock*' -o -iname '*withlock*' \) -print)
	[ -z "$left" ] || {
		echo "left behind: $left"
		return 1
	}
}
