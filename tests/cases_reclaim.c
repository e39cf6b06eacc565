/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/*
 * When tables are freed: what each policy keeps, batches, budgets, spare tables, and how little is
 * freed by traffic that comes back.
 */
#include <sched.h>
#include "support.h"

#define BASE	 (5 * GIB)
#define NONE	 .policies = ON_POLICY(EBB_NONE)
#define RWLOCK	 .policies = ON_POLICY(EBB_RWLOCK)
#define DEFERRED .policies = ON_POLICY(EBB_DEFERRED)
#define FREEING	 .policies = ON_POLICY(EBB_RWLOCK) | ON_POLICY(EBB_DEFERRED)
#define BATCH	 .shape.batch

static uint64_t held(struct fixture *f)
{
	return stats_of(f).held;
}

/* Maps and unmaps one page in each of n level-0 tables. */
static void sweep(struct fixture *f, uint64_t first, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		do_map(f, first + i * MIB_2, 0, PAGE);
		do_unmap_sync(f, first + i * MIB_2, PAGE);
	}
}

/* ---- none ---- */

static void none_keeps_a_table_that_was_emptied_in_pieces(struct fixture *f)
{
	do_map(f, BASE, 0, MIB_2 / 2);
	do_unmap(f, BASE, MIB_2 / 4);
	do_unmap_sync(f, BASE + MIB_2 / 4, MIB_2 / 4);
	do_reclaim(f);
	assert_int_equal(held(f), f->shape.levels);
	assert_int_equal(stats_of(f).freed, 0);
}

static void one_unmap_that_covers_a_table_frees_it(struct fixture *f)
{
	do_map(f, BASE + PAGE, 0, PAGE);
	do_map(f, BASE + MIB_2, 0, PAGE);
	assert_int_equal(live_at(f, 0), 2);
	do_unmap(f, BASE + MIB_2, PAGE);
	assert_ok(try_unmap(f, BASE, MIB_2, NULL));
	do_sync(f);
	do_reclaim(f);
	assert_int_equal(live_at(f, 0), f->shape.policy == EBB_NONE);
}

/* Nothing is mapped any more, so the call says so; the tables go all the same. */
static void a_covering_unmap_frees_empty_tables(struct fixture *f)
{
	uint64_t unmapped = 1;

	for (unsigned i = 0; i < 10; i++) {
		do_map(f, BASE + i * 7 * MIB_2, 0, PAGE);
		do_unmap_sync(f, BASE + i * 7 * MIB_2, PAGE);
	}
	assert_int_equal(try_unmap(f, BASE, GIB, &unmapped), EBB_ERR_NOT_MAPPED);
	assert_int_equal(unmapped, 0);
	do_sync(f);
	do_reclaim(f);
	assert_int_equal(live_at(f, 0), 0);
	assert_int_equal(live_at(f, 1), 0);
}

/* ---- rwlock ---- */

static void rwlock_frees_a_table_with_its_last_leaf(struct fixture *f)
{
	do_map(f, BASE, 0, 2 * PAGE);
	do_unmap_sync(f, BASE, PAGE);
	assert_int_equal(held(f), f->shape.levels);
	do_unmap_sync(f, BASE + PAGE, PAGE);
	assert_int_equal(held(f), 1);
	assert_int_equal(stats_of(f).freed, f->shape.levels - 1);
}

static void rwlock_frees_each_time(struct fixture *f)
{
	for (unsigned i = 1; i <= 10000; i++) {
		assert_ok(ebb_map(&f->gather, EBB_IOVA(BASE), EBB_PA(0), PAGE, RW));
		assert_ok(ebb_unmap(&f->gather, EBB_IOVA(BASE), PAGE, NULL));
		ebb_sync(&f->gather);
		assert_int_equal(held(f), 1);
	}
	assert_int_equal(stats_of(f).freed, 10000 * (f->shape.levels - 1));
}

/* ---- deferred ---- */

static void deferred_frees_nothing_until_a_batch_is_full(struct fixture *f)
{
	sweep(f, BASE, 10);
	assert_int_equal(live_at(f, 0), 10);
	assert_int_equal(stats_of(f).candidates, 10);
	assert_int_equal(stats_of(f).freed, 0);
	assert_int_equal(do_reclaim(f), 10 + f->shape.levels - 2);
	assert_int_equal(held(f), 1);
}

