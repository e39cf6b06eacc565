#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
# Copyright (c) 2026 The Ebb authors
#
# Fetches the source of Linux, Debian's package of it, and prints the path of its tarball, which is
# kept in ~/.cache/ebb: linux-source-VERSION.tar.xz, and beside it the package's own version in
# linux-source-VERSION.version. Nothing is fetched where one is there already. Fails with one line
# of reason at the end of stderr.
# Usage: linux-source.sh
set -euo pipefail

wanted=7.3 # the version that all figures are about; a newer one is taken where it has gone
cache=${XDG_CACHE_HOME:-$HOME/.cache}/ebb
suites=(trixie-backports forky sid)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# apt on lists and settings of its own, so that nothing of the system's changes.
scratch_apt() {
	local command=$1
	shift
	"$command" -q -o Dir::State="$scratch/state" -o Dir::Cache="$scratch/cache" \
		-o Dir::Etc::SourceList="$scratch/sources.list" -o Dir::Etc::SourceParts=/dev/null \
		-o Acquire::Languages=none -o APT::Sandbox::User=root \
		-o Acquire::Retries=2 -o Acquire::http::Timeout=30 "$@"
}

# The address and the options of the Debian archive that this system uses: of the first source that
# has the release's own suite. Two forms of files have it.
archive() {
	local codename
	codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	[ -n "$codename" ] || return 1
	{ cat /etc/apt/sources.list.d/*.sources || true; } 2>/dev/null | awk -v suite="$codename" -v RS= '
		{
			uri = keys = ""; found = 0
			for (n = split($0, lines, "\n"); n > 0; n--) {
				split(lines[n], words, " ")
				if (words[1] == "URIs:") uri = words[2]
				if (words[1] == "Signed-By:" && words[2] ~ /^\//) keys = words[2]
				if (words[1] == "Suites:" && lines[n] ~ "[ ]" suite "( |$)") found = 1
			}
			if (found && uri && !done++)
				print (keys ? "[signed-by=" keys "] " : "") uri
		}'
	{ cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list || true; } 2>/dev/null | awk -v suite="$codename" '
		$1 == "deb" {
			options = ""; at = 2
			if ($2 ~ /^\[/) {
				do options = options $at " "; while ($(at++) !~ /\]$/)
			}
			if ($(at + 1) == suite && !done++) print options $at
		}'
}

# The package to take: that of the wanted version, else the oldest that is newer.
choose() {
	local there
	there=$(scratch_apt apt-cache pkgnames linux-source- |
		sed -n 's/^linux-source-\([0-9.]*\)$/\1/p')
	printf '%s\n' "$wanted" "$there" | sort -Vu | sed "1,/^$wanted\$/d" |
		{ grep -Fx "$wanted" <<<"$there" || cat; } | head -n 1
}

# What is there already: the wanted version, else the newest.
cached() {
	if [ -f "$cache/linux-source-$wanted.tar.xz" ]; then
		echo "$cache/linux-source-$wanted.tar.xz"
	else
		find "$cache" -maxdepth 1 -name 'linux-source-*.tar.xz' 2>/dev/null | sort -V | tail -n 1
	fi
}

fetch() {
	local source suite version name
	source=$(archive | head -n 1)
	if [ -z "$source" ]; then
		echo "no Debian archive among the sources of apt" >&2
		return 1
	fi
	mkdir -p "$scratch/state/lists/partial" "$scratch/cache/archives/partial" "$cache"
	for suite in "${suites[@]}"; do
		echo "deb $source $suite main"
	done >"$scratch/sources.list"
	scratch_apt apt-get update >/dev/null
	version=$(choose)
	if [ -z "$version" ]; then
		echo "no package linux-source-$wanted, nor a newer one, in ${suites[*]}" >&2
		return 1
	fi
	(cd "$scratch" && scratch_apt apt-get download "linux-source-$version" >/dev/null)
	name=linux-source-$version
	dpkg-deb -f "$scratch"/linux-source-*.deb Version >"$cache/$name.version"
	dpkg-deb --fsys-tarfile "$scratch"/linux-source-*.deb |
		tar -xO --wildcards "./usr/src/$name.tar.xz" >"$scratch/tarball"
	# Last, for it is what says that all is there.
	mv "$scratch/tarball" "$cache/$name.tar.xz"
}

[ -n "$(cached)" ] || fetch
cached
