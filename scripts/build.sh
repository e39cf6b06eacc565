#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
# Copyright (c) 2026 The Ebb authors
#
# Configures a build directory if need be, and builds in it.
# Usage: build.sh DIR [TARGET...] [-- MESON-OPTION...]
#   build-tsan      with ThreadSanitizer (and the liburcu flavour that it understands)
#   build-asan      with AddressSanitizer and UBSan
#   build-coverage  for `make coverage`: see scripts/coverage.sh
#   build-fuzz      with libFuzzer, AddressSanitizer and UBSan, by clang
#   build-afl       for AFL++
#   build-COMPILER  with that compiler: build-clang, build-gcc-11, ...
#   build           the plain build
set -euo pipefail
cd "$(dirname "$0")/.."

dir=$1
shift
targets=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do
	targets+=("$1")
	shift
done
[ $# -eq 0 ] || shift
options=("$@")

# Without cmocka, `make` and `make run` still work.
if pkg-config --exists cmocka; then
	options+=(-Dtests=true)
else
	options+=(-Dtests=false)
fi
case $dir in
build) ;;
build-tsan) options+=(-Db_sanitize=thread -Drcu_flavour=mb) ;;
build-asan) options+=("-Db_sanitize=address,undefined") ;;
build-coverage) options+=(-Dprogram=false -Dcoverage=true) ;;
build-fuzz)
	export CC=clang
	options+=(-Dfuzz=true "-Db_sanitize=address,undefined" -Db_lundef=false)
	;;
build-afl) export CC=afl-clang-fast ;;
build-*) export CC=${dir#build-} ;;
*)
	echo "build.sh: what is to be built in '$dir'?" >&2
	exit 2
	;;
esac

# Configured again only when the options change.
configured=$dir/.options
log=$dir/.log
build() {
	if [ ! -f "$dir/build.ninja" ]; then
		mkdir -p "$dir"
		meson setup "$dir" "${options[@]}" || return
	elif [ "$(cat "$configured" 2>/dev/null)" != "${options[*]}" ]; then
		meson setup --reconfigure "$dir" "${options[@]}" || return
	fi
	echo "${options[*]}" >"$configured"
	ninja --quiet -C "$dir" "${targets[@]}"
}
mkdir -p "$dir"
echo "Building in $dir/"
if ! build >"$log" 2>&1; then
	cat "$log" >&2
	exit 1
fi