static void deferred_frees_when_a_batch_is_full(struct fixture *f)
{
	sweep(f, 0, 200);
	assert_true(stats_of(f).freed >= 200 - 2 * f->shape.batch);
	assert_true(held(f) <= 1 + f->shape.levels + 2 * f->shape.batch);
}

static void without_a_batch_every_sync_frees(struct fixture *f)
{
	for (unsigned i = 0; i < 5; i++) {
		do_map(f, BASE + i * GIB, 0, PAGE);
		do_unmap_sync(f, BASE + i * GIB, PAGE);
		assert_int_equal(live_at(f, 0), 0);
		assert_int_equal(stats_of(f).candidates, 0);
	}
}

/* Hysteresis: traffic that empties and refills one table does not free it ten thousand times. */
static void one_page_again_and_again_frees_a_handful(struct fixture *f)
{
	struct soft_counts before = soft_counts(f->device);

	for (unsigned i = 0; i < 10000; i++) {
		assert_ok(ebb_map(&f->gather, EBB_IOVA(BASE), EBB_PA(0), PAGE, RW));
		assert_ok(ebb_unmap(&f->gather, EBB_IOVA(BASE), PAGE, NULL));
		ebb_sync(&f->gather);
	}
	check_tree(f);
	assert_true(stats_of(f).freed <= 8);
	assert_true(stats_of(f).candidates <= 8);
	assert_true(soft_counts(f->device).wide_spans <= before.wide_spans + 8);
	assert_true(soft_counts(f->device).graces <= before.graces + 8);
}

static void a_ring_of_pages_frees_a_handful(struct fixture *f)
{
	for (unsigned i = 0; i < 10000; i++) {
		uint64_t iova = BASE - 128 * PAGE + i % 256 * PAGE;

		assert_ok(ebb_map(&f->gather, EBB_IOVA(iova), EBB_PA(0), PAGE, RW));
		assert_ok(ebb_unmap(&f->gather, EBB_IOVA(iova), PAGE, NULL));
		ebb_sync(&f->gather);
	}
	check_tree(f);
	assert_true(stats_of(f).freed <= 16);
}

/* A candidate is looked at before it is freed: here each is in use again. */
static void a_table_in_use_again_is_not_freed(struct fixture *f)
{
	for (unsigned i = 0; i < 10; i++) {
		do_map(f, BASE + i * MIB_2, 0, PAGE);
		do_unmap_sync(f, BASE + i * MIB_2, PAGE);
		do_map(f, BASE + i * MIB_2 + 5 * PAGE, i * PAGE, PAGE);
	}
	assert_int_equal(do_reclaim(f), 0);
	for (unsigned i = 0; i < 10; i++)
		assert_maps_to(f, BASE + i * MIB_2 + 5 * PAGE, i * PAGE, 12, RW);
	assert_ok(try_unmap(f, BASE, GIB, NULL));
	do_sync(f);
}

static void reclaim_goes_up_to_the_root(struct fixture *f)
{
	do_map(f, 0, 0, PAGE);
	do_map(f, f->aperture - PAGE, 0, PAGE);
	assert_int_equal(held(f), 1 + 2 * (f->shape.levels - 1));
	do_unmap(f, 0, PAGE);
	do_unmap_sync(f, f->aperture - PAGE, PAGE);
	assert_int_equal(do_reclaim(f), 2 * (f->shape.levels - 1));
	assert_int_equal(held(f), 1);
	assert_int_equal(stats_of(f).freed, 2 * (f->shape.levels - 1));
}

static void reclaim_stops_at_a_table_that_is_in_use(struct fixture *f)
{
	do_map(f, BASE, 0, PAGE);
	do_map(f, BASE + MIB_2, 0, PAGE);
	do_unmap_sync(f, BASE, PAGE);
	assert_int_equal(do_reclaim(f), 1);
	assert_maps_to(f, BASE + MIB_2, 0, 12, RW);
	assert_int_equal(held(f), f->shape.levels);
	do_unmap_sync(f, BASE + MIB_2, PAGE);
}

/* A budget is rounded up to a batch, and no more than that is looked at. */
static void a_budget_bounds_what_reclaim_looks_at(struct fixture *f)
{
	struct ebb_gather other;

	ebb_gather_init(&other, &f->domain);
	sweep(f, BASE, 7);
	for (unsigned i = 0; i < 7; i++) {
		assert_ok(ebb_map(&other, EBB_IOVA(2 * BASE + i * MIB_2), EBB_PA(0), PAGE, RW));
		assert_ok(ebb_unmap(&other, EBB_IOVA(2 * BASE + i * MIB_2), PAGE, NULL));
		ebb_sync(&other);
	}
	assert_int_equal(stats_of(f).candidates, 14);
	assert_true(ebb_reclaim(&f->gather, 1) <= 8);
	check_tree(f);
	assert_true(live_at(f, 0) >= 6);
	ebb_gather_fini(&other);
}

