#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
# Copyright (c) 2026 The Ebb authors
#
# Runs herd7, the simulator of memory models. Debian 12 has no package of it; newer Debian has. If
# this machine has no herd7, the package and the libraries that it needs come from the archive that
# this machine's own apt uses, and are unpacked in ~/.cache/ebb: nothing is installed, and apt's own
# lists and configuration stay as they are.
# Usage: herd.sh --install        makes sure that herd7 is there
#        herd.sh ARGUMENT...      runs it
set -euo pipefail

cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/ebb/herd
root=$cache/root
keys=/usr/share/keyrings/debian-archive-keyring.gpg

# The URI from which this machine's apt gets Debian itself.
mirror() {
	apt-get indextargets --format "\$(ORIGIN) \$(LABEL) \$(REPO_URI)" 'Created-By: Packages' |
		awk '$1 == "Debian" && $2 == "Debian" { print $3; exit }'
}

# unpack SUITE: fetches the packages of a suite and unpacks them.
unpack() {
	local work=$cache/apt options
	rm -rf "$work" "$root"
	mkdir -p "$work"/{lists,archives}/partial "$work/debs"
	echo "deb [signed-by=$keys] $(mirror) $1 main" >"$work/sources.list"
	options=(-q -o "Dir::Etc::SourceList=$work/sources.list" -o Dir::Etc::SourceParts=/dev/null
		-o "Dir::State::Lists=$work/lists" -o "Dir::Cache=$work" -o Acquire::Languages=none
		-o APT::Sandbox::User=)
	apt-get "${options[@]}" update &&
		(cd "$work/debs" && apt-get "${options[@]}" download herdtools7 libc6 libgmp10) || return
	for deb in "$work"/debs/*.deb; do
		dpkg-deb -x "$deb" "$root.new"
	done
	mv "$root.new" "$root"
	rm -rf "$work"
}

run() {
	local loader
	if command -v herd7 >/dev/null; then
		exec herd7 "$@"
	fi
	loader=$(echo "$root"/usr/lib/*/ld-linux-*)
	exec "$loader" --library-path "$(dirname "$loader")" "$root/usr/bin/herd7" \
		-set-libdir "$root/usr/share/herdtools7/herd" "$@"
}

if [ "${1:-}" != --install ]; then
	run "$@"
fi
if command -v herd7 || ("$0" -version); then
	exit
fi
for suite in forky sid; do
	rm -rf "$root.new"
	if unpack $suite && ("$0" -version); then
		exit
	fi
done
echo "herd7 is neither installed nor to be had"
exit 1
