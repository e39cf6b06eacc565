/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/*
 * Pairs: a table that holds nothing but an empty one goes with it (reclaim.c, argument h). What is
 * a pair and what is not, and what it costs to free one. interleave_pairs.c has what others do
 * meanwhile.
 */
#include "support.h"

#define BASE (5 * GIB)

/* What a reclaim of everything cost, as long as there are tables to free. */
struct cost {
	uint64_t frozen, wide, graces;
};

static struct cost cost_of_reclaim(struct fixture *f, int freed)
{
	uint64_t frozen = stats_of(f).frozen, wide = stats_of(f).wide_invalidations,
		 spans = soft_counts(f->device).wide_spans, graces = soft_counts(f->device).graces;
	struct cost cost;

	assert_int_equal(do_reclaim(f), freed);
	cost.frozen = stats_of(f).frozen - frozen;
	cost.wide = stats_of(f).wide_invalidations - wide;
	cost.graces = soft_counts(f->device).graces - graces;
	assert_int_equal(soft_counts(f->device).wide_spans - spans, cost.wide);
	assert_no_fault(soft_stale(f->device));
	return cost;
}

/*
 * Of the tables that lead to one page two go at a time, with one invalidation and one grace period;
 * one more is for the last of them.
 */
static void the_tables_of_a_single_page_go_in_pairs(struct fixture *f)
{
	unsigned tables = f->shape.levels - 1, batches = (tables + 1) / 2;
	struct cost cost;

	for (unsigned i = 0; i < 3; i++) {
		do_map(f, BASE + i * 17 * MIB_2, 0, PAGE);
		do_unmap_sync(f, BASE + i * 17 * MIB_2, PAGE);
		cost = cost_of_reclaim(f, (int)tables);
		assert_int_equal(cost.frozen, tables);
		assert_int_equal(cost.wide, batches);
		assert_int_equal(cost.graces, batches + 1);
		assert_int_equal(stats_of(f).held, 1);
	}
	assert_int_equal(stats_of(f).dead, stats_of(f).freed);
}

/* The lowest table has leaves of 2 MiB. */
static void the_tables_of_a_large_leaf_go_in_pairs(struct fixture *f)
{
	unsigned tables = f->shape.levels - 2, batches = (tables + 1) / 2;
	struct cost cost;

	do_map(f, BASE, 0, MIB_2);
	do_unmap_sync(f, BASE, MIB_2);
	cost = cost_of_reclaim(f, (int)tables);
	assert_int_equal(cost.frozen, tables);
	assert_int_equal(cost.wide, batches);
	assert_int_equal(cost.graces, batches + 1);
}

/* Each in a table above of its own, which are no neighbours. */
static void a_batch_has_many_pairs(struct fixture *f)
{
	unsigned above = f->shape.levels - 3, batches = (above + 1) / 2;
	struct cost cost;

	for (unsigned i = 0; i < 10; i++)
		do_map(f, BASE + i * (2 * GIB + MIB_2), 0, PAGE);
	for (unsigned i = 0; i < 10; i++)
		do_unmap_sync(f, BASE + i * (2 * GIB + MIB_2), PAGE);
	cost = cost_of_reclaim(f, 20 + (int)above);
	assert_int_equal(cost.frozen, 20 + above);
	assert_int_equal(cost.wide, 10 + batches);
	assert_int_equal(cost.graces, 2 + batches);
}

static void goes_alone(struct fixture *f, uint64_t neighbour, uint64_t len)
{
	struct cost cost;

	do_map(f, BASE, 0, PAGE);
	do_map(f, neighbour, 0x5000 & (len - 1), len);
	do_unmap_sync(f, BASE, PAGE);
	cost = cost_of_reclaim(f, 1);
	assert_int_equal(cost.frozen, 1);
	assert_int_equal(cost.wide, 1);
	assert_int_equal(cost.graces, 2);
	assert_range_maps_to(f, neighbour, 0x5000 & (len - 1), len);
	assert_int_equal(live_at(f, 1), 1);
	do_unmap_sync(f, neighbour, len);
	do_reclaim(f);
	assert_int_equal(stats_of(f).held, 1);
}

