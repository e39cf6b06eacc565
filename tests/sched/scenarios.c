/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/*
 * Small scenes, each about one place of the argument in core/reclaim.c. All of them end with
 * nothing mapped, and then with the root as the only table.
 */
#include <limits.h>
#include "search.h"

#define BASE  (5 * GIB)
#define OTHER (9 * GIB)
#define ALL   UINT_MAX

/* The output address is told by the IOVA, so that a walk that went astray shows. */
static void map(struct world *w, uint64_t iova, uint64_t len)
{
	world_must_map(w, iova, iova + GIB, len);
}

/* ---- beginnings, by the gather that is nobody's ---- */

/* An empty table at BASE whose candidate waits, below a table that stays. */
static void one_candidate(struct world *w)
{
	map(w, BASE + 3 * MIB_2, PAGE);
	map(w, BASE, PAGE);
	world_unmap_sync(w, BASE, PAGE);
}

static void keeper_alone(struct world *w)
{
	map(w, BASE + 3 * MIB_2, PAGE);
}

static void drop_keeper(struct world *w)
{
	world_unmap_sync(w, BASE + 3 * MIB_2, PAGE);
}

/* The same, and the tables above are empty with it. */
static void candidate_alone(struct world *w)
{
	map(w, BASE, PAGE);
	world_unmap_sync(w, BASE, PAGE);
}

/* A pair whose lower table one more caller empties. */
static void candidate_alone_and_a_page(struct world *w)
{
	candidate_alone(w);
	map(w, BASE + PAGE, PAGE);
}

/* A pair but for a leaf in the upper table. */
static void candidate_and_a_large_leaf(struct world *w)
{
	candidate_alone(w);
	map(w, BASE + 3 * MIB_2, MIB_2);
}

static void one_page(struct world *w)
{
	map(w, BASE, PAGE);
}

static void two_pages_of_a_line(struct world *w)
{
	map(w, BASE, PAGE);
	map(w, BASE + PAGE, PAGE);
}

static void two_pages_of_two_lines(struct world *w)
{
	map(w, BASE, PAGE);
	map(w, BASE + 100 * PAGE, PAGE);
}

static void two_pages_of_two_tables(struct world *w)
{
	map(w, BASE, PAGE);
	map(w, BASE + MIB_2, PAGE);
}

static void candidate_and_a_page(struct world *w)
{
	one_candidate(w);
	map(w, BASE + 5 * PAGE, PAGE);
}

static void a_large_leaf(struct world *w)
{
	map(w, BASE, MIB_2);
}

/* All owner numbers but one are in use by others. */
static void one_owner_number(struct world *w)
{
	one_candidate(w);
	map(w, BASE + MIB_2, PAGE);
	world_unmap_sync(w, BASE + MIB_2, PAGE);
	w->domain.owners |= 0xfffc;
}

static void give_owner_numbers_back(struct world *w)
{
	w->domain.owners &= ~0xfffcu;
	drop_keeper(w);
}

/* As if the callers' last batches had held hardly any empty table. */
static void candidate_to_be_sifted(struct world *w)
{
	candidate_alone(w);
	for (unsigned i = 0; i < SCHED_CALLERS; i++)
		w->gathers[i].few_empty = true;
}

/* The first caller's, of whose candidates somebody has taken another. */
static void candidate_after_another_was_taken(struct world *w)
{
	struct ebb_gather *g = &w->gathers[0];

	keeper_alone(w);
	map(w, BASE, PAGE);
	soft_expect_any(w->device, BASE, PAGE);
	if (ebb_unmap(g, EBB_IOVA(BASE), PAGE, NULL) != EBB_OK)
		sched_fail("an unmap failed");
	ebb_sync(g);
	soft_expect_unmapped(w->device, BASE, PAGE);
	g->taken = 1;
}

/* ---- callers ---- */

static void unmap_first(void *w)
{
	world_unmap_sync(w, BASE, PAGE);
}

