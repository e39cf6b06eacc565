/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/*
 * Memory that is given back: resident size after a trim, and the bound of empty tables that are not
 * yet freed.
 */
#include <ebb_hot.h>
#include "support.h"

#define PAGES	    (UNDER_TSAN ? 3000u : 25000u)
#define THREADS_MAX 8u
#define SWEEP	    (UNDER_TSAN ? 400u : 1000u)

static struct ebb_hosted_stats hosted(struct fixture *f)
{
	struct ebb_hosted_stats stats;

	ebb_hosted_stats(f->hosted, &stats);
	return stats;
}

static void assert_little_resident(struct fixture *f, uint64_t before)
{
	assert_true(tables_out(f) <= 1);
	if (!f->device) /* which keeps tables until the next is wanted */
		assert_true(hosted(f).resident_bytes <= before + 64 * EBB_TABLE_SIZE);
}

/* One page in each 2 MiB: a table for each. */
static void map_sparse(struct fixture *f)
{
	for (uint64_t i = 0; i < PAGES; i++)
		assert_ok(ebb_map(&f->gather, EBB_IOVA(i * MIB_2 + i % 512 * PAGE), EBB_PA(0), PAGE,
				  RW));
	check_tree(f);
	assert_int_equal(live_at(f, 0), PAGES);
	assert_true(hosted(f).resident_bytes >= PAGES * EBB_TABLE_SIZE);
}

static void memory_goes_back_after_one_long_unmap(struct fixture *f)
{
	uint64_t before = hosted(f).resident_bytes, unmapped = 0;

	map_sparse(f);
	assert_ok(try_unmap(f, 0, PAGES * MIB_2, &unmapped));
	assert_int_equal(unmapped, PAGES * PAGE);
	do_sync(f);
	if (f->shape.policy == EBB_NONE) {
		assert_int_equal(try_unmap(f, 0, f->aperture, NULL), EBB_ERR_NOT_MAPPED);
		do_sync(f);
	}
	do_reclaim(f);
	ebb_trim(&f->gather);
	check_tree(f);
	assert_little_resident(f, before);
}

static void memory_goes_back_after_many_small_unmaps(struct fixture *f)
{
	uint64_t before = hosted(f).resident_bytes;

	map_sparse(f);
	for (uint64_t i = 0; i < PAGES; i++) {
		assert_ok(ebb_unmap(&f->gather, EBB_IOVA(i * MIB_2 + i % 512 * PAGE), PAGE, NULL));
		if (i % 10 == 0)
			ebb_sync(&f->gather);
	}
	do_sync(f);
	if (f->shape.policy != EBB_NONE) {
		do_reclaim(f);
		ebb_trim(&f->gather);
		check_tree(f);
		assert_little_resident(f, before);
	} else {
		assert_int_equal(live_at(f, 0), PAGES); /* what the other two are for */
	}
}

/* Used again, memory is zero again: what was given back does not come back with old entries. */
static void memory_that_went_back_is_clean_when_it_comes_again(struct fixture *f)
{
	for (unsigned round = 0; round < 3; round++) {
		do_map(f, GIB, PAGE, 200 * MIB_2);
		assert_range_maps_to(f, GIB, PAGE, 200 * MIB_2);
		do_unmap_sync(f, GIB, 200 * MIB_2);
		do_reclaim(f);
		ebb_trim(&f->gather);
		check_tree(f);
	}
}

/* The limit that the platform was made with, and then another one. */
static void the_platform_keeps_its_limit(struct fixture *f)
{
	struct ebb_hosted *h = ebb_hosted_create(3);
	struct ebb_platform p = ebb_hosted_platform(h);
	struct ebb_table *t[4];

	(void)f;
	for (unsigned i = 0; i < 3; i++)
		assert_non_null(t[i] = p.alloc_table(p.ctx, -1));
	assert_null(p.alloc_table(p.ctx, -1));
	ebb_hosted_set_limit(h, 4);
	assert_non_null(t[3] = p.alloc_table(p.ctx, -1));
	assert_null(p.alloc_table(p.ctx, -1));
	for (unsigned i = 0; i < 4; i++) {
		ebb_hot_desc(t[i])->next = i < 3 ? t[i + 1] : NULL;
		for (unsigned n = 0; n < EBB_TABLE_ENTRIES; n++)
			assert_int_equal(((const uint64_t *)(const void *)t[i])[n], 0);
	}
	p.free_tables(p.ctx, t[0]);
	ebb_hosted_destroy(h);
}

static void the_peak_is_remembered(struct fixture *f)
{
	do_map(f, 0, PAGE, 100 * MIB_2);
	do_unmap_sync(f, 0, 100 * MIB_2);
	do_reclaim(f);
	assert_int_equal(stats_of(f).held_peak, f->shape.levels + 99);
	assert_true(hosted(f).tables_peak >= f->shape.levels + 99);
	assert_true(hosted(f).tables_peak <= f->shape.levels + 99 + 2 * EBB_BATCH_MAX);
}

