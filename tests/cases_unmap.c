/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/*
 * Unmapping: ranges, holes, large leaves that are cut, and long unmaps in short read sections.
 */
#include <ebb_hot.h>
#include "support.h"

#define BASE (5 * GIB)

static void unmap_removes_exactly_its_range(struct fixture *f)
{
	do_map(f, BASE, 0x10000, 16 * PAGE);
	do_unmap_sync(f, BASE + 4 * PAGE, 3 * PAGE);
	assert_range_maps_to(f, BASE, 0x10000, 4 * PAGE);
	assert_range_maps_nothing(f, BASE + 4 * PAGE, 3 * PAGE);
	assert_range_maps_to(f, BASE + 7 * PAGE, 0x17000, 9 * PAGE);
	do_unmap(f, BASE, 4 * PAGE);
	do_unmap_sync(f, BASE + 7 * PAGE, 9 * PAGE);
}

static void holes_are_passed_over_and_not_counted(struct fixture *f)
{
	uint64_t unmapped = 0;

	do_map(f, BASE + PAGE, 0, PAGE);
	do_map(f, BASE + 5 * PAGE, 0, 2 * PAGE);
	do_map(f, BASE + 3 * MIB_2, 0, MIB_2);
	do_map(f, BASE + 2 * GIB, 0, GIB);
	assert_ok(try_unmap(f, BASE - 10 * PAGE, 4 * GIB, &unmapped));
	assert_int_equal(unmapped, 3 * PAGE + MIB_2 + GIB);
	do_sync(f);
	assert_int_equal(snapshot_of(f).leaves, 0);
}

static void holes_inside_a_table_are_not_counted(struct fixture *f)
{
	uint64_t unmapped = 0;

	do_map(f, BASE + PAGE, 0, PAGE);
	do_map(f, BASE + 5 * PAGE, 0, 2 * PAGE);
	do_map(f, BASE + 11 * PAGE, 0, PAGE);
	assert_ok(try_unmap(f, BASE, 10 * PAGE, &unmapped));
	assert_int_equal(unmapped, 3 * PAGE);
	do_sync(f);
	assert_range_maps_nothing(f, BASE, 10 * PAGE);
	do_unmap_sync(f, BASE + 11 * PAGE, PAGE);
}

static void pages_before_a_hole_are_counted(struct fixture *f)
{
	uint64_t unmapped = 0;

	do_map(f, BASE + PAGE, 0, 2 * PAGE);
	do_map(f, BASE + 5 * PAGE, 0, PAGE);
	assert_ok(try_unmap(f, BASE + PAGE, 8 * PAGE, &unmapped));
	assert_int_equal(unmapped, 3 * PAGE);
	do_sync(f);
	assert_range_maps_nothing(f, BASE, 10 * PAGE);
	do_map(f, BASE + PAGE, 0, PAGE);
	assert_ok(try_unmap(f, BASE + PAGE, 8 * PAGE, &unmapped));
	assert_int_equal(unmapped, PAGE);
	do_sync(f);
}

static void the_length_need_not_be_asked_for(struct fixture *f)
{
	do_map(f, BASE, 0, PAGE);
	assert_ok(try_unmap(f, BASE, PAGE, NULL));
	do_sync(f);
	assert_maps_nothing(f, BASE);
}

static void one_unmap_may_take_what_many_maps_made(struct fixture *f)
{
	for (unsigned i = 0; i < 600; i++)
		do_map(f, BASE + i * PAGE, (uint64_t)(i * 7) << 12, PAGE);
	do_unmap_sync(f, BASE, 600 * PAGE);
	assert_range_maps_nothing(f, BASE, 600 * PAGE);
}

static void many_unmaps_may_take_what_one_map_made(struct fixture *f)
{
	do_map(f, BASE + PAGE, 0, 600 * PAGE);
	for (unsigned i = 0; i < 600; i++)
		do_unmap(f, BASE + PAGE + (i * 7 % 600) * PAGE, PAGE);
	do_sync(f);
	assert_range_maps_nothing(f, BASE, 601 * PAGE);
}

static void the_whole_aperture_is_unmapped_in_one_call(struct fixture *f)
{
	uint64_t unmapped = 0;

	do_map(f, 0, 0, PAGE);
	do_map(f, 17 * GIB, GIB, GIB);
	do_map(f, f->aperture / 2 - MIB_2, 0, 2 * MIB_2);
	do_map(f, f->aperture - PAGE, 0, PAGE);
	assert_ok(try_unmap(f, 0, f->aperture, &unmapped));
	assert_int_equal(unmapped, 2 * PAGE + GIB + 2 * MIB_2);
	do_sync(f);
	do_reclaim(f);
	assert_int_equal(stats_of(f).held, 1);
}