static void unmap_second(void *w)
{
	world_unmap_sync(w, BASE + PAGE, PAGE);
}

static void unmap_far(void *w)
{
	world_unmap_sync(w, BASE + 100 * PAGE, PAGE);
}

static void unmap_nothing(void *arg)
{
	struct world *w = arg;

	if (ebb_unmap(world_gather(w), EBB_IOVA(BASE + 7 * PAGE), PAGE, NULL) != EBB_ERR_NOT_MAPPED)
		sched_fail("an unmap found what is not there");
}

static void unmap_far_table(void *w)
{
	world_unmap_sync(w, BASE + MIB_2, PAGE);
}

static void reclaim(void *w)
{
	world_reclaim(w, ALL);
}

static void reclaim_a_batch(void *w)
{
	world_reclaim(w, 1);
}

static void map_and_unmap(struct world *w, uint64_t iova)
{
	map(w, iova, PAGE);
	world_unmap_sync(w, iova, PAGE);
}

static void use_same_line(void *w)
{
	map_and_unmap(w, BASE + PAGE);
}

static void use_twice(void *w)
{
	map_and_unmap(w, BASE);
	map_and_unmap(w, BASE);
}

/* When the first table is used again, another one with an even number was listed last. */
static void use_two_tables(void *w)
{
	map_and_unmap(w, BASE);
	map_and_unmap(w, BASE + 2 * MIB_2);
	map_and_unmap(w, BASE);
}

/* A line that the sparse hint does not name. */
static void use_other_line(void *w)
{
	map_and_unmap(w, BASE + 100 * PAGE);
}

static void use_next_table(void *w)
{
	map_and_unmap(w, BASE + 5 * MIB_2);
}

/* Its entry is in a line that the hint for the table above does not name. */
static void use_far_table(void *w)
{
	map_and_unmap(w, BASE + 100 * MIB_2);
}

static void map_far_table(void *w)
{
	map(w, BASE + 100 * MIB_2, PAGE);
}

static void drop_far_table(struct world *w)
{
	world_unmap_sync(w, BASE + 100 * MIB_2, PAGE);
}

static void unmap_second_and_reclaim(void *w)
{
	unmap_second(w);
	world_reclaim(w, ALL);
}

static void unmap_large_leaf_and_reclaim(void *w)
{
	world_unmap_sync(w, BASE + 3 * MIB_2, MIB_2);
	world_reclaim(w, ALL);
}

static void use_other_place(void *w)
{
	map_and_unmap(w, OTHER);
}

static void use_and_reclaim(void *w)
{
	map_and_unmap(w, BASE);
	world_reclaim(w, ALL);
}

static void reclaim_and_use_other_place(void *w)
{
	world_reclaim(w, ALL);
	map_and_unmap(w, OTHER);
	world_reclaim(w, ALL);
}

static void reclaim_and_map_other_place(void *w)
{
	world_reclaim(w, ALL);
	map(w, OTHER, PAGE);
}

/* If the device has been left with the table, it finds what is mapped elsewhere. */
static void reclaim_use_other_place_and_dma(void *arg)
{
	struct world *w = arg;

	world_reclaim(w, ALL);
	map(w, OTHER, PAGE);
	world_dma(w, BASE, SOFT_PROBE);
	world_unmap_sync(w, OTHER, PAGE);
}

static void do_dma(void *w)
{
	world_dma(w, BASE, SOFT_PROBE);
	world_dma(w, OTHER, SOFT_PROBE);
	world_dma(w, BASE + 100 * PAGE, SOFT_WRITE);
	sched_point("DMA again");
	world_dma(w, BASE, SOFT_PROBE);
	world_dma(w, OTHER, SOFT_PROBE);
}

static void take_span(struct world *w, uint64_t iova, uint64_t len)
{
	if (world_unmap(w, iova, len) == EBB_OK)
		world_sync(w);
	else
		soft_expect_unmapped(w->device, iova, len);
}

