# shellcheck shell=bash disable=SC2154 # lib.sh sets what is not set here
# SPDX-License-Identifier: GPL-2.0-only
# Copyright (c) 2026 The Ebb authors
#
# What test.sh runs. Names of runs are names of files in build/linux: results.py knows them.

builds() {
	local tree
	try "the series applies to Linux $(linux_version | cut -d ' ' -f 1)" applies
	if [ "$failures" -ne 0 ]; then
		finish
	fi
	for tree in stock series; do
		try "Linux $tree, vm: builds" kernel "$tree" vm
	done
	try "the test program builds" guest
}

kunit() {
	try "KUnit of generic_pt, stock" linux/scripts/kunit.sh stock
	try "KUnit of generic_pt, series" linux/scripts/kunit.sh series
	try "KUnit: what passes on stock passes with the series" none_lost
}

# sweep NAME TREE VARIABLE=VALUE... -- OPTION,...
sweep() {
	local name=$1 tree=$2 settings=()
	shift 2
	while [ "$1" != -- ]; do
		settings+=("$1")
		shift
	done
	try "$name: 1 TiB, a page every 2 MiB" \
		vm "$name" "$tree" vm "${settings[@]}" -- "sweep:$2"
	if [ "$tree" = stock ]; then
		try "$name: the tables stay" sweep_keeps "$name"
	else
		try "$name: 32 MiB at most, 2 MiB at most 100 ms later" sweep_frees "$name"
	fi
}

quick() {
	builds
	kunit
	sweep sweep-stock-type1 stock -- backend=type1
	sweep sweep-series-type1 series -- backend=type1
	sweep sweep-series-iommufd series -- backend=iommufd,threads=2
	try "NVMe and e1000e, data verified, reclaim without a pause" \
		vm traffic-series series vm -- disk:hammer=1 net:hammer=1
}
