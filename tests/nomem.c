/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/*
 * Every allocation fails in turn. A call that fails says "no memory" and has changed nothing; a
 * call that succeeds although an allocation failed has done all of its work.
 */
#include "support.h"

#define BASE	 (6 * GIB)
#define SPLIT	 .shape.partial = EBB_PARTIAL_SPLIT
#define NO_2M	 .shape.leaf_levels = 5
#define FREEING	 .policies = ON_POLICY(EBB_RWLOCK) | ON_POLICY(EBB_DEFERRED)
#define DEFERRED .policies = ON_POLICY(EBB_DEFERRED)

/*
 * One call that allocates. `prepare` makes the state that it needs, `clear` removes all of it and
 * what the call made.
 */
struct attempt {
	void (*prepare)(struct fixture *f);
	int (*call)(struct fixture *f);
	void (*verify)(struct fixture *f);
	void (*clear)(struct fixture *f);
	unsigned step; /* from one n to the next: more than 1 where each success costs much */
};

static uint64_t allocations(struct fixture *f)
{
	struct ebb_hosted_stats stats;

	ebb_hosted_stats(f->hosted, &stats);
	return stats.allocations;
}

static void nothing(struct fixture *f)
{
	(void)f;
}

/* Everything in [BASE - 1 GiB, BASE + 3 GiB), and the tables of it. */
static void clear_all(struct fixture *f)
{
	int error = try_unmap(f, BASE - GIB, 4 * GIB, NULL);

	assert_true(error == EBB_OK || error == EBB_ERR_NOT_MAPPED);
	do_sync(f);
	do_reclaim(f);
}

/* With no spare table at hand, so that each table is an allocation. */
static struct snapshot make_ready(struct fixture *f, const struct attempt *a)
{
	a->prepare(f);
	do_reclaim(f);
	ebb_trim(&f->gather);
	return snapshot_of(f);
}

static void assert_failed(struct fixture *f, const struct snapshot *before, int error)
{
	assert_int_equal(error, EBB_ERR_NO_MEMORY);
	check_tree(f);
	do_sync(f);
	do_reclaim(f);
	assert_unchanged(f, before);
	assert_int_equal(stats_of(f).held, before->held);
	assert_no_fault(soft_stale(f->device));
	ebb_trim(&f->gather);
	assert_int_equal(tables_out(f), before->held);
}

/* The n-th allocation alone fails, for each n there is. */
static void fail_one_by_one(struct fixture *f, const struct attempt *a)
{
	struct snapshot before = make_ready(f, a);
	bool fired = true;
	unsigned n;

	for (n = 1; fired; n += a->step) {
		uint64_t so_far = allocations(f);
		int error;

		ebb_hosted_fail_nth(f->hosted, n);
		error = a->call(f);
		ebb_hosted_fail_nth(f->hosted, 0);
		fired = allocations(f) - so_far >= n;
		if (error) {
			assert_true(fired);
			assert_failed(f, &before, error);
			continue;
		}
		check_tree(f);
		a->verify(f);
		a->clear(f);
		before = make_ready(f, a);
	}
	assert_true(n > 2);
	a->clear(f);
}

/* From the n-th on all allocations fail: the call fails for certain, until there is enough. */
static void fail_from_there_on(struct fixture *f, const struct attempt *a)
{
	struct snapshot before = make_ready(f, a);
	int error = EBB_ERR_NO_MEMORY;
	unsigned n;

	for (n = 0; error; n += a->step) {
		ebb_hosted_set_limit(f->hosted, tables_out(f) + n);
		error = a->call(f);
		ebb_hosted_set_limit(f->hosted, 0);
		if (error)
			assert_failed(f, &before, error);
	}
	assert_true(n > 1);
	check_tree(f);
	a->verify(f);
	a->clear(f);
}

static void fail_everywhere(struct fixture *f, const struct attempt *a)
{
	fail_one_by_one(f, a);
	fail_from_there_on(f, a);
}

/* ---- maps ---- */

static int map_page(struct fixture *f)
{
	return ebb_map(&f->gather, EBB_IOVA(BASE), EBB_PA(0x5000), PAGE, RW);
}

static void verify_page(struct fixture *f)
{
	assert_maps_to(f, BASE, 0x5000, 12, RW);
}