static void take_whole_span(void *w)
{
	take_span(w, BASE, MIB_2);
	map_and_unmap(w, BASE + 2 * PAGE);
}

static void only_take_whole_span(void *w)
{
	take_span(w, BASE, MIB_2);
}

static void take_larger_span(void *w)
{
	take_span(w, 5 * GIB, GIB);
	map_and_unmap(w, BASE + 2 * PAGE);
}

static void take_largest_span(void *w)
{
	take_span(w, 0, 512 * GIB);
}

static void map_large(void *w)
{
	map(w, BASE, MIB_2);
	world_unmap_sync(w, BASE, MIB_2);
}

/* Either answer is right; what was installed or thawed must not be forgotten. */
static void map_without_memory(void *w)
{
	uint64_t iova = BASE + 5 * MIB_2;

	sched_fail_allocation(0);
	if (world_map(w, iova, iova + GIB, PAGE) == EBB_OK)
		world_unmap_sync(w, iova, PAGE);
	sched_fail_allocation(~0u);
}

static void unmap_middle(void *w)
{
	world_unmap_sync(w, BASE + MIB_2 / 2, PAGE);
}

static void map_far(void *arg)
{
	struct world *w = arg;

	map(w, BASE + 100 * PAGE, PAGE);
}

static void drop_far_and_keeper(struct world *w)
{
	unmap_far(w);
	drop_keeper(w);
}

static void drop_second(struct world *w)
{
	unmap_second(w);
}

static void drop_other_place(struct world *w)
{
	world_unmap_sync(w, OTHER, PAGE);
}

static void drop_all_but_first(struct world *w)
{
	world_unmap_sync(w, BASE + PAGE, MIB_2 - PAGE);
}

static void drop_all_but_first_and_middle(struct world *w)
{
	world_unmap_sync(w, BASE + PAGE, MIB_2 / 2 - PAGE);
	world_unmap_sync(w, BASE + MIB_2 / 2 + PAGE, MIB_2 / 2 - PAGE);
}

static int see(void *arg, const struct ebb_visit *v)
{
	(void)arg;
	/* What is read in a table that is used elsewhere by now is not what belongs here. */
	return !v->is_table && v->pa.v != v->first.v + GIB;
}

static void look_around(void *arg)
{
	struct world *w = arg;

	if (ebb_for_each(&w->domain, EBB_IOVA(BASE), GIB, EBB_VISIT_LEAVES | EBB_VISIT_TABLES, see,
			 NULL))
		sched_fail("a walk over the tree saw what is not there");
}

/* ---- the list ---- */

#define BATCH(n)   .config.policy = EBB_DEFERRED, .config.batch = (n)
#define FLAGS(x)   .config.flags = (x)
#define LEVELS(n)  .config.levels = (n)
#define POLICY(p)  .config.policy = (p)
#define SPLIT	   .config.partial = EBB_PARTIAL_SPLIT
#define HARD	   (EBB_NONSNOOPING | EBB_CACHING_MODE)
#define CALLERS(n) .callers = (n)

