#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
# Copyright (c) 2026 The Ebb authors
#
# Installs the Debian packages that a task needs and that are missing.
# Usage: packages.sh TASK...
# Tasks: run test model mutants coverage fuzz fuzz-afl lint freestanding goals bench compilers
# fresh linux
# Nothing is called but dpkg-query when nothing is missing.
set -euo pipefail

# A|B: either will do, A is installed if neither is there.
packages_of() {
	case $1 in
	run)
		echo gcc libc6-dev meson ninja-build "pkg-config|pkgconf" liburcu-dev
		# libtracecmd's header needs libtracefs's, which its package does not pull in
		echo libarchive-dev libcjson-dev libtracecmd-dev libtracefs-dev libtraceevent-dev
		echo "gnuplot-nox|gnuplot-qt|gnuplot-x11"
		;;
	test) echo libcmocka-dev xz-utils ;;
	mutants) echo patch python3 ;;
	model) echo spin gcc libc6-dev ;;
	coverage) echo gcovr ;;
	lint) echo clang clang-format clang-tidy cppcheck shellcheck mandoc ;;
	freestanding) echo gcc clang binutils gcc-aarch64-linux-gnu binutils-aarch64-linux-gnu ;;
	goals) echo jq ;;
	bench) echo jq valgrind xz-utils ;;
	compilers) echo gcc-11 clang-13 ;;
	fuzz) echo clang "libclang-rt-14-dev|libfuzzer-14-dev" ;; # its clang is Debian 12's
	fuzz-afl) echo "afl++" ;;
	fresh) echo debootstrap git ;;
	linux)
		echo gcc make flex bison bc libelf-dev libssl-dev perl python3 patch xz-utils rsync
		echo ccache cpio jq util-linux qemu-system-x86 ipxe-qemu libc6-dev
		echo gcc-riscv64-linux-gnu
		;;
	*)
		echo "packages.sh: unknown task '$1'" >&2
		exit 2
		;;
	esac
}

is_installed() {
	[[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed* ]]
}

missing=()
need() {
	local package
	for package in ${1//|/ }; do
		! is_installed "$package" || return 0
	done
	missing+=("${1%%|*}")
}

if ! command -v dpkg-query >/dev/null; then
	exit 0 # not Debian: whatever is missing will be named by what needs it
fi
for task in "$@"; do
	packages=$(packages_of "$task")
	for package in $packages; do
		need "$package"
	done
done
if [ ${#missing[@]} -eq 0 ]; then
	exit 0
fi

mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)

as_root=()
if [ "$(id -u)" -ne 0 ]; then
	as_root=(sudo)
	if ! command -v sudo >/dev/null || ! { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
		echo "These packages are missing, and installing them takes root or sudo:" >&2
		echo "    apt-get install ${missing[*]}" >&2
		exit 1
	fi
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
apt() {
	if ! "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
		apt-get -q -y -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 \
		"$@" >"$log" 2>&1 </dev/null; then
		cat "$log" >&2
		return 1
	fi
}
echo "Installing: ${missing[*]}"
apt update || echo "apt-get update failed; trying with the lists at hand" >&2
apt install --no-install-recommends "${missing[@]}"