/* More separate ranges and more tables than a gather can remember, without a sync in between. */
static void any_number_of_unmaps_may_precede_a_sync(struct fixture *f)
{
	enum {
		N = 4 * EBB_GATHER_SPANS
	};

	for (unsigned i = 0; i < N; i++) {
		do_map(f, i * GIB, 0x1000, PAGE);
		do_map(f, i * GIB + 3 * PAGE, 0x3000, PAGE);
		assert_maps_to(f, i * GIB, 0x1000, 12, RW);
	}
	for (unsigned i = 0; i < N; i++) {
		do_unmap(f, i * GIB, PAGE);
		do_unmap(f, i * GIB + 3 * PAGE, PAGE);
	}
	do_sync(f);
	for (unsigned i = 0; i < N; i++)
		assert_maps_nothing(f, i * GIB);
	assert_no_fault(soft_stale(f->device));
}

/* The same for large leaves by themselves. */
static void any_number_of_large_leaves_may_go_before_a_sync(struct fixture *f)
{
	enum {
		N = 4 * EBB_GATHER_SPANS
	};

	for (unsigned i = 0; i < N; i++)
		do_map(f, 2 * i * MIB_2, i * MIB_2, MIB_2);
	for (unsigned i = 0; i < N; i++)
		assert_maps_to(f, 2 * i * MIB_2, i * MIB_2, 21, RW);
	for (unsigned i = 0; i < N; i++)
		do_unmap(f, 2 * i * MIB_2, MIB_2);
	do_sync(f);
	for (unsigned i = 0; i < N; i++)
		assert_maps_nothing(f, 2 * i * MIB_2);
	assert_no_fault(soft_stale(f->device));
}

/* ---- large leaves that are cut ---- */

static void assert_leaves(struct fixture *f, uint64_t leaves)
{
	assert_int_equal(snapshot_of(f).leaves, leaves);
}

static void whole_takes_the_large_leaf_and_reports_its_size(struct fixture *f)
{
	uint64_t unmapped = 0;

	do_map(f, BASE, 0, MIB_2);
	assert_ok(try_unmap(f, BASE + 7 * PAGE, PAGE, &unmapped));
	assert_int_equal(unmapped, MIB_2);
	do_sync(f);
	assert_range_maps_nothing(f, BASE, MIB_2);
	do_map(f, BASE, 0, GIB);
	assert_ok(try_unmap(f, BASE + GIB - PAGE, PAGE, &unmapped));
	assert_int_equal(unmapped, GIB);
	do_sync(f);
	assert_range_maps_nothing(f, BASE, GIB);
}

static void whole_takes_the_leaves_that_either_end_cuts(struct fixture *f)
{
	uint64_t unmapped = 0;

	do_map(f, BASE - GIB, 0, GIB);
	do_map(f, BASE, 0, 3 * PAGE);
	do_map(f, BASE + MIB_2, 0, MIB_2);
	assert_ok(try_unmap(f, BASE - PAGE, MIB_2 + 2 * PAGE, &unmapped));
	assert_int_equal(unmapped, GIB + 3 * PAGE + MIB_2);
	do_sync(f);
	assert_leaves(f, 0);
}

/* The device must forget all of the leaf, not the part that was named. */
static void whole_invalidates_all_of_the_leaf(struct fixture *f)
{
	do_map(f, BASE, 0, GIB);
	for (unsigned i = 0; i < 16; i++)
		assert_maps_to(f, BASE + i * 33 * MIB_2, i * 33 * MIB_2, 30, RW);
	soft_forget(f->device);
	assert_ok(try_unmap(f, BASE + PAGE, PAGE, NULL));
	do_sync(f);
	assert_true(soft_was_told(f->device, BASE, BASE + GIB - 1, EBB_LEAF));
	assert_range_maps_nothing(f, BASE, GIB);
}

