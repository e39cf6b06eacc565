# SPDX-License-Identifier: GPL-2.0-only OR MIT
# Copyright (c) 2026 The Ebb authors
#
# The short front door to meson.build and scripts/. On a Debian system each target first installs
# the packages that it needs and that are missing (scripts/packages.sh has the list); when nothing
# is missing, apt is not called.

SHELL := /bin/bash
PREFIX ?= /usr/local
DESTDIR ?=
TRACES ?= traces/nvme-randread.trace.xz traces/vfio-iova-stress.trace.xz
SOAK ?= 3600
PREEMPTIONS ?= 3
SCHEDULES ?= 500000
FUZZ ?= 600
BENCH ?=
SCALING ?=
MUTANTS ?=
PLOT := build/$(basename $(basename $(notdir $(lastword $(TRACES))))).svg

.DEFAULT_GOAL := build
.NOTPARALLEL:
# every target that the list below explains
.PHONY: $(shell awk -F: '/^[a-z-]+:.*\#\# / { print $$1 }' $(firstword $(MAKEFILE_LIST)))

build: ## build the library and the program: build/libebb.a, build/ebb
	@scripts/packages.sh run
	@scripts/build.sh build

run: ## build, compare the policies on a 1 TiB sweep, then on recorded traces; draw a plot of the last
	@scripts/packages.sh run
	@scripts/build.sh build ebb
	@echo
	@build/ebb stress
	@echo
	@for trace in $(filter-out $(lastword $(TRACES)),$(TRACES)); do build/ebb replay $$trace && echo || exit; done
	@build/ebb replay $(lastword $(TRACES)) --plot $(PLOT)
	@echo
	@echo "The plot (table memory over time, all policies): $(PLOT)"

test: ## all tests: plain, under ThreadSanitizer, under AddressSanitizer and UBSan
	@scripts/packages.sh run test
	@scripts/test.sh build build-tsan build-asan

test-plain: ## the tests without sanitizers
	@scripts/packages.sh run test
	@scripts/test.sh build

test-tsan: ## the tests under ThreadSanitizer
	@scripts/packages.sh run test
	@scripts/test.sh build-tsan

test-asan: ## the tests under AddressSanitizer and UBSan
	@scripts/packages.sh run test
	@scripts/test.sh build-asan

test-model: ## Spin models of the protocol, and models broken on purpose: 10 minutes at most
	@scripts/packages.sh model
	@scripts/model.sh quick

test-model-full: ## the larger ones: hours, and up to 8 GiB each
	@scripts/packages.sh model
	@MODEL_JOBS=1 scripts/model.sh full

test-schedules: ## up to SCHEDULES schedules of each small scene with at most PREEMPTIONS preemptions
	@scripts/packages.sh run test
	@scripts/build.sh build tests/sched/explore
	@rm -f build/schedules.tsv
	@EBB_EXPLORE_TSV=build/schedules.tsv build/tests/sched/explore \
		--preemptions $(PREEMPTIONS) --limit $(SCHEDULES)

test-mutants: ## break the core in each of the ways of tests/mutants/: a test must notice
	@scripts/packages.sh run test mutants
	@scripts/mutants.py $(MUTANTS)

soak: ## threads on random domains for SOAK seconds, an hour unless told
	@scripts/packages.sh run test
	@scripts/build.sh build tests/soak
	@build/tests/soak $(SOAK)

coverage: ## what the tests reach of the core's lines and branches
	@scripts/packages.sh run test coverage
	@scripts/coverage.sh

fuzz: ## fuzz the core, then the readers of traces, each for FUZZ seconds, with libFuzzer
	@scripts/packages.sh run test fuzz
	@scripts/fuzz.sh $(FUZZ) core trace

fuzz-afl: ## the same with AFL++
	@scripts/packages.sh run test fuzz-afl
	@scripts/fuzz.sh --afl $(FUZZ) core trace

verification: ## run all that docs/verification.md reports, and write its figures anew (hours)
	@FUZZ=$(FUZZ) SOAK=$(SOAK) scripts/verification.sh $(PARTS)

lint: ## formatter, static analysers, licence headers, both compilers
	@scripts/packages.sh run test lint
	@scripts/lint.sh

format: ## format all C files in place
	@scripts/packages.sh lint
	@scripts/lint.sh --format

check-freestanding: ## the core needs no libc: compile and link it alone for x86-64 and aarch64
	@scripts/packages.sh freestanding
	@scripts/check-freestanding.sh

check-goals: ## the sizes and counts of the README hold on this machine
	@scripts/packages.sh run goals
	@scripts/build.sh build ebb
	@scripts/check-goals.sh

check-times: ## the same and the times, for a quiet machine
	@scripts/packages.sh run goals
	@scripts/build.sh build ebb
	@scripts/check-goals.sh --times

bench: peers ## what a map and an unmap cost, under each policy and with the peers; build/bench.svg
	@build/ebb bench $(BENCH) --plot build/bench.svg \
		$(addprefix --peer ,$(wildcard build/peers/linux.so)) \
		$(addprefix --instructions ,$(wildcard build/instructions.json))

bench-instructions: peers ## count the instructions of a pair under callgrind, for `make bench`
	@scripts/bench-instructions.sh build/instructions.json $(wildcard build/peers/linux.so)

scaling: ## count the cache lines that move between callers; writes the tables of docs/scaling.md
	@scripts/packages.sh run goals
	@scripts/build.sh build
	@scripts/scaling.sh $(SCALING)

performance: bench-instructions ## measure everything, and write docs/performance.md with it
	@scripts/performance.sh

peers: ## fetch and build what `make bench` compares with: the page tables of Linux
	@scripts/packages.sh run bench
	@scripts/build.sh build ebb
	@scripts/peers.sh

test-linux: ## the Linux series: KUnit, sweeps, NVMe and e1000e in QEMU, with and without it
	@scripts/packages.sh linux
	@linux/scripts/test.sh quick

test-linux-full: ## the same on all machines, debug kernels, figures: an hour or two
	@scripts/packages.sh linux
	@linux/scripts/test.sh full

test-linux-mutants: ## break the series in each of the ways of linux/mutants/: KUnit must notice
	@scripts/packages.sh linux
	@linux/scripts/mutants.sh $(MUTANTS)

linux-results: ## write linux/RESULTS.md with what the runs left in build/linux
	@linux/scripts/results.py

check-fresh-debian: ## `make run` and `make test` of the last commit, in a fresh Debian 12
	@scripts/packages.sh fresh
	@scripts/fresh-debian.sh

install: build ## install to $(DESTDIR)$(PREFIX)
	@scripts/build.sh build -- -Dprefix=$(PREFIX)
	@DESTDIR=$(DESTDIR) meson install -C build --no-rebuild --quiet

clean: ## remove everything that was built
	rm -rf build build-*

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-20s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
