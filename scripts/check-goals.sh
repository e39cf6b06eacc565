#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
# Copyright (c) 2026 The Ebb authors
#
# What the README promises, as ratios and sizes within one run on this machine:
#  - a sweep of 1 TiB leaves the root table behind with deferred and rwlock, all leaf tables (2 GiB)
#    with none;
#  - replayed traces: none holds what the kernel held when the trace was recorded; deferred keeps
#    within its bound, and where the kernel refills one table again and again it hardly ever frees
#    one.
# Times are measured and printed, but pass or fail nothing: other work on the machine decides them
# too. `--times` judges them, for a quiet machine.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/lib.sh

out=build/goals
mkdir -p "$out"
table=4096

# holds FILE JQ-CONDITION: in the condition .none, .rwlock and .deferred are the results of one
# run. Prints them, too.
holds() {
	jq -c '{policy, ns_per_pair, peak_table_bytes, final_table_bytes, needed_peak_table_bytes,
		tables_freed} | del(..|nulls)' "$1"
	echo "wanted: $2    (table = $table, growth = ${growth:-0})"
	jq -es "def table: $table; def growth: ${growth:-0};
		length == 3 and (map({ (.policy): . }) | add | $2)" "$1"
}

sweep() {
	build/ebb stress --json >"$out/stress.json"
	test "$(wc -l <"$out/stress.json")" -eq 3
}

# Other work only ever adds time, and may more than double it: the best of some runs of each policy,
# in turn, a quarter of the size.
times() {
	for _ in $(seq "$1"); do
		build/ebb stress --json -s 0.25
	done >"$out/stress-times.json"
	jq -cs 'group_by(.policy) | .[] | sort_by(.ns_per_pair) | .[0]' \
		"$out/stress-times.json" >"$out/best.json"
}

ratio() {
	jq -rs "map({ (.policy): .ns_per_pair }) | add | .deferred / .$1 * 1000 | round / 1000" \
		"$out/best.json"
}

replay() {
	build/ebb replay --json --plot "$out/$1.svg" "traces/$1.trace.xz" >"$out/$1.json"
	test "$(wc -l <"$out/$1.json")" -eq 3
	test -s "$out/$1.svg"
}

# The growth of the kernel's IOMMU page tables while a trace was recorded, in bytes.
kernel_growth() {
	awk -F ': ' '
		$1 == "SecPageTables_before_kB" { before = $2 }
		$1 == "SecPageTables_after_kB" { after = $2 }
		END { print (after - before) * 1024 }' "$1"
}

check "1 TiB sweep, all policies" sweep
check "1 TiB sweep: deferred leaves the root" holds "$out/stress.json" \
	'.deferred.final_table_bytes == table'
check "1 TiB sweep: rwlock leaves the root" holds "$out/stress.json" \
	'.rwlock.final_table_bytes == table'
check "1 TiB sweep: none leaves 2 GiB" holds "$out/stress.json" \
	'.none.final_table_bytes / 1073741824 | 2 <= . and . <= 2.02'
if [ "${1-}" = --times ]; then
	check "256 GiB sweep, nine times" times 9
	check "sweep: deferred takes at most 1/4 of none" holds "$out/best.json" \
		'.deferred.ns_per_pair <= .none.ns_per_pair / 4'
	check "sweep: deferred takes no longer than rwlock" holds "$out/best.json" \
		'.deferred.ns_per_pair <= .rwlock.ns_per_pair'
else
	times 3
	measured="measured: deferred is $(ratio none) of none, $(ratio rwlock) of rwlock"
	skip "sweep" "times are judged by \`make check-times\` only; $measured"
fi

for meta in traces/*.meta; do
	name=$(basename "$meta" .meta)
	growth=$(kernel_growth "$meta")
	check "$name: replay" replay "$name"
	# The kernel may have had one table of each level already when recording began.
	check "$name: none holds what the kernel held" holds "$out/$name.json" \
		'(.none.final_table_bytes - growth) | fabs <= 4 * table'
	# 64 candidates of the caller, two batches of 64 of the reclaimer: docs/protocol.md.
	check "$name: deferred's peak is within its bound" holds "$out/$name.json" \
		'.deferred | .peak_table_bytes <= .needed_peak_table_bytes + (64 + 2 * 64) * table'
done
check "nvme-randread: deferred frees at most 2 % of rwlock's tables" \
	holds "$out/nvme-randread.json" '.deferred.tables_freed <= 0.02 * .rwlock.tables_freed'
[ $failures -eq 0 ]
