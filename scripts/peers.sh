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

cache=${XDG_CACHE_HOME:-$HOME/.cache}/ebb
out=build/peers
mkdir -p "$out"

# Takes what the peer is made of from the source of Linux, as $cache/linux-VERSION.
fetch() {
	local tarball version new
	tarball=$(scripts/linux-source.sh)
	[ -n "$tarball" ] || return 1
	version=$(basename "$tarball" .tar.xz)
	version=${version##*-}
	new=$(mktemp -d -p "$cache")
	xz -dc "$tarball" | tar -xC "$new" --strip-components=1 --wildcards \
		'*/drivers/iommu/generic_pt/*' '*/drivers/iommu/iommu-pages.h' \
		'*/include/linux/generic_pt/*'
	cp "${tarball%.tar.xz}.version" "$new/version"
	rm -rf "$cache/linux-$version"
	mv "$new" "$cache/linux-$version"
}

# What is there already, nearest to the version that all figures are about.
cached() {
	find "$cache" -maxdepth 1 -name 'linux-[0-9]*' 2>/dev/null | sort -V | head -n 1
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
