#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
# Copyright (c) 2026 The Ebb authors
#
# Runs all that docs/verification.md reports and writes its figures anew.
# Usage: verification.sh [PART...]    tests schedules mutants model coverage fuzz soak; all unless told
#   FUZZ, SOAK: seconds for each fuzzing entry and for the soak
set -euo pipefail
cd "$(dirname "$0")/.."

parts=("$@")
[ $# -gt 0 ] || parts=(tests schedules mutants model coverage fuzz soak)
mkdir -p build

run_part() {
	case $1 in
	tests) make test | tee build/tests.txt ;;
	schedules)
		rm -f build/schedules.tsv
		EBB_EXPLORE_TSV=$PWD/build/schedules.tsv make test-schedules
		;;
	mutants) make test-mutants ;;
	model) make test-model ;;
	coverage) make coverage ;;
	fuzz)
		rm -f build/fuzz.tsv
		make fuzz FUZZ="${FUZZ:-600}"
		;;
	soak) make soak SOAK="${SOAK:-3600}" 2>&1 | tee build/soak.txt ;;
	*)
		echo "verification.sh: what is '$1'?" >&2
		exit 2
		;;
	esac
}

for part in "${parts[@]}"; do
	run_part "$part"
	scripts/verification.py "$part"
done