static void a_map_of_one_page(struct fixture *f)
{
	static const struct attempt a = { nothing, map_page, verify_page, clear_all, 1 };

	fail_everywhere(f, &a);
}

static void prepare_neighbours(struct fixture *f)
{
	do_map(f, BASE + 7 * MIB_2, 0, PAGE);
	do_map(f, BASE - GIB, 0, GIB);
}

static void a_map_of_one_page_beside_others(struct fixture *f)
{
	static const struct attempt a = { prepare_neighbours, map_page, verify_page, clear_all, 1 };

	fail_everywhere(f, &a);
}

static int map_two_pages(struct fixture *f)
{
	return ebb_map(&f->gather, EBB_IOVA(BASE - PAGE), EBB_PA(0x5000), 2 * PAGE, RW);
}

static void verify_two_pages(struct fixture *f)
{
	assert_range_maps_to(f, BASE - PAGE, 0x5000, 2 * PAGE);
}

static void a_map_across_a_boundary(struct fixture *f)
{
	static const struct attempt a = { nothing, map_two_pages, verify_two_pages, clear_all, 1 };

	fail_everywhere(f, &a);
}

static int map_many_tables(struct fixture *f)
{
	return ebb_map(&f->gather, EBB_IOVA(BASE - 15 * MIB_2), EBB_PA(PAGE), 40 * MIB_2, RW);
}

static void verify_many_tables(struct fixture *f)
{
	assert_range_maps_to(f, BASE - 15 * MIB_2, PAGE, 40 * MIB_2);
}

static void a_map_of_many_tables(struct fixture *f)
{
	static const struct attempt a = { nothing, map_many_tables, verify_many_tables, clear_all,
					  1 };

	fail_everywhere(f, &a);
}

static int map_mixed(struct fixture *f)
{
	uint64_t iova = BASE - 2 * MIB_2 - 3 * PAGE;

	return ebb_map(&f->gather, EBB_IOVA(iova), EBB_PA(iova), GIB + 5 * MIB_2 + 8 * PAGE, RW);
}

static void verify_mixed(struct fixture *f)
{
	uint64_t iova = BASE - 2 * MIB_2 - 3 * PAGE;

	assert_range_maps_to(f, iova, iova, GIB + 5 * MIB_2 + 8 * PAGE);
	assert_maps_to(f, BASE, BASE, 30, RW);
}

static void a_map_of_all_page_sizes(struct fixture *f)
{
	static const struct attempt a = { nothing, map_mixed, verify_mixed, clear_all, 1 };

	fail_everywhere(f, &a);
}

/* ---- unmaps that split ---- */

static void prepare_2_mib(struct fixture *f)
{
	do_map(f, BASE, MIB_2, MIB_2);
}

static void prepare_1_gib(struct fixture *f)
{
	do_map(f, BASE, GIB, GIB);
}

static void prepare_two(struct fixture *f)
{
	do_map(f, BASE - GIB, 0, GIB);
	do_map(f, BASE, 0, 3 * PAGE);
	do_map(f, BASE + MIB_2, 0, MIB_2);
}

static int unmap_page(struct fixture *f)
{
	return ebb_unmap(&f->gather, EBB_IOVA(BASE + 5 * PAGE), PAGE, NULL);
}

static int unmap_middle(struct fixture *f)
{
	return ebb_unmap(&f->gather, EBB_IOVA(BASE + 5 * PAGE), 70 * MIB_2, NULL);
}

static int unmap_across(struct fixture *f)
{
	return ebb_unmap(&f->gather, EBB_IOVA(BASE - PAGE), MIB_2 + 2 * PAGE, NULL);
}

static void verify_page_gone(struct fixture *f)
{
	f->unsynced = true;
	assert_int_equal(snapshot_of(f).leaves % 512, 511);
	assert_maps_nothing(f, BASE + 5 * PAGE);
}

static void verify_page_gone_of_2(struct fixture *f)
{
	f->unsynced = true;
	assert_int_equal(snapshot_of(f).leaves, 511 + 511);
	assert_maps_nothing(f, BASE + 5 * PAGE);
}

