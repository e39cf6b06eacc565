#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Copyright (c) 2026 The Ebb authors
#
# Times map and unmap in the kernel under User-Mode Linux (linux/bench): without the series, with
# it, with it switched off, and with its static branch as a constant, as it nearly is where there are
# jump labels, in turn, ROUNDS times each. The least of each is what counts. Leaves
# build/linux/bench.tsv: variant, format, size, ps of a map, ps of an unmap.
# Usage: bench.sh [ROUNDS]
set -euo pipefail
cd "$(dirname "$0")/../.."
source linux/scripts/lib.sh

rounds=${1:-3}

# bench_kernel TREE
bench_kernel() {
	build_uml "$1" bench "$PWD/linux/config/bench.kunitconfig" "$out/$1"
}

# measure VARIANT TREE ARGUMENT...
measure() {
	local variant=$1 tree=$2
	shift 2
	timeout -k 5 300 "$out/$tree.uml" mem=512M console=tty kunit.enable=1 kunit_shutdown=halt \
		'kunit.filter_glob=iommu_pt_bench' "$@" </dev/null >"$out/bench-$variant.console" 2>&1 || true
	sed -n "s/.*bench: state \([0-9]*\) domain \([0-9]*\).*/$variant\t\1\t\2/p" \
		"$out/bench-$variant.console" >"$out/state-$variant.tsv"
	grep -a 'bench: ' "$out/bench-$variant.console" |
		sed -n "s/.*bench: \(.*\) map \([0-9]*\) unmap \([0-9]*\).*/$variant \1 \2 \3/p" |
		tr ' ' '\t' >>"$out/bench-all.tsv"
}

bench_kernel stock # what the two others begin with
bench_kernel bench-stock
bench_kernel bench-series
bench_kernel bench-constant
rm -f "$out/bench-all.tsv"
for ((i = 0; i < rounds; i++)); do
	measure stock bench-stock
	measure series bench-series
	measure off bench-series iommu.pt_reclaim=0
	measure constant bench-constant
done
rm -f "$out"/bench-*.uml
awk -F '\t' -v OFS='\t' '
	{ key = $1 OFS $2 OFS $3 }
	!(key in map) || $4 < map[key] { map[key] = $4 }
	!(key in unmap) || $5 < unmap[key] { unmap[key] = $5 }
	END { for (key in map) print key, map[key], unmap[key] }' "$out/bench-all.tsv" |
	sort >"$out/bench.tsv"
cat "$out/bench.tsv"
# Three formats, three sizes, four variants.
[ "$(wc -l <"$out/bench.tsv")" -eq 36 ]
