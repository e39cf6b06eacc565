#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
# Copyright (c) 2026 The Ebb authors
#
# The core needs nothing: strict C11 without a libc header in sight, without floating-point or
# vector registers, and all that it links against are the four functions that a freestanding
# compiler may call anyway.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/lib.sh

out=build/freestanding
mkdir -p "$out"

# Outline atomics (a default of gcc for aarch64) would call into libgcc; kernels switch them off,
# too.
common=(-std=c11 -O2 -g -ffreestanding -nostdlib -nostdinc -fno-pic -fno-stack-protector
	-mgeneral-regs-only
	-Wall -Wextra -Wshadow -Wundef -Wvla -Wmissing-prototypes -Wstrict-prototypes -Werror
	-Iinclude -Iplatform/guest)

# compile_and_link ARCH-NAME OBJCOPY-PREFIX COMPILER...
compile_and_link() {
	local arch=$1 binutils=$2 own_headers unit objects=() undefined
	shift 2
	# A compiler's own headers: stdint.h, stddef.h, stdbool.h.
	case $1 in
	*clang*) own_headers=$("$1" -print-resource-dir)/include ;;
	*) own_headers=$("$1" -print-file-name=include) ;;
	esac
	for unit in core/*.c; do
		objects+=("$out/$arch-$(basename "$unit" .c).o")
		"$@" "${common[@]}" -isystem "$own_headers" -c "$unit" -o "${objects[-1]}"
	done
	"${binutils}ld" -r -o "$out/$arch.o" "${objects[@]}"
	undefined=$("${binutils}nm" --undefined-only --format=just-symbols "$out/$arch.o" |
		sort -u | grep -vxE 'memcpy|memset|memmove|memcmp' || true)
	if [ -n "$undefined" ]; then
		echo "needs from outside:" "$undefined"
		return 1
	fi
	"${binutils}size" "$out/$arch.o"
}

check "x86-64, gcc" compile_and_link x86_64-gcc "" gcc
check "x86-64, clang" compile_and_link x86_64-clang "" clang --target=x86_64-linux-gnu
check "aarch64, gcc" compile_and_link aarch64-gcc aarch64-linux-gnu- \
	aarch64-linux-gnu-gcc -mno-outline-atomics
check "aarch64, clang" compile_and_link aarch64-clang aarch64-linux-gnu- \
	clang --target=aarch64-linux-gnu -mno-outline-atomics
[ $failures -eq 0 ]