static void split_keeps_the_rest_of_a_2_mib_leaf(struct fixture *f)
{
	do_map_prot(f, BASE, 6 * MIB_2, MIB_2, EBB_READ | EBB_SNOOP);
	do_unmap_sync(f, BASE + 9 * PAGE, 2 * PAGE);
	assert_leaves(f, 510);
	assert_maps_to(f, BASE + 8 * PAGE, 6 * MIB_2 + 8 * PAGE, 12, EBB_READ | EBB_SNOOP);
	assert_range_maps_nothing(f, BASE + 9 * PAGE, 2 * PAGE);
	assert_maps_to(f, BASE + 11 * PAGE, 6 * MIB_2 + 11 * PAGE, 12, EBB_READ | EBB_SNOOP);
	assert_maps_to(f, BASE + 511 * PAGE, 6 * MIB_2 + 511 * PAGE, 12, EBB_READ | EBB_SNOOP);
	do_unmap(f, BASE, 9 * PAGE);
	do_unmap_sync(f, BASE + 11 * PAGE, 501 * PAGE);
}

static void split_keeps_the_rest_of_a_1_gib_leaf(struct fixture *f)
{
	uint64_t cut = BASE + 100 * MIB_2 + 50 * PAGE;

	do_map(f, BASE, 3 * GIB, GIB);
	do_unmap_sync(f, cut, PAGE);
	assert_leaves(f, 511 + 511);
	assert_maps_nothing(f, cut);
	assert_maps_to(f, cut + PAGE, 3 * GIB + 100 * MIB_2 + 51 * PAGE, 12, RW);
	assert_maps_to(f, BASE, 3 * GIB, 21, RW);
	assert_maps_to(f, BASE + GIB - 1, 4 * GIB - 1, 21, RW);
	do_unmap(f, BASE, cut - BASE);
	do_unmap_sync(f, cut + PAGE, BASE + GIB - cut - PAGE);
}

/* Whole 2 MiB pages out of a 1 GiB leaf need no level-0 table. */
static void split_goes_no_deeper_than_the_cut(struct fixture *f)
{
	do_map(f, BASE, 3 * GIB, GIB);
	do_unmap_sync(f, BASE + 10 * MIB_2, 20 * MIB_2);
	assert_leaves(f, 492);
	assert_int_equal(live_at(f, 0), 0);
	do_unmap(f, BASE, 10 * MIB_2);
	do_unmap_sync(f, BASE + 30 * MIB_2, 482 * MIB_2);
}

static void split_cuts_one_leaf_at_both_ends(struct fixture *f)
{
	uint64_t from = 3 * MIB_2 + 5 * PAGE, to = 400 * MIB_2 + 9 * PAGE;

	do_map(f, BASE, 0, GIB);
	do_unmap_sync(f, BASE + from, to - from);
	assert_range_maps_to(f, BASE, 0, from);
	assert_range_maps_nothing(f, BASE + from, to - from);
	assert_range_maps_to(f, BASE + to, to, GIB - to);
	assert_leaves(f, 3 + 5 + (512 - 9) + 111);
	do_unmap(f, BASE, from);
	do_unmap_sync(f, BASE + to, GIB - to);
}

static void split_cuts_two_leaves(struct fixture *f)
{
	do_map(f, BASE, 0, GIB);
	do_map(f, BASE + GIB, 0, 7 * PAGE);
	do_map(f, BASE + GIB + MIB_2, 0, MIB_2);
	assert_ok(try_unmap(f, BASE + GIB - PAGE, MIB_2 + 2 * PAGE, NULL));
	do_sync(f);
	assert_range_maps_to(f, BASE, 0, GIB - PAGE);
	assert_range_maps_nothing(f, BASE + GIB - PAGE, MIB_2 + 2 * PAGE);
	assert_range_maps_to(f, BASE + GIB + MIB_2 + PAGE, PAGE, MIB_2 - PAGE);
	do_unmap(f, BASE, GIB - PAGE);
	do_unmap_sync(f, BASE + GIB + MIB_2 + PAGE, MIB_2 - PAGE);
}

/* Where 2 MiB leaves are switched off, a split 1 GiB leaf becomes 4 KiB ones. */
static void split_uses_no_leaves_that_are_switched_off(struct fixture *f)
{
	do_map(f, BASE, GIB, GIB);
	do_unmap_sync(f, BASE + 77 * MIB_2, MIB_2);
	assert_leaves(f, 511 * 512);
	assert_maps_to(f, BASE, GIB, 12, RW);
	assert_maps_to(f, BASE + GIB - PAGE, 2 * GIB - PAGE, 12, RW);
	do_unmap(f, BASE, 77 * MIB_2);
	do_unmap_sync(f, BASE + 78 * MIB_2, GIB - 78 * MIB_2);
}