static void any_gather_reclaims_for_all(struct fixture *f)
{
	struct ebb_gather other;

	sweep(f, BASE, 10);
	ebb_gather_init(&other, &f->domain);
	assert_int_equal(ebb_reclaim(&other, UINT_MAX), 10 + f->shape.levels - 2);
	check_tree(f);
	assert_int_equal(held(f), 1);
	ebb_gather_fini(&other);
}

/* Tables that were unmapped with their whole span wait for a grace period, in nobody's slots. */
static void what_waits_with_another_gather_is_freed(struct fixture *f)
{
	struct ebb_gather other;

	do_map(f, BASE + 3 * MIB_2, 0, PAGE);
	ebb_gather_init(&other, &f->domain);
	assert_ok(ebb_map(&other, EBB_IOVA(BASE), EBB_PA(0), PAGE, RW));
	assert_ok(ebb_unmap(&other, EBB_IOVA(BASE), MIB_2, NULL));
	assert_int_equal(ebb_sync(&other), 0);
	assert_int_equal(do_reclaim(f), 1);
	ebb_gather_fini(&other);
	do_unmap_sync(f, BASE + 3 * MIB_2, PAGE);
}

/* ---- all owner numbers are taken ---- */

static void *give_numbers_back(void *arg)
{
	struct fixture *f = arg;
	unsigned used = 0;

	while (used < EBB_GATHER_SLOTS) {
		used = 0;
		for (unsigned i = 0; i < EBB_GATHER_SLOTS; i++)
			used += __atomic_load_n(&f->gather.slots[i], __ATOMIC_RELAXED) != 0;
		sched_yield();
	}
	__atomic_store_n(&f->domain.owners, 0, __ATOMIC_RELEASE);
	return NULL;
}

/*
 * As if as many reclaimers as there are numbers were busy: candidates stay where they are, as long
 * as there is room for them, and then who has one more waits for a number.
 */
static void a_gather_full_of_candidates_waits_for_an_owner_number(struct fixture *f)
{
	pthread_t thread;

	f->domain.owners = UINT32_MAX;
	sweep(f, 0, EBB_GATHER_SLOTS - 1);
	assert_int_equal(stats_of(f).candidates, EBB_GATHER_SLOTS - 1);
	assert_int_equal(stats_of(f).frozen, 0);
	assert_int_equal(pthread_create(&thread, NULL, give_numbers_back, f), 0);
	sweep(f, EBB_GATHER_SLOTS * MIB_2, 2);
	pthread_join(thread, NULL);
	assert_true(stats_of(f).freed > 0);
}

/* Nor does a sync that could not free what it should: the next one does, whatever it is for. */
static void with_batch_0_the_next_sync_goes_on(struct fixture *f)
{
	f->domain.owners = UINT32_MAX;
	sweep(f, 0, 1);
	assert_int_equal(stats_of(f).candidates, 1);
	f->domain.owners = 0;
	assert_true(ebb_sync(&f->gather) > 0);
	assert_int_equal(stats_of(f).candidates, 0);
	assert_int_equal(stats_of(f).held, 1);
}

/* Nor does it matter whose candidates led to what is listed. */
static void with_batch_0_the_next_sync_frees_what_follows_from_others(struct fixture *f)
{
	struct ebb_gather other;

	ebb_gather_init(&other, &f->domain);
	f->domain.owners = UINT32_MAX;
	sweep(f, 0, 1);
	f->domain.owners = 0;
	/* the leaf table and the one above it, and no more */
	assert_true(ebb_reclaim(&other, 1) > 0);
	assert_int_equal(stats_of(f).candidates, 1);
	assert_true(ebb_sync(&other) > 0);
	assert_int_equal(stats_of(f).candidates, 0);
	ebb_gather_fini(&other);
}

static void a_finished_gather_leaves_no_empty_tables(struct fixture *f)
{
	struct ebb_gather other;

	ebb_gather_init(&other, &f->domain);
	for (unsigned i = 0; i < 30; i++)
		assert_ok(ebb_map(&other, EBB_IOVA(BASE + i * MIB_2), EBB_PA(0), PAGE, RW));
	assert_ok(ebb_unmap(&other, EBB_IOVA(BASE), GIB / 2, NULL));
	ebb_gather_fini(&other);
	check_tree(f);
	assert_int_equal(live_at(f, 0), 0);
}

