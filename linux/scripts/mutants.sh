#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Copyright (c) 2026 The Ebb authors
#
# Puts each fault of linux/mutants/ into the series and runs KUnit's cases of the reclaimer under
# User-Mode Linux. A fault is caught if a case fails, or does not end, that its "Caught by: kunit"
# lines name; a fault with no such line says who else shows it, and is left to that.
# Usage: mutants.sh [NAME...]
set -euo pipefail
cd "$(dirname "$0")/../.."
source linux/scripts/lib.sh

filter='*reclaim_test*'
mutants=${EBB_LINUX_MUTANTS:-linux/mutants}
caught=0 of=0
record=$out/mutants.tsv

# Of the cases that the file names, those that pass without the fault, and with it fail or are not
# come to, for whatever format.
failing() {
	local patch=$1 name
	[ -f "$out/kunit-mutant-some.tsv" ] || return 0
	while read -r name; do
		join -t $'\t' -a 1 -o 0,1.2,2.2 -e missing \
			"$out/kunit-series-some.tsv" "$out/kunit-mutant-some.tsv" |
			awk -F '\t' -v name="$name" '
				$1 ~ "(^|[.])" name "([.]|$)" && $2 == "PASS" && $3 != "PASS" { found = 1 }
				END { if (found) print name }'
	done < <(sed -n 's/^Caught by: kunit //p' "$patch")
}

try() {
	local patch=$1 name status=0 by
	name=$(basename "$patch" .patch)
	if ! grep -q '^Caught by: kunit ' "$patch"; then
		skip "$name" "$(sed -n 's/^Caught by: //p' "$patch" | head -n 1)"
		printf '%s\t%s\t%s\n' "$name" elsewhere "$(sed -n 's/^Caught by: //p' "$patch")" >>"$record"
		return
	fi
	of=$((of + 1))
	rm -f "$out"/kunit-mutant-some.*
	EBB_MUTANT=$patch linux/scripts/kunit.sh mutant "$filter" 120 >"$logs/mutant-$name.log" 2>&1 ||
		status=$?
	by=$(failing "$patch" | paste -sd ' ')
	if [ "$status" -ne 0 ] && [ -n "$by" ]; then
		echo "ok      $name: $by"
		caught=$((caught + 1))
		printf '%s\tcaught\t%s\n' "$name" "$by" >>"$record"
	else
		echo "FAILED  $name: not caught ($logs/mutant-$name.log)"
		printf '%s\tmissed\t\n' "$name" >>"$record"
		failures=$((failures + 1))
	fi
}

rm -f "$record"
# Without a fault they pass: else nothing below says anything.
check "series: the cases of the reclaimer pass" linux/scripts/kunit.sh series "$filter"
[ "$failures" -eq 0 ]
if [ $# -gt 0 ]; then
	for name in "$@"; do
		try "$mutants/$name.patch"
	done
else
	for patch in "$mutants"/*.patch; do
		try "$patch"
	done
fi
echo "$caught of $of caught"
sum="$caught passed, $failures failed"
[ $skipped -eq 0 ] || sum+=", $skipped skipped"
echo "$sum"
[ "$failures" -eq 0 ]
