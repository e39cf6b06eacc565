/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/*
 * What an unmap meets when others are in the middle of something: another caller that splits the
 * same large leaf, a device that writes to it meanwhile, a reclaimer whose table is dead. A hook in
 * the platform runs the other one, at each point in turn at which the unmap calls the platform.
 */
#include <ebb_hot.h>
#include "support.h"

#define BASE  (5 * GIB)
#define DIRTY (VTD_ACCESSED | VTD_DIRTY)

struct other {
	struct fixture *f;
	struct ebb_gather gather;
	uint64_t iova; /* a page of its own */
	unsigned skip; /* calls of the platform that pass before it runs */
	unsigned ran;
	void (*run)(struct other *o);
};

static struct other other;

static void other_open(struct fixture *f, uint64_t iova, void (*run)(struct other *o))
{
	memset(&other, 0, sizeof(other));
	other.f = f;
	other.iova = iova;
	other.run = run;
	ebb_gather_init(&other.gather, &f->domain);
}

static void run_in_turn(void *arg);

static void run_at_write_back(unsigned skip)
{
	other.skip = skip;
	soft_set_hook(other.f->device, SOFT_ON_WRITE_BACK, (struct soft_hook){ run_in_turn, NULL });
}

static void run_in_turn(void *arg)
{
	(void)arg;
	if (other.skip) {
		run_at_write_back(other.skip - 1);
		return;
	}
	other.ran++;
	other.run(&other);
}

static void other_close(void)
{
	soft_set_hook(other.f->device, SOFT_ON_WRITE_BACK, (struct soft_hook){ 0 });
	ebb_gather_fini(&other.gather);
	check_tree(other.f);
}

/* ---- one leaf, two callers ---- */

static void unmap_a_page(struct other *o)
{
	struct soft_walk w;
	uint64_t unmapped = 0;

	assert_ok(ebb_unmap(&o->gather, EBB_IOVA(o->iova), PAGE, &unmapped));
	assert_int_equal(unmapped, PAGE);
	ebb_sync(&o->gather);
	soft_dma(o->f->device, o->iova, SOFT_PROBE, &w);
	assert_false(w.present);
	assert_no_fault(soft_fault_text(o->f->device));
}

/* The largest leaf that is to be split: with 2 MiB leaves switched off it is one of 1 GiB. */
static uint64_t leaf_size(struct fixture *f)
{
	return f->shape.leaf_levels ? GIB : MIB_2;
}

/*
 * Of a 1 GiB leaf most write-backs are those of spares (twice 513, for both ends of the range) and
 * of the 513 new tables, the one like the other.
 */
static unsigned step(struct fixture *f, unsigned skip)
{
	return leaf_size(f) == GIB && skip < 1026 + 513 - 3 ? 256 : 1;
}

/*
 * Unmaps a page of a leaf while the other one runs after `skip` write-backs; false: there were not
 * so many.
 */
static bool split_with(struct fixture *f, unsigned skip, void (*run)(struct other *o))
{
	do_map(f, BASE, 0, leaf_size(f));
	assert_range_maps_to(f, BASE, 0, leaf_size(f)); /* the device has walked it */
	ebb_trim(&f->gather); /* the same allocations each time */
	other_open(f, BASE + 9 * PAGE, run);
	run_at_write_back(skip);
	do_unmap_sync(f, BASE + 3 * PAGE, PAGE);
	other_close();
	return other.ran;
}

/* Spare tables are used as they are. */
static void assert_empty(const struct ebb_table *list)
{
	static const uint64_t zero[EBB_TABLE_ENTRIES];

	for (const struct ebb_table *t = list; t; t = ebb_hot_desc(t)->next)
		assert_memory_equal(t, zero, sizeof(zero));
}

static void two_callers_split_one_leaf(struct fixture *f)
{
	uint64_t size = leaf_size(f);
	unsigned skip = 0;
	bool ran = true;

	for (; ran; skip += step(f, skip)) {
		ran = split_with(f, skip, unmap_a_page);
		assert_maps_nothing(f, BASE + 3 * PAGE);
		assert_range_maps_to(f, BASE, 0, 3 * PAGE);
		assert_range_maps_to(f, BASE + 10 * PAGE, 10 * PAGE, size - 10 * PAGE);
		if (ran)
			assert_maps_nothing(f, BASE + 9 * PAGE);
		assert_no_fault(soft_stale(f->device));
		assert_empty(f->gather.spare);
		assert_empty(f->domain.pool);
		do_unmap_sync(f, BASE + 10 * PAGE, size - 10 * PAGE);
		assert_ok(try_unmap(f, BASE, 10 * PAGE, NULL));
		do_sync(f);
		do_reclaim(f);
	}
	assert_true(skip > 3);
}

/*
 * The other one splits it between our look at the leaf and our split: we make room in our gather
 * there, which is full. No lock is held.
 */
static void sync_in_between(void *arg)
{
	(void)arg;
	other.ran++;
	other.run(&other);
}

static void a_leaf_may_be_split_while_a_gather_makes_room(struct fixture *f)
{
	do_map(f, BASE, 0, 2 * MIB_2);
	do_map(f, BASE + GIB, PAGE, 100 * PAGE);
	for (unsigned i = 0; i < EBB_GATHER_SPANS - 1; i++)
		do_unmap(f, BASE + GIB + 2 * i * PAGE, PAGE);
	other_open(f, BASE + 9 * PAGE, unmap_a_page);
	soft_set_hook(f->device, SOFT_BEFORE_INVALIDATION,
		      (struct soft_hook){ sync_in_between, NULL });
	do_unmap_sync(f, BASE + MIB_2 - PAGE, 2 * PAGE);
	other_close();
	assert_int_equal(other.ran, 1);
	assert_maps_nothing(f, BASE + 9 * PAGE);
	assert_range_maps_nothing(f, BASE + MIB_2 - PAGE, 2 * PAGE);
	assert_range_maps_to(f, BASE + 10 * PAGE, 10 * PAGE, MIB_2 - 11 * PAGE);
	assert_no_fault(soft_stale(f->device));
	assert_ok(try_unmap(f, BASE, GIB + 100 * PAGE, NULL));
	do_sync(f);
}