/* Two gathers empty a table together: whichever comes last must notice. */
static void a_table_emptied_by_two_gathers_is_freed(struct fixture *f)
{
	struct ebb_gather other;

	ebb_gather_init(&other, &f->domain);
	for (unsigned i = 0; i < 100; i++) {
		uint64_t iova = BASE + i * MIB_2;

		assert_ok(ebb_map(&f->gather, EBB_IOVA(iova), EBB_PA(0), PAGE, RW));
		assert_ok(ebb_map(&other, EBB_IOVA(iova + PAGE), EBB_PA(0), PAGE, RW));
		assert_ok(ebb_unmap(&f->gather, EBB_IOVA(iova), PAGE, NULL));
		assert_ok(ebb_unmap(&other, EBB_IOVA(iova + PAGE), PAGE, NULL));
		ebb_sync(i % 2 ? &f->gather : &other);
		ebb_sync(i % 2 ? &other : &f->gather);
	}
	ebb_gather_fini(&other);
	do_reclaim(f);
	assert_int_equal(held(f), 1);
}

/* ---- the candidates listed last, which unmap does not remember ---- */

/* Another gather looks at all candidates, which are in use. */
static void drop_candidates(struct fixture *f)
{
	struct ebb_gather other;

	ebb_gather_init(&other, &f->domain);
	assert_int_equal(ebb_reclaim(&other, UINT_MAX), 0);
	ebb_gather_fini(&other);
	assert_int_equal(stats_of(f).candidates, 0);
}

static void a_candidate_that_another_dropped_is_listed_again(struct fixture *f)
{
	for (unsigned i = 0; i < 2; i++) {
		sweep(f, BASE + i * MIB_2, 1);
		do_map(f, BASE + i * MIB_2, 0, PAGE);
		drop_candidates(f);
		do_unmap_sync(f, BASE + i * MIB_2, PAGE);
		assert_int_equal(stats_of(f).candidates, 1);
		do_reclaim(f);
		assert_int_equal(held(f), 1);
	}
}

static void reclaim_lists_what_another_dropped(struct fixture *f)
{
	sweep(f, BASE, 1);
	do_map(f, BASE, 0, PAGE);
	drop_candidates(f);
	do_unmap(f, BASE, PAGE);
	do_reclaim(f);
	assert_int_equal(held(f), 1);
}

/* Listing the first fills the batch, so that it is reclaimed before the second is listed. */
static void of_two_that_another_dropped_both_are_listed_again(struct fixture *f)
{
	sweep(f, BASE, 2);
	do_map(f, BASE, 0, PAGE);
	do_map(f, BASE + MIB_2, 0, PAGE);
	drop_candidates(f);
	do_unmap(f, BASE, PAGE);
	do_unmap(f, BASE + MIB_2, PAGE);
	do_sync(f);
	assert_int_equal(stats_of(f).frozen, 1);
	do_reclaim(f);
	assert_int_equal(held(f), 1);
}

/* The failed map lists the table above, before what was unmapped is synced. */
static void a_failed_map_does_not_take_the_place_of_what_another_dropped(struct fixture *f)
{
	uint64_t mask = f->domain.pa_mask;

	sweep(f, BASE + MIB_2, 1);
	do_map(f, BASE + MIB_2, 0, PAGE);
	drop_candidates(f);
	do_unmap(f, BASE + MIB_2, PAGE);
	f->domain.pa_mask = 0; /* no table will do */
	assert_int_equal(ebb_map(&f->gather, EBB_IOVA(BASE), EBB_PA(0), PAGE, RW),
			 EBB_ERR_PA_WIDTH);
	f->domain.pa_mask = mask;
	do_reclaim(f);
	assert_int_equal(held(f), 1);
}

/* The fifth of the tables of pages is listed last when the fifth of those above is emptied. */
static void tables_of_two_levels_are_not_taken_for_each_other(struct fixture *f)
{
	sweep(f, 5 * MIB_2, 1);
	do_map(f, 5 * GIB, 0, MIB_2);
	assert_int_equal(live_at(f, 0), 1);
	do_unmap_sync(f, 5 * GIB, MIB_2);
	assert_int_equal(stats_of(f).candidates, 2);
	do_reclaim(f);
	assert_int_equal(held(f), 1);
}

