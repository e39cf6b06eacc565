#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
# Copyright (c) 2026 The Ebb authors
#
# What `make install` installs is what a user needs: the example builds against it by way of
# pkg-config, and runs.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/lib.sh

root=$PWD/build/installed
rm -rf "$root"

installed() {
	make install DESTDIR="$root" PREFIX=/usr
	local file
	for file in bin/ebb include/ebb.h include/ebb_hosted.h share/man/man1/ebb{,-replay}.1; do
		test -s "$root/usr/$file"
	done
}

embed() {
	local flags
	export PKG_CONFIG_SYSROOT_DIR=$root
	PKG_CONFIG_PATH=$(dirname "$(find "$root" -name ebb.pc)")
	export PKG_CONFIG_PATH
	flags=$(pkg-config --cflags --libs --static ebb)
	# shellcheck disable=SC2086 # the flags are many words
	gcc -std=c11 -Wall -Wextra -Werror -O2 examples/embed.c $flags -o "$root/embed"
	"$root/embed"
}

version() {
	local version
	version=$(pkg-config --modversion "$(find "$root" -name ebb.pc)")
	"$root/usr/bin/ebb" --version | grep -xF "ebb $version"
}

check "install" installed
check "the example, against what was installed" embed
check "ebb --version and ebb.pc agree" version
[ $failures -eq 0 ]