const struct scenario scenarios[] = {
	{ "the last two unmappers of a line and a reclaimer",
	  CALLERS(3),
	  two_pages_of_a_line,
	  { unmap_first, unmap_second, reclaim },
	  BATCH(64),
	  .less = 1 },
	{ "the last two unmappers of a line, reclaiming at once",
	  CALLERS(2),
	  two_pages_of_a_line,
	  { unmap_first, unmap_second },
	  BATCH(0) },
	{ "the last two unmappers of two lines, reclaiming at once",
	  CALLERS(2),
	  two_pages_of_two_lines,
	  { unmap_first, unmap_far },
	  BATCH(1) },
	{ "the last two unmappers of two tables",
	  CALLERS(2),
	  two_pages_of_two_tables,
	  { unmap_first, unmap_far_table },
	  BATCH(0) },
	{ "mapper and reclaimer at level 0",
	  CALLERS(2),
	  one_candidate,
	  { use_same_line, reclaim },
	  drop_keeper,
	  BATCH(64) },
	{ "mapper and reclaimer at level 1",
	  CALLERS(2),
	  candidate_alone,
	  { use_next_table, reclaim },
	  BATCH(64) },
	{ "mapper and reclaimer at level 2",
	  CALLERS(2),
	  candidate_alone,
	  { use_other_place, reclaim },
	  BATCH(64),
	  LEVELS(4) },
	{ "a mapper in a line that the hint does not name",
	  CALLERS(2),
	  one_candidate,
	  { use_other_line, reclaim },
	  drop_keeper,
	  BATCH(64) },
	{ "two mappers thaw, one reclaims",
	  CALLERS(3),
	  one_candidate,
	  { use_same_line, use_other_line, reclaim },
	  drop_keeper,
	  BATCH(64),
	  .less = 1 },
	{ "a mapper before the freeze and one that thaws",
	  CALLERS(3),
	  one_candidate,
	  { map_far, reclaim, use_and_reclaim },
	  drop_far_and_keeper,
	  BATCH(64),
	  .less = 1 },
	{ "two reclaimers and a mapper",
	  CALLERS(3),
	  one_candidate,
	  { use_same_line, reclaim, reclaim },
	  drop_keeper,
	  BATCH(64),
	  .less = 1 },
	{ "the mapper of a thawed table leaves it to its reclaimer",
	  CALLERS(2),
	  one_candidate,
	  { use_and_reclaim, reclaim },
	  drop_keeper,
	  BATCH(64) },
	/* Waiting for its map's invalidation it costs no preemption to be in between. */
	{ "caching mode: the mapper of a thawed table leaves it to its reclaimer",
	  CALLERS(2),
	  one_candidate,
	  { use_and_reclaim, reclaim },
	  drop_keeper,
	  BATCH(64),
	  FLAGS(EBB_CACHING_MODE) },
	{ "a table that is a candidate is filled and emptied again",
	  CALLERS(2),
	  keeper_alone,
	  { use_twice, reclaim },
	  drop_keeper,
	  BATCH(64) },
	{ "a candidate is taken while its owner clears the word that says so",
	  CALLERS(2),
	  candidate_after_another_was_taken,
	  { use_twice, reclaim },
	  drop_keeper,
	  BATCH(64) },
	{ "a candidate that is not one of the recent is emptied again",
	  CALLERS(2),
	  keeper_alone,
	  { use_two_tables, reclaim },
	  drop_keeper,
	  BATCH(64) },
	{ "a full batch is sifted while a table goes",
	  CALLERS(2),
	  candidate_to_be_sifted,
	  { use_same_line, reclaim },
	  BATCH(1) },
	{ "a table is used again elsewhere",
	  CALLERS(2),
	  candidate_alone,
	  { reclaim_and_use_other_place, use_same_line },
	  BATCH(64) },
	{ "a table that was revived dies once more, and is used again elsewhere",
	  CALLERS(2),
	  one_candidate,
	  { reclaim_use_other_place_and_dma, use_and_reclaim },
	  drop_keeper,
	  BATCH(64),
	  .less = 1 },
	{ "a table is used again elsewhere, under DMA",
	  CALLERS(3),
	  candidate_alone,
	  { reclaim_and_use_other_place, use_same_line, do_dma },
	  BATCH(64),
	  .less = 1 },
	{ "a pair and a mapper into its lower table",
	  CALLERS(2),
	  candidate_alone,
	  { use_same_line, reclaim },
	  BATCH(64) },
	{ "a pair and a mapper into another line of its lower table",
	  CALLERS(2),
	  candidate_alone,
	  { use_other_line, reclaim },
	  BATCH(64) },
	{ "a pair and a mapper into another line of its upper table",
	  CALLERS(2),
	  candidate_alone,
	  { use_far_table, reclaim },
	  BATCH(64) },
	{ "a pair and the owner of the lower span",
	  CALLERS(2),
	  candidate_alone,
	  { take_whole_span, reclaim },
	  BATCH(64) },
	/* Without the exchange both get it: three preemptions show that. */
	{ "a pair is unlinked while the owner of the lower span takes that",
	  CALLERS(2),
	  candidate_alone,
	  { only_take_whole_span, reclaim_a_batch },
	  BATCH(64) },
	{ "a pair and the owner of the upper span",
	  CALLERS(2),
	  candidate_alone,
	  { take_larger_span, reclaim },
	  BATCH(64) },
	{ "a pair and the owner of a span above",
	  CALLERS(2),
	  candidate_alone,
	  { take_largest_span, reclaim },
	  BATCH(64),
	  LEVELS(4) },
	{ "a pair and another reclaimer of its lower table",
	  CALLERS(2),
	  candidate_alone_and_a_page,
	  { unmap_second_and_reclaim, reclaim },
	  BATCH(64) },
	{ "a pair and another reclaimer of its upper table",
	  CALLERS(2),
	  candidate_and_a_large_leaf,
	  { unmap_large_leaf_and_reclaim, reclaim },
	  BATCH(64) },
	{ "a pair, a mapper into its upper table and another reclaimer of its lower table",
	  CALLERS(3),
	  candidate_alone_and_a_page,
	  { map_far_table, unmap_second_and_reclaim, reclaim },
	  drop_far_table,
	  BATCH(64),
	  .less = 1 },
	{ "a pair, a mapper into its upper table and another reclaimer of that",
	  CALLERS(3),
	  candidate_and_a_large_leaf,
	  { map_far_table, unmap_large_leaf_and_reclaim, reclaim },
	  drop_far_table,
	  BATCH(64),
	  .less = 1 },
	{ "a pair, a mapper into its upper table and one into its lower table who reclaims",
	  CALLERS(3),
	  candidate_alone,
	  { map_far_table, use_and_reclaim, reclaim },
	  drop_far_table,
	  BATCH(64),
	  .less = 1 },
	{ "a pair, a mapper into its upper table and DMA",
	  CALLERS(3),
	  candidate_alone,
	  { use_next_table, reclaim_and_use_other_place, do_dma },
	  BATCH(64),
	  .less = 1 },
	{ "the owner of a whole span and a reclaimer",
	  CALLERS(2),
	  candidate_and_a_page,
	  { take_whole_span, reclaim },
	  drop_keeper,
	  BATCH(64) },
	{ "the owner of a whole span, a reclaimer and DMA",
	  CALLERS(3),
	  candidate_and_a_page,
	  { take_whole_span, reclaim, do_dma },
	  drop_keeper,
	  BATCH(64),
	  .less = 1 },
	{ "the owner of a larger span and a reclaimer",
	  CALLERS(2),
	  candidate_alone,
	  { take_larger_span, reclaim },
	  BATCH(64),
	  LEVELS(4) },
	{ "an unmap that finds nothing and a reclaimer",
	  CALLERS(2),
	  candidate_alone,
	  { unmap_nothing, reclaim },
	  BATCH(64) },
	{ "a large leaf over an empty table",
	  CALLERS(2),
	  one_candidate,
	  { map_large, reclaim },
	  drop_keeper,
	  BATCH(64) },
	{ "a mapper without memory and a reclaimer",
	  CALLERS(2),
	  candidate_alone,
	  { map_without_memory, reclaim },
	  BATCH(64) },
	{ "one owner number for two reclaimers",
	  CALLERS(3),
	  one_owner_number,
	  { use_same_line, reclaim, reclaim },
	  give_owner_numbers_back,
	  BATCH(64),
	  .less = 1 },
	{ "two mappers install the same tables",
	  CALLERS(2),
	  NULL,
	  { use_same_line, use_other_line },
	  BATCH(64) },
	{ "two callers split one leaf",
	  CALLERS(2),
	  a_large_leaf,
	  { unmap_first, unmap_middle },
	  drop_all_but_first_and_middle,
	  BATCH(64),
	  SPLIT },
	{ "one looks around while a table goes",
	  CALLERS(2),
	  candidate_and_a_page,
	  { look_around, take_whole_span },
	  drop_keeper,
	  BATCH(0) },
	{ "one looks around while a table is used again",
	  CALLERS(2),
	  candidate_alone,
	  { look_around, reclaim_and_map_other_place },
	  drop_other_place,
	  BATCH(64) },
	{ "hard device: the last two unmappers",
	  CALLERS(2),
	  two_pages_of_a_line,
	  { unmap_first, unmap_second },
	  BATCH(0),
	  FLAGS(HARD) },
	{ "hard device: mapper and reclaimer at level 0",
	  CALLERS(2),
	  one_candidate,
	  { use_other_line, reclaim },
	  drop_keeper,
	  BATCH(64),
	  FLAGS(HARD) },
	{ "hard device: mapper and reclaimer at level 1",
	  CALLERS(2),
	  candidate_alone,
	  { use_next_table, reclaim },
	  BATCH(64),
	  FLAGS(HARD) },
	{ "hard device: a pair and a mapper into another line of its upper table",
	  CALLERS(2),
	  candidate_alone,
	  { use_far_table, reclaim },
	  BATCH(64),
	  FLAGS(HARD) },
	{ "hard device: a pair and the owner of the upper span",
	  CALLERS(2),
	  candidate_alone,
	  { take_larger_span, reclaim },
	  BATCH(64),
	  FLAGS(HARD) },
	{ "hard device: two mappers install the same tables",
	  CALLERS(2),
	  NULL,
	  { use_same_line, use_other_line },
	  BATCH(64),
	  FLAGS(HARD) },
	{ "hard device: the owner of a whole span",
	  CALLERS(2),
	  candidate_and_a_page,
	  { take_whole_span, reclaim },
	  drop_keeper,
	  BATCH(64),
	  FLAGS(HARD) },
	{ "hard device: two callers split one leaf",
	  CALLERS(2),
	  a_large_leaf,
	  { unmap_first, unmap_middle },
	  drop_all_but_first_and_middle,
	  BATCH(64),
	  SPLIT,
	  FLAGS(HARD) },
	{ "policy rwlock: the last two unmappers",
	  CALLERS(2),
	  two_pages_of_a_line,
	  { unmap_first, unmap_second },
	  POLICY(EBB_RWLOCK) },
	{ "policy rwlock: the last unmapper and a mapper",
	  CALLERS(2),
	  one_page,
	  { unmap_first, use_same_line },
	  POLICY(EBB_RWLOCK) },
	{ "policy rwlock: the last unmapper and a mapper of another line",
	  CALLERS(2),
	  one_page,
	  { unmap_first, use_other_line },
	  POLICY(EBB_RWLOCK) },
	{ "policy rwlock: unmapper, mapper and DMA",
	  CALLERS(3),
	  two_pages_of_a_line,
	  { unmap_first, use_other_line, do_dma },
	  .teardown = drop_second,
	  POLICY(EBB_RWLOCK),
	  .less = 1 },
	{ "policy none: two mappers install the same tables",
	  CALLERS(2),
	  NULL,
	  { use_same_line, use_other_line },
	  POLICY(EBB_NONE) },
	{ "policy none: a leaf is split under a walk",
	  CALLERS(2),
	  a_large_leaf,
	  { unmap_first, look_around },
	  drop_all_but_first,
	  POLICY(EBB_NONE),
	  SPLIT },
};

const unsigned nscenarios = sizeof(scenarios) / sizeof(scenarios[0]);
