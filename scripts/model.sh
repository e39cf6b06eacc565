#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
# Copyright (c) 2026 The Ebb authors
#
# Runs cases of model/cases.txt, two at a time, and compares each result with what is expected. A
# case that ends for want of memory, time or depth has failed, whatever was expected.
# Usage: model.sh SET [PATTERN]     SET: quick or full; PATTERN: only cases whose line matches
# The results are in build/model.tsv as well: set, case, expected, verdict, states, seconds,
# storage.
set -euo pipefail
cd "$(dirname "$0")/.."

set_name=$1 pattern=${2:-.}
case $set_name in
quick) seconds=240 megabytes=3000 ;;
full) seconds=7200 megabytes=8000 ;;
*)
	echo "model.sh: unknown set '$set_name'" >&2
	exit 2
	;;
esac
jobs=${MODEL_JOBS:-2}
out=build/model
results=build/model.tsv
mkdir -p "$out"
export seconds megabytes out set_name

# spin_case DIR FLAGS STORAGE: builds and runs; sets verdict, states.
spin_case() {
	local dir=$1 flags=$2 storage=$3 log=$1/log status=0
	verdict=incomplete states=-
	# shellcheck disable=SC2086 # flags are several words
	(cd "$dir" && spin -a $flags ../../../model/ebb.pml) >"$log" 2>&1 || return 0
	# A counterexample is found at once: there the compiler is what takes time.
	local optimise=-O2
	[ "$expect" != fails ] || optimise=-O0
	(cd "$dir" && gcc $optimise -w -DSAFETY "-D$storage" -DMEMLIM="$megabytes" -DVECTORSZ=512 \
		-o pan pan.c) >>"$log" 2>&1 || return 0
	(cd "$dir" && timeout "$seconds" ./pan -m1000000 -w22) >>"$log" 2>&1 || status=$?
	states=$(sed -n 's/^ *\([0-9]*\) states, stored.*/\1/p' "$log")
	states=${states:--}
	if grep -Eq 'Search not completed|max search depth too small|hash conflict.*lost' "$log" &&
		! grep -q 'errors: [1-9]' "$log"; then
		return 0
	fi
	if [ $status -eq 0 ] && grep -q 'errors: 0$' "$log"; then
		verdict=holds
	elif grep -q '^pan:1: assertion violated' "$log"; then
		verdict=fails
	elif grep -q '^pan:1: invalid end state' "$log"; then
		verdict=deadlock
	fi
}

# one_case NUMBER LINE: prints "ok" or "FAILED", and adds a line to the results.
one_case() {
	local number=$1 expect name flags storage dir start verdict states line
	IFS='|' read -r _ expect name flags storage <<<"$2"
	storage=${storage:-COLLAPSE}
	dir=$out/$number
	rm -rf "$dir"
	mkdir -p "$dir"
	start=$(date +%s.%N)
	spin_case "$dir" "$flags" "$storage"
	line=$(printf '%s\t%s\t%s\t%s\t%s\t%.1f\t%s' "$set_name" "$name" "$expect" "$verdict" \
		"$states" "$(echo "$(date +%s.%N) - $start" | bc)" "$storage")
	echo "$line" >"$dir/result"
	if [ "$verdict" = "$expect" ]; then
		echo "ok      $name: $verdict, $states states"
		rm -f "$dir"/pan*
	else
		echo "FAILED  $name: $verdict, expected: $expect ($states states)"
		echo "        flags: $flags; log: $dir/log"
	fi
}
export -f spin_case one_case

mapfile -t cases < <(sed 's/ *| */|/g; s/ *$//' model/cases.txt |
	grep "^$set_name|" | grep -E -- "$pattern")
if [ ${#cases[@]} -eq 0 ]; then
	echo "model.sh: no case matches" >&2
	exit 2
fi
log=$out/$set_name.log
for i in "${!cases[@]}"; do
	printf '%s-%03d\0%s\0' "$set_name" "$i" "${cases[$i]}"
done | xargs -0 -n 2 -P "$jobs" bash -c 'one_case "$@"' one_case | tee "$log"

cat "$out/$set_name"-*/result >"$results.new"
grep -v "^$set_name	" "$results" >>"$results.new" 2>/dev/null || true
sort -o "$results" "$results.new"
rm -f "$results.new"
passed=$(grep -c '^ok ' "$log") || true
failed=$((${#cases[@]} - passed))
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
