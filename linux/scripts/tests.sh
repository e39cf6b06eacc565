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
	try "sizes of the code" sizes
}

kunit() {
	try "KUnit of generic_pt, stock" linux/scripts/kunit.sh stock
	try "KUnit of generic_pt, series" linux/scripts/kunit.sh series
	try "KUnit: what passes on stock passes with the series" none_lost stock series
}

# sweep NAME TREE OPTION,... [VARIABLE=VALUE...]
sweep() {
	local name=$1 tree=$2 options=$3
	shift 3
	try "$name: 1 TiB, a page every 2 MiB" vm "$name" "$tree" vm "$@" -- "sweep:$options"
	if [ "$tree" = stock ] || [[ "$*" == *pt_reclaim=0* ]]; then
		try "$name: the tables stay" sweep_keeps "$name"
	else
		try "$name: 32 MiB at most, 2 MiB at most 100 ms later" sweep_frees "$name"
	fi
}

basics() {
	sweep sweep-stock-type1-c2 stock backend=type1
	sweep sweep-series-type1-c2 series backend=type1
	sweep sweep-series-iommufd-c2 series backend=iommufd,threads=2,span=256G
	try "NVMe and e1000e, data verified, reclaim without a pause" \
		vm traffic-series series vm -- disk:hammer=1 net:hammer=1
	try "a warning in the kernel's log fails a run" notices say:what=WARNING:
	try "a command that fails fails a run" notices disk:disk=/dev/none
}

quick() {
	builds
	kunit
	basics
}

# Each pattern that one could break, with reclaim without a pause beside it.
patterns=(
	"shared:backend=iommufd,threads=4,hammer=1"
	"shared:backend=type1,hammer=1"
	"large:backend=iommufd,hammer=1"
	"large:backend=type1,hammer=1"
	"verify:backend=type1,hammer=1"
	"verify:backend=iommufd,hammer=1"
	"loop:pattern=ring,backend=iommufd,hammer=1"
	"loop:pattern=two,hammer=1"
	"sweep:span=32G,backend=iommufd,threads=2,hammer=1"
)
traffic=("disk:hammer=1" "net:hammer=1" "disk:verify=0,threads=32,requests=160")
teardown=("kill:hammer=1" "kill:backend=iommufd" "rebind:hammer=1" "rebind")
# For many machines, and for the sanitizers' kernels, which are slower by far.
short=(
	"verify:rounds=3,hammer=1"
	"shared:backend=iommufd,threads=4,pairs=3000,hammer=1"
	"shared:backend=type1,pairs=3000,hammer=1"
	"large:backend=iommufd,rounds=300,hammer=1"
	"sweep:span=8G,backend=iommufd,threads=2,hammer=1"
	"disk:requests=200,hammer=1"
	"net:bytes=4M,hammer=1"
	"kill:rounds=5,hammer=1"
	"rebind:rounds=4,hammer=1"
)

# The machines of the matrix: NAME, then what boot() takes.
machines() {
	echo "vtd"
	echo "vtd-snoop iommu=$vtd,snoop-control=on"
	echo "vtd-caching-mode iommu=$vtd,caching-mode=on"
	echo "vtd-39 iommu=${vtd/aw-bits=48/aw-bits=39}"
	echo "vtd-strict append=iommu.strict=1"
	echo "vtd-snoop-caching-strict iommu=$vtd,snoop-control=on,caching-mode=on append=iommu.strict=1"
	echo "vtd-scalable iommu=$vtd,x-scalable-mode=on append=intel_iommu=sm_on"
	echo "amd iommu=amd-iommu"
}

at_length() {
	try "vtd: patterns" vm patterns-series series vm -- "${patterns[@]}"
	try "vtd: traffic" vm traffic-long-series series vm -- "${traffic[@]}"
	try "vtd: teardown" vm teardown-series series vm -- "${teardown[@]}"
}

# EBB_LINUX_MACHINES: names of those to take, all unless it is set.
matrix() {
	local name settings
	while read -r name settings; do
		[[ " ${EBB_LINUX_MACHINES-$name} " == *" $name "* ]] || continue
		# shellcheck disable=SC2086 # a list of settings
		try "$name: patterns, traffic, teardown" \
			vm "matrix-$name" series vm $settings -- "${short[@]}"
	done < <(machines)
}