/* ---- the bound of empty tables ---- */

struct sweeper {
	struct fixture *f;
	pthread_t thread;
	unsigned index;
	int error;
};

/* A thread that nobody registered; each sweeps a part of the aperture of its own. */
static void *sweep(void *arg)
{
	struct sweeper *s = arg;
	struct ebb_gather g;
	uint64_t base = s->index * 8 * GIB;

	ebb_gather_init(&g, &s->f->domain);
	for (unsigned i = 0; i < SWEEP && !s->error; i++) {
		uint64_t iova = base + i * MIB_2;

		s->error = ebb_map(&g, EBB_IOVA(iova), EBB_PA(0), PAGE, RW);
		if (!s->error)
			s->error = ebb_unmap(&g, EBB_IOVA(iova), PAGE, NULL);
		ebb_sync(&g);
	}
	ebb_gather_fini(&g);
	return NULL;
}

static void sweep_with(struct fixture *f, unsigned threads)
{
	static struct sweeper sweepers[THREADS_MAX];

	for (unsigned i = 0; i < threads; i++) {
		sweepers[i] = (struct sweeper){ .f = f, .index = i };
		assert_int_equal(pthread_create(&sweepers[i].thread, NULL, sweep, &sweepers[i]), 0);
	}
	for (unsigned i = 0; i < threads; i++) {
		pthread_join(sweepers[i].thread, NULL);
		assert_ok(sweepers[i].error);
	}
	check_tree(f);
}

/*
 * Each thread is a caller with a page mapped at most, and reclaims its own full batches. So at any
 * time: the root, the tables of the pages in use, and empty ones within the bound.
 */
static void empty_tables_are_bounded(struct fixture *f)
{
	unsigned batch = f->shape.batch ? f->shape.batch : 1;

	f->domain.held_slack = 1; /* held_peak is to be exact */
	for (unsigned threads = 1; threads <= THREADS_MAX; threads++) {
		uint64_t in_use = 1 + threads * (f->shape.levels - 1);

		sweep_with(f, threads);
		assert_true(stats_of(f).held_peak <=
			    in_use + threads * batch + threads * 2 * batch);
	}
}

static void none_has_no_bound(struct fixture *f)
{
	sweep_with(f, 2);
	assert_int_equal(live_at(f, 0), 2 * SWEEP);
}

#define NONE	 .policies = ON_POLICY(EBB_NONE)
#define RWLOCK	 .policies = ON_POLICY(EBB_RWLOCK)
#define DEFERRED .policies = ON_POLICY(EBB_DEFERRED)
#define PLAIN	 .shape.plain = true
#define HARD	 .shape.flags = EBB_NONSNOOPING | EBB_CACHING_MODE, .shape.device_thread = true

static const struct test_case cases[] = {
	CASE_WITH(memory_goes_back_after_one_long_unmap, PLAIN, .shape.batch = 64),
	CASE_WITH(memory_goes_back_after_many_small_unmaps, PLAIN, .shape.batch = 64),
	CASE_WITH(memory_goes_back_after_one_long_unmap, .shape.batch = 64),
	CASE_WITH(memory_goes_back_after_many_small_unmaps, .shape.batch = 64, HARD),
	CASE_WITH(memory_that_went_back_is_clean_when_it_comes_again, .shape.batch = 64),
	CASE_WITH(memory_that_went_back_is_clean_when_it_comes_again,
		  .shape.flags = EBB_NONSNOOPING),
	CASE(the_peak_is_remembered),
	CASE_WITH(the_platform_keeps_its_limit, NONE, .levels = ON_LEVELS(3)),
	CASE_WITH(empty_tables_are_bounded, RWLOCK, PLAIN),
	CASE_WITH(empty_tables_are_bounded, DEFERRED, PLAIN),
	CASE_WITH(empty_tables_are_bounded, DEFERRED, PLAIN, .shape.batch = 3),
	CASE_WITH(empty_tables_are_bounded, DEFERRED, PLAIN, .shape.batch = 16),
	CASE_WITH(empty_tables_are_bounded, DEFERRED, PLAIN, .shape.batch = 64),
	CASE_WITH(empty_tables_are_bounded, RWLOCK, HARD),
	CASE_WITH(empty_tables_are_bounded, DEFERRED, HARD, .shape.batch = 16),
	CASE_WITH(none_has_no_bound, NONE, PLAIN),
	CASE_WITH(none_has_no_bound, NONE, HARD),
};

int main(void)
{
	return RUN_CASES("memory", cases);
}
