/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/*
 * What the device is told: invalidations, write-backs for walks that do not snoop, and caching
 * mode.
 */
#include "support.h"

#define BASE (5 * GIB)

static struct soft_counts counts(struct fixture *f)
{
	return soft_counts(f->device);
}

/* ---- invalidations ---- */

static void a_map_invalidates_nothing(struct fixture *f)
{
	struct soft_counts before = counts(f);

	do_map(f, BASE, 0, GIB + MIB_2 + PAGE);
	assert_int_equal(counts(f).invalidations, before.invalidations);
	do_unmap_sync(f, BASE, GIB + MIB_2 + PAGE);
}

/* The device goes on with the old translation until the sync, and not after it. */
static void the_device_forgets_at_the_sync(struct fixture *f)
{
	struct soft_counts before;
	struct soft_walk w;

	do_map(f, BASE, 0x7000, 3 * PAGE);
	assert_maps_to(f, BASE, 0x7000, 12, RW);
	before = counts(f);
	do_unmap(f, BASE, 2 * PAGE);
	soft_dma(f->device, BASE, SOFT_PROBE, &w);
	assert_true(w.present);
	assert_int_equal(counts(f).invalidations, before.invalidations);
	soft_forget(f->device);
	do_sync(f);
	assert_true(soft_was_told(f->device, BASE, BASE + 2 * PAGE - 1, EBB_LEAF));
	assert_maps_nothing(f, BASE);
	assert_no_fault(soft_stale(f->device));
	do_unmap_sync(f, BASE + 2 * PAGE, PAGE);
}

static void a_sync_without_an_unmap_invalidates_nothing(struct fixture *f)
{
	struct soft_counts before;

	do_map(f, BASE, 0, PAGE);
	do_sync(f);
	before = counts(f);
	assert_int_equal(do_sync(f), 0);
	assert_int_equal(counts(f).invalidations, before.invalidations);
	do_unmap_sync(f, BASE, PAGE);
	do_sync(f);
	before = counts(f);
	do_sync(f);
	assert_int_equal(counts(f).invalidations, before.invalidations);
}

/* A page whose table stays is a leaf invalidation: the walk caches are still right. */
static void unmapping_a_page_keeps_the_walk_caches(struct fixture *f)
{
	struct soft_counts before;

	do_map(f, BASE, 0, 2 * PAGE);
	before = counts(f);
	do_unmap_sync(f, BASE, PAGE);
	assert_int_equal(counts(f).wide_spans, before.wide_spans);
	assert_int_equal(counts(f).leaf_spans, before.leaf_spans + 1);
	do_unmap_sync(f, BASE + PAGE, PAGE);
}

static void a_freed_table_is_invalidated_widely(struct fixture *f)
{
	do_map(f, BASE, 0, PAGE);
	assert_maps_to(f, BASE, 0, 12, RW);
	soft_forget(f->device);
	do_unmap_sync(f, BASE, PAGE);
	do_reclaim(f);
	if (f->shape.policy == EBB_NONE) {
		assert_false(soft_was_told(f->device, BASE, BASE + MIB_2 - 1, EBB_WIDE));
		assert_int_equal(live_at(f, 0), 1);
	} else {
		for (unsigned level = 1; level < f->shape.levels; level++) {
			uint64_t first = BASE & ~(vtd_span(level) - 1);

			assert_true(soft_was_told(f->device, first, first + vtd_span(level) - 1,
						  EBB_WIDE));
		}
	}
	assert_no_fault(soft_stale(f->device));
}

static void covering_a_table_invalidates_its_span_widely(struct fixture *f)
{
	do_map(f, BASE, PAGE, MIB_2);
	assert_maps_to(f, BASE, PAGE, 12, RW);
	soft_forget(f->device);
	do_unmap_sync(f, BASE, MIB_2);
	assert_true(soft_was_told(f->device, BASE, BASE + MIB_2 - 1, EBB_WIDE));
	assert_int_equal(live_at(f, 0), 0);
	assert_no_fault(soft_stale(f->device));
}

static void replacing_a_table_by_a_large_leaf_invalidates_its_span_widely(struct fixture *f)
{
	do_map(f, BASE + MIB_2, 0, MIB_2);
	do_map(f, BASE, 0, PAGE);
	assert_maps_to(f, BASE, 0, 12, RW);
	do_unmap_sync(f, BASE, PAGE);
	soft_forget(f->device);
	do_map(f, BASE, 0, MIB_2);
	assert_maps_to(f, BASE + PAGE, PAGE, 21, RW);
	if (f->shape.policy != EBB_RWLOCK)
		assert_true(soft_was_told(f->device, BASE, BASE + MIB_2 - 1, EBB_WIDE));
	assert_no_fault(soft_stale(f->device));
	do_unmap_sync(f, BASE, 2 * MIB_2);
}

