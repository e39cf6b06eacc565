/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#ifndef EBB_TESTS_SUPPORT_H
#define EBB_TESTS_SUPPORT_H
/*
 * Fixtures and checks that all tests share. A test is a function named by a sentence; run_cases()
 * runs it once for each policy and depth of the tree, on a fresh domain, and at the end of each run
 * asserts that the root is the only table.
 */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "ebb.h"
#include "ebb_hosted.h"
#include "softiommu.h"
#include "vtdss.h"

#define PAGE  (1ull << 12)
#define MIB_2 (1ull << 21)
#define GIB   (1ull << 30)
#define RW    (EBB_READ | EBB_WRITE)

/* Sanitizers make everything slow; long tests of one thread are shorter then. */
#if defined(__SANITIZE_THREAD__)
#define UNDER_TSAN 1
#elif defined(__SANITIZE_ADDRESS__)
#define UNDER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_TSAN 1
#elif __has_feature(address_sanitizer)
#define UNDER_ASAN 1
#endif
#endif
#ifndef UNDER_TSAN
#define UNDER_TSAN 0
#endif
#ifndef UNDER_ASAN
#define UNDER_ASAN 0
#endif

/* A domain's configuration, and how it stands on the platform. */
struct shape {
	enum ebb_policy policy;
	unsigned levels;
	enum ebb_partial partial;
	unsigned batch;
	uint32_t flags;
	uint32_t leaf_levels;
	unsigned pa_width_lg2;
	bool plain; /* straight on the hosted platform, no device behind it */
	bool device_thread; /* invalidations are completed by a thread of the device */
};

struct fixture {
	struct shape shape;
	struct ebb_hosted *hosted;
	struct soft_iommu *device; /* NULL if plain */
	struct ebb_platform platform;
	struct ebb_domain domain;
	struct ebb_gather gather;
	uint64_t aperture; /* bytes */
	const char *late_fault; /* what the device has reported */
	unsigned checks; /* calls of check_tree() */
	bool unsynced; /* unmapped since the last do_sync(): the device may still remember */
};

void fixture_open(struct fixture *f, const struct shape *shape);
/*
 * Asserts that only the root is left, destroys the domain, asserts that every table went back to
 * the platform.
 */
void fixture_close(struct fixture *f);
struct ebb_config shape_config(const struct shape *shape);
const char *policy_name(enum ebb_policy policy);

/* ---- cases ---- */

#define ON_POLICY(p) (1u << (p))
#define ON_LEVELS(l) (1u << (l))

struct test_case {
	const char *name;
	void (*run)(struct fixture *f);
	unsigned policies, levels; /* ON_POLICY, ON_LEVELS; 0: all */
	struct shape shape; /* the rest of it */
};

#define CASE(fn)                         \
	{                                \
		.name = #fn, .run = (fn) \
	}
#define CASE_WITH(fn, ...)                            \
	{                                             \
		.name = #fn, .run = (fn), __VA_ARGS__ \
	}

/* What main() returns: 0 if all went well. */
int run_cases(const char *group, const struct test_case *cases, unsigned n);
#define RUN_CASES(group, cases) run_cases(group, cases, sizeof(cases) / sizeof((cases)[0]))

/* ---- calls, each followed by check_tree() ---- */

int try_map(struct fixture *f, uint64_t iova, uint64_t pa, uint64_t len, unsigned prot);
int try_unmap(struct fixture *f, uint64_t iova, uint64_t len, uint64_t *unmapped);
int do_sync(struct fixture *f);
int do_reclaim(struct fixture *f);
/* The same, asserting success. */
void do_map(struct fixture *f, uint64_t iova, uint64_t pa, uint64_t len);
void do_map_prot(struct fixture *f, uint64_t iova, uint64_t pa, uint64_t len, unsigned prot);
/* Asserts that `len` bytes were unmapped. */
void do_unmap(struct fixture *f, uint64_t iova, uint64_t len);
void do_unmap_sync(struct fixture *f, uint64_t iova, uint64_t len);

/* ---- checks ---- */

#define assert_ok(error) assert_int_equal((error), EBB_OK)

/*
 * ebb_check() finds nothing, the accounts of tables agree with the platform's, and the device met
 * no fault.
 */
void check_tree(struct fixture *f);
/* Fails with a text if there is one. */
void assert_no_fault(const char *fault);
/* ebb_translate(), the tables in memory and the device agree on one IOVA. */
void assert_maps_to(struct fixture *f, uint64_t iova, uint64_t pa, unsigned size_lg2,
		    unsigned prot);
void assert_maps_nothing(struct fixture *f, uint64_t iova);
/* Both ends and a few pages in between. */
void assert_range_maps_to(struct fixture *f, uint64_t iova, uint64_t pa, uint64_t len);
void assert_range_maps_nothing(struct fixture *f, uint64_t iova, uint64_t len);
/* Unmaps nothing, reclaims everything. */
void assert_only_root_left(struct fixture *f);

/* Number of tables linked below the root at `level`, by ebb_stats(). */
uint64_t live_at(struct fixture *f, unsigned level);
struct ebb_stats stats_of(struct fixture *f);
/* The tables linked at each level, counted in memory. */
void count_tables(struct fixture *f, uint64_t live[VTD_LEVELS]);
/* Tables that the platform has given out, and not got back. */
uint64_t tables_out(struct fixture *f);
/* One word of a table, as the CPU sees it. */
uint64_t *table_word(uint64_t table_pa, unsigned index);
uint64_t table_entry(uint64_t table_pa, unsigned index);
/* A DMA that goes through no cache. False: there is no leaf. */
bool device_touch(struct soft_iommu *device, uint64_t iova, bool write);
/* The walk in memory, with no cache in between. */
void walk_memory(struct fixture *f, uint64_t iova, struct soft_walk *w);

/* What must not change when a call fails. */
struct snapshot {
	uint64_t leaves, hash; /* of every leaf's place, address, permissions and bits */
	uint64_t held;
};

struct snapshot snapshot_of(struct fixture *f);
/* The same leaves; not more tables. */
void assert_unchanged(struct fixture *f, const struct snapshot *before);

/* ---- random numbers ---- */

/* EBB_SEED, or one from the clock; printed once, so that a failure can be repeated. */
uint64_t seed_from_environment(void);
uint64_t rng_next(uint64_t *state);
static inline uint64_t rng_below(uint64_t *state, uint64_t n)
{
	return rng_next(state) % n;
}

static inline bool rng_chance(uint64_t *state, unsigned one_in)
{
	return rng_below(state, one_in) == 0;
}

#endif
