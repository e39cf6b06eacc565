#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
# Copyright (c) 2026 The Ebb authors
#
# Runs the cases of a set in model/cases.txt, two at a time, and compares each result with what is
# expected. A case that ends for want of memory, time or depth has failed, whatever was expected.
# Litmus tests are skipped, and counted as skipped, where herd7 cannot be had.
# Usage: model.sh quick|full [PATTERN]     PATTERN: only cases whose line matches
# Adds the results to build/model.tsv: set, name, expected, result, states, seconds, storage,
# switches.
set -euo pipefail
cd "$(dirname "$0")/.."

set_name=$1 pattern=${2:-.}
case $set_name in # limits of a case: seconds of CPU time, MiB
quick) cpu_seconds=200 megabytes=3000 ;;
full) cpu_seconds=7200 megabytes=8000 ;;
*)
	echo "model.sh: unknown set '$set_name'" >&2
	exit 2
	;;
esac
out=build/model
results=build/model.tsv
mkdir -p "$out"
export set_name cpu_seconds megabytes out

# litmus NAME SWITCH...: under C11 as repaired (RC11), but without its axiom against values out of
# thin air: compilers do not enforce that one on Arm. A test in assembly under Arm's own model.
litmus() {
	local options=(-model rc11.cat -skipcheck no-thin-air)
	[[ $1 != *-arm ]] || options=()
	gcc -E -P -x c "${@:2}" "../../../model/litmus/$1.litmus" >x.litmus &&
		../../../scripts/herd.sh "${options[@]}" x.litmus
}

# verify FLAGS STORAGE EXPECTED: generates, compiles and runs a verifier in this directory. Where a
# counterexample is expected, one is found at once, and the compiler is what takes time.
verify() {
	local optimise=-O1
	if [ "$2" = herd ]; then
		# shellcheck disable=SC2086 # a name and switches
		litmus $1
		return
	fi
	[ "$set_name" = quick ] || optimise=-O2
	[ "$3" = holds ] || optimise=-O0
	# shellcheck disable=SC2086 # switches are several words
	spin -a $1 ../../../model/ebb.pml &&
		gcc $optimise -w -DSAFETY "-D$2" -DMEMLIM="$megabytes" -DVECTORSZ=512 -o pan pan.c &&
		(ulimit -t "$cpu_seconds" && exec ./pan -m1000000 -w22)
}

# result_of LOG STATUS
result_of() {
	if grep -q '^Flag .*undef' "$1"; then
		echo undefined
	elif grep -Eq '^Observation .* (Never|Sometimes)' "$1"; then
		sed -n 's/^Observation .* \(Never\|Sometimes\|Always\) .*/\L\1/p' "$1"
	elif grep -q '^pan:1: assertion violated' "$1"; then
		echo fails
	elif grep -q '^pan:1: invalid end state' "$1"; then
		echo deadlocks
	elif [ "$2" -ne 0 ] || ! grep -q 'errors: 0$' "$1" ||
		grep -Eq 'Search not completed|max search depth too small' "$1"; then
		echo incomplete
	else
		echo holds
	fi
}

# one_case NUMBER LINE
one_case() {
	local dir=$out/$1 start=${EPOCHREALTIME/[.,]/} status=0
	local expected name flags storage result states tenths
	IFS='|' read -r _ expected name flags storage <<<"$2"
	storage=${storage:-COLLAPSE}
	rm -rf "$dir"
	mkdir -p "$dir"
	(cd "$dir" && verify "$flags" "$storage" "$expected") >"$dir/log" 2>&1 || status=$?
	result=$(result_of "$dir/log" $status)
	states=$(sed -n 's/^ *\([0-9]*\) states, stored.*/\1/p; s/^States \([0-9]*\)$/\1/p' "$dir/log")
	tenths=$(((${EPOCHREALTIME/[.,]/} - start) / 100000))
	printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$set_name" "$name" "$expected" "$result" \
		"${states:--}" "$((tenths / 10)).$((tenths % 10))" "$storage" "$flags" >"$dir/result"
	if [ "$storage" = herd ] && [ ! -e "$out/herd" ]; then
		echo "skipped $name: no herd7"
		rm "$dir/result"
	elif [ "$result" = "$expected" ]; then
		echo "ok      $name: $result, ${states:--} states"
		rm -f "$dir"/pan*
	else
		echo "FAILED  $name: $result, expected: $expected (${states:--} states)"
		echo "        switches: $flags   log: $dir/log"
	fi
}
export -f litmus verify result_of one_case

mapfile -t cases < <(sed -E 's/ *\| */|/g; s/ +$//' model/cases.txt |
	grep "^$set_name|" | grep -E -- "$pattern")
if [ ${#cases[@]} -eq 0 ]; then
	echo "model.sh: no case matches" >&2
	exit 2
fi
rm -rf "$out/$set_name"-* "$out/herd"
if printf '%s\n' "${cases[@]}" | grep -q '|herd$' &&
	scripts/herd.sh --install >"$out/herd.log" 2>&1; then
	touch "$out/herd"
fi
log=$out/$set_name.log
for i in "${!cases[@]}"; do
	printf '%s-%03d\0%s\0' "$set_name" "$i" "${cases[$i]}"
done | xargs -0 -n 2 -P "${MODEL_JOBS:-2}" bash -c 'one_case "$@"' one_case | tee "$log"

# What was run now replaces what was run before: the case, or all of the set.
mapfile -t new < <(find "$out" -path "$out/$set_name-*/result" | sort)
touch "$results"
awk -F '\t' -v all="$([ "$pattern" != . ] || echo "$set_name")" '
	($1 FS $2) in seen || (FILENAME ~ /tsv$/ && $1 == all) { next }
	{ seen[$1 FS $2]; print }' "${new[@]}" "$results" >"$results.new"
mv "$results.new" "$results"
passed=$(grep -c '^ok ' "$log") || true
skipped=$(grep -c '^skipped ' "$log") || true
failed=$((${#cases[@]} - passed - skipped))
sum="$passed passed, $failed failed"
[ "$skipped" -eq 0 ] || sum+=", $skipped skipped"
echo "$sum"
[ "$failed" -eq 0 ]
