#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
# Copyright (c) 2026 The Ebb authors
#
# Everything that can be said about the sources without running them.
# Usage: lint.sh [--format]     --format: format all C files in place instead
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/lib.sh

# Tracked and new files, without what .gitignore names and without what is deleted.
sources() {
	git ls-files -co --exclude-standard -- "$@" | while read -r file; do
		[ ! -f "$file" ] || echo "$file"
	done
}
mapfile -t c_files < <(sources '*.c' '*.h')
mapfile -t c_units < <(sources '*.c' ':!linux')
mapfile -t shell_files < <(sources '*.sh' .ci/run)
mapfile -t python_files < <(sources '*.py')
mapfile -t manuals < <(sources '*.1' '*.3' '*.7')
mapfile -t with_header < <(sources '*.c' '*.h' '*.S' '*.ld' '*.sh' '*.py' '*.build' '*.[137]' \
	'*.jq' '*.pml' '*.litmus' 'linux/*config' .ci/run .clang-format .clang-tidy .editorconfig \
	.gitignore Makefile meson_options.txt)

if [ "${1:-}" = --format ]; then
	clang-format -i "${c_files[@]}"
	exit
fi

# What goes with the kernel has the kernel's licence only.
licence_headers() {
	local file licence bad=0
	for file in "${with_header[@]}"; do
		licence='GPL-2.0-only OR MIT'
		[[ $file != linux/* ]] || licence='GPL-2.0-only'
		if ! head -n 4 "$file" | grep -qE "SPDX-License-Identifier: $licence( \*/)?\$" ||
			! head -n 4 "$file" | grep -qF 'Copyright (c) 2026 The Ebb authors'; then
			echo "$file: no SPDX line or no copyright line at its top"
			bad=1
		fi
	done
	return $bad
}

formatted() {
	local file bad=0
	for file in "${c_files[@]}"; do
		clang-format "$file" |
			diff -u --label "$file" --label "$file, formatted" "$file" - || bad=1
	done
	return $bad
}

# What clang-tidy sees is how clang builds it; a file that is not part of that build has no
# command to check it with.
tidy() {
	local built full=$logs/clang-tidy-full.log status=0
	built=$(sed -n 's/^ *"file": "\(\.\.\/\)*\(.*\)",*$/\2/p' build-clang/compile_commands.json)
	printf '%s\n' "${c_units[@]}" | grep -Fx "$built" |
		xargs -P "$(nproc)" -n 1 clang-tidy --quiet -p build-clang >"$full" 2>/dev/null ||
		status=1
	grep 'error:' "$full" | sort -u || true
	echo "(how it comes to that: $full)"
	return $status
}

# clang-format lets comments be; tabs count as they are shown.
line_length() {
	local file bad=0
	for file in "${c_files[@]}"; do
		expand "$file" | awk -v file="$file" '
			length > 100 { print file ":" NR ": " length " columns"; bad = 1 }
			END { exit bad }' || bad=1
	done
	return $bad
}

readme_example() {
	awk '/^```/ { inside = $0 == "```c"; next } inside' README.md |
		diff -u --label README.md - examples/embed.c
}

static_analysis() {
	cppcheck --quiet --std=c11 --language=c --enable=warning,performance,portability \
		--inline-suppr --error-exitcode=1 -j "$(nproc)" \
		--suppress=missingIncludeSystem --suppress=unknownMacro \
		-D_GNU_SOURCE -Iinclude -Iplatform/hosted -Icore "${c_units[@]}"
}

check "licence headers" licence_headers
check "clang-format" formatted
check "lines of at most 100 columns" line_length
check "README's example is examples/embed.c" readme_example
check "shellcheck" shellcheck -x "${shell_files[@]}"
check "python syntax" python3 -c \
	'import ast, sys; [ast.parse(open(f).read(), f) for f in sys.argv[1:]]' "${python_files[@]}"
check "manual pages" mandoc -T lint -W warning "${manuals[@]}"
check "gcc -Werror" scripts/build.sh build
check "clang -Werror" scripts/build.sh build-clang
check "clang-tidy" tidy
check "cppcheck" static_analysis
[ $failures -eq 0 ]