static void verify_middle_gone(struct fixture *f)
{
	f->unsynced = true;
	assert_range_maps_nothing(f, BASE + 5 * PAGE, 70 * MIB_2);
	assert_int_equal(snapshot_of(f).leaves, 5 + 507 + 441);
}

static void verify_across_gone(struct fixture *f)
{
	f->unsynced = true;
	assert_range_maps_nothing(f, BASE - PAGE, MIB_2 + 2 * PAGE);
	assert_int_equal(snapshot_of(f).leaves, 511 + 511 + 511);
}

static void an_unmap_that_splits_a_2_mib_leaf(struct fixture *f)
{
	static const struct attempt a = { prepare_2_mib, unmap_page, verify_page_gone, clear_all,
					  1 };

	fail_everywhere(f, &a);
}

static void an_unmap_that_splits_a_1_gib_leaf(struct fixture *f)
{
	static const struct attempt a = { prepare_1_gib, unmap_page, verify_page_gone_of_2,
					  clear_all, 1 };

	fail_everywhere(f, &a);
}

static void an_unmap_that_cuts_a_leaf_at_both_ends(struct fixture *f)
{
	static const struct attempt a = { prepare_1_gib, unmap_middle, verify_middle_gone,
					  clear_all, 1 };

	fail_everywhere(f, &a);
}

static void an_unmap_that_cuts_two_leaves(struct fixture *f)
{
	static const struct attempt a = { prepare_two, unmap_across, verify_across_gone, clear_all,
					  1 };

	fail_everywhere(f, &a);
}

static void an_unmap_that_needs_513_tables(struct fixture *f)
{
	struct attempt a = { prepare_1_gib, unmap_page, verify_page_gone, clear_all, 1 };

	/*
	 * Deferred reclaims when an allocation fails, goes on, and so splits into 262144 leaves
	 * each time.
	 */
	if (f->shape.policy == EBB_DEFERRED || UNDER_TSAN)
		a.step = 73;

	fail_everywhere(f, &a);
}

/* ---- memory that can be had ---- */

static void leave_empty_tables(struct fixture *f, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		do_map(f, BASE + i * MIB_2, 0, PAGE);
	for (unsigned i = 0; i < n; i++)
		do_unmap(f, BASE + i * MIB_2, PAGE);
	do_sync(f);
}

/* Empty tables are memory: they are reclaimed before a map fails. */
static void a_map_that_finds_no_memory_reclaims(struct fixture *f)
{
	leave_empty_tables(f, 10);
	ebb_trim(&f->gather);
	ebb_hosted_set_limit(f->hosted, tables_out(f));
	do_map(f, 100 * GIB, PAGE, 3 * MIB_2);
	assert_range_maps_to(f, 100 * GIB, PAGE, 3 * MIB_2);
	do_unmap_sync(f, 100 * GIB, 3 * MIB_2);
}

static void the_limit_is_an_ordinary_error(struct fixture *f)
{
	unsigned n = 0;
	struct snapshot before;
	int error;

	ebb_hosted_set_limit(f->hosted, 100);
	do {
		before = snapshot_of(f);
		error = try_map(f, BASE + n++ * MIB_2, 0, PAGE, RW);
	} while (!error);
	assert_int_equal(error, EBB_ERR_NO_MEMORY);
	assert_unchanged(f, &before);
	assert_int_equal(tables_out(f), 100);
	assert_maps_to(f, BASE, 0, 12, RW);
	do_map(f, BASE + PAGE, 0, PAGE); /* needs no table */
	do_unmap_sync(f, BASE, 2 * PAGE);
	do_reclaim(f);
	do_map(f, BASE + (n - 1) * MIB_2, 0, PAGE); /* there is room again */
	assert_ok(try_unmap(f, BASE, GIB, NULL));
	do_sync(f);
}

/* A spare table is at hand, and the map needs more: it must not begin to link what it has. */
static void a_map_with_too_few_spare_tables_links_none(struct fixture *f)
{
	struct snapshot before;

	do_map(f, BASE + 3 * MIB_2, 0, PAGE);
	do_map(f, BASE, 0, PAGE);
	assert_ok(try_unmap(f, BASE, MIB_2, NULL));
	do_sync(f);
	do_reclaim(f);
	assert_int_equal(stats_of(f).pooled, 1);
	before = snapshot_of(f);
	ebb_hosted_set_limit(f->hosted, tables_out(f));
	assert_int_equal(try_map(f, 100 * GIB, 0, PAGE, RW), EBB_ERR_NO_MEMORY);
	ebb_hosted_set_limit(f->hosted, 0);
	assert_unchanged(f, &before);
	do_unmap_sync(f, BASE + 3 * MIB_2, PAGE);
}

