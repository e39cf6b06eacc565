#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Copyright (c) 2026 The Ebb authors
#
# Builds Linux without and with the series and runs the tests on both: KUnit under User-Mode Linux,
# the rest in QEMU (docs/linux.md). Leaves what was measured in build/linux, for results.py.
# Usage: test.sh [quick|full|PART...]
# quick: what each change runs; full: the whole matrix; PART: one of its parts, a function of tests.sh,
# with kernels that are there already.
# shellcheck disable=SC2317 # what looks out of reach is called through check
set -euo pipefail
cd "$(dirname "$0")/../.."
source linux/scripts/lib.sh
source linux/scripts/vm.sh

mode=${1:-quick}
passed=0

# Counts what scripts/lib.sh's check prints.
try() {
	local before=$failures
	check "$@"
	if [ "$failures" -eq "$before" ]; then
		passed=$((passed + 1))
		printf 'ok\t%s\t%s\n' "$1" "$(series_hash)"
	else
		printf 'FAILED\t%s\t%s\n' "$1" "$(series_hash)"
	fi >>"$out/checks.tsv"
}

finish() {
	if [ -s "$out/repeated.txt" ]; then
		echo "# boots that ended by a fault of the emulator (emulator_fault in vm.sh), and were repeated:"
		sed 's/^/# /' "$out/repeated.txt"
	fi
	echo "$passed passed, $failures failed, $skipped skipped"
	[ $failures -eq 0 ]
	exit
}

# vm NAME TREE CONFIG [VARIABLE=VALUE...] -- COMMAND...: boots a kernel that was built, as boot()
# of vm.sh wants it.
vm() {
	local name=$1 image commands=() qemu=()
	local iommu=$vtd icount='' cpus=2 memory=6G append='' limit=300 accel='tcg,thread=multi'
	image=$cache/build-$2-$3/arch/x86/boot/bzImage
	shift 3
	while [ "$1" != -- ]; do
		declare "$1"
		shift
	done
	shift
	commands=("$@")
	# shellcheck disable=SC2034 # all of these are for boot
	boot "$name" "$image"
}

# figure NAME TEST KEY: of the line of TEST that the run NAME left behind.
figure() {
	jq -r --arg test "$2" --arg key "$3" 'select(.test == $test) | .[$key] // empty' \
		"$out/$1.jsonl" | tail -n 1
}

# holds NAME EXPRESSION: an expression of jq on the line of the run's first command.
holds() {
	jq -e -s ".[0] | $2" "$out/$1.jsonl" >/dev/null || {
		echo "not so: $2"
		head -n 1 "$out/$1.jsonl"
		return 1
	}
}

applies() {
	[ -n "$(series)" ] || {
		echo "no series in $patches"
		return 1
	}
	lock series
	tree series || {
		echo "The series is made against Linux 7.3.4 (docs/linux.md: what to do)."
		return 1
	}
	unlock
}

# none_lost BEFORE AFTER [PATTERN]: what passes in the one run of KUnit passes in the other, of the
# cases that match.
none_lost() {
	local lost
	lost=$(join -t $'\t' -a 1 -o 0,1.2,2.2 -e missing "$out/kunit-$1.tsv" "$out/kunit-$2.tsv" |
		awk -F '\t' -v pattern="${3-}" '$1 ~ pattern && $2 == "PASS" && $3 != "PASS"')
	[ -z "$lost" ] || {
		echo "$lost"
		return 1
	}
}

# kunit_smp CONFIG: KUnit's cases of the reclaimer on two CPUs, where their threads do run at the same
# time. Not the others: they have one thread, and some take minutes under emulation. The IOMMUs are
# off, as devices would use tables while the cases count them.
kunit_smp() {
	vm "kunit-$1" series "$1" memory=2G limit=900 \
		"append=intel_iommu=off amd_iommu=off kunit.enable=1 kunit.filter_glob=*reclaim_test" --
	kunit_judge series "$PWD/$out/kunit-$1" 'reboot: Power down'
}

# The memory of tables goes back: 2 MiB at most 100 ms after the sweep, 32 MiB at most in it.
sweep_frees() {
	holds "$1" '.later_kib - .start_kib <= 2048'
	holds "$1" '.peak_kib - .start_kib <= 32768'
	holds "$1" '.freed > 0'
}

# The text of the objects that the series is about, of both trees: build/linux/sizes.tsv.
sizes() {
	local tree object
	for tree in stock series; do
		for object in "$cache/build-$tree-vm"/drivers/iommu/{built-in.a,iommu.o,iommu-pages.o} \
			"$cache/build-$tree-vm"/drivers/iommu/generic_pt/fmt/iommu_{vtdss,x86_64,amdv1}.o \
			"$cache/build-$tree-vm"/vmlinux; do
			size "$object" | awk -v tree="$tree" -v object="${object##*/}" '
				NR > 1 { text += $1; data += $2; bss += $3 }
				END { print tree "\t" object "\t" text "\t" data + bss }'
		done
	done >"$out/sizes.tsv"
	cat "$out/sizes.tsv"
}

# A run with that command must not pass.
notices() {
	if vm notices series vm -- "$1"; then
		echo "it passes"
		return 1
	fi
	grep -q '"test": "end"' "$out/notices.jsonl"
}

# KCSAN reports the race that the tree mutant has.
kcsan_notices() {
	local build=$cache/build-mutant-kcsan
	vm kcsan-race mutant kcsan append=kcsan.skip_watch=150 limit=900 -- "${short[1]}" "${short[3]}" \
		>/dev/null || true
	grep -q '"test": "end"' "$out/kcsan-race.jsonl" || return 1
	races_in "$build" "$out/kcsan-race" ours | tee /dev/stderr | grep -q reclaim
}

# A table of 4 KiB for each page.
sweep_keeps() {
	holds "$1" '.later_kib - .start_kib >= 4 * .pairs'
}

source linux/scripts/tests.sh

# All that the result of a quick run depends on.
state() {
	find linux -type f ! -name RESULTS.md | sort | xargs sha256sum
	series | xargs -r sha256sum
	echo "$about"
}

if ! why=$(scripts/linux-source.sh 2>&1); then
	skip linux "the source of Linux cannot be fetched: $(tail -n 1 <<<"$why")"
	exit
fi
about="Linux $(linux_version), gcc $(gcc -dumpfullversion), $(qemu-system-x86_64 --version |
	sed -n '1s/ (.*//; 1s/ emulator version//p'), series $(series_hash)"
before=$cache/passed/$(state | sha256sum | cut -c 1-32)
if [ "$mode" = quick ] && [ -f "$before" ] && [ -z "${EBB_LINUX_AGAIN-}" ]; then
	echo "# From the cache ($before): nothing has changed since this passed, $(date -r "$before")"
	cat "$before"
	exit
fi
rm -f "$out/repeated.txt"
echo "# $about"
echo "$about" >"$out/about.txt"
case $mode in
quick)
	mkdir -p "$cache/passed"
	(
		quick
		finish
	) | tee "$before.new"
	mv "$before.new" "$before"
	;;
full)
	rm -f "$out"/*.jsonl "$out/checks.tsv"
	full
	finish
	;;
*)
	guest
	for part in "$@"; do
		"$part"
	done
	finish
	;;
esac