/* After the sync nothing translates through the large leaf that is gone. */
static void a_split_leaf_is_forgotten(struct fixture *f)
{
	do_map(f, BASE, 0, GIB);
	for (unsigned i = 0; i < 64; i++)
		assert_maps_to(f, BASE + i * 8 * MIB_2, i * 8 * MIB_2, 30, RW);
	soft_forget(f->device);
	do_unmap_sync(f, BASE + PAGE, PAGE);
	assert_true(soft_was_told(f->device, BASE, BASE + GIB - 1, EBB_LEAF));
	assert_no_fault(soft_stale(f->device));
	assert_maps_nothing(f, BASE + PAGE);
	assert_range_maps_to(f, BASE + 2 * PAGE, 2 * PAGE, GIB - 2 * PAGE);
	do_unmap(f, BASE, PAGE);
	do_unmap_sync(f, BASE + 2 * PAGE, GIB - 2 * PAGE);
}

/*
 * An unmap that finds nothing asks for no sync, yet it may have taken empty tables that the device
 * knows.
 */
static void a_map_after_an_unmap_of_empty_tables_is_seen(struct fixture *f)
{
	do_map(f, BASE + 7 * MIB_2, 0, PAGE);
	do_map(f, BASE, 0, PAGE);
	assert_maps_to(f, BASE, 0, 12, RW);
	do_unmap_sync(f, BASE, PAGE);
	assert_int_equal(try_unmap(f, BASE, MIB_2, NULL), EBB_ERR_NOT_MAPPED);
	do_map(f, BASE + PAGE, 0x7000, PAGE);
	assert_maps_to(f, BASE + PAGE, 0x7000, 12, RW);
	assert_no_fault(soft_stale(f->device));
	do_unmap(f, BASE + PAGE, PAGE);
	do_unmap_sync(f, BASE + 7 * MIB_2, PAGE);
}

static void neighbouring_unmaps_are_invalidated_together(struct fixture *f)
{
	struct soft_counts before;

	do_map(f, BASE, 0, 33 * PAGE);
	before = counts(f);
	for (unsigned i = 0; i < 32; i++)
		do_unmap(f, BASE + i * PAGE, PAGE);
	do_sync(f);
	assert_int_equal(counts(f).invalidations, before.invalidations + 1);
	assert_int_equal(counts(f).leaf_spans, before.leaf_spans + 1);
	do_unmap_sync(f, BASE + 32 * PAGE, PAGE);
}

static void the_statistics_count_what_the_platform_was_told(struct fixture *f)
{
	for (unsigned i = 0; i < 40; i++)
		do_map(f, i * (GIB + 5 * MIB_2), 0, PAGE);
	for (unsigned i = 0; i < 40; i++) {
		do_unmap(f, i * (GIB + 5 * MIB_2), PAGE);
		if (i % 3 == 0)
			do_sync(f);
	}
	do_sync(f);
	do_reclaim(f);
	assert_int_equal(stats_of(f).leaf_invalidations, counts(f).leaf_spans);
	assert_int_equal(stats_of(f).wide_invalidations, counts(f).wide_spans);
}

/* ---- walks that do not snoop ---- */

static void snooping_walks_need_no_write_back(struct fixture *f)
{
	do_map(f, BASE, 0, GIB + MIB_2 + PAGE);
	do_unmap_sync(f, BASE, GIB + MIB_2 + PAGE);
	do_reclaim(f);
	assert_int_equal(counts(f).write_backs, 0);
}

static void a_device_that_does_not_snoop_sees_what_is_mapped(struct fixture *f)
{
	do_map(f, BASE - PAGE, 0x1000, 4 * PAGE);
	assert_range_maps_to(f, BASE - PAGE, 0x1000, 4 * PAGE);
	assert_maps_nothing(f, BASE + 3 * PAGE);
	do_map(f, BASE + 4 * PAGE, 0x8000, 2 * PAGE); /* no table is missing */
	assert_range_maps_to(f, BASE + 4 * PAGE, 0x8000, 2 * PAGE);
	do_map(f, BASE + 6 * PAGE, 0xa000, PAGE);
	assert_maps_to(f, BASE + 6 * PAGE, 0xa000, 12, RW);
	do_map(f, BASE + MIB_2, 0, 3 * MIB_2);
	assert_range_maps_to(f, BASE + MIB_2, 0, 3 * MIB_2);
	do_map(f, BASE + GIB, 0, 2 * GIB);
	assert_range_maps_to(f, BASE + GIB, 0, 2 * GIB);
	do_map(f, BASE + 4 * MIB_2, 0x5000, MIB_2); /* all entries of a table */
	assert_range_maps_to(f, BASE + 4 * MIB_2, 0x5000, MIB_2);
	assert_ok(try_unmap(f, 0, f->aperture, NULL));
	do_sync(f);
}

