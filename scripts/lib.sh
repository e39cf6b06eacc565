# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
# Copyright (c) 2026 The Ebb authors
#
# Sourced by the scripts that make several checks. Each check prints one line, and the end of its
# output if it failed.

logs=build/checks
failures=0 skipped=0
mkdir -p "$logs"

# check NAME COMMAND...: the command, or function (run under set -e, in a subshell), succeeds.
check() {
	local name=$1 log
	log=$logs/$(basename "$0" .sh)-${name//[^a-zA-Z0-9]/-}.log
	shift
	# Not the condition of an if: that would switch set -e off inside.
	(
		set -euo pipefail
		"$@"
	) >"$log" 2>&1 </dev/null &
	if wait $!; then
		echo "ok      $name"
	else
		echo "FAILED  $name"
		tail -n 40 "$log" | sed 's/^/        /'
		echo "        (all of it: $log)"
		failures=$((failures + 1))
	fi
}

# skip NAME WHY
skip() {
	echo "skipped $1: $2"
	skipped=$((skipped + 1))
}