/* ---- candidates that are in use ---- */

/* Makes candidates of n tables, which keep a page if `in_use`. */
static void list(struct fixture *f, uint64_t first, unsigned n, bool in_use)
{
	for (unsigned i = 0; i < n; i++) {
		do_map(f, first + i * MIB_2, 0, 2 * PAGE);
		do_unmap_sync(f, first + i * MIB_2, in_use ? PAGE : 2 * PAGE);
	}
}

/* While most are in use, a full batch loses those, and no grace period is spent on the rest. */
static void a_batch_of_tables_in_use_is_sifted(struct fixture *f)
{
	list(f, BASE, 4, true);
	assert_int_equal(stats_of(f).candidates, 0);
	list(f, BASE + 4 * MIB_2, 3, true);
	list(f, BASE + 7 * MIB_2, 1, false);
	assert_int_equal(stats_of(f).frozen, 0);
	assert_int_equal(stats_of(f).candidates, 1);
	/* All are empty: a batch, and the next is not sifted. The table above is a candidate. */
	list(f, BASE + 8 * MIB_2, 3, false);
	assert_int_equal(stats_of(f).frozen, 4);
	list(f, BASE + 11 * MIB_2, 2, true);
	list(f, BASE + 13 * MIB_2, 1, false);
	assert_int_equal(stats_of(f).frozen, 5);
	for (unsigned i = 0; i < 13; i++)
		if (i < 7 || i > 10)
			do_unmap_sync(f, BASE + i * MIB_2 + PAGE, PAGE);
	do_reclaim(f);
	assert_int_equal(held(f), 1);
}

/* ---- counters and spare tables ---- */

/* Who frees what another has linked may tell first: the domain's count is below 0 then. */
static void what_others_free_is_counted(struct fixture *f)
{
	struct ebb_gather other;
	uint64_t most;

	for (unsigned i = 0; i < 5; i++)
		do_map(f, BASE + i * MIB_2, 0, PAGE);
	most = held(f);
	for (unsigned i = 0; i < 5; i++)
		do_unmap(f, BASE + i * MIB_2, PAGE);
	do_sync(f);
	ebb_gather_init(&other, &f->domain);
	assert_true(ebb_reclaim(&other, UINT_MAX) >= 5);
	ebb_gather_fini(&other);
	assert_int_equal(held(f), 1);
	/* One that has nothing to tell tells it. */
	ebb_gather_init(&other, &f->domain);
	ebb_gather_fini(&other);
	assert_int_equal(held(f), 1);
	assert_in_range(stats_of(f).held_peak, 1, most);
}

static void the_counters_tell_how_often_tables_were_freed(struct fixture *f)
{
	struct ebb_stats stats;

	sweep(f, BASE, 10);
	do_reclaim(f);
	stats = stats_of(f);
	assert_int_equal(stats.freed, 10 + f->shape.levels - 2);
	assert_int_equal(stats.frozen, stats.freed);
	assert_int_equal(stats.dead, stats.freed);
	assert_int_equal(stats.thawed, 0);
	assert_int_equal(stats.revived, 0);
	assert_int_equal(stats.held_peak, 1 + 10 + f->shape.levels - 2);
}

static void freed_tables_are_used_again(struct fixture *f)
{
	struct soft_counts before;

	do_map(f, BASE, 0, PAGE);
	do_unmap_sync(f, BASE, PAGE);
	do_reclaim(f);
	assert_true(stats_of(f).pooled >= f->shape.levels - 1);
	before = soft_counts(f->device);
	do_map(f, BASE, 0, PAGE);
	assert_int_equal(soft_counts(f->device).allocations, before.allocations);
	do_unmap_sync(f, BASE, PAGE);
}

static void trim_gives_every_spare_table_back(struct fixture *f)
{
	uint64_t pooled;

	/* more than a gather keeps for itself */
	for (unsigned i = 0; i < 300; i++)
		do_map(f, BASE + i * MIB_2, 0, PAGE);
	for (unsigned i = 0; i < 300; i++)
		do_unmap(f, BASE + i * MIB_2, PAGE);
	do_sync(f);
	do_reclaim(f);
	pooled = stats_of(f).pooled;
	assert_int_equal(ebb_trim(&f->gather), pooled);
	check_tree(f);
	assert_int_equal(stats_of(f).pooled, 0);
	assert_int_equal(tables_out(f), 1);
	assert_int_equal(ebb_trim(&f->gather), 0);
}