static void a_table_that_holds_more_stays(struct fixture *f)
{
	goes_alone(f, BASE + 7 * MIB_2, PAGE); /* in the line of the entry of the table that goes */
	goes_alone(f, BASE + 7 * MIB_2, MIB_2);
	goes_alone(f, BASE + 8 * MIB_2, PAGE); /* in the next one */
	goes_alone(f, BASE + 511 * MIB_2, MIB_2);
}

/* Once it has held something in two lines it goes by itself: only a hint makes a look cheap. */
static void a_table_without_a_hint_goes_by_itself(struct fixture *f)
{
	unsigned above = f->shape.levels - 3;
	struct cost cost;

	do_map(f, BASE, 0, PAGE);
	do_map(f, BASE + 8 * MIB_2, 0, PAGE);
	do_unmap_sync(f, BASE + 8 * MIB_2, PAGE);
	assert_int_equal(do_reclaim(f), 1);
	do_unmap_sync(f, BASE, PAGE);
	cost = cost_of_reclaim(f, (int)above + 2);
	assert_int_equal(cost.wide, 2 + above / 2);
	assert_int_equal(cost.graces, 3 + above / 2);
}

/* Two empty tables of one: neither is all that it holds, and it is the next batch. */
static void two_tables_of_one_are_no_pair(struct fixture *f)
{
	static const unsigned second[] = { 1, 7, 8, 100 };

	for (unsigned i = 0; i < 4; i++) {
		unsigned above = f->shape.levels - 2;
		struct cost cost;

		do_map(f, BASE, 0, PAGE);
		do_map(f, BASE + second[i] * MIB_2, 0, PAGE);
		do_unmap(f, BASE, PAGE);
		do_unmap_sync(f, BASE + second[i] * MIB_2, PAGE);
		cost = cost_of_reclaim(f, 2 + (int)above);
		assert_int_equal(cost.frozen, 2 + above);
		/* the first two as one if they are neighbours */
		assert_int_equal(cost.wide, (i ? 2 : 1) + (above + 1) / 2);
		assert_int_equal(cost.graces, 2 + (above + 1) / 2);
	}
}

/* Where walks do not snoop, what the device sees of the freed tables is all zero, too. */
static void the_tables_of_a_pair_are_used_again(struct fixture *f)
{
	uint64_t at = BASE + 17 * MIB_2 + 19 * PAGE, there = 9 * GIB + 3 * MIB_2 + 5 * PAGE;

	for (unsigned i = 0; i < 4; i++) {
		do_map(f, at, 0, PAGE);
		do_unmap_sync(f, at, PAGE);
		do_reclaim(f);
		do_map(f, there, 0x5000, PAGE);
		/* by the entries that were not empty, in either table */
		assert_maps_nothing(f, 9 * GIB + 17 * MIB_2 + 5 * PAGE);
		assert_maps_nothing(f, 9 * GIB + 19 * MIB_2 + 5 * PAGE);
		assert_maps_nothing(f, 9 * GIB + 3 * MIB_2 + 17 * PAGE);
		assert_maps_nothing(f, 9 * GIB + 3 * MIB_2 + 19 * PAGE);
		do_unmap_sync(f, there, PAGE);
		do_reclaim(f);
	}
	assert_int_equal(stats_of(f).held, 1);
}

#define DEFERRED .policies = ON_POLICY(EBB_DEFERRED), .shape.batch = 64
#define HARD	 .shape.flags = EBB_NONSNOOPING | EBB_CACHING_MODE
#define EACH(fn) CASE_WITH(fn, DEFERRED), CASE_WITH(fn, DEFERRED, HARD)

static const struct test_case cases[] = {
	EACH(the_tables_of_a_single_page_go_in_pairs),
	EACH(the_tables_of_a_large_leaf_go_in_pairs),
	EACH(a_batch_has_many_pairs),
	EACH(a_table_that_holds_more_stays),
	EACH(a_table_without_a_hint_goes_by_itself),
	EACH(two_tables_of_one_are_no_pair),
	EACH(the_tables_of_a_pair_are_used_again),
};

int main(void)
{
	return RUN_CASES("pairs", cases);
}