static void a_device_that_does_not_snoop_sees_what_is_unmapped(struct fixture *f)
{
	do_map(f, BASE, 0x1000, MIB_2 + 600 * PAGE);
	do_map(f, BASE + 5 * MIB_2, 0x5000, 600 * PAGE);
	do_unmap_sync(f, BASE + MIB_2 + PAGE, PAGE);
	assert_maps_nothing(f, BASE + MIB_2 + PAGE);
	do_unmap_sync(f, BASE, MIB_2);
	assert_range_maps_nothing(f, BASE, MIB_2);
	do_unmap_sync(f, BASE + 5 * MIB_2, 600 * PAGE);
	assert_range_maps_nothing(f, BASE + 5 * MIB_2, 600 * PAGE);
	do_unmap(f, BASE + MIB_2, PAGE);
	do_unmap_sync(f, BASE + MIB_2 + 2 * PAGE, 598 * PAGE);
	assert_range_maps_nothing(f, BASE, GIB);
}

/* Tables that were freed come back as spares: what the device sees in them must be zero again. */
static void reused_tables_are_clean_for_a_device_that_does_not_snoop(struct fixture *f)
{
	for (unsigned i = 0; i < 30; i++) {
		uint64_t iova = i * (GIB + 7 * MIB_2) + i * PAGE;

		do_map(f, iova, 0x3000, (1 + i * 37) * PAGE);
		assert_range_maps_to(f, iova, 0x3000, (1 + i * 37) * PAGE);
		assert_maps_nothing(f, iova + (1 + i * 37) * PAGE);
		if (i > 0)
			assert_maps_nothing(f, iova - PAGE);
		do_unmap_sync(f, iova, (1 + i * 37) * PAGE);
	}
}

static void a_device_that_does_not_snoop_sees_a_split(struct fixture *f)
{
	do_map(f, BASE, 0, GIB);
	do_unmap_sync(f, BASE + 50 * MIB_2 + PAGE, PAGE);
	assert_range_maps_to(f, BASE, 0, 50 * MIB_2 + PAGE);
	assert_maps_nothing(f, BASE + 50 * MIB_2 + PAGE);
	assert_range_maps_to(f, BASE + 50 * MIB_2 + 2 * PAGE, 50 * MIB_2 + 2 * PAGE,
			     GIB - 50 * MIB_2 - 2 * PAGE);
	assert_ok(try_unmap(f, BASE, GIB, NULL));
	do_sync(f);
}

/*
 * The clean bit must reach memory, or the device would find the page dirty already and not mark it
 * again.
 */
static void ignore_run(void *arg, ebb_iova first, uint64_t len, unsigned bits)
{
	(void)arg;
	(void)first;
	(void)len;
	(void)bits;
}

static void reading_the_log_is_written_back(struct fixture *f)
{
	struct soft_counts before;

	do_map(f, BASE, 0, 4 * PAGE);
	assert_true(device_touch(f->device, BASE, true));
	before = counts(f);
	f->unsynced = true;
	assert_ok(ebb_read_dirty(&f->gather, EBB_IOVA(BASE), 4 * PAGE, EBB_LOG_DIRTY, ignore_run,
				 NULL));
	assert_true(counts(f).write_backs > before.write_backs);
	do_unmap_sync(f, BASE, 4 * PAGE);
}

/* ---- caching mode ---- */

static void ask_device(struct fixture *f, uint64_t iova, uint64_t len)
{
	struct soft_walk w;

	for (uint64_t at = 0; at < len; at += PAGE) {
		soft_dma(f->device, iova + at, SOFT_PROBE, &w);
		assert_false(w.present);
	}
}

