#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
# Copyright (c) 2026 The Ebb authors
#
# Measures everything and writes docs/performance.md and its picture anew. The program, the peers and
# build/instructions.json must be there (`make performance`).
# Usage: performance.sh
set -euo pipefail
cd "$(dirname "$0")/.."

rows=build/bench.json
offline_rows=build/bench-offline.json
page=docs/performance.md
image=docs/images/bench.svg
options=(--rounds 15 --instructions build/instructions.json --plot "$image")
peer=
peer_text='No peer was there to be compared with.'
if [ -f build/peers/linux.so ]; then
	options+=(--peer build/peers/linux.so)
	peer_text=$(cat build/peers/linux.txt)
	peer=${peer_text%% *}
fi
if [ "$(id -u)" -eq 0 ]; then
	options+=(--realtime)
fi
build/ebb bench --json "${options[@]}" >"$rows"
# The same without the picture, and without the counts, which are of threads that are online.
build/ebb bench --json --offline "${options[@]:0:2}" "${options[@]:6}" >"$offline_rows"

tables=$(jq -s --arg peer "$peer" -f scripts/performance.jq "$rows")
offline_tables=$(jq -s --arg peer "$peer" -f scripts/performance.jq "$offline_rows")
part() {
	jq -r ".$1" <<<"$tables"
}
cpu=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
virtual=$(sed -n 's/^flags.* hypervisor .*/, virtual/p' /proc/cpuinfo | head -n 1)
compiler=$(readlink -f "$(command -v "${CC:-cc}")")

cat >"$page" <<END
# Performance

Written by \`make performance\`; the figures are those of one machine on one day. Do it on yours, and compare ratios.

| | |
| --- | --- |
| date | $(date -u +%Y-%m-%d) |
| machine | $cpu, $(nproc) CPUs$virtual, $(awk '$1 == "MemTotal:" { printf "%.0f GiB", $2 / 1048576 }' /proc/meminfo) |
| system | Linux $(uname -r | sed 's/-.*//'), $(. /etc/os-release && echo "$PRETTY_NAME") |
| compiler | $("$compiler" --version | head -n 1), -O2 |
| peer | $peer_text |
| command | \`ebb bench ${options[*]}\` |

A pair is a map, an unmap and a sync, whose invalidation is a full fence. [ebb-bench(1)](../man/ebb-bench.1) describes the
patterns, how they are measured and where the pages come from; [bench/peers](../bench/peers/README.md) what the peer is, and what
each side checks and does not. Instructions are counted under callgrind, with one thread, in user mode.

$(part summary)

![Nanoseconds per pair for each pattern and policy](images/bench.svg)

## Ratios

The time of \`deferred\` by that of another in the same round: median (least–most) of 15 rounds, and the goal where there is one.

$(part ratios)

## Where \`deferred\` loses

$(part losses)

## Threads that are not online

What is above is measured with threads that are *online* (\`ebb_hosted_online()\`, liburcu's QSBR): they say when they hold nothing, as
each CPU of a kernel does when it schedules. Threads that do not promise that enter and leave sections by stores, and a grace period
interrupts those that are running (liburcu's membarrier). The same with such threads (\`--offline\`):
$(jq -r .summary <<<"$offline_tables")

$(jq -r .ratios <<<"$offline_tables")

## Times and instructions

Nanoseconds per pair of one thread, least / median of all rounds.

$(part times)

## Memory

Of tables, without spare ones: at most, and in the end, when everything is unmapped and what is empty has been freed.

$(part memory)

## What was tried

$(cat bench/tried.md)
END
echo "$page: $(part summary)"
