#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
# Copyright (c) 2026 The Ebb authors
#
# Builds the peers of `ebb bench`, which scripts/build.sh has built before: build/peers/linux.so, the
# page tables of Linux, from Debian's package of its source (bench/peers/README.md). The few files
# that are needed are kept in ~/.cache/ebb. Prints one line, "skipped ..." where they cannot be had.
# Usage: peers.sh
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/lib.sh

wanted=7.3 # the version that all figures are about; a newer one is taken where it has gone
cache=${XDG_CACHE_HOME:-$HOME/.cache}/ebb
suites=(trixie-backports forky sid)
out=build/peers
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir -p "$out"

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
	cat /etc/apt/sources.list.d/*.sources 2>/dev/null | awk -v suite="$codename" -v RS= '
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
	cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null | awk -v suite="$codename" '
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

# Fetches the package and keeps what the peer is made of, as $cache/linux-VERSION.
fetch() {
	local source suite version new
	source=$(archive | head -n 1)
	if [ -z "$source" ]; then
		echo "no Debian archive among the sources of apt" >&2
		return 1
	fi
	mkdir -p "$scratch/state/lists/partial" "$scratch/cache/archives/partial"
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
	new=$scratch/linux-$version
	mkdir -p "$new" "$cache"
	dpkg-deb --fsys-tarfile "$scratch"/linux-source-*.deb |
		tar -xO --wildcards "./usr/src/linux-source-$version.tar.xz" | xz -dc |
		tar -xC "$new" --strip-components=1 --wildcards '*/drivers/iommu/generic_pt/*' \
			'*/drivers/iommu/iommu-pages.h' '*/include/linux/generic_pt/*'
	dpkg-deb -f "$scratch"/linux-source-*.deb Version >"$new/version"
	rm -rf "$cache/linux-$version"
	mv "$new" "$cache"
}

# What is there already: the wanted version, else the newest.
cached() {
	if [ -f "$cache/linux-$wanted/version" ]; then
		echo "$cache/linux-$wanted"
	else
		find "$cache" -maxdepth 1 -name 'linux-*' 2>/dev/null | sort -V | tail -n 1
	fi
}

# compile SOURCE NAME OUTPUT FLAG...
compile() {
	local source=$1 name=$2 output=$3
	shift 3
	"${CC:-gcc}" "$@" -g -shared -fPIC -fvisibility=hidden -Wl,-z,defs -std=gnu11 -Wall -Wextra \
		-fno-strict-aliasing -fwrapv -DPEER_NAME="\"$name\"" \
		-Ibench/peers/linux -Iinclude -Itool -I"$out/include" -isystem "$source/include" \
		bench/peers/linux/peer.c -o "$output"
}

# The peer's headers ask for the kernel's by these names; bench/peers/linux/ has what is in them.
headers() {
	local name
	mkdir -p "$out/include/linux"
	for name in args atomic bitfield bitops bits bug build_bug cacheflush cleanup container_of \
		dma-mapping export kconfig log2 mm_types stringify types; do
		echo '#include "shim.h"' >"$out/include/linux/$name.h"
	done
	echo '#include "shim_iommu.h"' >"$out/include/linux/iommu.h"
}

# The flags with which the peer is fastest here: the least product of some patterns' times.
best_flags() {
	local source=$1 i peers=()
	for i in "${!flags[@]}"; do
		# shellcheck disable=SC2086 # many flags in a word
		compile "$source" "flags-$i" "$out/flags-$i.so" ${flags[$i]}
		peers+=(--peer "$out/flags-$i.so")
	done
	build/ebb bench --json --threads 1 --peers-only "${peers[@]}" \
		--pattern pingpong,ring256,sweep,random,sizes >"$out/flags.json"
	jq -rs 'group_by(.policy) | map({ policy: .[0].policy,
		cost: (map(.ns_per_pair_min | log) | add) }) | sort_by(.cost)[0].policy' \
		"$out/flags.json" | sed 's/^flags-//'
}

build_linux() {
	local source version best
	local flags=(-O2 -O3 "-O2 -march=native" "-O3 -march=native")
	source=$(cached)
	version=${source##*/linux-}
	headers
	best=$(best_flags "$source")
	# shellcheck disable=SC2086
	compile "$source" "linux-$version" "$out/linux.so" ${flags[$best]}
	rm -f "$out"/flags-*.so
	echo "linux-$version ($(cat "$source/version")), ${CC:-gcc} ${flags[$best]}" >"$out/linux.txt"
}

if [ -z "$(cached)" ] && ! why=$(fetch 2>&1); then
	skip peers "the source of Linux cannot be fetched: $(tail -n 1 <<<"$why")"
	rm -f "$out/linux.so"
	exit
fi
check "peer: Linux's generic_pt compiles, and is verified and measured" build_linux
[ $failures -eq 0 ]
cat "$out/linux.txt"