static void long_unmaps_do_not_keep_more_spares_than_they_may(struct fixture *f)
{
	for (unsigned i = 0; i < 3000; i++)
		assert_ok(ebb_map(&f->gather, EBB_IOVA(BASE + i * MIB_2), EBB_PA(0), PAGE, RW));
	check_tree(f);
	assert_ok(try_unmap(f, BASE, 3000 * MIB_2, NULL));
	do_sync(f);
	do_reclaim(f);
	assert_true(stats_of(f).pooled <= 1024);
}

static const struct test_case cases[] = {
	CASE_WITH(none_keeps_a_table_that_was_emptied_in_pieces, NONE),
	CASE_WITH(one_unmap_that_covers_a_table_frees_it, BATCH = 64),
	CASE_WITH(a_covering_unmap_frees_empty_tables, BATCH = 64),
	CASE_WITH(rwlock_frees_a_table_with_its_last_leaf, RWLOCK),
	CASE_WITH(rwlock_frees_each_time, RWLOCK),
	CASE_WITH(deferred_frees_nothing_until_a_batch_is_full, DEFERRED, BATCH = 64),
	CASE_WITH(deferred_frees_when_a_batch_is_full, DEFERRED, BATCH = 64),
	CASE_WITH(deferred_frees_when_a_batch_is_full, DEFERRED, BATCH = 3),
	CASE_WITH(deferred_frees_when_a_batch_is_full, DEFERRED, BATCH = 1),
	CASE_WITH(without_a_batch_every_sync_frees, DEFERRED),
	CASE_WITH(one_page_again_and_again_frees_a_handful, DEFERRED, BATCH = 64),
	CASE_WITH(a_ring_of_pages_frees_a_handful, DEFERRED, BATCH = 64),
	CASE_WITH(a_table_in_use_again_is_not_freed, DEFERRED, BATCH = 64),
	CASE_WITH(reclaim_goes_up_to_the_root, DEFERRED, BATCH = 64),
	CASE_WITH(reclaim_stops_at_a_table_that_is_in_use, DEFERRED, BATCH = 64),
	CASE_WITH(a_budget_bounds_what_reclaim_looks_at, DEFERRED, BATCH = 8),
	CASE_WITH(any_gather_reclaims_for_all, DEFERRED, BATCH = 64),
	CASE_WITH(a_gather_full_of_candidates_waits_for_an_owner_number, DEFERRED, BATCH = 64),
	CASE_WITH(with_batch_0_the_next_sync_goes_on, DEFERRED),
	CASE_WITH(with_batch_0_the_next_sync_frees_what_follows_from_others, DEFERRED,
		  .levels = ON_LEVELS(4) | ON_LEVELS(5)),
	CASE_WITH(what_waits_with_another_gather_is_freed,
		  .policies = ON_POLICY(EBB_NONE) | ON_POLICY(EBB_DEFERRED), BATCH = 64),
	CASE_WITH(a_finished_gather_leaves_no_empty_tables, FREEING, BATCH = 64),
	CASE_WITH(a_table_emptied_by_two_gathers_is_freed, FREEING, BATCH = 64),
	CASE_WITH(a_table_emptied_by_two_gathers_is_freed, FREEING),
	CASE_WITH(a_candidate_that_another_dropped_is_listed_again, DEFERRED, BATCH = 64),
	CASE_WITH(reclaim_lists_what_another_dropped, DEFERRED, BATCH = 64),
	CASE_WITH(of_two_that_another_dropped_both_are_listed_again, DEFERRED, BATCH = 3),
	CASE_WITH(a_failed_map_does_not_take_the_place_of_what_another_dropped, DEFERRED,
		  BATCH = 64),
	CASE_WITH(tables_of_two_levels_are_not_taken_for_each_other, DEFERRED, BATCH = 64),
	CASE_WITH(a_batch_of_tables_in_use_is_sifted, DEFERRED, BATCH = 4),
	CASE_WITH(what_others_free_is_counted, DEFERRED, BATCH = 64),
	CASE_WITH(the_counters_tell_how_often_tables_were_freed, DEFERRED, BATCH = 64),
	CASE_WITH(freed_tables_are_used_again, FREEING),
	CASE_WITH(trim_gives_every_spare_table_back, FREEING, BATCH = 64),
	CASE_WITH(long_unmaps_do_not_keep_more_spares_than_they_may, BATCH = 64),
};

int main(void)
{
	return RUN_CASES("reclaim", cases);
}
