/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/*
 * Crowds of threads, on every policy and depth, with and without a device. EBB_SEED repeats a run.
 */
#include "crowd.h"

static uint64_t seed;

static void run_threads(struct fixture *f, unsigned workers, unsigned reclaimers,
			unsigned operations)
{
	run_crowd(f, (struct crowd){ workers, reclaimers, operations, false }, &seed);
}

static void two_threads_share_tables(struct fixture *f)
{
	run_threads(f, 2, 1, 1500);
}

static void four_threads_share_tables(struct fixture *f)
{
	run_threads(f, 4, 1, 700);
}

static void eight_threads_share_tables(struct fixture *f)
{
	run_threads(f, 8, 1, 400);
}

/* More reclaimers than there are owner numbers. */
static void twenty_reclaimers_get_in_each_others_way(struct fixture *f)
{
	run_threads(f, 2, 20, 300);
}

/* The same few tables are emptied and filled again without end. */
static void four_threads_empty_the_same_tables(struct fixture *f)
{
	run_crowd(f, (struct crowd){ 4, 1, UNDER_TSAN ? 400 : 1000, true }, &seed);
}

static void eight_threads_empty_the_same_tables(struct fixture *f)
{
	run_crowd(f, (struct crowd){ 8, 2, UNDER_TSAN ? 200 : 500, true }, &seed);
}

static void a_device_follows_two_threads_and_two_reclaimers(struct fixture *f)
{
	run_threads(f, 2, 2, 300);
}

static void a_device_follows_four_threads(struct fixture *f)
{
	run_threads(f, 4, 1, 200);
}

static void a_device_follows_eight_threads(struct fixture *f)
{
	run_threads(f, 8, 1, 120);
}

#define PLAIN	  .shape.plain = true
#define DEVICE(x) .shape.device_thread = true, .shape.flags = (x)
#define SPLIT	  .shape.partial = EBB_PARTIAL_SPLIT
#define HARD	  (EBB_NONSNOOPING | EBB_CACHING_MODE)

/* With this batch; the reclaimers make for small batches as well. */
#define DEVICE_CASES(x, n)                                                               \
	CASE_WITH(a_device_follows_two_threads_and_two_reclaimers, DEVICE(x), SPLIT,     \
		  .shape.batch = (n)),                                                   \
		CASE_WITH(a_device_follows_four_threads, DEVICE(x), .shape.batch = (n)), \
		CASE_WITH(a_device_follows_eight_threads, DEVICE(x), SPLIT, .shape.batch = (n))

static const struct test_case cases[] = {
	CASE_WITH(two_threads_share_tables, PLAIN, .shape.batch = 64),
	CASE_WITH(two_threads_share_tables, PLAIN),
	CASE_WITH(four_threads_share_tables, PLAIN, .shape.batch = 3),
	CASE_WITH(eight_threads_share_tables, PLAIN, .shape.batch = 64),
	CASE_WITH(eight_threads_share_tables, PLAIN),
	CASE_WITH(four_threads_empty_the_same_tables, PLAIN),
	CASE_WITH(four_threads_empty_the_same_tables, PLAIN, .shape.batch = 64),
	CASE_WITH(four_threads_empty_the_same_tables, DEVICE(HARD), .shape.batch = 1),
	CASE_WITH(four_threads_empty_the_same_tables, DEVICE(EBB_ACCESSED_DIRTY)),
	CASE_WITH(eight_threads_empty_the_same_tables, PLAIN, .shape.batch = 1),
	CASE_WITH(eight_threads_empty_the_same_tables, DEVICE(HARD)),
	CASE_WITH(twenty_reclaimers_get_in_each_others_way, PLAIN, .shape.batch = 1),
	CASE_WITH(twenty_reclaimers_get_in_each_others_way, DEVICE(HARD), .shape.batch = 1),
	DEVICE_CASES(0, 0),
	DEVICE_CASES(EBB_NONSNOOPING, 3),
	DEVICE_CASES(EBB_CACHING_MODE | EBB_ACCESSED_DIRTY, 0),
	DEVICE_CASES(HARD, 64),
	DEVICE_CASES(HARD | EBB_ACCESSED_DIRTY, 3),
};

int main(void)
{
	seed = seed_from_environment();
	return RUN_CASES("threads", cases);
}