/* A write before the split is still in the log after it. */
static void split_keeps_accessed_and_dirty(struct fixture *f)
{
	struct soft_walk w;

	do_map(f, BASE, 0, MIB_2);
	do_map(f, BASE + MIB_2, 0, MIB_2);
	assert_true(device_touch(f->device, BASE, true));
	assert_true(device_touch(f->device, BASE + MIB_2, false));
	do_unmap_sync(f, BASE + MIB_2 - PAGE, 2 * PAGE);
	walk_memory(f, BASE, &w);
	assert_int_equal(w.entries[w.level] & (VTD_ACCESSED | VTD_DIRTY), VTD_ACCESSED | VTD_DIRTY);
	walk_memory(f, BASE + 2 * MIB_2 - PAGE, &w);
	assert_int_equal(w.entries[w.level] & (VTD_ACCESSED | VTD_DIRTY), VTD_ACCESSED);
	do_unmap(f, BASE, MIB_2 - PAGE);
	do_unmap_sync(f, BASE + MIB_2 + PAGE, MIB_2 - PAGE);
}

static void a_range_that_ends_with_a_large_leaf_does_not_cut_it(struct fixture *f)
{
	do_map(f, BASE, 0, MIB_2);
	do_map(f, BASE + MIB_2, 0, PAGE);
	do_map(f, BASE + GIB, 0, GIB);
	do_unmap_sync(f, BASE, MIB_2 + PAGE);
	assert_leaves(f, 1);
	do_unmap_sync(f, BASE + GIB, GIB);
}

/* ---- long unmaps ---- */

/*
 * A thread that waits for grace periods over and over while the test unmaps. It wins when one began
 * and ended between the first and the last write-back of one unmap. Write-backs are done inside
 * read sections, so an unmap that stays in one section from the first to the last of them can never
 * let it win, however long the test runs.
 */
struct watcher {
	struct fixture *f;
	uint64_t turn; /* odd: between the first and the last write-back */
	uint64_t write_backs, last_write_back;
	bool won;
};

static void *watch(void *arg)
{
	struct watcher *w = arg;

	while (!__atomic_load_n(&w->won, __ATOMIC_ACQUIRE)) {
		uint64_t turn = __atomic_load_n(&w->turn, __ATOMIC_SEQ_CST);

		w->f->platform.grace_wait(w->f->platform.ctx);
		if ((turn & 1) && turn == __atomic_load_n(&w->turn, __ATOMIC_SEQ_CST))
			__atomic_store_n(&w->won, true, __ATOMIC_RELEASE);
	}
	return NULL;
}

static void on_write_back(void *arg)
{
	struct watcher *w = arg;

	w->write_backs++;
	if (w->write_backs == 1 || w->write_backs == w->last_write_back)
		__atomic_add_fetch(&w->turn, 1, __ATOMIC_SEQ_CST);
	soft_set_hook(w->f->device, SOFT_ON_WRITE_BACK, (struct soft_hook){ on_write_back, w });
}

/*
 * 1 TiB across the middle of two 512 GiB tables, which stay: 512 GiB tables in between go one by
 * one.
 */
static uint64_t unmap_1_tib(struct watcher *w)
{
	struct fixture *f = w->f;
	uint64_t iova = 256 * GIB, unmapped = 0;

	for (unsigned i = 0; i < 1024; i++)
		assert_ok(ebb_map(&f->gather, EBB_IOVA(iova + i * GIB), EBB_PA(0), PAGE, RW));
	w->write_backs = 0;
	soft_set_hook(f->device, SOFT_ON_WRITE_BACK, (struct soft_hook){ on_write_back, w });
	assert_ok(ebb_unmap(&f->gather, EBB_IOVA(iova), 1024 * GIB, &unmapped));
	soft_set_hook(f->device, SOFT_ON_WRITE_BACK, (struct soft_hook){ NULL, NULL });
	assert_int_equal(unmapped, 1024 * PAGE);
	ebb_sync(&f->gather);
	return w->write_backs;
}

static void a_1_tib_unmap_lets_grace_periods_end(struct fixture *f)
{
	static struct watcher w; /* outlives a failed assertion */
	pthread_t thread;

	w = (struct watcher){ .f = f };
	w.last_write_back = unmap_1_tib(&w);
	assert_true(w.last_write_back > 2);
	w.turn = 0;
	assert_int_equal(pthread_create(&thread, NULL, watch, &w), 0);
	while (!__atomic_load_n(&w.won, __ATOMIC_ACQUIRE))
		assert_int_equal(unmap_1_tib(&w), w.last_write_back);
	pthread_join(thread, NULL);
	check_tree(f);
}

