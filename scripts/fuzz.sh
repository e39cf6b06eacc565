#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
# Copyright (c) 2026 The Ebb authors
#
# Fuzzes, each entry for so many seconds. What crashes an entry is made as small as it gets, kept
# and printed; once the bug is fixed it belongs in fuzz/findings/ENTRY, under a name that says what
# it found.
# Usage: fuzz.sh SECONDS ENTRY...          with libFuzzer, in build-fuzz/
#        fuzz.sh --afl SECONDS ENTRY...    with AFL++, in build-afl/
#        fuzz.sh --merge ENTRY...          what build-fuzz/corpus found goes to fuzz/corpus
set -euo pipefail
cd "$(dirname "$0")/.."

export ASAN_OPTIONS=${ASAN_OPTIONS:-abort_on_error=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-halt_on_error=1:abort_on_error=1:print_stacktrace=1}
mkdir -p build
status=0
input_max=2048

# found ENTRY DRIVER LOG FILE: reports an input.
found() {
	echo "FAILED  fuzz $1: $4"
	tail -n 40 "$3" | sed 's/^/        /'
	xxd "$4" | sed 's/^/        /'
	echo "        again: $2 $4"
	status=1
}

libfuzzer() {
	local entry=$1 program=build-fuzz/fuzz/fuzz-$1 log=build-fuzz/fuzz-$1.log
	local corpus=build-fuzz/corpus/$1 kept=build-fuzz/found/$1 crash runs
	mkdir -p "$corpus" "$kept"
	if "$program" -max_total_time="$seconds" -max_len="$input_max" -len_control=0 -timeout=30 \
		-rss_limit_mb=4096 -artifact_prefix="$kept/" "$corpus" "fuzz/corpus/$entry" \
		"fuzz/findings/$entry" >"$log" 2>&1; then
		runs=$(sed -n 's/^Done \([0-9]*\) runs.*/\1/p' "$log")
		echo "ok      fuzz $entry: $runs inputs in $seconds s"
		# for docs/verification.md
		printf '%s\tlibFuzzer\t%s\t%s\t%s\t0\n' "$entry" "$seconds" "$runs" \
			"$(grep -o 'cov: [0-9]*' "$log" | tail -n 1 | cut -d' ' -f2)" >>build/fuzz.tsv
		return
	fi
	crash=$(sed -n 's/.*Test unit written to //p' "$log")
	if [ -z "$crash" ]; then # it has not even begun
		tail -n 20 "$log"
		echo "FAILED  fuzz $entry"
		status=1
		return
	fi
	"$program" -minimize_crash=1 -max_total_time=60 -exact_artifact_path="$crash-small" \
		"$crash" >"$log.small" 2>&1 || true
	[ ! -s "$crash-small" ] || crash+=-small
	"$program" "$crash" >"$log" 2>&1 || true
	found "$entry" "$program" "$log" "$crash"
}

afl() {
	local entry=$1 program=build-afl/fuzz/replay-$1 log=build-afl/fuzz-$1.log
	local out=build-afl/found/$1 crash
	# It will not take an old output directory for another run.
	rm -rf "$out"
	mkdir -p "$out"
	# It has its own wishes about sanitizers, and none is built in.
	unset ASAN_OPTIONS UBSAN_OPTIONS
	if ! AFL_NO_UI=1 AFL_SKIP_CPUFREQ=1 AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 \
		AFL_NO_AFFINITY=1 timeout $((seconds + 120)) afl-fuzz -V "$seconds" -t 5000 \
		-G "$input_max" -i "fuzz/corpus/$entry" -o "$out" -- "$program" >"$log" 2>&1; then
		tail -n 20 "$log"
		echo "FAILED  fuzz-afl $entry"
		status=1
		return
	fi
	for crash in "$out"/default/crashes/id* "$out"/default/hangs/id*; do
		[ -e "$crash" ] || continue
		timeout 120 afl-tmin -i "$crash" -o "$crash-small" -- "$program" >"$log" 2>&1 || true
		[ ! -s "$crash-small" ] || crash+=-small
		"$program" <"$crash" >"$log" 2>&1 || true
		found "$entry" "$program" "$log" "$crash"
		return
	done
	echo "ok      fuzz-afl $entry: $(sed -n 's/^execs_done *: //p' \
		"$out/default/fuzzer_stats") inputs in $seconds s"
}

# The least that reaches as much as the corpus and what was found since.
merge() {
	local entry=$1 new=build-fuzz/merged/$1 log=build-fuzz/merge-$1.log file
	rm -rf "$new"
	mkdir -p "$new" "build-fuzz/corpus/$entry"
	"build-fuzz/fuzz/fuzz-$entry" -merge=1 -use_counters=0 -max_len="$input_max" "$new" "fuzz/corpus/$entry" \
		"build-fuzz/corpus/$entry" >"$log" 2>&1
	rm -f "fuzz/corpus/$entry"/*
	for file in "$new"/*; do
		mv "$file" "fuzz/corpus/$entry/$(basename "$file" | cut -c 1-16)"
	done
	echo "ok      merge $entry: $(find "fuzz/corpus/$entry" -type f | wc -l) inputs," \
		"$(du -sb "fuzz/corpus/$entry" | cut -f 1) bytes"
}

mode=fuzz
case ${1:-} in
--afl | --merge)
	mode=${1#--}
	shift
	;;
esac
if [ "$mode" != merge ]; then
	seconds=$1
	shift
fi

dir=build-fuzz targets=("${@/#/fuzz/fuzz-}")
[ "$mode" != afl ] || dir=build-afl targets=("${@/#/fuzz/replay-}")
scripts/build.sh $dir "${targets[@]}"
for entry in "$@"; do
	case $mode in
	fuzz) libfuzzer "$entry" ;;
	afl) afl "$entry" ;;
	merge) merge "$entry" ;;
	esac
done
exit $status