static void write_to_a_page(struct other *o)
{
	assert_true(device_touch(o->f->device, o->iova, true));
}

/* Before the split, the large leaf is dirty, or a small one after it; never none. */
static void what_is_written_during_a_split_stays_dirty(struct fixture *f)
{
	uint64_t size = leaf_size(f);
	struct soft_walk w;
	unsigned skip = 0;
	bool ran = true;

	for (; ran; skip += step(f, skip)) {
		ran = split_with(f, skip, write_to_a_page);
		walk_memory(f, BASE + 9 * PAGE, &w);
		assert_int_equal(w.size_lg2, 12);
		assert_int_equal(w.entries[0] & DIRTY, ran ? DIRTY : 0);
		do_unmap(f, BASE, 3 * PAGE);
		do_unmap_sync(f, BASE + 4 * PAGE, size - 4 * PAGE);
		do_reclaim(f);
	}
	assert_true(skip > 2);
}

/* ---- a dead table on the way ---- */

#define DEAD_AT (BASE + 4 * MIB_2)

/* There is an entry, and hardware does not see it. */
static void assert_still_dead(struct fixture *f)
{
	struct soft_walk w;

	walk_memory(f, DEAD_AT, &w);
	assert_int_equal(w.level, 1);
	assert_false(w.present);
	assert_int_not_equal(w.entries[1], 0);
}

static void unmap_across(void *arg)
{
	struct ebb_gather *g = &other.gather;
	uint64_t unmapped;

	(void)arg;
	other.ran++;
	/* inside the dead table's span; into it, from an empty entry; out of it; from its end on */
	assert_int_equal(ebb_unmap(g, EBB_IOVA(DEAD_AT + PAGE), PAGE, NULL), EBB_ERR_NOT_MAPPED);
	assert_int_equal(ebb_unmap(g, EBB_IOVA(DEAD_AT - MIB_2), MIB_2 + PAGE, NULL),
			 EBB_ERR_NOT_MAPPED);
	assert_ok(ebb_unmap(g, EBB_IOVA(DEAD_AT + PAGE), MIB_2, &unmapped));
	assert_int_equal(unmapped, PAGE);
	assert_ok(ebb_unmap(g, EBB_IOVA(DEAD_AT + MIB_2 + PAGE), PAGE, &unmapped));
	assert_int_equal(unmapped, PAGE);
	assert_still_dead(other.f);
	ebb_sync(g);
}

/* It belongs to the reclaimer: an unmap that does not cover it leaves it alone. */
static void an_unmap_passes_a_dead_table(struct fixture *f)
{
	do_map(f, DEAD_AT, 0, PAGE);
	do_map(f, DEAD_AT + MIB_2, PAGE, 3 * PAGE);
	do_unmap_sync(f, DEAD_AT, PAGE);
	other_open(f, 0, NULL);
	soft_set_hook(f->device, SOFT_BEFORE_INVALIDATION,
		      (struct soft_hook){ unmap_across, NULL });
	assert_int_equal(do_reclaim(f), 1);
	assert_int_equal(other.ran, 1);
	other_close();
	assert_int_equal(stats_of(f).dead, 1);
	assert_int_equal(stats_of(f).freed, 1);
	assert_maps_to(f, DEAD_AT + MIB_2 + 2 * PAGE, 3 * PAGE, 12, RW);
	do_unmap_sync(f, DEAD_AT + MIB_2 + 2 * PAGE, PAGE);
}

#define DEFERRED .policies = ON_POLICY(EBB_DEFERRED), .shape.batch = 64
/* Under rwlock a caller's write-backs are inside a lock, and keep others out. */
#define UNLOCKED .policies = ON_POLICY(EBB_NONE) | ON_POLICY(EBB_DEFERRED)
#define SPLIT	 .shape.partial = EBB_PARTIAL_SPLIT
#define NO_2M	 .shape.leaf_levels = 5
#define HARD	 .shape.flags = EBB_NONSNOOPING | EBB_CACHING_MODE
#define WRITTEN	 .shape.flags = EBB_NONSNOOPING | EBB_ACCESSED_DIRTY

static const struct test_case cases[] = {
	CASE_WITH(two_callers_split_one_leaf, UNLOCKED, SPLIT, HARD),
	CASE_WITH(two_callers_split_one_leaf, UNLOCKED, SPLIT, HARD, NO_2M, .levels = ON_LEVELS(3)),
	CASE_WITH(a_leaf_may_be_split_while_a_gather_makes_room, SPLIT),
	CASE_WITH(what_is_written_during_a_split_stays_dirty, SPLIT, WRITTEN),
	CASE_WITH(what_is_written_during_a_split_stays_dirty, SPLIT, WRITTEN, NO_2M,
		  .levels = ON_LEVELS(4)),
	CASE_WITH(an_unmap_passes_a_dead_table, DEFERRED),
	CASE_WITH(an_unmap_passes_a_dead_table, DEFERRED, HARD),
};

int main(void)
{
	return RUN_CASES("interleave, unmap", cases);
}