static void a_1_tib_map_and_unmap_take_all_of_it(struct fixture *f)
{
	uint64_t len = 1024 * GIB, iova = 100 * GIB + MIB_2;

	do_map(f, iova, 7 * MIB_2, len);
	assert_range_maps_to(f, iova, 7 * MIB_2, len);
	do_unmap_sync(f, iova, len);
	assert_range_maps_nothing(f, iova, len);
	do_reclaim(f);
	if (f->shape.policy != EBB_NONE)
		assert_int_equal(stats_of(f).held, 1);
}

/* What unmaps of whole spans take waits for a grace period, but no more than a batch of it. */
static void whole_tables_do_not_pile_up(struct fixture *f)
{
	unsigned batch = f->shape.batch;

	for (unsigned i = 0; i < 3 * EBB_BATCH_MAX; i++) {
		do_map(f, BASE + i * MIB_2, PAGE, MIB_2); /* 512 leaves: pa is not aligned */
		do_unmap_sync(f, BASE + i * MIB_2, MIB_2);
		assert_true(stats_of(f).held <= f->shape.levels + batch);
	}
}

static void *unmap_base(void *arg)
{
	struct fixture *f = arg;

	if (ebb_unmap(&f->gather, EBB_IOVA(BASE), PAGE, NULL))
		return (void *)"an error";
	if (f->shape.policy == EBB_DEFERRED && !ebb_hosted_registered)
		return (void *)"no grace period waited for the section";
	return NULL;
}

/* Its first read section is one for which it may have to be made known. */
static void the_first_call_of_a_thread_may_be_an_unmap(struct fixture *f)
{
	pthread_t thread;
	void *wrong;

	do_map(f, BASE, 0, PAGE);
	assert_int_equal(pthread_create(&thread, NULL, unmap_base, f), 0);
	pthread_join(thread, &wrong);
	assert_no_fault(wrong);
	do_sync(f);
	assert_maps_nothing(f, BASE);
}

#define WHOLE .shape.partial = EBB_PARTIAL_WHOLE
#define SPLIT .shape.partial = EBB_PARTIAL_SPLIT

static const struct test_case cases[] = {
	CASE(unmap_removes_exactly_its_range),
	CASE(the_first_call_of_a_thread_may_be_an_unmap),
	CASE(holes_are_passed_over_and_not_counted),
	CASE(holes_inside_a_table_are_not_counted),
	CASE(pages_before_a_hole_are_counted),
	CASE(the_length_need_not_be_asked_for),
	CASE(one_unmap_may_take_what_many_maps_made),
	CASE(many_unmaps_may_take_what_one_map_made),
	CASE(the_whole_aperture_is_unmapped_in_one_call),
	CASE_WITH(any_number_of_unmaps_may_precede_a_sync, .shape.batch = 64),
	CASE_WITH(any_number_of_large_leaves_may_go_before_a_sync, .shape.batch = 64),
	CASE(whole_tables_do_not_pile_up),
	CASE_WITH(whole_takes_the_large_leaf_and_reports_its_size, WHOLE),
	CASE_WITH(whole_takes_the_leaves_that_either_end_cuts, WHOLE),
	CASE_WITH(whole_invalidates_all_of_the_leaf, WHOLE),
	CASE_WITH(split_keeps_the_rest_of_a_2_mib_leaf, SPLIT, .shape.flags = EBB_SNOOP_CONTROL),
	CASE_WITH(split_keeps_the_rest_of_a_1_gib_leaf, SPLIT),
	CASE_WITH(split_goes_no_deeper_than_the_cut, SPLIT),
	CASE_WITH(split_cuts_one_leaf_at_both_ends, SPLIT),
	CASE_WITH(split_cuts_two_leaves, SPLIT),
	CASE_WITH(split_uses_no_leaves_that_are_switched_off, SPLIT, .shape.leaf_levels = 5),
	CASE_WITH(split_keeps_accessed_and_dirty, SPLIT, .shape.flags = EBB_ACCESSED_DIRTY),
	CASE(a_range_that_ends_with_a_large_leaf_does_not_cut_it),
	CASE_WITH(a_1_tib_unmap_lets_grace_periods_end, .levels = ON_LEVELS(4) | ON_LEVELS(5),
		  .policies = ON_POLICY(EBB_NONE) | ON_POLICY(EBB_DEFERRED),
		  .shape.flags = EBB_NONSNOOPING),
	CASE_WITH(a_1_tib_map_and_unmap_take_all_of_it, .levels = ON_LEVELS(4) | ON_LEVELS(5)),
};

int main(void)
{
	return RUN_CASES("unmap", cases);
}