# EBB_LINUX_ROUNDS times each, three unless told, in turn, for the times vary.
figures() {
	local round cpus tree
	for ((round = 1; round <= ${EBB_LINUX_ROUNDS:-3}; round++)); do
		for cpus in 1 2; do
			for tree in stock series; do
				sweep "sweep-$tree-type1-c$cpus-r$round" "$tree" backend=type1 "cpus=$cpus"
			done
		done
		for tree in stock series; do
			sweep "sweep-$tree-iommufd-c2-r$round" "$tree" backend=iommufd,threads=2,span=256G
		done
	done
	sweep sweep-off-type1-c2 series backend=type1 append=iommu.pt_reclaim=0
}

random_reads() {
	local tree
	for tree in stock series; do
		try "NVMe, 163,840 random reads of 4 KiB, $tree" \
			vm "randread-$tree" "$tree" vm -- disk:verify=0,threads=32,requests=5120
	done
}

instructions() {
	counted icount-stock stock
	counted icount-series series
	counted icount-off series append=iommu.pt_reclaim=0
}

counted() {
	local name=$1 tree=$2
	shift 2
	try "$name: instructions per pair" vm "$name" "$tree" vm cpus=1 accel=tcg icount=yes "$@" -- \
		loop:pattern=same loop:pattern=ring loop:pattern=live loop:pattern=two \
		sweep:span=256G,sample=0
}

pressure() {
	try "a sweep of 1 TiB in 256 MiB of memory" \
		vm small-series series vm memory=256M -- sweep:backend=type1
	try "patterns and traffic while memory runs short" \
		vm pressure-series series vm memory=512M -- \
		sweep:span=128G,eat=1,may-run-out=1 \
		sweep:span=128G,backend=iommufd,threads=2,eat=1,may-run-out=1,hammer=1 \
		shared:backend=iommufd,threads=4,eat=1,may-run-out=1,hammer=1 \
		disk:eat=1,hammer=1 net:eat=1,hammer=1
}

debug_kernel() {
	try "Linux series, $1: builds" kernel series "$1"
	try "$1: patterns, traffic, teardown" \
		vm "$1-series" series "$1" limit=900 -- "${short[@]}"
}

debug_kunit() {
	try "$1: KUnit of the reclaimer, on 2 CPUs" kunit_smp "$1"
	if [ -f "$out/kunit-series.tsv" ]; then
		try "$1: KUnit: what passes on 1 CPU passes on 2" none_lost series "$1" reclaim_test
	else
		skip "$1: KUnit: what passes on 1 CPU passes on 2" "it was not run on 1 CPU"
	fi
}

with_checks() {
	debug_kernel debug
	kunit_with_checks
}

kunit_with_checks() {
	debug_kunit debug
}

with_kcsan() {
	debug_kernel kcsan
	kcsan_dense
	kunit_with_kcsan
}

# As KCSAN samples unless told, it does not notice a race that was put in. One access in 150, and it does.
kcsan_dense() {
	try "kcsan, sampled densely: patterns, traffic, teardown" \
		vm kcsan-dense-series series kcsan append=kcsan.skip_watch=150 limit=1800 -- "${short[@]}"
	try "kcsan: builds with a race put in" with_race kernel mutant kcsan
	try "kcsan: the race is noticed" kcsan_notices
}

with_race() {
	mutant=linux/mutants/kcsan/unmarked-scan.patch "$@"
}

kunit_with_kcsan() {
	debug_kunit kcsan
}

debug_kernels() {
	with_checks
	with_kcsan
}

# The second patch is the one that changes RISC-V's driver.
riscv() {
	try "RISC-V, after the second patch: compiles" riscv_objects series-2
	try "RISC-V, after the last patch: compiles" riscv_objects series
}

times() {
	try "times of map and unmap under UML" linux/scripts/bench.sh
}

full() {
	quick
	debug_kernels
	matrix
	instructions
	pressure
	riscv
	times
	at_length
	random_reads
	figures
}
