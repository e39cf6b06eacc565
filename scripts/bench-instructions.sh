#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
# Copyright (c) 2026 The Ebb authors
#
# Counts the instructions of a pair under callgrind, with one thread, for where the processor's own
# counter cannot be read. What callgrind counts is the same on each run: user mode only, no caches.
# Usage: bench-instructions.sh OUTPUT [PEER.so...]     OUTPUT: for `ebb bench --instructions`
set -euo pipefail
cd "$(dirname "$0")/.."

output=$1
shift
pairs=4096
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# count NUMBER PATTERN OPTION...: one line of JSON for the one engine that the options choose.
count() {
	local log=$scratch/$1.log row=$scratch/$1.row pattern=$2 collected
	shift 2
	if ! valgrind --tool=callgrind --callgrind-out-file=/dev/null \
		--toggle-collect=bench_measured build/ebb bench --json --rounds 1 --threads 1 \
		--pairs "$pairs" --pattern "$pattern" "$@" >"$row" 2>"$log"; then
		grep -v '^==' "$log" >&2
		return 1
	fi
	collected=$(sed -n 's/^==[0-9]*== Collected : \([0-9]*\).*/\1/p' "$log")
	tail -n 1 "$row" | jq -c --argjson collected "$collected" \
		'{pattern, size, policy, threads, instructions_per_pair: ($collected / .pairs)}'
}
export -f count
export scratch pairs

patterns=(sweep pingpong pingpong2 ring256 random shared edge)
for size in 4K 2M 1G 16x4K 256x4K 512x4K 256x2M; do
	patterns+=("sizes:$size")
done
jobs=()
for pattern in "${patterns[@]}"; do
	for policy in none rwlock deferred; do
		jobs+=("$pattern --policy $policy")
	done
	for peer in "$@"; do
		jobs+=("$pattern --peers-only --peer $peer")
	done
done
mkdir -p "$(dirname "$output")"
# Two at a time, each into a file of its own, in order.
# shellcheck disable=SC2016
printf '%s\n' "${jobs[@]}" | nl -w 4 -n rz -s ' ' |
	xargs -P 2 -I '{}' bash -c 'set -euo pipefail; set -- {}; count "$@" >"$scratch/$1.json"'
cat "$scratch"/*.json >"$output"
echo "$output: $(wc -l <"$output") counts"