/* The device has cached that nothing is there. */
static void a_map_invalidates_in_caching_mode(struct fixture *f)
{
	ask_device(f, BASE, 8 * PAGE);
	soft_forget(f->device);
	do_map(f, BASE, 0, 8 * PAGE);
	assert_true(soft_was_told(f->device, BASE, BASE + 8 * PAGE - 1, EBB_LEAF));
	assert_range_maps_to(f, BASE, 0, 8 * PAGE);
	ask_device(f, BASE + 8 * PAGE, PAGE);
	soft_forget(f->device);
	do_map(f, BASE + 8 * PAGE, 0x9000, PAGE);
	assert_true(soft_was_told(f->device, BASE + 8 * PAGE, BASE + 9 * PAGE - 1, EBB_LEAF));
	assert_maps_to(f, BASE + 8 * PAGE, 0x9000, 12, RW);
	do_unmap_sync(f, BASE, 9 * PAGE);
	ask_device(f, BASE + GIB - 3 * PAGE, 8 * PAGE);
	soft_forget(f->device);
	do_map(f, BASE + GIB - MIB_2 - PAGE, 0, GIB + MIB_2);
	assert_true(soft_was_told(f->device, BASE + GIB - MIB_2 - PAGE, BASE + 2 * GIB - PAGE - 1,
				  EBB_LEAF));
	assert_range_maps_to(f, BASE + GIB - MIB_2 - PAGE, 0, GIB + MIB_2);
	do_unmap_sync(f, BASE + GIB - MIB_2 - PAGE, GIB + MIB_2);
}

static void a_map_after_an_unmap_is_seen_in_caching_mode(struct fixture *f)
{
	for (unsigned i = 1; i < 40; i++) {
		uint64_t iova = BASE + i % 3 * GIB;

		ask_device(f, iova, 2 * PAGE);
		do_map(f, iova, i * PAGE, 2 * PAGE);
		assert_range_maps_to(f, iova, i * PAGE, 2 * PAGE);
		do_unmap_sync(f, iova, 2 * PAGE);
		assert_no_fault(soft_stale(f->device));
	}
}

static void a_failed_map_needs_no_invalidation_to_be_right(struct fixture *f)
{
	do_map(f, BASE + MIB_2 + 5 * PAGE, 0, PAGE);
	ask_device(f, BASE, 2 * PAGE);
	assert_int_equal(try_map(f, BASE, 0, MIB_2 + 8 * PAGE, RW), EBB_ERR_MAPPED);
	assert_no_fault(soft_stale(f->device));
	do_unmap_sync(f, BASE + MIB_2 + 5 * PAGE, PAGE);
}

#define NONSNOOP .shape.flags = EBB_NONSNOOPING
#define CACHING	 .shape.flags = EBB_CACHING_MODE
#define BOTH	 .shape.flags = EBB_NONSNOOPING | EBB_CACHING_MODE
#define SPLIT	 .shape.partial = EBB_PARTIAL_SPLIT

static const struct test_case cases[] = {
	CASE(a_map_invalidates_nothing),
	CASE_WITH(the_device_forgets_at_the_sync, .shape.batch = 64),
	CASE_WITH(a_sync_without_an_unmap_invalidates_nothing, .shape.batch = 64),
	CASE(unmapping_a_page_keeps_the_walk_caches),
	CASE(a_freed_table_is_invalidated_widely),
	CASE_WITH(covering_a_table_invalidates_its_span_widely, .shape.batch = 64),
	CASE_WITH(replacing_a_table_by_a_large_leaf_invalidates_its_span_widely, .shape.batch = 64),
	CASE_WITH(a_split_leaf_is_forgotten, SPLIT),
	CASE_WITH(a_map_after_an_unmap_of_empty_tables_is_seen, .shape.batch = 64),
	CASE_WITH(a_map_after_an_unmap_of_empty_tables_is_seen, BOTH, .shape.batch = 64),
	CASE(neighbouring_unmaps_are_invalidated_together),
	CASE(the_statistics_count_what_the_platform_was_told),
	CASE(snooping_walks_need_no_write_back),
	CASE_WITH(a_device_that_does_not_snoop_sees_what_is_mapped, NONSNOOP),
	CASE_WITH(a_device_that_does_not_snoop_sees_what_is_unmapped, NONSNOOP),
	CASE_WITH(reused_tables_are_clean_for_a_device_that_does_not_snoop, NONSNOOP),
	CASE_WITH(a_device_that_does_not_snoop_sees_a_split, NONSNOOP, SPLIT),
	CASE_WITH(reading_the_log_is_written_back,
		  .shape.flags = EBB_NONSNOOPING | EBB_ACCESSED_DIRTY),
	CASE_WITH(a_map_invalidates_in_caching_mode, CACHING),
	CASE_WITH(a_map_invalidates_in_caching_mode, BOTH),
	CASE_WITH(a_map_after_an_unmap_is_seen_in_caching_mode, CACHING),
	CASE_WITH(a_map_after_an_unmap_is_seen_in_caching_mode, BOTH, .shape.batch = 64),
	CASE_WITH(a_failed_map_needs_no_invalidation_to_be_right, CACHING),
};

int main(void)
{
	return RUN_CASES("device", cases);
}
