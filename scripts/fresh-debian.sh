#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
# Copyright (c) 2026 The Ebb authors
#
# What a newcomer does: a fresh Debian 12 that has make and git and nothing else, a clone of what
# is committed here, `make run`, `make test`. Takes root. The Debian packages come from where this
# machine's own apt gets them; they and the bare system are kept in ~/.cache/ebb, so that a second
# run downloads only what is new.
# Usage: fresh-debian.sh
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/lib.sh

suite=bookworm
cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/ebb
arch=$(dpkg --print-architecture)
clone=/home/ebb # where the clone lies in the fresh system
bare=$cache/$suite-$arch.tar.gz
debs=$cache/debs
root=${EBB_FRESH_ROOT:-}
proxy=$(apt-config shell http_proxy Acquire::http::Proxy https_proxy Acquire::https::Proxy)
eval "$proxy" # apt's proxy, if it has one, for debootstrap, which knows the environment only

# In a mount and process name space of its own: whatever happens, no mount and no process stays
# behind.
if [ -z "$root" ]; then
	if [ "$(id -u)" -ne 0 ]; then
		skip "fresh Debian 12" "a chroot takes root"
		exit 0
	fi
	root=$(mktemp -d -p "${TMPDIR:-/var/tmp}")
	trap 'rm -rf --one-file-system "$root"' EXIT
	EBB_FRESH_ROOT=$root unshare --mount --propagation private --pid --fork --kill-child "$0"
	exit
fi

unmount_all() {
	local at
	for at in var/cache/apt/archives dev/pts dev proc tmp; do
		! mountpoint -q "$root/$at" || umount "$root/$at"
	done
}
trap unmount_all EXIT

# "URI RELEASE COMPONENT KEYRING" for each source of Debian packages that this machine's apt knows.
debian_sources() {
	apt-get indextargets --format "\$(ORIGIN) \$(REPO_URI) \$(RELEASE) \$(COMPONENT)" \
		'Created-By: Packages' | awk -v suite="$suite" \
		'$1 == "Debian" && ($3 == suite || index($3, suite "-") == 1) { print $2, $3, $4 }'
}

# make_bare: debootstrap, with make and git, and what of this machine's apt set-up it takes to
# reach the archive.
make_bare() {
	local mirror fresh with=make,git
	mirror=$(debian_sources | awk -v suite="$suite" '$2 == suite { print $1; exit }')
	if [ -z "$mirror" ]; then
		echo "this machine's apt has no source of Debian packages for $suite"
		return 1
	fi
	[[ $mirror != https:* ]] || with+=,ca-certificates
	fresh=$root/fresh
	debootstrap --variant=minbase --include="$with" --cache-dir="$debs" \
		--keyring=/usr/share/keyrings/debian-archive-keyring.gpg "$suite" "$fresh" "$mirror"
	rm -rf "$fresh"/var/cache/apt/archives/*.deb "$fresh"/var/lib/apt/lists/* \
		"$fresh"/etc/apt/sources.list
	tar -C "$fresh" -czf "$bare.new" .
	mv "$bare.new" "$bare"
	rm -rf --one-file-system "$fresh"
}

unpack() {
	local uri release component
	mkdir -p "$debs"
	[ -z "${http_proxy:-}" ] || export http_proxy
	[ -z "${https_proxy:-}" ] || export https_proxy
	[ -n "$(find "$bare" -mtime -30 2>/dev/null)" ] || make_bare
	tar -C "$root" -xzf "$bare"
	debian_sources | while read -r uri release component; do
		echo "deb $uri $release $component"
	done >"$root/etc/apt/sources.list"
	cat "$root/etc/apt/sources.list"
	apt-config dump | grep -E '^Acquire::(http|https|Check-|Force|Retries|Languages)' \
		>"$root/etc/apt/apt.conf.d/99host"
	cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
	mount -t proc proc "$root/proc"
	mount --bind /dev "$root/dev"
	mount -t devpts -o ptmxmode=0666 devpts "$root/dev/pts"
	mount -t tmpfs tmpfs "$root/tmp"
	mount --bind "$debs" "$root/var/cache/apt/archives"
	mkdir -p "$debs/partial"
	git clone -q --bare --no-hardlinks . "$root/tmp/ebb.git"
	inside / git clone -q /tmp/ebb.git "$clone"
	git log -1 --format='%h %s'
	[ -z "$(git status --porcelain)" ] || echo "(what is not committed is not in it)"
}

# inside DIR COMMAND...: in the fresh system, without anything of this one's environment but the
# way to the archive.
inside() {
	local dir=$1
	shift
	chroot "$root" /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb \
		${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} \
		${no_proxy:+no_proxy="$no_proxy"} /usr/bin/env -C "$dir" "$@"
}

nothing_to_build_with() {
	if inside / sh -c 'command -v gcc || command -v meson || command -v pkg-config'; then
		return 1
	fi
	inside / make --version
	inside / git --version
}

# Neither root nor sudo: no attempt, but the command that an administrator is to run.
says_what_is_missing() {
	local said
	said=$(chroot --userspec=nobody:nogroup "$root" /usr/bin/env -i PATH=/usr/bin:/bin \
		make -C "$clone" run 2>&1) && return 1
	echo "$said"
	grep -q 'apt-get install .*meson' <<<"$said"
}

make_run() {
	inside "$clone" make run
	test -s "$root$clone/build/vfio-iova-stress.svg"
}

make_test() {
	inside "$clone" make test | tee "$root/tmp/test"
	tail -n 1 "$root/tmp/test" | grep -Eq '^[1-9][0-9]* passed, 0 failed(, [0-9]+ skipped)?$'
}

# Without a network and with an apt that fails.
calls_no_apt() {
	ln -sf /bin/false "$root/usr/local/bin/apt-get"
	unshare --net chroot "$root" \
		/usr/bin/env -i PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		/bin/bash -c "cd $clone && scripts/packages.sh run test && make"
}

check "fresh Debian 12 made" unpack
if [ $failures -eq 0 ]; then
	check "it has no compiler" nothing_to_build_with
	check "make run without root names the packages" says_what_is_missing
	check "make run" make_run
	check "make test" make_test
	check "nothing missing, no apt" calls_no_apt
	inside / apt-get -q -y autoclean >/dev/null
fi
[ $failures -eq 0 ]
