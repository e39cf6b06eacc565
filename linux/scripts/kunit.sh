#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Copyright (c) 2026 The Ebb authors
#
# Runs the KUnit tests of generic_pt under User-Mode Linux and leaves what came of each of them in
# build/linux/kunit-TREE.tsv (with a filter: kunit-TREE-some.tsv), lines "suite.case<TAB>STATUS".
# Fails if a test fails, or if the kernel says that something is wrong.
# Usage: kunit.sh TREE [FILTER [SECONDS]]      FILTER: a glob of KUnit, SUITE or SUITE.CASE
# The tree "mutant" is the series with the patch in $EBB_MUTANT.
set -euo pipefail
cd "$(dirname "$0")/../.."
source linux/scripts/lib.sh

tree=$1
filter=${2-}
limit=${3:-900}
result=$PWD/$out/kunit-$tree${filter:+-some}

build_uml "$tree" uml drivers/iommu/generic_pt/.kunitconfig "$result"

# It ends by halting, without a status that says anything; what it printed does.
timeout -k 5 "$limit" nice -n 19 "$result.uml" mem=1G console=tty kunit.enable=1 kunit_shutdown=halt \
	${filter:+"kunit.filter_glob=$filter"} </dev/null >"$result.console" 2>&1 || true
rm -f "$result.uml"
kunit_judge "$tree" "$result" 'reboot: System halted'