/* ---- memory that is gone half-way ---- */

struct other {
	struct fixture *f;
	struct ebb_gather gather;
	uint64_t iova, more;
};

/* Takes away the page that kept the tables of the second half, and all memory but `more` tables. */
static void take_tables_away(void *arg)
{
	struct other *o = arg;

	assert_ok(ebb_unmap(&o->gather, EBB_IOVA(o->iova), PAGE, NULL));
	ebb_sync(&o->gather);
	ebb_reclaim(&o->gather, UINT_MAX);
	ebb_trim(&o->gather);
	ebb_hosted_set_limit(o->f->hosted, tables_out(o->f) + o->more);
}

/*
 * The map has counted the tables of its second half as present; when it comes there, they are gone.
 */
static void a_map_that_loses_tables_half_way_is_undone(struct fixture *f)
{
	static struct other other;
	struct snapshot before;
	int error;

	other.f = f;
	other.iova = BASE + GIB + 5 * PAGE;
	other.more = 2 + (f->shape.levels > 3 ? f->shape.levels - 3 : 0);
	ebb_gather_init(&other.gather, &f->domain);
	before = snapshot_of(f);
	assert_ok(ebb_map(&other.gather, EBB_IOVA(other.iova), EBB_PA(0), PAGE, RW));
	ebb_trim(&f->gather);
	soft_set_hook(f->device, SOFT_ON_ALLOCATION,
		      (struct soft_hook){ take_tables_away, &other });
	error = ebb_map(&f->gather, EBB_IOVA(BASE + GIB - PAGE), EBB_PA(0x1000), 2 * PAGE, RW);
	ebb_hosted_set_limit(f->hosted, 0);
	check_tree(f);
	assert_int_equal(error, EBB_ERR_NO_MEMORY);
	assert_unchanged(f, &before);
	assert_int_equal(stats_of(f).held, 1);
	assert_no_fault(soft_stale(f->device));
	ebb_gather_fini(&other.gather);
}

#define ALL_FLAGS .shape.flags = EBB_NONSNOOPING | EBB_CACHING_MODE

static const struct test_case cases[] = {
	CASE(a_map_of_one_page),
	CASE_WITH(a_map_of_one_page, .shape.batch = 64),
	CASE_WITH(a_map_of_one_page_beside_others, .shape.batch = 64),
	CASE_WITH(a_map_across_a_boundary, .shape.batch = 3),
	CASE_WITH(a_map_of_many_tables, .shape.batch = 64, ALL_FLAGS),
	CASE_WITH(a_map_of_many_tables, .shape.batch = 1),
	CASE_WITH(a_map_of_all_page_sizes, .shape.batch = 64),
	CASE_WITH(an_unmap_that_splits_a_2_mib_leaf, SPLIT, ALL_FLAGS),
	CASE_WITH(an_unmap_that_splits_a_1_gib_leaf, SPLIT),
	CASE_WITH(an_unmap_that_cuts_a_leaf_at_both_ends, SPLIT),
	CASE_WITH(an_unmap_that_cuts_two_leaves, SPLIT, .shape.batch = 64),
	CASE_WITH(an_unmap_that_needs_513_tables, SPLIT, NO_2M, .levels = ON_LEVELS(4)),
	CASE_WITH(a_map_that_finds_no_memory_reclaims, DEFERRED, .shape.batch = 64),
	CASE_WITH(a_map_with_too_few_spare_tables_links_none, .shape.batch = 64),
	CASE_WITH(the_limit_is_an_ordinary_error, FREEING, .shape.batch = 64),
	CASE_WITH(a_map_that_loses_tables_half_way_is_undone, FREEING, .shape.batch = 64,
		  ALL_FLAGS),
};

int main(void)
{
	return RUN_CASES("no memory", cases);
}
