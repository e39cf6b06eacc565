#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
# Copyright (c) 2026 The Ebb authors
#
# Runs the tests on a core that counts (build-coverage/, see meson.build), and holds the lines and
# branches of core/ that they reach against the goals. What was not reached is listed at the end;
# build/coverage.tsv has the figures of each file. docs/verification.md says why the gaps are there.
#
# A branch is one way out of a condition in the source; a line with `a && b` has four. The source is
# counted once, whatever the number of copies that the compiler makes of it elsewhere: gcovr adds up
# the functions of a header over the files that include it. Branches that the compiler adds for
# exceptions, and those on lines without code, are left out.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/lib.sh

dir=build-coverage
lines=97 branches=90 # percent

run_tests() {
	find "$dir" -name '*.gcda' -delete
	meson test -C "$dir" --no-rebuild --print-errorlogs --timeout-multiplier 10
}

count() {
	gcovr --root . --filter core/ --exclude-throw-branches --exclude-unreachable-branches \
		--json build/coverage.json "$dir"
}

enough() {
	python3 scripts/coverage.py build/coverage.json --goals $lines $branches \
		--tsv build/coverage.tsv
}

check "build that counts" scripts/build.sh "$dir"
if [ $failures -eq 0 ]; then
	check "tests" run_tests
	check "gcovr" count
	check "core/: at least $lines % of lines, $branches % of branches" enough
	python3 scripts/coverage.py build/coverage.json --list
fi
[ $failures -eq 0 ]
