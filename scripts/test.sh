#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
# Copyright (c) 2026 The Ebb authors
#
# Builds and runs the tests in each of the build directories named (see build.sh), then prints the
# sum of all test cases.
# Usage: test.sh DIR...
set -euo pipefail
cd "$(dirname "$0")/.."

# A sanitizer's report fails the program, at once and with a stack.
export TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=1:second_deadlock_stack=1}
export ASAN_OPTIONS=${ASAN_OPTIONS:-abort_on_error=1:detect_leaks=1:detect_stack_use_after_return=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-halt_on_error=1:abort_on_error=1:print_stacktrace=1}

for dir in "$@"; do
	rm -f "$dir/meson-logs/testlog.json"
	scripts/build.sh "$dir" || continue # counted below as one failure
	# ThreadSanitizer has nothing to say about programs that never start a thread; `ebb
	# stress` starts some.
	only=()
	if [ "$dir" = build-tsan ]; then
		mapfile -t only < <(grep -lE 'pthread_create|run_crowd|SOFT_THREAD' tests/*.c |
			sed 's/.*\///; s/\.c$//' | grep -vxE 'crowd|soak|support')
		only+=("tool program" "tool bench")
	fi
	# What failed is counted, and named again, below.
	meson test -C "$dir" --no-rebuild --print-errorlogs --timeout-multiplier 10 \
		"${only[@]}" </dev/null || true
done
python3 scripts/count-tests.py "$@"
